/**
 * The ids that people mix up, side by side, each with what it is and where it is pasted; the credential and how long it lasts; and what
 * the last token says.
 */
import { Button, Group, Stack, Table, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconCircleX, IconClockExclamation, IconKey } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from 'wouter';
import type { Access, AccessList } from '../../../../src/service/api.ts';
import { CopyButton } from '../../parts/copy-button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { FaultNote, Problem, Worded } from '../../parts/fault.tsx';
import { countOf, dayText, TimeAgo } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { useApi, useMay, useRead } from '../../session.tsx';

export function AccessPage() {
  const list = useRead<AccessList>('/access');
  return (
    <Page title="Access" subtitle="What opens the mailboxes: which id is which, where each is pasted, and how long the credential lasts.">
      <Loaded query={list}>
        {({ tenants }) =>
          tenants.length === 0 ? (
            <Empty
              icon={<IconKey size={32} aria-hidden />}
              title="No app of Microsoft Entra is known here yet"
              action={
                <Button component={Link} href="/setup">
                  What has to be set up?
                </Button>
              }
            >
              With the first source that logs in by OAuth 2.0 its ids stand here, with the end of its secret.
            </Empty>
          ) : (
            <Stack>
              {tenants.map((access) => (
                <Tenant key={access.tenant} access={access} />
              ))}
            </Stack>
          )
        }
      </Loaded>
    </Page>
  );
}

function Tenant({ access }: { readonly access: Access }) {
  const api = useApi();
  const queries = useQueryClient();
  const mayAsk = useMay('operate');
  const ask = useMutation({
    mutationFn: () => api.post<Access>(`/access/${encodeURIComponent(access.tenant)}/token`),
    onSuccess: async (fresh) => {
      // An answer that is on its way knows nothing of the token.
      await queries.cancelQueries({ queryKey: ['/access'] });
      queries.setQueryData<AccessList>(['/access', {}], (list) =>
        list === undefined ? list : { tenants: list.tenants.map((one) => (one.tenant === fresh.tenant ? fresh : one)) },
      );
    },
  });
  return (
    <section className="panel block" aria-label={access.tenant}>
      <Group justify="space-between" align="flex-start" mb="sm">
        <div>
          <Title order={2}>{access.origin === 'console' ? (access.sources[0] ?? access.tenant) : access.tenant}</Title>
          <Text size="sm" c="dimmed">
            {access.origin === 'file' ? 'Tenant of the configuration file' : 'App of a source that was made here'}, cloud {access.cloud},
            used by {access.sources.length === 0 ? 'no source' : access.sources.join(', ')}
          </Text>
        </div>
        <Group gap="xs">
          {mayAsk && (
            <Button size="xs" variant="default" loading={ask.isPending} onClick={() => ask.mutate()}>
              Ask for a token and read it
            </Button>
          )}
          <Button size="xs" variant="default" component={Link} href={`/setup/${encodeURIComponent(access.tenant)}`}>
            Setup of this tenant
          </Button>
        </Group>
      </Group>
      <Stack gap="md">
        <Ids access={access} />
        <Credential access={access} />
        {ask.isError && <Problem error={ask.error} />}
        {access.fault !== null && <FaultNote fault={access.fault} />}
        <Token access={access} />
      </Stack>
    </section>
  );
}

function Ids({ access }: { readonly access: Access }) {
  return (
    <Scroller name="Ids">
      <Table className="ids">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Id</Table.Th>
            <Table.Th>Value</Table.Th>
            <Table.Th>Where it stands, and where it is pasted</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          <Id name="Directory (Tenant) ID" value={access.tenantId}>
            Overview of the app registration. Into the source form.
          </Id>
          <Id name="Application (Client) ID" value={access.clientId}>
            Overview of the app registration. Into the source form, and as <code>-AppId</code> of <code>New-ServicePrincipal</code>.
          </Id>
          <Id name="Object id of the service principal" value={access.servicePrincipalId} unknown="in the first token">
            Overview of the <b>Enterprise application</b>; the token calls it <code>oid</code>. As <code>-ObjectId</code> of{' '}
            <code>New-ServicePrincipal</code>, and of every mailbox permission.
          </Id>
          <Id name="Object id of the app registration" value={access.appObjectId} unknown="not needed">
            Overview of the app registration. <b>Nowhere in Exchange</b>: taken for the one above, it makes every login fail.
          </Id>
          <Id name="Token scope" value={access.scope}>
            What the token is asked for; changed under Advanced of the source form.
          </Id>
        </Table.Tbody>
      </Table>
    </Scroller>
  );
}

function Id({
  name,
  value,
  unknown = 'not known here',
  children,
}: {
  readonly name: string;
  readonly value: string | null;
  readonly unknown?: string;
  readonly children: React.ReactNode;
}) {
  return (
    <Table.Tr>
      <Table.Th scope="row">{name}</Table.Th>
      <Table.Td>
        {value === null ? (
          <Text c="dimmed">{unknown}</Text>
        ) : (
          <Group gap={4} wrap="nowrap">
            <span className={/^[0-9a-f-]{36}$/.test(value) ? 'mono nowrap' : 'mono'}>{value}</span>
            <CopyButton value={value} what={name} />
          </Group>
        )}
      </Table.Td>
      <Table.Td>
        <Text size="sm" c="dimmed">
          {children}
        </Text>
      </Table.Td>
    </Table.Tr>
  );
}

function Credential({ access }: { readonly access: Access }) {
  const { credential, origin } = access;
  return (
    <Group gap="sm">
      <Text fw={600}>Credential</Text>
      <Text>{credential.describe}</Text>
      <Expiry credential={credential} where={origin} />
    </Group>
  );
}

const knownFrom = {
  certificate: 'says the certificate',
  configuration: 'says the configuration',
  setup: 'says the setup that made it',
  graph: 'says Microsoft Graph',
} as const;

/** What others renew: an identity of this machine, an assertion. */
const renewedKinds: ReadonlySet<string> = new Set(['managed-identity', 'assertion']);

const toldWhere = {
  file: 'write it as `expires` into the configuration file',
  console: 'tell it in the source form',
} as const satisfies Record<Access['origin'], string>;

interface ExpiryProps extends Pick<Access, 'credential'> {
  readonly where: Access['origin'];
}

function Expiry({ credential: { kind, expires, daysLeft, origin, unknown }, where }: ExpiryProps) {
  if (expires === null || daysLeft === null) {
    const says = renewedKinds.has(kind)
      ? 'It has no end of its own.'
      : `Its end is not known${unknown === null ? '' : ` (${unknown})`}: ${toldWhere[where]}, and you are warned in time.`;
    return (
      <Text size="sm" c="dimmed">
        <Worded text={says} />
      </Text>
    );
  }
  return (
    <>
      <Countdown expires={expires} daysLeft={daysLeft} />
      {origin !== null && (
        <Text size="sm" c="dimmed">
          {knownFrom[origin]}
        </Text>
      )}
    </>
  );
}

function Countdown({ expires, daysLeft }: { readonly expires: string; readonly daysLeft: number }) {
  if (daysLeft < 0) return <StateBadge color="red" icon={IconCircleX} word={`ended on ${dayText(expires)}`} />;
  const words = `${countOf(daysLeft, 'day')} left, until ${dayText(expires)}`;
  if (daysLeft <= 7) return <StateBadge color="red" icon={IconAlertTriangle} word={words} />;
  if (daysLeft <= 30) return <StateBadge color="yellow" icon={IconClockExclamation} word={words} />;
  return <StateBadge color="green" icon={IconCheck} word={words} />;
}

function Token({ access }: { readonly access: Access }) {
  if (access.roles === null) {
    return (
      <Text size="sm" c="dimmed">
        No token was asked for since the service began: what it permits is not known.
      </Text>
    );
  }
  return (
    <div>
      <Text mb={4}>
        <b>Permits</b> {access.roles.length === 0 ? 'nothing' : access.roles.join(', ')}
        {access.tokenExpires !== null && (
          <Text component="span" c="dimmed">
            {' '}
            · the token ends <TimeAgo at={access.tokenExpires} />
          </Text>
        )}
      </Text>
      {access.claims !== null && (
        <details className="rung-seen">
          <summary>the token, claim by claim</summary>
          <Scroller name="Claims of the token">
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Claim</Table.Th>
                  <Table.Th>Value</Table.Th>
                  <Table.Th>What it means here</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {access.claims.map((claim) => (
                  <Table.Tr key={claim.name}>
                    <Table.Th scope="row" className="mono">
                      {claim.name}
                    </Table.Th>
                    <Table.Td className="mono">{claim.value}</Table.Td>
                    <Table.Td>
                      <span className="with-icon">
                        {claim.good === true && <IconCheck size={15} className="good" aria-label="good" />}
                        {claim.good === false && <IconCircleX size={15} className="bad" aria-label="wrong" />}
                        <span>
                          <Worded text={claim.means} />
                        </span>
                      </span>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroller>
        </details>
      )}
    </div>
  );
}

/** API tokens: for programs. The value is shown once, when it is made; only its hash is kept. */
import { Alert, Button, Code, Group, Modal, NativeSelect, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconKey, IconPlugConnected, IconPlus } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ApiToken, MadeApiToken, Role, TokenList } from '../../../../src/service/api.ts';
import { apiAddress } from '../../api.ts';
import { ConfirmButton } from '../../parts/confirm.tsx';
import { Command, CopyButton } from '../../parts/copy-button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Problem } from '../../parts/fault.tsx';
import { dayText, TimeAgo, useNow } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import { useApi, useRead } from '../../session.tsx';
import { roleMeans, roles } from '../users/roles.ts';

export function TokensPage() {
  const tokens = useRead<TokenList>('/tokens');
  const [opened, { open, close }] = useDisclosure(false);
  const add = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={open}>
      Make a token
    </Button>
  );
  return (
    <Page
      title="API tokens"
      subtitle={
        <>
          For programs that read or steer Postern by its API. <a href={apiAddress('/openapi.json')}>The API as OpenAPI 3.1</a>
        </>
      }
      actions={add}
    >
      <Loaded query={tokens}>
        {(data) =>
          data.tokens.length === 0 ? (
            <Empty icon={<IconPlugConnected size={32} aria-hidden />} title="No program has a token yet" action={add}>
              A token has a role, as a user has, and usually an end. Monitoring needs an auditor’s: it reads <Code>/metrics</Code> and
              changes nothing.
            </Empty>
          ) : (
            <TokenTable tokens={data.tokens} />
          )
        }
      </Loaded>
      <Modal opened={opened} onClose={close} title="Make an API token" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {opened && <NewToken onDone={close} />}
      </Modal>
    </Page>
  );
}

function TokenTable({ tokens }: { readonly tokens: readonly ApiToken[] }) {
  const api = useApi();
  const queries = useQueryClient();
  const now = useNow();
  return (
    <Scroller name="API tokens" panel>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Role</Table.Th>
            <Table.Th>Made</Table.Th>
            <Table.Th>Last used</Table.Th>
            <Table.Th>Ends</Table.Th>
            <Table.Th>
              <span className="visually-hidden">Actions</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {tokens.map((token) => (
            <Table.Tr key={token.id}>
              <Table.Td fw={600}>{token.name}</Table.Td>
              <Table.Td>{token.role}</Table.Td>
              <Table.Td>
                {dayText(token.created)} by {token.createdBy}
              </Table.Td>
              <Table.Td>
                <TimeAgo at={token.lastUsed} />
              </Table.Td>
              <Table.Td>
                {token.expires === null ? (
                  'never'
                ) : Date.parse(token.expires) < now ? (
                  <b>ended {dayText(token.expires)}</b>
                ) : (
                  dayText(token.expires)
                )}
              </Table.Td>
              <Table.Td className="right">
                <ConfirmButton
                  label="Revoke"
                  button={{ size: 'xs' }}
                  title={`Revoke ${token.name}?`}
                  verb="Revoke the token"
                  danger
                  onConfirm={async () => {
                    await api.del(`/tokens/${encodeURIComponent(token.id)}`);
                    await queries.invalidateQueries({ queryKey: ['/tokens'] });
                  }}
                >
                  Whatever uses it is refused from now on.
                </ConfirmButton>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scroller>
  );
}

function NewToken({ onDone }: { readonly onDone: () => void }) {
  const api = useApi();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('auditor');
  const [days, setDays] = useState<number | null>(365);
  const [made, setMade] = useState<MadeApiToken>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  async function make(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      setMade(await api.post<MadeApiToken>('/tokens', { name: name.trim(), role, expiresInDays: days }));
      await queries.invalidateQueries({ queryKey: ['/tokens'] });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  }
  if (made !== undefined) return <Made made={made} onDone={onDone} />;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <Stack>
        <TextInput
          label="Name"
          description="What uses it, so that it can be told from the others later."
          placeholder="prometheus"
          required
          maxLength={100}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <NativeSelect
          label="Role"
          description={roleMeans[role]}
          data={[...roles]}
          value={role}
          onChange={(event) => setRole(roles.find((one) => one === event.currentTarget.value) ?? 'auditor')}
        />
        <TextInput
          label="Ends after days"
          description="Empty: never."
          type="number"
          min={1}
          max={3650}
          step={1}
          value={days ?? ''}
          onChange={(event) => setDays(event.currentTarget.value === '' ? null : event.currentTarget.valueAsNumber)}
        />
        {error !== undefined && <Problem error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={name.trim() === ''}>
            Make the token
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Made({ made, onDone }: { readonly made: MadeApiToken; readonly onDone: () => void }) {
  return (
    <Stack>
      <Alert color="yellow" icon={<IconKey aria-hidden />} title="Copy it now: it is not shown again" role="alert">
        Only its hash is kept here. Who has it does what {made.made.name} ({made.made.role}) may.
      </Alert>
      <Group gap="xs" wrap="nowrap">
        <Code block className="definition">
          {made.token}
        </Code>
        <CopyButton value={made.token} what="the token" wide />
      </Group>
      <Text size="sm">To try it, without the token standing in the history of the shell:</Text>
      <Command text={`read -rs TOKEN\ncurl -H "Authorization: Bearer $TOKEN" ${window.location.origin}/api/v1/overview`} />
      <Group justify="flex-end">
        <Button onClick={onDone}>I have copied it</Button>
      </Group>
    </Stack>
  );
}

/** The proxy as it is now: who is logged in, what may be done, where the server asked for a pause, what waits to be sent, what went wrong. */
import { SimpleGrid, Stack, Text } from '@mantine/core';
import { IconBan, IconCheck, IconHourglass, IconLock } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { ApiProxyClient, ProxyBudget, ProxyState } from '../../../../src/service/api.ts';
import { FaultNote } from '../../parts/fault.tsx';
import { bytesText, countText, TimeAgo, useNow } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { useRead } from '../../session.tsx';
import { Grid, protocolWords } from './grid.tsx';
import { Queue } from './queue.tsx';
import { Sessions } from './sessions.tsx';
import { Teach } from './teach.tsx';
import { Troubles } from './troubles.tsx';

const tlsWords = { none: 'plain text', starttls: 'STARTTLS', implicit: 'TLS' } as const;

export function ProxyPage() {
  const state = useRead<ProxyState>('/proxy');
  return (
    <Page
      title="Proxy"
      subtitle={
        state.data?.configured === true
          ? state.data.listeners.map(({ protocol, address, tls }) => `${protocolWords[protocol]} ${address} (${tlsWords[tls]})`).join(' · ')
          : 'The door for applications that only know user and password.'
      }
    >
      <Loaded query={state}>{(data) => (data.configured ? <Running state={data} /> : <Teach />)}</Loaded>
    </Page>
  );
}

function Running({ state }: { readonly state: ProxyState }) {
  const { counts, queue } = state;
  const waiting = state.budgets.reduce((sum, budget) => sum + budget.waiting, 0);
  return (
    <Stack>
      {state.stale !== null && <FaultNote fault={state.stale} level="warning" />}
      {state.draining && <Text fw={600}>The service is ending: sessions go on for a moment, and nobody new is let in.</Text>}
      <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm" component="dl" className="tiles">
        <Tile name="Sessions" value={countText(state.sessions.length)} more="open now" />
        <Tile name="Not logged in yet" value={countText(state.halfOpen)} more="connections" />
        <Tile name="Waiting logins" value={countText(waiting)} more="for a free connection" tone={waiting > 0 ? 'warn' : undefined} />
        <Tile
          name="Refused logins"
          value={countText(counts.refusedLogins)}
          more={`${countText(counts.turnedAway)} turned away`}
          tone={counts.refusedLogins > 0 ? 'warn' : undefined}
        />
        <Tile name="Faults" value={countText(counts.faults)} more="since the start" tone={counts.faults > 0 ? 'bad' : undefined} />
        <Tile
          name="Queue"
          value={queue === null ? 'none' : countText(queue.waiting)}
          more={queue === null ? 'sent while the application waits' : `${countText(queue.failed)} set aside, ${bytesText(queue.bytes)}`}
          tone={queue !== null && queue.failed > 0 ? 'bad' : undefined}
        />
      </SimpleGrid>
      <Sessions sessions={state.sessions} />
      <Budgets budgets={state.budgets} />
      {queue !== null && <Queue />}
      <Clients clients={state.clients} />
      <Troubles troubles={state.troubles} />
    </Stack>
  );
}

function Tile({
  name,
  value,
  more,
  tone = '',
}: {
  readonly name: string;
  readonly value: string;
  readonly more: string;
  readonly tone?: 'warn' | 'bad' | '' | undefined;
}) {
  return (
    <div className="panel tile">
      <dt>{name}</dt>
      <dd className="tile-value figures">{value}</dd>
      <dd className={`tile-more ${tone}`}>{more}</dd>
    </div>
  );
}

/** Connections to each mailbox, and where the server asked for a pause; those that need somebody first. */
function Budgets({ budgets }: { readonly budgets: readonly ProxyBudget[] }) {
  const now = useNow();
  if (budgets.length === 0) return null;
  const paused = ({ pauseUntil }: ProxyBudget) => pauseUntil !== null && Date.parse(pauseUntil) > now;
  const rank = (budget: ProxyBudget) => Number(paused(budget)) * 2 + Number(budget.waiting > 0);
  return (
    <Grid title="Connections to the mailboxes" columns={['Mailbox', 'Protocol', '#Open', '#Waiting', '#Sent in a minute', 'State']}>
      {budgets
        .toSorted((one, other) => rank(other) - rank(one))
        .map((budget) => ({
          key: `${budget.mailbox} ${budget.protocol}`,
          cells: [
            budget.mailbox,
            protocolWords[budget.protocol],
            `${countText(budget.open)} of ${countText(budget.most)}`,
            countText(budget.waiting),
            budget.protocol === 'smtp' ? countText(budget.sentLastMinute) : '–',
            <BudgetState key="state" budget={budget} paused={paused(budget)} />,
          ],
        }))}
    </Grid>
  );
}

function BudgetState({ budget, paused }: { readonly budget: ProxyBudget; readonly paused: boolean }) {
  if (paused) {
    return (
      <>
        <StateBadge color="yellow" icon={IconHourglass} word="pause" /> ends <TimeAgo at={budget.pauseUntil} />
        {budget.pauseCode !== null && <span className="mono"> {budget.pauseCode}</span>}
      </>
    );
  }
  return budget.open >= budget.most ? (
    <StateBadge color="yellow" icon={IconBan} word="full" />
  ) : (
    <StateBadge color="green" icon={IconCheck} word="free" />
  );
}

function ClientState({ client }: { readonly client: ApiProxyClient }) {
  const now = useNow();
  return client.lockedUntil !== null && Date.parse(client.lockedUntil) > now ? (
    <>
      <StateBadge color="red" icon={IconLock} word="locked" /> opens <TimeAgo at={client.lockedUntil} />
    </>
  ) : (
    <StateBadge color="green" icon={IconCheck} word="may log in" />
  );
}

function Clients({ clients }: { readonly clients: readonly ApiProxyClient[] }) {
  return (
    <Grid
      title="Clients"
      columns={['Name', 'Mailboxes', 'Protocols', 'From', '#Sessions', 'Last login', 'State']}
      empty="No application may log in yet: postern proxy client add NAME --mailbox ADDRESS prints its password."
    >
      {clients.map((client) => ({
        key: client.name,
        cells: [
          <b key="name">{client.name}</b>,
          client.mailboxes.join(', '),
          client.protocols.map((protocol) => protocolWords[protocol]).join(', '),
          client.networks.length === 0 ? 'anywhere' : client.networks.join(', '),
          countText(client.sessions),
          <LastLogin key="last" client={client} />,
          <ClientState key="state" client={client} />,
        ],
      }))}
    </Grid>
  );
}

function LastLogin({ client }: { readonly client: ApiProxyClient }): ReactNode {
  return (
    <>
      <TimeAgo at={client.lastUsed} />
      {client.lastAddress !== null && (
        <Text size="xs" c="dimmed" className="mono">
          {client.lastAddress}
        </Text>
      )}
    </>
  );
}

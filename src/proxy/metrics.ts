/** The numbers of a running proxy as Prometheus reads them. Labels: protocols, codes, reasons, and the mailboxes that are in use now. */
import { family, histogram, type Sample } from '../runtime/exposition.ts';
import { loginBuckets, type ProxySnapshot, proxyProtocols } from './port.ts';

/** Mailboxes that are named, at most: the busiest. */
const mostMailboxes = 200;

export function proxyMetrics(snapshot: ProxySnapshot): string {
  const { counts, sessions, budgets, queue, clients } = snapshot;
  const each = (of: Readonly<Record<string, number>>): Sample[] => proxyProtocols.map((protocol) => [{ protocol }, of[protocol] ?? 0]);
  const by = (label: string, of: ReadonlyMap<string, number>): Sample[] => [...of].map(([key, value]) => [{ [label]: key }, value]);
  const open = (protocol: string): number => sessions.filter((one) => one.protocol === protocol).length;
  const busiest = [...budgets].sort((a, b) => b.open + b.waiting - a.open - a.waiting).slice(0, mostMailboxes);
  const ofBudgets = (value: (one: (typeof budgets)[number]) => number): Sample[] =>
    busiest.map((one) => [{ mailbox: one.mailbox, protocol: one.protocol }, value(one)]);
  return [
    family('postern_proxy_up', 'gauge', 'Whether the proxy takes connections.', [[{}, snapshot.draining ? 0 : 1]]),
    family('postern_proxy_stale', 'gauge', 'Whether clients or configuration as they are now cannot be used.', [
      [{}, snapshot.stale === undefined ? 0 : 1],
    ]),
    family('postern_proxy_connections_total', 'counter', 'Connections of applications.', each(counts.connections)),
    family('postern_proxy_half_open', 'gauge', 'Connections that have not logged in.', [[{}, snapshot.halfOpen]]),
    family('postern_proxy_sessions_total', 'counter', 'Sessions that logged in.', each(counts.sessions)),
    family(
      'postern_proxy_sessions',
      'gauge',
      'Sessions that are open.',
      proxyProtocols.map((protocol) => [{ protocol }, open(protocol)]),
    ),
    family(
      'postern_proxy_client_sessions',
      'gauge',
      'Sessions that are open, by client.',
      clients.map((one) => [{ client: one.name }, one.sessions]),
    ),
    family('postern_proxy_logins_refused_total', 'counter', 'Logins that were refused by the proxy.', by('reason', counts.refusedLogins)),
    family('postern_proxy_turned_away_total', 'counter', 'Connections that were ended before a login.', by('reason', counts.turnedAway)),
    family('postern_proxy_faults_total', 'counter', 'Faults by code; docs/faults.md explains each.', by('code', counts.faults)),
    family('postern_proxy_received_bytes_total', 'counter', 'Bytes from applications, after their login.', each(counts.bytesIn)),
    family('postern_proxy_sent_bytes_total', 'counter', 'Bytes to applications, after their login.', each(counts.bytesOut)),
    family('postern_proxy_messages_total', 'counter', 'Messages that were taken for sending.', [[{}, counts.messages]]),
    histogram(
      'postern_proxy_login_duration_seconds',
      'From the password to an open session.',
      loginBuckets,
      counts.loginCounts,
      counts.loginSeconds,
    ),
    family(
      'postern_proxy_mailbox_connections',
      'gauge',
      'Connections of a mailbox that are open.',
      ofBudgets(({ open: now }) => now),
    ),
    family(
      'postern_proxy_mailbox_connections_most',
      'gauge',
      'Connections that it may have.',
      ofBudgets(({ most }) => most),
    ),
    family(
      'postern_proxy_mailbox_waiting',
      'gauge',
      'Logins that wait for one of them.',
      ofBudgets(({ waiting }) => waiting),
    ),
    family(
      'postern_proxy_mailbox_pause_seconds',
      'gauge',
      'What is left of a pause that the server asked for.',
      ofBudgets(({ pauseUntilMs }) => (pauseUntilMs === undefined ? 0 : Math.max(0, pauseUntilMs - snapshot.nowMs) / 1000)),
    ),
    family(
      'postern_proxy_queue_messages',
      'gauge',
      'Messages in the queue.',
      queue === undefined
        ? []
        : [
            [{ state: 'waiting' }, queue.waiting],
            [{ state: 'failed' }, queue.failed],
          ],
    ),
    family('postern_proxy_queue_bytes', 'gauge', 'Their bytes.', queue === undefined ? [] : [[{}, queue.bytes]]),
    family(
      'postern_proxy_queue_oldest_seconds',
      'gauge',
      'How long the oldest waits.',
      queue?.oldestMs === undefined ? [] : [[{}, Math.max(0, snapshot.nowMs - queue.oldestMs) / 1000]],
    ),
  ].join('');
}

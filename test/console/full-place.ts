/** A service in which every page has something to show: captured messages, a refused source, quarantine, alerts, users, a client of the proxy. */
import { dirname, join } from 'node:path';
import type { Sandbox } from '../../sandbox/src/place.ts';
import { postern } from '../cli/postern.ts';
import { type Asker, type ConsolePlace, eventually, expectDone, startConsolePlace } from './place.ts';

const busy = 'quarterly@contoso.test';
/** A mailbox that no source imports yet. */
export const untakenMailbox = 'desk@contoso.test';

/** Doors for applications, on ports that the system chooses. */
const proxy = `proxy:
  listeners:
    imap: { protocol: imap, listen: "127.0.0.1:0" }
    smtp: { protocol: smtp, listen: "127.0.0.1:0" }
`;

export interface FullPlace {
  readonly place: ConsolePlace;
  /** Every page with an address of its own, with the name of its heading where that is fixed. */
  readonly pages: readonly { readonly name: string; readonly path: string; readonly heading?: string }[];
}

const mailOf = (subject: string, text: string): string =>
  `From: Eva Lind <eva@contoso.test>\r\nTo: Adam Roth <adam@contoso.test>\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replaceAll(' ', '.')}@contoso.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<h1>${subject}</h1><p>${text}</p>\r\n`;

interface Row {
  readonly id: string;
  readonly threadId: string | null;
}

/** Of these messages the first one of the conversation that has the most. */
async function longestTalk(admin: Asker, rows: readonly Row[]): Promise<Row> {
  let best: { readonly row: Row; readonly messages: number } | undefined;
  for (const row of rows) {
    const { status, body } = await admin('GET', `/conversations/${encodeURIComponent(row.threadId ?? row.id)}`);
    if (status === 200 && body.messages > (best?.messages ?? 0))
      best = { row: { id: body.items[0]?.id ?? row.id, threadId: row.threadId }, messages: body.messages };
  }
  if (best === undefined) throw new Error('no captured message leads to a conversation');
  return best.row;
}

export async function startFullPlace(): Promise<FullPlace> {
  const sources = `  telemessage: { tenant: lab, mailbox: {mailbox}, server: {server}, every: 1s, format: telemessage }
  quarterly: { tenant: lab, mailbox: ${busy}, server: {server}, every: 1s }
  board: { tenant: lab, mailbox: no-grant@contoso.test, server: {server}, every: 1s }`;
  const prepare = async (dataFolder: string, { clientSecret }: Sandbox): Promise<void> => {
    const words = ['proxy', 'client', 'add', 'crm', '--mailbox', busy, '--protocol', 'imap', '--network', '127.0.0.0/8'];
    const added = await postern([...words, '--config', join(dirname(dataFolder), 'postern.yaml')], { env: { LAB_SECRET: clientSecret } });
    if (added.code !== 0) throw new Error(added.talk);
  };
  const place = await startConsolePlace({
    prepare,
    sources,
    seeded: true,
    trial: true,
    mailboxes: { [busy]: [3], [untakenMailbox]: [] },
    more: proxy,
  });
  try {
    const { admin } = place;
    place.deliver(
      busy,
      ['Figures of October', 'Figures of November', 'Cut off by the server', 'Minutes of the board'].map((subject) =>
        mailOf(subject, 'See the table.'),
      ),
    );
    await place.user('otto', 'operator');
    await place.user('ada', 'auditor');
    await expectDone(admin('POST', '/tokens', { name: 'nightly report', role: 'auditor', expiresInDays: 90 }));
    await eventually('one message is in quarantine', async () => (await admin('GET', '/quarantine')).body.messages.length === 1, 60_000);
    await eventually('the mail is searchable', async () => (await admin('GET', '/messages?q=platform:whatsapp')).body.rows?.length > 5);
    await expectDone(admin('POST', '/reconciliations', { sources: ['telemessage', 'quarterly'], since: null }));
    await eventually('it is reconciled', async () => (await admin('GET', '/reconciliation')).body.state === 'done', 60_000);
    await expectDone(admin('POST', '/exports', { q: 'platform:whatsapp', format: 'eml', reason: 'request 2026-117 of the regulator' }));
    await eventually('the export is made', async () => (await admin('GET', '/exports')).body.exports[0]?.state === 'done');
    await eventually('an alert is open', async () => (await admin('GET', '/alerts?open=true')).body.alerts.length > 0, 60_000);
    const captured = (await admin('GET', '/messages?q=platform:whatsapp')).body.rows;
    const [mail] = (await admin('GET', `/messages?q=${encodeURIComponent('subject:Minutes')}`)).body.rows;
    const talk = await longestTalk(admin, captured);
    return {
      place,
      pages: [
        { name: 'overview', path: '/', heading: 'Overview' },
        { name: 'sources', path: '/sources', heading: 'Sources' },
        { name: 'source', path: '/sources/telemessage', heading: 'telemessage' },
        { name: 'source-refused', path: '/sources/board', heading: 'board' },
        { name: 'source-form', path: '/sources/new' },
        { name: 'messages', path: '/messages', heading: 'Messages' },
        { name: 'search', path: `/messages?q=${encodeURIComponent('platform:whatsapp')}`, heading: 'Messages' },
        { name: 'message', path: `/messages/${talk.id}` },
        { name: 'mail', path: `/messages/${mail.id}` },
        { name: 'conversation', path: `/conversations/${encodeURIComponent(talk.threadId ?? talk.id)}` },
        { name: 'exports', path: '/exports', heading: 'Exports' },
        { name: 'runs', path: '/runs', heading: 'Runs' },
        { name: 'reconciliation', path: '/reconciliation', heading: 'Reconciliation' },
        { name: 'quarantine', path: '/quarantine', heading: 'Quarantine' },
        { name: 'alerts', path: '/alerts', heading: 'Alerts' },
        { name: 'setup', path: '/setup', heading: 'Setup' },
        { name: 'access', path: '/access', heading: 'Access' },
        { name: 'proxy', path: '/proxy', heading: 'Proxy' },
        { name: 'users', path: '/users', heading: 'Users' },
        { name: 'tokens', path: '/tokens', heading: 'API tokens' },
        { name: 'access-log', path: '/access-log', heading: 'Access log' },
        { name: 'account', path: '/account' },
        { name: 'nowhere', path: '/nowhere' },
      ],
    };
  } catch (error) {
    await place.close();
    throw error;
  }
}

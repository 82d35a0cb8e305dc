/** POP3: login, STAT, one TOP. Nothing is removed, and QUIT without removals changes nothing. RFC 1939 §5 and §7. */
import type { Evidence } from '../../fault/fault.ts';
import { connectPop, type PopClient } from '../../mail/pop/client.ts';
import { ladder, type Observation } from '../observation.ts';
import { clientOptions, leave, type MailPorts, type MailTarget } from './session.ts';

/** Lines of the body asked for beside the header. */
const bodyLines = 0;

export async function lookAtPop3(target: MailTarget, ports: MailPorts): Promise<readonly Observation[]> {
  const { server, credential, place } = target;
  let client: PopClient | undefined;
  const open = (): PopClient => {
    if (client === undefined) throw new Error('the ladder lets nothing run before the login');
    return client;
  };
  let newest = 0;
  try {
    return await ladder(place, ports, [
      [
        'login',
        async () => {
          client = await connectPop(server, clientOptions(ports));
          await client.authenticate(credential);
          return client.serverHost === undefined ? {} : { serverHost: client.serverHost };
        },
      ],
      [
        'open',
        async () => {
          const { messages, bytes } = await open().stat();
          newest = messages;
          return { messages, announcedBytes: bytes };
        },
      ],
      ['fetch', async () => await topOne(open(), newest)],
    ]);
  } finally {
    await leave(() => client?.quit() ?? Promise.resolve());
    client?.close();
  }
}

async function topOne(client: PopClient, newest: number): Promise<Evidence> {
  if (newest === 0) return { fetched: 'nothing: the mailbox is empty' };
  let bytes = 0;
  for await (const chunk of await client.top(newest, bodyLines)) bytes += chunk.length;
  return { number: newest, bytes };
}

/**
 * IMAP: login, EXAMINE of each folder, one FETCH.
 *
 * M365 (doc): a login that is accepted does not mean that the mailbox opens, so `login` and `open` are two probes. Nothing is changed
 * in the mailbox: EXAMINE and BODY.PEEK.
 */
import { type Evidence, Fault, isFault } from '../../fault/fault.ts';
import { connectImap, type ImapClient } from '../../mail/imap/client.ts';
import { ladder, type Observation } from '../observation.ts';
import { clientOptions, leave, type MailPorts, type MailTarget } from './session.ts';

/** Enough to know that bodies come. The rest of a large message is not asked for. */
const enoughBytes = 64 * 1024;

export async function lookAtImap(target: MailTarget, folders: readonly string[], ports: MailPorts): Promise<readonly Observation[]> {
  const { server, credential, place } = target;
  let client: ImapClient | undefined;
  const open = (): ImapClient => {
    if (client === undefined) throw new Error('the ladder lets nothing run before the login');
    return client;
  };
  let newest = 0;
  try {
    return await ladder(place, ports, [
      [
        'login',
        async () => {
          client = await connectImap(server, clientOptions(ports));
          await client.authenticate(credential);
          return client.serverHost === undefined ? {} : { serverHost: client.serverHost };
        },
      ],
      [
        'open',
        async () => {
          const opened: string[] = [];
          // The first folder last: the message is fetched from it.
          for (const folder of [...folders].reverse()) {
            const { exists } = await examine(open(), folder);
            opened.push(`${folder} with ${exists}`);
            newest = exists;
          }
          return { folders: opened.reverse().join(', '), messages: newest };
        },
      ],
      ['fetch', async () => await fetchOne(open(), newest)],
    ]);
  } finally {
    await leave(() => client?.logout() ?? Promise.resolve());
    client?.close();
  }
}

/** Where a folder is not there, the names of those that are go along: nobody else knows them. */
async function examine(client: ImapClient, folder: string): Promise<{ readonly exists: number }> {
  try {
    return await client.examine(folder);
  } catch (error) {
    if (!isFault(error, 'imap.folder-unknown')) throw error;
    const names = (await client.list()).map(({ name }) => name);
    throw new Fault(error.code, { ...error.evidence, folder, folders: names.join(', ').slice(0, 1000) }, { cause: error });
  }
}

async function fetchOne(client: ImapClient, newest: number): Promise<Evidence> {
  if (newest === 0) return { fetched: 'nothing: the folder is empty' };
  // M365 (recorded): a message may be announced before it can be found.
  const [uid] = await client.searchUids(String(newest));
  if (uid === undefined) return { fetched: 'nothing: the newest message cannot be found yet' };
  for await (const message of client.fetchMessages([uid])) {
    let bytes = 0;
    for await (const chunk of message.body ?? []) {
      bytes += chunk.length;
      // Leaving early closes the connection, which is what comes next anyway.
      if (bytes >= enoughBytes) return { uid, bytes, cut: true };
    }
    return { uid, bytes };
  }
  return { uid, fetched: 'nothing: the answer held no message' };
}

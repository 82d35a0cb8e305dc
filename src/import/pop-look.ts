/** What reading and changing a POP3 mailbox have in common: how it is looked at, and how a session ends in which nothing was marked. */
import type { PopClient } from '../mail/pop/client.ts';
import type { Clock } from '../runtime/clock.ts';
import type { NumberBook } from './mailbox.ts';
import { type ListedMessage, type NumberedMessage, PopNumbers } from './pop-numbers.ts';

/** RFC 1939 knows one maildrop. */
export const inbox = 'INBOX';

/** A server that does not answer our goodbye must not hold up the end of a run. */
const goodbyeMs = 3_000;

/** @throws Error for any other folder: the configuration lets none through */
export function onlyInbox(folder: string): void {
  if (folder !== inbox) throw new Error(`POP3 has no folder ${JSON.stringify(folder)}`);
}

/** The numbers of a source as the archive has them. */
export async function numbersOf(source: string, book: NumberBook): Promise<PopNumbers> {
  return new PopNumbers(await book.uidls({ source, folder: inbox, uidValidity: 0 }));
}

/** The mailbox as a session sees it, by our numbers, ascending. */
export interface Snapshot {
  readonly messages: ReadonlyMap<number, NumberedMessage>;
  /** Messages that LIST counted; more than there are here where UIDL left some out. */
  readonly counted: number;
  /** Names of all messages that the server listed, also of those that have no number here. */
  readonly uidls: readonly string[];
}

/**
 * Asks what is there.
 * @param number gives the messages their numbers, ascending
 * @throws Fault `pop.uidl-missing`, `pop.throttled`, … or what ended the session
 */
export async function look(client: PopClient, number: (listed: readonly ListedMessage[]) => readonly NumberedMessage[]): Promise<Snapshot> {
  const { sizes, uids } = await client.listWithUids();
  const bytes = new Map(sizes.map((size) => [size.number, size.bytes]));
  const listed = uids.map(({ number: position, uid }) => ({ position, uidl: uid, bytes: bytes.get(position) }));
  const messages = new Map(number(listed).map((message) => [message.number, message]));
  return { messages, counted: Math.max(sizes.length, uids.length), uidls: uids.map(({ uid }) => uid) };
}

/** Ends a session in which nothing was marked, within a deadline; never throws. */
export async function goodbye(client: PopClient, clock: Clock): Promise<void> {
  const said = new AbortController();
  const quit = client.quit().catch(() => undefined); // the connection may be gone: that is what we want
  await Promise.race([quit, clock.sleep(goodbyeMs, said.signal).catch(() => undefined)]);
  said.abort();
  client.close();
}

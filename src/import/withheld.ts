/** Messages that a server lists and does not give: how the others come past them, what it says of them all the same, and whether it gives others. */
import { isOf } from './fault-classes.ts';
import type { DescribedMessage, OpenFolder } from './mailbox.ts';
import { Row } from './row.ts';

/** As many as a command of a client asks for: a refusal is about one of these, and takes the others of its command with it. */
const perRefusal = 50;

/**
 * Fetches messages of which the server may refuse one. Over IMAP nothing more is asked for behind a refusal, so it is begun again with what
 * stood behind it, as long as that brings anything; else one spoilt message would have all others fetched one by one.
 * @param came whether a message is here by now
 * @throws Fault of the connection
 */
export async function fetchPastRefusals(
  wanted: readonly number[],
  came: (uid: number) => boolean,
  fetch: (row: Row) => Promise<void>,
): Promise<void> {
  for (let left = wanted, before = Number.POSITIVE_INFINITY; left.length > 0 && left.length < before; ) {
    before = left.length;
    try {
      return await fetch(new Row(left));
    } catch (error) {
      if (!isOf(error, 'refused')) throw error;
    }
    const missing = left.filter((uid) => !came(uid));
    left = [...missing.slice(perRefusal), ...missing.slice(0, perRefusal)];
  }
}

/** Whether the server hands out one of these now. @throws Fault of the connection */
export async function handsOutOne(opened: OpenFolder, uids: Iterable<number | undefined>): Promise<boolean> {
  for (const uid of uids) {
    if (uid === undefined) continue;
    try {
      let bytes = 0;
      for await (const message of opened.fetch([uid])) {
        for await (const chunk of message.body ?? []) bytes += chunk.length;
      }
      if (bytes > 0) return true;
    } catch (error) {
      if (!isOf(error, 'refused')) throw error;
    }
  }
  return false;
}

/** What the server says of messages that it does not give: an auditor looks for them by their day. @throws Fault of the connection */
export async function describedBy(opened: OpenFolder, uids: readonly number[]): Promise<ReadonlyMap<number, DescribedMessage>> {
  const described = new Map<number, DescribedMessage>();
  try {
    for await (const message of opened.describe(uids)) described.set(message.uid, message);
  } catch (error) {
    if (!isOf(error, 'refused', 'throttled')) throw error;
  }
  return described;
}

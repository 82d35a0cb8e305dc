/** Messages that a server lists and does not give: what it says of them all the same, and whether it gives others. */
import { isOf } from './fault-classes.ts';
import type { DescribedMessage, OpenFolder } from './mailbox.ts';

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

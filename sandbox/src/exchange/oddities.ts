/**
 * Oddities of Exchange that IMAP and POP3 share: inexact sizes, substitute texts, throttling. They are data of the mailbox.
 */

import { type Message, rawOf } from '../folder.ts';
import type { MailboxQuirks } from '../tenant.ts';
import { headerEnd, readHeaders } from './mime.ts';

/** M365 (doc): the size is an estimate. A few bytes off, the same for the same message; scenario `wrong-size` is far off. */
export function shownSize(message: Message, quirks: MailboxQuirks): number {
  if (quirks.sizeFactor !== undefined) return Math.round(message.sizeBytes * quirks.sizeFactor);
  return Math.max(1, message.sizeBytes + ((message.uid * 7) % 9) - 4);
}

/** M365 (recorded): the first words of the text that stands for an item which Exchange cannot convert; M365 (assumed): the rest. */
export function substituteFor(message: Message, protocol: 'IMAP4' | 'POP3'): Buffer {
  const subject = readHeaders(rawOf(message), 0, headerEnd(rawOf(message))).find((header) => header.name.toLowerCase() === 'subject');
  const first = `Retrieval using the ${protocol} protocol failed for the following message: ${message.uid}`;
  return Buffer.from(
    [
      'From: "Microsoft Exchange Server"',
      `Date: ${message.internalDate.toUTCString().replace('GMT', '+0000')}`,
      `Subject: ${first}`,
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset="us-ascii"',
      '',
      first,
      '',
      `Subject: ${subject?.value ?? ''}`,
      'The item stays in the mailbox; another client may be able to show it.',
      '',
    ].join('\r\n'),
    'latin1',
  );
}

const budgets = new WeakMap<object, { count: number; until: number }>();

/** Counts a request against the budget. Milliseconds to wait if it is refused; who comes back earlier is refused again. */
export function backoffMs(rule: { readonly everyNth: number; readonly backoffMs: number }, now: Date): number | undefined {
  const budget = budgets.get(rule) ?? { count: 0, until: 0 };
  budgets.set(rule, budget);
  const at = now.getTime();
  budget.count += 1;
  if (at >= budget.until && budget.count % rule.everyNth !== 0) return undefined;
  if (at >= budget.until) budget.until = at + rule.backoffMs;
  return budget.until - at;
}

/**
 * What a client does with the maildrop: STAT, LIST, UIDL, TOP, RETR, DELE, RSET, NOOP. RFC 1939 §5 and §7.
 *
 * The hard thing is the end of an answer: a line with a dot alone. Lines of the message that begin with a dot get a second one, and a
 * message that does not end in a line end gets one. Only CRLF ends a line here.
 */

import { createHash } from 'node:crypto';
import { type Message, rawOf } from '../../folder.ts';
import { folderOf, type Mailbox } from '../../tenant.ts';
import { headerEnd } from '../mime.ts';
import { backoffMs, shownSize, substituteFor } from '../oddities.ts';
import { type Maildrop, notInThisState, PopError, type PopSession } from './session.ts';

/** M365 (assumed): the words. */
const outOfRange = () => new PopError('-ERR The specified message is out of range.');

function maildropOf(session: PopSession): Maildrop {
  if (!session.maildrop) throw notInThisState();
  return session.maildrop;
}

/** Positions that are not marked as deleted, from 0. */
function standing(drop: Maildrop): (readonly [position: number, message: Message])[] {
  return [...drop.messages.entries()].filter(([position]) => !drop.deleted.has(position));
}

function positionOf(drop: Maildrop, word: string | undefined): number {
  const number = /^\d{1,9}$/.test(word ?? '') ? Number(word) : 0;
  if (number < 1 || number > drop.messages.length || drop.deleted.has(number - 1)) throw outOfRange();
  return number - 1;
}

/**
 * A message's unique id: the same in every session for as long as the message is in this folder. RFC 1939 §7.
 * M365 (assumed): the form; there too it is to be taken as it is, and a folder that is made anew has new ones.
 */
export function uniqueIdOf(mailbox: Mailbox, message: Message): string {
  const uidValidity = folderOf(mailbox, 'INBOX')?.uidValidity ?? 0;
  const same = mailbox.quirks.pop?.sameName ?? [];
  const uid = same.includes(message.uid) ? same[0] : message.uid;
  return createHash('sha256').update(`${mailbox.address} ${uidValidity} ${uid}`).digest('base64url');
}

export function stat(session: PopSession): void {
  const drop = maildropOf(session);
  const messages = standing(drop);
  const size = messages.reduce((sum, [, message]) => sum + shownSize(message, drop.mailbox.quirks), 0);
  session.outgoing.line(`+OK ${messages.length} ${size}`);
}

export function list(session: PopSession, args: readonly string[]): void {
  const drop = maildropOf(session);
  scan(session, drop, args[0], (message) => String(shownSize(message, drop.mailbox.quirks)));
}

export function uidl(session: PopSession, args: readonly string[]): void {
  const drop = maildropOf(session);
  if (drop.mailbox.quirks.pop?.unnamed) throw notInThisState();
  scan(session, drop, args[0], (message) => uniqueIdOf(drop.mailbox, message));
}

/** One line for the named message, or a line for each. */
function scan(session: PopSession, drop: Maildrop, word: string | undefined, show: (message: Message) => string): void {
  const { outgoing } = session;
  if (word !== undefined) {
    const position = positionOf(drop, word);
    const message = drop.messages[position];
    if (message) outgoing.line(`+OK ${position + 1} ${show(message)}`);
    return;
  }
  const messages = standing(drop);
  const size = messages.reduce((sum, [, message]) => sum + shownSize(message, drop.mailbox.quirks), 0);
  outgoing.line(`+OK ${messages.length} ${size}`);
  for (const [position, message] of messages) outgoing.line(`${position + 1} ${show(message)}`);
  outgoing.line('.');
}

export async function retr(session: PopSession, args: readonly string[]): Promise<void> {
  const drop = maildropOf(session);
  const message = wanted(session, args[0]);
  const uid = drop.messages[positionOf(drop, args[0])]?.uid ?? 0;
  if (drop.mailbox.quirks.pop?.refuse?.includes(uid)) throw new PopError('-ERR The message could not be retrieved.');
  await sendBytes(session, message);
}

/** RFC 1939 §7: the header, the blank line, and so many lines of the body. */
export async function top(session: PopSession, args: readonly string[]): Promise<void> {
  const count = /^\d{1,9}$/.test(args[1] ?? '') ? Number(args[1]) : undefined;
  if (args.length !== 2 || count === undefined) throw new PopError('-ERR Protocol error. 14');
  const bytes = wanted(session, args[0]);
  let end = headerEnd(bytes);
  for (let line = 0; line < count && end < bytes.length; line += 1) {
    const at = bytes.indexOf('\r\n', end);
    end = at < 0 ? bytes.length : at + 2;
  }
  await sendBytes(session, bytes.subarray(0, end));
}

/** The bytes that a client gets for a message, with the mailbox's oddities. */
function wanted(session: PopSession, word: string | undefined): Buffer {
  const drop = maildropOf(session);
  const message = drop.messages[positionOf(drop, word)];
  const { quirks } = drop.mailbox;
  const backoff = quirks.throttle ? backoffMs(quirks.throttle, session.tenant.now()) : undefined;
  // M365 (assumed): the words of IMAP.
  if (backoff !== undefined) throw new PopError(`-ERR Request is throttled. Suggested Backoff Time: ${backoff} milliseconds`);
  // M365 (assumed): somebody else has deleted it since the login.
  if (!message || folderOf(drop.mailbox, 'INBOX')?.byUid(message.uid) !== message) {
    throw new PopError('-ERR The specified message could not be found.');
  }
  if (quirks.emptyFetch?.includes(message.uid)) return Buffer.alloc(0);
  return quirks.substitute?.includes(message.uid) ? substituteFor(message, 'POP3') : rawOf(message);
}

async function sendBytes(session: PopSession, bytes: Buffer): Promise<void> {
  const { outgoing } = session;
  outgoing.line('+OK');
  for (const slice of stuffed(bytes)) {
    outgoing.content([slice]);
    await outgoing.ready();
    if (outgoing.isOver) return;
  }
  outgoing.line('.');
}

const dot = Buffer.from('.');
const lineEnd = Buffer.from('\r\n');
const sliceBytes = 256 * 1024;

/** The message as it goes over the wire, without copying it. RFC 1939 §3. */
function* stuffed(bytes: Buffer): Generator<Buffer> {
  let from = 0;
  if (bytes[0] === 0x2e) yield dot;
  for (;;) {
    const found = bytes.indexOf('\r\n.', from);
    const end = found < 0 ? bytes.length : found + 2;
    for (; from < end; from += sliceBytes) yield bytes.subarray(from, Math.min(end, from + sliceBytes));
    from = end;
    if (found < 0) break;
    yield dot;
  }
  const endsWhole = bytes.length === 0 || (bytes.at(-1) === 0x0a && bytes.at(-2) === 0x0d);
  if (!endsWhole) yield lineEnd;
}

export function dele(session: PopSession, args: readonly string[]): void {
  const drop = maildropOf(session);
  drop.deleted.add(positionOf(drop, args[0]));
  session.outgoing.line('+OK');
}

export function rset(session: PopSession): void {
  maildropOf(session).deleted.clear();
  session.outgoing.line('+OK');
}

export function noop(session: PopSession): void {
  session.outgoing.line('+OK');
}

/** Removes what is marked, as far as it is still there. */
export function update(session: PopSession): void {
  const drop = session.maildrop;
  if (!drop) return;
  const folder = folderOf(drop.mailbox, 'INBOX');
  const marked = drop.messages.filter((message, position) => drop.deleted.has(position) && folder?.byUid(message.uid) === message);
  folder?.remove(new Set(marked));
}

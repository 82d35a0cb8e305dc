/**
 * SMTP with an application that has logged in, where a message is taken into the queue: MAIL, RCPT, DATA, and an answer that can be relied on.
 * RFC 5321 §4.1.1, RFC 6409.
 *
 * The hard thing is the 250 behind the content: from then on the message is ours, so it is said after the queue has it on disk and not
 * before. And whatever is wrong with a message, its content is read to its end, or the next command would be read out of the middle of it.
 */
import { isFault } from '../../fault/fault.ts';
import { IncomingData } from '../../mail/smtp/incoming-data.ts';
import { deniedSender, type SenderRule } from '../senders.ts';
import { type Talk, TalkEnded } from '../talk.ts';
import type { Queue } from './queue.ts';
import type { Incoming } from './spool.ts';

export interface QueuedSession {
  readonly talk: Talk;
  readonly client: string;
  readonly mailbox: string;
  readonly tenant: string;
  readonly maySendAs: SenderRule;
  readonly maxBytes: number;
  /** The proxy ends: the message in hand is taken, then the session is closed. */
  readonly signal: AbortSignal;
  readonly queue: Pick<Queue, 'begin'>;
  /** A message was taken. */
  readonly onMessage: (bytes: number) => void;
  /** Bytes that came from the application. */
  readonly onBytes: (bytes: number) => void;
  /** Bytes that went to it. */
  readonly onAnswer: (bytes: number) => void;
}

interface Transaction {
  readonly from: string;
  readonly recipients: string[];
  readonly announcedBytes: number;
  readonly smtpUtf8: boolean;
}

/** RFC 5321 §4.5.3.1.4 gives 512 bytes; RFC 6531 and long parameters need more. */
const longestLine = 4 * 1024;
/** RFC 5321 §4.5.3.2.7: five minutes for a command; the same between two pieces of the content. */
const silenceMs = 5 * 60_000;
/** M365 (doc): 500 recipients a message by default. */
const mostRecipients = 500;
/** A program that is wrong so often is not speaking SMTP. */
const mostErrors = 20;
/** The senders stand in the first part of a header, or they are not looked for: a longer one is refused. */
const longestHeader = 256 * 1024;

const replies = {
  ok: '250 2.0.0 OK',
  busy: '503 5.5.1 Bad sequence of commands',
  unknown: '500 5.5.2 Command not recognised',
  size: '552 5.3.4 Message size exceeds fixed maximum message size',
  storage: '452 4.3.1 Insufficient system storage, try again later',
  closing: '421 4.3.2 Service shutting down, try again later',
};

/**
 * Serves commands until the application leaves, or the signal ends it.
 * @throws TalkEnded where the application is gone, silent or too greedy
 */
export async function serveQueued(session: QueuedSession): Promise<void> {
  const { talk, signal } = session;
  let transaction: Transaction | undefined;
  let errors = 0;
  const onAbort = (): void => {
    // One that only listens is told at once; one in the middle of a message when that is settled.
    if (!reading) talk.close(`${replies.closing}\r\n`);
  };
  let reading = false;
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      if (signal.aborted) return talk.close(`${replies.closing}\r\n`);
      const line = await patiently(talk, () => talk.line(longestLine)).catch((error: unknown) => {
        if (error instanceof TalkEnded && error.reason === 'line-too-long') talk.close('421 5.5.2 The line is too long\r\n');
        throw error;
      });
      session.onBytes(line.length + 2);
      const [, verb = '', rest = ''] = /^([A-Za-z]+)(?: +(.*))?$/.exec(line.replace(/ +$/, '')) ?? [];
      let reply: string;
      switch (verb.toUpperCase()) {
        case 'EHLO':
        case 'HELO':
          transaction = undefined;
          reply = verb.toUpperCase() === 'HELO' ? '250 postern' : greeting(session);
          break;
        case 'MAIL': {
          const begun: Transaction | string = transaction === undefined ? mail(session, rest) : replies.busy;
          if (typeof begun !== 'string') transaction = begun;
          reply = typeof begun === 'string' ? begun : '250 2.1.0 Sender OK';
          break;
        }
        case 'RCPT':
          reply = transaction === undefined ? '503 5.5.1 MAIL first' : rcpt(transaction, rest);
          break;
        case 'DATA':
          if (transaction === undefined || transaction.recipients.length === 0) {
            reply = '503 5.5.1 RCPT first';
            break;
          }
          reading = true;
          reply = await data(session, transaction);
          reading = false;
          transaction = undefined;
          break;
        case 'RSET':
          transaction = undefined;
          reply = replies.ok;
          break;
        case 'NOOP':
          reply = replies.ok;
          break;
        case 'VRFY':
          reply = '252 2.1.5 Cannot verify, but will take mail and try';
          break;
        case 'QUIT':
          return talk.close('221 2.0.0 Bye\r\n');
        case 'AUTH':
        case 'STARTTLS':
          reply = replies.busy;
          break;
        default:
          reply = replies.unknown;
      }
      // RFC 5321 §4.2.1: 5yz. Wishes that are refused count, so that nobody tries senders or addresses out without end.
      errors += reply.startsWith('5') ? 1 : 0;
      if (errors > mostErrors) return talk.close('421 4.7.0 Too many errors\r\n');
      session.onAnswer(reply.length + 2);
      talk.say(`${reply}\r\n`);
      await patiently(talk, () => talk.flushed());
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function greeting({ maxBytes }: QueuedSession): string {
  const lines = ['postern', `SIZE ${maxBytes}`, 'PIPELINING', 'ENHANCEDSTATUSCODES', '8BITMIME', 'SMTPUTF8'];
  return lines.map((line, index) => `250${index < lines.length - 1 ? '-' : ' '}${line}`).join('\r\n');
}

/** @returns the refusal where it is a text */
function mail(session: QueuedSession, rest: string): Transaction | string {
  const found = /^FROM: *<([^<>\0- \x7f]*)>((?: +[^\0- \x7f]+)*)$/i.exec(rest);
  if (found === null) return '501 5.1.7 MAIL FROM:<address> is expected';
  const from = utf8(found[1] ?? '');
  let [announcedBytes, smtpUtf8] = [0, false];
  for (const word of (found[2] ?? '').split(' ').filter(Boolean)) {
    const [name = '', value = ''] = word.toUpperCase().split('=');
    if (name === 'SIZE' && /^\d{1,15}$/.test(value)) announcedBytes = Number(value);
    else if (name === 'SMTPUTF8' && value === '') smtpUtf8 = true;
    else if (!(name === 'BODY' && ['7BIT', '8BITMIME'].includes(value)) && name !== 'AUTH') return `555 5.5.4 ${name} is not supported`;
  }
  if (announcedBytes > session.maxBytes) return replies.size;
  if (/[^\x21-\x7e]/.test(from) && !smtpUtf8) return '553 5.6.7 Such an address needs SMTPUTF8';
  if (!session.maySendAs(from)) return '550 5.7.60 This client may not send as this sender; proxy.sendAs says who may';
  return { from, recipients: [], announcedBytes, smtpUtf8 };
}

function rcpt(transaction: Transaction, rest: string): string {
  const found = /^TO: *<([^<>\0- \x7f]+@[^<>\0- \x7f]+)>((?: +[^\0- \x7f]+)*)$/i.exec(rest);
  const address = found?.[1];
  if (address === undefined) return '501 5.1.3 RCPT TO:<address> is expected';
  if ((found?.[2] ?? '') !== '') return '555 5.5.4 Parameters of RCPT are not supported';
  const given = utf8(address);
  if (/[^\x21-\x7e]/.test(given) && !transaction.smtpUtf8) return '553 5.6.7 Such an address needs SMTPUTF8';
  if (transaction.recipients.length >= mostRecipients) return '452 4.5.3 Too many recipients';
  if (!transaction.recipients.includes(given)) transaction.recipients.push(given);
  return '250 2.1.5 Recipient OK';
}

/** What the talk gives one character a byte. */
function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

/** Reads the content to its end, and says what became of it. */
async function data(session: QueuedSession, transaction: Transaction): Promise<string> {
  const { talk, maxBytes, queue } = session;
  const { client, mailbox, tenant } = session;
  let incoming: Incoming | undefined;
  let refused: string | undefined;
  try {
    incoming = await queue.begin({ client, mailbox, tenant, ...transaction }, transaction.announcedBytes);
  } catch (error) {
    if (!isFault(error, 'queue.unwritable')) throw error;
    return replies.storage;
  }
  const refuse = async (reply: string): Promise<void> => {
    refused ??= reply;
    const begun = incoming;
    incoming = undefined;
    await begun?.discard();
  };
  talk.say('354 Go on; end with CRLF.CRLF\r\n');
  const reader = new IncomingData();
  let [bytes, header, headerSeen] = [0, Buffer.alloc(0), false];
  try {
    for (;;) {
      const chunk = await patiently(talk, () => talk.chunk());
      const { pieces, rest } = reader.take(chunk);
      session.onBytes(chunk.length - (rest?.length ?? 0));
      const piece = pieces.length === 1 ? (pieces[0] ?? chunk) : Buffer.concat(pieces);
      bytes += piece.length;
      if (bytes > maxBytes) await refuse(replies.size);
      if (!headerSeen) {
        header = Buffer.concat([header, piece]);
        headerSeen = rest !== undefined || header.includes('\r\n\r\n') || header.length > longestHeader;
        const reply = headerSeen ? headerRefusal(session, header) : undefined;
        if (headerSeen) header = Buffer.alloc(0);
        if (reply !== undefined) await refuse(reply);
      }
      if (incoming !== undefined && piece.length > 0) await incoming.write(piece).catch(unwritable(refuse));
      if (rest === undefined) continue;
      if (rest.length > 0) talk.unread(rest);
      if (incoming === undefined) return refused ?? replies.storage;
      const begun = incoming;
      incoming = undefined;
      const { id } = await begun.commit();
      session.onMessage(bytes);
      return `250 2.0.0 Queued as ${id}`;
    }
  } catch (error) {
    await incoming?.discard();
    if (isFault(error, 'queue.unwritable')) return replies.storage;
    throw error;
  }
}

/** A disk that is full in the middle of a message: the rest of it is read and forgotten. */
function unwritable(refuse: (reply: string) => Promise<void>): (error: unknown) => Promise<void> {
  return async (error) => {
    if (!isFault(error, 'queue.unwritable')) throw error;
    await refuse(replies.storage);
  };
}

function headerRefusal({ maySendAs }: QueuedSession, header: Buffer): string | undefined {
  if (header.length > longestHeader && !header.subarray(0, longestHeader + 4).includes('\r\n\r\n'))
    return '552 5.3.4 The header is too large';
  const denied = deniedSender(header.toString('latin1'), maySendAs);
  if (denied === undefined) return undefined;
  return denied.address === undefined
    ? `550 5.6.0 The ${denied.field} field cannot be read`
    : `550 5.7.60 This client may not send as the sender in ${denied.field}; proxy.sendAs says who may`;
}

/** Silence ends the talk. */
async function patiently<T>(talk: Talk, act: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => talk.end('deadline'), silenceMs);
  try {
    return await act();
  } finally {
    clearTimeout(timer);
  }
}

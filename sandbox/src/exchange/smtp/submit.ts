/**
 * Handing over a message: MAIL, RCPT, then DATA or BDAT, and what becomes of it.
 *
 * The hard thing is when a refusal comes. M365 (recorded): what concerns the mailbox (permission, SendAs, limits, blocks) is said at the
 * end of the message and not before; M365 (assumed): only the rate is looked at with MAIL.
 */

import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { folderOf, type Mailbox, mailboxOf, type Submitted, type Tenant } from '../../tenant.ts';
import { maySendAs, type Sender } from '../auth.ts';
import { frontEnd } from '../listeners.ts';
import { headerEnd, headerValue, readHeaders } from '../mime.ts';
import { answerOf, connectionLimit, SmtpError, type SmtpSession, sizeLimitBytes, type Transaction } from './session.ts';

/** M365 (doc): 30 messages a minute; 500 recipients a message by default. */
const messagesPerMinute = 30;
const recipientLimit = 500;
const submittedKept = 500;
/** RFC 5321 §4.5.3.1.6 allows 1000 bytes a line; nobody here is so strict. */
const dataLineLimitBytes = 8 * 1024 * 1024;

const address = /^<([^<>\s]*)>/;

/** M365 (recorded): the two refusals of whoever has not come so far. */
function senderOf(session: SmtpSession): Sender {
  if (session.sender) return session.sender;
  const reply = session.isSecure ? '530 5.7.57 Client not authenticated to send mail.' : '451 5.7.3 STARTTLS is required to send mail';
  throw new SmtpError(session.signed(reply));
}

export function mail(session: SmtpSession, rest: string): string {
  const sender = senderOf(session);
  if (session.transaction) throw new SmtpError('503 5.5.2 Sender already specified');
  const path = rest.replace(/^FROM:\s*/i, '');
  const found = address.exec(path);
  if (!found || path === rest) throw new SmtpError('501 5.1.7 Invalid address');
  for (const parameter of path
    .slice(found[0].length)
    .trim()
    .split(' ')
    .filter((word) => word !== ''))
    refuseParameter(parameter);
  const { quirks } = sender.mailbox;
  const instead = answerOf(quirks, 'mail') ?? tooFast(sender.mailbox, session.tenant.now());
  if (instead !== undefined) throw new SmtpError(session.signed(instead));
  session.transaction = { mailFrom: found[1] ?? '', recipients: [], chunks: [], sizeBytes: 0 };
  return '250 2.1.0 Sender OK';
}

function refuseParameter(parameter: string): void {
  const [name = '', value = ''] = parameter.toUpperCase().split('=');
  if (name === 'SIZE' && Number(value) > sizeLimitBytes) throw tooLarge();
  const isKnown = ['SIZE', 'SMTPUTF8', 'RET', 'ENVID', 'AUTH'].includes(name) || /^BODY=(?:7BIT|8BITMIME|BINARYMIME)$/i.test(parameter);
  if (!isKnown) throw new SmtpError('501 5.5.4 Unrecognized parameter');
}

const tooLarge = () => new SmtpError('552 5.3.4 Message size exceeds fixed maximum message size');

const taken = new WeakMap<Mailbox, number[]>();

/** The times at which this mailbox's messages of the last minute were taken. */
function lastMinute(mailbox: Mailbox, now: Date): number[] {
  const times = (taken.get(mailbox) ?? []).filter((at) => at > now.getTime() - 60_000);
  taken.set(mailbox, times);
  return times;
}

function tooFast(mailbox: Mailbox, now: Date): string | undefined {
  if (lastMinute(mailbox, now).length < (mailbox.quirks.smtpPerMinute ?? messagesPerMinute)) return undefined;
  return '421 4.4.2 Message submission rate for this client has exceeded the configured limit';
}

export function rcpt(session: SmtpSession, rest: string): string {
  senderOf(session);
  if (!session.transaction) throw new SmtpError('503 5.5.2 Need mail command');
  const found = address.exec(rest.replace(/^TO:\s*/i, ''));
  if (!found?.[1]?.includes('@')) throw new SmtpError('501 5.1.3 Invalid address');
  if (session.transaction.recipients.length >= recipientLimit) throw new SmtpError('452 4.5.3 Too many recipients');
  session.transaction.recipients.push(found[1]);
  return '250 2.1.5 Recipient OK';
}

function transactionOf(session: SmtpSession): Transaction {
  senderOf(session);
  if (!session.transaction) throw new SmtpError('503 5.5.2 Need mail command');
  if (session.transaction.recipients.length === 0) throw new SmtpError('503 5.5.2 Need rcpt command');
  return session.transaction;
}

export async function data(session: SmtpSession): Promise<string> {
  const transaction = transactionOf(session);
  if (transaction.chunks.length > 0) throw new SmtpError('503 5.5.1 Bad sequence of commands');
  session.outgoing.line('354 Start mail input; end with <CRLF>.<CRLF>');
  session.outgoing.flush();
  await readToDot(session, transaction);
  return await finish(session, transaction);
}

/** Takes the message's lines and takes away the dots that were put before others. RFC 5321 §4.5.2. Only CRLF ends a line here. */
async function readToDot(session: SmtpSession, transaction: Transaction): Promise<void> {
  let atLineStart = true;
  for (;;) {
    const line = await session.incoming.rawLine(dataLineLimitBytes);
    const endsWhole = line.at(-2) === 0x0d;
    if (atLineStart && line[0] === 0x2e) {
      if (line.length === 3 && endsWhole) return;
      keep(transaction, line.subarray(1));
    } else keep(transaction, line);
    atLineStart = endsWhole;
    session.touch();
  }
}

/** What is too much is read and forgotten; the refusal comes at the end. */
function keep(transaction: Transaction, bytes: Buffer): void {
  transaction.sizeBytes += bytes.length;
  if (transaction.sizeBytes <= sizeLimitBytes) transaction.chunks.push(Buffer.from(bytes));
}

/** RFC 3030 §2: the bytes follow at once, so they are read whatever the answer is. */
export async function bdat(session: SmtpSession, rest: string): Promise<string> {
  const found = /^(\d{1,9})( LAST)?$/i.exec(rest);
  if (!found || Number(found[1]) > sizeLimitBytes) throw new SmtpError('421 5.5.4 Invalid arguments');
  const bytes = await session.incoming.bytes(Number(found[1]));
  const transaction = transactionOf(session);
  keep(transaction, bytes);
  return found[2] ? await finish(session, transaction) : `250 2.6.0 CHUNK received OK, ${bytes.length} octets`;
}

async function finish(session: SmtpSession, transaction: Transaction): Promise<string> {
  session.transaction = undefined;
  if (transaction.sizeBytes > sizeLimitBytes) throw tooLarge();
  const sender = senderOf(session);
  const bytes = Buffer.concat(transaction.chunks);
  const headers = readHeaders(bytes, 0, headerEnd(bytes));
  const refusal = whyRefused(session, sender, [transaction.mailFrom, ...addressesIn(headerValue(headers, 'from') ?? '')]);
  if (refusal !== undefined) {
    session.tenant.note(`smtp message of ${sender.mailbox.address} refused: ${sender.lacks ?? refusal}`);
    throw new SmtpError(`${refusal} [Hostname=${frontEnd}]`);
  }
  const { slow } = sender.mailbox.quirks;
  if (slow) await wait(slow.commandMs);
  lastMinute(sender.mailbox, session.tenant.now()).push(session.tenant.now().getTime());
  deliver(session.tenant, sender, transaction, bytes);
  const id = headerValue(headers, 'message-id') ?? `<${randomUUID()}@${frontEnd}>`;
  return `250 2.0.0 OK ${id} [Hostname=${frontEnd}]`;
}

/** The addresses of a From header, as far as they can be told without reading names: what stands in angle brackets, or bare. */
function addressesIn(from: string): string[] {
  const bracketed = [...from.matchAll(/<([^<>\s]+@[^<>\s]+)>/g)].map((found) => found[1] ?? '');
  return bracketed.length > 0 ? bracketed : [...from.matchAll(/[^\s,;:<>"]+@[^\s,;:<>"]+/g)].map((found) => found[0]);
}

/** M365 (recorded): the words up to the semicolon; M365 (assumed): their order, when more than one would fit. */
function whyRefused(session: SmtpSession, sender: Sender, from: readonly string[]): string | undefined {
  const { tenant } = session;
  const { mailbox } = sender;
  const instead = answerOf(mailbox.quirks, 'message');
  if (instead !== undefined) return instead;
  if (session.isOneTooMany && mailbox.seen.senders > connectionLimit) {
    return '432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.';
  }
  if (sender.lacks) {
    return '430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:ConnectionFailedTransientException.MapiExceptionLogonFailed; Failed to process message due to a transient exception with message [BeginDiagnosticData]Cannot open mailbox.';
  }
  const denied = from.find((one) => one !== '' && !maySendAs(tenant, sender, one));
  if (denied === undefined) return undefined;
  return `554 5.2.252 SendAsDenied; ${mailbox.address} not allowed to send as ${denied}; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message.`;
}

/** Into INBOX of every recipient that is a mailbox here, and M365 (doc) a copy into the sender's Sent Items. Nothing leaves the machine. */
function deliver(tenant: Tenant, sender: Sender, transaction: Transaction, bytes: Buffer): void {
  const internalDate = tenant.now();
  const delivered = new Set<Mailbox>();
  for (const recipient of transaction.recipients) {
    const mailbox = mailboxOf(tenant, recipient);
    if (!mailbox || delivered.has(mailbox)) continue;
    delivered.add(mailbox);
    folderOf(mailbox, 'INBOX')?.deliver([bytes], { internalDate, hiddenFor: mailbox.quirks.lateUid ?? 0 });
  }
  const sent = sender.mailbox.folders.find((folder) => folder.attribute === '\\Sent');
  sent?.deliver([bytes], { internalDate, flags: ['\\Seen'] });
  const one: Submitted = {
    at: internalDate,
    mailbox: sender.mailbox.address,
    mailFrom: transaction.mailFrom,
    recipients: transaction.recipients,
    delivered: [...delivered].map((mailbox) => mailbox.address),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
  };
  tenant.submitted.push(one);
  if (tenant.submitted.length > submittedKept) tenant.submitted.shift();
}

/**
 * An SMTP session after its login: each command is looked at, asked of the server, and its answer given back; messages flow through.
 *
 * The hard thing is what must be known before a message begins to flow: its sender (MAIL FROM and the senders in its header), its announced
 * size, and the mailbox's rate. So we answer DATA ourselves, read the header, judge it, and only then ask the server for its 354; from
 * there on bytes go as they come, no faster than the server takes them.
 */
import type { ProxyConfig } from '../../config/config.ts';
import { Fault, isFault } from '../../fault/fault.ts';
import type { SmtpClient, SmtpReply } from '../../mail/smtp/client.ts';
import { asData, IncomingData } from '../../mail/smtp/incoming-data.ts';
import { refusal } from '../../mail/smtp/refusal.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { LoginAnswer, Visit } from '../login.ts';
import type { MailboxBudgets } from '../mailbox-budget.ts';
import type { ProxyEvent } from '../port.ts';
import { type DeniedSender, deniedSender, type SenderRule, senderRule } from '../senders.ts';
import type { OpenSession } from '../sessions.ts';
import { type Talk, TalkEnded } from '../talk.ts';
import type { Tally } from '../tally.ts';
import { readMailFrom } from './mail-from.ts';
import { ownName, replyLines } from './smtp-door.ts';

export interface RelayParts {
  readonly config: () => ProxyConfig;
  readonly budgets: MailboxBudgets;
  readonly clock: Clock;
  readonly tally: Tally;
  readonly emit: (event: ProxyEvent) => void;
}

/** RFC 5321 §4.5.3.2.7. */
const idleMs = 5 * 60_000;
/** RFC 5321 §4.5.3.1.4 allows 512; addresses of SMTPUTF8 and parameters need more. */
const maxCommandBytes = 4 * 1024;
/** A longer header is not read to its end, so its senders are not known. */
const maxHeaderBytes = 256 * 1024;
const maxRecipients = 1000;
const headerEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');

/** What the server offers and we do not pass on: pieces with a length (CHUNKING) would need their own way through, and TLS is behind us. */
const notOffered: ReadonlySet<string> = new Set(['AUTH', 'STARTTLS', 'CHUNKING', 'BINARYMIME', 'SIZE', 'PIPELINING', 'XCLIENT']);

/** Until the session has ended. */
export async function runRelay(
  { opened, session, visit }: Extract<LoginAnswer, { kind: 'opened' }>,
  talk: Talk,
  parts: RelayParts,
): Promise<void> {
  if (opened.protocol !== 'smtp') throw new Error('only SMTP is relayed');
  const relay = new Relay(opened.client, session, visit, talk, parts);
  session.stop = (how) => relay.stop(how);
  talk.arm(idleMs);
  try {
    visit.ended(await relay.run());
  } catch (error) {
    if (error instanceof TalkEnded) visit.ended(error.reason === 'deadline' ? 'idle' : 'client-ended');
    else if (isFault(error)) {
      relay.tell(error);
      talk.close('421 4.3.2 The mail server has closed the connection, try again later\r\n');
      visit.ended('server-lost', error);
    } else throw error;
  }
}

class Relay {
  readonly #client: SmtpClient;
  readonly #session: OpenSession;
  readonly #visit: Visit;
  readonly #talk: Talk;
  readonly #parts: RelayParts;
  readonly #mailbox: string;
  #transaction: { recipients: number } | undefined;
  /** Waits for a command, and none is under way. */
  #isIdle = false;
  #stopping = false;

  constructor(client: SmtpClient, session: OpenSession, visit: Visit, talk: Talk, parts: RelayParts) {
    this.#client = client;
    this.#session = session;
    this.#visit = visit;
    this.#talk = talk;
    this.#parts = parts;
    this.#mailbox = session.facts.mailbox;
  }

  async run(): Promise<string> {
    for (;;) {
      const line = await this.#command();
      if (line === undefined) return 'stopped';
      // What is no text is nothing to ask a server.
      if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) {
        this.#say('500 5.5.2 This is no command\r\n');
        continue;
      }
      const [, word = '', rest = ''] = /^([A-Za-z]{1,10})(?: (.*))?$/s.exec(line) ?? [];
      const verb = word.toUpperCase();
      if (verb === 'QUIT') {
        this.#say('221 2.0.0 Goodbye\r\n');
        this.#talk.close();
        await this.#client.quit();
        return 'client-ended';
      }
      await this.#act(verb, rest.replace(/ +$/, ''));
      // Who sends commands and reads no answers is not answered in memory without end.
      await this.#talk.flushed();
    }
  }

  stop(how: 'gently' | 'at-once'): void {
    this.#stopping = true;
    if (how === 'at-once' || (this.#isIdle && this.#transaction === undefined)) {
      this.#talk.close('421 4.3.2 Closing down, try again later\r\n');
    }
  }

  /** A refusal of the server has consequences for the mailbox. */
  tell(fault: Fault): void {
    this.#visit.heard(fault);
  }

  /** Undefined: the session was ended by us. */
  async #command(): Promise<string | undefined> {
    if (this.#stopping && this.#transaction === undefined) {
      this.#talk.close('421 4.3.2 Closing down, try again later\r\n');
      return undefined;
    }
    this.#talk.touch();
    this.#isIdle = true;
    try {
      const line = await this.#talk.line(maxCommandBytes);
      this.#count('in', line.length + 2);
      return line;
    } catch (error) {
      if (error instanceof TalkEnded && error.reason === 'line-too-long') this.#talk.close('421 5.5.2 The line is too long\r\n');
      throw error;
    } finally {
      this.#isIdle = false;
    }
  }

  async #act(verb: string, rest: string): Promise<void> {
    switch (verb) {
      case 'EHLO':
      case 'HELO':
        if (this.#transaction !== undefined) await this.#reset();
        return this.#say(verb === 'EHLO' ? this.#hello() : `250 ${ownName}\r\n`);
      case 'MAIL':
        return await this.#mail(rest);
      case 'RCPT':
        return await this.#rcpt(rest);
      case 'DATA':
        return await this.#data();
      case 'RSET':
        await this.#reset();
        return this.#say('250 2.0.0 OK\r\n');
      case 'NOOP':
        await this.#ask('NOOP');
        return;
      case 'AUTH':
        return this.#say('503 5.5.1 Logged in already\r\n');
      case 'STARTTLS':
        return this.#say('503 5.5.1 Too late for STARTTLS\r\n');
      case 'VRFY':
        return this.#say('252 2.5.0 Send it, and it will be seen\r\n');
      default:
        this.#say('500 5.5.2 This is no command\r\n');
    }
  }

  #hello(): string {
    const lines = [...this.#client.capabilities]
      .filter(([keyword]) => !notOffered.has(keyword))
      .map(([keyword, parameters]) => `${keyword} ${parameters}`.trimEnd());
    return replyLines(250, [ownName, 'PIPELINING', `SIZE ${this.#mostBytes()}`, ...lines]);
  }

  #mostBytes(): number {
    const offered = Number(this.#client.capabilities.get('SIZE') ?? 0);
    const { messageBytes } = this.#parts.config().limits;
    return offered > 0 ? Math.min(offered, messageBytes) : messageBytes;
  }

  async #mail(rest: string): Promise<void> {
    if (this.#transaction !== undefined) return this.#say('503 5.5.1 There is a sender already\r\n');
    const mail = readMailFrom(rest);
    if (mail === undefined) return this.#say('501 5.1.7 This is no address\r\n');
    const size = Number(mail.parameters.get('SIZE') ?? 0);
    if (size > this.#mostBytes()) return this.#tooLarge(size);
    // RFC 5321 §4.5.5: a notice about a message has no sender, and its From is judged like any other.
    if (mail.address !== '' && !this.#maySendAs()(utf8(mail.address))) return this.#refuseSender(mail.address, 'MAIL FROM');
    try {
      await this.#parts.budgets.takeMessage(this.#mailbox, this.#talk.signal);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#parts.tally.fault(error.code);
      this.#tellOperator(error);
      const seconds = Math.ceil(Number(error.evidence['backoffMs'] ?? 0) / 1000);
      return this.#say(`450 4.7.1 ${error.entry.says} Try again in ${seconds} seconds. (${error.code})\r\n`);
    }
    this.#talk.touch();
    // AUTH= would name somebody of ours to the server, and it knows who has logged in.
    const parameters = [...mail.parameters]
      .filter(([name]) => name !== 'AUTH')
      .map(([name, value]) => (value === '' ? ` ${name}` : ` ${name}=${value}`));
    const reply = await this.#ask(`MAIL FROM:<${mail.address}>${parameters.join('')}`);
    if (reply.code < 400) this.#transaction = { recipients: 0 };
  }

  async #rcpt(rest: string): Promise<void> {
    const { transaction } = { transaction: this.#transaction };
    if (transaction === undefined) return this.#say('503 5.5.1 MAIL comes first\r\n');
    if (!/^TO: *<[^<>\0- \x7f]+>(?: +[^\0- \x7f]+)* *$/i.test(rest)) return this.#say('501 5.1.3 This is no address\r\n');
    if (transaction.recipients >= maxRecipients) return this.#say('452 4.5.3 Too many recipients\r\n');
    const reply = await this.#ask(`RCPT TO:${rest.slice(3).trimStart()}`);
    if (reply.code < 400) transaction.recipients += 1;
  }

  async #data(): Promise<void> {
    if (this.#transaction === undefined) return this.#say('503 5.5.1 MAIL comes first\r\n');
    if (this.#transaction.recipients === 0) return this.#say('554 5.5.1 There is no recipient\r\n');
    this.#say('354 Start mail input; end with <CRLF>.<CRLF>\r\n');
    const content = this.#content();
    const begun: Buffer[] = [];
    const header = await this.#header(content, begun);
    // What stands behind what we have read could be another sender.
    const unread: DeniedSender = { field: 'From', address: undefined };
    const denied = header.length < maxHeaderBytes ? deniedSender(header, this.#maySendAs()) : unread;
    if (denied !== undefined) {
      await drop(content);
      await this.#reset();
      return this.#refuseSender(denied.address ?? 'what cannot be read', denied.field);
    }
    const consent = await this.#client.ask('DATA');
    if (consent.code !== 354) {
      await drop(content);
      // What the server has of the envelope must not stand in the way of the next message.
      if (!this.#client.closed) await this.#reset();
      this.#transaction = undefined;
      return this.#answer(consent);
    }
    for await (const piece of asData(chained(begun, content))) await this.#client.write(piece);
    this.#talk.arm(dataAnswerMs);
    const reply = await this.#client.heard();
    this.#talk.arm(idleMs);
    this.#transaction = undefined;
    if (reply.code < 400) {
      this.#session.doing.messages += 1;
      this.#parts.tally.message();
    }
    this.#answer(reply);
  }

  #maySendAs(): SenderRule {
    return senderRule(this.#mailbox, this.#parts.config().sendAs);
  }

  /** A message as it comes, up to its end. */
  async *#content(): AsyncGenerator<Buffer, void, void> {
    const reader = new IncomingData();
    const most = this.#mostBytes();
    for (let bytes = 0; ; ) {
      this.#talk.touch();
      const chunk = await this.#talk.chunk();
      const { pieces, rest } = reader.take(chunk);
      this.#count('in', chunk.length - (rest?.length ?? 0));
      if (rest !== undefined && rest.length > 0) this.#talk.unread(rest);
      const piece = pieces.length === 1 ? (pieces[0] ?? chunk) : Buffer.concat(pieces);
      bytes += piece.length;
      if (bytes > most) throw this.#breakOff(bytes);
      if (piece.length > 0) yield piece;
      if (rest !== undefined) return;
    }
  }

  /** The begin of a message, up to the end of its header; what was read for it goes into `begun`. One character a byte. */
  async #header(content: AsyncGenerator<Buffer, void, void>, begun: Buffer[]): Promise<string> {
    let bytes = 0;
    for (;;) {
      const next = await content.next();
      if (next.done === true) break;
      begun.push(next.value);
      bytes += next.value.length;
      // The end may lie across two pieces.
      const end = Buffer.concat(begun.slice(-2));
      if (end.includes(headerEnd) || begun[0]?.toString('latin1', 0, 2) === '\r\n' || bytes >= maxHeaderBytes) break;
    }
    const text = Buffer.concat(begun);
    const end = text.indexOf(headerEnd);
    return text.indexOf(lineEnd) === 0 ? '' : text.toString('latin1', 0, end < 0 ? text.length : end + headerEnd.length);
  }

  /** It cannot be taken back from the server but by the end of the connection. */
  #breakOff(bytes: number): TalkEnded {
    this.#client.close();
    this.#tooLarge(bytes);
    this.#talk.close('421 4.3.2 Closing\r\n');
    return new TalkEnded('closing');
  }

  #tooLarge(bytes: number): void {
    const most = this.#mostBytes();
    const fault = new Fault('proxy.message-too-large', { mailbox: this.#mailbox, client: this.#session.facts.client, bytes, most });
    this.#parts.tally.fault(fault.code);
    this.#tellOperator(fault);
    this.#say(`552 5.3.4 The message is larger than ${most} bytes (${fault.code})\r\n`);
  }

  #refuseSender(sender: string, where: string): void {
    const { client } = this.#session.facts;
    const fault = new Fault('proxy.sender-refused', { mailbox: this.#mailbox, client, sender: sender.slice(0, 320), where });
    this.#parts.tally.fault(fault.code);
    this.#tellOperator(fault);
    this.#say(
      `550 5.7.60 ${this.#mailbox} may not send as ${/^[\x20-\x7e]{1,320}$/.test(sender) ? sender : 'this sender'} (${fault.code})\r\n`,
    );
  }

  #tellOperator(fault: Fault): void {
    this.#parts.emit({ kind: 'fault', fault });
  }

  async #reset(): Promise<void> {
    this.#transaction = undefined;
    const reply = await this.#client.ask('RSET');
    if (reply.code >= 400) throw refusal(reply, 'other', { mailbox: this.#mailbox, command: 'RSET' });
  }

  async #ask(command: string): Promise<SmtpReply> {
    const reply = await this.#client.ask(command);
    this.#answer(reply, command.split(/[: ]/)[0] ?? '');
    return reply;
  }

  /** The server's answer, word for word. */
  #answer(reply: SmtpReply, command = 'DATA'): void {
    if (reply.code >= 400) this.tell(refusal(reply, 'other', { mailbox: this.#mailbox, command }));
    this.#say(replyLines(reply.code, reply.text.split('\n')));
    // RFC 5321 §3.8: the server closes now.
    if (this.#client.closed) {
      this.#talk.close();
      throw new TalkEnded('closing');
    }
  }

  #say(text: string): void {
    this.#count('out', text.length);
    this.#talk.say(Buffer.from(text).toString('latin1'));
  }

  #count(way: 'in' | 'out', bytes: number): void {
    const { doing } = this.#session;
    if (way === 'in') doing.bytesIn += bytes;
    else doing.bytesOut += bytes;
    doing.lastByteMs = this.#parts.clock.now();
  }
}

/** A little longer than the client of the server waits. RFC 5321 §4.5.3.2.6. */
const dataAnswerMs = 11 * 60_000;

/** Reads it to its end, for the next command stands behind it. */
async function drop(content: AsyncGenerator<Buffer, void, void>): Promise<void> {
  while ((await content.next()).done !== true);
}

async function* chained(begun: readonly Buffer[], content: AsyncGenerator<Buffer, void, void>): AsyncGenerator<Buffer, void, void> {
  yield* begun;
  yield* content;
}

/** What the talk gives one character a byte. */
function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

/**
 * A connection that speaks SMTP commands: the wait for answers, what EHLO told, the dialogue for the log.
 *
 * The hard thing: answers have no names, only an order. An answer that nobody asked for (421 after a silence) would be taken for the
 * next one's, so nothing may lie unread when a command goes out; after a fault that leaves the order in doubt the connection is closed.
 */
import { type Evidence, Fault, isFault } from '../../fault/fault.ts';
import type { ByteSocket } from '../../runtime/socket.ts';
import { Dialogue } from '../dialogue.ts';
import type { DialogueLine, MailEndpoint } from '../endpoint.ts';
import { Intake } from '../intake.ts';
import type { SmtpLimits } from './endpoint.ts';
import { farewell, onOneLine, type Purpose, refusal } from './refusal.ts';
import { type SmtpEvent, SmtpReader, type SmtpReply } from './wire.ts';

export interface RunOptions {
  readonly purpose?: Purpose;
  readonly timeoutMs?: number;
  /** Further facts, asked for when the refusal is there. */
  readonly evidence?: () => Evidence;
  /** What stands in the dialogue and in evidence instead of the command. */
  readonly masked?: string;
  /** The first digit hoped for: 2 (done), 3 (go on). */
  readonly hopedFor?: 2 | 3;
  /** What is to be done at 334. Without it an unexpected one is a fault. */
  readonly onContinue?: (text: string) => Promise<void>;
}

export class SmtpSession {
  readonly endpoint: MailEndpoint;
  readonly limits: SmtpLimits;
  readonly dialogue: Dialogue;
  /** Parameters by keyword in upper case. */
  capabilities: ReadonlyMap<string, string> = new Map();
  readonly #ownName: string;
  readonly #intake: Intake<SmtpEvent, SmtpReader>;
  #closed = false;

  constructor(
    endpoint: MailEndpoint,
    limits: SmtpLimits,
    ownName: string,
    socket: ByteSocket,
    onDialogue: ((line: DialogueLine) => void) | undefined,
  ) {
    this.endpoint = endpoint;
    this.limits = limits;
    this.#ownName = ownName;
    this.dialogue = new Dialogue(onDialogue);
    this.#intake = new Intake(socket, new SmtpReader(limits), this.where);
  }

  get where(): Evidence {
    return { host: this.endpoint.host, port: this.endpoint.port };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a command and waits for its answer. @throws Fault for one that was not hoped for (the session stays usable, but for 421), and for whatever ends the session. */
  async run(command: string, options: RunOptions = {}): Promise<SmtpReply> {
    if (this.#intake.pending) throw await this.#unasked();
    await this.sendLine(command, options.masked);
    return await this.answer(command, options);
  }

  /** Waits for the answer to what was just sent. @throws as `run`. */
  async answer(command: string, { purpose, timeoutMs, evidence, masked, hopedFor = 2, onContinue }: RunOptions = {}): Promise<SmtpReply> {
    for (;;) {
      const reply = await this.#reply(timeoutMs ?? this.limits.commandTimeoutMs);
      if (reply.code === 334 && onContinue !== undefined) {
        await onContinue(reply.text);
        continue;
      }
      if (Math.floor(reply.code / 100) === hopedFor) return reply;
      if (reply.code < 400) throw this.unexpected('an answer out of turn', onOneLine(reply));
      // RFC 5321 §3.8: after 421 the server closes.
      if (reply.code === 421) this.close();
      const shownCommand = (masked ?? command).slice(0, 80);
      throw refusal(this.#masked(reply), purpose ?? 'other', { ...this.where, command: shownCommand, ...evidence?.() });
    }
  }

  /** Sends a command and gives the answer, whatever it is; 421 closes. For who passes the talk of another client on. @throws Fault for whatever ends the session */
  async ask(command: string, timeoutMs: number = this.limits.commandTimeoutMs): Promise<SmtpReply> {
    if (this.#intake.pending) throw await this.#unasked();
    await this.sendLine(command);
    return await this.heard(timeoutMs);
  }

  /** The next answer, whatever it is; 421 closes. @throws as `ask` */
  async heard(timeoutMs: number = this.limits.commandTimeoutMs): Promise<SmtpReply> {
    const reply = await this.#reply(timeoutMs);
    // RFC 5321 §3.8.
    if (reply.code === 421) this.close();
    return reply;
  }

  /** Sends one line without waiting. `masked` stands for it in the dialogue. */
  async sendLine(line: string, masked?: string): Promise<void> {
    // A letter beyond a byte would be cut down to one, and that may be a line end.
    if (/[\r\n\0]|[^\0-\xff]/.test(line)) throw new Error('a line to send holds a line end, or more than octets');
    this.dialogue.say('client', () => masked ?? line);
    await this.write(Buffer.from(`${line}\r\n`, 'latin1'));
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#intake.write(bytes);
    } catch (error) {
      throw this.#gone(this.#saidBefore() ?? error);
    }
  }

  /** The greeting's text. @throws Fault `smtp.closed-by-server`, `smtp.service-unavailable` … */
  async greeting(): Promise<string> {
    const reply = await this.#reply(this.limits.connectTimeoutMs);
    if (reply.code === 220) return reply.text;
    this.close();
    throw reply.code >= 400 ? farewell(this.#masked(reply), this.where) : this.unexpected('no greeting', onOneLine(reply));
  }

  /** RFC 5321 §4.1.1.1. */
  async hello(): Promise<void> {
    const { text } = await this.run(`EHLO ${this.#ownName}`);
    const told = new Map<string, string>();
    for (const line of text.split('\n').slice(1)) {
      // Before RFC 2554 it was `AUTH=LOGIN`; some still say both.
      const [name = '', ...rest] = line
        .trim()
        .replace(/^AUTH=/i, 'AUTH ')
        .split(/ +/);
      const keyword = name.toUpperCase();
      if (keyword !== '') told.set(keyword, [told.get(keyword) ?? '', ...rest].filter(Boolean).join(' '));
    }
    this.capabilities = told;
  }

  /** RFC 3207 §4. @throws Fault `smtp.starttls-missing`, `network.*`. */
  async startTls(): Promise<void> {
    if (!this.capabilities.has('STARTTLS')) throw new Fault('smtp.starttls-missing', { ...this.where, reason: 'not offered' });
    try {
      await this.run('STARTTLS', { timeoutMs: this.limits.connectTimeoutMs });
    } catch (error) {
      if (!isFault(error, 'smtp.refused')) throw error;
      throw new Fault('smtp.starttls-missing', { ...error.evidence, reason: 'refused' }, { cause: error });
    }
    // Text that was sent in the clear behind the 220 would be taken for an answer from inside the encryption.
    if (this.#intake.pending) {
      this.close();
      throw new Fault('smtp.starttls-missing', { ...this.where, reason: 'text before the handshake' });
    }
    await this.#intake.startTls(new SmtpReader(this.limits), this.limits.connectTimeoutMs);
    // RFC 3207 §4.2: what was told in the clear is forgotten.
    this.capabilities = new Map();
  }

  /** RFC 5321 §4.1.1.10. Nothing hangs on the answer: mail that was accepted is accepted, so a refusal (Dovecot has lost its relay) is no failure. */
  async quit(): Promise<void> {
    try {
      await this.run('QUIT', { timeoutMs: this.limits.connectTimeoutMs });
    } catch (error) {
      if (!isFault(error)) throw error;
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#closed = true;
    this.#intake.destroy();
  }

  /** Closes the session and returns the fault to throw. */
  unexpected(reason: string, text: string): Fault {
    this.close();
    return new Fault('smtp.protocol', { ...this.where, reason, server: this.dialogue.speakable(text).slice(0, 200) });
  }

  /** @throws Fault: no SMTP, silence, the end of the connection; the session is then closed. */
  async #reply(timeoutMs: number): Promise<SmtpReply> {
    let event: SmtpEvent;
    try {
      event = await this.#intake.next(timeoutMs);
    } catch (error) {
      throw this.#gone(error);
    }
    this.#say(event);
    if (event.kind === 'reply') return event;
    throw this.unexpected('not SMTP', event.text);
  }

  #say(event: SmtpEvent): void {
    const lines = event.text.split('\n');
    lines.forEach((line, index) => {
      const number = event.kind === 'stray' ? '' : `${event.code}${index < lines.length - 1 ? '-' : ' '}`;
      this.dialogue.say('server', () => `${number}${line}`.trimEnd());
    });
  }

  /** Something lies here that answers nothing we sent. */
  async #unasked(): Promise<Fault> {
    const reply = await this.#reply(this.limits.commandTimeoutMs);
    if (reply.code < 400) return this.unexpected('an answer that nobody asked for', onOneLine(reply));
    this.close();
    return farewell(this.#masked(reply), this.where);
  }

  /** A server that has closed may have said why before our write failed. */
  #saidBefore(): Fault | undefined {
    try {
      for (let event = this.#intake.ready(); event !== undefined; event = this.#intake.ready()) {
        if (event.kind === 'reply' && event.code >= 400) return farewell(this.#masked(event), this.where);
      }
      return undefined;
    } catch {
      return undefined;
    }
  }

  #masked(reply: SmtpReply): SmtpReply {
    return { ...reply, text: this.dialogue.speakable(reply.text) };
  }

  #gone(error: unknown): unknown {
    this.close();
    return error;
  }
}

/**
 * A connection that speaks POP3 commands: the wait for answers, messages that are still coming in, the dialogue for the log.
 *
 * The hard thing: answers have no names, only an order. An answer that nobody asked for would be taken for the next one's, so nothing
 * may lie unread when a command goes out; and after a fault that leaves the order in doubt the connection is closed. A session is
 * either in a known state or gone. One task at a time uses a session.
 */
import { type Evidence, Fault, isFault } from '../../fault/fault.ts';
import type { ByteSocket } from '../../runtime/socket.ts';
import { Dialogue } from '../dialogue.ts';
import type { DialogueLine, HandedOver, MailEndpoint } from '../endpoint.ts';
import { Intake } from '../intake.ts';
import type { PopLimits } from './endpoint.ts';
import { farewell, knownRefusal, type Purpose, refusal } from './refusal.ts';
import { type AnswerForm, type PopEvent, PopReader, type PopStatus } from './wire.ts';

export interface RunOptions {
  /** Asked when the refusal is there. */
  readonly purpose?: () => Purpose;
  readonly timeoutMs?: number;
  /** Further facts, asked for when the refusal is there. */
  readonly evidence?: () => Evidence;
  /** What stands in the dialogue and in evidence instead of the command. */
  readonly masked?: string;
  /** A `+` of the server. Without it an unexpected one is a fault. */
  readonly onContinue?: (text: string) => Promise<void>;
}

/** Full speed three round trips later, and little lost should the server refuse. */
const firstWindow = 32;

/** Short commands with short answers, sent ahead: well within the input buffer of any server. */
const commandsInFlight = 100;

/** Refusals after which the server is gone, or will not go on with this session. */
const lastWords = ['pop.closed-by-server', 'pop.protocol-error-closed', 'pop.token-expired'] as const;

export class PopSession {
  readonly limits: PopLimits;
  readonly dialogue: Dialogue;
  /**
   * Messages that may be asked for ahead just now: one more with each that comes, so that it doubles with each round trip. A server that
   * asks for a pause gets them one by one again, since what was in flight was refused for nothing.
   */
  window = firstWindow;
  /** Undefined: the server does not know CAPA. */
  capabilities: ReadonlyMap<string, string> | undefined;
  readonly #endpoint: MailEndpoint;
  readonly #intake: Intake<PopEvent, PopReader>;
  /** The message whose bytes are still to be read. */
  #arriving: ArrivingMessage | undefined;
  /** Commands without their answer yet. */
  #waiting = 0;
  #closed = false;

  constructor(endpoint: MailEndpoint, limits: PopLimits, socket: ByteSocket, onDialogue?: (line: DialogueLine) => void) {
    this.#endpoint = endpoint;
    this.limits = limits;
    this.dialogue = new Dialogue(onDialogue);
    this.#intake = new Intake(socket, new PopReader(limits), this.where);
  }

  get where(): Evidence {
    return { host: this.#endpoint.host, port: this.#endpoint.port };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** RFC 2449 §6.6: whether commands may be sent before the answers to earlier ones are there. */
  get pipelines(): boolean {
    return this.capabilities?.has('PIPELINING') === true;
  }

  /** Sends a command with a one-line answer and waits for +OK; returns its text. @throws Fault for -ERR (the session stays usable but for last words), and for whatever ends the session. */
  async run(command: string, options: RunOptions = {}): Promise<string> {
    return await this.#ask(command, 'status', options);
  }

  /** Sends a command whose answer is a list, and gives each line to `onLine`. @throws as `run`. */
  async runList(command: string, onLine: (line: string) => void, options: RunOptions = {}): Promise<void> {
    await this.#ask(command, 'lines', options);
    await this.#readLines(command, onLine, options.timeoutMs ?? this.limits.commandTimeoutMs);
  }

  /**
   * Like `runList` for several commands, which go out together where the server has PIPELINING; else none after one that was refused.
   * @returns the refusal of each command, undefined where there was none
   * @throws Fault for whatever ends the session
   */
  async runLists(asked: readonly { readonly command: string; readonly onLine: (line: string) => void }[]): Promise<(Fault | undefined)[]> {
    const commands = asked.map(({ command }) => command);
    if (this.pipelines) await this.send(commands, 'lines');
    const refusals: (Fault | undefined)[] = [];
    for (const { command, onLine } of asked) {
      const [refused] = refusals.filter((refusal) => refusal !== undefined);
      if (refused !== undefined && !this.pipelines) break;
      if (!this.pipelines) await this.send([command], 'lines');
      const answer = await this.status(this.limits.commandTimeoutMs).catch((error: unknown) => {
        // A server that hangs up after a refusal has said why.
        throw refused ?? error;
      });
      const refusal = answer.ok ? undefined : this.refused(answer, command);
      if (refusal !== undefined && this.#closed) throw refusal;
      if (refusal === undefined) await this.#readLines(command, onLine, this.limits.commandTimeoutMs);
      refusals.push(refusal);
    }
    return refusals;
  }

  /** @returns the refusal of each command that was refused, by its place; several are in flight where the server has PIPELINING */
  async runAll(commands: readonly string[]): Promise<ReadonlyMap<number, Fault>> {
    const refusals = new Map<number, Fault>();
    const most = this.pipelines ? commandsInFlight : 1;
    for (let from = 0; from < commands.length; from += most) {
      const batch = commands.slice(from, from + most);
      await this.send(batch, 'status');
      for (const [index, command] of batch.entries()) {
        const answer = await this.status(this.limits.commandTimeoutMs);
        if (answer.ok) continue;
        const refusal = this.refused(answer, command);
        if (this.#closed) throw refusal;
        refusals.set(from + index, refusal);
      }
    }
    return refusals;
  }

  async #readLines(command: string, onLine: (line: string) => void, timeoutMs: number): Promise<void> {
    for (let lines = 0; ; lines += 1) {
      const event = await this.#event(timeoutMs);
      if (event.kind === 'end') return;
      if (lines >= this.limits.maxListLines) throw this.unexpected('too many lines', command, { maxListLines: this.limits.maxListLines });
      if (event.kind === 'line') onLine(event.text);
    }
  }

  /** Sends a command whose answer is a message, and returns it when the server has said +OK. @throws as `run`. */
  async runMessage(command: string): Promise<AsyncIterable<Uint8Array>> {
    await this.#ask(command, 'message', {});
    return this.arriving();
  }

  /** Sends commands without waiting, after what is left of a message was passed over. */
  async send(commands: readonly string[], form: AnswerForm, masked?: string): Promise<void> {
    if (commands.some((command) => /[\r\n\0]/.test(command))) throw new Error('a command holds a line end');
    if (this.#waiting === 0) {
      await this.#arriving?.passOver();
      if (this.#intake.pending) throw await this.#unasked();
    }
    for (const command of commands) {
      this.#intake.reader.expect(form);
      this.dialogue.say('client', () => masked ?? command);
    }
    this.#waiting += commands.length;
    await this.#write(`${commands.join('\r\n')}\r\n`);
  }

  /** The answer to the oldest command that was sent. */
  async status(timeoutMs: number, onContinue?: (text: string) => Promise<void>): Promise<PopStatus> {
    for (;;) {
      const event = await this.#event(timeoutMs);
      if (event.kind === 'continue' && onContinue !== undefined) {
        await onContinue(event.text);
        continue;
      }
      if (event.kind !== 'status') throw this.unexpected('not POP3', 'text' in event ? event.text : event.kind);
      this.#waiting = Math.max(0, this.#waiting - 1);
      return event;
    }
  }

  /** The message whose +OK was just read. */
  arriving(): ArrivingMessage {
    this.#arriving = new ArrivingMessage(async () => {
      const event = await this.#event(this.limits.stallTimeoutMs);
      return event.kind === 'chunk' ? event.bytes : undefined;
    }, this.dialogue);
    return this.#arriving;
  }

  /** Sends one line that is no command: an answer to a continuation. `masked` stands for it in the dialogue. */
  async sendLine(line: string, masked?: string): Promise<void> {
    this.dialogue.say('client', () => masked ?? line);
    await this.#write(`${line}\r\n`);
  }

  /** The fault for -ERR to `command`; closes the session where the server does, or where its answer makes it useless. */
  refused(answer: PopStatus, command: string, purpose: Purpose = 'other', evidence: Evidence = {}): Fault {
    const fault = refusal(this.#masked(answer), purpose, {
      ...this.where,
      command: command.slice(0, 80),
      ...evidence,
      ...this.#delay(answer),
    });
    if (isFault(fault, ...lastWords)) this.close();
    return fault;
  }

  /** The greeting's text. @throws Fault `pop.closed-by-server` for -ERR. */
  async greeting(): Promise<string> {
    const answer = await this.status(this.limits.connectTimeoutMs);
    if (answer.ok) return answer.text;
    this.close();
    throw farewell(this.#masked(answer), this.where);
  }

  /** RFC 2449 §5. A server that refuses CAPA just has none. */
  async askCapabilities(): Promise<void> {
    const told = new Map<string, string>();
    try {
      await this.runList('CAPA', (line) => {
        const [name = '', ...rest] = line.trim().split(/ +/);
        told.set(name.toUpperCase(), rest.join(' '));
      });
      this.capabilities = told;
    } catch (error) {
      if (!isFault(error, 'pop.refused')) throw error;
      this.capabilities = undefined;
    }
  }

  /** RFC 2595 §4. @throws Fault `pop.starttls-missing`, `network.*`. */
  async startTls(): Promise<void> {
    if (this.capabilities?.has('STLS') === false) throw new Fault('pop.starttls-missing', { ...this.where, reason: 'not offered' });
    try {
      await this.run('STLS', { timeoutMs: this.limits.connectTimeoutMs });
    } catch (error) {
      if (!isFault(error, 'pop.refused')) throw error;
      throw new Fault('pop.starttls-missing', { ...error.evidence, reason: 'refused' }, { cause: error });
    }
    // Text that was sent in the clear behind the +OK would be taken for an answer from inside the encryption.
    if (this.#intake.pending) {
      this.close();
      throw new Fault('pop.starttls-missing', { ...this.where, reason: 'text before the handshake' });
    }
    await this.#intake.startTls(new PopReader(this.limits), this.limits.connectTimeoutMs);
    this.capabilities = undefined;
  }

  /** RFC 1939 §6: only now are messages removed. */
  async quit(): Promise<void> {
    try {
      await this.run('QUIT');
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#closed = true;
    this.#intake.destroy();
  }

  /** Hands the connection over as it is, between two answers; this session is of no more use. */
  release(): HandedOver {
    const { rest } = this.#intake.reader;
    const { socket, unread } = this.#intake.release();
    this.#closed = true;
    return { socket, unread: Buffer.concat([rest, ...unread]) };
  }

  /** Closes the session and returns the fault to throw. */
  unexpected(reason: string, text: string, evidence: Evidence = {}): Fault {
    this.close();
    return new Fault('pop.protocol', { ...this.where, reason, server: this.dialogue.speakable(text).slice(0, 200), ...evidence });
  }

  async #ask(command: string, form: AnswerForm, { purpose, timeoutMs, evidence, masked, onContinue }: RunOptions): Promise<string> {
    await this.send([command], form, masked);
    const answer = await this.status(timeoutMs ?? this.limits.commandTimeoutMs, onContinue);
    if (answer.ok) return answer.text;
    throw this.refused(answer, masked ?? command, purpose?.(), evidence?.());
  }

  /** @throws Fault: what the reader could not read, silence, the end of the connection; the session is then closed. */
  async #event(timeoutMs: number): Promise<PopEvent> {
    try {
      const event = await this.#intake.next(timeoutMs);
      if (event.kind !== 'chunk') this.dialogue.say('server', () => shown(event));
      return event;
    } catch (error) {
      throw this.#gone(error);
    }
  }

  async #write(text: string): Promise<void> {
    try {
      await this.#intake.write(Buffer.from(text, 'latin1'));
    } catch (error) {
      throw this.#gone(this.#saidBefore() ?? error);
    }
  }

  /** Something lies here that answers nothing we sent. */
  async #unasked(): Promise<Fault> {
    const event = await this.#event(this.limits.commandTimeoutMs);
    if (event.kind !== 'status' || event.ok)
      return this.unexpected('an answer that nobody asked for', 'text' in event ? event.text : event.kind);
    this.close();
    return farewell(this.#masked(event), this.where);
  }

  /** A server that has closed may have said why before our write failed. */
  #saidBefore(): Fault | undefined {
    try {
      for (let event = this.#intake.ready(); event !== undefined; event = this.#intake.ready()) {
        if (event.kind === 'status' && !event.ok) return knownRefusal(this.#masked(event), this.where);
      }
      return undefined;
    } catch {
      return undefined;
    }
  }

  #masked(answer: PopStatus): PopStatus {
    return { ...answer, text: this.dialogue.speakable(answer.text) };
  }

  /** RFC 2449 §6.5: the seconds stand in CAPA, perhaps with `USER` behind them. */
  #delay({ code }: PopStatus): Evidence {
    const seconds = code === 'LOGIN-DELAY' ? /^\d{1,9}/.exec(this.capabilities?.get('LOGIN-DELAY') ?? '')?.[0] : undefined;
    return seconds === undefined ? {} : { backoffMs: Number(seconds) * 1000 };
  }

  #gone(error: unknown): unknown {
    this.close();
    return error;
  }
}

/** A message whose bytes are just coming in; reads from the session, so it lives only until the next command. */
export class ArrivingMessage implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #nextPiece: () => Promise<Uint8Array | undefined>;
  readonly #dialogue: Dialogue;
  #bytes = 0;
  #complete = false;

  constructor(nextPiece: () => Promise<Uint8Array | undefined>, dialogue: Dialogue) {
    this.#nextPiece = nextPiece;
    this.#dialogue = dialogue;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#complete) return { done: true, value: undefined };
    const value = await this.#nextPiece();
    if (value !== undefined) {
      this.#bytes += value.length;
      return { done: false, value };
    }
    this.#complete = true;
    this.#dialogue.say('server', () => `[${this.#bytes} bytes]`);
    return { done: true, value: undefined };
  }

  async passOver(): Promise<void> {
    while (!(await this.next()).done);
  }
}

function shown(event: PopEvent): string {
  switch (event.kind) {
    case 'status':
      return `${event.ok ? '+OK' : '-ERR'} ${event.code === undefined ? '' : `[${event.code}] `}${event.text}`.trimEnd();
    case 'continue':
      return `+ ${event.text}`;
    case 'end':
      return '.';
    default:
      return 'text' in event ? event.text : '';
  }
}

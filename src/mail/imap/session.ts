/**
 * A connection that speaks IMAP commands: tags, the wait for answers, what arrives unasked, the dialogue for the log.
 *
 * The hard thing: anything may come at any time. BYE and Exchange's untagged complaints end what is being waited for with a fault;
 * everything else goes to whoever waits. After a fault that leaves the dialogue in doubt the connection is closed, so a session is
 * either in a known state or gone. One task at a time uses a session.
 */
import { type Evidence, Fault, isFault } from '../../fault/fault.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ByteSocket } from '../../runtime/socket.ts';
import { Dialogue } from '../dialogue.ts';
import type { DialogueLine, HandedOver } from '../endpoint.ts';
import type { ImapEndpoint, ImapLimits } from './endpoint.ts';
import { farewell, knownRefusal, type Purpose, refusal } from './refusal.ts';
import { type Response, type StatusText, words } from './responses.ts';
import { LiteralText, type Part } from './values.ts';
import { type WireEvent, WireReader } from './wire.ts';

/** A piece of a command: text as it is sent, or a value that goes as a literal because it holds bytes that a quoted string may not. */
export type CommandPart = string | { readonly literal: Uint8Array };

export interface RunOptions {
  readonly purpose?: Purpose;
  readonly timeoutMs?: number;
  /** Further facts, asked for when the refusal is there. */
  readonly evidence?: () => Evidence;
  /** What stands in the dialogue and in evidence instead of the parts. */
  readonly masked?: string;
  /** Untagged answers in between. */
  readonly onResponse?: (response: Response) => void;
  /** A `+` of the server. Without it an unexpected one is a fault. */
  readonly onContinue?: (text: string) => Promise<void>;
}

export interface FolderView {
  /** Messages in it, by the last EXISTS and the EXPUNGEs behind it. */
  exists: number;
  /** Grows whenever a message came or went. */
  changes: number;
}

export class Session {
  readonly endpoint: ImapEndpoint;
  readonly limits: ImapLimits;
  readonly clock: Clock;
  capabilities: ReadonlySet<string> = new Set();
  /** Folder names as the server listed them, by their decoded form: decoding is not always reversible. */
  readonly rawNames = new Map<string, string>();
  readonly dialogue: Dialogue;
  /** The open folder, by what the server tells of it with any answer. */
  readonly view: FolderView = { exists: 0, changes: 0 };
  readonly #socket: ByteSocket;
  #wire: WireReader;
  #lastTag = 0;
  #bye: Fault | undefined;
  #loggingOut = false;
  #closed = false;

  constructor(endpoint: ImapEndpoint, limits: ImapLimits, clock: Clock, socket: ByteSocket, onDialogue?: (line: DialogueLine) => void) {
    this.endpoint = endpoint;
    this.limits = limits;
    this.clock = clock;
    this.#socket = socket;
    this.dialogue = new Dialogue(onDialogue);
    this.#wire = new WireReader(limits);
  }

  get where(): Evidence {
    return { host: this.endpoint.host, port: this.endpoint.port };
  }

  /** Sends a command and waits for its tagged OK. @throws Fault for NO and BAD (the session stays usable), and for whatever ends the session. */
  async run(command: readonly CommandPart[], options: RunOptions = {}): Promise<StatusText> {
    const tag = await this.send(command, options.masked);
    for (;;) {
      const response = await this.response(options.timeoutMs ?? this.limits.commandTimeoutMs);
      if (response.kind === 'tagged' && response.tag === tag) {
        this.noteStatus(response);
        if (response.status === 'OK') return response;
        throw this.refused(response, options.masked ?? firstWords(command), options.purpose, options.evidence?.());
      }
      if (response.kind === 'continue') {
        if (options.onContinue === undefined) throw this.unexpected('a continuation that nobody asked for', response.text);
        await options.onContinue(response.text);
      } else {
        options.onResponse?.(response);
      }
    }
  }

  /** The fault for a NO or BAD to `command`. */
  refused(
    answer: { status: 'OK' | 'NO' | 'BAD' } & StatusText,
    command: string,
    purpose: Purpose = 'other',
    evidence: Evidence = {},
  ): Fault {
    const status = answer.status === 'NO' ? 'NO' : 'BAD';
    return refusal(status, { ...answer, text: this.dialogue.speakable(answer.text) }, purpose, {
      ...this.where,
      command,
      status,
      ...evidence,
    });
  }

  /** Sends a command and does not wait for its end; waits only where a literal needs the server's consent. Returns the tag. */
  async send(command: readonly CommandPart[], masked?: string): Promise<string> {
    this.#lastTag += 1;
    const tag = `P${this.#lastTag}`;
    this.dialogue.say('client', () => `${tag} ${masked ?? command.map(shown).join('')}`);
    let line = `${tag} `;
    for (const part of command) {
      if (typeof part === 'string') {
        if (/[\r\n\0]/.test(part)) throw new Error('a command part holds a line end; it should have been a literal');
        line += part;
        continue;
      }
      // RFC 7888 §3: `{n+}` needs no consent.
      const atOnce = this.capabilities.has('LITERAL+');
      await this.write(Buffer.from(`${line}{${part.literal.length}${atOnce ? '+' : ''}}\r\n`, 'latin1'));
      if (!atOnce) await this.#consent(tag, masked ?? firstWords(command));
      await this.write(part.literal);
      line = '';
    }
    await this.write(Buffer.from(`${line}\r\n`, 'latin1'));
    return tag;
  }

  /** Sends one line that is no command: the answer to a continuation, or DONE. `masked` stands for it in the dialogue. */
  async sendLine(line: string, masked?: string): Promise<void> {
    this.dialogue.say('client', () => masked ?? line);
    await this.write(Buffer.from(`${line}\r\n`, 'latin1'));
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#socket.write(bytes);
    } catch (error) {
      throw this.#gone(this.#lastWords() ?? error);
    }
  }

  /** The next answer; message bodies that come with it are passed over. @throws as `event`. */
  async response(timeoutMs: number | undefined, signal?: AbortSignal): Promise<Response> {
    for (;;) {
      const event = await this.event(timeoutMs, signal);
      if (event.kind === 'response') return event.response;
    }
  }

  /**
   * The next event of the wire. `timeoutMs` is the longest silence; inside a body it is the stall limit. `signal` gives up the wait only.
   * @throws Fault: the server said BYE or complained untagged, went silent, or the connection broke; the session is then closed.
   */
  async event(timeoutMs: number | undefined, signal?: AbortSignal): Promise<WireEvent> {
    try {
      for (;;) {
        const event = this.#wire.next();
        if (event !== undefined) {
          if (event.kind === 'response') this.#note(event.response, event.parts);
          return event;
        }
        const chunk =
          this.#socket.take() ??
          (await this.#socket.read({ timeoutMs: this.#wire.inBody ? this.limits.stallTimeoutMs : timeoutMs, signal }));
        if (chunk === undefined) throw new Fault('network.connection-lost', { ...this.where, closedBy: 'server' });
        this.#wire.push(chunk);
      }
    } catch (error) {
      if (signal?.aborted && error === signal.reason) throw error;
      throw this.#gone(error);
    }
  }

  /** RFC 9051 §6.2.1. @throws Fault `imap.starttls-missing`, `network.*`. */
  async startTls(): Promise<void> {
    if (!this.capabilities.has('STARTTLS')) throw new Fault('imap.starttls-missing', { ...this.where, reason: 'not offered' });
    try {
      await this.run(['STARTTLS']);
    } catch (error) {
      if (!isFault(error, 'imap.refused', 'imap.bad-command')) throw error;
      throw new Fault('imap.starttls-missing', { ...error.evidence, reason: 'refused' }, { cause: error });
    }
    // RFC 9051 §11.1: text that was sent in the clear behind the OK would be taken for an answer from inside the encryption.
    if (!this.#wire.clean || this.#socket.bufferedBytes > 0) {
      this.close();
      throw new Fault('imap.starttls-missing', { ...this.where, reason: 'text before the handshake' });
    }
    await this.#socket.startTls(this.limits.connectTimeoutMs);
    this.#wire = new WireReader(this.limits);
    this.capabilities = new Set();
  }

  async capability(timeoutMs = this.limits.commandTimeoutMs): Promise<void> {
    await this.run(['CAPABILITY'], { timeoutMs });
  }

  /** From here on a BYE is what we asked for. */
  async logout(): Promise<void> {
    this.#loggingOut = true;
    try {
      await this.run(['LOGOUT']);
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  /** Hands the connection over as it is, between two answers; this session is of no more use. */
  release(): HandedOver {
    const { socket, unread } = this.#socket.release();
    this.#closed = true;
    return { socket, unread: Buffer.concat([this.#wire.rest, ...unread]) };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes over the capabilities that a status answer carries. Returns whether it did. */
  noteStatus(answer: StatusText): boolean {
    if (answer.code?.name !== 'CAPABILITY') return false;
    this.capabilities = new Set(words(answer.code.argument));
    return true;
  }

  /** Closes the session and returns the fault to throw. */
  unexpected(reason: string, text: string): Fault {
    this.close();
    return new Fault('imap.protocol', { ...this.where, reason, server: this.dialogue.speakable(text).slice(0, 200) });
  }

  #note(response: Response, parts: readonly Part[]): void {
    this.dialogue.say('server', () => parts.map(shown).join(''));
    if (response.kind === 'capability') this.capabilities = new Set(response.names);
    else if (response.kind === 'exists') this.#noteExists(response.count);
    else if (response.kind === 'expunge') this.#noteExists(Math.max(0, this.view.exists - 1));
    else if (response.kind === 'stray')
      throw this.#untagged({ code: undefined, text: response.text }) ?? this.unexpected('not IMAP', response.text);
    else if (response.kind === 'status') {
      if (response.status === 'BYE') {
        if (this.#loggingOut) return;
        this.#bye = farewell({ ...response, text: this.dialogue.speakable(response.text) }, this.where);
        throw this.#bye;
      }
      if (response.status === 'OK' || response.status === 'PREAUTH') this.noteStatus(response);
      else {
        const fault = this.#untagged(response);
        if (fault !== undefined) throw fault;
      }
    } else if (response.kind === 'tagged' && !this.#isOurs(response.tag)) {
      // M365 (doc): Exchange sends some complaints under an odd tag.
      throw this.#untagged(response) ?? this.unexpected('an answer to a command that was not sent', `${response.tag} ${response.text}`);
    }
  }

  /** RFC 9051 §7.4.1: a server may repeat a number that has not changed. */
  #noteExists(count: number): void {
    if (count === this.view.exists) return;
    this.view.exists = count;
    this.view.changes += 1;
  }

  #untagged(answer: StatusText): Fault | undefined {
    return knownRefusal({ ...answer, text: this.dialogue.speakable(answer.text) }, this.where);
  }

  #isOurs(tag: string): boolean {
    const number = /^P([1-9]\d{0,14})$/.exec(tag)?.[1];
    return number !== undefined && Number(number) <= this.#lastTag;
  }

  async #consent(tag: string, command: string): Promise<void> {
    for (;;) {
      const response = await this.response(this.limits.commandTimeoutMs);
      if (response.kind === 'continue') return;
      if (response.kind === 'tagged' && response.tag === tag) throw this.refused(response, command);
    }
  }

  /** A server that has closed may have said why (BYE) before our write failed: reads what has arrived. */
  #lastWords(): unknown {
    try {
      for (;;) {
        const event = this.#wire.next();
        if (event?.kind === 'response') this.#note(event.response, event.parts);
        if (event !== undefined) continue;
        const chunk = this.#socket.take();
        if (chunk === undefined) return undefined;
        this.#wire.push(chunk);
      }
    } catch (error) {
      return error;
    }
  }

  #gone(error: unknown): unknown {
    this.close();
    return this.#bye ?? error;
  }
}

function shown(part: CommandPart | Part): string {
  if (typeof part === 'string') return part;
  if (part instanceof LiteralText) return `{${part.text.length}} ${part.text}`;
  if ('literal' in part) return `{${part.literal.length}} ${Buffer.from(part.literal).toString('latin1')}`;
  return `[${part.bytes} bytes]`;
}

/** Text (one character a byte) as an argument: quoted where that can hold it, else as a literal. RFC 9051 §4.3. */
export function astring(text: string): CommandPart {
  if (/^[\x20-\x7e]{0,1000}$/.test(text)) return `"${text.replace(/["\\]/g, '\\$&')}"`;
  return { literal: Buffer.from(text, 'latin1') };
}

/** Enough of a command to know it by: its text up to 80 letters. */
function firstWords(command: readonly CommandPart[]): string {
  return command.map(shown).join('').slice(0, 80);
}

/**
 * The talk with an application before its login: lines and literals out of a socket, answers into it.
 *
 * The hard thing is to owe strangers nothing. At most one chunk of a connection lies in memory, since it is paused as soon as something has
 * come; a line has a longest length; and the whole talk has one deadline, which slow bytes do not move. Bytes that came before a TLS
 * handshake are never read behind it.
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';

/** Why a talk ended before a login. Not a fault of ours: told in counts and in the log. */
export class TalkEnded extends Error {
  readonly reason: 'gone' | 'deadline' | 'line-too-long' | 'injection' | 'tls-failed' | 'too-many-commands' | 'closing';

  constructor(reason: TalkEnded['reason']) {
    super(reason);
    this.name = 'TalkEnded';
    this.reason = reason;
  }
}

/** Hears a talk, where it is to be written down. */
export interface Ear {
  /** A line of the application; one character a byte. */
  heard(line: string): void;
  literal(bytes: Uint8Array): void;
  /** Bytes of a message: none of them is of interest. */
  content(bytes: number): void;
  said(text: string): void;
  note(text: string): void;
}

/** One for all: an error keeps the trace of where it was made, and these would be kept as long as their sessions. */
const handedOver = new TalkEnded('closing');

const LF = 10;
const CR = 13;
const nothing = Buffer.alloc(0);

export class Talk {
  #socket: Socket;
  #unread: Buffer = nothing;
  #ended: TalkEnded | undefined;
  #inputEnded = false;
  #waiter: (() => void) | undefined;
  #deadline: NodeJS.Timeout;
  readonly #ear: Ear | undefined;
  readonly #gone = new AbortController();
  readonly #onData = (chunk: Buffer): void => {
    this.#socket.pause();
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    this.#wake();
  };
  /** It has nothing more to say; it may still listen. */
  readonly #onEnd = (): void => {
    this.#inputEnded = true;
    this.#wake();
  };
  readonly #onGone = (): void => {
    this.#stop('gone');
  };

  /** @param ms from now to the end of the login */
  constructor(socket: Socket, ms: number, ear?: Ear) {
    this.#socket = socket;
    this.#ear = ear;
    this.#deadline = setTimeout(() => this.end('deadline'), ms);
    socket.pause();
    this.#listen();
  }

  get secure(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  /** Whether something has come that was not read. */
  get pending(): boolean {
    return this.#unread.length > 0;
  }

  /** Whether it has ended or was handed over: whoever did that sees to the connection. */
  get settled(): boolean {
    return this.#ended !== undefined;
  }

  /** Aborted when nobody is left to answer. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The next line without its end, one character a byte. @throws TalkEnded */
  async line(most: number): Promise<string> {
    let searched = 0;
    for (;;) {
      const lf = this.#unread.indexOf(LF, searched);
      if ((lf < 0 ? this.#unread.length : lf) > most) throw new TalkEnded('line-too-long');
      if (lf >= 0) {
        const end = lf > 0 && this.#unread[lf - 1] === CR ? lf - 1 : lf;
        const text = this.#unread.toString('latin1', 0, end);
        this.#unread = this.#unread.subarray(lf + 1);
        this.#ear?.heard(text);
        return text;
      }
      searched = this.#unread.length;
      await this.#more();
    }
  }

  /** So many bytes. The caller has bounded their number. @throws TalkEnded */
  async bytes(count: number): Promise<Buffer> {
    while (this.#unread.length < count) await this.#more();
    const bytes = Buffer.from(this.#unread.subarray(0, count));
    this.#unread = this.#unread.subarray(count);
    this.#ear?.literal(bytes);
    return bytes;
  }

  /** Whatever has come, or comes next. @throws TalkEnded */
  async chunk(): Promise<Buffer> {
    while (this.#unread.length === 0) await this.#more();
    const chunk = this.#unread;
    this.#unread = nothing;
    this.#ear?.content(chunk.length);
    return chunk;
  }

  /** Takes bytes back that were read too far. */
  unread(bytes: Buffer): void {
    this.#ear?.content(-bytes.length);
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([bytes, this.#unread]);
  }

  /** Text with one character a byte; line ends are the caller's. An application that does not read is ended by the deadline. */
  say(text: string): void {
    if (this.#ended !== undefined || !this.#socket.writable) return;
    this.#ear?.said(text);
    this.#socket.write(text, 'latin1');
  }

  /** Resolves when the machine has taken what was said. @throws TalkEnded */
  async flushed(): Promise<void> {
    while (this.#ended === undefined && this.#socket.writableNeedDrain) {
      await new Promise<void>((resolve) => {
        this.#waiter = resolve;
        this.#socket.once('drain', () => this.#wake());
      });
    }
    if (this.#ended !== undefined) throw this.#ended;
  }

  /** Begins TLS. @throws TalkEnded: bytes lay unread (then nothing more is said), or the handshake failed */
  async startTls(context: SecureContext): Promise<void> {
    if (this.pending) throw this.end('injection');
    this.#deafen();
    const secure = new TLSSocket(this.#socket, { isServer: true, secureContext: context });
    this.#socket = secure;
    const done = new Promise<boolean>((resolve) => {
      secure.once('secure', () => resolve(true));
      secure.once('close', () => resolve(false));
      this.#waiter = () => resolve(false);
    });
    secure.on('error', (error) => this.#ear?.note(`the connection broke: ${'code' in error ? String(error.code) : error.message}`));
    const worked = await done;
    this.#waiter = undefined;
    if (!worked) throw this.#ended ?? this.end('tls-failed');
    this.#ear?.note(`TLS: ${secure.getProtocol()} ${secure.getCipher().name}`);
    secure.pause();
    this.#listen();
  }

  /** A new deadline, in so many milliseconds from now: a session has begun. */
  arm(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.end('deadline'), ms);
  }

  /** The deadline begins anew. */
  touch(): void {
    this.#deadline.refresh();
  }

  /** Hands the connection over; `unread` comes before all that it brings. */
  release(): { readonly socket: Socket; readonly unread: Buffer } {
    if (this.#ended !== undefined) throw this.#ended;
    clearTimeout(this.#deadline);
    this.#deafen();
    const unread = this.#unread;
    this.#unread = nothing;
    this.#ended = handedOver;
    return { socket: this.#socket, unread };
  }

  /** Says the last words and closes; what is waiting fails. */
  close(words = ''): void {
    this.#stop('closing');
    // One that does not read its last words is not waited for.
    if (this.#socket.writable && words !== '') this.#ear?.said(words);
    if (this.#socket.writable) this.#socket.end(words, 'latin1', () => this.#socket.destroy());
    setTimeout(() => this.#socket.destroy(), lastWordsMs).unref();
  }

  /** Closes at once. @returns what to throw */
  end(reason: TalkEnded['reason']): TalkEnded {
    const ended = this.#stop(reason);
    this.#socket.destroy();
    return ended;
  }

  #stop(reason: TalkEnded['reason']): TalkEnded {
    clearTimeout(this.#deadline);
    this.#ended ??= new TalkEnded(reason);
    this.#unread = nothing;
    this.#gone.abort(this.#ended);
    this.#wake();
    return this.#ended;
  }

  async #more(): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#inputEnded || this.#socket.readableEnded || this.#socket.destroyed) throw this.end('gone');
    await new Promise<void>((resolve) => {
      this.#waiter = resolve;
      this.#socket.resume();
    });
    // What came with the end of the stream is still read.
    if (this.#ended !== undefined && this.#unread.length === 0) throw this.#ended;
  }

  #wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.();
  }

  #listen(): void {
    this.#socket.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onGone).on('close', this.#onGone);
    this.#socket.pause();
  }

  #deafen(): void {
    this.#socket.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onGone).off('close', this.#onGone);
  }
}

const lastWordsMs = 2_000;

/** Text that came as base64, as octets; undefined where it is not base64. RFC 4648 §4. */
export function fromBase64(text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0 ? Buffer.from(text, 'base64') : undefined;
}

/** The three parts of PLAIN. RFC 4616 §2. Undefined: not in its form. A NUL within the password makes a fourth part and is no PLAIN. */
export function readPlain(base64: string): { readonly name: string; readonly password: Uint8Array; readonly actAs: string } | undefined {
  const octets = fromBase64(base64);
  const first = octets?.indexOf(0) ?? -1;
  const second = octets?.indexOf(0, first + 1) ?? -1;
  if (octets === undefined || first < 0 || second < 0 || octets.indexOf(0, second + 1) >= 0) return undefined;
  return {
    actAs: octets.toString('latin1', 0, first),
    name: octets.toString('latin1', first + 1, second),
    password: octets.subarray(second + 1),
  };
}

/**
 * The reader of what a POP3 server sends, without I/O: chunks of bytes in, cut anywhere; answers out.
 *
 * The hard thing: an answer does not say how long it is. One line or many depends on the command, so whoever sends a command also
 * tells the reader what to expect (`expect`), in the order of the commands. RFC 1939 §3.
 *
 * Use: `push` a chunk, call `next` until it gives undefined, push the following chunk.
 */
import { Fault } from '../../fault/fault.ts';
import { Lines } from '../lines.ts';
import { utf8 } from '../text.ts';
import { DotReader } from './dots.ts';

/** What follows a +OK: nothing, lines of text, or a message. Nothing ever follows -ERR. */
export type AnswerForm = 'status' | 'lines' | 'message';

export type PopEvent =
  | ({ readonly kind: 'status' } & PopStatus)
  /** During AUTH. RFC 5034 §4. */
  | { readonly kind: 'continue'; readonly text: string }
  /** A line of a `lines` answer. */
  | { readonly kind: 'line'; readonly text: string }
  /** A piece of a `message` answer. */
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  /** After the last line or chunk. */
  | { readonly kind: 'end' }
  /** Not in POP3's form. */
  | { readonly kind: 'stray'; readonly text: string };

export interface PopStatus {
  readonly ok: boolean;
  /** RFC 2449 §8, of -ERR only, in upper case: `IN-USE`, `SYS/TEMP`. */
  readonly code: string | undefined;
  readonly text: string;
}

const end = { kind: 'end' } as const;

export class PopReader {
  readonly #lines: Lines;
  readonly #expected: AnswerForm[] = [];
  #mode: AnswerForm = 'status';
  #dots = new DotReader();

  constructor(limits: { readonly maxLineBytes: number }) {
    const { maxLineBytes } = limits;
    this.#lines = new Lines(maxLineBytes, () => new Fault('pop.protocol', { reason: 'line too long', maxLineBytes }));
  }

  /** Whether everything that was pushed has been read to its last byte, and the last answer is complete. */
  get clean(): boolean {
    return this.#lines.clean && this.#mode === 'status';
  }

  /** What was pushed behind the last answer and has not been looked at. */
  get rest(): Uint8Array {
    return this.#lines.rest;
  }

  /** Whether the next byte belongs to a message. */
  get inMessage(): boolean {
    return this.#mode === 'message';
  }

  /** Tells the form of the answer to a command that is being sent. */
  expect(form: AnswerForm): void {
    this.#expected.push(form);
  }

  /** Gives the reader the next bytes. Only after `next` gave undefined. The chunk must not be changed afterwards: messages are pieces of it. */
  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /** The next event; undefined: more bytes are needed. @throws Fault `pop.protocol`, after which the reader is of no more use. */
  next(): PopEvent | undefined {
    if (this.#mode === 'message') return this.#nextPiece();
    const line = this.#lines.next();
    if (line === undefined) return undefined;
    if (this.#mode === 'status') return this.#readStatus(line);
    if (line === '.') {
      this.#mode = 'status';
      return end;
    }
    return { kind: 'line', text: line.startsWith('.') ? line.slice(1) : line };
  }

  #nextPiece(): PopEvent | undefined {
    while (this.#lines.at < this.#lines.chunk.length) {
      const { piece, at, ended } = this.#dots.take(this.#lines.chunk, this.#lines.at);
      this.#lines.at = at;
      if (ended) {
        this.#mode = 'status';
        return end;
      }
      if (piece !== undefined) return { kind: 'chunk', bytes: piece };
    }
    return undefined;
  }

  #readStatus(line: string): PopEvent {
    const match = /^(\+OK|-ERR)(?: +|$)/i.exec(line);
    if (match !== null) {
      const ok = line.startsWith('+');
      const form = this.#expected.shift() ?? 'status';
      if (ok) this.#mode = form;
      return { kind: 'status', ok, ...readText(line.slice(match[0].length), ok) };
    }
    // M365 (doc): Exchange's continuation is a plus without a blank.
    if (line === '+' || line.startsWith('+ ')) return { kind: 'continue', text: line.slice(1).trim() };
    return { kind: 'stray', text: utf8(line) };
  }
}

/** A text that only begins with a bracket is text. */
function readText(text: string, ok: boolean): { readonly code: string | undefined; readonly text: string } {
  const match = ok ? null : /^\[([A-Z][A-Z0-9/_-]*)(?: [^\]]*)?\] */i.exec(text);
  if (match === null) return { code: undefined, text: utf8(text) };
  return { code: (match[1] ?? '').toUpperCase(), text: utf8(text.slice(match[0].length)) };
}

/**
 * The reader of what a server sends, without I/O: chunks of bytes in, cut anywhere; answers out.
 *
 * The hard thing is the literal. `{n}` at a line's end means that n bytes follow which are not text, and then the line goes on. The
 * literals of message bodies are handed out as pieces of the very chunks that came in and are never collected nor looked into; all
 * others are collected up to a limit. RFC 9051 §4.3; `~{n}` of RFC 3516 and a needless `{n+}` are read alike; a bare LF ends a line too.
 *
 * Use: `push` a chunk, call `next` until it gives undefined, push the following chunk.
 */
import { Fault } from '../../fault/fault.ts';
import { type Response, readResponse } from './responses.ts';
import { BodyMark, LiteralText, type Part } from './values.ts';

export type WireEvent =
  /** A message body begins; `chunk` events follow, then `body-end`, and sometime after that the `fetch` response it belongs to. */
  | { readonly kind: 'body'; readonly section: string; readonly bytes: number }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'body-end' }
  | { readonly kind: 'response'; readonly response: Response; readonly parts: readonly Part[] };

export interface WireLimits {
  readonly maxLineBytes: number;
  readonly maxLiteralBytes: number;
}

const LF = 10;
const CR = 13;
const noBytes = Buffer.alloc(0);
const bodyEnd = { kind: 'body-end' } as const;

export class WireReader {
  readonly #limits: WireLimits;
  #chunk: Buffer = noBytes;
  #at = 0;
  /** The beginning of a line whose end has not come yet. */
  #lineStart: Buffer[] = [];
  /** Text of this answer so far. */
  #lineBytes = 0;
  /** Collected literals of this answer so far. */
  #literalBytes = 0;
  #parts: Part[] = [];
  #mode: 'line' | 'literal' | 'body' = 'line';
  /** Bytes of the literal that are still to come. */
  #remaining = 0;
  #literal: Buffer[] = [];

  constructor(limits: WireLimits) {
    this.#limits = limits;
  }

  /** Whether everything that was pushed has been read to its last byte, and the last answer is complete. */
  get clean(): boolean {
    return this.#at === this.#chunk.length && this.#mode === 'line' && this.#parts.length === 0 && this.#lineStart.length === 0;
  }

  /** Whether the next byte belongs to a message body. */
  get inBody(): boolean {
    return this.#mode === 'body';
  }

  /** What was pushed behind the last answer and has not been looked at. */
  get rest(): Uint8Array {
    return this.#chunk.subarray(this.#at);
  }

  /** Gives the reader the next bytes. Only after `next` gave undefined. The chunk must not be changed afterwards: bodies are pieces of it. */
  push(chunk: Uint8Array): void {
    if (this.#at < this.#chunk.length) throw new Error('push before the last chunk was read');
    this.#chunk = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#at = 0;
  }

  /** The next event; undefined: more bytes are needed. @throws Fault `imap.protocol`, after which the reader is of no more use. */
  next(): WireEvent | undefined {
    for (;;) {
      switch (this.#mode) {
        case 'body': {
          if (this.#remaining === 0) {
            this.#mode = 'line';
            return bodyEnd;
          }
          const bytes = this.#takeLiteral();
          return bytes === undefined ? undefined : { kind: 'chunk', bytes };
        }
        case 'literal': {
          if (this.#remaining > 0) {
            const bytes = this.#takeLiteral();
            if (bytes === undefined) return undefined;
            this.#literal.push(bytes);
            break;
          }
          this.#parts.push(new LiteralText(Buffer.concat(this.#literal).toString('latin1')));
          this.#literal = [];
          this.#mode = 'line';
          break;
        }
        case 'line': {
          const line = this.#takeLine();
          if (line === undefined) return undefined;
          const event = this.#endLine(line);
          if (event !== undefined) return event;
          break;
        }
      }
    }
  }

  #takeLiteral(): Buffer | undefined {
    const available = this.#chunk.length - this.#at;
    if (available === 0) return undefined;
    const length = Math.min(available, this.#remaining);
    const bytes = this.#chunk.subarray(this.#at, this.#at + length);
    this.#at += length;
    this.#remaining -= length;
    return bytes;
  }

  /** A line without its end. */
  #takeLine(): string | undefined {
    const start = this.#at;
    if (start === this.#chunk.length) return undefined;
    const lf = this.#chunk.indexOf(LF, start);
    const end = lf < 0 ? this.#chunk.length : lf;
    this.#lineBytes += end - start;
    if (this.#lineBytes > this.#limits.maxLineBytes) {
      throw new Fault('imap.protocol', { reason: 'line too long', maxLineBytes: this.#limits.maxLineBytes });
    }
    if (lf < 0) {
      this.#lineStart.push(this.#chunk.subarray(start));
      this.#at = end;
      return undefined;
    }
    this.#at = end + 1;
    if (this.#lineStart.length === 0) {
      return this.#chunk.toString('latin1', start, end > start && this.#chunk[end - 1] === CR ? end - 1 : end);
    }
    const line = Buffer.concat([...this.#lineStart, this.#chunk.subarray(start, end)]);
    this.#lineStart = [];
    return line.toString('latin1', 0, line.length > 0 && line[line.length - 1] === CR ? line.length - 1 : line.length);
  }

  #endLine(line: string): WireEvent | undefined {
    if (line.endsWith('}') && this.#mayHoldLiterals(line)) {
      const match = /~?\{(\d{1,20})\+?\}$/.exec(line.slice(-24));
      if (match) return this.#beginLiteral(line.slice(0, -match[0].length), Number(match[1]));
    }
    // An empty line between two answers is nobody's.
    if (line === '' && this.#parts.length === 0) return undefined;
    this.#parts.push(line);
    const parts = this.#parts;
    this.#parts = [];
    this.#lineBytes = 0;
    this.#literalBytes = 0;
    return { kind: 'response', response: readResponse(parts), parts };
  }

  /** Text for people may end in `{3}`: in status answers, tagged ones and continuations that is no literal. */
  #mayHoldLiterals(line: string): boolean {
    const first = this.#parts[0] ?? line;
    return typeof first === 'string' && first.startsWith('* ') && !/^\* +(?:OK|NO|BAD|BYE|PREAUTH)(?: |$)/i.test(first.slice(0, 20));
  }

  #beginLiteral(text: string, bytes: number): WireEvent | undefined {
    if (!Number.isSafeInteger(bytes)) throw new Fault('imap.protocol', { reason: 'impossible literal', bytes });
    this.#remaining = bytes;
    this.#parts.push(text);
    const section = this.#isFetch() ? bodySection(text) : undefined;
    if (section !== undefined) {
      this.#mode = 'body';
      this.#parts.push(new BodyMark(section, bytes));
      return { kind: 'body', section, bytes };
    }
    this.#literalBytes += bytes;
    if (this.#literalBytes > this.#limits.maxLiteralBytes) {
      throw new Fault('imap.protocol', { reason: 'literal too long', bytes, maxLiteralBytes: this.#limits.maxLiteralBytes });
    }
    this.#mode = 'literal';
    return undefined;
  }

  #isFetch(): boolean {
    const first = this.#parts[0];
    return typeof first === 'string' && /^\* +\d+ +FETCH\b/i.test(first.slice(0, 40));
  }
}

/** Which body a literal is, from the text before it: `BODY[]`, `BODY[TEXT]<0>`, `BINARY[1]`, `RFC822.HEADER`. Undefined: none. */
function bodySection(before: string): string | undefined {
  let end = before.length;
  while (end > 0 && before.charCodeAt(end - 1) === 32) end -= 1;
  if (before.charAt(end - 1) === '>') end = before.lastIndexOf('<', end);
  if (before.charAt(end - 1) === ']') {
    const open = before.lastIndexOf('[', end);
    const name = /(?:^|[ (])(BODY|BINARY)$/i.exec(before.slice(Math.max(0, open - 8), Math.max(0, open)))?.[1];
    return name === undefined ? undefined : `${name.toUpperCase()}${before.slice(open, end).toUpperCase()}`;
  }
  return /(?:^|[ (])(RFC822(?:\.TEXT|\.HEADER)?)$/i.exec(before.slice(Math.max(0, end - 16), end))?.[1]?.toUpperCase();
}

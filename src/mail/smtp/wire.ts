/**
 * The reader of what an SMTP server sends, without I/O: chunks of bytes in, cut anywhere; whole answers out. RFC 5321 §4.2.
 *
 * The hard thing: an answer of several lines is one answer, and only the sign behind the number of its last line says that it is the
 * last. The enhanced code (RFC 2034) stands in the text, and may be missing on any line or altogether.
 *
 * Use: `push` a chunk, call `next` until it gives undefined, push the following chunk.
 */
import { Fault } from '../../fault/fault.ts';
import { Lines } from '../lines.ts';
import { utf8 } from '../text.ts';

export interface SmtpReply {
  /** Three digits: 250, 535. */
  readonly code: number;
  /** RFC 2034, from the first line that has one: `5.7.3`. */
  readonly enhanced: string | undefined;
  /** The texts of all lines, joined by a line feed, without the three digits but with the enhanced code, as they came. */
  readonly text: string;
}

export type SmtpEvent =
  | ({ readonly kind: 'reply' } & SmtpReply)
  /** Not in SMTP's form. */
  | { readonly kind: 'stray'; readonly text: string };

export class SmtpReader {
  readonly #lines: Lines;
  readonly #maxReplyLines: number;
  /** Lines of the answer that is not complete yet. */
  #reply: string[] = [];

  constructor(limits: { readonly maxLineBytes: number; readonly maxReplyLines: number }) {
    const { maxLineBytes } = limits;
    this.#lines = new Lines(maxLineBytes, () => new Fault('smtp.protocol', { reason: 'line too long', maxLineBytes }));
    this.#maxReplyLines = limits.maxReplyLines;
  }

  /** Whether everything that was pushed has been read to its last byte, and the last answer is complete. */
  get clean(): boolean {
    return this.#lines.clean && this.#reply.length === 0;
  }

  /** Gives the reader the next bytes. Only after `next` gave undefined. */
  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /** The next answer; undefined: more bytes are needed. @throws Fault `smtp.protocol`, after which the reader is of no more use. */
  next(): SmtpEvent | undefined {
    for (;;) {
      const line = this.#lines.next();
      if (line === undefined) return undefined;
      // RFC 5321 §4.2: digits, then `-` or a blank, then text; digits alone are allowed too.
      const match = /^([2-5]\d\d)(?:([- ])(.*))?$/s.exec(line);
      if (match === null) return { kind: 'stray', text: utf8(line) };
      this.#reply.push(utf8(match[3] ?? ''));
      if (this.#reply.length > this.#maxReplyLines) {
        throw new Fault('smtp.protocol', { reason: 'too many lines', maxReplyLines: this.#maxReplyLines });
      }
      if (match[2] === '-') continue;
      const lines = this.#reply;
      this.#reply = [];
      // Some write different numbers on the lines of one answer; the last one is what they mean.
      return { kind: 'reply', code: Number(match[1]), enhanced: enhancedCode(lines), text: lines.join('\n') };
    }
  }
}

/** RFC 3463 §2. */
function enhancedCode(lines: readonly string[]): string | undefined {
  for (const line of lines) {
    const found = /^ *([245]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

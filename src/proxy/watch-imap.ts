/**
 * Looks at what an IMAP server says while it passes: only for the lines that concern us (a pause, a closed mailbox, a farewell).
 *
 * The hard thing is that a message may hold the very words: so literals are stepped over by their length, and only the begin of a line is
 * read. It costs next to nothing: bodies are skipped in one step, and answers that begin with a number are not looked into.
 */
import type { Fault } from '../fault/fault.ts';
import { farewell, knownRefusal } from '../mail/imap/refusal.ts';

const LF = 10;
const CR = 13;
const brace = 0x7d;
/** Of a line we look at so many letters; of its end at so many, for the length of a literal. */
const headLength = 300;
const tailLength = 24;

export class ImapWatch {
  readonly #tell: (fault: Fault, farewell: boolean) => void;
  readonly #where: { readonly mailbox: string };
  #literalLeft = 0;
  #head = '';
  #tail = '';
  /** The line began before a literal that was in its middle. */
  #goesOn = false;

  /** @param tell a fault that the server told of, and whether it said goodbye with it */
  constructor(mailbox: string, tell: (fault: Fault, farewell: boolean) => void) {
    this.#where = { mailbox };
    this.#tell = tell;
  }

  /** Whether the next byte begins an answer: here something may be said in between. */
  get betweenAnswers(): boolean {
    return this.#literalLeft === 0 && !this.#goesOn && this.#head === '' && this.#tail === '';
  }

  see(chunk: Uint8Array): void {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.length; ) {
      if (this.#literalLeft > 0) {
        const skipped = Math.min(this.#literalLeft, bytes.length - at);
        this.#literalLeft -= skipped;
        at += skipped;
        continue;
      }
      const lf = bytes.indexOf(LF, at);
      if (lf < 0) {
        this.#keep(bytes, at, bytes.length);
        return;
      }
      const end = lf > at && bytes[lf - 1] === CR ? lf - 1 : lf;
      const whole = this.#head === '' && this.#tail === '' && !this.#goesOn;
      // `* 12 FETCH (…)` without a literal: most of all lines.
      if (!whole || bytes[end - 1] === brace || !isNumbered(bytes, at)) {
        this.#keep(bytes, at, end);
        this.#endLine();
      }
      at = lf + 1;
    }
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    if (this.#head.length < headLength) this.#head += bytes.toString('latin1', from, Math.min(to, from + headLength - this.#head.length));
    this.#tail = (this.#tail + bytes.toString('latin1', Math.max(from, to - tailLength), to)).slice(-tailLength);
  }

  #endLine(): void {
    // The carriage return may have come with the bytes before.
    const [head, tail] = [this.#head.replace(/\r$/, ''), this.#tail.replace(/\r$/, '')];
    const status = /^(?:\*|[^\s*+]\S{0,63}) (OK|NO|BAD|BYE|PREAUTH)\b ?(.*)$/i.exec(head);
    const literal = status === null || this.#goesOn ? /~?\{(\d{1,15})\+?\}$/.exec(tail)?.[1] : undefined;
    this.#tail = '';
    if (literal !== undefined) {
      this.#literalLeft = Number(literal);
      this.#goesOn = true;
      return;
    }
    this.#head = '';
    if (!this.#goesOn) this.#judge(head, status);
    this.#goesOn = false;
  }

  #judge(head: string, status: RegExpExecArray | null): void {
    const kind = status?.[1]?.toUpperCase();
    if (kind === 'OK' || kind === 'PREAUTH') return;
    // M365 (doc): `Server Unavailable. 15` comes without any tag.
    if (kind === undefined && !/^Server Unavailable/i.test(head)) return;
    const [, name, argument = '', text = ''] = /^\[([A-Za-z0-9-]+)(?: ([^\]]*))?\] *(.*)$/.exec(status?.[2] ?? '') ?? [
      '',
      undefined,
      '',
      status?.[2] ?? head,
    ];
    const answer = { code: name === undefined ? undefined : { name: name.toUpperCase(), argument }, text };
    const fault = knownRefusal(answer, this.#where);
    if (fault !== undefined) this.#tell(fault, kind === 'BYE');
    else if (kind === 'BYE') this.#tell(farewell(answer, this.#where), true);
  }
}

/** `* 1`: an answer about a message. */
function isNumbered(bytes: Buffer, at: number): boolean {
  const third = bytes[at + 2] ?? 0;
  return bytes[at] === 0x2a && bytes[at + 1] === 0x20 && third >= 0x30 && third <= 0x39;
}

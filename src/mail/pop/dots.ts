/**
 * The bytes of a message out of a multi-line answer: dots that POP3 added are taken off, its end is found. No I/O. RFC 1939 §3.
 *
 * The hard thing: the end is CRLF, dot, CRLF, and each of the five bytes can be the last one of a chunk. Only CRLF counts as a line end
 * here: with a bare LF as well, a message that holds LF, dot, LF could end itself and have the rest of it read as answers.
 *
 * Everything up to and with the CRLF before that dot is the message. POP3 cannot say that a message has no line end at its end: the
 * server adds one, so the bytes may be two longer than what IMAP gives for the same message.
 */
const LF = 10;
const CR = 13;
const DOT = 46;
const carriageReturn = Buffer.from('\r');
const lineThenDot = Buffer.from('\r\n.');

export class DotReader {
  /** What the last byte was: the begin of a line, some text, a CR, a dot at the begin of a line, a CR after that dot. */
  #state: 'start' | 'text' | 'cr' | 'dot' | 'dot-cr' = 'start';

  /**
   * The next piece of the message from `at` on, never a copy. Call it again from the `at` it gives, until that is the chunk's end.
   * `piece` undefined: these bytes bring none. `ended`: the message is over, what is behind `at` belongs to the next answer.
   */
  take(chunk: Buffer, at: number): { readonly piece: Buffer | undefined; readonly at: number; readonly ended: boolean } {
    let from = at;
    while (from < chunk.length) {
      const byte = chunk[from];
      switch (this.#state) {
        case 'start':
          if (byte === DOT) from += 1;
          this.#state = byte === DOT ? 'dot' : 'text';
          break;
        case 'dot':
          // RFC 1939 §3: anything else than CRLF behind the dot is the line itself, and the dot goes, whether the server doubled it or not.
          if (byte === CR) from += 1;
          this.#state = byte === CR ? 'dot-cr' : 'text';
          break;
        case 'dot-cr':
          if (byte === LF) {
            this.#state = 'start';
            return { piece: undefined, at: from + 1, ended: true };
          }
          this.#state = 'cr';
          return { piece: carriageReturn, at: from, ended: false };
        case 'cr':
          if (byte === LF) {
            this.#state = 'start';
            return { piece: chunk.subarray(from, from + 1), at: from + 1, ended: false };
          }
          this.#state = 'text';
          break;
        case 'text': {
          const found = chunk.indexOf(lineThenDot, from);
          const end = found < 0 ? chunk.length : found + 2;
          const piece = chunk.subarray(from, end);
          this.#state = found >= 0 || (piece.at(-1) === LF && piece.at(-2) === CR) ? 'start' : piece.at(-1) === CR ? 'cr' : 'text';
          return { piece, at: end, ended: false };
        }
      }
    }
    return { piece: undefined, at: from, ended: false };
  }
}

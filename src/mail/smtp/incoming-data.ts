/**
 * The content of a message as an application sends it behind DATA: dots taken off, line ends made right, the end found. No I/O.
 * RFC 5321 §4.1.1.4, §4.5.2.
 *
 * The hard thing is that two readers must never disagree where a message ends: bytes that this one takes for content and the next server
 * takes for an end could smuggle a second message in, under a sender that nobody checked. So only CRLF, dot, CRLF ends it (§4.1.1.4), and
 * what is handed on has no bare CR or LF left in it: each is made a CRLF (RFC 5321 §2.3.8 forbids to send them; scanners do).
 */
const CR = 13;
const LF = 10;
const DOT = 46;
const lineEnd = Buffer.from('\r\n');
const dot = Buffer.from('.');

export class IncomingData {
  /** What came last: CRLF, a line end that was made right, a dot behind that, a dot behind CRLF, the CR after that one, text, a CR. */
  #state: 'start' | 'mended-start' | 'mended-dot' | 'dot' | 'dot-cr' | 'text' | 'cr' = 'start';
  /** Line ends that were made right. */
  mended = 0;

  /**
   * Takes a chunk in. `pieces` are the content that it brings; `rest` what stands behind the end, once that has come (undefined before).
   */
  take(chunk: Buffer): { readonly pieces: readonly Buffer[]; readonly rest: Buffer | undefined } {
    const pieces: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      const byte = chunk[at];
      switch (this.#state) {
        case 'start':
          this.#state = byte === DOT ? 'dot' : 'text';
          if (byte === DOT) at += 1;
          break;
        case 'mended-start':
          this.#state = byte === DOT ? 'mended-dot' : 'text';
          if (byte === DOT) at += 1;
          break;
        case 'mended-dot':
          // Who ends lines wrongly doubles dots behind them all the same; a single one is content, for behind such a line end nothing ends.
          if (byte !== DOT) pieces.push(dot);
          this.#state = 'text';
          break;
        case 'dot':
          if (byte === CR) {
            this.#state = 'dot-cr';
            at += 1;
          } else this.#state = 'text'; // the dot was a stuffed one: it is gone
          break;
        case 'dot-cr':
          if (byte === LF) {
            this.#state = 'start';
            return { pieces, rest: chunk.subarray(at + 1) };
          }
          // Dot, bare CR: a line of nothing, and a line end to be mended.
          this.#mend(pieces);
          break;
        case 'cr':
          if (byte === LF) {
            pieces.push(lineEnd);
            this.#state = 'start';
            at += 1;
          } else this.#mend(pieces);
          break;
        case 'text': {
          const end = nextLineEnd(chunk, at);
          if (end > at) pieces.push(chunk.subarray(at, end));
          at = end;
          if (at >= chunk.length) break;
          if (chunk[at] === LF) this.#mend(pieces);
          else this.#state = 'cr';
          at += 1;
          break;
        }
      }
    }
    return { pieces, rest: undefined };
  }

  #mend(pieces: Buffer[]): void {
    pieces.push(lineEnd);
    this.mended += 1;
    this.#state = 'mended-start';
  }
}

function nextLineEnd(chunk: Buffer, from: number): number {
  const [cr, lf] = [chunk.indexOf(CR, from), chunk.indexOf(LF, from)];
  if (cr < 0) return lf < 0 ? chunk.length : lf;
  return lf < 0 ? cr : Math.min(cr, lf);
}

/** Doubles the dots at the begin of lines, and ends the content as DATA ends: a CRLF where there is none, dot, CRLF. RFC 5321 §4.5.2. */
export async function* asData(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let [atStart, afterCr] = [true, false];
  for await (const piece of content) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const pieces: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(DOT); at >= 0; at = chunk.indexOf(DOT, at + 1)) {
      const begins = at === 0 ? atStart : chunk[at - 1] === LF && (at === 1 ? afterCr || chunk[0] === CR : chunk[at - 2] === CR);
      if (!begins) continue;
      pieces.push(chunk.subarray(from, at + 1));
      from = at; // the dot goes twice
    }
    if (from < chunk.length) pieces.push(chunk.subarray(from));
    // One write for each chunk that comes: a message of short lines with dots must not become a hundred thousand.
    if (pieces.length > 0) yield pieces.length === 1 ? (pieces[0] ?? chunk) : Buffer.concat(pieces);
    if (chunk.length > 0) {
      atStart = chunk.at(-1) === LF && (chunk.length === 1 ? afterCr : chunk.at(-2) === CR);
      afterCr = chunk.at(-1) === CR;
    }
  }
  yield Buffer.from(atStart ? '.\r\n' : '\r\n.\r\n');
}

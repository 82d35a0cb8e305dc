/**
 * Lines of a message as bytes, many at a time.
 *
 * The hard thing is where to stop: any line that begins with two dashes may be a boundary, and only who knows the boundaries can say.
 */

export const LF = 10;
export const CR = 13;
export const DASH = 0x2d;

/** The end of the last whole line before one that begins with two dashes; `from`, where a line begins, if there is none. */
export function endOfLines(bytes: Uint8Array, from: number): number {
  if (bytes[from] === DASH && bytes[from + 1] === DASH) return from;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  // Dashes are rarer than lines.
  for (let at = text.indexOf('--', from, 'latin1'); at >= 0; at = text.indexOf('--', at, 'latin1')) {
    if (text[at - 1] === LF) return at;
    while (text[at] === DASH) at += 1;
  }
  return Math.max(from, text.lastIndexOf(LF) + 1);
}

/** A copy of whole lines with LF in the place of CRLF, and without the line end of the last one. */
export function withoutCarriageReturns(lines: Uint8Array): Uint8Array {
  const text = new Uint8Array(lines);
  let end = 0;
  for (let at = 0; at < text.length; ) {
    const lineFeed = text.indexOf(LF, at);
    let lineEnd = lineFeed;
    while (lineEnd > at && text[lineEnd - 1] === CR) lineEnd -= 1;
    if (end !== at) text.copyWithin(end, at, lineEnd);
    end += lineEnd - at;
    text[end] = LF;
    end += 1;
    at = lineFeed + 1;
  }
  return text.subarray(0, end - 1);
}

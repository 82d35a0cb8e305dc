/**
 * What a part of a message measures and hashes to once it is decoded, computed while its lines pass by; none of them is kept.
 *
 * The hard thing is the last line end before a boundary: it belongs to the boundary and not to the part (RFC 2046 §5.1.1), so one is
 * held back until the next line shows that it was content. And base64 is decoded as the MIME parser does: whatever is no digit is passed
 * over, and `=` ends a unit without ending the part.
 */
import { createHash } from 'node:crypto';
import { CR, DASH, LF } from './lines.ts';

export type TransferEncoding = 'base64' | 'quoted-printable' | 'identity';

export interface LeafDigest {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** The first decoded bytes, at most {@link headBytes}. */
  readonly head: Uint8Array;
}

/** Enough for the signature of any file type that is told apart. */
export const headBytes = 16;
/** Lines are gathered to this many bytes before they are decoded and hashed: a call for each line costs more than the work. */
const blockBytes = 16 * 1024;
export const scratchBytes = blockBytes;
const EQUALS = 0x3d;
const UNDERSCORE = 0x5f;

export class LeafDigester {
  readonly #encoding: TransferEncoding;
  /** Sees every decoded block; it is used again after the call. */
  readonly #tap: ((decoded: Uint8Array) => void) | undefined;
  readonly #scratch: Buffer;
  readonly #hash = createHash('sha256');
  readonly #head = new Uint8Array(headBytes);
  #bytes = 0;
  #block = Buffer.allocUnsafe(1024);
  #used = 0;
  /** Base64 digits that do not make a whole unit of four yet. */
  #rest = '';
  #lineEnd: Uint8Array = new Uint8Array();

  /** @param scratch of {@link scratchBytes}; used within a call only, so that many may share one */
  constructor(encoding: TransferEncoding, scratch: Buffer, tap?: (decoded: Uint8Array) => void) {
    this.#encoding = encoding;
    this.#scratch = scratch;
    this.#tap = tap;
  }

  /** @param line with its line end, or a piece of a long line without one */
  line(line: Uint8Array): void {
    let length = line.length;
    if (length > 0 && line[length - 1] === LF) length -= length > 1 && line[length - 2] === CR ? 2 : 1;
    const content = line.subarray(0, length);
    if (this.#encoding === 'base64') {
      this.#add(content);
      return;
    }
    if (this.#lineEnd.length > 0) this.#add(this.#lineEnd);
    this.#lineEnd = length === line.length ? noLineEnd : line.length - length === 2 ? crlf : lf;
    if (this.#encoding === 'identity') this.#add(content);
    else this.#addQuoted(content);
  }

  /** @param lines whole ones, each with its line end */
  lines(lines: Uint8Array): void {
    if (this.#encoding === 'identity') {
      this.#whole(lines);
      return;
    }
    for (let at = this.#encoding === 'base64' ? this.#evenLines(lines) : 0; at < lines.length; ) {
      const end = lines.indexOf(LF, at) + 1;
      this.line(lines.subarray(at, end));
      at = end;
    }
  }

  /** Of what needs no decoding only the last line end is looked at. */
  #whole(lines: Uint8Array): void {
    if (this.#lineEnd.length > 0) this.#add(this.#lineEnd);
    const ends = lines[lines.length - 2] === CR ? 2 : 1;
    this.#lineEnd = ends === 2 ? crlf : lf;
    this.#add(lines.subarray(0, lines.length - ends));
  }

  /**
   * Base64 as mailers write it, in lines of one length: their ends are where they have to be and every other byte is a digit, as the length
   * of what comes out shows. Returns how many bytes were so; the first line that is otherwise, and all behind it, is the caller's.
   */
  #evenLines(lines: Uint8Array): number {
    const lineBytes = lines.indexOf(LF) + 1;
    const ends = lines[lineBytes - 2] === CR ? 2 : 1;
    const digits = lineBytes - ends;
    const atOnce = Math.floor(scratchBytes / ((digits / 4) * 3));
    if (digits === 0 || digits % 4 !== 0 || atOnce === 0) return 0;
    this.#flush();
    if (this.#rest !== '') return 0;
    const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.length);
    let from = 0;
    for (;;) {
      let count = 0;
      for (let end = from + lineBytes; count < atOnce && end <= bytes.length; end += lineBytes) {
        if (bytes[end - 1] !== LF || (ends === 2 && bytes[end - 2] !== CR)) break;
        count += 1;
      }
      const block = bytes.subarray(from, from + count * lineBytes);
      const decoded = count === 0 ? 0 : this.#scratch.write(block.toString('latin1'), 'base64');
      if (decoded === 0 || decoded !== count * (digits / 4) * 3 || hasOtherAlphabet(block)) return from;
      this.#take(this.#scratch.subarray(0, decoded));
      from += block.length;
    }
  }

  /** @param byBoundary whether a boundary follows, which the last line end belongs to */
  end(byBoundary: boolean): LeafDigest {
    if (!byBoundary && this.#lineEnd.length > 0) this.#add(this.#lineEnd);
    this.#flush();
    if (this.#rest !== '') this.#take(Buffer.from(this.#rest, 'base64'));
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex'), head: this.#head.subarray(0, Math.min(this.#bytes, headBytes)) };
  }

  #add(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#block.length) {
      if (this.#block.length < blockBytes) {
        const grown = Buffer.allocUnsafe(blockBytes);
        grown.set(this.#block.subarray(0, this.#used));
        this.#block = grown;
      }
      if (this.#used + bytes.length > this.#block.length) this.#flush();
      if (this.#encoding !== 'base64' && bytes.length > this.#block.length) {
        this.#take(bytes);
        return;
      }
      for (; bytes.length > this.#block.length; bytes = bytes.subarray(this.#block.length)) {
        this.#block.set(bytes.subarray(0, this.#block.length));
        this.#used = this.#block.length;
        this.#flush();
      }
    }
    this.#block.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** RFC 2045 §6.7: `=` at the end of a line joins it to the next one; what is no escape stands for itself. */
  #addQuoted(line: Uint8Array): void {
    let length = line.length;
    let end = length;
    while (end > 0 && (line[end - 1] === 0x20 || line[end - 1] === 0x09)) end -= 1;
    if (end > 0 && line[end - 1] === EQUALS) {
      length = end - 1;
      this.#lineEnd = noLineEnd;
    }
    if (line.indexOf(EQUALS) < 0) {
      this.#add(line);
      return;
    }
    const out = new Uint8Array(length);
    let at = 0;
    for (let from = 0; from < length; from += 1) {
      const byte = line[from] ?? 0;
      const escaped = byte === EQUALS && from + 2 < length ? hexByte(line[from + 1] ?? 0, line[from + 2] ?? 0) : undefined;
      out[at] = escaped ?? byte;
      if (escaped !== undefined) from += 2;
      at += 1;
    }
    this.#add(out.subarray(0, at));
  }

  #flush(): void {
    if (this.#used === 0) return;
    const block = this.#block.subarray(0, this.#used);
    this.#used = 0;
    if (this.#encoding !== 'base64') {
      this.#take(block);
      return;
    }
    let digits = this.#rest + block.toString('latin1');
    let whole = digits.length - (digits.length % 4);
    let decoded: Uint8Array = this.#scratch.subarray(
      0,
      this.#scratch.write(digits.length === whole ? digits : digits.slice(0, whole), 'base64'),
    );
    // Whatever is no digit makes it shorter.
    if (decoded.length !== (whole / 4) * 3 || hasOtherAlphabet(block)) {
      const units = digits.replace(/[^A-Za-z0-9+/=]+/g, '').split(/=+/);
      digits = units.pop() ?? '';
      for (const unit of units) this.#take(Buffer.from(unit, 'base64'));
      whole = digits.length - (digits.length % 4);
      decoded = Buffer.from(digits.slice(0, whole), 'base64');
    }
    this.#rest = digits.slice(whole);
    if (decoded.length > 0) this.#take(decoded);
  }

  #take(decoded: Uint8Array): void {
    if (this.#bytes < headBytes) this.#head.set(decoded.subarray(0, headBytes - this.#bytes), this.#bytes);
    this.#bytes += decoded.length;
    this.#hash.update(decoded);
    this.#tap?.(decoded);
  }
}

/** Two digits that Node knows and base64 has not (they are those of base64url). */
function hasOtherAlphabet(block: Uint8Array): boolean {
  return block.includes(DASH) || block.includes(UNDERSCORE);
}

const noLineEnd = new Uint8Array();
const lf = Uint8Array.of(LF);
const crlf = Uint8Array.of(CR, LF);

function hexByte(high: number, low: number): number | undefined {
  const [first, second] = [hexDigit(high), hexDigit(low)];
  return first === undefined || second === undefined ? undefined : first * 16 + second;
}

function hexDigit(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const upper = code & ~0x20;
  return upper >= 0x41 && upper <= 0x46 ? upper - 0x37 : undefined;
}

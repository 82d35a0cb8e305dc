/**
 * Takes the encoded attachments out of a message before it is parsed: what stands in base64 and is no text is measured and left out.
 *
 * A MIME parser decodes every part into memory; most bytes of a mailbox are attachments that a search never looks into. Leaving them
 * out makes the reading of a mailbox several times faster and lets a message of any size be read within a bound.
 * The hard thing is not to cut what only looks like an attachment: a part begins only at a boundary that a header has declared, and
 * base64 text holds no `-`, so a line that begins with `--` ends it. In doubt the bytes stay.
 */
import { randomUUID } from 'node:crypto';

export interface Slim {
  /** The message without its large base64 bodies: still a message for a parser. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What was left out, by the text that stands in its place once that is decoded. */
  readonly omitted: ReadonlyMap<string, Omitted>;
  /** Whether {@link Slim.bytes} ends at the limit, so that the rest of the message was not read. */
  readonly truncated: boolean;
}

export interface Omitted {
  /** What the body would have measured decoded. */
  readonly bytes: number;
  /** What it measured as it stood, its lines ended by one LF as a parser does. */
  readonly encodedBytes: number;
}

/** What an attachment of a slimmed message measures in truth, in bytes. */
export function measured(content: Uint8Array, omitted: Slim['omitted']): number {
  if (omitted.size === 0) return content.length;
  const text = Buffer.from(content.buffer, content.byteOffset, content.length);
  // A parser may add a line end to what it takes for text (a calendar).
  const itself = content.length < 100 ? omitted.get(text.toString('latin1').trimEnd()) : undefined;
  if (itself !== undefined) return itself.bytes;
  // A message within the message has its own attachments left out.
  let bytes = content.length;
  for (let at = text.indexOf(lineStart(omitted)); at >= 0; ) {
    const end = text.indexOf(LF, at);
    const line = text.toString('latin1', at, end < 0 ? text.length : end).trimEnd();
    const one = omitted.get(Buffer.from(line, 'base64').toString('latin1'));
    if (one !== undefined) bytes += one.encodedBytes - line.length - 1;
    at = end < 0 ? -1 : text.indexOf(lineStart(omitted), end);
  }
  return bytes;
}

/** What all lines of one message that stand for something begin with: the marks differ only behind a multiple of three characters. */
function lineStart(omitted: Slim['omitted']): string {
  const [mark = ''] = omitted.keys();
  return Buffer.from(mark.slice(0, mark.lastIndexOf(' ') + 1), 'latin1').toString('base64');
}

/** Base64 bodies up to this size stay: leaving them out would gain nothing. */
const keptBodyBytes = 2 * 1024;
const LF = 10;
const CR = 13;

/**
 * @param chunks the message, cut anywhere; no chunk is held once the next is asked for
 * @param limitBytes of the result; what comes after it is not read
 */
export async function slim(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, limitBytes: number): Promise<Slim> {
  const slimmer = new Slimmer(limitBytes);
  for await (const chunk of chunks) {
    if (!slimmer.feed(chunk)) break;
  }
  return slimmer.end();
}

/** Of its own memory: a Buffer's `slice` would keep the whole chunk. */
function copied(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes);
}

/** A base64 body on its way past: its first lines, kept until it is clear that it is large, and what it measures. */
interface PassingBody {
  readonly kept: Uint8Array[];
  keptBytes: number;
  encodedBytes: number;
  digits: number;
  padding: number;
}

class Slimmer {
  readonly #limitBytes: number;
  /** Grows by doubling; a copy, so that no chunk of a large message stays in memory for one line of it. */
  #out = new Uint8Array(32 * 1024);
  #outBytes = 0;
  #truncated = false;
  /** The beginning of a line whose end has not come yet. */
  #carry: Uint8Array[] = [];
  readonly #boundaries = new Set<string>();
  readonly #omitted = new Map<string, Omitted>();
  /** Made when the first body is left out: unknown to whoever wrote the message, so that no attachment can pass for a mark. */
  #nonce = '';
  #inHeaders = true;
  #header = '';
  #base64 = false;
  #text = false;
  #embedded = false;
  #body: PassingBody | undefined;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Returns false when the limit is reached and nothing more is wanted. */
  feed(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      const end = chunk.indexOf(LF, at);
      if (end < 0) {
        this.#carry.push(copied(chunk.subarray(at)));
        // A line without an end must not gather the whole message: past a bound it is passed on in pieces.
        if (this.#carry.reduce((sum, one) => sum + one.length, 0) > 64 * 1024) this.#line(this.#takeCarry());
        return !this.#truncated;
      }
      const line = chunk.subarray(at, end + 1);
      this.#line(this.#carry.length === 0 ? line : Buffer.concat([this.#takeCarry(), line]));
      at = end + 1;
      if (this.#truncated) return false;
    }
    return true;
  }

  end(): Slim {
    if (this.#carry.length > 0) this.#line(this.#takeCarry());
    this.#endBody();
    return { bytes: this.#out.slice(0, this.#outBytes), omitted: this.#omitted, truncated: this.#truncated };
  }

  #takeCarry(): Uint8Array {
    const line = Buffer.concat(this.#carry);
    this.#carry = [];
    return line;
  }

  #line(line: Uint8Array): void {
    if (line[0] === 0x2d && line[1] === 0x2d && this.#boundaries.size > 0 && this.#isBoundary(line)) {
      this.#endBody();
      this.#inHeaders = true;
      this.#startHeaders();
      this.#emit(line);
    } else if (this.#inHeaders) {
      this.#headerLine(line);
    } else if (this.#body !== undefined) {
      this.#bodyLine(this.#body, line);
    } else {
      this.#emit(line);
    }
  }

  #isBoundary(line: Uint8Array): boolean {
    if (line.length > 300) return false;
    const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString('latin1', 2).trimEnd();
    return this.#boundaries.has(text) || (text.endsWith('--') && this.#boundaries.has(text.slice(0, -2)));
  }

  #startHeaders(): void {
    this.#header = '';
    this.#base64 = false;
    this.#text = true; // RFC 2045 §5.2: a part without a Content-Type is text
    this.#embedded = false;
  }

  #headerLine(line: Uint8Array): void {
    const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString('latin1').trimEnd();
    this.#emit(line);
    if (text === '') {
      this.#readHeader();
      this.#inHeaders = this.#embedded;
      if (this.#embedded) this.#startHeaders();
      else if (this.#base64 && !this.#text) this.#body = { kept: [], keptBytes: 0, encodedBytes: 0, digits: 0, padding: 0 };
    } else if (text.startsWith(' ') || text.startsWith('\t')) {
      if (this.#header.length < 4096) this.#header += text;
    } else {
      this.#readHeader();
      this.#header = text;
    }
  }

  #readHeader(): void {
    const colon = this.#header.indexOf(':');
    const name = this.#header.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    const value = this.#header.slice(colon + 1).trim();
    this.#header = '';
    if (name === 'content-transfer-encoding') {
      this.#base64 = /^base64\b/i.test(value);
    } else if (name === 'content-type') {
      this.#text = /^(text|multipart)\//i.test(value) || !value.includes('/');
      this.#embedded = /^message\/(rfc822|global)\b/i.test(value);
      const boundary = /\bboundary\s*=\s*(?:"([^"]*)"|([^\s;]+))/i.exec(value);
      const declared = boundary?.[1] ?? boundary?.[2];
      if (declared !== undefined && declared !== '') this.#boundaries.add(declared.trimEnd());
    }
  }

  #bodyLine(body: PassingBody, line: Uint8Array): void {
    let length = line.length;
    while (length > 0 && (line[length - 1] === LF || line[length - 1] === CR || line[length - 1] === 32)) length -= 1;
    body.encodedBytes += line.length - (line.at(-2) === CR && line.at(-1) === LF ? 1 : 0);
    body.digits += length;
    for (let at = length - 1; at >= 0 && line[at] === 0x3d; at -= 1) body.padding += 1;
    if (body.keptBytes <= keptBodyBytes) {
      body.kept.push(copied(line));
      body.keptBytes += line.length;
    }
  }

  #endBody(): void {
    const body = this.#body;
    this.#body = undefined;
    if (body === undefined) return;
    if (body.keptBytes <= keptBodyBytes) {
      for (const line of body.kept) this.#emit(line);
      return;
    }
    if (this.#nonce === '') this.#nonce = randomUUID();
    const mark = `omitted ${this.#nonce} ${this.#omitted.size}`;
    const line = Buffer.from(mark, 'latin1').toString('base64');
    const bytes = Math.max(0, Math.floor((body.digits * 3) / 4) - body.padding);
    this.#omitted.set(mark, { bytes, encodedBytes: body.encodedBytes });
    this.#emit(Buffer.from(`${line}\r\n`, 'latin1'));
  }

  #emit(bytes: Uint8Array): void {
    if (this.#outBytes + bytes.length > this.#limitBytes) {
      this.#truncated = true;
      return;
    }
    if (this.#outBytes + bytes.length > this.#out.length) {
      const grown = new Uint8Array(Math.max(this.#out.length * 2, this.#outBytes + bytes.length));
      grown.set(this.#out.subarray(0, this.#outBytes));
      this.#out = grown;
    }
    this.#out.set(bytes, this.#outBytes);
    this.#outBytes += bytes.length;
  }
}

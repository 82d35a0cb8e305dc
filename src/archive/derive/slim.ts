/**
 * Walks through a message before it is parsed: measures and hashes its parts, and leaves out the bodies of large attachments.
 *
 * A MIME parser decodes every part into memory; most bytes of a mailbox are attachments that a search never looks into. Leaving them
 * out makes the reading of a mailbox several times faster and lets a message of any size be read within a bound.
 * Long because all of it is one pass with one state.
 * The hard thing is to see the same parts as the parser that reads what is left, and to tell which of its attachments is which: every
 * part gets a mark as its first header field (a Content-Description that nobody else can know), and a part begins only at a boundary that
 * a header has declared and that has not been closed. In doubt the bytes stay.
 */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { assumedUtf8 } from './assumed-charset.ts';
import { type LeafDigest, LeafDigester, type TransferEncoding } from './leaf-digest.ts';
import { CR, DASH, endOfLines, LF } from './lines.ts';
import { encodingOf, type Fields, nameOf, parameter } from './part-fields.ts';
import { newScratch, type Scratch } from './scratch.ts';

/** A part of a message as it passes by; the message itself is the first one. */
export interface Part {
  /** `multipart`: has parts, and no content of its own. `message`: a message within the message, whose parts follow it. */
  readonly kind: 'leaf' | 'multipart' | 'message';
  /** The declared type, lower-case; what RFC 2046 §5.1.5 and RFC 2045 §5.2 put in its place where there is none. */
  readonly type: string;
  /** Of the decoded content; absent for multiparts, for texts without a name, which the parser reads anyway, and where the end was not seen. */
  readonly digest: LeafDigest | undefined;
  /** The file name that its header gives, as it stands; empty where there is none. */
  readonly name: string;
  /** How many messages it lies in. */
  readonly depth: number;
}

export interface Slim {
  /** The message without its large bodies: still a message for a parser. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** In the order in which they begin. */
  readonly parts: readonly Part[];
  /** The number of the part that an attachment of the parsed message is, by its Content-Description. */
  partOf(description: string | undefined): number | undefined;
  /** A text without the marks, should the parser have taken one for text. */
  unmarked(text: string): string;
  /** Whether {@link Slim.bytes} ends at the limit, so that the rest of the message was not read. */
  readonly truncated: boolean;
  /** Whether the declared end of some part never came. */
  readonly unclosed: boolean;
  /** Where bytes above 127 stand without a declared charset and are no UTF-8: {@link Slim.bytes} has them as windows-1252 read. */
  readonly assumed: readonly ('header' | 'text')[];
}

/** Bodies up to this size stay: leaving them out would gain nothing. */
const keptBodyBytes = 2 * 1024;
/** Parts within parts that are told apart; the parser gives up at the same depth. */
const maxBoundaries = 256;
/** Messages within messages that are hashed and, where they stand in base64, opened: each costs a pass over the same bytes. */
const maxMessages = 8;
/** Characters of a header field that are read. */
const headerChars = 4096;
/** A line without an end must not gather the whole message: past this many bytes it is passed on in pieces. */
const lineBytes = 64 * 1024;
const longestBoundaryLine = 2_000;
/** A message without a line feed in its first bytes has none at all. */
const lineFeedWithin = 4 * 1024;
const firstOutBytes = 32 * 1024;
const mostKeptOutBytes = 256 * 1024;
const capitalC = 0x43;
const smallC = 0x63;

/**
 * @param chunks the message, cut anywhere; no chunk is held once the next is asked for
 * @param limitBytes of the result; what comes after it is not read
 * @param scratch of {@link newScratch}; many messages may share one
 * @param tap sees the content of parts; with it nothing is left of the message, and no limit ends the reading
 */
export async function slim(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limitBytes: number,
  scratch: Scratch = newScratch(),
  tap?: PartTap,
): Promise<Slim> {
  const found: Found = { parts: [], nonce: '', unclosed: false, assumed: new Set(), scratch, tap };
  const slimmer = new Slimmer(limitBytes, found, 0, scratch.out);
  scratch.out = undefined;
  const beginning: Uint8Array[] = [];
  let beginningBytes = 0;
  let isClassic: boolean | undefined;
  for await (const chunk of chunks) {
    const isDecided = isClassic !== undefined;
    if (!isDecided && chunk.includes(LF)) isClassic = false;
    else if (!isDecided && beginningBytes + chunk.length >= lineFeedWithin) isClassic = true;
    if (isClassic === undefined) {
      beginning.push(copied(chunk));
      beginningBytes += chunk.length;
      continue;
    }
    if (!isDecided && !feedAll(slimmer, beginning, isClassic)) break;
    if (!feedAll(slimmer, [chunk], isClassic)) break;
  }
  if (isClassic === undefined) feedAll(slimmer, beginning, true);
  const bytes = slimmer.end();
  scratch.out = slimmer.givenBack();
  const start = `${found.nonce} `;
  const partOf = (description: string | undefined): number | undefined => {
    if (description === undefined || found.nonce === '' || !description.startsWith(start)) return undefined;
    const number = Number.parseInt(description.slice(start.length), 10);
    return found.parts[number] === undefined ? undefined : number;
  };
  const unmarked = (text: string): string =>
    found.nonce === '' || !text.includes(found.nonce)
      ? text
      : text.replace(new RegExp(`Content-Description: ${found.nonce} \\d+\\s*`, 'g'), '');
  return {
    bytes,
    parts: found.parts,
    partOf,
    unmarked,
    truncated: slimmer.truncated,
    unclosed: found.unclosed,
    assumed: [...found.assumed],
  };
}

/** Mail whose lines end with CR alone (classic Macintosh) would be one single header field: then LF takes its place. */
function feedAll(slimmer: Slimmer, chunks: readonly Uint8Array[], isClassic: boolean): boolean {
  return chunks.every((chunk) =>
    slimmer.feed(isClassic ? chunk.map((byte, at) => (byte === CR && chunk[at + 1] !== LF ? LF : byte)) : chunk),
  );
}

/** What one message and those within it share. */
interface Found {
  readonly parts: { -readonly [Field in keyof Part]: Part[Field] }[];
  /** Made when the first mark is: unknown to whoever wrote the message, so that nothing in it can pass for a mark. */
  nonce: string;
  unclosed: boolean;
  readonly assumed: Set<'header' | 'text'>;
  readonly scratch: Scratch;
  readonly tap: PartTap | undefined;
}

/** Who wants the decoded content of a part: its blocks, in memory that is used again after each call. */
export type PartTap = (part: number) => ((block: Uint8Array) => void) | undefined;

/** Of its own memory: a Buffer's `slice` would keep the whole chunk. */
function copied(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

interface Boundary {
  readonly value: string;
  /** RFC 2046 §5.1.5: parts without a type are messages. */
  readonly isDigest: boolean;
}

/** A leaf on its way past. */
interface OpenLeaf {
  readonly index: number;
  readonly digester: LeafDigester | undefined;
  /** A body that may be left out is written all the same until it is clear that it is large; undefined for one that stays. */
  readonly small: { readonly start: number; bytes: number; isCut: boolean } | undefined;
  /** Of a message in base64: what is left of it. */
  readonly opened: Slimmer | undefined;
  /** Whether it is a text that the parser takes for UTF-8 because nothing is declared. */
  readonly isUndeclared: boolean;
  /** Whether something of that was no UTF-8: its lines are then read one by one. */
  isMixed: boolean;
}

/** A message within the message: it ends with the first boundary that was declared outside of it. */
interface OpenMessage {
  readonly index: number;
  readonly digester: LeafDigester;
  /** How many boundaries were declared outside of it. */
  readonly outside: number;
}

class Slimmer {
  truncated = false;
  readonly #limitBytes: number;
  readonly #found: Found;
  readonly #depth: number;
  /** Grows by doubling; a copy, so that no chunk of a large message stays in memory for one line of it. */
  #out: Uint8Array<ArrayBuffer>;
  #outBytes = 0;
  /** The beginning of a line whose end has not come yet. */
  #carry: Uint8Array[] = [];
  #carryBytes = 0;
  /** Whether the last line was only the beginning of one. */
  #midLine = false;
  readonly #boundaries: Boundary[] = [];
  readonly #messages: OpenMessage[] = [];
  #where: 'header' | 'body' = 'header';
  #field = '';
  #fields: Fields = { type: '', encoding: '', disposition: '' };
  #inDigest = false;
  #part = 0;
  #leaf: OpenLeaf | undefined;

  constructor(limitBytes: number, found: Found, depth: number, out: Uint8Array<ArrayBuffer> | undefined) {
    this.#out = out ?? new Uint8Array(firstOutBytes);
    this.#limitBytes = limitBytes;
    this.#found = found;
    this.#depth = depth;
    this.#startPart(false, false);
  }

  /** Returns false when the limit is reached and nothing more is wanted. */
  feed(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      at = this.#stretch(chunk, at);
      if (this.truncated) return false;
      if (at === chunk.length) break;
      const end = chunk.indexOf(LF, at);
      if (end < 0) {
        this.#carry.push(copied(chunk.subarray(at)));
        this.#carryBytes += chunk.length - at;
        if (this.#carryBytes > lineBytes) this.#line(this.#takeCarry());
        return !this.truncated;
      }
      let line = chunk.subarray(at, end + 1);
      if (this.#carryBytes > 0) {
        this.#carry.push(line);
        line = this.#takeCarry();
      }
      this.#line(line);
      at = end + 1;
      if (this.truncated) return false;
    }
    return true;
  }

  /**
   * Takes the lines of a leaf's body up to the next one that may be a boundary all at once: most of a mailbox is such lines, and each of
   * them alone costs more than what is done with it. Returns where the first line begins that was not taken.
   */
  #stretch(chunk: Uint8Array, from: number): number {
    const leaf = this.#leaf;
    if (leaf === undefined || leaf.opened !== undefined || leaf.isMixed || this.#midLine || this.#carryBytes > 0) return from;
    if (leaf.small !== undefined && leaf.small.bytes <= keptBodyBytes) return from;
    const end = endOfLines(chunk, from);
    if (end === from) return from;
    const lines = chunk.subarray(from, end);
    if (leaf.isUndeclared && !isUtf8(lines)) {
      leaf.isMixed = true;
      return from;
    }
    for (const message of this.#messages) message.digester.lines(lines);
    leaf.digester?.lines(lines);
    if (leaf.small === undefined) this.#emitLines(lines);
    return end;
  }

  /** What fits of them, as if they came one by one. */
  #emitLines(lines: Uint8Array): void {
    const room = this.#limitBytes - this.#outBytes;
    if (this.#found.tap === undefined && lines.length > room) this.truncated = true;
    this.#emit(lines.length <= room ? lines : lines.subarray(0, room <= 0 ? 0 : lines.lastIndexOf(LF, room - 1) + 1));
  }

  end(): Uint8Array<ArrayBuffer> {
    if (this.#carryBytes > 0) this.#line(this.#takeCarry());
    if (this.#where === 'header') this.#endHeader();
    this.#endLeaf(false);
    this.#endMessages(0, false);
    if (this.#boundaries.length > 0) this.#found.unclosed = true;
    return this.#out.slice(0, this.#outBytes);
  }

  /** Its memory, for the next message, once its result is taken; that of a large message is not kept. */
  givenBack(): Uint8Array<ArrayBuffer> | undefined {
    return this.#out.length > mostKeptOutBytes ? undefined : this.#out;
  }

  #takeCarry(): Uint8Array {
    const line = Buffer.concat(this.#carry);
    this.#carry = [];
    this.#carryBytes = 0;
    return line;
  }

  #line(line: Uint8Array): void {
    const isStart = !this.#midLine;
    this.#midLine = line[line.length - 1] !== LF;
    if (isStart && line[0] === DASH && line[1] === DASH) {
      if (this.#where === 'header') this.#endHeaderAt(line);
      if (this.#boundaries.length > 0 && this.#atBoundary(line)) return;
    }
    for (const message of this.#messages) message.digester.line(line);
    if (this.#where === 'header') this.#headerLine(line, isStart);
    else if (this.#leaf !== undefined) this.#leafLine(this.#leaf, line);
    else this.#emit(line);
  }

  /** A boundary that the header itself declares ends it, though the empty line between them is missing; the parser needs one. */
  #endHeaderAt(line: Uint8Array): void {
    this.#readField();
    const boundary = parameter(this.#fields.type, 'boundary');
    if (boundary === undefined || boundary === '' || lineText(line) !== `--${boundary.trimEnd()}`) return;
    this.#emit(Buffer.from('\r\n'));
    this.#endHeader();
  }

  /** Ends what a boundary ends and begins what it begins. Returns false where the line is none. */
  #atBoundary(line: Uint8Array): boolean {
    if (line.length > longestBoundaryLine) return false;
    const { level, isEnd } = this.#levelOf(Buffer.from(line.buffer, line.byteOffset, line.length).toString('latin1', 2));
    if (level < 0) return false;
    if (this.#where === 'header') this.#endHeader();
    this.#endLeaf(true);
    this.#endMessages(level + 1, true);
    if (this.#boundaries.length > level + 1) this.#found.unclosed = true;
    this.#boundaries.length = isEnd ? level : level + 1;
    for (const message of this.#messages) message.digester.line(line);
    this.#emit(line);
    // What ends within a boundary's line has no part behind it, and no room for a mark.
    if (isEnd || this.#midLine) this.#where = 'body';
    else this.#startPart(true, this.#boundaries[level]?.isDigest === true);
    return true;
  }

  /** As the parser looks: it knows nothing of what a message within the message declares; otherwise the innermost comes first. */
  #levelOf(line: string): { readonly level: number; readonly isEnd: boolean } {
    let from = 0;
    for (let next = 0; next <= this.#messages.length; next += 1) {
      const end = this.#messages[next]?.outside ?? this.#boundaries.length;
      for (let level = end - 1; level >= from; level -= 1) {
        const value = this.#boundaries[level]?.value;
        if (value === undefined || !line.startsWith(value)) continue;
        const isEnd = line.startsWith('--', value.length);
        if (line.slice(value.length + (isEnd ? 2 : 0)).trim() === '') return { level, isEnd };
      }
      from = end;
    }
    return { level: -1, isEnd: false };
  }

  #startPart(marked: boolean, inDigest: boolean): void {
    const { parts } = this.#found;
    this.#where = 'header';
    this.#field = '';
    this.#fields = { type: '', encoding: '', disposition: '' };
    this.#inDigest = inDigest;
    this.#part = parts.length;
    parts.push({ kind: 'leaf', type: '', digest: undefined, name: '', depth: this.#depth + this.#messages.length });
    if (!marked) return;
    if (this.#found.nonce === '') this.#found.nonce = `postern-${randomUUID()}`;
    this.#emit(Buffer.from(`Content-Description: ${this.#found.nonce} ${this.#part}\r\n`, 'latin1'));
  }

  #headerLine(line: Uint8Array, isStart: boolean): void {
    this.#emit(isStart ? this.#asUtf8(line, 'header') : line);
    const isBlank = isStart && (line[0] === LF || (line[0] === CR && (line.length === 1 || line[1] === LF)));
    if (isBlank) {
      this.#endHeader();
    } else if (!isStart || line[0] === 0x20 || line[0] === 0x09) {
      if (this.#field !== '' && this.#field.length < headerChars) this.#field += lineText(line);
    } else {
      this.#readField();
      // Only what begins with Content- says what the part is.
      this.#field = line[0] === capitalC || line[0] === smallC ? lineText(line) : '';
    }
  }

  #readField(): void {
    const field = this.#field;
    this.#field = '';
    if (field === '') return;
    const colon = field.indexOf(':');
    const name = field.slice(0, Math.max(colon, 0)).trimEnd().toLowerCase();
    const value = field.slice(colon + 1).trim();
    const fields = this.#fields;
    if (name === 'content-type') fields.type ||= value;
    else if (name === 'content-transfer-encoding') fields.encoding ||= value;
    else if (name === 'content-disposition') fields.disposition ||= value;
  }

  /** The header of a part is read: what it is decides what becomes of its lines. */
  #endHeader(): void {
    this.#readField();
    this.#where = 'body';
    const { type: typeField, encoding: encodingField, disposition } = this.#fields;
    const type = /^[^\s;"(]+/.exec(typeField)?.[0].toLowerCase() ?? (this.#inDigest ? 'message/rfc822' : 'text/plain');
    const encoding = encodingOf(encodingField);
    if (type.startsWith('multipart/')) {
      const boundary = parameter(typeField, 'boundary');
      this.#note('multipart', type);
      if (boundary !== undefined && boundary !== '' && this.#boundaries.length < maxBoundaries) {
        this.#boundaries.push({ value: boundary, isDigest: type === 'multipart/digest' });
      }
    } else if (type === 'message/rfc822' && this.#depth + this.#messages.length < maxMessages) {
      this.#note('message', type, nameOf(this.#fields));
      if (encoding === 'identity') this.#startMessage();
      else this.#startLeaf(true, encoding, encoding === 'base64');
    } else {
      const name = nameOf(this.#fields);
      this.#note('leaf', type, name);
      const isText = type.startsWith('text/') || !type.includes('/');
      const isRead = (type === 'text/plain' || type === 'text/html') && name === '' && !/attachment/i.test(disposition);
      const isUndeclared = isRead && encoding === 'identity' && !/[\s;]charset\s*=/i.test(typeField);
      this.#startLeaf(isText || type.startsWith('message/rfc822'), isRead ? undefined : encoding, false, isUndeclared);
    }
  }

  /** A line as it stands, or as windows-1252 read where it is no UTF-8. */
  #asUtf8(line: Uint8Array, where: 'header' | 'text'): Uint8Array {
    // A piece of a line may end within a character.
    const read = isUtf8(line) || line.length > lineBytes ? undefined : assumedUtf8(line);
    if (read === undefined) return line;
    this.#found.assumed.add(where);
    return read;
  }

  #note(kind: Part['kind'], type: string, name = ''): void {
    const part = this.#found.parts[this.#part];
    if (part === undefined) return;
    part.kind = kind;
    part.type = type;
    part.name = name;
  }

  #startMessage(): void {
    this.#messages.push({
      index: this.#part,
      digester: new LeafDigester('identity', this.#found.scratch.decoded, this.#found.tap?.(this.#part)),
      outside: this.#boundaries.length,
    });
    this.#startPart(true, false);
  }

  /** @param encoding undefined for one that is not hashed */
  #startLeaf(stays: boolean, encoding: TransferEncoding | undefined, isMessage: boolean, isUndeclared = false): void {
    const index = this.#part;
    const opened = isMessage ? new Slimmer(this.#limitBytes, this.#found, this.#depth + this.#messages.length + 1, undefined) : undefined;
    const tap = opened === undefined ? this.#found.tap?.(index) : this.#openedTap(index, opened);
    const digester = encoding === undefined ? undefined : new LeafDigester(encoding, this.#found.scratch.decoded, tap);
    const small = stays ? undefined : { start: this.#outBytes, bytes: 0, isCut: false };
    this.#leaf = { index, digester, small, opened, isUndeclared, isMixed: false };
  }

  /** What is decoded lies in memory that the parts within use again. */
  #openedTap(index: number, opened: Slimmer): (decoded: Uint8Array) => void {
    const wanted = this.#found.tap?.(index);
    return (decoded) => {
      wanted?.(decoded);
      opened.feed(copied(decoded));
    };
  }

  #leafLine(leaf: OpenLeaf, line: Uint8Array): void {
    leaf.digester?.line(line);
    if (leaf.opened !== undefined) return;
    const { small } = leaf;
    if (small === undefined) {
      this.#emit(leaf.isUndeclared ? this.#asUtf8(line, 'text') : line);
    } else if (small.bytes <= keptBodyBytes) {
      small.bytes += line.length;
      // It may be left out yet, and then it was not cut.
      if (small.bytes > keptBodyBytes) this.#outBytes = small.start;
      else if (this.#outBytes + line.length > this.#limitBytes) small.isCut = true;
      else this.#emit(line);
    }
  }

  #endLeaf(byBoundary: boolean): void {
    const leaf = this.#leaf;
    this.#leaf = undefined;
    if (leaf === undefined) return;
    this.#measure(leaf.index, leaf.digester?.end(byBoundary));
    if (leaf.small !== undefined && leaf.small.bytes <= keptBodyBytes && leaf.small.isCut) this.truncated = true;
    if (leaf.opened !== undefined) {
      this.#emit(Buffer.from(Buffer.from(leaf.opened.end()).toString('base64').replace(/.{76}/g, '$&\r\n')));
      this.#emit(Buffer.from('\r\n'));
      if (leaf.opened.truncated) this.truncated = true;
    }
  }

  #endMessages(boundaries: number, byBoundary: boolean): void {
    for (let last = this.#messages.at(-1); last !== undefined && last.outside >= boundaries; last = this.#messages.at(-1)) {
      this.#measure(last.index, last.digester.end(byBoundary));
      this.#messages.pop();
    }
  }

  /** What was cut off by the limit has no measure: it would be that of something else. */
  #measure(index: number, digest: LeafDigest | undefined): void {
    const part = this.#found.parts[index];
    if (part !== undefined && digest !== undefined && !this.truncated) part.digest = digest;
  }

  #emit(bytes: Uint8Array): void {
    if (this.#found.tap !== undefined) return;
    if (this.#outBytes + bytes.length > this.#limitBytes) {
      this.truncated = true;
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

function lineText(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset, line.length).toString('latin1', 0, headerChars).trimEnd();
}

/**
 * Writes a zip file (PKWARE APPNOTE 6.3): Node compresses and computes the CRC, this puts the headers around it.
 *
 * The hard thing is size. A length has 32 bits where the format began and 64 where it went on (zip64, APPNOTE §4.3.14): what may be longer has
 * room for the long form from its beginning, and the file being one that can be written at any place, lengths are put in when they are known.
 * So no entry is in memory but a small one, and every program reads what comes out.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, crc32, createDeflateRaw, deflateRawSync } from 'node:zlib';

const localSignature = 0x04034b50;
const entrySignature = 0x02014b50;
const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
/** Needed to read it: 2.0 for deflate, 4.5 for zip64 (§4.4.3). */
const plainVersion = 20;
const zip64Version = 45;
/** Made on Unix (§4.4.2), for the rights in the upper half of the external attributes. */
const madeBy = (3 << 8) | zip64Version;
const fileRights = (0o100600 << 16) >>> 0;
/** Names are UTF-8 (§4.4.4, bit 11). */
const flags = 0x0800;
const stored = 0;
const deflated = 8;
const most32 = 0xffff_ffff;
const most16 = 0xffff;
/** Mail is text, and half its size is soon won; an export waits for the disk, not for the processor. */
const deflateOptions = { level: constants.Z_BEST_SPEED };
const writeBytes = 512 * 1024;

interface Entry {
  readonly name: Buffer;
  readonly mtime: Date;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly bytes: number;
  readonly offset: number;
}

export class ZipWriter {
  readonly #handle: FileHandle;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** Where what has been gathered begins. */
  #position = 0;
  /** Records of the central directory, as they will stand there. */
  readonly #directory: Buffer[] = [];

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** @param file that is not there yet. @throws what the file system says, as every method does */
  static async create(file: string): Promise<ZipWriter> {
    return new ZipWriter(await open(file, 'wx', 0o600));
  }

  /** An entry that is in memory. */
  async add(name: string, mtime: Date, content: Uint8Array): Promise<void> {
    const packed = deflateRawSync(content, deflateOptions);
    const isSmaller = packed.length < content.length;
    const body = isSmaller ? packed : content;
    const entry: Entry = {
      name: Buffer.from(name),
      mtime,
      method: isSmaller ? deflated : stored,
      crc: crc32(content),
      packed: body.length,
      bytes: content.length,
      offset: this.#end,
    };
    await this.#write(localHeader(entry, false));
    await this.#write(body);
    this.#directory.push(directoryRecord(entry));
  }

  /** An entry of any length. @param chunks no chunk is held once the next is asked for */
  async stream(name: string, mtime: Date, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    const offset = this.#end;
    const begun = { name: Buffer.from(name), mtime, method: deflated, offset };
    await this.#write(localHeader({ ...begun, crc: 0, packed: 0, bytes: 0 }, true));
    const [bodyAt, sums] = [this.#end, { crc: 0, bytes: 0 }];
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        sums.crc = crc32(chunk, sums.crc);
        sums.bytes += chunk.length;
        yield new Uint8Array(chunk);
      }
    };
    await pipeline(
      Readable.from(counted()),
      createDeflateRaw(deflateOptions),
      async (packed: AsyncIterable<Uint8Array>) => {
        for await (const piece of packed) await this.#write(piece);
      },
      signal === undefined ? {} : { signal },
    );
    const entry: Entry = { ...begun, ...sums, packed: this.#end - bodyAt };
    await this.#flush();
    await writeAll(this.#handle, localHeader(entry, true), offset);
    this.#directory.push(directoryRecord(entry));
  }

  /** An entry that is written by and by. Nothing else is written before `done` resolves, which it does when the stream has ended. */
  open(name: string, mtime: Date, signal: AbortSignal): { readonly input: PassThrough; readonly done: Promise<void> } {
    const input = new PassThrough();
    const done = this.stream(name, mtime, input, signal);
    done.catch((error: unknown) => input.destroy(error instanceof Error ? error : undefined));
    return { input, done };
  }

  /** Writes the directory; then the file is whole, and durable. */
  async end(): Promise<void> {
    const offset = this.#end;
    for (const record of this.#directory) await this.#write(record);
    await this.#write(endRecords(this.#directory.length, this.#end - offset, offset));
    await this.#flush();
    await this.#handle.sync();
    await this.#handle.close();
  }

  /** Lets go of the file as it is. */
  async giveUp(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }

  get #end(): number {
    return this.#position + this.#gatheredBytes;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes >= writeBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await writeAll(this.#handle, bytes, this.#position);
    this.#position += bytes.length;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

/** §4.3.7. @param isLong with room for lengths of 64 bits, whether they need it or not: they may be put in later */
function localHeader({ name, mtime, method, crc, packed, bytes }: Entry, isLong: boolean): Buffer {
  const extra = Buffer.concat([timeExtra(mtime), ...(isLong ? [longExtra([bytes, packed])] : [])]);
  const head = Buffer.alloc(30);
  head.writeUInt32LE(localSignature, 0);
  head.writeUInt16LE(isLong ? zip64Version : plainVersion, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt16LE(method, 8);
  head.writeUInt32LE(dosTime(mtime), 10);
  head.writeUInt32LE(crc, 14);
  head.writeUInt32LE(isLong ? most32 : packed, 18);
  head.writeUInt32LE(isLong ? most32 : bytes, 22);
  head.writeUInt16LE(name.length, 26);
  head.writeUInt16LE(extra.length, 28);
  return Buffer.concat([head, name, extra]);
}

/** §4.3.12: of the lengths only those that need 64 bits stand in the extra field, in this order. */
function directoryRecord({ name, mtime, method, crc, packed, bytes, offset }: Entry): Buffer {
  const long = [bytes, packed, offset].filter((value) => value >= most32);
  const extra = Buffer.concat([timeExtra(mtime), ...(long.length === 0 ? [] : [longExtra(long)])]);
  const head = Buffer.alloc(46);
  head.writeUInt32LE(entrySignature, 0);
  head.writeUInt16LE(madeBy, 4);
  head.writeUInt16LE(long.length > 0 ? zip64Version : plainVersion, 6);
  head.writeUInt16LE(flags, 8);
  head.writeUInt16LE(method, 10);
  head.writeUInt32LE(dosTime(mtime), 12);
  head.writeUInt32LE(crc, 16);
  head.writeUInt32LE(Math.min(packed, most32), 20);
  head.writeUInt32LE(Math.min(bytes, most32), 24);
  head.writeUInt16LE(name.length, 28);
  head.writeUInt16LE(extra.length, 30);
  head.writeUInt32LE(fileRights, 38);
  head.writeUInt32LE(Math.min(offset, most32), 42);
  return Buffer.concat([head, name, extra]);
}

/** §4.3.14 to §4.3.16: the long form before the short one, where a number does not fit. */
function endRecords(count: number, bytes: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(endSignature, 0);
  end.writeUInt16LE(Math.min(count, most16), 8);
  end.writeUInt16LE(Math.min(count, most16), 10);
  end.writeUInt32LE(Math.min(bytes, most32), 12);
  end.writeUInt32LE(Math.min(offset, most32), 16);
  if (count < most16 && bytes < most32 && offset < most32) return end;
  const long = Buffer.alloc(56);
  long.writeUInt32LE(end64Signature, 0);
  long.writeBigUInt64LE(44n, 4); // the length of what follows
  long.writeUInt16LE(madeBy, 12);
  long.writeUInt16LE(zip64Version, 14);
  long.writeBigUInt64LE(BigInt(count), 24);
  long.writeBigUInt64LE(BigInt(count), 32);
  long.writeBigUInt64LE(BigInt(bytes), 40);
  long.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(locator64Signature, 0);
  locator.writeBigUInt64LE(BigInt(offset + bytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([long, locator, end]);
}

/** §4.5.3. */
function longExtra(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(0x0001, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  for (const [index, value] of values.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
  return extra;
}

/** The time in seconds since 1970, UTC (Info-ZIP's extended timestamp): the old field has neither zone nor odd seconds. */
function timeExtra(mtime: Date): Buffer {
  const extra = Buffer.alloc(9);
  extra.writeUInt16LE(0x5455, 0);
  extra.writeUInt16LE(5, 2);
  extra.writeUInt8(1, 4);
  extra.writeUInt32LE(Math.min(Math.max(0, Math.floor(mtime.getTime() / 1000)), 0x7fff_ffff), 5);
  return extra;
}

/** §4.4.6: seconds by two, minutes, hours; day, month, years since 1980. */
function dosTime(at: Date): number {
  const year = Math.min(Math.max(at.getUTCFullYear(), 1980), 2107);
  const date = ((year - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate();
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1);
  return ((date << 16) | time) >>> 0;
}

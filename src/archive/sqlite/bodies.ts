/**
 * How the bytes of a message lie: small ones inside the database, compressed where that helps; large ones in a file of their own,
 * as they are, named by their SHA-256, so that `sha256sum` alone proves them.
 *
 * The hard thing is a large file's durability: it must be on the disk, and its name in its folder too, before the transaction that
 * names it begins.
 */
import { createHash, hash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { Fault, isFault } from '../../fault/fault.ts';
import { uninterrupted } from '../endable-thread.ts';
import { archiveFault } from './errors.ts';
import { bodyFile, type Layout } from './layout.ts';

/** A body taken from its stream: small ones with their bytes, large ones in their file already, durable. */
export interface TakenBody {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
  readonly inline: Uint8Array<ArrayBuffer> | undefined;
}

/** A row of `message`, as far as it says where the bytes are. */
export interface StoredBody {
  /** How many they are. Where it is told, they are unpacked into one buffer of this size. */
  readonly bytes?: unknown;
  readonly encoding?: unknown;
  readonly body?: unknown;
}

/** Numbers of `message.encoding`. */
export const encoding = { raw: 0, zstd: 1, file: 2 } as const;

/**
 * From this size on a body gets its own file. Measured on 10,000 messages of 229 MB: with 64 KiB 117 files cost 170 ms of fsync,
 * with 256 KiB 34 files cost 80 ms, beyond that nothing is gained and the database grows.
 */
export const inlineLimitBytes = 256 * 1024;

/** A bound for unpacking, so that changed bytes cannot fill the memory. Wider than {@link inlineLimitBytes} of any version. */
const unpackedLimitBytes = 16 * 1024 * 1024;

/** Level 1: 3 times as fast as deflate's fastest at a like ratio (measured on 4,000 messages of 50 MB: 0.17 s, to half the size). */
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export function encodeBody(body: Uint8Array): { readonly encoding: number; readonly data: Uint8Array } {
  // Told how much comes, zstd takes smaller tables, and Node one buffer of the right size in place of 16 KB for each little message.
  const options = { ...compression, pledgedSrcSize: body.length, chunkSize: Math.max(64, body.length) };
  const packed = uninterrupted(() => zstdCompressSync(body, options));
  if (packed.length < body.length) return { encoding: encoding.zstd, data: packed };
  giveBack(packed);
  return { encoding: encoding.raw, data: body };
}

/**
 * Frees what a body took, at once: beside many bodies little else is made in the thread that writes them, so its garbage collector would
 * let a hundred megabytes of them gather. Not for bytes that anybody reads again.
 */
export function giveBack(bytes: Uint8Array): void {
  const { buffer } = bytes;
  // Node may cut small buffers out of a common piece of this size, which holds those of others too.
  if (buffer instanceof ArrayBuffer && !buffer.detached && buffer.byteLength !== Buffer.poolSize) buffer.transfer(0);
}

/**
 * The bytes of a row of `message` as they lie, not held against their hash.
 * @param piece for whoever is done with a piece before the next: the pieces of a large body are handed out in this memory
 * @throws Fault archive.body-changed, archive.body-missing, archive.read-failed
 */
export async function* storedBytes(where: Layout, row: StoredBody, sha256: string, piece?: Buffer): AsyncGenerator<Uint8Array> {
  if (row.encoding === encoding.file) yield* readBodyFile(where, sha256, piece);
  else if (row.body instanceof Uint8Array) yield decodeBody(row, row.body, sha256);
}

/**
 * Whether a row still leads to the bytes that came in anew: those in a file were put in place again with their arrival, those in the row
 * itself are held against their hash.
 */
export function leadsTo(taken: TakenBody, row: StoredBody): boolean {
  if (row.bytes !== taken.bytes) return false;
  if (row.encoding === encoding.file || taken.inline === undefined) return row.encoding === encoding.file && taken.inline === undefined;
  if (!(row.body instanceof Uint8Array)) return false;
  try {
    const bytes = decodeBody(row, row.body, taken.sha256);
    const isSame = hash('sha256', bytes) === taken.sha256;
    giveBack(bytes);
    return isSame;
  } catch (error) {
    if (isFault(error, 'archive.body-changed')) return false;
    throw error;
  }
}

/** Memory for one reader of {@link storedBytes}. */
export function pieceOfBody(): Buffer {
  return Buffer.allocUnsafeSlow(readBytes);
}

function decodeBody({ bytes, encoding: kind }: StoredBody, data: Uint8Array, sha256: string): Uint8Array {
  if (kind !== encoding.zstd) return data;
  // One byte more than comes: a buffer that is full to its end makes Node ask for another one.
  const size = typeof bytes === 'number' && bytes <= inlineLimitBytes ? { chunkSize: Math.max(64, bytes + 1) } : {};
  try {
    return uninterrupted(() => zstdDecompressSync(data, { maxOutputLength: unpackedLimitBytes, ...size }));
  } catch (error) {
    throw new Fault('archive.body-changed', { sha256, seen: 'its compressed bytes cannot be unpacked' }, { cause: error });
  }
}

/** Reasons of this process and this moment: they say nothing about the file. */
const passing: readonly unknown[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'];

async function* readBodyFile(where: Layout, sha256: string, piece: Buffer | undefined): AsyncGenerator<Uint8Array> {
  const file = bodyFile(where, sha256);
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    for (;;) {
      const buffer = piece ?? pieceOfBody();
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error && 'syscall' in error ? error.code : undefined;
    if (code === undefined) throw error; // the consumer's own
    if (passing.includes(code)) throw archiveFault(error, { file }, 'read');
    throw new Fault('archive.body-missing', { sha256, error: String(code) }, { cause: error });
  } finally {
    await handle?.close();
  }
}

/** A body that has come in whole, but is not kept yet. */
export interface IncomingBody {
  readonly sha256: string;
  readonly bytes: number;
  /** Makes it durable where that is a file's matter. @throws Fault archive.disk-full, archive.write-failed; then nothing stays */
  keep(): Promise<TakenBody>;
  /** Leaves nothing of it. */
  discard(): Promise<void>;
}

/**
 * Takes a body from its stream: hashed on the way, held in memory up to {@link inlineLimitBytes}, beyond that in a file.
 * @throws whatever `chunks` throws, then nothing stays; Fault archive.disk-full, archive.write-failed
 */
export async function takeBody(where: Layout, chunks: AsyncIterable<Uint8Array>): Promise<IncomingBody> {
  const hash = createHash('sha256');
  const held: Uint8Array[] = [];
  let bytes = 0;
  let file: IncomingFile | undefined;
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      if (file !== undefined) {
        await file.write(chunk);
      } else if (bytes <= inlineLimitBytes) {
        held.push(chunk);
      } else {
        file = await IncomingFile.create(where);
        for (const one of held) await file.write(one);
        held.length = 0;
        await file.write(chunk);
      }
    }
  } catch (error) {
    await file?.discard();
    throw error;
  }
  const sha256 = hash.digest('hex');
  if (file === undefined) {
    const inline = joined(held, bytes);
    return { sha256, bytes, keep: async () => ({ sha256, bytes, inline }), discard: async () => undefined };
  }
  const incoming = file;
  return {
    sha256,
    bytes,
    keep: async () => {
      await incoming.keep(bodyFile(where, sha256));
      return { sha256, bytes, inline: undefined };
    },
    discard: () => incoming.discard(),
  };
}

/** One buffer of its own memory (not a slice of a pool), so that it can be handed to the writer thread without a copy. */
function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** Chunks are gathered to this size before they are written: a socket hands them out in 16 KiB. */
const writeBytes = 512 * 1024;
/** A large body is read in pieces of this size. */
const readBytes = 256 * 1024;

class IncomingFile {
  readonly #path: string;
  readonly #handle: Awaited<ReturnType<typeof open>>;
  readonly #gathered = Buffer.allocUnsafeSlow(writeBytes);
  #gatheredBytes = 0;

  private constructor(path: string, handle: Awaited<ReturnType<typeof open>>) {
    this.#path = path;
    this.#handle = handle;
  }

  static async create(where: Layout): Promise<IncomingFile> {
    const path = join(where.incoming, randomUUID());
    try {
      return new IncomingFile(path, await open(path, 'wx', 0o600));
    } catch (error) {
      throw archiveFault(error, { file: path });
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    let rest = chunk;
    while (rest.length > 0) {
      const part = rest.subarray(0, writeBytes - this.#gatheredBytes);
      this.#gathered.set(part, this.#gatheredBytes);
      this.#gatheredBytes += part.length;
      rest = rest.subarray(part.length);
      if (this.#gatheredBytes === writeBytes) await this.#drain();
    }
  }

  async #drain(): Promise<void> {
    const bytes = this.#gathered.subarray(0, this.#gatheredBytes);
    this.#gatheredBytes = 0;
    try {
      await this.#handle.appendFile(bytes); // goes on after a short write, unlike write()
    } catch (error) {
      throw archiveFault(error, { file: this.#path });
    }
  }

  /** Makes the bytes and then the name durable. Leaves nothing when it fails. */
  async keep(path: string): Promise<void> {
    try {
      await this.#drain();
      await this.#handle.datasync();
      await this.#handle.close();
      const folder = dirname(path);
      const made = await mkdir(folder, { recursive: true, mode: 0o700 });
      // The same bytes may lie there already: they are put in place again, which also mends a file that was damaged.
      await rename(this.#path, path);
      await syncFolder(folder);
      if (made !== undefined) await syncFolder(dirname(folder));
    } catch (error) {
      await this.discard();
      throw archiveFault(error, { file: path });
    }
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#path, { force: true });
  }
}

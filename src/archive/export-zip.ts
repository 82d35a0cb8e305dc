/**
 * Writes messages of the archive into one zip file: what `exportMessages` writes into a folder, with the same manifest.
 *
 * The hard thing is that an entry of a zip cannot be taken back once it is begun, and that a message's bytes are only known to be those that
 * arrived when the last of them was read. So each message is proven first: a small one in memory, a large one by reading it twice.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { type PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Fault, isFault } from '../fault/fault.ts';
import type { ArchiveReader, Query, StoredMessage } from './archive.ts';
import { type ExportFormat, manifestLine, mboxrd } from './export.ts';
import { ZipWriter } from './zip.ts';

export interface ZipSummary {
  readonly messages: number;
  /** As they arrived. */
  readonly bytes: number;
  /** Messages of which nothing was written, because their stored bytes are not those that arrived; the manifest names them. */
  readonly damaged: number;
  /** What was the matter with the first of them. */
  readonly firstDamage: Fault | undefined;
  /** SHA-256 of the manifest, lower-case hex. */
  readonly manifest: string;
}

export interface ZipOptions {
  /** Time of what is written, for entries that have none of their own. */
  readonly now: Date;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Pick<ZipSummary, 'messages' | 'bytes' | 'damaged'>) => void;
}

/** A message up to this size is proven in memory. */
const heldBytes = 256 * 1024;
const mboxName = 'messages.mbox';
const linesAtOnce = 200;

/**
 * @param file that is not there yet; it is whole when this resolves. What is left of it otherwise is the caller's to remove
 * @throws Fault export.unwritable, archive.index-damaged, archive.read-failed; archive.body-changed where a proven message changed since
 */
export async function exportZip(
  archive: ArchiveReader,
  query: Query,
  format: ExportFormat,
  file: string,
  { now, signal, onProgress }: ZipOptions,
): Promise<ZipSummary> {
  const sums = { messages: 0, bytes: 0, damaged: 0 };
  let firstDamage: Fault | undefined;
  const manifest = new Manifest(`${file}.manifest`);
  let zip: ZipWriter | undefined;
  let mbox: ReturnType<ZipWriter['open']> | undefined;
  try {
    zip = await ZipWriter.create(file);
    if (format === 'mbox') mbox = zip.open(mboxName, now, signal);
    for await (const message of archive.matches(query)) {
      signal.throwIfAborted();
      const { damage, held } = await proven(archive, message);
      if (damage !== undefined) {
        sums.damaged += 1;
        firstDamage ??= damage;
        await manifest.add(manifestLine({ file: null, fault: damage.code }, message));
      } else {
        const name = mbox === undefined ? `${message.sha256}.eml` : mboxName;
        if (mbox !== undefined) await poured(held ?? archive.read(message.sha256), message, mbox.input, signal);
        else if (held !== undefined) await zip.add(name, dateOf(message, now), held);
        else await zip.stream(name, dateOf(message, now), archive.read(message.sha256), signal);
        sums.messages += 1;
        sums.bytes += message.bytes;
        await manifest.add(manifestLine({ file: name }, message));
      }
      onProgress({ ...sums });
    }
    mbox?.input.end();
    await mbox?.done;
    await manifest.end();
    await zip.stream('manifest.jsonl', now, createReadStream(manifest.file), signal);
    await zip.end();
  } catch (error) {
    mbox?.input.destroy();
    const before = await mbox?.done.catch((earlier: unknown) => earlier);
    await zip?.giveUp();
    throw refusalOf(before) ?? refusalOf(error) ?? error;
  } finally {
    await manifest.remove();
  }
  return { ...sums, firstDamage, manifest: manifest.sha256 };
}

/** The lines of the manifest on their way into a file beside the zip, where they wait until the messages are written. */
class Manifest {
  readonly file: string;
  readonly #hash = createHash('sha256');
  #handle: FileHandle | undefined;
  #lines: string[] = [];
  sha256 = '';

  constructor(file: string) {
    this.file = file;
  }

  async add(line: unknown): Promise<void> {
    this.#lines.push(`${JSON.stringify(line)}\n`);
    if (this.#lines.length >= linesAtOnce) await this.#write();
  }

  async end(): Promise<void> {
    await this.#write();
    await this.#handle?.close();
    this.#handle = undefined;
    this.sha256 = this.#hash.digest('hex');
  }

  async remove(): Promise<void> {
    await this.#handle?.close().catch(() => undefined);
    await rm(this.file, { force: true });
  }

  async #write(): Promise<void> {
    this.#handle ??= await open(this.file, 'wx', 0o600);
    const text = this.#lines.join('');
    this.#lines = [];
    this.#hash.update(text);
    await this.#handle.appendFile(text);
  }
}

interface Proof {
  readonly held: Uint8Array | undefined;
  readonly damage: Fault | undefined;
}

/** Reads a message to its end, which is when its hash is known to fit. */
async function proven(archive: ArchiveReader, { sha256, bytes }: StoredMessage): Promise<Proof> {
  const chunks: Uint8Array[] = [];
  const isHeld = bytes <= heldBytes;
  try {
    for await (const chunk of archive.read(sha256)) if (isHeld) chunks.push(new Uint8Array(chunk));
    return { held: isHeld ? Buffer.concat(chunks) : undefined, damage: undefined };
  } catch (error) {
    if (!isFault(error, 'archive.body-changed', 'archive.body-missing', 'archive.damaged')) throw error;
    return { held: undefined, damage: error };
  }
}

function refusalOf(error: unknown): Fault | undefined {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return undefined;
  return new Fault('export.unwritable', { error: String(error.code), call: String(error.syscall) }, { cause: error });
}

/** A zip knows years from 1980 to 2107. */
function dateOf({ occurrences, record }: StoredMessage, now: Date): Date {
  const at = occurrences[0]?.internalDate ?? record?.sentAt ?? now;
  const year = at.getUTCFullYear();
  return year > 1980 && year < 2100 ? at : now;
}

/** A message behind the others of an mbox. */
async function poured(
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  message: StoredMessage,
  into: PassThrough,
  signal: AbortSignal,
): Promise<void> {
  const source = bytes instanceof Uint8Array ? Readable.from([bytes]) : Readable.from(bytes);
  await pipeline(
    source,
    mboxrd(message),
    async (entry: AsyncIterable<Uint8Array>) => {
      for await (const chunk of entry) {
        if (into.destroyed) throw new Error('the entry ended before its time');
        if (!into.write(chunk)) await once(into, 'drain', { signal });
      }
    },
    { signal },
  );
}

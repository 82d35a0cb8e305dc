/**
 * The embedded archive: SQLite for ledger and small bodies, files for large ones, a second SQLite for what is derived.
 * Stands behind the port of ../archive.ts; only the wiring knows it.
 *
 * The hard thing is who may touch what: the writer thread owns the ledger, deriving threads own the index, and this thread reads both
 * on a connection of its own and never writes.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../../fault/fault.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Archive, ArchiveReader, Arrival, Progress, Receipt } from '../archive.ts';
import { Deriver } from '../derive/deriver.ts';
import { syncFolder, type TakenBody, takeBody } from './bodies.ts';
import { archiveFault, indexFault } from './errors.ts';
import { type Layout, layout } from './layout.ts';
import { LedgerWriter } from './ledger-writer.ts';
import { takeWriterLock, type WriterLock } from './lock.ts';
import { SqliteReader } from './reader.ts';
import { verifyArchive } from './verify.ts';

/**
 * Opens an existing archive for reading, beside a writer or without one.
 * @throws Fault archive.not-found, archive.newer-format, archive.damaged
 */
export function openArchiveReader(dataFolder: string): ArchiveReader {
  const where = layout(dataFolder);
  return readingPart(where, new SqliteReader(where));
}

/**
 * Opens the archive for writing; makes it when it is not there. A damaged index does not keep mail from being archived: only
 * `derived()` and `derivingFault()` tell of it, and `reindex()` mends it.
 * @throws Fault archive.in-use, archive.newer-format, archive.damaged, archive.disk-full, archive.write-failed
 */
export async function openArchive(dataFolder: string, clock: Clock): Promise<Archive> {
  const where = layout(dataFolder);
  let lock: WriterLock | undefined;
  let writer: LedgerWriter | undefined;
  const following = new FollowingIndex(where);
  try {
    mkdirSync(where.bodies, { recursive: true, mode: 0o700 });
    // The names of the folders must be as durable as what they will hold.
    for (const folder of [where.folder, dirname(where.folder), dirname(dirname(where.folder))]) await syncFolder(folder);
    lock = takeWriterLock(where);
    rmSync(where.incoming, { recursive: true, force: true }); // bodies that a crash cut off
    mkdirSync(where.incoming, { mode: 0o700 });
    writer = new LedgerWriter(where.archive, (lastMessage) => following.follow(lastMessage));
    await writer.opened();
    const reader = new SqliteReader(where);
    following.start();
    return writingPart({ where, clock, lock, writer, following, reader });
  } catch (error) {
    await writer?.close();
    await following.close();
    lock?.release();
    throw archiveFault(error, { folder: where.folder });
  }
}

function readingPart(where: Layout, reader: SqliteReader): ArchiveReader {
  return {
    stats: async () => reader.stats(),
    search: async (query, limit) => reader.search(query, limit),
    matches: (query) => generate(reader.matches(query)),
    message: async (id) => reader.message(id),
    read: (sha256) => reader.read(sha256),
    verify: (options) => verifyArchive(where, options),
    close: async () => reader.close(),
  };
}

async function* generate<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}

interface Parts {
  readonly where: Layout;
  readonly clock: Clock;
  readonly lock: WriterLock;
  readonly writer: LedgerWriter;
  readonly following: FollowingIndex;
  readonly reader: SqliteReader;
}

function writingPart({ where, clock, lock, writer, following, reader }: Parts): Archive {
  const add = (arrival: Arrival, body: TakenBody | undefined): Promise<Receipt> =>
    writer.add({
      // SQLite keeps UTF-8: half a character of UTF-16 would come back as another one, and no link would fit any more.
      source: arrival.era.source.toWellFormed(),
      folder: arrival.era.folder.toWellFormed(),
      uidValidity: arrival.era.uidValidity,
      uid: arrival.uid,
      cursor: arrival.cursor,
      reason: arrival.quarantine ?? null,
      internalDateMs: arrival.internalDate?.getTime() ?? null,
      announcedBytes: arrival.announcedBytes ?? null,
      acceptedAtMs: Math.trunc(clock.now()),
      body,
    });
  return {
    ...readingPart(where, reader),
    settled: async (era) => reader.settled(era.source, era.folder, era.uidValidity),
    cursor: async (source, folder) => reader.cursor(source, folder),
    async accept(body, describe) {
      const incoming = await takeBody(where, body);
      let arrival: Arrival;
      try {
        arrival = describe();
      } catch (error) {
        await incoming.discard();
        throw error;
      }
      return add(arrival, await incoming.keep());
    },
    acceptNothing: (arrival) => add(arrival, undefined),
    flush: () => writer.flush(),
    derivingFault: () => following.fault,
    derived: (options) => following.caughtUp(options?.onProgress, options?.signal),
    async reindex(options) {
      reader.detachIndex();
      await following.startAgain();
      await following.caughtUp(options?.onProgress, options?.signal);
    },
    async close() {
      await writer.close();
      await following.close();
      reader.close();
      lock.release();
    },
  };
}

/** The index as it follows the ledger; a damaged one is remembered as its fault, and mended by starting again. */
class FollowingIndex {
  readonly #where: Layout;
  #deriver: Deriver | undefined;
  #failure: unknown;
  #lastMessage = 0;

  constructor(where: Layout) {
    this.#where = where;
  }

  start(): void {
    try {
      this.#failure = undefined;
      this.#deriver = new Deriver(this.#where);
      this.#deriver.follow(this.#lastMessage);
    } catch (error) {
      this.#failure = indexFault(error);
    }
  }

  follow(lastMessage: number): void {
    this.#lastMessage = lastMessage;
    this.#deriver?.follow(lastMessage);
  }

  /** What ended the deriving. A bug of ours is a fault here too: whoever watches an import must hear of it, and the import goes on. */
  get fault(): Fault | undefined {
    const failure = this.#deriver?.failure ?? this.#failure;
    if (failure === undefined || failure instanceof Fault) return failure;
    const text = failure instanceof Error ? failure.message : String(failure);
    return new Fault('archive.deriving-stopped', { text }, { cause: failure });
  }

  async caughtUp(onProgress?: (progress: Progress) => void, signal?: AbortSignal): Promise<void> {
    if (this.#deriver === undefined) throw this.#failure ?? new Error('the archive is closed');
    await this.#deriver.caughtUp(onProgress, signal);
  }

  /** Throws the derived database away and begins with an empty one. */
  async startAgain(): Promise<void> {
    await this.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${this.#where.index}${suffix}`, { force: true });
    this.start();
  }

  async close(): Promise<void> {
    await this.#deriver?.close();
    this.#deriver = undefined;
  }
}

/**
 * The embedded archive: SQLite for ledger and small bodies, files for large ones, a second SQLite for what is derived.
 * Stands behind the port of ../archive.ts; only the wiring knows it.
 *
 * The hard thing is who may touch what: the writer thread owns the ledger, deriving threads own the index, and this thread reads both
 * on a connection of its own and never writes.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import type { Archive, ArchiveReader, Arrival, CompletionNote, Receipt } from '../archive.ts';
import { FollowingIndex } from '../derive/following.ts';
import type { Profiles } from '../derive/profiles.ts';
import { syncFolder, type TakenBody, takeBody } from './bodies.ts';
import type { CompletionToWrite } from './completion-writer.ts';
import { derivedPart } from './derived-reader.ts';
import { archiveFault } from './errors.ts';
import { type Layout, layout } from './layout.ts';
import { LedgerWriter } from './ledger-writer.ts';
import { takeWriterLock, type WriterLock } from './lock.ts';
import { SqliteReader } from './reader.ts';
import { verifyArchive } from './verify.ts';

/**
 * Opens an existing archive for reading, beside a writer or without one.
 * @throws Fault archive.not-found, archive.newer-format, archive.damaged
 */
export function openArchiveReader(dataFolder: string, profiles: Profiles = {}): ArchiveReader {
  const where = layout(dataFolder);
  return readingPart(where, new SqliteReader(where), () => profiles);
}

/**
 * Opens the archive for writing; makes it when it is not there. A damaged index does not keep mail from being archived: only
 * `derived()` and `derivingFault()` tell of it, and `reindex()` mends it.
 * @throws Fault archive.in-use, archive.newer-format, archive.damaged, archive.disk-full, archive.write-failed
 */
export async function openArchive(dataFolder: string, clock: Clock, profiles: Profiles = {}): Promise<Archive> {
  const where = layout(dataFolder);
  let lock: WriterLock | undefined;
  let writer: LedgerWriter | undefined;
  const following = new FollowingIndex(where, profiles);
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

function readingPart(where: Layout, reader: SqliteReader, profiles: () => Profiles): ArchiveReader {
  return {
    stats: async () => reader.stats(),
    pulse: async () => reader.pulse(),
    heads: async () => reader.heads(),
    ...derivedPart(where, reader, profiles),
    search: async (query, limit, options) => reader.search(query, limit, options),
    matches: (query) => generate(reader.matches(query)),
    message: async (id) => reader.message(id),
    settled: (era) => reader.ledger.settled(era),
    uidls: (era) => reader.ledger.uidls(era),
    cursor: async (source, folder) => reader.ledger.cursor(source, folder),
    ledger: (filter) => reader.ledger.ledger(filter),
    quarantine: (filter) => reader.ledger.quarantine(filter),
    absent: (filter) => reader.ledger.absent(filter),
    completions: (of) => reader.ledger.completions(of),
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
      uidl: arrival.uidl?.toWellFormed() ?? null,
      cursor: arrival.cursor,
      reason: arrival.quarantine ?? null,
      internalDateMs: arrival.internalDate?.getTime() ?? null,
      announcedBytes: arrival.announcedBytes ?? null,
      acceptedAtMs: Math.trunc(clock.now()),
      body,
    });
  return {
    ...readingPart(where, reader, () => following.given),
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
    complete: (notes) => writer.complete(notes.map((note) => completionToWrite(note, clock))),
    flush: () => writer.flush(),
    derivingFault: () => following.fault,
    setProfiles: (changed) => following.setProfiles(changed),
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

function completionToWrite({ era, uid, step, phase, target, detail }: CompletionNote, clock: Clock): CompletionToWrite {
  return {
    source: era.source.toWellFormed(),
    folder: era.folder.toWellFormed(),
    uidValidity: era.uidValidity,
    uid,
    step,
    phase,
    target: target?.toWellFormed() ?? null,
    detail: detail?.toWellFormed() ?? null,
    atMs: Math.trunc(clock.now()),
  };
}

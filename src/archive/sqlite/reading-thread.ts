/**
 * A thread that reads the archive for whoever may not wait: SQLite answers at once or after seconds, and nothing else of its thread goes on
 * meanwhile. One question at a time; the other side is reading-threads.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { ArchiveReader, ArchiveStats, Query, StoredMessage } from '../archive.ts';
import { packFailure, type ThreadFailure } from '../thread-failure.ts';
import { attachmentPlace, type DerivedPart, derivedPart } from './derived-reader.ts';
import { archiveFault } from './errors.ts';
import { layout } from './layout.ts';
import { SqliteReader } from './reader.ts';

/** What can be asked: each with the arguments of the port's method, as far as they can be handed over. */
export interface Questions {
  readonly search: (...args: Parameters<ArchiveReader['search']>) => ReturnType<ArchiveReader['search']>;
  readonly facets: (query: Query) => ReturnType<ArchiveReader['facets']>;
  readonly conversation: (...args: Parameters<ArchiveReader['conversation']>) => ReturnType<ArchiveReader['conversation']>;
  readonly text: (sha256: string) => Promise<string>;
  readonly hasHtml: (sha256: string) => Promise<boolean>;
  readonly html: (sha256: string) => ReturnType<ArchiveReader['html']>;
  readonly attachmentPlace: (sha256: string, index: number) => ReturnType<typeof attachmentPlace>;
  readonly stats: () => Promise<ArchiveStats>;
  /** Numbers of all messages that a query finds. */
  readonly matches: (query: Query) => Promise<readonly number[]>;
  readonly stored: (seqs: readonly number[]) => Promise<readonly StoredMessage[]>;
}

export interface ToReader {
  readonly id: number;
  readonly name: keyof Questions;
  readonly args: readonly unknown[];
}

export type FromReader = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly failure: ThreadFailure };

function questions(dataFolder: string): Questions {
  const where = layout(dataFolder);
  const reader = new SqliteReader(where);
  // What is known of each source stands in the index: it was made with that.
  const profiles = (): Record<string, never> => ({});
  const derived: DerivedPart = derivedPart(where, reader, profiles);
  return {
    ...derived,
    search: async (query, limit, options) => reader.search(query, limit, options),
    attachmentPlace: (sha256, index) => attachmentPlace(reader, profiles, sha256, index),
    stats: async () => reader.stats(),
    matches: async (query) => reader.index.matches(query),
    stored: async (seqs) => seqs.map((seq) => reader.stored(seq)),
  };
}

const port = parentPort;
if (port === null) throw new Error('this file is started as a thread');
let known: Questions | undefined;
port.on('message', ({ id, name, args }: ToReader) => {
  const answer = async (): Promise<unknown> => {
    known ??= questions(String(workerData.dataFolder));
    const ask = known[name] as (...given: readonly unknown[]) => Promise<unknown>; // the other side asks by the same table
    return await ask(...args);
  };
  answer().then(
    (value) => port.postMessage({ id, value } satisfies FromReader),
    (error: unknown) => port.postMessage({ id, failure: packFailure(archiveFault(error, {}, 'read')) } satisfies FromReader),
  );
});

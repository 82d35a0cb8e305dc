/**
 * A thread that derives: reads stored bytes, extracts what they say, and writes records and words into the index.
 *
 * The hard thing is the watermark: the rows of a range and the note that the range is done are one transaction, so the index can lag
 * or lose its last transactions, but never skip a message unseen. And nothing is written twice: words cannot be taken out of the full
 * text again, so a range that stands already (the thread was ended between its commit and its answer) is left as it is.
 */
import { setPriority } from 'node:os';
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { Fault, isFault } from '../../fault/fault.ts';
import { giveBack, pieceOfBody, storedBytes } from '../sqlite/bodies.ts';
import { archiveFault, indexFault, saysDamaged, saysOutOfRange, saysWrong } from '../sqlite/errors.ts';
import { openIndex } from '../sqlite/index-schema.ts';
import { clockSlackMs, type DerivedRow, IndexWriter } from '../sqlite/index-writer.ts';
import type { Layout } from '../sqlite/layout.ts';
import { openForReading } from '../sqlite/schema.ts';
import { packFailure, type ThreadFailure } from '../thread-failure.ts';
import { extractor, unreadable } from './extract.ts';
import { markOf } from './index-fit.ts';
import { JoinedChunks } from './joined-chunks.ts';
import { neverEnds } from './never-ends.ts';
import { type Profiles, profileName, profileOf } from './profiles.ts';
import { newScratch } from './scratch.ts';

/** `skip`: this message alone ended a thread before; it is noted as unreadable without being parsed. */
export interface ToDeriver {
  readonly first: number;
  readonly last: number;
  readonly skip: boolean;
}

export type FromDeriver =
  | { readonly kind: 'done'; readonly watermark: number }
  | { readonly kind: 'failed'; readonly failure: ThreadFailure };

/** What a deriving thread is started with. */
export interface DeriveWork {
  readonly layout: Layout;
  /** File of the index that is written; not always that of the layout, for one may be made beside it. */
  readonly index: string;
  readonly profiles: Profiles;
}

/** Makes the records of one source. */
interface Maker {
  readonly extract: ReturnType<typeof extractor>;
  /** Its short name. */
  readonly profile: string;
}

/** Below the importer's threads: what is durable must not wait for what is derived. */
const niceness = 10;
/** Characters of derived text that are held before they are written: a range of long messages is written in parts. */
const heldChars = 2 * 1024 * 1024;

class DeriveThread {
  readonly #where: Layout;
  readonly #ledger: DatabaseSync;
  readonly #indexFile: string;
  readonly #index: DatabaseSync;
  readonly #writer: IndexWriter;
  readonly #profiles: Profiles;
  readonly #makers = new Map<string, Maker>();
  readonly #piece = pieceOfBody();
  /** Of all sources together: one of its own for each of a thousand would be 48 MB. */
  readonly #scratch = newScratch();

  constructor({ layout: where, index, profiles }: DeriveWork) {
    this.#where = where;
    this.#indexFile = index;
    this.#profiles = profiles;
    const ledger = openForReading(where.archive);
    if (ledger === undefined) throw new Fault('archive.not-found', { folder: where.folder });
    this.#ledger = ledger;
    this.#index = openIndex(index);
    this.#writer = new IndexWriter(this.#index);
  }

  /** Derives a range and writes it. Returns the new watermark. */
  async derive(range: ToDeriver): Promise<number> {
    // One statement a message, so that no view of the ledger stays open while a message is parsed: the writer could not tidy its log.
    const get = this.#ledger.prepare(
      `select lower(hex(m.sha256)) as sha256, m.bytes, m.encoding, m.body, e.source, l.internal_date, l.accepted_at
       from message m left join ledger l on l.row = (select min(row) from ledger where message = m.seq) left join era e on e.id = l.era
       where m.seq = ?`,
    );
    let watermark = 0;
    let results: DerivedRow[] = [];
    let first = range.first;
    let chars = 0;
    for (let seq = range.first; seq <= range.last; seq += 1) {
      const row = await this.#one(seq, () => get.get(seq), range.skip);
      if (row !== undefined) {
        results.push(row);
        chars += row.derived.words.body.length + row.derived.words.headers.length;
      }
      if (seq === range.last || chars >= heldChars) {
        watermark = this.#write(first, seq, results);
        first = seq + 1;
        results = [];
        chars = 0;
      }
    }
    return watermark;
  }

  /** What a message says; a problem where its bytes cannot be had. Whatever else fails is no matter of this message. */
  async #one(seq: number, get: () => Record<string, unknown> | undefined, skip: boolean): Promise<DerivedRow | undefined> {
    let origin = this.#origin({});
    try {
      const row = get();
      if (row === undefined) return undefined;
      origin = this.#origin(row);
      const chunks = storedBytes(this.#where, row, String(row.sha256), this.#piece);
      const derived = skip
        ? unreadable(await beginning(chunks), neverEnds)
        : await this.#maker(origin.source).extract(givenBack(chunks, this.#piece));
      if (row['body'] instanceof Uint8Array) giveBack(row['body']);
      return { seq, derived, ...origin };
    } catch (error) {
      const isLost = isFault(error, 'archive.body-changed', 'archive.body-missing') || saysDamaged(error) || saysOutOfRange(error);
      if (!isLost) throw archiveFault(error, { file: this.#where.archive }, 'read');
      const problem = `its stored bytes cannot be read: ${error instanceof Error ? error.message : ''}`;
      return { seq, derived: unreadable(new Uint8Array(), problem), ...origin };
    }
  }

  /** What is known of a source is prepared once. */
  #maker(source: string): Maker {
    const known = this.#makers.get(source);
    if (known !== undefined) return known;
    const profile = profileOf(this.#profiles, source);
    const maker = { extract: extractor(profile, this.#scratch), profile: profileName(profile) };
    this.#makers.set(source, maker);
    return maker;
  }

  /** Where and when a message arrived first. One whose row cannot be read came from nowhere, long ago. */
  #origin(row: Record<string, unknown>): Omit<DerivedRow, 'seq' | 'derived'> {
    const source = String(row['source'] ?? '');
    const acceptedMs = Number(row['accepted_at'] ?? 0);
    const internalMs = Number(row['internal_date'] ?? acceptedMs);
    // Whoever puts a message into a mailbox may name its date (APPEND, RFC 9051 §6.3.12); one to come would hide every silence until then.
    const arrivedMs = internalMs <= acceptedMs + clockSlackMs ? internalMs : acceptedMs;
    return { source, profile: this.#maker(source).profile, arrivedMs, acceptedMs };
  }

  /** Writes messages `first` to `last` and moves the watermark over them and over all that was done ahead of them. */
  #write(first: number, last: number, rows: readonly DerivedRow[]): number {
    try {
      this.#index.exec('begin immediate');
      let watermark = Number(this.#index.prepare("select value from meta where key = 'watermark'").get()?.value ?? 0);
      const stands =
        first <= watermark || this.#index.prepare('select 1 from ahead where first <= ? and last >= ?').get(first, first) !== undefined;
      if (!stands) {
        this.#writer.write(rows);
        this.#index.prepare('insert into ahead (first, last) values (?, ?)').run(first, last);
        for (;;) {
          const next = this.#index.prepare('select last from ahead where first = ?').get(watermark + 1);
          if (next === undefined) break;
          this.#index.prepare('delete from ahead where first = ?').run(watermark + 1);
          watermark = Number(next.last);
        }
        const note = this.#index.prepare('insert or replace into meta (key, value) values (?, ?)');
        note.run('watermark', String(watermark));
        note.run('mark', markOf(this.#ledger, watermark));
      }
      this.#index.exec('commit');
      return watermark;
    } catch (error) {
      this.#writer.forget();
      const file = this.#indexFile;
      // What is asked here is right in every index that we made.
      if (saysWrong(error)) throw new Fault('archive.index-damaged', { file, text: (error as Error).message }, { cause: error });
      throw indexFault(error, { file });
    } finally {
      if (this.#index.isTransaction) this.#index.exec('rollback');
    }
  }
}

/** Frees each chunk when the next one is asked for, since {@link extractor} holds none: a collector would let many of them gather. */
async function* givenBack(chunks: AsyncIterable<Uint8Array>, piece: Buffer): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    if (chunk.buffer !== piece.buffer) giveBack(chunk);
  }
}

async function beginning(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const chunk of chunks) return chunk;
  return new Uint8Array();
}

const port = parentPort;
if (port !== null) {
  // On Linux a thread has a niceness of its own; elsewhere this would slow the whole process.
  if (process.platform === 'linux') setPriority(niceness);
  // A small buffer is cut out of a common piece, which stays as long as one of those in it. Measured, with the chunks that are given back
  // above: 30 MB less at the peak of an import with two such threads, in no more time.
  Buffer.poolSize = 0;
  Object.defineProperty(globalThis, 'Blob', { value: JoinedChunks, configurable: true, writable: true });
  const failed = (error: unknown): FromDeriver => ({ kind: 'failed', failure: packFailure(indexFault(error)) });
  try {
    const thread = new DeriveThread(workerData);
    port.on('message', (range: ToDeriver) => {
      thread
        .derive(range)
        .then((watermark): FromDeriver => ({ kind: 'done', watermark }), failed)
        .then((answer) => port.postMessage(answer));
    });
  } catch (error) {
    port.postMessage(failed(error));
    port.close();
  }
}

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
import { pieceOfBody, storedBytes } from '../sqlite/bodies.ts';
import { archiveFault, indexFault, saysDamaged, saysOutOfRange, saysWrong } from '../sqlite/errors.ts';
import type { Layout } from '../sqlite/layout.ts';
import { openForReading, openIndex } from '../sqlite/schema.ts';
import { packFailure, type ThreadFailure } from '../thread-failure.ts';
import { type Derived, extract, unreadable } from './extract.ts';
import { markOf } from './index-fit.ts';
import { JoinedChunks } from './joined-chunks.ts';

/** `skip`: this message alone ended a thread before; it is noted as unreadable without being parsed. */
export interface ToDeriver {
  readonly first: number;
  readonly last: number;
  readonly skip: boolean;
}

export type FromDeriver =
  | { readonly kind: 'done'; readonly watermark: number }
  | { readonly kind: 'failed'; readonly failure: ThreadFailure };

interface Result {
  readonly seq: number;
  readonly derived: Derived;
}

/** Below the importer's threads: what is durable must not wait for what is derived. */
const niceness = 10;
/** Characters of derived text that are held before they are written: a range of long messages is written in parts. */
const heldChars = 2 * 1024 * 1024;

class DeriveThread {
  readonly #where: Layout;
  readonly #ledger: DatabaseSync;
  readonly #index: DatabaseSync;
  readonly #piece = pieceOfBody();

  constructor(where: Layout) {
    this.#where = where;
    const ledger = openForReading(where.archive);
    if (ledger === undefined) throw new Fault('archive.not-found', { folder: where.folder });
    this.#ledger = ledger;
    this.#index = openIndex(where.index);
  }

  /** Derives a range and writes it. Returns the new watermark. */
  async derive(range: ToDeriver): Promise<number> {
    // One statement a message, so that no view of the ledger stays open while a message is parsed: the writer could not tidy its log.
    const get = this.#ledger.prepare('select lower(hex(sha256)) as sha256, encoding, body from message where seq = ?');
    let watermark = 0;
    let results: Result[] = [];
    let first = range.first;
    let chars = 0;
    for (let seq = range.first; seq <= range.last; seq += 1) {
      const derived = await this.#one(() => get.get(seq), range.skip);
      if (derived !== undefined) {
        results.push({ seq, derived });
        chars += derived.words.body.length + derived.words.headers.length;
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
  async #one(get: () => Record<string, unknown> | undefined, skip: boolean): Promise<Derived | undefined> {
    try {
      const row = get();
      if (row === undefined) return undefined;
      const chunks = storedBytes(this.#where, row, String(row.sha256), this.#piece);
      return skip ? unreadable(await beginning(chunks), 'the parser did not come to an end with it') : await extract(chunks);
    } catch (error) {
      const isLost = isFault(error, 'archive.body-changed', 'archive.body-missing') || saysDamaged(error) || saysOutOfRange(error);
      if (!isLost) throw archiveFault(error, { file: this.#where.archive }, 'read');
      return unreadable(new Uint8Array(), `its stored bytes cannot be read: ${error instanceof Error ? error.message : ''}`);
    }
  }

  /** Writes messages `first` to `last` and moves the watermark over them and over all that was done ahead of them. */
  #write(first: number, last: number, results: readonly Result[]): number {
    try {
      this.#index.exec('begin immediate');
      let watermark = Number(this.#index.prepare("select value from meta where key = 'watermark'").get()?.value ?? 0);
      const stands =
        first <= watermark || this.#index.prepare('select 1 from ahead where first <= ? and last >= ?').get(first, first) !== undefined;
      if (!stands) {
        this.#writeRows(results);
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
      const file = this.#where.index;
      // What is asked here is right in every index that we made.
      if (saysWrong(error)) throw new Fault('archive.index-damaged', { file, text: (error as Error).message }, { cause: error });
      throw indexFault(error, { file });
    } finally {
      if (this.#index.isTransaction) this.#index.exec('rollback');
    }
  }

  #writeRows(results: readonly Result[]): void {
    const addRecord = this.#index.prepare(
      `insert into record (message, subject, sender, recipients, message_id, sent_at, preview, attachments, parser_version, problem)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const addWords = this.#index.prepare(
      'insert into words (rowid, subject, sender, recipients, attachments, headers, body) values (?, ?, ?, ?, ?, ?, ?)',
    );
    for (const { seq, derived } of results) {
      const { record, words } = derived;
      addRecord.run(
        seq,
        record.subject,
        record.from,
        record.to,
        record.messageId,
        record.sentAt?.getTime() ?? null,
        record.preview,
        JSON.stringify(record.attachments),
        record.parserVersion,
        record.problem ?? null,
      );
      addWords.run(seq, words.subject, words.sender, words.recipients, words.attachments, words.headers, words.body);
    }
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
  Object.defineProperty(globalThis, 'Blob', { value: JoinedChunks, configurable: true, writable: true });
  const failed = (error: unknown): FromDeriver => ({ kind: 'failed', failure: packFailure(indexFault(error)) });
  try {
    const thread = new DeriveThread(workerData.layout);
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

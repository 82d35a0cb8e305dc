/**
 * A thread that derives: reads stored bytes, extracts what they say, and writes records and words into the index.
 *
 * The hard thing is the watermark: the rows of a range and the note that the range is done are one transaction, so the index can lag
 * or lose its last transactions, but never skip a message unseen.
 */
import { setPriority } from 'node:os';
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { decodeBody, encoding, readBodyFile } from '../sqlite/bodies.ts';
import { indexFault } from '../sqlite/errors.ts';
import type { Layout } from '../sqlite/layout.ts';
import { openForReading, openIndex } from '../sqlite/schema.ts';
import { packFailure, type ThreadFailure } from '../thread-failure.ts';
import { type Derived, extract, unreadable } from './extract.ts';

/** `skip`: this message alone ended a thread before; it is noted as unreadable without being parsed. */
export interface ToDeriver {
  readonly first: number;
  readonly last: number;
  readonly skip: boolean;
}

export type FromDeriver =
  | { readonly kind: 'done'; readonly first: number; readonly last: number; readonly watermark: number }
  | { readonly kind: 'failed'; readonly failure: ThreadFailure };

/** Below the importer's threads: what is durable must not wait for what is derived. */
const niceness = 10;

async function* bodyOf(where: Layout, row: Record<string, unknown>): AsyncGenerator<Uint8Array> {
  const sha256 = String(row.sha256);
  if (row.encoding === encoding.file) yield* readBodyFile(where, sha256);
  else if (row.body instanceof Uint8Array) yield decodeBody(Number(row.encoding), row.body, sha256);
}

async function derive(
  where: Layout,
  ledger: DatabaseSync,
  range: ToDeriver,
): Promise<readonly { readonly seq: number; readonly derived: Derived }[]> {
  const rows = ledger.prepare(
    'select seq, lower(hex(sha256)) as sha256, encoding, body from message where seq between ? and ? order by seq',
  );
  const results: { seq: number; derived: Derived }[] = [];
  for (const row of rows.iterate(range.first, range.last)) {
    const derived = range.skip
      ? unreadable(await beginning(bodyOf(where, row)), 'the parser did not come to an end with it')
      : await extract(bodyOf(where, row)).catch((error: unknown) =>
          unreadable(new Uint8Array(), error instanceof Error ? error.message : String(error)),
        );
    results.push({ seq: Number(row.seq), derived });
  }
  return results;
}

async function beginning(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const chunk of chunks) return chunk;
  return new Uint8Array();
}

/** Writes a range and moves the watermark over it and over all that was done ahead of it. Returns the new watermark. */
function write(index: DatabaseSync, range: ToDeriver, results: readonly { readonly seq: number; readonly derived: Derived }[]): number {
  const addRecord = index.prepare(
    `insert or replace into record (message, subject, sender, recipients, message_id, sent_at, preview, attachments, parser_version, problem)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const addWords = index.prepare(
    'insert into words (rowid, subject, sender, recipients, attachments, headers, body) values (?, ?, ?, ?, ?, ?, ?)',
  );
  index.exec('begin immediate');
  try {
    for (const { seq, derived } of results) {
      const { record, words } = derived;
      const sentAt = record.sentAt?.getTime() ?? null;
      const attachments = JSON.stringify(record.attachments);
      addRecord.run(
        seq,
        record.subject,
        record.from,
        record.to,
        record.messageId,
        sentAt,
        record.preview,
        attachments,
        record.parserVersion,
        record.problem ?? null,
      );
      addWords.run(seq, words.subject, words.sender, words.recipients, words.attachments, words.headers, words.body);
    }
    let watermark = Number(index.prepare("select value from meta where key = 'watermark'").get()?.value ?? 0);
    index.prepare('insert into ahead (first, last) values (?, ?)').run(range.first, range.last);
    for (;;) {
      const next = index.prepare('select last from ahead where first = ?').get(watermark + 1);
      if (next === undefined) break;
      index.prepare('delete from ahead where first = ?').run(watermark + 1);
      watermark = Number(next.last);
    }
    index.prepare("insert or replace into meta (key, value) values ('watermark', ?)").run(String(watermark));
    index.exec('commit');
    return watermark;
  } catch (error) {
    if (index.isTransaction) index.exec('rollback');
    throw error;
  }
}

const port = parentPort;
if (port !== null) {
  // On Linux a thread has a niceness of its own; elsewhere this would slow the whole process.
  if (process.platform === 'linux') setPriority(niceness);
  const where: Layout = workerData.layout;
  const ledger = openForReading(where.archive);
  const index = openIndex(where.index);
  port.on('message', (range: ToDeriver) => {
    derive(where, ledger, range)
      .then((results): FromDeriver => ({ kind: 'done', first: range.first, last: range.last, watermark: write(index, range, results) }))
      .catch((error: unknown): FromDeriver => ({ kind: 'failed', failure: packFailure(indexFault(error)) }))
      .then((answer) => port.postMessage(answer));
  });
}

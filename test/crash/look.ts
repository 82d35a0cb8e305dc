/**
 * Looks into an archive that a killed process left, and holds it against the server's list.
 *
 * The hard thing is not to mend what is looked at. Whoever opens a SQLite database for writing and is the last to close it also tidies
 * its log, and the next import would no longer meet what the kill left. So this witness opens for reading only, and shares no line with
 * the product: it knows the tables from docs/archive-format.md.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import type { ServerMessage } from './place.ts';

export interface Seen {
  /** Rows of the ledger. */
  readonly rows: number;
  /** Distinct messages, and how many of them are not derived. */
  readonly messages: number;
  readonly lag: number;
  /** Large bodies that were on their way in. */
  readonly incoming: number;
}

type Row = Readonly<Record<string, SQLOutputValue>>;

/** @throws AssertionError where the archive holds what it must not, or says more than it holds */
export function look(dataFolder: string, server: readonly ServerMessage[]): Seen {
  const folder = join(dataFolder, 'archive');
  const archive = readAll(join(folder, 'archive.sqlite'), {
    ledger: `select l.row, l.uid, e.source, e.folder, l.state, l.reason, lower(hex(m.sha256)) as sha256, l.message, lower(hex(l.link)) as link
             from ledger l join era e on e.id = l.era left join message m on m.seq = l.message order by l.row`,
    message: 'select seq from message order by seq',
    cursor: 'select uid from cursor',
    head: "select value from meta where key = 'head'",
  });
  const ledger = archive?.ledger ?? [];
  checkRows(ledger, server);
  checkCursor(archive?.cursor ?? [], ledger, server);
  checkHead(archive?.head ?? [], ledger);
  const messages = (archive?.message ?? []).map((row) => Number(row.seq));
  const index = readAll(join(folder, 'index.sqlite'), {
    watermark: "select value from meta where key = 'watermark'",
    ahead: 'select first, last from ahead',
    record: 'select message from record order by message',
    words: (db) => partsOf(db).flatMap((part) => db.prepare(`select id from ${part}_docsize order by id`).all()),
  });
  const incoming = join(folder, 'bodies', 'incoming');
  return {
    rows: ledger.filter((row) => row.state !== 'quarantined').length,
    messages: messages.length,
    lag: checkIndex(index, messages),
    incoming: existsSync(incoming) ? readdirSync(incoming).length : 0,
  };
}

/** Every row is a message of the server with the server's bytes; none is there twice; rows are numbered without a gap. */
function checkRows(ledger: readonly Row[], server: readonly ServerMessage[]): void {
  const bytesOf = new Map(server.map((message) => [message.uid, message.sha256]));
  const uids = new Set<number>();
  const hashes = new Set<string>();
  for (const [index, row] of ledger.entries()) {
    const uid = Number(row.uid);
    assert.equal(row.row, index + 1, 'rows of the ledger are numbered without a gap');
    // At which the connection ended each time: it gets a further row when it comes.
    if (row.state === 'quarantined' && row.reason === 'cut') continue;
    assert.ok(!uids.has(uid), `UID ${uid} stands in the ledger twice`);
    assert.equal(row.sha256, bytesOf.get(uid), `the bytes of UID ${uid} are the server's`);
    assert.equal(row.state, hashes.has(String(row.sha256)) ? 'duplicate' : 'archived', `state of UID ${uid}`);
    uids.add(uid);
    hashes.add(String(row.sha256));
  }
}

/** What the server lists up to the cursor has its row. */
function checkCursor(cursors: readonly Row[], ledger: readonly Row[], server: readonly ServerMessage[]): void {
  assert.ok(cursors.length <= 1, 'one folder, one cursor');
  assert.equal(cursors.length, ledger.length === 0 ? 0 : 1, 'the cursor came with the first row');
  const cursor = Number(cursors[0]?.uid ?? 0);
  const settled = new Set(ledger.map((row) => Number(row.uid)));
  const skipped = server.filter(({ uid }) => uid <= cursor && !settled.has(uid)).map(({ uid }) => uid);
  assert.deepEqual(skipped, [], `the cursor stands at ${cursor}, and these have no row`);
}

function checkHead(head: readonly Row[], ledger: readonly Row[]): void {
  const last = ledger.at(-1);
  const expected = last === undefined ? undefined : JSON.stringify({ rows: last.row, link: last.link });
  assert.equal(head[0]?.value, expected, 'the noted head is the last row');
}

/** What counts as derived has one record and one entry in the full text; what does not has none. Returns the lag. */
function checkIndex(
  index: { watermark: readonly Row[]; ahead: readonly Row[]; record: readonly Row[]; words: readonly Row[] } | undefined,
  messages: readonly number[],
): number {
  const watermark = Number(index?.watermark[0]?.value ?? 0);
  const ahead = index?.ahead ?? [];
  assert.ok(watermark <= (messages.at(-1) ?? 0), 'the index does not stand ahead of the ledger');
  const derived = messages.filter(
    (seq) => seq <= watermark || ahead.some(({ first, last }) => seq >= Number(first) && seq <= Number(last)),
  );
  assert.deepEqual(
    (index?.record ?? []).map((row) => Number(row.message)),
    derived,
    'each derived message has its record',
  );
  assert.deepEqual(
    (index?.words ?? []).map((row) => Number(row.id)),
    derived,
    'each derived message is in the full text',
  );
  return messages.filter((seq) => seq > watermark).length;
}

/** How often each word stands in the full text, counted in its own vocabulary, where a message indexed twice would show. */
export function occurrencesOf(dataFolder: string, words: readonly string[]): ReadonlyMap<string, number> {
  const db = new DatabaseSync(join(dataFolder, 'archive', 'index.sqlite'), { readOnly: true });
  try {
    const counts = new Map(words.map((word) => [word, 0]));
    for (const part of partsOf(db)) {
      db.exec(`create virtual table temp.vocabulary_${part} using fts5vocab('main', '${part}', 'row')`);
      const find = db.prepare(`select cnt from temp.vocabulary_${part} where term = ?`);
      for (const [word, count] of counts) counts.set(word, count + Number(find.get(word)?.cnt ?? 0));
    }
    return counts;
  } finally {
    db.close();
  }
}

/** The tables of the full text, in the order of their messages. */
function partsOf(db: DatabaseSync): readonly string[] {
  return db
    .prepare('select name from part order by first')
    .all()
    .map(({ name }) => String(name));
}

type Ask = string | ((db: DatabaseSync) => readonly Row[]);

/** What all queries find in one view of the file; undefined where it is not there or has no tables yet. */
function readAll<K extends string>(file: string, queries: Readonly<Record<K, Ask>>): Record<K, readonly Row[]> | undefined {
  if (!existsSync(file)) return undefined;
  const db = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  try {
    db.exec('begin');
    if (db.prepare("select 1 from sqlite_schema where name = 'meta'").get() === undefined) return undefined;
    const found: Partial<Record<K, readonly Row[]>> = {};
    for (const name in queries) {
      const ask: Ask = queries[name];
      found[name] = typeof ask === 'string' ? db.prepare(ask).all() : ask(db);
    }
    return found as Record<K, readonly Row[]>; // every key was set by the line above
  } finally {
    db.close();
  }
}

/**
 * An archive of format 1, as Postern 0.1 wrote it: read as it is, and made format 2 by the first writer, without a row of it changed.
 *
 * The hard thing is to have one when no code writes it any more: it is built here by its own SQL, taken from what that code made, and its
 * links are computed from the page that describes the format.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { ArchiveReader, LedgerEntry, QuarantineReason } from '../../src/archive/archive.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { inbox, put, readAll, sha256, temporaryFolder } from './archive-suite.ts';

/** To the letter: an archive whose tables read otherwise is refused. */
const tables = `
  create table meta (key text primary key, value text not null) without rowid, strict;
  create table era (
    id integer primary key,
    source text not null,
    folder text not null,
    uid_validity integer not null,
    unique (source, folder, uid_validity)
  ) strict;
  create table message (
    seq integer primary key,
    sha256 blob not null unique,
    bytes integer not null,
    encoding integer not null,
    body blob
  ) strict;
  create table ledger (
    row integer primary key,
    era integer not null references era (id),
    uid integer not null,
    state text not null,
    reason text,
    message integer references message (seq),
    internal_date integer,
    announced_bytes integer,
    accepted_at integer not null,
    link blob not null
  ) strict;
  create unique index ledger_with_bytes on ledger (era, uid) where message is not null;
  create unique index ledger_without_bytes on ledger (era, uid) where message is null;
  create index ledger_message on ledger (message);
  create table cursor (
    source text not null,
    folder text not null,
    uid_validity integer not null,
    uid integer not null,
    primary key (source, folder)
  ) without rowid, strict;
`;

/** What stands in it: UID, state, reason, body. */
const rows: readonly (readonly [number, LedgerEntry['state'], QuarantineReason | null, string | null])[] = [
  [1, 'archived', null, 'Subject: one\r\n\r\nword'],
  [2, 'quarantined', 'no-data', null],
  [3, 'duplicate', null, 'Subject: one\r\n\r\nword'],
  [4, 'quarantined', 'substitute', 'a text of the server'],
  [2, 'archived', null, 'it came later'],
  [5, 'quarantined', 'refused', null],
];

function writeFormat1(folder: string): void {
  mkdirSync(join(folder, 'archive', 'bodies'), { recursive: true });
  const db = new DatabaseSync(join(folder, 'archive', 'archive.sqlite'));
  db.exec(`pragma page_size = 16384; pragma journal_mode = wal; begin; ${tables} pragma user_version = 1`);
  db.prepare('insert into era values (1, ?, ?, ?)').run(inbox.source, inbox.folder, inbox.uidValidity);
  const seqs = new Map<string, number>();
  let link = Buffer.alloc(32);
  for (const [index, [uid, state, reason, body]] of rows.entries()) {
    const row = index + 1;
    const acceptedAt = 1_767_261_600_000 + row;
    const id = body === null ? null : sha256(body);
    if (body !== null && id !== null && !seqs.has(id)) {
      seqs.set(id, seqs.size + 1);
      db.prepare('insert into message values (?, ?, ?, 0, ?)').run(seqs.size, Buffer.from(id, 'hex'), body.length, Buffer.from(body));
    }
    const place = [row, inbox.source, inbox.folder, inbox.uidValidity, uid];
    const text = JSON.stringify(['v1', ...place, state, reason, id, body?.length ?? null, null, 9, acceptedAt]);
    link = createHash('sha256').update(link).update(text).digest();
    const message = id === null ? null : (seqs.get(id) ?? null);
    db.prepare('insert into ledger values (?, 1, ?, ?, ?, ?, null, 9, ?, ?)').run(row, uid, state, reason, message, acceptedAt, link);
  }
  db.prepare("insert into meta values ('head', ?)").run(JSON.stringify({ rows: rows.length, link: link.toString('hex') }));
  db.prepare('insert into cursor values (?, ?, ?, 5)').run(inbox.source, inbox.folder, inbox.uidValidity);
  db.exec('commit');
  db.close();
}

function formatOf(folder: string): number {
  const db = new DatabaseSync(join(folder, 'archive', 'archive.sqlite'), { readOnly: true });
  const format = Number(db.prepare('pragma user_version').get()?.user_version);
  db.close();
  return format;
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

/** Everything that a reader can say of it. */
async function looked(reader: ArchiveReader): Promise<unknown> {
  const { head, completions, ledger, sources, withoutBytes } = await reader.stats();
  const settled = await reader.settled(inbox);
  return {
    ledger: await all(reader.ledger()),
    since: (await all(reader.ledger({ source: inbox.source, since: new Date(1_767_261_600_005) }))).map((entry) => entry.row),
    quarantine: (await all(reader.quarantine())).map(({ uid, reason, sha256: id }) => [uid, reason, id]),
    settled: [settled.size, settled.withoutBytes],
    uidls: await reader.uidls(inbox),
    absent: await all(reader.absent()),
    completions: await all(reader.completions(inbox)),
    heads: await reader.heads(),
    cursor: await reader.cursor(inbox.source, inbox.folder),
    one: (await readAll(reader, sha256('it came later'))).toString(),
    stats: { head, completions, ledger, sources, withoutBytes },
    findings: (await reader.verify()).findings,
  };
}

test('an archive of format 1 is read and verified as it is, and not a byte of it changes', async () => {
  using folder = temporaryFolder();
  writeFormat1(folder.path);
  const file = join(folder.path, 'archive', 'archive.sqlite');
  const before = readFileSync(file);
  const reader = openArchiveReader(folder.path);
  const seen = await looked(reader);
  await reader.close();
  assert.ok(readFileSync(file).equals(before));
  assert.equal(formatOf(folder.path), 1);

  const told = seen as { ledger: LedgerEntry[]; quarantine: unknown; settled: unknown; findings: unknown; completions: unknown };
  assert.deepEqual(
    told.ledger.map(({ uid, uidl, state }) => [uid, uidl, state]),
    rows.map(([uid, state]) => [uid, undefined, state]),
  );
  assert.deepEqual(told.quarantine, [
    [4, 'substitute', sha256('a text of the server')],
    [5, 'refused', undefined],
  ]);
  assert.deepEqual([told.settled, told.completions, told.findings], [[5, [5]], [], []]);
});

test('the first writer makes it format 2: all that it said it says still, and what format 2 can do goes on its chain', async () => {
  using folder = temporaryFolder();
  writeFormat1(folder.path);
  const early = openArchiveReader(folder.path);
  const before = await looked(early);
  const archive = await openArchive(folder.path, systemClock);
  assert.equal(formatOf(folder.path), 2);
  assert.deepEqual(await looked(archive), before);
  assert.deepEqual(await looked(early), before);

  assert.equal((await put(archive, 1, 'another message')).sha256, sha256('Subject: one\r\n\r\nword'));
  assert.equal((await put(archive, 4, 'the message itself')).state, 'archived');
  await put(archive, 1, 'over POP3', { era: { ...inbox, source: 'legacy', uidValidity: 0 }, uidl: 'u' });
  await archive.complete([{ era: inbox, uid: 4, step: 'seen', phase: 'asked' }]);
  for (const reader of [archive, early]) {
    const report = await reader.verify();
    assert.deepEqual([report.findings, report.rows, report.completions.rows], [[], rows.length + 2, 1]);
    assert.deepEqual(
      (await all(reader.quarantine())).map((entry) => entry.uid),
      [5],
    );
    assert.equal((await all(reader.completions(inbox))).length, 1);
  }
  await early.close();
  await archive.close();
  const again = await openArchive(folder.path, systemClock);
  assert.deepEqual((await again.verify()).findings, []);
  await again.close();
});

test('tables that only look like format 1 are refused, and stay as they are', async () => {
  for (const change of ['alter table ledger add column uidl text', 'drop index ledger_message', 'create table completion (row integer)']) {
    using folder = temporaryFolder();
    writeFormat1(folder.path);
    const file = join(folder.path, 'archive', 'archive.sqlite');
    const db = new DatabaseSync(file);
    db.exec(change);
    db.close();
    const before = readFileSync(file);
    await assert.rejects(openArchive(folder.path, systemClock), /archive.damaged/);
    assert.throws(() => openArchiveReader(folder.path), /archive.damaged/);
    assert.ok(readFileSync(file).equals(before), change);
  }
});

const noUsers = process.getuid === undefined ? 'skipped: this system has no user ids' : false;
test('a copy of format 1 where nothing may be written is read and proven', { skip: noUsers }, () => {
  using folder = temporaryFolder();
  writeFormat1(folder.path);
  const archive = join(folder.path, 'archive');
  const folders = [folder.path, archive, join(archive, 'bodies')];
  chmodSync(join(archive, 'archive.sqlite'), 0o444);
  for (const one of folders) chmodSync(one, 0o555);
  try {
    // Root may write everywhere, so the reading is done by a process that gives its rights up.
    const script = join(import.meta.dirname, 'archive-child.ts');
    const told = execFileSync(process.execPath, [script, 'read', folder.path, 'word'], { encoding: 'utf8', timeout: 120_000 });
    assert.deepEqual(JSON.parse(told), { messages: 3, hits: 0, findings: [] });
  } finally {
    for (const one of folders) chmodSync(one, 0o755);
  }
});

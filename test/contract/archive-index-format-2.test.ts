/**
 * An index of format 2, which had all words in one table: searched as it is, and made format 3 by the first writer without being derived again.
 *
 * The hard thing is to have one when no code writes it any more: its tables stand here to the letter, and the rows are those that are
 * written today, the words among them taken over as FTS5 keeps them.
 */
import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { ArchiveReader } from '../../src/archive/archive.ts';
import { readQuery } from '../../src/archive/query.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { mail, put, temporaryFolder } from './archive-suite.ts';

const tables = `
  create table meta (key text primary key, value text not null) without rowid, strict;
  create table ahead (first integer primary key, last integer not null) strict;
  create table shape (
    id integer primary key,
    source text not null,
    format text not null,
    platform text not null,
    modality text not null,
    kind text not null,
    direction text not null,
    chat text not null,
    owner text not null,
    messages integer not null,
    first_arrived integer not null,
    last_arrived integer not null,
    last_sent integer not null,
    unique (source, format, platform, modality, kind, direction, chat, owner)
  ) strict;
  create table record (
    message integer primary key,
    at integer not null,
    shape integer not null,
    thread integer,
    marks integer not null
  ) strict;
  create index record_at on record (at, shape, marks);
  create index record_shape on record (shape, at, marks);
  create index record_thread on record (thread, at) where thread is not null;
  create index record_orphan on record (at) where marks & 128 <> 0;
  create index record_others on record (at) where marks & 256 <> 0;
  create table detail (first integer primary key, packed blob not null) strict;
  create table link (key integer not null, message integer not null, primary key (key, message)) without rowid, strict;
  create table identity (id integer primary key, kind integer not null, value text not null, unique (kind, value)) strict;
  create table participation (
    identity integer not null,
    message integer not null,
    roles integer not null,
    primary key (identity, message)
  ) without rowid, strict;
  create table tally (
    shape integer not null,
    hour integer not null,
    arrived integer not null,
    sent integer not null,
    primary key (shape, hour)
  ) without rowid, strict;
  create table flag (source text not null, code text not null, messages integer not null, primary key (source, code)) without rowid, strict;
  create table drift (
    source text not null,
    shape text not null,
    day integer not null,
    messages integer not null,
    first_seen integer not null,
    last_seen integer not null,
    primary key (source, shape, day)
  ) without rowid, strict;
  create table made (
    source text not null,
    profile text not null,
    parser integer not null,
    messages integer not null,
    primary key (source, profile, parser)
  ) without rowid, strict;
  create virtual table words using fts5 (
    subject, sender, recipients, attachments, headers, body,
    content = '', tokenize = "unicode61 remove_diacritics 2"
  );
`;

function indexOf(folder: string): string {
  return join(folder, 'archive', 'index.sqlite');
}

/** Puts an index of format 2 in the place of that of an archive that is closed. */
function writeFormat2(folder: string): void {
  const file = indexOf(folder);
  renameSync(file, `${file}.new`);
  const db = new DatabaseSync(file, { defensive: false }); // what is behind the full text may be written
  db.exec(`pragma journal_mode = wal; begin; ${tables} pragma user_version = 2; commit`);
  db.prepare('attach database ? as today').run(`${file}.new`);
  const names = db.prepare(
    "select name from main.sqlite_schema where type = 'table' and name not glob 'words*' and name not glob 'sqlite_*'",
  );
  for (const { name } of names.all()) db.exec(`insert into main."${name}" select * from today."${name}"`);
  const part = db.prepare('select name from today.part').get()?.['name'];
  for (const shadow of part === undefined ? [] : ['data', 'idx', 'docsize', 'config']) {
    db.exec(`delete from main.words_${shadow}; insert into main.words_${shadow} select * from today.${String(part)}_${shadow}`);
  }
  db.exec('detach database today');
  db.close();
  rmSync(`${file}.new`);
}

function stateOf(folder: string): { readonly format: number; readonly parts: readonly string[] } {
  const db = new DatabaseSync(indexOf(folder), { readOnly: true });
  const words = db.prepare("select name from sqlite_schema where sql like 'create virtual table%' order by name").all();
  const format = Number(db.prepare('pragma user_version').get()?.['user_version']);
  db.close();
  return { format, parts: words.map(({ name }) => String(name)) };
}

async function subjects(archive: ArchiveReader, words: string): Promise<readonly (string | undefined)[]> {
  const { hits } = await archive.search(readQuery(words), 50);
  return hits.map(({ record }) => record?.subject);
}

async function withMails(folder: string, count: number): Promise<void> {
  const archive = await openArchive(folder, systemClock);
  for (let uid = 1; uid <= count; uid += 1) {
    const date = new Date(Date.UTC(2026, 0, uid)).toUTCString().replace('GMT', '+0000');
    await put(archive, uid, mail(`n${uid}`, uid % 2 === 0 ? 'invoice of even days' : 'invitation for odd days', [`Date: ${date}`]));
  }
  await archive.derived();
  await archive.close();
}

const asked = ['invo*', 'in*', '"even days"', 'odd -invoice', '-odd', 'subject:n3', 'days since:2026-01-04', 'nowhere'];

async function answers(archive: ArchiveReader): Promise<unknown> {
  return Promise.all(
    asked.map(async (words) => [words, await subjects(archive, words), (await archive.facets(readQuery(words))).messages]),
  );
}

test('an index of the format before is searched, and raised by the next writer without being derived again', async () => {
  using folder = temporaryFolder();
  await withMails(folder.path, 6);
  const today = openArchiveReader(folder.path);
  const expected = await answers(today);
  await today.close();
  writeFormat2(folder.path);
  assert.deepEqual(stateOf(folder.path), { format: 2, parts: ['words'] });

  const reader = openArchiveReader(folder.path);
  assert.deepEqual(await answers(reader), expected);
  assert.deepEqual([stateOf(folder.path).format, (await reader.stats()).lag], [2, 0]);

  const archive = await openArchive(folder.path, systemClock);
  assert.deepEqual(await answers(archive), expected);
  assert.equal((await archive.stats()).lag, 0);
  assert.deepEqual(stateOf(folder.path), { format: 3, parts: ['words'] });
  await put(archive, 7, mail('later', 'invoice of even days'));
  await archive.derived();
  assert.deepEqual(stateOf(folder.path), { format: 3, parts: ['words', 'words_7'] });
  for (const one of [archive, reader]) {
    assert.deepEqual([...(await subjects(one, 'invo*'))].sort(), ['later', 'n2', 'n4', 'n6']);
    assert.deepEqual([...(await subjects(one, '-odd'))].sort(), ['later', 'n2', 'n4', 'n6']);
    assert.deepEqual(await subjects(one, 'later'), ['later']);
  }
  await archive.close();
  await reader.close();

  const again = await openArchive(folder.path, systemClock);
  assert.deepEqual([...(await subjects(again, 'in*'))].length, 7);
  await again.reindex();
  assert.deepEqual(stateOf(folder.path), { format: 3, parts: ['words_1'] });
  assert.deepEqual([...(await subjects(again, 'in*'))].length, 7);
  await again.close();
});

test('an index of the format before that was made and never written to gets its words', async () => {
  using folder = temporaryFolder();
  await withMails(folder.path, 0);
  writeFormat2(folder.path);
  await withMails(folder.path, 2);
  assert.deepEqual(stateOf(folder.path), { format: 3, parts: ['words_1'] });
  const reader = openArchiveReader(folder.path);
  assert.deepEqual(await subjects(reader, 'in*'), ['n2', 'n1']);
  await reader.close();
});

test('an index of a format that nobody knows any more, or not yet, is derived again', async () => {
  for (const format of [1, 99]) {
    using folder = temporaryFolder();
    await withMails(folder.path, 2);
    const db = new DatabaseSync(indexOf(folder.path));
    db.exec(`pragma user_version = ${format}; drop table record; create table other (x)`);
    db.close();
    const reader = openArchiveReader(folder.path);
    assert.deepEqual([await subjects(reader, 'in*'), (await reader.stats()).lag], [[], 2]);
    const archive = await openArchive(folder.path, systemClock);
    await archive.derived();
    for (const one of [archive, reader]) assert.deepEqual(await subjects(one, 'in*'), ['n2', 'n1']);
    await archive.close();
    await reader.close();
  }
});

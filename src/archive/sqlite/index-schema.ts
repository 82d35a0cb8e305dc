/**
 * The derived database and how it is opened: records and full text, all of which can be made again from the ledger.
 *
 * The hard thing is what may be lost: with `synchronous=NORMAL` the last transactions go in a power cut, and the watermark goes together
 * with the rows it stands for, so they are made again.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { Fault } from '../../fault/fault.ts';
import { parserVersion } from '../derive/parser-version.ts';
import { type Profiles, profileName, profileOf, readProfiles, writeProfiles } from '../derive/profiles.ts';
import type { Derivation } from '../feed.ts';
import { wordsTable } from './index-words.ts';
import { formatOf, made, makeFile, opening, schemaOf } from './schema.ts';

/** Raised whenever derived rows change their shape or meaning: the index is then raised to it by itself, or made again. */
const indexFormat = 3;
/** Had all words in one part. Read as it is, and raised by its next writer. */
const formatBefore = 2;

const busyTimeoutMs = 10_000;

const commonTables = `
  create table meta (key text primary key, value text not null) without rowid, strict;
  -- Ranges of message.seq that are derived though something before them is not yet.
  create table ahead (first integer primary key, last integer not null) strict;
  -- What many messages share, once: a condition on it chooses among these few rows, and how many messages fit is known without looking
  -- at them. An empty text: the message does not say.
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
  -- What a search looks at, and nothing else: a search that goes through many messages reads little. at: when it was sent, else when it
  -- arrived. thread: key of what the thread is called. marks: bits.
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
  -- Few of many, looked for one by one: about an item that is not there; with a monitored participant who is not its owner.
  create index record_orphan on record (at) where marks & 128 <> 0;
  create index record_others on record (at) where marks & 256 <> 0;
  -- The whole records, some neighbours in one block, by the number of the first: record-pack.ts.
  create table detail (first integer primary key, packed blob not null) strict;
  -- Messages by what they are called and what they are about; key: beginning of a hash.
  create table link (key integer not null, message integer not null, primary key (key, message)) without rowid, strict;
  -- Numbers (backwards, so that their ends can be looked for) and addresses.
  create table identity (id integer primary key, kind integer not null, value text not null, unique (kind, value)) strict;
  create table participation (
    identity integer not null,
    message integer not null,
    roles integer not null,
    primary key (identity, message)
  ) without rowid, strict;
  -- Messages that arrived (by the server's date) and that were sent in each hour since 1970, UTC.
  create table tally (
    shape integer not null,
    hour integer not null,
    arrived integer not null,
    sent integer not null,
    primary key (shape, hour)
  ) without rowid, strict;
  create table flag (source text not null, code text not null, messages integer not null, primary key (source, code)) without rowid, strict;
  -- Shapes that no table of the parser knows, by day (since 1970, UTC) of arrival.
  create table drift (
    source text not null,
    shape text not null,
    day integer not null,
    messages integer not null,
    first_seen integer not null,
    last_seen integer not null,
    primary key (source, shape, day)
  ) without rowid, strict;
  -- What the records were made by.
  create table made (
    source text not null,
    profile text not null,
    parser integer not null,
    messages integer not null,
    primary key (source, profile, parser)
  ) without rowid, strict;
`;

/** Which messages have their words in which table: index-words.ts. */
const partTable = 'create table part (first integer primary key, last integer not null, name text not null) strict;';
const indexTables = `${commonTables}${partTable}`;

/**
 * Opens the derived database for writing; one of another format is emptied, so that everything is derived again.
 * @throws Fault archive.index-damaged; errors of SQLite as they are
 */
export function openIndex(file: string): DatabaseSync {
  makeFile(file);
  return opening(file, 'archive.index-damaged', (db) => {
    db.exec('pragma journal_mode = wal; pragma synchronous = normal;');
    if (!isReadableIndex(db, 'main')) {
      emptyIndex(db);
    } else if (!isIndexSchema(db, 'main')) {
      throw new Fault('archive.index-damaged', { file, text: 'its tables are not those that were made' });
    } else if (formatOf(db) === formatBefore) {
      raise(db);
    }
  });
}

/** The words that are there stay where they are, as one part: they could not be taken out of it again. What arrives gets parts of its own. */
function raise(db: DatabaseSync): void {
  db.exec('begin immediate');
  try {
    if (formatOf(db) === formatBefore) {
      const last = db.prepare('select max(message) as last from record').get()?.['last'];
      db.exec(partTable);
      if (last === null) db.exec('drop table words');
      else db.prepare("insert into part (first, last, name) values (1, ?, 'words')").run(Number(last));
      db.exec(`pragma user_version = ${indexFormat}`);
    }
    db.exec('commit');
  } finally {
    if (db.isTransaction) db.exec('rollback');
  }
}

/** Makes the tables of the derived database anew, so that everything is derived again. */
export function emptyIndex(db: DatabaseSync): void {
  db.exec('begin immediate');
  try {
    // Whatever an older or newer format had; the tables behind the full text go with it.
    const tables = db
      .prepare("select name from sqlite_schema where type = 'table' and name not glob 'sqlite_*' order by sql not like 'create virtual%'")
      .all();
    for (const { name } of tables) db.exec(`drop table if exists "${String(name).replaceAll('"', '""')}"`);
    db.exec(`${indexTables} pragma user_version = ${indexFormat}; commit`);
  } finally {
    if (db.isTransaction) db.exec('rollback');
  }
}

/** Whether an index is of a format that can be read as it is. */
export function isReadableIndex(db: DatabaseSync, name: 'main' | 'ix'): boolean {
  const format = formatOf(db, name);
  return format === indexFormat || format === formatBefore;
}

/** Whether the tables of an index of such a format are those that were made. @throws errors of SQLite as they are */
export function isIndexSchema(db: DatabaseSync, name: 'main' | 'ix'): boolean {
  const isBefore = formatOf(db, name) === formatBefore;
  const words = isBefore
    ? ['words']
    : db
        .prepare(`select name from ${name}.part order by first`)
        .all()
        .map((row) => String(row['name']));
  if (!words.every((table) => /^words(?:_\d+)?$/.test(table))) return false;
  return schemaOf(db, name) === made(`${isBefore ? commonTables : indexTables}${words.map(wordsTable).join('\n')}`);
}

/** Notes the profiles that records are made with from now on. @throws errors of SQLite as they are */
export function noteMaker(db: DatabaseSync, profiles: Profiles): void {
  const noted = db.prepare("select value from meta where key = 'profiles'").get()?.value;
  const text = writeProfiles(profiles);
  if (noted !== text) db.prepare("insert or replace into meta (key, value) values ('profiles', ?)").run(text);
}

/** The profiles that an index notes; none where it cannot be read. */
export function notedProfiles(file: string): Profiles {
  if (!existsSync(file)) return {};
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs });
    return readProfiles(db.prepare("select value from meta where key = 'profiles'").get()?.value?.toString());
  } catch {
    return {}; // whoever opens it for writing tells of its damage
  } finally {
    db?.close();
  }
}

/** How many records were made by another version of the parser, or with another profile of their source than these. */
export function staleness(
  rows: Iterable<Readonly<Record<string, SQLOutputValue>>>,
  profiles: Profiles,
): Pick<Derivation, 'stale' | 'parserVersions' | 'changedSources'> {
  const versions = new Set<number>();
  const changed = new Set<string>();
  let stale = 0;
  for (const row of rows) {
    const source = String(row['source']);
    const isChanged = row['profile'] !== profileName(profileOf(profiles, source));
    versions.add(Number(row['parser']));
    if (isChanged) changed.add(source);
    if (isChanged || Number(row['parser']) !== parserVersion) stale += Number(row['messages']);
  }
  return { stale, parserVersions: [...versions].sort((a, b) => a - b), changedSources: [...changed].sort() };
}

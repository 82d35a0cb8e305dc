/**
 * The two databases of the embedded archive and how they are opened.
 *
 * The hard thing is the durability: WAL with `synchronous=FULL` makes every COMMIT of the ledger reach the disk (fsync). The index may
 * lose its last transactions in a power cut (`NORMAL`): its watermark is lost together with the rows it stands for, so they are made again.
 */
import { closeSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { Fault } from '../../fault/fault.ts';
import { saysDamaged, saysUnwritable, saysWrong } from './errors.ts';

/** Raised when an older Postern could not read what a newer one writes. */
const archiveFormat = 1;
/** Raised whenever derived rows change their shape or meaning: the index is then made again by itself. */
export const indexFormat = 1;

/** 16 KiB pages: half of the messages of a real mailbox fit into one (measured: commits take half the time of 4 KiB pages). */
const pageBytes = 16_384;
const busyTimeoutMs = 10_000;

const archiveTables = `
  create table meta (key text primary key, value text not null) without rowid, strict;
  create table era (
    id integer primary key,
    source text not null,
    folder text not null,
    uid_validity integer not null,
    unique (source, folder, uid_validity)
  ) strict;
  -- One row for each distinct run of bytes. encoding: 0 as it is, 1 zstd, 2 in a file of its own.
  create table message (
    seq integer primary key,
    sha256 blob not null unique,
    bytes integer not null,
    encoding integer not null,
    body blob
  ) strict;
  -- One row for each message of a server ever met. Rows are only ever added; link is the hash chain.
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
  -- A message of which no bytes came may get a second row when they come after all.
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

const indexTables = `
  create table meta (key text primary key, value text not null) without rowid, strict;
  -- Ranges of message.seq that are derived though something before them is not yet.
  create table ahead (first integer primary key, last integer not null) strict;
  create table record (
    message integer primary key,
    subject text not null,
    sender text not null,
    recipients text not null,
    message_id text not null,
    sent_at integer,
    preview text not null,
    attachments text not null,
    parser_version integer not null,
    problem text
  ) strict;
  create virtual table words using fts5 (
    subject, sender, recipients, attachments, headers, body,
    content = '', tokenize = "unicode61 remove_diacritics 2"
  );
`;

/**
 * Opens the ledger for writing, making it when it is not there.
 * @throws Fault archive.newer-format, archive.damaged; errors of SQLite as they are
 */
export function openLedger(file: string): DatabaseSync {
  makeFile(file);
  return opening(file, 'archive.damaged', (db) => {
    // What is not ours is not written to, not even by a pragma.
    const isNew = isEmpty(db);
    if (!isNew) checkFormat(db, file);
    // `fullfsync`: on macOS fsync alone does not reach the disk. It means nothing elsewhere.
    db.exec(
      `pragma page_size = ${pageBytes}; pragma journal_mode = wal; pragma synchronous = full; pragma fullfsync = on; pragma foreign_keys = on;`,
    );
    if (isNew) db.exec(`begin immediate; ${archiveTables} pragma user_version = ${archiveFormat}; commit`);
  });
}

/**
 * Opens the derived database for writing; one of another format is emptied, so that everything is derived again.
 * @throws Fault archive.index-damaged; errors of SQLite as they are
 */
export function openIndex(file: string): DatabaseSync {
  makeFile(file);
  return opening(file, 'archive.index-damaged', (db) => {
    db.exec('pragma journal_mode = wal; pragma synchronous = normal;');
    if (formatOf(db) !== indexFormat) {
      emptyIndex(db);
    } else if (!isIndexSchema(schemaOf(db))) {
      throw new Fault('archive.index-damaged', { file, text: 'its tables are not those that were made' });
    }
  });
}

/** Makes the tables of the derived database anew, so that everything is derived again. */
export function emptyIndex(db: DatabaseSync): void {
  db.exec('begin immediate');
  try {
    db.exec('drop table if exists meta; drop table if exists ahead; drop table if exists record; drop table if exists words;');
    db.exec(`${indexTables} pragma user_version = ${indexFormat}; commit`);
  } finally {
    if (db.isTransaction) db.exec('rollback');
  }
}

/**
 * Opens an existing ledger for reading, beside a writer or without one.
 * @returns undefined for one that its writer has not made yet
 * @throws Fault archive.newer-format, archive.damaged; errors of SQLite as they are
 */
export function openForReading(file: string): DatabaseSync | undefined {
  let isMade = true;
  const db = readable(file, (address) =>
    opening(
      file,
      'archive.damaged',
      (opened) => {
        // The system's own cache holds the pages; each connection keeps few of its own, for a process has several.
        opened.exec('pragma query_only = on; pragma cache_size = -512');
        isMade = !isEmpty(opened);
        if (isMade) checkFormat(opened, file);
      },
      address,
    ),
  );
  if (isMade) return db;
  db.close();
  return undefined;
}

/** Text of all tables of a database as it was written when they were made. */
export function schemaOf(db: DatabaseSync, name: 'main' | 'ix' = 'main'): string {
  const rows = db.prepare(`select sql from ${name}.sqlite_schema where sql is not null order by name`).all();
  return rows.map((row) => String(row.sql)).join(';\n');
}

export function isIndexSchema(found: string): boolean {
  return found === made(indexTables);
}

/**
 * Opens by `open`, and where that fails because nothing may be written there (an auditor's copy, a disc), once more without any of the
 * locks and companion files that SQLite wants for a database in WAL mode. That is only right while nobody writes, and reads nothing of a
 * log; so a log that holds something is left to whoever can have it written back (Fault archive.read-failed). An empty one is what a
 * reader leaves.
 * @param open gets the file's name, then its URI (sqlite.org/uri.html: `immutable`); asks something of the database, for SQLite opens late
 * @throws whatever `open` throws
 */
export function readable<T>(file: string, open: (address: string) => T): T {
  try {
    return open(file);
  } catch (error) {
    if (!saysUnwritable(error) || (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) throw error;
    return open(`${pathToFileURL(file).href}?immutable=1`);
  }
}

/** @param damage the fault where the file's header or its tables make no sense */
function opening(
  file: string,
  damage: 'archive.damaged' | 'archive.index-damaged',
  prepare: (db: DatabaseSync) => void,
  address = file,
): DatabaseSync {
  const db = new DatabaseSync(address, { timeout: busyTimeoutMs });
  try {
    prepare(db);
    return db;
  } catch (error) {
    db.close();
    // What is asked here is right in every database, so an error in the asking (`unsupported file format`) is the file's.
    if (saysDamaged(error) || saysWrong(error)) throw new Fault(damage, { file, text: (error as Error).message }, { cause: error });
    throw error;
  }
}

/**
 * Mail is nobody else's to read, and SQLite would make the file by the process's umask; its companions (-wal, -shm) take the rights of
 * the file. Only ever made, never opened: closing a file gives back the locks that SQLite holds on it in this process.
 */
export function makeFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function formatOf(db: DatabaseSync): number {
  return Number(db.prepare('pragma user_version').get()?.user_version);
}

function isEmpty(db: DatabaseSync): boolean {
  return formatOf(db) === 0 && schemaOf(db) === '';
}

function checkFormat(db: DatabaseSync, file: string): void {
  const format = formatOf(db);
  if (format > archiveFormat) throw new Fault('archive.newer-format', { format, known: archiveFormat });
  // A changed definition would make SQLite read rows otherwise than they were written, and a trigger would write more than we did.
  if (format !== archiveFormat || schemaOf(db) !== made(archiveTables)) {
    throw new Fault('archive.damaged', { file, format, text: 'its tables are not those of this format' });
  }
}

function made(tables: string): string {
  const db = new DatabaseSync(':memory:');
  db.exec(tables);
  const schema = schemaOf(db);
  db.close();
  return schema;
}

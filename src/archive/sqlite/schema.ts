/**
 * The ledger's database, and how a database of the embedded archive is opened; the derived one is index-schema.ts.
 *
 * The hard thing is the durability: WAL with `synchronous=FULL` makes every COMMIT of the ledger reach the disk (fsync).
 */
import { closeSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { Fault } from '../../fault/fault.ts';
import { saysDamaged, saysUnwritable, saysWrong } from './errors.ts';

/** Raised when an older Postern could not read what a newer one writes. Older ones are read as they are, and raised by their next writer. */
const archiveFormat = 2;

/** 16 KiB pages: half of the messages of a real mailbox fit into one (measured: commits take half the time of 4 KiB pages). */
const pageBytes = 16_384;
const busyTimeoutMs = 10_000;

/** What every format has. */
const commonTables = `
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
  create table cursor (
    source text not null,
    folder text not null,
    uid_validity integer not null,
    uid integer not null,
    primary key (source, folder)
  ) without rowid, strict;
`;

/**
 * One row for each message of a server ever met. Rows are only ever added; link is the hash chain.
 * @param added columns of later formats, placed as ALTER TABLE places them: a raised archive then has the very text of a new one
 */
const ledgerTable = (added: string): string => `
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
  ${added}) strict;
  create index ledger_message on ledger (message);
`;

/** A message of which no bytes came could get a second row when they came after all; what had bytes was final. */
const tablesOfFormat1 = `${commonTables}${ledgerTable('')}
  create unique index ledger_with_bytes on ledger (era, uid) where message is not null;
  create unique index ledger_without_bytes on ledger (era, uid) where message is null;
`;

const addedByFormat2 = `
  -- A message that came whole is never written again; one in quarantine gets a further row for other bytes.
  create unique index ledger_whole on ledger (era, uid) where state <> 'quarantined';
  create unique index ledger_apart on ledger (era, uid, coalesce(message, 0)) where state = 'quarantined';
  -- An era's rows in their order.
  create index ledger_era on ledger (era);
  -- What was done on servers with messages that are safe here. Rows are only ever added; link is a hash chain of its own.
  create table completion (
    row integer primary key,
    ledger integer not null references ledger (row),
    step text not null,
    phase text not null,
    target text,
    detail text,
    at integer not null,
    link blob not null
  ) strict;
  create index completion_ledger on completion (ledger, step);
`;

const archiveTables = `${commonTables}${ledgerTable(', uidl text')}${addedByFormat2}`;

/** Tables of each format that can be read, by its number. */
const tablesOf: ReadonlyMap<number, string> = new Map([
  [1, tablesOfFormat1],
  [archiveFormat, archiveTables],
]);

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
    else if (formatOf(db) === 1) raiseFromFormat1(db);
  });
}

/** In one transaction, so that a crash or a full disk leaves the archive in the old format. Not a row that stands is touched. */
function raiseFromFormat1(db: DatabaseSync): void {
  db.exec('begin immediate');
  try {
    db.exec(`drop index ledger_with_bytes; drop index ledger_without_bytes; alter table ledger add column uidl text; ${addedByFormat2}`);
    if (schemaOf(db) !== made(archiveTables)) throw new Error('the raised tables are not those of a new archive');
    db.exec(`pragma user_version = ${archiveFormat}; commit`);
  } finally {
    if (db.isTransaction) db.exec('rollback');
  }
}

/** Whether the ledger has UIDLs and completions. Asked anew each time: a writer may raise an archive under its readers. */
export function hasCompletions(db: DatabaseSync): boolean {
  return formatOf(db) > 1;
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

/** Opens and prepares a database. @param damage the fault where the file's header or its tables make no sense */
export function opening(
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

/** The number that a writer leaves in `pragma user_version`; 0 in a new file. */
export function formatOf(db: DatabaseSync, name: 'main' | 'ix' = 'main'): number {
  return Number(db.prepare(`pragma ${name}.user_version`).get()?.user_version);
}

function isEmpty(db: DatabaseSync): boolean {
  return formatOf(db) === 0 && schemaOf(db) === '';
}

function checkFormat(db: DatabaseSync, file: string): void {
  const format = formatOf(db);
  if (format > archiveFormat) throw new Fault('archive.newer-format', { format, known: archiveFormat });
  // A changed definition would make SQLite read rows otherwise than they were written, and a trigger would write more than we did.
  const tables = tablesOf.get(format);
  if (tables === undefined || schemaOf(db) !== made(tables)) {
    throw new Fault('archive.damaged', { file, format, text: 'its tables are not those of this format' });
  }
}

/** The schema as SQLite gives it back after these statements. */
export function made(tables: string): string {
  const db = new DatabaseSync(':memory:');
  db.exec(tables);
  const schema = schemaOf(db);
  db.close();
  return schema;
}

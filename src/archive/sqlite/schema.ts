/**
 * The two databases of the embedded archive and how they are opened.
 *
 * The hard thing is the durability: WAL with `synchronous=FULL` makes every COMMIT of the ledger reach the disk (fsync). The index may
 * lose its last transactions in a power cut (`NORMAL`): its watermark is lost together with the rows it stands for, so they are made again.
 */
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../fault/fault.ts';

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
    link blob not null,
    unique (era, uid)
  ) strict;
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
 * @throws Fault archive.newer-format; errors of SQLite as they are
 */
export function openLedger(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: busyTimeoutMs });
  db.exec(`pragma page_size = ${pageBytes}; pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;`);
  const format = Number(db.prepare('pragma user_version').get()?.user_version);
  if (format > archiveFormat) {
    db.close();
    throw new Fault('archive.newer-format', { format, known: archiveFormat });
  }
  if (format === 0) {
    db.exec('begin immediate');
    db.exec(archiveTables);
    db.exec(`pragma user_version = ${archiveFormat}`);
    db.exec('commit');
  }
  return db;
}

/** Opens the derived database for writing; one of another format is emptied, so that everything is derived again. */
export function openIndex(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: busyTimeoutMs });
  db.exec('pragma journal_mode = wal; pragma synchronous = normal;');
  db.exec('begin immediate');
  const format = Number(db.prepare('pragma user_version').get()?.user_version);
  if (format !== indexFormat) {
    db.exec('drop table if exists meta; drop table if exists ahead; drop table if exists record; drop table if exists words;');
    db.exec(indexTables);
    db.exec(`pragma user_version = ${indexFormat}`);
  }
  db.exec('commit');
  return db;
}

/**
 * Opens an existing ledger for reading, beside a writer or without one.
 * @throws Fault archive.newer-format; errors of SQLite as they are
 */
export function openForReading(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: busyTimeoutMs });
  const format = Number(db.prepare('pragma user_version').get()?.user_version);
  if (format > archiveFormat) {
    db.close();
    throw new Fault('archive.newer-format', { format, known: archiveFormat });
  }
  db.exec('pragma query_only = on');
  return db;
}

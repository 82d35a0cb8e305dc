/**
 * The file of the journal: made, opened, put aside when it is damaged, and the one way into a transaction.
 *
 * The hard thing is to stay out of the way: a journal that cannot be read is renamed and begun anew, since nothing in it is worth
 * holding up mail for. `synchronous=normal` is enough for the same reason: a power cut may take the last transactions, never the file
 * (sqlite.org/wal.html), and what they held is noted again by the next pass, the next reconciliation or the person who sees the alert again.
 */
import { existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { Fault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import { makePrivateFile } from '../runtime/private-file.ts';

/** Raised when an older Postern could not read what a newer one writes. */
const journalFormat = 1;
/** Others hold the file for one short transaction at a time. */
const busyTimeoutMs = 5_000;

/** Primary result codes (sqlite.org/rescode.html). */
const SQLITE_ERROR = 1;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

const tables = `
  create table meta (key text primary key, value text not null) without rowid, strict;
  create table source_status (
    source text primary key,
    state text not null,
    since integer not null,
    last_pass integer,
    last_arrival integer,
    next_look integer,
    last_fault text,
    counters text not null,
    concerns text not null
  ) without rowid, strict;
  create table state_change (id integer primary key, source text not null, state text not null, at integer not null, fault text) strict;
  create index state_change_source on state_change (source, id);
  create table service (one integer primary key check (one = 1), pid integer not null, note text not null, beat integer not null, stopped integer) strict;
  create table run (
    id integer primary key,
    source text not null,
    started integer not null,
    ended integer,
    outcome text,
    counts text,
    fault text
  ) strict;
  create index run_source on run (source, id);
  -- name: the UIDL where the protocol has one, else the UID. A number of a UIDL is not lasting before the message has its ledger row.
  create table gap (
    id integer primary key,
    source text not null,
    folder text not null,
    uid_validity integer not null,
    name text not null,
    uid integer not null,
    uidl text,
    opened_by text not null,
    internal_date integer,
    announced_bytes integer,
    message_id text,
    opened integer not null,
    last_seen integer not null,
    closed integer,
    closure text,
    explanation text
  ) strict;
  create unique index gap_open on gap (source, folder, uid_validity, name) where closed is null;
  create index gap_place on gap (source, folder, uid_validity, name);
  create table reconciliation (
    id integer primary key,
    at integer not null,
    sources text not null,
    equal integer not null,
    evidence text not null,
    report blob not null
  ) strict;
  create table alert (
    id integer primary key,
    key text not null,
    kind text not null,
    severity text not null,
    source text,
    text text not null,
    fault text,
    measure real not null,
    opened integer not null,
    last_seen integer not null,
    last_told integer,
    acknowledged text,
    cleared integer,
    cleared_told integer
  ) strict;
  create unique index alert_open on alert (key) where cleared is null;
  create table retry (
    id integer primary key,
    source text not null,
    folder text not null,
    uid_validity integer not null,
    uid integer not null,
    uidl text,
    asked integer not null,
    by text not null,
    done integer,
    outcome text
  ) strict;
  create unique index retry_pending on retry (source, folder, uid_validity, uid) where done is null;
`;

export type JournalRow = Readonly<Record<string, unknown>>;

export interface JournalFileOptions {
  readonly clock: Clock;
  /** Reads only: makes no file, changes none; where there is none everything is empty. */
  readonly readOnly?: boolean;
  /** There ought to be a journal: its absence is told. */
  readonly expected?: boolean;
  /** Told when it was made anew. */
  readonly onFault?: (fault: Fault) => void;
}

export function journalFile(dataFolder: string): string {
  return join(dataFolder, 'journal.sqlite');
}

/** One connection to the journal. Faults of the machine come out as faults of the journal, damage is mended by beginning anew. */
export class JournalFile {
  readonly #file: string;
  readonly #options: JournalFileOptions;
  #db: DatabaseSync;
  /** Of the file that is open: another one under its name is one that another process has made. */
  #inode: number | undefined;
  #statements = new Map<string, StatementSync>();

  /** @throws Fault journal.unreadable, journal.unwritable, journal.newer-format */
  constructor(dataFolder: string, options: JournalFileOptions) {
    this.#file = journalFile(dataFolder);
    this.#options = options;
    this.#db = this.#translated(() => (options.readOnly === true ? this.#openToRead() : this.#openToWrite()));
  }

  /** One write transaction for all that `act` does; after damage the journal is begun anew and `act` runs once more. */
  change<T>(act: () => T): T {
    return this.#translated(() => {
      if (this.#options.readOnly === true) throw new Fault('journal.unwritable', { file: this.#file, text: 'opened for reading' });
      return this.#undamaged('begin immediate', act);
    });
  }

  /**
   * One view of the journal for all that `act` reads. Whoever may write begins anew after damage here too: what cannot be read would
   * keep each start from noting anything.
   */
  look<T>(act: () => T): T {
    return this.#translated(() => (this.#options.readOnly === true ? this.#transaction('begin', act) : this.#undamaged('begin', act)));
  }

  all(sql: string, ...values: SQLInputValue[]): readonly JournalRow[] {
    return this.#statement(sql).all(...values);
  }

  get(sql: string, ...values: SQLInputValue[]): JournalRow | undefined {
    return this.#statement(sql).get(...values);
  }

  /** @returns how many rows it changed, and the id of the last one that it put in */
  run(sql: string, ...values: SQLInputValue[]): { readonly changes: number; readonly id: number } {
    const { changes, lastInsertRowid } = this.#statement(sql).run(...values);
    return { changes: Number(changes), id: Number(lastInsertRowid) };
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #undamaged<T>(begin: string, act: () => T): T {
    try {
      return this.#transaction(begin, act);
    } catch (error) {
      if (!saysDamaged(error)) throw error;
      this.#db.close();
      this.#statements = new Map();
      this.#db = this.#beginAnew(error, inodeOf(this.#file) === this.#inode);
      return this.#transaction(begin, act);
    }
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, known);
    return known;
  }

  #transaction<T>(begin: string, act: () => T): T {
    this.#db.exec(begin);
    try {
      const result = act();
      this.#db.exec('commit');
      return result;
    } finally {
      if (this.#db.isTransaction) this.#db.exec('rollback');
    }
  }

  #openToWrite(): DatabaseSync {
    const isThere = existsSync(this.#file);
    try {
      const db = this.#open();
      if (!isThere && this.#options.expected === true) this.#tellAnew({ text: 'it was not there' });
      return db;
    } catch (error) {
      if (!saysDamaged(error)) throw error;
      return this.#beginAnew(error, !isSound(this.#file));
    }
  }

  #open(): DatabaseSync {
    makePrivateFile(this.#file);
    const db = new DatabaseSync(this.#file, { timeout: busyTimeoutMs });
    try {
      const isNew = formatOf(db) === 0 && schemaOf(db) === '';
      if (!isNew) checkFormat(db, this.#file);
      db.exec('pragma journal_mode = wal; pragma synchronous = normal');
      // Another process may have made the tables since.
      db.exec('begin immediate');
      if (schemaOf(db) === '') {
        db.exec(`${tables} pragma user_version = ${journalFormat}`);
        db.prepare("insert into meta values ('begun', ?)").run(String(this.#options.clock.now()));
      }
      db.exec('commit');
      this.#inode = inodeOf(this.#file);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  #openToRead(): DatabaseSync {
    if (!existsSync(this.#file)) {
      const empty = new DatabaseSync(':memory:');
      empty.exec(tables);
      return empty;
    }
    try {
      return this.#openAddressToRead(this.#file);
    } catch (error) {
      // A copy where nothing may be written: SQLite's companion files are not needed while nobody writes and no log holds anything.
      if (!saysUnwritable(error) || (statSync(`${this.#file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) throw error;
      return this.#openAddressToRead(`${pathToFileURL(this.#file).href}?immutable=1`);
    }
  }

  #openAddressToRead(address: string): DatabaseSync {
    const db = new DatabaseSync(address, { timeout: busyTimeoutMs });
    try {
      db.exec('pragma query_only = on');
      checkFormat(db, this.#file);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /**
   * Puts the damaged file aside and makes a new one.
   * @param isStill whether it lies there still; else another process has made a new one, and that is taken
   */
  #beginAnew(damage: unknown, isStill: boolean): DatabaseSync {
    const stamp = new Date(this.#options.clock.now()).toISOString().replaceAll(/[:.]/g, '');
    const aside = `${this.#file}.damaged-${stamp}-${process.pid}`;
    if (isStill) {
      for (const part of ['', '-wal', '-shm']) {
        if (existsSync(this.#file + part)) renameSync(this.#file + part, aside + part);
      }
    }
    const db = this.#open();
    if (isStill) this.#tellAnew({ text: damage instanceof Error ? damage.message : 'damaged', aside });
    return db;
  }

  #tellAnew(seen: { readonly text: string; readonly aside?: string }): void {
    this.#options.onFault?.(new Fault('journal.made-anew', { file: this.#file, ...seen }));
  }

  #translated<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw journalFault(error, this.#file, this.#options.readOnly === true);
    }
  }
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

/** Whether its tables can be read, each page of them: what is sound is not put aside. */
function isSound(file: string): boolean {
  try {
    const db = new DatabaseSync(file, { timeout: busyTimeoutMs });
    try {
      checkFormat(db, file);
      return db.prepare('pragma quick_check(1)').get()?.['quick_check'] === 'ok';
    } finally {
      db.close();
    }
  } catch {
    return false;
  }
}

/** @throws Fault journal.newer-format; an error that {@link saysDamaged} knows */
function checkFormat(db: DatabaseSync, file: string): void {
  const format = formatOf(db);
  if (format > journalFormat) throw new Fault('journal.newer-format', { file, format, known: journalFormat });
  if (format !== journalFormat || schemaOf(db) !== made()) throw new NotOurs('its tables are not those of this format');
}

/** A database that is none of ours is treated like a damaged one. */
class NotOurs extends Error {}

function formatOf(db: DatabaseSync): number {
  return Number(db.prepare('pragma user_version').get()?.['user_version']);
}

function schemaOf(db: DatabaseSync): string {
  const rows = db.prepare('select sql from sqlite_schema where sql is not null order by name').all();
  return rows.map((row) => String(row['sql'])).join(';\n');
}

function made(): string {
  const db = new DatabaseSync(':memory:');
  db.exec(tables);
  const schema = schemaOf(db);
  db.close();
  return schema;
}

function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

function saysDamaged(error: unknown): boolean {
  const code = resultCode(error);
  // A number that does not fit, or JSON that is none, is not what was written either.
  if (error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'ERR_OUT_OF_RANGE')) return true;
  return error instanceof NotOurs || code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

function saysUnwritable(error: unknown): boolean {
  const code = resultCode(error);
  return code === SQLITE_READONLY || code === SQLITE_CANTOPEN;
}

/** What the machine says as a fault of the journal; bugs of ours pass as they are. */
function journalFault(error: unknown, file: string, reading: boolean): unknown {
  if (error instanceof Fault) return error;
  const code = reading ? 'journal.unreadable' : 'journal.unwritable';
  if (saysDamaged(error)) return new Fault('journal.unreadable', { file, text: (error as Error).message }, { cause: error });
  const sqlite = resultCode(error);
  if (sqlite !== undefined && sqlite !== SQLITE_ERROR) {
    return new Fault(code, { file, sqlite, text: (error as Error).message }, { cause: error });
  }
  if (error instanceof Error && 'code' in error && 'syscall' in error) {
    return new Fault(code, { file, error: String(error.code), call: String(error.syscall) }, { cause: error });
  }
  return error;
}

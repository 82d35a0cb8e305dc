/**
 * The file of the accounts: made for its owner alone, opened, and the one way into a transaction.
 *
 * The hard thing is that it holds evidence, the access log: what is committed has to survive a power cut (`synchronous=full`,
 * sqlite.org/pragma.html#pragma_synchronous), and a damaged file is never put aside and begun anew as that of the journal is. The log is
 * chained (sqlite-log.ts), and triggers keep every statement of ours from changing a line; who writes into the file by other means is
 * found out by the chain.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Fault } from '../fault/fault.ts';
import { makePrivateFile } from '../runtime/private-file.ts';

/** Raised when an older Postern could not read what a newer one writes. */
const accountsFormat = 1;
/** Others hold the file for one short transaction at a time. */
const busyTimeoutMs = 5_000;

/** Primary result codes (sqlite.org/rescode.html). */
const SQLITE_ERROR = 1;
const SQLITE_CONSTRAINT = 19;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

const tables = `
  create table user (
    name text primary key,
    role text not null check (role in ('administrator', 'operator', 'auditor')),
    hash text not null,
    created integer not null,
    last_login integer,
    disabled integer not null,
    must_change integer not null
  ) without rowid, strict;
  -- hash: SHA-256 of the cookie, which has 256 random bits: nothing is gained by a slower one.
  create table session (
    id text primary key,
    hash blob not null unique,
    user text not null references user (name) on delete cascade,
    created integer not null,
    used integer not null
  ) without rowid, strict;
  create index session_user on session (user, created);
  create table token (
    id text primary key,
    hash blob not null unique,
    name text not null,
    role text not null check (role in ('administrator', 'operator', 'auditor')),
    created_by text not null references user (name) on delete cascade,
    created integer not null,
    expires integer,
    last_used integer
  ) without rowid, strict;
  create table log (
    id integer primary key,
    at integer not null,
    who text not null,
    role text,
    address text not null,
    action text not null,
    object text not null,
    outcome text not null,
    detail text not null,
    hash blob not null
  ) strict;
  create index log_who on log (who, id);
  create index log_action on log (action, id);
  create trigger log_stays before update on log begin select raise(abort, 'a line of the access log is not changed'); end;
  create trigger log_remains before delete on log begin select raise(abort, 'a line of the access log is not removed'); end;
`;

export type AccountRow = Readonly<Record<string, unknown>>;

export function accountsFile(dataFolder: string): string {
  return join(dataFolder, 'accounts.sqlite');
}

/** One connection to the accounts. Faults of the machine come out as faults of the accounts. */
export class AccountsFile {
  readonly #file: string;
  readonly #readOnly: boolean;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @throws Fault accounts.unreadable, accounts.unwritable, accounts.newer-format */
  constructor(dataFolder: string, readOnly: boolean) {
    this.#file = accountsFile(dataFolder);
    this.#readOnly = readOnly;
    this.#db = this.#translated(() => (readOnly ? openToRead(this.#file) : openToWrite(this.#file)));
  }

  /** One write transaction for all that `act` does. */
  change<T>(act: () => T): T {
    return this.#translated(() => {
      if (this.#readOnly) throw new Fault('accounts.unwritable', { file: this.#file, text: 'opened for reading' });
      return this.#transaction('begin immediate', act);
    });
  }

  /** One view for all that `act` reads. */
  look<T>(act: () => T): T {
    return this.#translated(() => this.#transaction('begin', act), 'accounts.unreadable');
  }

  all(sql: string, ...values: SQLInputValue[]): readonly AccountRow[] {
    return this.#statement(sql).all(...values);
  }

  get(sql: string, ...values: SQLInputValue[]): AccountRow | undefined {
    return this.#statement(sql).get(...values);
  }

  /** Row by row, for what is longer than memory. Outside of a transaction it sees what is there at its begin. */
  *each(sql: string, ...values: SQLInputValue[]): Generator<AccountRow> {
    try {
      for (const row of this.#db.prepare(sql).iterate(...values)) yield row;
    } catch (error) {
      throw accountsFault(error, this.#file, 'accounts.unreadable');
    }
  }

  /** @returns how many rows it changed */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
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

  #translated<T>(act: () => T, code: AccountsCode = this.#readOnly ? 'accounts.unreadable' : 'accounts.unwritable'): T {
    try {
      return act();
    } catch (error) {
      throw accountsFault(error, this.#file, code);
    }
  }
}

function openToWrite(file: string): DatabaseSync {
  makePrivateFile(file);
  return prepared(new DatabaseSync(file, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true }), (db) => {
    if (formatOf(db) !== 0 || schemaOf(db) !== '') checkFormat(db, file);
    db.exec('pragma journal_mode = wal; pragma synchronous = full');
    // Another process may have made the tables since.
    db.exec('begin immediate');
    if (schemaOf(db) === '') db.exec(`${tables} pragma user_version = ${accountsFormat}`);
    db.exec('commit');
  });
}

/** Where there is no file yet, everything is empty. */
function openToRead(file: string): DatabaseSync {
  if (!existsSync(file)) return prepared(new DatabaseSync(':memory:'), (db) => db.exec(tables));
  return prepared(new DatabaseSync(file, { timeout: busyTimeoutMs }), (db) => {
    db.exec('pragma query_only = on');
    checkFormat(db, file);
  });
}

function prepared(db: DatabaseSync, act: (db: DatabaseSync) => void): DatabaseSync {
  try {
    act(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** @throws Fault accounts.newer-format, accounts.unreadable */
function checkFormat(db: DatabaseSync, file: string): void {
  const format = formatOf(db);
  if (format > accountsFormat) throw new Fault('accounts.newer-format', { file, format, known: accountsFormat });
  if (format !== accountsFormat || schemaOf(db) !== made()) {
    throw new Fault('accounts.unreadable', { file, text: 'its tables are not those of this format' });
  }
}

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

type AccountsCode = 'accounts.unreadable' | 'accounts.unwritable';

/** What the machine says as a fault of the accounts; bugs of ours pass as they are. */
function accountsFault(error: unknown, file: string, code: AccountsCode): unknown {
  if (error instanceof Fault || !(error instanceof Error)) return error;
  const sqlite = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
  if (sqlite === SQLITE_CORRUPT || sqlite === SQLITE_NOTADB) {
    return new Fault('accounts.unreadable', { file, sqlite, text: error.message }, { cause: error });
  }
  if (sqlite !== undefined && sqlite !== SQLITE_ERROR && sqlite !== SQLITE_CONSTRAINT) {
    return new Fault(code, { file, sqlite, text: error.message }, { cause: error });
  }
  if ('code' in error && 'syscall' in error) {
    return new Fault(code, { file, error: String(error.code), call: String(error.syscall) }, { cause: error });
  }
  return error;
}

/** Translates what SQLite and the file system say into faults of the archive, at the edge where their numbers are known. */
import { type Evidence, Fault } from '../../fault/fault.ts';

/** Primary result codes (sqlite.org/rescode.html). */
const SQLITE_ERROR = 1;
const SQLITE_PERM = 3;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;
/** What the machine does to us; any other code is a bug of ours. */
const machine: readonly number[] = [SQLITE_PERM, SQLITE_BUSY, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN];

export interface SqliteError extends Error {
  readonly errcode: number;
  readonly errstr: string;
}

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}

/** Whether a lock that another process holds is in the way. */
export function saysBusy(error: unknown): boolean {
  return isSqliteError(error) && primary(error) === SQLITE_BUSY;
}

/** Whether SQLite would have to write where it may not, be it only a companion file. */
export function saysUnwritable(error: unknown): boolean {
  return isSqliteError(error) && (primary(error) === SQLITE_READONLY || primary(error) === SQLITE_CANTOPEN);
}

/** Extended result codes carry the primary one in their low byte. */
function primary(error: SqliteError): number {
  return error.errcode & 0xff;
}

/** Whether the error says that a page of the file makes no sense. */
export function saysDamaged(error: unknown): boolean {
  return isSqliteError(error) && (primary(error) === SQLITE_CORRUPT || primary(error) === SQLITE_NOTADB);
}

/** Whether SQLite takes what was asked for wrong: a bug of ours, or a file whose header lies. */
export function saysWrong(error: unknown): boolean {
  return isSqliteError(error) && primary(error) === SQLITE_ERROR;
}

/** Whether a number in a row is greater than any that we write: node:sqlite refuses to hand it out. */
export function saysOutOfRange(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_OUT_OF_RANGE';
}

/**
 * The fault for an error met while reading or writing the ledger and the bodies. Faults pass through; a bug of ours is not turned into
 * a fault.
 * @param act names the fault where the machine refuses and it is neither room nor damage
 */
export function archiveFault(error: unknown, evidence: Evidence = {}, act: 'read' | 'write' = 'write'): unknown {
  if (error instanceof Fault) return error;
  const refused = act === 'read' ? 'archive.read-failed' : 'archive.write-failed';
  if (saysOutOfRange(error)) return new Fault('archive.damaged', { ...evidence, text: String(error) }, { cause: error });
  if (isSqliteError(error)) {
    const seen = { ...evidence, sqlite: error.errcode, text: error.message };
    if (saysDamaged(error)) return new Fault('archive.damaged', seen, { cause: error });
    if (primary(error) === SQLITE_FULL) return new Fault('archive.disk-full', seen, { cause: error });
    return machine.includes(primary(error)) ? new Fault(refused, seen, { cause: error }) : error;
  }
  if (error instanceof Error && 'code' in error && 'syscall' in error) {
    const seen = { ...evidence, error: String(error.code), call: String(error.syscall) };
    if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return new Fault('archive.disk-full', seen, { cause: error });
    return new Fault(refused, seen, { cause: error });
  }
  return error;
}

/** The same for the derived database, which can always be made again. */
export function indexFault(error: unknown, evidence: Evidence = {}, act: 'read' | 'write' = 'write'): unknown {
  if (saysDamaged(error) || saysOutOfRange(error)) {
    return new Fault('archive.index-damaged', { ...evidence, text: (error as Error).message }, { cause: error });
  }
  return archiveFault(error, evidence, act);
}

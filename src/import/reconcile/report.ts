/**
 * What a reconciliation says, as plain data, and the hash that stands for all of it.
 *
 * The hard thing is that somebody else must be able to compute the hash from the printed report and nothing more, years later. So a
 * report holds only text, whole numbers, booleans, null, lists and objects, and its canonical form is JSON as everybody writes it:
 * keys sorted by code unit, no blanks, escapes of ECMA-404 as JSON.stringify writes them (a subset of RFC 8785).
 */
import { createHash } from 'node:crypto';
import type { ManifestReport } from './manifest.ts';

/** The equation of promise 2: seen = archived + duplicate + excluded + quarantined + pending. */
export interface Equation {
  /** What the server lists, and what has a ledger row and is listed no more. */
  readonly seen: number;
  readonly archived: number;
  /** Its very bytes were in the archive before. */
  readonly duplicate: number;
  /** Older than the source's `since`: by intent not imported. */
  readonly excluded: number;
  readonly quarantined: number;
  /** Listed, and without a ledger row. */
  readonly pending: number;
}

export interface Counts extends Equation {
  /** Of those seen, what the server lists now, and what it lists no more. seen = listed + gone. */
  readonly listed: number;
  readonly gone: number;
  /** Of those gone, the ones that Postern moved or deleted, by its own log. The others were taken away by somebody else. */
  readonly goneByPostern: number;
}

export interface DayReport extends Counts {
  /** UTC day of INTERNALDATE, else (POP3) of the arrival here; `before 2026-01-01`: excluded; `unknown`: pending and without a date. */
  readonly day: string;
}

/** Names a message as far as it is known. */
export interface NamedMessage {
  /** Null over POP3, where a message without a row has no lasting number. */
  readonly uid: number | null;
  readonly uidl: string | null;
  readonly internalDate: string | null;
  /** As the server announces it. */
  readonly bytes: number | null;
  /** The Message-ID field as it stands. */
  readonly messageId: string | null;
}

export interface QuarantinedMessage {
  readonly uid: number;
  readonly uidl: string | null;
  readonly day: string;
  readonly reason: string;
  /** Null where no bytes came. */
  readonly sha256: string | null;
  readonly since: string;
}

/** A row of the ledger whose bytes are not in the store. */
export interface AbsentMessage {
  readonly row: number;
  readonly uidValidity: number;
  readonly uid: number;
  readonly sha256: string | null;
  /** What was seen of it. */
  readonly seen: string;
}

/** A message that will never come. */
export interface VanishedMessage extends NamedMessage {
  readonly uidValidity: number;
  readonly noted: string;
  readonly explanation: string;
}

/** Rows under a UIDVALIDITY that the folder had before, compared by content. */
export interface EarlierEra {
  readonly uidValidity: number;
  readonly messages: number;
  /** Of these, the ones whose bytes are in the folder under its present numbers. */
  readonly listedAgain: number;
}

export interface FolderReport {
  readonly folder: string;
  /** Null where the folder could not be opened. */
  readonly uidValidity: number | null;
  /** When the server was asked for its list. */
  readonly listedAt: string | null;
  /** The number of messages that the server counts, and the length of its list: the two come by different ways and have to be the same. */
  readonly counted: number;
  readonly listed: number;
  /** Last row of the ledger that was compared. */
  readonly upToRow: number;
  readonly totals: Counts;
  /** Ascending. */
  readonly days: readonly DayReport[];
  /** Listed by the server and in no ledger row, ascending by UID; all of them up to {@link namedAtMost}. */
  readonly missing: readonly NamedMessage[];
  readonly quarantined: readonly QuarantinedMessage[];
  readonly absent: readonly AbsentMessage[];
  readonly vanished: readonly VanishedMessage[];
  readonly earlier: readonly EarlierEra[];
  /** Code of the fault that kept it from being compared. */
  readonly fault: string | null;
  readonly equal: boolean;
}

export interface SourceReport {
  readonly source: string;
  readonly mailbox: string;
  readonly protocol: string;
  readonly server: string;
  /** The source's `since`. */
  readonly excludedBefore: string | null;
  readonly folders: readonly FolderReport[];
  /** Patterns of `folders:` that no folder of the server fits. */
  readonly unmatched: readonly string[];
  /** Folders that the archive has rows of and that are not among those of the source now. */
  readonly unlisted: readonly { readonly folder: string; readonly rows: number; readonly absent: readonly AbsentMessage[] }[];
  /** Code of the fault that kept the source from being compared. */
  readonly fault: string | null;
  readonly equal: boolean;
}

export interface Report {
  readonly format: 1;
  readonly at: string;
  /** Only days from here on were compared. */
  readonly since: string | null;
  /** Heads of the hash chains when the comparison ended: they stand for every row that was compared. */
  readonly ledger: { readonly rows: number; readonly link: string };
  readonly completions: { readonly rows: number; readonly link: string };
  /** Gaps are known from here on: the journal was begun then. */
  readonly gapsKnownSince: string | null;
  readonly sources: readonly SourceReport[];
  /** Where a list from upstream was compared too. */
  readonly manifest?: ManifestReport;
  readonly equal: boolean;
}

/** Messages that one list of a folder names; more are counted, not named, so that a folder nobody imported yet does not fill the memory. */
export const namedAtMost = 100_000;

export const nothing: Counts = {
  seen: 0,
  archived: 0,
  duplicate: 0,
  excluded: 0,
  quarantined: 0,
  pending: 0,
  listed: 0,
  gone: 0,
  goneByPostern: 0,
};

export function sum(counts: readonly Counts[]): Counts {
  const total: { -readonly [Name in keyof Counts]: number } = { ...nothing };
  for (const one of counts) for (const name of countNames) total[name] += one[name];
  return total;
}

const countNames = Object.keys(nothing) as (keyof Counts)[];

/** Whether the two sides of the equation are the same number. */
export function isBalanced({ seen, archived, duplicate, excluded, quarantined, pending, listed, gone }: Counts): boolean {
  return seen === archived + duplicate + excluded + quarantined + pending && seen === listed + gone;
}

/**
 * The canonical text of a report.
 * @throws Error (a bug) for anything that does not belong into one
 */
export function canonical(value: unknown): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value instanceof Date) throw new Error(`a report cannot hold ${String(value)}`);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([name, part]) => `${JSON.stringify(name)}:${canonical(part)}`).join(',')}}`;
}

/** SHA-256 of a canonical text in UTF-8, lower-case hex. */
export function evidenceHash(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** The UTC day of an instant. */
export function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

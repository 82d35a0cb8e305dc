/** Rows of the journal's tables as the port's words, and back. Instants are milliseconds, lists and faults JSON. */
import { zstdDecompressSync } from 'node:zlib';
import { catalog, type FaultCode } from '../fault/catalog.ts';
import type {
  Acknowledgement,
  Alert,
  Gap,
  GapClosure,
  NotedConcern,
  NotedCredential,
  NotedFault,
  Reconciliation,
  RetryRequest,
  Run,
  RunCounts,
  RunOutcome,
  ServiceNote,
  ServiceStatus,
  Severity,
  SourceState,
  SourceStatus,
  StateChange,
} from './journal.ts';
import type { JournalRow } from './sqlite-file.ts';

export function asStatus(row: JournalRow): SourceStatus {
  return {
    source: text(row['source']),
    state: row['state'] as SourceState,
    since: date(row['since']),
    lastPass: maybeDate(row['last_pass']),
    lastArrival: maybeDate(row['last_arrival']),
    lastFault: maybeFault(row['last_fault']),
    nextLook: maybeDate(row['next_look']),
    counters: JSON.parse(text(row['counters'])),
    concerns: concernsOf(JSON.parse(text(row['concerns']))),
  };
}

export function asStateChange(row: JournalRow): StateChange {
  return { source: text(row['source']), state: row['state'] as SourceState, at: date(row['at']), fault: maybeFault(row['fault']) };
}

export function asService(row: JournalRow): ServiceStatus {
  const note: { readonly [Key in keyof ServiceNote]: ServiceNote[Key] } = JSON.parse(text(row['note']));
  return {
    ...note,
    listen: note.listen ?? undefined,
    started: new Date(note.started),
    concerns: concernsOf(note.concerns),
    ...(note.credentials === undefined ? {} : { credentials: note.credentials.map(asCredential) }),
    beat: date(row['beat']),
    stopped: maybeDate(row['stopped']),
  };
}

function asCredential(one: NotedCredential): NotedCredential {
  const at = (noted: Date | undefined): Date | undefined => (noted === undefined ? undefined : new Date(noted));
  return { ...one, ends: at(one.ends), noted: at(one.noted), answered: at(one.answered) };
}

export function asRun(row: JournalRow): Run {
  return {
    id: Number(row['id']),
    source: text(row['source']),
    started: date(row['started']),
    ended: maybeDate(row['ended']),
    outcome: row['outcome'] === null ? undefined : (row['outcome'] as RunOutcome),
    counts: row['counts'] === null ? undefined : (JSON.parse(text(row['counts'])) as RunCounts),
    fault: maybeFault(row['fault']),
  };
}

export function asGap(row: JournalRow): Gap {
  return {
    id: Number(row['id']),
    source: text(row['source']),
    folder: text(row['folder']),
    uidValidity: Number(row['uid_validity']),
    uid: Number(row['uid']),
    uidl: maybeText(row['uidl']),
    openedBy: row['opened_by'] as Gap['openedBy'],
    internalDate: maybeDate(row['internal_date']),
    announcedBytes: maybeNumber(row['announced_bytes']),
    messageId: maybeText(row['message_id']),
    opened: date(row['opened']),
    lastSeen: date(row['last_seen']),
    closed: maybeDate(row['closed']),
    closure: row['closure'] === null ? undefined : (row['closure'] as GapClosure),
    explanation: maybeText(row['explanation']),
  };
}

export function asReconciliationHead(row: JournalRow): Omit<Reconciliation, 'report'> {
  return {
    id: Number(row['id']),
    at: date(row['at']),
    sources: JSON.parse(text(row['sources'])),
    equal: Number(row['equal']) === 1,
    evidence: text(row['evidence']),
  };
}

export function asReconciliation(row: JournalRow): Reconciliation {
  return { ...asReconciliationHead(row), report: zstdDecompressSync(row['report'] as Uint8Array).toString('utf8') };
}

export function asAlert(row: JournalRow): Alert {
  return {
    id: Number(row['id']),
    key: text(row['key']),
    kind: text(row['kind']),
    severity: row['severity'] as Severity,
    source: maybeText(row['source']),
    text: text(row['text']),
    fault: maybeFault(row['fault']),
    measure: Number(row['measure']),
    opened: date(row['opened']),
    lastSeen: date(row['last_seen']),
    lastTold: maybeDate(row['last_told']),
    acknowledged: maybeAcknowledgement(row['acknowledged']),
    cleared: maybeDate(row['cleared']),
    clearedTold: maybeDate(row['cleared_told']),
  };
}

export function asRetry(row: JournalRow): RetryRequest {
  return {
    id: Number(row['id']),
    source: text(row['source']),
    folder: text(row['folder']),
    uidValidity: Number(row['uid_validity']),
    uid: Number(row['uid']),
    uidl: maybeText(row['uidl']),
    asked: date(row['asked']),
    by: text(row['by']),
    done: maybeDate(row['done']),
    outcome: row['outcome'] === null ? undefined : (row['outcome'] as RetryRequest['outcome']),
  };
}

/** What stands in a row for a fault. */
export function faultText(fault: NotedFault | undefined): string | null {
  return fault === undefined ? null : JSON.stringify(fault);
}

export function milliseconds(at: Date | undefined): number | null {
  return at === undefined ? null : at.getTime();
}

/** A code that this version does not know was written by another one; it is nothing to show. */
function readFault(value: unknown): NotedFault | undefined {
  if (typeof value !== 'object' || value === null || !('code' in value) || !('at' in value)) return undefined;
  if (typeof value.code !== 'string' || !Object.hasOwn(catalog, value.code)) return undefined;
  const evidence = 'evidence' in value ? (value.evidence as NotedFault['evidence']) : {};
  return { code: value.code as FaultCode, evidence, at: new Date(String(value.at)) };
}

function concernsOf(values: readonly NotedConcern[]): readonly NotedConcern[] {
  return values.flatMap((concern) => {
    const fault = readFault(concern.fault);
    return fault === undefined ? [] : [{ ...concern, since: new Date(concern.since), fault }];
  });
}

function maybeFault(value: unknown): NotedFault | undefined {
  return value === null ? undefined : readFault(JSON.parse(text(value)));
}

function maybeAcknowledgement(value: unknown): Acknowledgement | undefined {
  if (value === null) return undefined;
  const { by, at, note }: Readonly<Record<string, string>> = JSON.parse(text(value));
  return { by: text(by), at: new Date(text(at)), note: text(note) };
}

function text(value: unknown): string {
  return String(value);
}

function maybeText(value: unknown): string | undefined {
  return value === null ? undefined : String(value);
}

function maybeNumber(value: unknown): number | undefined {
  return value === null ? undefined : Number(value);
}

function date(value: unknown): Date {
  return new Date(Number(value));
}

function maybeDate(value: unknown): Date | undefined {
  return value === null ? undefined : date(value);
}

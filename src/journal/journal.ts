/**
 * The journal's port and words: what the import service remembers of its own doing. Other rooms know this file and no other of the folder.
 *
 * The hard thing is what it is NOT. It is no evidence: whether a message is in the archive is the ledger's to say, and everything here
 * can be lost without a message being lost. So it must never keep mail from coming in: whoever imports gets it from wire.ts wrapped by
 * forgiving.ts, which tells a fault and goes on. Several processes write at once (a service, a command beside it); every method is
 * one short transaction.
 *
 * No content of a message is written here: names, subjects and texts have no place in it. A Message-ID has, as the name of a missing message.
 */

import type { FaultCode } from '../fault/catalog.ts';
import type { Evidence } from '../fault/fault.ts';

/** How a source is. `new`: no look at it has ended yet. What leads to which is for import/watch/ to say. */
export type SourceState = 'new' | 'healthy' | 'late' | 'refused' | 'throttled' | 'silent' | 'expiring';

/** A fault as it is remembered: its words are those of the catalogue and its evidence, neither holds a secret. */
export interface NotedFault {
  readonly code: FaultCode;
  readonly evidence: Evidence;
  readonly at: Date;
}

/** Something that a person should know of, that lasts, beside the one state: a source can be late and expiring. */
export interface NotedConcern {
  /** Chosen by import/watch/. */
  readonly kind: string;
  readonly since: Date;
  readonly fault: NotedFault;
  /** How bad: messages in quarantine, days left. */
  readonly measure: number;
  readonly folder?: string | undefined;
}

export interface SourceStatus {
  readonly source: string;
  readonly state: SourceState;
  /** Since when it has been so. */
  readonly since: Date;
  /** When its last pass ended well. */
  readonly lastPass: Date | undefined;
  /** When a message last became durable. */
  readonly lastArrival: Date | undefined;
  readonly lastFault: NotedFault | undefined;
  readonly nextLook: Date | undefined;
  /** Only ever growing, by names that import/watch/ chooses: `passes`, `archived`, `faults.token.secret-expired` … */
  readonly counters: Readonly<Record<string, number>>;
  /** Empty at first. */
  readonly concerns: readonly NotedConcern[];
}

/** What is to be changed of a source's status; what is not named stays. `undefined` as a value clears it. */
export type StatusChange = Partial<Omit<SourceStatus, 'source' | 'counters' | 'since'>> & {
  readonly add?: Readonly<Record<string, number>>;
};

/** When the credential of a tenant ends, as the service knew it when it last told of itself; no secret. */
export interface NotedCredential {
  readonly tenant: string;
  readonly clientId: string;
  readonly what: 'client secret' | 'certificate';
  /** Undefined: not known. */
  readonly ends: Date | undefined;
  /** Where that is from, and why it is not asked of the tenant: words that import/watch/ chooses. */
  readonly origin: string | undefined;
  readonly because: string | undefined;
  /** Of the fault, where the question failed. */
  readonly code: string | undefined;
  /** What the setup had noted by then. */
  readonly noted: Date | undefined;
  /** When the tenant answered. */
  readonly answered: Date | undefined;
}

/** The import service as it last told of itself. One at a time, for the archive has one writer. */
export interface ServiceNote {
  readonly pid: number;
  readonly host: string;
  readonly started: Date;
  readonly sources: readonly string[];
  /** Where it serves health and metrics, `HOST:PORT`. */
  readonly listen: string | undefined;
  readonly beatEveryMs: number;
  /** Of a run that ends by itself (`import run --once`): how it ended, and how far apart such runs were lately, where that is known. */
  readonly once?: { readonly outcome: RunOutcome | undefined; readonly everyMs: number | undefined } | undefined;
  readonly concerns: readonly NotedConcern[];
  /** Absent in what an earlier version noted. */
  readonly credentials?: readonly NotedCredential[] | undefined;
}

export interface ServiceStatus extends ServiceNote {
  /** When it last noted itself. */
  readonly beat: Date;
  /** When it ended by itself; undefined while it runs, and when it was killed. */
  readonly stopped: Date | undefined;
}

/** When a source was in which state: for the history, newest first. */
export interface StateChange {
  readonly source: string;
  readonly state: SourceState;
  readonly at: Date;
  readonly fault: NotedFault | undefined;
}

/** `complete`: all that was listed has its row. `interrupted`: its process ended without a word, seen by the next one. */
export type RunOutcome = 'complete' | 'incomplete' | 'failed' | 'stopped' | 'interrupted';

export interface RunCounts {
  readonly listed: number;
  readonly archived: number;
  readonly duplicate: number;
  readonly excluded: number;
  readonly quarantined: number;
  readonly vanished: number;
  readonly missing: number;
  readonly bytes: number;
}

export interface Run {
  readonly id: number;
  readonly source: string;
  readonly started: Date;
  /** Undefined while it goes on, together with the next one. */
  readonly ended: Date | undefined;
  readonly outcome: RunOutcome | undefined;
  readonly counts: RunCounts | undefined;
  readonly fault: NotedFault | undefined;
}

/** Names a message of a server: by its number under a UIDVALIDITY, and over POP3 by its UIDL too. */
export interface MessagePlace {
  readonly source: string;
  /** Decoded. `INBOX` over POP3. */
  readonly folder: string;
  /** 0 over POP3. */
  readonly uidValidity: number;
  /** Of a gap over POP3 it says nothing: a message without a row has no lasting number. */
  readonly uid: number;
  readonly uidl?: string | undefined;
}

/** A message that the server listed, or was known to hold, and that has no ledger row. */
export interface NewGap extends MessagePlace {
  readonly openedBy: 'run' | 'reconciliation';
  /** The server's INTERNALDATE. */
  readonly internalDate?: Date | undefined;
  readonly announcedBytes?: number | undefined;
  /** The Message-ID field, without the angle brackets' meaning: as it stands. */
  readonly messageId?: string | undefined;
}

/**
 * How a gap was closed. `came`: it has its row. `vanished`: it was gone from the server before it came, by somebody else's hand; it will
 * never come, and stays visible for ever. `explained`: a person said why.
 */
export type GapClosure = 'came' | 'vanished' | 'explained';

export interface Gap extends NewGap {
  readonly id: number;
  readonly opened: Date;
  readonly lastSeen: Date;
  readonly closed: Date | undefined;
  readonly closure: GapClosure | undefined;
  readonly explanation: string | undefined;
}

export interface Reconciliation {
  readonly id: number;
  readonly at: Date;
  /** Names of the sources that it compared. */
  readonly sources: readonly string[];
  /** Whether the lists were equal and nothing was missing. */
  readonly equal: boolean;
  /** SHA-256 over the canonical JSON of the report (docs/reconciliation.md), lower-case hex. */
  readonly evidence: string;
  /** The canonical JSON itself. */
  readonly report: string;
}

export type Severity = 'info' | 'warning' | 'critical';

export interface NewAlert {
  /** One alert is open for a key at a time: `telemessage silent`. */
  readonly key: string;
  /** Chosen by import/watch/: `refused`, `silent`, `expiring`, `quarantine` … */
  readonly kind: string;
  readonly severity: Severity;
  /** Undefined for one of the whole service. */
  readonly source: string | undefined;
  /** What a person reads. No content of a message. */
  readonly text: string;
  readonly fault?: NotedFault | undefined;
  /** How bad: messages in quarantine, the step of an expiry. 0 where it is not given. */
  readonly measure?: number | undefined;
}

export interface Acknowledgement {
  readonly by: string;
  readonly at: Date;
  readonly note: string;
}

export interface Alert extends NewAlert {
  readonly id: number;
  readonly measure: number;
  readonly opened: Date;
  readonly lastSeen: Date;
  /** When somebody was last told of it while it was open. */
  readonly lastTold: Date | undefined;
  readonly acknowledged: Acknowledgement | undefined;
  readonly cleared: Date | undefined;
  /** When somebody was told that it is over. */
  readonly clearedTold: Date | undefined;
}

export interface RaisedAlert {
  readonly alert: Alert;
  readonly isNew: boolean;
  /** It was open and its measure is larger than noted: it counts as not told and not acknowledged again. */
  readonly grew: boolean;
}

/** A quarantined or missing message that a person wants asked for again. */
export interface RetryRequest extends MessagePlace {
  readonly id: number;
  readonly asked: Date;
  readonly by: string;
  readonly done: Date | undefined;
  /** Undefined until it is done. */
  readonly outcome: 'came' | 'quarantined-again' | 'gone' | undefined;
}

/** What a query of a list may ask for. Newest first, `limit` at most (default 100). */
export interface ListOptions {
  readonly source?: string;
  readonly limit?: number;
}

/** Every method: @throws Fault journal.unreadable, journal.unwritable. Times come from the clock that it was opened with. */
export interface Journal {
  /** When it was begun: it knows of nothing before. Undefined where there is none to read. */
  begun(): Promise<Date | undefined>;
  /** All that were ever noted, by name. */
  statuses(): Promise<readonly SourceStatus[]>;
  status(source: string): Promise<SourceStatus | undefined>;
  /** Notes a change; makes the source known. `since` is set when the state becomes another one, which also goes into the history. */
  noteStatus(source: string, change: StatusChange): Promise<void>;
  /** Notes the running service and that it is alive. */
  noteService(service: ServiceNote): Promise<void>;
  /** The service of this process id has ended by itself. */
  endService(pid: number): Promise<void>;
  service(): Promise<ServiceStatus | undefined>;
  history(options?: ListOptions): Promise<readonly StateChange[]>;

  /** @returns the run's id; runs of this source without an end, of a process that is no more, become `interrupted` */
  beginRun(source: string): Promise<number>;
  endRun(
    id: number,
    end: { readonly outcome: RunOutcome; readonly counts: RunCounts; readonly fault?: NotedFault | undefined },
  ): Promise<void>;
  runs(options?: ListOptions): Promise<readonly Run[]>;

  /** Opens those that are not open yet; of the others only `lastSeen` is moved and what was unknown of them filled in. */
  openGaps(gaps: readonly NewGap[]): Promise<void>;
  /** Closes these where they are open. One that was never open is opened and closed at once, so that it stays visible (`vanished`). */
  closeGaps(places: readonly NewGap[], closure: GapClosure, explanation?: string): Promise<void>;
  /** `state: 'permanent'`: closed though the message never came. */
  gaps(options?: ListOptions & { readonly state?: 'open' | 'permanent' | 'closed' }): Promise<readonly Gap[]>;
  /**
   * A person says why a message is missing. An open gap is closed as explained; one that is closed and never came stays so, and gets
   * this behind what was said of it before.
   * @returns the gap as it is now; undefined where there is none with this id, or its message came
   */
  explainGap(id: number, explanation: string): Promise<Gap | undefined>;
  /** How many are in which state, by source; cheap enough for metrics. */
  gapCounts(): Promise<readonly { readonly source: string; readonly open: number; readonly permanent: number }[]>;

  noteReconciliation(reconciliation: Omit<Reconciliation, 'id' | 'at'>): Promise<number>;
  /** Without the reports' texts. */
  reconciliations(options?: ListOptions): Promise<readonly Omit<Reconciliation, 'report'>[]>;
  reconciliation(id: number): Promise<Reconciliation | undefined>;

  /** Opens it, or renews text, fault, severity and `lastSeen` of the open one with this key. */
  raiseAlert(alert: NewAlert): Promise<RaisedAlert>;
  /** Notes that somebody was told of it, or, where it is cleared by now, that it is over. */
  toldAlert(id: number): Promise<void>;
  /** @returns false where no open alert has this id */
  acknowledgeAlert(id: number, by: string, note: string): Promise<boolean>;
  /** @returns the alert that this cleared, undefined where none was open */
  clearAlert(key: string): Promise<Alert | undefined>;
  /** `untold`: open and nobody was told, or told and nobody was told that it is over. */
  alerts(options?: ListOptions & { readonly open?: boolean; readonly untold?: boolean }): Promise<readonly Alert[]>;

  /** Asks for these again; one that is asked for already is left as it is. @returns how many were new */
  requestRetries(places: readonly MessagePlace[], by: string): Promise<number>;
  /** Those not done yet, oldest first. */
  pendingRetries(source?: string): Promise<readonly RetryRequest[]>;
  endRetry(id: number, outcome: 'came' | 'quarantined-again' | 'gone'): Promise<void>;

  close(): Promise<void>;
}

/**
 * The archive's port and words. Everything above the archive knows this file and no other of the folder.
 *
 * The hard thing is the promise behind `accept`: a message's bytes, its ledger row, the link of the hash chain and the cursor become
 * durable in ONE transaction, and nobody may act on a message (move it on the server, count it as done) before its receipt says so.
 * Many messages share a transaction, so `accept` takes a message over at once and the receipt resolves when the transaction stands.
 *
 * Written for two: SQLite beside a folder of large bodies now, PostgreSQL with an S3-compatible store later. So nothing here is
 * synchronous, nothing names a file, and every implementation passes test/contract/archive.ts.
 */

import type { Fault } from '../fault/fault.ts';

/** A folder of a source as the server numbers it: UIDs mean something only under one UIDVALIDITY (RFC 9051 §2.3.1.1). */
export interface Era {
  /** Name of the source in the configuration. */
  readonly source: string;
  /** The folder's name, decoded (not modified UTF-7). */
  readonly folder: string;
  readonly uidValidity: number;
}

/** A message of the server, as the importer met it. */
export interface Arrival {
  readonly era: Era;
  readonly uid: number;
  /** The server's INTERNALDATE. */
  readonly internalDate?: Date;
  /** The server's RFC822.SIZE; Exchange's is an estimate, so it is kept as a claim and never compared. */
  readonly announcedBytes?: number;
  /** The cursor that becomes durable together with this message: every UID of the era up to it is settled. */
  readonly cursor: number;
  /** Keeps the message apart, for this reason. */
  readonly quarantine?: QuarantineReason;
}

/**
 * What became of a message of the server. Every one has exactly one of these:
 * `archived`: its bytes were new; `duplicate`: the very same bytes were in the archive before;
 * `quarantined`: kept apart with a reason, with its bytes where there are any.
 */
export type LedgerState = 'archived' | 'duplicate' | 'quarantined';

/**
 * Why a message is in quarantine. `no-data`: the server lists it and ends FETCH without a body. `refused`: the server lists it and
 * refuses to hand it out. `substitute`: the server sent a text of its own in place of a message that it cannot convert.
 */
export type QuarantineReason = 'no-data' | 'refused' | 'substitute';

export interface Settled {
  readonly state: LedgerState;
  /** SHA-256 of the bytes, lower-case hex; undefined where there are none. */
  readonly sha256: string | undefined;
}

/** The archive has taken a message over. */
export interface Receipt {
  /** Resolves when the message is durable; rejects with a Fault when it will never be. */
  readonly durable: Promise<Settled>;
}

/** The UIDs of an era that have a ledger row. */
export interface UidSet {
  readonly size: number;
  has(uid: number): boolean;
  /** Of these, the ones of which no bytes ever came: quarantined, and worth asking for again. Ascending. */
  readonly withoutBytes: readonly number[];
}

/** The last link of the hash chain: it stands for everything before it. */
export interface ChainHead {
  /** Number of ledger rows. */
  readonly rows: number;
  /** Lower-case hex of the last link; 64 zeros for an empty archive. */
  readonly link: string;
}

export interface ArchiveStats {
  readonly messages: number;
  /** Bytes as they arrived, each message once. */
  readonly bytes: number;
  /** Bytes on disk for the bodies, after compression. */
  readonly storedBytes: number;
  readonly ledger: Readonly<Record<LedgerState, number>>;
  readonly sources: readonly { readonly source: string; readonly folder: string; readonly rows: number; readonly uidValidity: number }[];
  /** Messages of which no bytes ever came: how many, and the first of them in the order of their rows. */
  readonly withoutBytes: { readonly count: number; readonly first: readonly WithoutBytes[] };
  readonly head: ChainHead;
  /** Messages not yet derived (records and full text). 0 = everything can be found. */
  readonly lag: number;
  /** Messages that no parser understood: archived, and found by their raw headers only. */
  readonly unreadable: number;
}

/** Where a message was met on a server. */
export interface Occurrence {
  readonly source: string;
  readonly folder: string;
  readonly uidValidity: number;
  readonly uid: number;
  readonly state: LedgerState;
  readonly internalDate: Date | undefined;
  readonly acceptedAt: Date;
  /** Of a quarantined one. */
  readonly reason: QuarantineReason | undefined;
}

/** A message of a server of which no bytes came. */
export interface WithoutBytes extends Era {
  readonly uid: number;
  readonly reason: QuarantineReason;
}

/** What a message says, derived from its stored bytes. */
export interface MailRecord {
  readonly subject: string;
  readonly from: string;
  readonly to: string;
  readonly messageId: string;
  /** The Date field as an instant; undefined where it is absent or unreadable. */
  readonly sentAt: Date | undefined;
  /** The first words of the text. */
  readonly preview: string;
  readonly attachments: readonly AttachmentRecord[];
  readonly parserVersion: number;
  /** Why the parser gave up; undefined for a message that was understood. */
  readonly problem: string | undefined;
}

export interface AttachmentRecord {
  readonly name: string;
  readonly type: string;
  /** Decoded size in bytes. */
  readonly bytes: number;
}

export interface StoredMessage {
  /** SHA-256 of the bytes, lower-case hex: the message's id everywhere. */
  readonly sha256: string;
  readonly bytes: number;
  readonly occurrences: readonly Occurrence[];
  /** Undefined while the message has not been derived yet. */
  readonly record: MailRecord | undefined;
}

/** A search, read from a person's words by query.ts. All given conditions must hold. */
export interface Query {
  /** Words and phrases anywhere in the message; a word may end in `*`. */
  readonly terms: readonly QueryTerm[];
  readonly source?: string;
  /** The Date field of the message; one without a readable Date is neither since nor until anything. */
  readonly since?: Date;
  /** Before this instant. */
  readonly until?: Date;
  readonly hasAttachment?: boolean;
}

export interface QueryTerm {
  readonly text: string;
  readonly field: 'any' | 'subject' | 'from' | 'to' | 'attachment' | 'header' | 'body';
  /** The term must NOT be there. */
  readonly not: boolean;
  /** The last word may go on. */
  readonly prefix: boolean;
}

export interface SearchResult {
  /** Newest in the archive first. */
  readonly hits: readonly StoredMessage[];
  /** Whether there are more than were asked for. */
  readonly more: boolean;
  /** Messages that the search could not see because they are not derived yet. */
  readonly lag: number;
}

export interface VerifyFinding {
  /** A code of the fault catalogue. */
  readonly code: 'archive.body-changed' | 'archive.body-missing' | 'archive.chain-broken' | 'archive.damaged';
  /** What was seen, e.g. `message 4f2a…: its bytes have SHA-256 91c0…`. */
  readonly seen: string;
}

export interface VerifyOptions {
  /** Heads that were noted elsewhere: the chain must pass through each, which shows that no end was cut off and nothing computed anew. */
  readonly heads?: readonly ChainHead[];
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface VerifyReport {
  readonly messages: number;
  readonly bytes: number;
  readonly rows: number;
  readonly head: ChainHead;
  readonly findings: readonly VerifyFinding[];
  /** Body files that no row names: left by a crash between file and transaction, harmless. */
  readonly orphans: number;
}

export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** Reading. Any number of processes may read while one writes. */
export interface ArchiveReader {
  stats(): Promise<ArchiveStats>;
  search(query: Query, limit: number): Promise<SearchResult>;
  /**
   * Goes through all matches in the order of their arrival, one in memory at a time. A query that asks for nothing but a source finds
   * every message, derived or not.
   * @throws Fault archive.index-damaged, as `search` does; nothing else of a reader fails by the index
   */
  matches(query: Query): AsyncIterable<StoredMessage>;
  /**
   * @param id a SHA-256 in hex, or the first 4 or more digits of one
   * @throws Fault archive.unknown-message, archive.ambiguous-id
   */
  message(id: string): Promise<StoredMessage>;
  /** The bytes as they arrived, checked against their SHA-256 while they are read. @throws Fault archive.body-changed, archive.body-missing */
  read(sha256: string): AsyncIterable<Uint8Array>;
  /** Reads everything again and holds it against its hashes; never stops at the first finding. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  close(): Promise<void>;
}

/** Writing. One process at a time: a second one is refused (Fault archive.in-use). */
export interface Archive extends ArchiveReader {
  /** The UIDs of this era that have a ledger row, durable ones only. */
  settled(era: Era): Promise<UidSet>;
  /** The cursor of the source's folder, whatever its UIDVALIDITY; undefined before the first message. */
  cursor(source: string, folder: string): Promise<{ readonly uidValidity: number; readonly uid: number } | undefined>;
  /**
   * Takes a message over: reads `body` to its end, hashing on the way, holding no more of it than a named bound.
   * Waits while too much is not yet durable (back-pressure). A UID of the era that has a row with bytes already is left as it is; one
   * that was noted without bytes gets a second row.
   * @param describe asked once, after the body has been read (a server may send a message's UID behind its body)
   * @throws whatever `body` or `describe` throws (then nothing of the message stays), and the Fault that stopped the archive
   */
  accept(body: AsyncIterable<Uint8Array>, describe: () => Arrival): Promise<Receipt>;
  /** Notes a message of which the server gave no bytes; its arrival names the reason. */
  acceptNothing(arrival: Arrival & { readonly quarantine: QuarantineReason }): Promise<Receipt>;
  /** Resolves when everything accepted before is durable. @throws the Fault that stopped the archive */
  flush(): Promise<void>;
  /** Resolves when everything durable is derived too: it can be found. Runs beside `accept` from the start. */
  derived(options?: { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal }): Promise<void>;
  /**
   * What ended the deriving, undefined while it goes on. Taking messages over is not held up by it, so whoever does that for long has to
   * look here from time to time and tell a person: nothing that arrives from then on is found by its words.
   */
  derivingFault(): Fault | undefined;
  /** Throws all derived data away and derives it again from the stored bytes. */
  reindex(options?: { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal }): Promise<void>;
}

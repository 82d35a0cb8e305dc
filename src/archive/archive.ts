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
import type { AttachmentContent, MessageHtml } from './content.ts';
import type { Conversation, ConversationOptions } from './conversation.ts';
import type { Derivation, Feed, FeedGaps } from './feed.ts';
import type { LedgerState, QuarantineReason, StoredMessage } from './message.ts';
import type { RecordProfile } from './record.ts';
import type { Facets, Query, SearchOptions, SearchResult } from './search.ts';

export type * from './content.ts';
export type * from './conversation.ts';
export type * from './feed.ts';
export type * from './message.ts';
export type * from './record.ts';
export type * from './search.ts';

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
  /** The server's UID; over POP3 the number that Postern gave to the message's UIDL ({@link ArchiveReader.uidls}). */
  readonly uid: number;
  /** The server's name for the message over POP3 (RFC 1939 §7, UIDL). Every row of a number has the same. */
  readonly uidl?: string;
  /** The server's INTERNALDATE. */
  readonly internalDate?: Date;
  /** The server's RFC822.SIZE; Exchange's is an estimate, so it is kept as a claim and never compared. */
  readonly announcedBytes?: number;
  /** The cursor that becomes durable together with this message: every UID of the era up to it is settled. */
  readonly cursor: number;
  /** Keeps the message apart, for this reason. */
  readonly quarantine?: QuarantineReason;
}

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

/** The numbers of an era whose server names its messages by UIDL. */
export interface UidlNumbers {
  /**
   * Numbers of each UIDL, ascending. A server may repeat a UIDL for different messages (RFC 1939 §7 forbids it, servers do it): the k-th
   * message that it lists under one has the k-th number here.
   */
  readonly numbers: ReadonlyMap<string, readonly number[]>;
  /** The size that the server announced for a number when its bytes came last; a number without one is not in it. */
  readonly announcedBytes: ReadonlyMap<number, number>;
  /** The highest number of the era, 0 for none: the next message gets the one after it. */
  readonly highest: number;
}

/** Which rows of the ledger; all given conditions must hold. */
export interface LedgerFilter {
  readonly source?: string;
  readonly folder?: string;
  /** Rows with a greater number: what came since the last look. */
  readonly afterRow?: number;
  /** Messages of this instant or later: by INTERNALDATE, where there is none (POP3) by acceptance. */
  readonly since?: Date;
}

/** A row of the ledger. */
export interface LedgerEntry extends Era {
  /** Its number, from 1. */
  readonly row: number;
  readonly uid: number;
  /** Undefined for everything but POP3. */
  readonly uidl: string | undefined;
  readonly state: LedgerState;
  /** Of a quarantined one. */
  readonly reason: QuarantineReason | undefined;
  /** Lower-case hex; undefined where no bytes came. */
  readonly sha256: string | undefined;
  readonly bytes: number | undefined;
  readonly internalDate: Date | undefined;
  readonly announcedBytes: number | undefined;
  readonly acceptedAt: Date;
}

/** A message that is kept apart and did not come whole since. The entry is its last row; `sha256` says whether it has bytes. */
export interface OpenQuarantine extends LedgerEntry {
  /** When it was kept apart first. */
  readonly keptSince: Date;
  /**
   * The folder has another UIDVALIDITY by now, so the server knows the message by another number, if it still has it: there is nothing
   * to ask for under this one.
   */
  readonly renumbered: boolean;
}

/** A row of the ledger whose bytes are not in the archive as far as a look without reading them shows. */
export interface AbsentBody extends LedgerEntry {
  /** What was seen, e.g. `its file is not there`. */
  readonly seen: string;
}

/** Heads of both hash chains. */
export interface Heads {
  readonly ledger: ChainHead;
  readonly completions: ChainHead;
}

/** What changes while an import runs, to be asked often. */
export interface Pulse {
  /** Number of ledger rows. */
  readonly rows: number;
  /** Messages not yet derived. */
  readonly lag: number;
}

/** What is done with a message on the server once it is safe here. */
export type CompletionStep = 'seen' | 'moved' | 'deleted';
/** `asked`: about to be sent to the server; what follows it says how that ended. Asked and nothing behind it: a crash came between. */
export type CompletionPhase = 'asked' | 'done' | 'failed';

/** To be noted of a step on the server. */
export interface CompletionNote {
  readonly era: Era;
  readonly uid: number;
  readonly step: CompletionStep;
  readonly phase: CompletionPhase;
  /** The folder that it is moved to, decoded. */
  readonly target?: string;
  /** For a person, e.g. what the server said. Never a word of the message. */
  readonly detail?: string;
}

/** A noted step on the server. */
export interface Completion extends CompletionNote {
  /** Its number, from 1. */
  readonly row: number;
  /** The ledger's row that says that the message is safe here. */
  readonly ledgerRow: number;
  readonly at: Date;
}

/** The last link of a hash chain: it stands for everything before it. */
export interface ChainHead {
  /** Number of rows. */
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
  /** Head of the chain of what was done on servers. */
  readonly completions: ChainHead;
  /** Messages not yet derived (records and full text). 0 = everything can be found. */
  readonly lag: number;
  /** Messages that no parser understood: archived, and found by their raw headers only. */
  readonly unreadable: number;
}

/** A message of a server of which no bytes came. */
export interface WithoutBytes extends Era {
  readonly uid: number;
  readonly reason: QuarantineReason;
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
  /** The same for the chain of what was done on servers. */
  readonly completionHeads?: readonly ChainHead[];
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface VerifyReport {
  readonly messages: number;
  readonly bytes: number;
  readonly rows: number;
  readonly head: ChainHead;
  /** Head of the chain of what was done on servers. */
  readonly completions: ChainHead;
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
  /** Counts all messages the first time, others having their turn meanwhile; after that only what was added. */
  stats(): Promise<ArchiveStats>;
  /** A few look-ups, whatever the size of the archive. */
  pulse(): Promise<Pulse>;
  /** A few look-ups, whatever the size of the archive. */
  heads(): Promise<Heads>;
  /** @throws Fault archive.index-damaged; archive.query-unreadable for an `after` that is not from here */
  search(query: Query, limit: number, options?: SearchOptions): Promise<SearchResult>;
  /** Counts what a search finds by its values; of more than a named bound of matches only the newest. @throws Fault archive.index-damaged */
  facets(query: Query): Promise<Facets>;
  /**
   * @param id of a thread, of an item at its origin, or of a message (SHA-256 or its first digits)
   * @throws Fault archive.unknown-conversation, archive.ambiguous-id, archive.not-derived, archive.index-damaged
   */
  conversation(id: string, options?: ConversationOptions): Promise<Conversation>;
  /**
   * The text of a message, read from its stored bytes; of one that a parser did not come to an end with only its preview.
   * @throws Fault archive.unknown-message, archive.body-changed, archive.body-missing
   */
  text(sha256: string): Promise<string>;
  /** Whether {@link ArchiveReader.html} has something to show: a quick look, which may be wrong of a forwarded message. */
  hasHtml(sha256: string): Promise<boolean>;
  /**
   * The HTML of a message as it stands there: hostile, and nothing of it may be shown without being made safe.
   * @throws Fault archive.unknown-message, archive.body-changed, archive.body-missing
   */
  html(sha256: string): Promise<MessageHtml>;
  /**
   * @param index its place among the attachments of the record, from 0
   * @throws Fault archive.unknown-message, archive.unknown-attachment, archive.body-changed, archive.body-missing
   */
  attachment(sha256: string, index: number): Promise<AttachmentContent>;
  /** What the archive knows of its feeds. @param now the end of the 28 days that are counted by hour */
  feed(now: Date): Promise<Feed>;
  /**
   * What must have been there and is not, by source.
   * @param since only records of this time or later (by the time that orders messages)
   */
  feedGaps(since?: Date): Promise<readonly FeedGaps[]>;
  /** Which of these are the id of an item or a Message-ID (with or without its angle brackets) of a derived message. */
  identified(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** What is known about the messages of each source, also of those that are configured no more. */
  profiles(): Promise<Readonly<Record<string, RecordProfile>>>;
  /** What the records were made by. */
  derivation(): Promise<Derivation>;
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
  /** The UIDs of this era that have a ledger row, durable ones only. */
  settled(era: Era): Promise<UidSet>;
  /** The numbers of an era that is read by POP3, durable ones only. */
  uidls(era: Era): Promise<UidlNumbers>;
  /** The cursor of the source's folder, whatever its UIDVALIDITY; undefined before the first message. */
  cursor(source: string, folder: string): Promise<{ readonly uidValidity: number; readonly uid: number } | undefined>;
  /**
   * The ledger in the order of its rows, a bounded number of them in memory; others get their turn in between, and what becomes durable
   * while it runs may be among them. A message that was kept apart and came whole later has both its rows.
   */
  ledger(filter?: LedgerFilter): AsyncIterable<LedgerEntry>;
  /** What is kept apart and did not come whole since, in the order of the rows. `since` looks at the last row of each. */
  quarantine(filter?: LedgerFilter): AsyncIterable<OpenQuarantine>;
  /**
   * Rows that name bytes which are not in the store, or not as many as were archived, in the order of the rows. Looks, and reads no bytes:
   * `verify` does.
   */
  absent(filter?: LedgerFilter): AsyncIterable<AbsentBody>;
  /** What was done on the server, in the order in which it was noted; of an era, or of a source. */
  completions(of: Era | { readonly source: string }): AsyncIterable<Completion>;
  /** The bytes as they arrived, checked against their SHA-256 while they are read. @throws Fault archive.body-changed, archive.body-missing */
  read(sha256: string): AsyncIterable<Uint8Array>;
  /** Reads everything again and holds it against its hashes; never stops at the first finding. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  close(): Promise<void>;
}

/** Writing. One process at a time: a second one is refused (Fault archive.in-use). */
export interface Archive extends ArchiveReader {
  /**
   * Takes a message over: reads `body` to its end, hashing on the way, holding no more of it than a named bound.
   * Waits while too much is not yet durable (back-pressure). A UID of the era that is archived already is left as it is, and so is one in
   * quarantine for which the same bytes (or again none) come; with other bytes it gets a further row.
   * @param describe asked once, after the body has been read (a server may send a message's UID behind its body)
   * @throws whatever `body` or `describe` throws (then nothing of the message stays), and the Fault that stopped the archive
   */
  accept(body: AsyncIterable<Uint8Array>, describe: () => Arrival): Promise<Receipt>;
  /** Notes a message of which the server gave no bytes; its arrival names the reason. */
  acceptNothing(arrival: Arrival & { readonly quarantine: QuarantineReason }): Promise<Receipt>;
  /**
   * Notes steps on the server: all of them or none, durable when it resolves. `asked` stands before the command to the server, `done` and
   * `failed` behind an `asked` of the same step. It may be asked again, however the last time ended.
   * @throws Error (a bug) where the message has no durable row that is not `quarantined`, or nothing was asked; the archive goes on
   * @throws the Fault that stopped the archive
   */
  complete(notes: readonly CompletionNote[]): Promise<void>;
  /** Resolves when everything accepted before is durable. @throws the Fault that stopped the archive */
  flush(): Promise<void>;
  /** Resolves when everything durable is derived too: it can be found. Runs beside `accept` from the start. */
  derived(options?: { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal }): Promise<void>;
  /**
   * What ended the deriving, undefined while it goes on. Taking messages over is not held up by it, so whoever does that for long has to
   * look here from time to time and tell a person: nothing that arrives from then on is found by its words.
   */
  derivingFault(): Fault | undefined;
  /**
   * Goes on with these profiles in place of those that their sources had; the others keep theirs. What is derived from now on is made with
   * them. Where a profile says something else than before, the source's records are made again, beside the old ones, which are found
   * meanwhile ({@link ArchiveReader.derivation} says how far that is). Resolves when the new profile is in force.
   */
  setProfiles(profiles: Readonly<Record<string, RecordProfile>>): Promise<void>;
  /** Throws all derived data away and derives it again from the stored bytes. */
  reindex(options?: { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal }): Promise<void>;
}

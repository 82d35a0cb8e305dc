/**
 * The ports behind which a mailbox stands, whatever protocol it is read by: one to read it, and apart from it one to change it.
 * Beside their users, importing no implementation.
 *
 * One task at a time uses a mailbox. Every method throws Faults; after one the mailbox is closed and connected anew, but for those of
 * `fault-classes.ts` after which it stays usable (a refusal of one folder or message, a pause that is asked for).
 */
import type { ArchiveReader } from '../archive/archive.ts';

/** Which numbers the archive gave to the UIDLs of a POP3 mailbox. Part of a port, so that who connects need not hold an archive. */
export type NumberBook = Pick<ArchiveReader, 'uidls'>;

/**
 * Connects and logs in.
 * @param signal when it is aborted, also later, the connection ends at once, whatever is under way on it
 * @throws Fault; the signal's reason
 */
export type ConnectMailbox = (signal: AbortSignal, book: NumberBook) => Promise<Mailbox>;

export interface Mailbox {
  /**
   * What the server lists, in its order. A protocol without folders (POP3) lists INBOX alone.
   * @throws Fault
   */
  folders(): Promise<readonly ListedFolder[]>;
  /**
   * Opens a folder without changing anything in it.
   * @param folder its decoded name
   * @throws Fault `imap.folder-unknown` (the mailbox stays usable), or what ended the connection
   */
  open(folder: string): Promise<OpenFolder>;
  /**
   * How many messages the server counts in a folder, without opening it: for a comparison with what was listed.
   * @throws Fault as `open`
   */
  count(folder: string): Promise<number>;
  /** Says goodbye, within a deadline; never throws. */
  close(): Promise<void>;
}

export interface ListedFolder {
  /** Decoded from modified UTF-7. The inbox is `INBOX`, however the server spells it (RFC 9051 §5.1). */
  readonly name: string;
  /** What parts the levels of the name; undefined where there are none. */
  readonly separator: string | undefined;
  /** In lower case, with the backslash: RFC 9051 §7.3.1 (`\hasnochildren`) and the special uses of RFC 6154 §2 (`\sent`). */
  readonly attributes: ReadonlySet<string>;
  /** Whether it can be opened at all: neither `\noselect` nor `\nonexistent`. */
  readonly selectable: boolean;
}

export interface OpenFolder {
  /** 0 where the protocol has none (POP3). */
  readonly uidValidity: number;
  /** The UID that the next message will have at least; undefined where the server does not tell. */
  readonly uidNext: number | undefined;
  /** Messages that the server counts, by its last word: it grows and shrinks while the folder is open. M365 (assumed): it may count one before it lists it. */
  readonly exists: number;
  /** Every UID that the server lists now, ascending; with `from`, those of at least this UID. Unlike IMAP's `n:*` never one below it. */
  list(from?: number): Promise<readonly number[]>;
  /** Of the messages with UIDs of at least `from`, those whose INTERNALDATE is before `since`, ascending. Absent where the protocol knows no dates. */
  readonly older?: (since: Date, from?: number) => Promise<readonly number[]>;
  /**
   * The messages with these UIDs in the order in which the server sends them; some may not come. A body must be read before the next
   * message is asked for. Leaving early closes the connection. UIDs are drawn as the connection gets to them, so that several
   * connections can share one row of them.
   * @throws Fault of a refusal or a pause (the folder stays usable), or what ended the connection
   */
  fetch(uids: Iterable<number>): AsyncGenerator<ArrivingMessage>;
  /** What the server knows of these messages without their content; some may not come. Leaving early closes the connection. @throws as `fetch` */
  describe(uids: readonly number[]): AsyncGenerator<DescribedMessage>;
  /**
   * Whether anything in the folder changed since it was opened, listed or this was last asked: one round trip. Undefined where that cannot be
   * told and the folder has to be opened again.
   * @throws Fault
   */
  changed(): Promise<boolean | undefined>;
  /** The lasting name of a message, behind its number (POP3). Absent where numbers last. */
  readonly uidlOf?: (uid: number) => string | undefined;
  /** Resolves when the folder may hold something new, or after `ms`. @throws Fault when the connection ended; the signal's reason */
  watch(ms: number, signal: AbortSignal): Promise<void>;
}

export interface ArrivingMessage {
  /** Undefined when the server sent no body. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Complete once the body has been read. */
  attributes(): {
    readonly uid: number | undefined;
    /** POP3's lasting name of the message, behind the number that stands for it in `uid`; undefined over IMAP. */
    readonly uidl?: string | undefined;
    readonly internalDate: Date | undefined;
    readonly announcedBytes: number | undefined;
  };
}

export interface DescribedMessage {
  readonly uid: number;
  readonly uidl?: string | undefined;
  readonly internalDate: Date | undefined;
  /** As announced. M365 (doc): stored or estimated; it can differ from the bytes that are sent. */
  readonly announcedBytes: number | undefined;
  /** The content of the Message-ID field without blanks around it; undefined where there is none. */
  readonly messageId: string | undefined;
}

/**
 * Connects and logs in to change a mailbox. A connection of its own, so that the one that brings mail in can never change anything.
 * @throws Fault
 */
export type ConnectWriter = (signal: AbortSignal, book: NumberBook) => Promise<MailboxWriter>;

export interface MailboxWriter {
  readonly powers: WritingPowers;
  /** Opens a folder to change it. @throws Fault as `Mailbox.open` */
  open(folder: string): Promise<WritableFolder>;
  /**
   * Does what was only marked so far (POP3 removes at its QUIT) and ends the connection. Until it resolves nothing of that counts as done.
   * @throws Fault where the server did not confirm it: then it is unknown what was done, and the next look shows it
   */
  finish(): Promise<void>;
  /** Ends the connection without `finish`, within a deadline; never throws. What was only marked is not done. */
  close(): Promise<void>;
}

/** What a server lets us do to single messages and to no others. Known after the login. */
export interface WritingPowers {
  readonly seen: boolean;
  readonly move: boolean;
  /**
   * `at-once`: `remove` has removed when it resolves. `at-quit`: `finish` removes. `never`: the server can only remove whatever anybody
   * has marked (IMAP without UIDPLUS), so we do not ask it to.
   */
  readonly remove: 'at-once' | 'at-quit' | 'never';
}

export interface WritableFolder {
  readonly uidValidity: number;
  /** Every UID that the server lists now, ascending, and that is certain to mean the message that it meant before. */
  list(): Promise<readonly number[]>;
  /** Of these, the ones that are certainly not in the folder any more: what of a step that was cut off is done. Not just what `list` leaves out. */
  gone(uids: readonly number[]): Promise<readonly number[]>;
  /** Marks them as read; no other flag changes. UIDs that are gone are passed over, here and below. @throws Fault */
  setSeen(uids: readonly number[]): Promise<void>;
  /**
   * Moves them into another folder, which is made where it is missing. When it throws, some may have been moved: `list` tells which are left.
   * @throws Fault; `imap.cannot-change` where `powers.move` is false
   */
  move(uids: readonly number[], target: string): Promise<Moved>;
  /** Removes these and no others. @throws Fault; `imap.cannot-change` where `powers.remove` is `never` */
  remove(uids: readonly number[]): Promise<void>;
}

/** Where moved messages went. A server without UIDPLUS (RFC 4315) does not tell. */
export interface Moved {
  /** UIDVALIDITY of the target folder; undefined where the server did not tell. */
  readonly uidValidity: number | undefined;
  /** New UID by old UID; without those of which the server did not tell. */
  readonly uids: ReadonlyMap<number, number>;
}

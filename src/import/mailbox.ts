/**
 * The port behind which a mailbox stands, whatever protocol it is read by. Beside its user, importing no implementation.
 *
 * One task at a time uses a mailbox. Every method throws Faults; after one the mailbox is closed and connected anew, but for
 * imap.throttled, after which the same may be asked again on the same connection.
 */

/** Connects and logs in. @throws Fault */
export type ConnectMailbox = (signal: AbortSignal) => Promise<Mailbox>;

export interface Mailbox {
  /**
   * Opens a folder without changing anything in it.
   * @throws Fault imap.folder-unknown (the mailbox stays usable), or what ended the connection
   */
  open(folder: string): Promise<OpenFolder>;
  /** Says goodbye, within a deadline; never throws. */
  close(): Promise<void>;
}

export interface OpenFolder {
  readonly uidValidity: number;
  /** Messages that the server counted when the folder was opened. M365 (assumed): it may count one before it lists it. */
  readonly exists: number;
  /** Every UID that the server lists now, ascending. */
  list(): Promise<readonly number[]>;
  /**
   * The messages with these UIDs in the order in which the server sends them; some may not come. A body must be read before the next
   * message is asked for. Leaving early closes the connection.
   * @throws Fault imap.refused, imap.bad-command, imap.throttled (the folder stays usable), or what ended the connection
   */
  fetch(uids: readonly number[]): AsyncGenerator<ArrivingMessage>;
  /** Resolves when the folder may hold something new, or after `ms`. @throws Fault when the connection ended; the signal's reason */
  watch(ms: number, signal: AbortSignal): Promise<void>;
}

export interface ArrivingMessage {
  /** Undefined when the server sent no body. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Complete once the body has been read. */
  attributes(): {
    readonly uid: number | undefined;
    readonly internalDate: Date | undefined;
    readonly announcedBytes: number | undefined;
  };
}

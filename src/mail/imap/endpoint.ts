/** What a caller says about an IMAP server: where it is, who logs in, and how long and how much we put up with. */
import type { Clock } from '../../runtime/clock.ts';
import type { Secret } from '../../runtime/secret.ts';

export interface ImapEndpoint {
  readonly host: string;
  readonly port: number;
  /** `implicit`: TLS on connect (993). `starttls`: plain text first, then an upgrade that is never skipped (143). `none`: plain text to the end. */
  readonly tls: 'implicit' | 'starttls' | 'none';
  /** PEM texts of further authorities, added to the system's. */
  readonly ca?: readonly string[];
}

export type ImapCredential =
  /** `user` is the mailbox's address, for shared mailboxes too. `token` is asked once a login, so that its owner can renew. */
  | { readonly kind: 'xoauth2'; readonly user: string; readonly token: () => Promise<Secret> }
  | { readonly kind: 'password'; readonly user: string; readonly password: Secret };

/** Times are in milliseconds of silence: the wait for the next byte, not for the whole answer. */
export interface ImapLimits {
  /** Name, TCP and TLS together, and again for the greeting. */
  readonly connectTimeoutMs: number;
  /** The answer to a login. M365 (doc): Exchange passes the login on; a refusal can take several seconds, allow at least 30. */
  readonly loginTimeoutMs: number;
  /** The answer to any other command. A search of a mailbox of a million messages is long silent. */
  readonly commandTimeoutMs: number;
  /** The next byte inside a message body. */
  readonly stallTimeoutMs: number;
  /** The text of one answer without its literals. A SEARCH answer lists every UID in one line: 1 million of them need 8 MB. */
  readonly maxLineBytes: number;
  /** All literals of one answer together, but for message bodies, which are never collected. */
  readonly maxLiteralBytes: number;
  /** One command line. M365 (assumed): Exchange on premises takes 10,240 bytes; Exchange Online's figure is unknown. */
  readonly maxCommandBytes: number;
  /** How many UIDs one search may bring. Guards against an answer such as `1:4294967295`, which is short and expands to gigabytes. */
  readonly maxSearchResults: number;
}

export const defaultLimits: ImapLimits = {
  connectTimeoutMs: 30_000,
  loginTimeoutMs: 90_000,
  commandTimeoutMs: 120_000,
  stallTimeoutMs: 60_000,
  maxLineBytes: 16 * 1024 * 1024,
  maxLiteralBytes: 1024 * 1024,
  maxCommandBytes: 8_000,
  maxSearchResults: 4_000_000,
};

/** One line of the talk, fit for a log: credentials are masked, message bodies are given by their size. */
export interface DialogueLine {
  readonly from: 'client' | 'server';
  readonly text: string;
}

export interface ImapOptions {
  readonly limits?: Partial<ImapLimits>;
  /** Ends the connection for good whenever it is aborted, while connecting or later; what waits then fails with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onDialogue?: (line: DialogueLine) => void;
  readonly clock?: Clock;
}

/** How long and how much we put up with at an IMAP server. Where it is and who logs in: `mail/endpoint.ts`. */
import type { Clock } from '../../runtime/clock.ts';
import {
  type ConnectionLimits,
  type ConnectionOptions,
  defaultConnectionLimits,
  type MailCredential,
  type MailEndpoint,
} from '../endpoint.ts';

export type ImapEndpoint = MailEndpoint;
export type ImapCredential = MailCredential;

/** A search of a mailbox of a million messages is long silent: `commandTimeoutMs` is for it too. */
export interface ImapLimits extends ConnectionLimits {
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
  ...defaultConnectionLimits,
  stallTimeoutMs: 60_000,
  maxLineBytes: 16 * 1024 * 1024,
  maxLiteralBytes: 1024 * 1024,
  maxCommandBytes: 8_000,
  maxSearchResults: 4_000_000,
};

export interface ImapOptions extends ConnectionOptions<ImapLimits> {
  readonly clock?: Clock;
}

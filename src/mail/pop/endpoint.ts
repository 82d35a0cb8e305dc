/** How long and how much we put up with at a POP3 server. Where it is and who logs in: `mail/endpoint.ts`. */
import { type ConnectionLimits, type ConnectionOptions, defaultConnectionLimits } from '../endpoint.ts';

export interface PopLimits extends ConnectionLimits {
  /** The next byte inside a message. */
  readonly stallTimeoutMs: number;
  /** One line of an answer; lines of messages are not counted. RFC 2449 §4 allows 512 bytes; a little more harms nobody. */
  readonly maxLineBytes: number;
  /** Lines of one LIST, UIDL or CAPA. M365 (doc): a folder holds up to a million messages. */
  readonly maxListLines: number;
}

export const defaultPopLimits: PopLimits = {
  ...defaultConnectionLimits,
  stallTimeoutMs: 60_000,
  maxLineBytes: 16 * 1024,
  maxListLines: 2_000_000,
};

export type PopOptions = ConnectionOptions<PopLimits>;

/** What a caller says about an SMTP submission beyond `mail/endpoint.ts`: our own name there, and how long and how much we put up with. */
import { type ConnectionLimits, type ConnectionOptions, defaultConnectionLimits } from '../endpoint.ts';

export interface SmtpLimits extends ConnectionLimits {
  /** The answer after the last byte of a message. RFC 5321 §4.5.3.2.6: 10 minutes. */
  readonly dataTimeoutMs: number;
  /** One line of an answer. RFC 5321 §4.5.3.1.5 says 512; Exchange appends diagnostics. */
  readonly maxLineBytes: number;
  /** Lines of one answer. */
  readonly maxReplyLines: number;
  /**
   * A login is one line up to this length, else two. RFC 4954 §4: the AUTH line keeps SMTP's limit of 512 bytes (RFC 5321 §4.5.3.1.4),
   * CRLF included; Dovecot's submission ends at about 1,000. The line after the server's 334 may be longer.
   */
  readonly maxCommandBytes: number;
}

export const defaultSmtpLimits: SmtpLimits = {
  ...defaultConnectionLimits,
  dataTimeoutMs: 600_000,
  maxLineBytes: 16 * 1024,
  maxReplyLines: 500,
  maxCommandBytes: 512,
};

export interface SmtpOptions extends ConnectionOptions<SmtpLimits> {
  /** How we call ourselves in EHLO: a host name or an address literal. RFC 5321 §4.1.4. */
  readonly ownName?: string;
}

/** For a machine without a name of its own. RFC 5321 §4.1.3. */
export const defaultOwnName = '[127.0.0.1]';

/** What a caller says about a mail server, whatever it speaks: where it is, who logs in, how long we wait, who listens to the talk. */
import type { Socket } from 'node:net';
import type { Secret } from '../runtime/secret.ts';

export interface MailEndpoint {
  readonly host: string;
  readonly port: number;
  /** `implicit`: TLS on connect. `starttls`: plain text first, then an upgrade that is never skipped. `none`: plain text to the end. */
  readonly tls: 'implicit' | 'starttls' | 'none';
  /** PEM texts of further authorities, added to the system's. */
  readonly ca?: readonly string[];
}

export type MailCredential =
  /** `user` is the mailbox's address, for shared mailboxes too. `token` is asked once a login, so that its owner can renew. */
  | { readonly kind: 'xoauth2'; readonly user: string; readonly token: () => Promise<Secret> }
  | { readonly kind: 'password'; readonly user: string; readonly password: Secret };

/** A connection that has logged in and belongs to somebody else from now on. */
export interface HandedOver {
  /** Paused; nobody listens to it. */
  readonly socket: Socket;
  /** What the server has sent and nobody has read: it comes first. */
  readonly unread: Uint8Array;
}

/** Times are in milliseconds of silence: the wait for the next byte, not for the whole answer. */
export interface ConnectionLimits {
  /** Name, TCP and TLS together, and again for the greeting. */
  readonly connectTimeoutMs: number;
  /** The answer to a login. M365 (doc): Exchange passes the login on; a refusal can take several seconds, allow at least 30. */
  readonly loginTimeoutMs: number;
  /** The answer to any other command. */
  readonly commandTimeoutMs: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  connectTimeoutMs: 30_000,
  loginTimeoutMs: 90_000,
  commandTimeoutMs: 120_000,
};

/** One line of the talk, fit for a log: credentials are masked, message bodies are given by their size. */
export interface DialogueLine {
  readonly from: 'client' | 'server';
  readonly text: string;
}

export interface ConnectionOptions<Limits extends ConnectionLimits> {
  readonly limits?: Partial<Limits>;
  /** Ends the connection for good whenever it is aborted, while connecting or later; what waits then fails with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onDialogue?: (line: DialogueLine) => void;
}

/**
 * One SMTP submission connection: what it has said, who it is, and the message that is being handed over.
 *
 * The hard thing is that an open session outlives much: M365 (assumed): neither the end of the token nor a switch ends it, only the
 * client, silence, or an answer 421.
 */

import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { OpenSession, SmtpAnswer, Tenant } from '../../tenant.ts';
import type { Sender } from '../auth.ts';
import { Incoming } from '../incoming.ts';
import { frontEnd } from '../listeners.ts';
import { Outgoing } from '../outgoing.ts';

/** M365 (assumed): five minutes of silence. RFC 5321 §4.5.3.2.7 asks for that much. */
const idleLimitMs = 5 * 60_000;

/** M365 (recorded): 150 MB a message. M365 (doc): three connections a mailbox. */
export const sizeLimitBytes = 157_286_400;
export const connectionLimit = 3;

/** A reply that stands in the place of success: `CODE ENHANCED text`. A 421 ends the connection. RFC 5321 §3.8. */
export class SmtpError extends Error {
  readonly reply: string;
  constructor(reply: string) {
    super(reply);
    this.reply = reply;
  }
}

/** A mail transaction. RFC 5321 §3.3. */
export interface Transaction {
  readonly mailFrom: string;
  readonly recipients: string[];
  /** What BDAT has brought so far. */
  readonly chunks: Buffer[];
  sizeBytes: number;
}

export class SmtpSession implements OpenSession {
  readonly tenant: Tenant;
  socket: Socket;
  incoming: Incoming;
  outgoing: Outgoing;
  isSecure = false;
  hasGreeted = false;
  sender: Sender | undefined;
  /** More than three connections were authenticated for this mailbox when this one was. */
  isOneTooMany = false;
  transaction: Transaction | undefined;
  readonly #id = randomBytes(8).toString('hex').toUpperCase();
  #limit: NodeJS.Timeout;

  constructor(tenant: Tenant, socket: Socket) {
    this.tenant = tenant;
    this.socket = socket;
    this.incoming = new Incoming(socket);
    this.outgoing = new Outgoing(socket);
    this.#limit = this.#closeAfterSilence();
    tenant.sessions.add(this);
  }

  #closeAfterSilence(): NodeJS.Timeout {
    return setTimeout(() => this.end(this.signed('421 4.4.1 Connection timed out')), idleLimitMs).unref();
  }

  touch(): void {
    clearTimeout(this.#limit);
    this.#limit = this.#closeAfterSilence();
  }

  get mailbox(): string {
    return this.sender?.mailbox.address ?? '';
  }

  /** M365 (recorded): what stands in the bracket of a refusal: host, time, and an id for support. */
  signed(reply: string): string {
    return `${reply} [${frontEnd} ${this.tenant.now().toISOString()} ${this.#id}]`;
  }

  /** RFC 3207 §4.2: after TLS everything begins again. */
  secured(socket: Socket): void {
    this.socket = socket;
    this.incoming = new Incoming(socket);
    this.outgoing = new Outgoing(socket);
    this.isSecure = true;
    this.hasGreeted = false;
    this.transaction = undefined;
  }

  /** M365 (doc): three connections at the same time submit for a mailbox. */
  loggedIn(sender: Sender): void {
    this.sender = sender;
    sender.mailbox.seen.senders += 1;
    this.isOneTooMany = sender.mailbox.seen.senders > connectionLimit;
  }

  expire(): void {}

  cut(): void {
    this.socket.destroy();
  }

  end(reply: string): void {
    this.outgoing.line(reply);
    this.outgoing.end();
  }

  get isEnding(): boolean {
    return this.outgoing.isOver;
  }

  release(): void {
    clearTimeout(this.#limit);
    if (this.sender) this.sender.mailbox.seen.senders -= 1;
    this.tenant.sessions.delete(this);
  }
}

/** The answer that the mailbox's scenario gives at this stage, if it does. Counts it. */
export function answerOf(quirks: { readonly smtpAnswer?: SmtpAnswer }, at: SmtpAnswer['at']): string | undefined {
  const answer = quirks.smtpAnswer;
  if (!answer || answer.at !== at) return undefined;
  if (answer.times === undefined) return answer.reply;
  if (answer.times <= 0) return undefined;
  answer.times -= 1;
  return answer.reply;
}

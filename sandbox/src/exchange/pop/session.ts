/**
 * One POP3 connection: its state, its clocks, and how it ends.
 *
 * The hard thing is that POP3 numbers messages once: the maildrop is a snapshot taken at the login, deliveries of later are not in it,
 * and deletions wait for QUIT. RFC 1939 §3 and §4. M365 (assumed): the snapshot locks nothing, two sessions may run at once.
 */

import type { Socket } from 'node:net';
import type { Message } from '../../folder.ts';
import { folderOf, type Mailbox, type OpenSession, type Tenant } from '../../tenant.ts';
import { Incoming } from '../incoming.ts';
import { Outgoing } from '../outgoing.ts';

/** M365 (assumed): as for IMAP, 60 s before the login and 30 min after it. */
const loginLimitMs = 60_000;
const idleLimitMs = 30 * 60_000;

/** M365 (recorded): email-oauth2-proxy issue 379. */
export const unavailable = '-ERR Server Unavailable. 21';
/** M365 (assumed): the words that IMAP uses. */
const tokenExpired = '-ERR Session invalidated - AccessTokenExpired';

/** The client's mistake, or the server's whim: one line. `closes` ends the connection after it. */
export class PopError extends Error {
  readonly reply: string;
  readonly closes: boolean;
  constructor(reply: string, closes = false) {
    super(reply);
    this.reply = reply;
    this.closes = closes;
  }
}

/** M365 (recorded): for commands that it does not know, and for those that come at the wrong time. */
export const notInThisState = () => new PopError('-ERR Command is not valid in this state.');

export interface Maildrop {
  readonly mailbox: Mailbox;
  readonly messages: readonly Message[];
  /** Positions that DELE has marked. */
  readonly deleted: Set<number>;
}

export class PopSession implements OpenSession {
  readonly tenant: Tenant;
  socket: Socket;
  incoming: Incoming;
  outgoing: Outgoing;
  isSecure: boolean;
  /** Address given with USER. */
  user: string | undefined;
  maildrop: Maildrop | undefined;
  commandsSinceLogin = 0;
  #isExpired = false;
  #limit: NodeJS.Timeout;
  #expiry: NodeJS.Timeout | undefined;

  constructor(tenant: Tenant, socket: Socket, isSecure: boolean) {
    this.tenant = tenant;
    this.socket = socket;
    this.isSecure = isSecure;
    this.incoming = new Incoming(socket);
    this.outgoing = new Outgoing(socket);
    this.#limit = this.#closeAfter(loginLimitMs);
    tenant.sessions.add(this);
  }

  #closeAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.end('-ERR Connection is closed. 20'), ms).unref();
  }

  get mailbox(): string {
    return this.maildrop?.mailbox.address ?? '';
  }

  /** Replaces the socket by the one that TLS has been put on. */
  secured(socket: Socket): void {
    this.socket = socket;
    this.incoming = new Incoming(socket);
    this.outgoing = new Outgoing(socket);
    this.isSecure = true;
  }

  loggedIn(mailbox: Mailbox, expires: Date): void {
    mailbox.seen.sessions += 1;
    const messages = (folderOf(mailbox, 'INBOX')?.messages ?? []).filter((message) => {
      if (message.hiddenFor <= 0) return true;
      message.hiddenFor -= 1;
      return false;
    });
    this.maildrop = { mailbox, messages, deleted: new Set() };
    this.outgoing.cutAfterBytes = mailbox.quirks.cutAfterBytes;
    const ms = expires.getTime() - this.tenant.now().getTime();
    this.#expiry = setTimeout(() => this.expire(), Math.max(0, Math.min(ms, 2 ** 31 - 1))).unref();
  }

  /** A command has come: the idle clock begins again; before the login nothing moves it. */
  touch(): void {
    if (!this.maildrop) return;
    clearTimeout(this.#limit);
    this.#limit = this.#closeAfter(idleLimitMs);
  }

  /** What the end of the token, the scenario's count, or a busy server do to the command that comes now. */
  refuseIfEnded(): void {
    if (!this.maildrop) return;
    const { quirks } = this.maildrop.mailbox;
    if (this.#isExpired || (quirks.expires && this.commandsSinceLogin > quirks.expires.afterCommands)) {
      throw new PopError(tokenExpired, true);
    }
    if (!quirks.unavailable) return;
    quirks.unavailable -= 1;
    throw new PopError(unavailable, true);
  }

  /** M365 (assumed): nothing is said by itself; the next command is refused and the connection ends. */
  expire(): void {
    this.#isExpired = true;
  }

  cut(): void {
    this.socket.destroy();
  }

  end(farewell: string): void {
    this.outgoing.line(farewell);
    this.outgoing.end();
  }

  get isEnding(): boolean {
    return this.outgoing.isOver;
  }

  /** The connection is over: gives everything back. Marks of DELE are forgotten unless QUIT has come. */
  release(): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#expiry);
    if (this.maildrop) this.maildrop.mailbox.seen.sessions -= 1;
    this.tenant.sessions.delete(this);
  }
}

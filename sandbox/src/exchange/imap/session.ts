/**
 * One IMAP connection: its state, what it writes by itself, and how it ends.
 *
 * The hard thing is the ways to end: a token that runs out (also inside IDLE), a mailbox that turns out not to be connected, a folder
 * that was re-created, an idle client. Each ends by the words that Exchange uses, and always after the answer that is being written.
 */

import type { Socket } from 'node:net';
import { type Folder, knownFlags, type Message } from '../../folder.ts';
import { folderOf, type Mailbox, type OpenSession, type Tenant } from '../../tenant.ts';
import { Incoming } from '../incoming.ts';
import { Outgoing } from '../outgoing.ts';
import { Refusal } from './command.ts';
import { decodeFolderName } from './utf7.ts';
import { View } from './view.ts';

/** M365 (doc): 60 s before login, not moved by commands; 30 min after it. */
export const loginLimitMs = 60_000;
export const idleLimitMs = 30 * 60_000;

export type State =
  | { readonly kind: 'before-login' }
  | { readonly kind: 'not-connected'; readonly mailbox: Mailbox }
  | { readonly kind: 'open'; readonly mailbox: Mailbox };

export const notConnected = 'BAD User is authenticated but not connected.';

export class Session implements OpenSession {
  readonly tenant: Tenant;
  socket: Socket;
  incoming: Incoming;
  outgoing: Outgoing;
  isSecure: boolean;
  state: State = { kind: 'before-login' };
  view: View | undefined;
  /** Set while IDLE waits: changes go out at once. */
  isIdling = false;
  commandsSinceLogin = 0;
  /** The line to say before closing, when the session has to end after the current command. */
  #farewell: string | undefined;
  #isBusy = false;
  #expired = false;
  #limit: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(tenant: Tenant, socket: Socket, isSecure: boolean) {
    this.tenant = tenant;
    this.socket = socket;
    this.isSecure = isSecure;
    this.incoming = new Incoming(socket);
    this.outgoing = new Outgoing(socket);
    this.#limit = this.#timer(loginLimitMs, () => this.end('* BYE Connection is closed. 13'));
    tenant.sessions.add(this);
  }

  #timer(ms: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(act, Math.max(0, Math.min(ms, 2 ** 31 - 1)));
    timer.unref();
    return timer;
  }

  get mailbox(): string {
    return this.state.kind === 'before-login' ? '' : this.state.mailbox.address;
  }

  /** Replaces the socket by the one that TLS has been put on. */
  secured(socket: Socket): void {
    this.socket = socket;
    this.incoming = new Incoming(socket);
    this.outgoing = new Outgoing(socket);
    this.isSecure = true;
  }

  loggedIn(state: State, expires: Date): void {
    this.state = state;
    if (state.kind === 'before-login') return;
    state.mailbox.seen.sessions += 1;
    const { quirks } = state.mailbox;
    this.outgoing.cutAfterBytes = quirks.cutAfterBytes;
    this.#expiry = this.#timer(expires.getTime() - this.tenant.now().getTime(), () => this.expire());
    this.touch();
  }

  /** A command has come: the idle clock begins again. */
  touch(): void {
    if (this.state.kind === 'before-login') return;
    clearTimeout(this.#limit);
    this.#limit = this.#timer(idleLimitMs, () => this.end('* BYE Connection is closed. 13'));
  }

  get isExpired(): boolean {
    return this.#expired;
  }

  /** M365 (recorded): a session outlives its token by nothing; IDLE ends at once, otherwise the next command is refused. */
  expire(): void {
    this.#expired = true;
    if (this.isIdling) this.end('* BYE Session invalidated - AccessTokenExpired');
  }

  cut(): void {
    this.socket.destroy();
  }

  async command(run: () => Promise<void>): Promise<void> {
    this.#isBusy = true;
    try {
      await run();
    } finally {
      this.#isBusy = false;
    }
    if (this.#farewell !== undefined && !this.outgoing.isOver) this.end(this.#farewell);
  }

  /** Says a last line and closes; after the current command if there is one. */
  end(farewell: string): void {
    this.#farewell = farewell;
    if (this.#isBusy && !this.isIdling && this.state.kind !== 'before-login') return;
    this.outgoing.line(farewell);
    this.outgoing.end();
  }

  get isEnding(): boolean {
    return this.#farewell !== undefined || this.outgoing.isOver;
  }

  /** The connection is over: gives everything back. */
  release(): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#expiry);
    this.deselect();
    if (this.state.kind !== 'before-login') this.state.mailbox.seen.sessions -= 1;
    this.tenant.sessions.delete(this);
  }

  /** The open mailbox, or the refusal that belongs to the state. */
  openMailbox(): Mailbox {
    if (this.state.kind === 'open') return this.state.mailbox;
    if (this.state.kind === 'not-connected') {
      // M365 (recorded): the BAD is often followed by this BYE.
      this.#farewell = '* BYE Connection closed. 14';
      throw new Refusal(notConnected);
    }
    throw new Refusal('BAD Command received in Invalid state.');
  }

  openView(): View {
    this.openMailbox();
    if (!this.view) throw new Refusal('BAD Command received in Invalid state.');
    return this.view;
  }

  writableView(): View {
    const view = this.openView();
    if (view.isReadOnly) throw new Refusal('NO The specified folder is opened read-only.');
    return view;
  }

  folder(wireName: string): Folder {
    const folder = folderOf(this.openMailbox(), decodeFolderName(wireName));
    if (!folder) throw new Refusal(`NO ${wireName} doesn't exist.`);
    return folder;
  }

  select(folder: Folder, isReadOnly: boolean): View {
    this.deselect();
    const onChange = () => {
      if (!this.isIdling) return;
      this.writeChanges(true);
      this.outgoing.flush();
    };
    this.view = new View(folder, isReadOnly, onChange, () => this.end('* BYE Connection is closed. 13'));
    return this.view;
  }

  deselect(): void {
    this.view?.close();
    this.view = undefined;
  }

  /** Tells the client what has changed in the open folder. RFC 3501 §7. */
  writeChanges(withExpunge: boolean): void {
    for (const change of this.view?.takeChanges(withExpunge) ?? []) {
      if (change.kind === 'exists') this.outgoing.line(`* ${change.count} EXISTS`);
      else if (change.kind === 'expunge') this.outgoing.line(`* ${change.sequence} EXPUNGE`);
      else this.outgoing.line(`* ${change.sequence} FETCH (FLAGS ${this.flagsOf(change.message)})`);
    }
  }

  flagsOf(message: Message): string {
    const flags: string[] = knownFlags.filter((flag) => message.flags.has(flag));
    if (this.view?.isRecent(message)) flags.push('\\Recent');
    return `(${flags.join(' ')})`;
  }
}

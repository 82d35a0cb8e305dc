/**
 * Our IMAP client: a dozen commands, for Exchange Online and for any other server. This file is the door; each concern has its own.
 *
 * One task at a time uses a client: a command is begun when the one before it has ended (`fetchMessages` and `idle` are commands until
 * their generator has ended). Every wait has a deadline (`ImapLimits`). After a refusal (`imap.refused` and the like, a tagged NO or
 * BAD) the client stays usable; after any other fault the connection is closed. Whoever connects must call `logout` or `close`.
 */
import { Fault } from '../../fault/fault.ts';
import { systemClock } from '../../runtime/clock.ts';
import { connectSocket } from '../../runtime/socket.ts';
import type { HandedOver } from '../endpoint.ts';
import { hostInGreeting } from '../text.ts';
import { authenticate } from './authenticate.ts';
import { addFlag, canMove, canRemove, type ImapMoved, move, remove } from './change.ts';
import { describe, type MessageOutline } from './describe.ts';
import { defaultLimits, type ImapCredential, type ImapEndpoint, type ImapOptions } from './endpoint.ts';
import { type FetchedMessage, type FetchOptions, fetchMessages } from './fetch.ts';
import { type IdleEvent, type IdleOptions, idle } from './idle.ts';
import { type ImapFolder, list } from './list.ts';
import { searchUids } from './search.ts';
import { type ImapSelection, select } from './select.ts';
import { type FolderView, Session } from './session.ts';
import { type ImapStatus, status } from './status.ts';

/**
 * Connects, reads the greeting, and upgrades to TLS where the endpoint says `starttls`.
 * @throws Fault `network.*`, `imap.closed-by-server` (BYE in place of a greeting), `imap.protocol`, `imap.starttls-missing`.
 */
export async function connectImap(endpoint: ImapEndpoint, options: ImapOptions = {}): Promise<ImapClient> {
  const limits = { ...defaultLimits, ...options.limits };
  const target = { host: endpoint.host, port: endpoint.port, tls: endpoint.tls === 'implicit', ca: endpoint.ca ?? [] };
  const socket = await connectSocket(target, { timeoutMs: limits.connectTimeoutMs, signal: options.signal });
  const session = new Session(endpoint, limits, options.clock ?? systemClock, socket, options.onDialogue);
  try {
    const greeting = await session.response(limits.connectTimeoutMs);
    if (greeting.kind !== 'status' || (greeting.status !== 'OK' && greeting.status !== 'PREAUTH')) {
      throw session.unexpected('no greeting', 'text' in greeting ? greeting.text : greeting.kind);
    }
    if (endpoint.tls === 'starttls') {
      // RFC 9051 §11.1: a greeting that skips the login also skips STARTTLS; somebody in between may have written it.
      if (greeting.status === 'PREAUTH') throw new Fault('imap.starttls-missing', { ...session.where, reason: 'PREAUTH' });
      if (session.capabilities.size === 0) await session.capability(limits.connectTimeoutMs);
      await session.startTls();
    }
    return new ImapClient(session, greeting.text);
  } catch (error) {
    session.close();
    throw error;
  }
}

export class ImapClient {
  /** The text of the greeting. */
  readonly greeting: string;
  /** The front-end server's name, where Exchange puts it into its greeting: a hint for support. */
  readonly serverHost: string | undefined;
  readonly #session: Session;

  constructor(session: Session, greeting: string) {
    this.#session = session;
    this.greeting = greeting;
    this.serverHost = hostInGreeting(greeting);
  }

  /** In upper case; as last told by the server, empty before it was asked. */
  get capabilities(): ReadonlySet<string> {
    return this.#session.capabilities;
  }

  /**
   * Logs in. M365 (doc): success does not mean that the mailbox opens; that shows with the next command (`imap.not-connected`).
   * @throws Fault `imap.authenticate-refused`, `imap.no-xoauth2`, `imap.login-disabled`, or what the token's source throws.
   */
  async authenticate(credential: ImapCredential): Promise<void> {
    await authenticate(this.#session, credential);
  }

  /** All folders of the mailbox. */
  async list(): Promise<readonly ImapFolder[]> {
    return await list(this.#session);
  }

  /** Opens a folder read-only, by its decoded name. @throws Fault `imap.folder-unknown`, `imap.not-connected`. */
  async examine(name: string): Promise<ImapSelection> {
    return await select(this.#session, 'EXAMINE', name);
  }

  /** Opens a folder to change it, by its decoded name. @throws as `examine`. */
  async select(name: string): Promise<ImapSelection> {
    return await select(this.#session, 'SELECT', name);
  }

  /** What a folder holds, by its decoded name, without opening it. @throws as `examine`. */
  async status(name: string): Promise<ImapStatus> {
    return await status(this.#session, name);
  }

  /** The open folder as the server has told of it so far; lives on. */
  get view(): Readonly<FolderView> {
    return this.#session.view;
  }

  /** UIDs in the open folder, ascending, each once. `n:*` finds the last message also when its UID is below n: filter. */
  async searchUids(criteria = 'ALL'): Promise<readonly number[]> {
    return await searchUids(this.#session, criteria);
  }

  /** Messages of the open folder as they arrive, without marking them as read. See fetch.ts for what ends and what stays. */
  fetchMessages(uids: Iterable<number>, options?: FetchOptions): AsyncGenerator<FetchedMessage, void, void> {
    return fetchMessages(this.#session, uids, options);
  }

  /** Date, size and Message-ID of messages of the open folder; with `header: false` only the date. */
  describe(uids: readonly number[], options?: { readonly header?: boolean }): AsyncGenerator<MessageOutline, void, void> {
    return describe(this.#session, uids, options);
  }

  /** Whether single messages can be moved, or removed, without touching others. Known after the login. */
  get powers(): { readonly move: boolean; readonly remove: boolean } {
    return { move: canMove(this.#session), remove: canRemove(this.#session) };
  }

  /** Marks messages of the folder opened by `select` as read. */
  async setSeen(uids: readonly number[]): Promise<void> {
    await addFlag(this.#session, uids, '\\Seen');
  }

  /** Moves messages of the folder opened by `select`. @throws Fault `imap.cannot-change`; see change.ts. */
  async move(uids: readonly number[], target: string): Promise<ImapMoved> {
    return await move(this.#session, uids, target);
  }

  /** Removes these messages of the folder opened by `select`, and no others. @throws Fault `imap.cannot-change`; see change.ts. */
  async remove(uids: readonly number[]): Promise<void> {
    await remove(this.#session, uids);
  }

  /** Listens to the open folder. */
  idle(options?: IdleOptions): AsyncGenerator<IdleEvent, void, void> {
    return idle(this.#session, options);
  }

  async noop(): Promise<void> {
    await this.#session.run(['NOOP']);
  }

  /** Says goodbye and closes. @throws Fault where the server does not answer; the connection is closed all the same. */
  async logout(): Promise<void> {
    await this.#session.logout();
  }

  /** Hands the connection over as it is, after the login: for who passes the talk of another client on. This client is of no more use. */
  release(): HandedOver {
    return this.#session.release();
  }

  /** Closes at once. May be called often. */
  close(): void {
    this.#session.close();
  }
}

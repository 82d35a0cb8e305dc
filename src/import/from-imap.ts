/**
 * A mailbox read by IMAP: the port of mailbox.ts on our client.
 *
 * The hard thing is the token: it may run out in the middle of a session (M365 (doc): about hourly, also inside IDLE), be taken back, or
 * be refused because it was issued before a permission was given. Then it is dropped, so that the next connection asks for a new one.
 */
import { isFault } from '../fault/fault.ts';
import { connectImap, type ImapClient } from '../mail/imap/client.ts';
import type { ImapCredential, ImapEndpoint, ImapLimits } from '../mail/imap/endpoint.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Secret } from '../runtime/secret.ts';
import type { ArrivingMessage, ConnectMailbox, Mailbox, OpenFolder } from './mailbox.ts';

/** Where tokens come from, without saying how. */
export interface TokenSupply {
  token(signal?: AbortSignal): Promise<Secret>;
  /** Forgets the token that was handed out last, so that the next call asks for a new one. */
  drop(): void;
}

export type ImapLogin =
  | { readonly kind: 'xoauth2'; readonly user: string; readonly tokens: TokenSupply }
  | { readonly kind: 'password'; readonly user: string; readonly password: () => Promise<Secret> };

/** A server that does not answer our goodbye must not hold up the end of a run. */
const goodbyeMs = 3_000;

export function imapMailbox(endpoint: ImapEndpoint, login: ImapLogin, clock: Clock, limits: Partial<ImapLimits> = {}): ConnectMailbox {
  /** The token that opened this mailbox last. */
  let good: Secret | undefined;
  const connect = async (signal: AbortSignal): Promise<Mailbox> => {
    const client = await connectImap(endpoint, { limits, signal, clock });
    let sent: Secret | undefined;
    const kept: TokenSupply | undefined = login.kind === 'xoauth2' ? login.tokens : undefined;
    const token = async (): Promise<Secret> => {
      if (login.kind === 'password') return await unlessAborted(login.password(), signal);
      sent = await login.tokens.token(signal);
      return sent;
    };
    try {
      await client.authenticate(await credential(login, token));
      good = sent;
      return new ImapMailbox(client, kept, clock);
    } catch (error) {
      client.close();
      if (isFault(error, 'imap.authenticate-refused', 'imap.token-expired')) kept?.drop();
      // A token that was good and is no more has been taken back or has run out; only a new one shows whether the grant stands.
      if (isFault(error, 'imap.authenticate-refused') && good !== undefined && sent === good) {
        good = undefined;
        return await connect(signal);
      }
      throw error;
    }
  };
  return connect;
}

async function credential(login: ImapLogin, secret: () => Promise<Secret>): Promise<ImapCredential> {
  if (login.kind === 'password') return { kind: 'password', user: login.user, password: await secret() };
  return { kind: 'xoauth2', user: login.user, token: secret };
}

/** The promise, or the signal's reason where that comes first: a command that prints a password may take its time. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

class ImapMailbox implements Mailbox {
  readonly #client: ImapClient;
  readonly #tokens: TokenSupply | undefined;
  readonly #clock: Clock;

  constructor(client: ImapClient, tokens: TokenSupply | undefined, clock: Clock) {
    this.#client = client;
    this.#tokens = tokens;
    this.#clock = clock;
  }

  async open(folder: string): Promise<OpenFolder> {
    const client = this.#client;
    const { uidValidity, exists } = await this.#watched(() => client.examine(folder));
    return {
      uidValidity,
      exists,
      list: () => this.#watched(() => client.searchUids()),
      fetch: (uids) => this.#fetch(uids),
      watch: (ms, signal) => this.#watched(() => listen(client, this.#clock, ms, signal)),
    };
  }

  async close(): Promise<void> {
    const said = new AbortController();
    const goodbye = this.#client.logout().catch(() => undefined); // the connection may be gone: that is what we want
    await Promise.race([goodbye, this.#clock.sleep(goodbyeMs, said.signal).catch(() => undefined)]);
    said.abort();
    this.#client.close();
  }

  async *#fetch(uids: readonly number[]): AsyncGenerator<ArrivingMessage> {
    try {
      yield* this.#client.fetchMessages(uids);
    } catch (error) {
      this.#dropExpired(error);
      throw error;
    }
  }

  async #watched<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      this.#dropExpired(error);
      throw error;
    }
  }

  #dropExpired(error: unknown): void {
    if (isFault(error, 'imap.token-expired')) this.#tokens?.drop();
  }
}

/** Listens by IDLE until something happens or the time is over; a server without IDLE is simply waited for. */
async function listen(client: ImapClient, clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (!client.capabilities.has('IDLE')) {
    await clock.sleep(ms, signal);
    await client.noop();
    return;
  }
  const over = new AbortController();
  const enough = AbortSignal.any([over.signal, signal]);
  const timer = clock.sleep(ms, enough).then(
    () => over.abort(),
    () => undefined, // ended by the abort below or by the caller
  );
  try {
    for await (const news of client.idle({ signal: enough })) {
      if (news.kind === 'exists') break;
    }
  } finally {
    over.abort();
    await timer;
  }
  signal.throwIfAborted();
}

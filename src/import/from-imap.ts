/**
 * A mailbox read by IMAP: the port of mailbox.ts on our client.
 *
 * The hard thing is the token: it may run out in the middle of a session (M365 (doc): about hourly, also inside IDLE), or be refused
 * because it was issued before a permission was given. Then it is dropped, so that the next connection asks for a new one.
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

export function imapMailbox(endpoint: ImapEndpoint, login: ImapLogin, clock: Clock, limits: Partial<ImapLimits> = {}): ConnectMailbox {
  return async (signal) => {
    const client = await connectImap(endpoint, { limits, signal, clock });
    try {
      await client.authenticate(await credential(login, signal));
    } catch (error) {
      client.close();
      if (login.kind === 'xoauth2' && isFault(error, 'imap.authenticate-refused', 'imap.token-expired')) login.tokens.drop();
      throw error;
    }
    return new ImapMailbox(client, login, clock);
  };
}

async function credential(login: ImapLogin, signal: AbortSignal): Promise<ImapCredential> {
  if (login.kind === 'password') return { kind: 'password', user: login.user, password: await login.password() };
  return { kind: 'xoauth2', user: login.user, token: () => login.tokens.token(signal) };
}

class ImapMailbox implements Mailbox {
  readonly #client: ImapClient;
  readonly #login: ImapLogin;
  readonly #clock: Clock;

  constructor(client: ImapClient, login: ImapLogin, clock: Clock) {
    this.#client = client;
    this.#login = login;
    this.#clock = clock;
  }

  async open(folder: string): Promise<OpenFolder> {
    const client = this.#client;
    const { uidValidity } = await this.#watched(() => client.examine(folder));
    return {
      uidValidity,
      list: () => this.#watched(() => client.searchUids()),
      fetch: (uids) => this.#fetch(uids),
      watch: (ms, signal) => this.#watched(() => listen(client, this.#clock, ms, signal)),
    };
  }

  async close(): Promise<void> {
    await this.#client.logout().catch(() => undefined); // the connection may be gone: that is what we want
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
    if (this.#login.kind === 'xoauth2' && isFault(error, 'imap.token-expired')) this.#login.tokens.drop();
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

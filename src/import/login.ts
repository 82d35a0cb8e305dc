/**
 * The login of a mailbox, whatever protocol it is read by: which credential, and what becomes of a token that was refused.
 *
 * The hard thing is the token: it may run out in the middle of a session (M365 (doc): about hourly), be taken back, or be refused
 * because it was issued before a permission was given. Then it is dropped, so that the next connection asks for a new one.
 */
import type { MailCredential } from '../mail/endpoint.ts';
import type { Secret } from '../runtime/secret.ts';
import { isOf } from './fault-classes.ts';

/** Where tokens come from, without saying how. */
export interface TokenSupply {
  token(signal?: AbortSignal): Promise<Secret>;
  /** Forgets the token that was handed out last, so that the next call asks for a new one. */
  drop(): void;
}

export type MailLogin =
  | { readonly kind: 'xoauth2'; readonly user: string; readonly tokens: TokenSupply }
  | { readonly kind: 'password'; readonly user: string; readonly password: () => Promise<Secret> };

/** What a login needs of a client. */
export interface LoginClient {
  authenticate(credential: MailCredential): Promise<void>;
  close(): void;
}

/** Of one mailbox, over all its connections. */
export class Door<Client extends LoginClient> {
  readonly #login: MailLogin;
  readonly #connect: (signal: AbortSignal) => Promise<Client>;
  /** The token that opened this mailbox last. */
  #good: Secret | undefined;

  constructor(login: MailLogin, connect: (signal: AbortSignal) => Promise<Client>) {
    this.#login = login;
    this.#connect = connect;
  }

  /** Connects and logs in. @throws Fault; the signal's reason */
  async open(signal: AbortSignal): Promise<Client> {
    const client = await this.#connect(signal);
    let sent: Secret | undefined;
    try {
      await client.authenticate(
        await this.#credential(signal, (token) => {
          sent = token;
        }),
      );
      this.#good = sent;
      return client;
    } catch (error) {
      client.close();
      if (isOf(error, 'login-refused', 'token-expired')) this.#drop();
      // A token that was good and is no more has been taken back or has run out; only a new one shows whether the grant stands.
      if (isOf(error, 'login-refused') && this.#good !== undefined && sent === this.#good) {
        this.#good = undefined;
        return await this.open(signal);
      }
      throw error;
    }
  }

  /** What `act` gives; a token that ran out meanwhile is dropped. */
  async watched<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      this.look(error);
      throw error;
    }
  }

  /** Drops the token where this fault says that it ran out. */
  look(error: unknown): void {
    if (isOf(error, 'token-expired')) this.#drop();
  }

  #drop(): void {
    if (this.#login.kind === 'xoauth2') this.#login.tokens.drop();
  }

  async #credential(signal: AbortSignal, onToken: (token: Secret) => void): Promise<MailCredential> {
    const login = this.#login;
    if (login.kind === 'password') {
      return { kind: 'password', user: login.user, password: await unlessAborted(login.password(), signal) };
    }
    const token = async (): Promise<Secret> => {
      const given = await login.tokens.token(signal);
      onToken(given);
      return given;
    };
    return { kind: 'xoauth2', user: login.user, token };
  }
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

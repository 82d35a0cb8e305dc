/**
 * A source of access tokens for one app and scope: asks, keeps, renews, waits when it is told to.
 *
 * The hard thing is that hundreds of mailboxes share one token. So one request is in flight however many ask; each asker may give up
 * alone, and the request ends when all have; near the end of a token's life the old one is handed out while the new one is fetched;
 * and a wait that Entra has asked for holds for everybody, also for those who ask later.
 */
import { Fault, isFault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import { type HttpRequest, request as systemRequest } from '../runtime/http.ts';
import { tokenRequest } from './request.ts';
import { readTokenAnswer } from './response.ts';
import type { AccessToken, TokenApp, TokenSource } from './token.ts';

export type { AccessToken, TokenApp, TokenCredential, TokenSource } from './token.ts';

export interface TokenPorts {
  readonly clock: Clock;
  /** The machine's own unless given. */
  readonly request?: HttpRequest;
}

/** Renewed so long before its end; M365 (doc) advises about five minutes. */
const renewAheadMs = 5 * 60_000;
/** For lives so short that five minutes would be most of them (a tenant may set ten minutes). */
const renewAtShare = 0.8;
/** No token is handed out that ends within this: the login it is for takes a moment. */
const leastLifeMs = 10_000;
/** Requests made for one token, the first included. */
const maxAttempts = 4;
/** Waiting between them, all together; a longer wait than what is left of it ends the attempt with the fault. */
const maxWaitMs = 3 * 60_000;
/** Wait after the first 5xx that names none; doubled each time. */
const firstWaitMs = 5_000;
const requestTimeoutMs = 30_000;

/** A token source of its own. Use {@link tokenSources} where several users may share one. */
export function createTokenSource(app: TokenApp, ports: TokenPorts): TokenSource {
  return new SharedToken(app, ports.clock, ports.request ?? systemRequest);
}

/**
 * Hands out one source for each authority, tenant, client and scope, shared by all who ask for it. The first asker's credential is
 * used: the same app in the same tenant has no reason for two.
 */
export function tokenSources(ports: TokenPorts): (app: TokenApp) => TokenSource {
  const sources = new Map<string, TokenSource>();
  return (app) => {
    const key = JSON.stringify([app.authority, app.tenantId.toLowerCase(), app.clientId.toLowerCase(), app.scope]);
    const source = sources.get(key) ?? createTokenSource(app, ports);
    sources.set(key, source);
    return source;
  };
}

/** A request under way, and how many wait for it. */
interface Flight {
  readonly answer: Promise<AccessToken>;
  readonly giveUp: AbortController;
  waiting: number;
}

class SharedToken implements TokenSource {
  readonly #app: TokenApp;
  readonly #clock: Clock;
  readonly #request: HttpRequest;
  #kept: AccessToken | undefined;
  #flight: Flight | undefined;
  /** Set by a refusal that asked for a wait: nothing is sent before `untilMs` (monotonic). */
  #hold: { readonly untilMs: number; readonly fault: Fault } | undefined;

  constructor(app: TokenApp, clock: Clock, request: HttpRequest) {
    this.#app = app;
    this.#clock = clock;
    this.#request = request;
  }

  async token(signal?: AbortSignal): Promise<AccessToken> {
    signal?.throwIfAborted();
    const kept = this.#kept;
    const now = this.#clock.now();
    if (kept === undefined || now >= kept.expiresAtMs - leastLifeMs) return await this.#join(signal);
    // A renewal that fails is no fault yet: the old token still serves, and the next call tries again.
    if (now >= renewAtMs(kept)) this.#renew();
    return kept;
  }

  kept(): AccessToken | undefined {
    return this.#kept;
  }

  drop(token: AccessToken): void {
    if (this.#kept === token) this.#kept = undefined;
  }

  #renew(): void {
    if (this.#flight !== undefined || this.#heldMs() > 0) return;
    this.#start().answer.catch(() => undefined);
  }

  async #join(signal?: AbortSignal): Promise<AccessToken> {
    const flight = this.#flight ?? this.#start();
    flight.waiting += 1;
    try {
      return await unlessAborted(flight.answer, signal);
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) flight.giveUp.abort(signal?.reason);
    }
  }

  #start(): Flight {
    const giveUp = new AbortController();
    const answer = this.#ask(giveUp.signal);
    const flight: Flight = { answer, giveUp, waiting: 0 };
    this.#flight = flight;
    const landed = (): void => {
      if (this.#flight === flight) this.#flight = undefined;
    };
    answer.then(landed, landed);
    // One whose askers have all gone must not be joined by the next one.
    giveUp.signal.addEventListener('abort', landed, { once: true });
    return flight;
  }

  /** Asks until there is a token, a fault that waiting does not mend, or no patience left. */
  async #ask(signal: AbortSignal): Promise<AccessToken> {
    const patienceEndsMs = this.#clock.monotonic() + maxWaitMs;
    for (let attempt = 1; ; attempt += 1) {
      await this.#keepHold(patienceEndsMs, signal);
      try {
        this.#kept = await this.#askOnce(signal);
        return this.#kept;
      } catch (error) {
        // Only what an endpoint itself calls passing is asked again, also that of managed identities; the ways there (network.*) are their callers' to repeat.
        if (!isFault(error, 'token.throttled', 'token.service-unavailable', 'token.identity-busy')) throw error;
        const seconds = error.evidence['retryAfterSeconds'];
        const waitMs = typeof seconds === 'number' ? seconds * 1000 : firstWaitMs * 2 ** (attempt - 1);
        this.#hold = { untilMs: this.#clock.monotonic() + waitMs, fault: error };
        if (attempt === maxAttempts) throw error;
      }
    }
  }

  async #askOnce(signal: AbortSignal): Promise<AccessToken> {
    const askedAtMs = this.#clock.now();
    const { provenBy, ...question } = await tokenRequest(this.#app, askedAtMs, (local) => this.#request({ ...local, signal }));
    signal.throwIfAborted();
    const answer = await this.#request({ ...question, timeoutMs: requestTimeoutMs, signal });
    try {
      return readTokenAnswer(answer, askedAtMs, this.#clock.now());
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { authority, tenantId, clientId, scope } = this.#app;
      throw new Fault(error.code, { authority, tenantId, clientId, scope, ...provenBy, ...error.evidence });
    }
  }

  /** Waits as long as the last refusal asked for, or throws that refusal again where this is more than there is patience for. */
  async #keepHold(patienceEndsMs: number, signal: AbortSignal): Promise<void> {
    const hold = this.#hold;
    if (hold === undefined) return;
    if (hold.untilMs > patienceEndsMs) throw hold.fault;
    const ms = this.#heldMs();
    if (ms > 0) await this.#clock.sleep(ms, signal);
    this.#hold = undefined;
  }

  #heldMs(): number {
    return Math.max(0, (this.#hold?.untilMs ?? 0) - this.#clock.monotonic());
  }
}

function renewAtMs(token: AccessToken): number {
  const lifeMs = token.expiresAtMs - token.issuedAtMs;
  return token.issuedAtMs + Math.max(lifeMs - renewAheadMs, lifeMs * renewAtShare);
}

/** The promise, or the signal's reason where that comes first. What is given up is not ended. */
async function unlessAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

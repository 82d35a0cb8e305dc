/**
 * Listening to a folder. RFC 2177.
 *
 * The hard thing: the command ends only by our DONE and its tagged answer, and news may still come between the two; and a server
 * forgets a session that says nothing for 30 minutes, so the command is ended and issued again in time.
 */
import type { Response } from './responses.ts';
import type { Session } from './session.ts';

export interface IdleOptions {
  /** Aborting ends the IDLE command properly and then the generator; the connection stays usable. */
  readonly signal?: AbortSignal;
  /** After this time IDLE is ended and issued again. */
  readonly renewMs?: number;
}

export type IdleEvent =
  | { readonly kind: 'exists'; readonly count: number }
  /** `sequence` is the message's sequence number, not its UID. */
  | { readonly kind: 'expunge'; readonly sequence: number }
  | { readonly kind: 'other' };

/** RFC 2177: before 29 minutes. Much earlier, because a renewal is also the only way to see that a silent connection has died. */
const defaultRenewMs = 10 * 60_000;

/**
 * Yields what happens in the selected folder until `signal` is aborted, or the server ends IDLE by itself. Leaving early (`break`) ends IDLE too; the connection stays usable.
 * M365 (doc): the hourly `BYE ... AccessTokenExpired` comes also here.
 * @throws Fault `imap.token-expired`, `imap.closed-by-server`, `network.*`; `imap.bad-command` where the server has no IDLE.
 */
export async function* idle(
  session: Session,
  { signal, renewMs = defaultRenewMs }: IdleOptions = {},
): AsyncGenerator<IdleEvent, void, void> {
  while (!signal?.aborted) {
    const round = new IdleRound(session);
    await round.begin();
    try {
      const endsAt = session.clock.monotonic() + renewMs;
      for (;;) {
        const response = await round.within(endsAt - session.clock.monotonic(), signal);
        if (response === undefined) break;
        yield news(response);
      }
    } finally {
      await round.end();
    }
    // What came between DONE and its answer is news as well.
    for (const response of round.late) yield news(response);
    // Begun again at once it might be ended at once, for ever.
    if (round.wasEnded) return;
  }
}

/** One IDLE command from its tag to its tagged answer. */
class IdleRound {
  /** News that came when nobody was listening: before the `+` and after DONE. */
  readonly late: Response[] = [];
  readonly #session: Session;
  #tag = '';
  #over = false;
  #saidDone = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The server ended the command without being asked to. */
  get wasEnded(): boolean {
    return this.#over && !this.#saidDone;
  }

  async begin(): Promise<void> {
    this.#tag = await this.#session.send(['IDLE']);
    for (;;) {
      const response = await this.#next(this.#session.limits.commandTimeoutMs);
      if (response === undefined || response.kind === 'continue') return;
      this.late.push(response);
    }
  }

  /** The next answer; undefined when the time is over, the signal came, or the server ended the command. */
  async within(ms: number, signal: AbortSignal | undefined): Promise<Response | undefined> {
    if (this.#over || ms <= 0 || signal?.aborted) return undefined;
    const early = this.late.shift();
    if (early !== undefined) return early;
    const wake = new AbortController();
    const stop = (): void => wake.abort();
    signal?.addEventListener('abort', stop, { once: true });
    this.#session.clock.sleep(ms, wake.signal).then(stop, stop);
    try {
      return await this.#next(undefined, wake.signal);
    } catch (error) {
      if (error !== wake.signal.reason) throw error;
      return undefined;
    } finally {
      signal?.removeEventListener('abort', stop);
      stop();
    }
  }

  async end(): Promise<void> {
    if (this.#over || this.#session.closed) return;
    this.#saidDone = true;
    await this.#session.sendLine('DONE');
    for (;;) {
      const response = await this.#next(this.#session.limits.commandTimeoutMs);
      if (response === undefined) return;
      this.late.push(response);
    }
  }

  /** Undefined: the command is over. */
  async #next(timeoutMs: number | undefined, signal?: AbortSignal): Promise<Response | undefined> {
    const response = await this.#session.response(timeoutMs, signal);
    if (response.kind !== 'tagged' || response.tag !== this.#tag) return response;
    this.#over = true;
    if (response.status !== 'OK') throw this.#session.refused(response, 'IDLE');
    return undefined;
  }
}

function news(response: Response): IdleEvent {
  if (response.kind === 'exists') return { kind: 'exists', count: response.count };
  if (response.kind === 'expunge') return { kind: 'expunge', sequence: response.sequence };
  return { kind: 'other' };
}

/**
 * What one mailbox may take of the server, over all applications: connections, pauses that the server asked for, messages a minute.
 *
 * The hard thing is to put off and not to hammer: whoever cannot be served now waits in a queue with a deadline, in the order in which they
 * came; a pause that one application has brought upon the mailbox holds for all; and a login that the server has just refused is answered
 * from memory for a little while, since applications ask again every second.
 */
import { Fault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import type { BudgetView, ProxyProtocol } from './port.ts';

/** A place of one connection. To be given back once. */
export interface Place {
  give(): void;
}

export interface BudgetLimits {
  readonly perMailbox: Readonly<Record<ProxyProtocol, number>>;
  readonly waitMs: number;
  readonly messagesPerMinute: number;
}

/** Logins that wait for one mailbox; more are put off at once. */
const mostWaiting = 100;
const minuteMs = 60_000;
/** A longer pause is not taken at its word: a server's slip of some digits must not silence a mailbox for days. */
const longestPauseMs = 60 * 60_000;
/** After the first refusal of a login; doubles up to the second figure, so that a grant that is given meanwhile takes effect soon. */
const firstRefusedMs = 5_000;
const longestRefusedMs = 60_000;

interface Waiting {
  readonly turn: () => void;
}

interface Row {
  readonly mailbox: string;
  readonly protocol: ProxyProtocol;
  open: number;
  readonly queue: Set<Waiting>;
  pause: { readonly untilMs: number; readonly untilWallMs: number; readonly fault: Fault; readonly timer: NodeJS.Timeout } | undefined;
  refused: { readonly untilMs: number; readonly waitMs: number; readonly fault: Fault } | undefined;
  /** When messages were let through (monotonic). */
  sentMs: number[];
}

export class MailboxBudgets {
  readonly #clock: Clock;
  #limits: BudgetLimits;
  readonly #rows = new Map<string, Row>();

  constructor(clock: Clock, limits: BudgetLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  use(limits: BudgetLimits): void {
    this.#limits = limits;
    for (const row of this.#rows.values()) this.#serve(row);
  }

  /**
   * Waits for a place.
   * @throws Fault proxy.mailbox-full, proxy.pausing; the fault by which the server has just refused this mailbox; the signal's reason
   */
  async take(mailbox: string, protocol: ProxyProtocol, signal: AbortSignal): Promise<Place> {
    signal.throwIfAborted();
    const row = this.#row(mailbox, protocol);
    const refused = this.#refused(row);
    if (refused !== undefined) throw refused;
    if (row.queue.size > 0 || !this.#fits(row)) await this.#wait(row, signal);
    else row.open += 1;
    let given = false;
    return {
      give: () => {
        if (given) return;
        given = true;
        row.open -= 1;
        this.#serve(row);
        this.#forget(row);
      },
    };
  }

  /** The server asked for a pause. @returns when it ends (by the wall clock) */
  pause(mailbox: string, protocol: ProxyProtocol, ms: number, fault: Fault): number {
    const row = this.#row(mailbox, protocol);
    const lasts = Math.min(Math.max(ms, 1), longestPauseMs);
    const untilMs = this.#clock.monotonic() + lasts;
    if (row.pause !== undefined && row.pause.untilMs >= untilMs) return row.pause.untilWallMs;
    clearTimeout(row.pause?.timer);
    const timer = setTimeout(() => {
      row.pause = undefined;
      this.#serve(row);
      this.#forget(row);
    }, lasts);
    timer.unref();
    row.pause = { untilMs, untilWallMs: this.#clock.now() + lasts, fault, timer };
    return row.pause.untilWallMs;
  }

  /** What is left of a pause, in milliseconds; 0: there is none. */
  pausedFor(mailbox: string, protocol: ProxyProtocol): number {
    const pause = this.#rows.get(keyOf(mailbox, protocol))?.pause;
    return pause === undefined ? 0 : Math.max(0, pause.untilMs - this.#clock.monotonic());
  }

  /** The fault to tell somebody who is put off because of a pause. */
  pauseFault(mailbox: string, protocol: ProxyProtocol): Fault {
    const row = this.#row(mailbox, protocol);
    const backoffMs = Math.round(this.pausedFor(mailbox, protocol));
    const seen = row.pause?.fault;
    const server = seen?.evidence['server'];
    return new Fault('proxy.pausing', {
      mailbox,
      protocol,
      backoffMs,
      ...(seen === undefined ? {} : { code: seen.code }),
      ...(typeof server === 'string' ? { server } : {}),
    });
  }

  /** The server refused the login of this mailbox: for a while nobody asks it again. */
  refused(mailbox: string, protocol: ProxyProtocol, fault: Fault): void {
    const row = this.#row(mailbox, protocol);
    const waitMs = Math.min(longestRefusedMs, (row.refused?.waitMs ?? firstRefusedMs / 2) * 2);
    row.refused = { untilMs: this.#clock.monotonic() + waitMs, waitMs, fault };
  }

  accepted(mailbox: string, protocol: ProxyProtocol): void {
    this.#row(mailbox, protocol).refused = undefined;
  }

  /**
   * Waits until a message may go.
   * @param longestMs a longer wait is not begun; what an application waits for, unless the queue asks, which has time
   * @throws Fault proxy.rate, proxy.pausing; the signal's reason
   */
  async takeMessage(mailbox: string, signal: AbortSignal, longestMs: number = this.#limits.waitMs): Promise<void> {
    const row = this.#row(mailbox, 'smtp');
    const most = this.#limits.messagesPerMinute;
    const now = this.#clock.monotonic();
    row.sentMs = row.sentMs.filter((at) => at > now - minuteMs);
    const paused = this.pausedFor(mailbox, 'smtp');
    if (paused > longestMs) throw this.pauseFault(mailbox, 'smtp');
    const before = row.sentMs[row.sentMs.length - most];
    const waitMs = Math.max(paused, before === undefined ? 0 : before + minuteMs - now);
    if (waitMs > longestMs) {
      throw new Fault('proxy.rate', { mailbox, perMinute: most, backoffMs: Math.round(waitMs) });
    }
    // Noted before the wait, so that those who come meanwhile reckon with it.
    row.sentMs.push(now + waitMs);
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }

  views(): readonly BudgetView[] {
    const now = this.#clock.monotonic();
    return [...this.#rows.values()].map((row) => ({
      mailbox: row.mailbox,
      protocol: row.protocol,
      open: row.open,
      most: this.#limits.perMailbox[row.protocol],
      waiting: row.queue.size,
      pauseUntilMs: row.pause?.untilWallMs,
      pauseCode: row.pause?.fault.code,
      sentLastMinute: row.sentMs.filter((at) => at > now - minuteMs).length,
    }));
  }

  close(): void {
    for (const row of this.#rows.values()) clearTimeout(row.pause?.timer);
  }

  async #wait(row: Row, signal: AbortSignal): Promise<void> {
    const { waitMs } = this.#limits;
    const { mailbox, protocol } = row;
    if (this.pausedFor(mailbox, protocol) > waitMs) throw this.pauseFault(mailbox, protocol);
    if (row.queue.size >= mostWaiting) throw this.#full(row);
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        row.queue.delete(waiting);
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason);
      };
      const waiting: Waiting = {
        turn: () => {
          leave();
          resolve();
        },
      };
      const timer = setTimeout(() => {
        leave();
        reject(this.pausedFor(mailbox, protocol) > 0 ? this.pauseFault(mailbox, protocol) : this.#full(row));
        this.#forget(row);
      }, waitMs);
      signal.addEventListener('abort', onAbort, { once: true });
      row.queue.add(waiting);
    });
  }

  #full({ mailbox, protocol, open, queue }: Row): Fault {
    return new Fault('proxy.mailbox-full', { mailbox, protocol, open, most: this.#limits.perMailbox[protocol], waiting: queue.size });
  }

  #refused(row: Row): Fault | undefined {
    return row.refused !== undefined && row.refused.untilMs > this.#clock.monotonic() ? row.refused.fault : undefined;
  }

  #fits(row: Row): boolean {
    return row.open < this.#limits.perMailbox[row.protocol] && row.pause === undefined;
  }

  #serve(row: Row): void {
    for (const waiting of row.queue) {
      if (!this.#fits(row)) return;
      row.open += 1;
      waiting.turn();
    }
  }

  #row(mailbox: string, protocol: ProxyProtocol): Row {
    const key = keyOf(mailbox, protocol);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const row: Row = { mailbox, protocol, open: 0, queue: new Set(), pause: undefined, refused: undefined, sentMs: [] };
    this.#rows.set(key, row);
    if (this.#rows.size > tidyAbove) for (const one of this.#rows.values()) this.#forget(one);
    return row;
  }

  /** A row that says nothing any more goes. */
  #forget(row: Row): void {
    const now = this.#clock.monotonic();
    if (row.open > 0 || row.queue.size > 0 || row.pause !== undefined) return;
    if (row.refused !== undefined && row.refused.untilMs + longestRefusedMs > now) return;
    if (row.sentMs.some((at) => at > now - minuteMs)) return;
    if (this.#rows.get(keyOf(row.mailbox, row.protocol)) === row) this.#rows.delete(keyOf(row.mailbox, row.protocol));
  }
}

const tidyAbove = 10_000;

function keyOf(mailbox: string, protocol: ProxyProtocol): string {
  return `${protocol} ${mailbox}`;
}

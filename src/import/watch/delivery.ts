/**
 * Brings notices out of the house, by every way that is configured, each at its own pace.
 *
 * The hard thing is a way that does not work. It must hold up neither the import nor the other ways, must not lose what it was to tell,
 * and must itself be told of: so each way has its own queue and its own loop, repeats with growing waits, and says since when it fails.
 */
import { Fault } from '../../fault/fault.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Instant, instant } from './instant.ts';
import type { AlertWay, Notice } from './notice.ts';

const firstWaitMs = 5_000;
const longestWaitMs = 10 * 60_000;
/** Failures in a row after which a way counts as failing: one lost connection is none of anybody's business. */
const failingAfter = 3;
/** More than a thousand sources with all their concerns; past that the oldest are dropped, and stand in the journal all the same. */
const maxQueued = 10_000;

export interface DeliveryPorts {
  readonly clock: Clock;
  readonly random: () => number;
  /** A notice has gone out by every way. */
  readonly onTold: (notice: Notice) => Promise<void>;
}

export interface WayStatus {
  readonly way: AlertWay['name'];
  readonly queued: number;
  readonly delivered: number;
  readonly failures: number;
  readonly dropped: number;
  /** Undefined while it works. */
  readonly failing: { readonly since: Instant; readonly fault: Fault } | undefined;
}

export class Delivery {
  readonly #ports: DeliveryPorts;
  readonly #queues: readonly Queue[];
  /** Ways that a notice has still to go. */
  readonly #open = new Map<Notice, number>();

  constructor(ways: readonly AlertWay[], ports: DeliveryPorts) {
    this.#ports = ports;
    this.#queues = ways.map((way) => new Queue(way));
  }

  /** Whether there is any way at all. */
  get hasWays(): boolean {
    return this.#queues.length > 0;
  }

  tell(notice: Notice): void {
    if (!this.hasWays) return;
    this.#open.set(notice, this.#queues.length);
    for (const queue of this.#queues) for (const dropped of queue.add(notice)) this.#open.delete(dropped);
  }

  status(): readonly WayStatus[] {
    return this.#queues.map((queue) => queue.status());
  }

  /** Delivers until the signal is aborted. What is queued then is told after the next start, out of the journal. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#queues.map((queue) => this.#serve(queue, signal)));
  }

  /** Tries each way once with what is queued: for the end of a service, whose last words should be heard. */
  async finish(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#queues.map(async (queue) => {
        while (queue.status().queued > 0 && (await this.#attempt(queue, signal))) if (signal.aborted) return;
      }),
    );
  }

  async #serve(queue: Queue, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await queue.filled(signal);
        if (await this.#attempt(queue, signal)) continue;
        const doubled = Math.min(firstWaitMs * 2 ** Math.min(queue.inARow - 1, 20), longestWaitMs);
        await this.#ports.clock.sleep(doubled * (0.8 + this.#ports.random() * 0.2), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** @returns whether it went out @throws the signal's reason; a bug of ours */
  async #attempt(queue: Queue, signal: AbortSignal): Promise<boolean> {
    const notices = queue.next();
    try {
      await queue.way.deliver(notices, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      if (!(error instanceof Fault)) throw error;
      queue.failed(error, instant(this.#ports.clock));
      return false;
    }
    queue.delivered(notices);
    for (const notice of notices) await this.#settled(notice);
    return true;
  }

  async #settled(notice: Notice): Promise<void> {
    const left = (this.#open.get(notice) ?? 1) - 1;
    if (left > 0) {
      this.#open.set(notice, left);
      return;
    }
    this.#open.delete(notice);
    await this.#ports.onTold(notice);
  }
}

class Queue {
  readonly way: AlertWay;
  #notices: Notice[] = [];
  #delivered = 0;
  #failures = 0;
  #dropped = 0;
  #inARow = 0;
  #failing: { readonly since: Instant; readonly fault: Fault } | undefined;
  #wake: (() => void) | undefined;

  constructor(way: AlertWay) {
    this.way = way;
  }

  get inARow(): number {
    return this.#inARow;
  }

  /** @returns what had to be dropped for it */
  add(notice: Notice): readonly Notice[] {
    this.#notices.push(notice);
    const dropped = this.#notices.splice(0, this.#notices.length - maxQueued);
    this.#dropped += dropped.length;
    this.#wake?.();
    return dropped;
  }

  next(): readonly Notice[] {
    return this.#notices.slice(0, this.way.atOnce);
  }

  delivered(notices: readonly Notice[]): void {
    // By identity: the oldest may have been dropped meanwhile.
    this.#notices = this.#notices.filter((one) => !notices.includes(one));
    this.#delivered += notices.length;
    this.#inARow = 0;
    this.#failing = undefined;
  }

  failed(fault: Fault, at: Instant): void {
    this.#failures += 1;
    this.#inARow += 1;
    this.#failing = { since: this.#failing?.since ?? at, fault };
  }

  /** Resolves when something is queued. @throws the signal's reason */
  async filled(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#notices.length > 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#wake = resolve;
    try {
      await promise;
    } finally {
      this.#wake = undefined;
      signal.removeEventListener('abort', onAbort);
    }
  }

  status(): WayStatus {
    return {
      way: this.way.name,
      queued: this.#notices.length,
      delivered: this.#delivered,
      failures: this.#failures,
      dropped: this.#dropped,
      failing: this.#inARow >= failingAfter ? this.#failing : undefined,
    };
  }
}

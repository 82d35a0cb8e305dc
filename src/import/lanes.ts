/**
 * Further connections of one mailbox, opened while there is much to do and this process has time to spare.
 *
 * The hard thing is to know when they help. Commands are sent ahead, so a long way to the server costs one connection little; a server
 * that hands out only so much on each costs it a lot. Then we sit idle: so another connection is opened only while this process waits
 * most of its time, and never where it is busy already. And a server that would rather have fewer is obeyed for the rest of the run.
 */
import { performance } from 'node:perf_hooks';
import { Fault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ConnectionBudget } from './budget.ts';
import { isOf } from './fault-classes.ts';
import type { ConnectMailbox, Mailbox, NumberBook } from './mailbox.ts';

/** Nothing is opened sooner after the work began, nor after the last one was opened: a login costs the server more than a message. */
const betweenMs = 300;
/** Above this share of its time at work the process has none to spare. */
const busyShare = 0.6;

export interface LanePorts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The share of its time, 0 to 1, that this process was at work since it was asked last. */
  readonly busy?: () => number;
}

export interface LaneSettings {
  /** Beside the first one. */
  readonly most: number;
  readonly host: string;
  readonly connect: ConnectMailbox;
  readonly book: NumberBook;
  readonly budget: ConnectionBudget;
  /** The server would rather have fewer: `left` beside the first one. */
  readonly onFewer: (left: number, fault: Fault) => void;
}

/** Work that several connections can share. */
export interface SharedWork {
  /** Whether so much is left that another connection is worth its login. */
  isWorth(): boolean;
  /** Does a part of it on a connection, until nothing is left or `isOver`. @throws what ended the connection */
  part(mailbox: Mailbox, isOver: () => boolean): Promise<void>;
}

export class Lanes {
  readonly #settings: LaneSettings;
  readonly #ports: LanePorts;
  readonly #busy: () => number;
  #most: number;
  #active = 0;
  /** One at a time, so that a refusal says how many are too many. */
  #isOpening = false;
  #openedAtMs: number;

  constructor(settings: LaneSettings, ports: LanePorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#busy = ports.busy ?? eventLoopShare();
    this.#most = settings.most;
    this.#openedAtMs = ports.clock.monotonic();
  }

  /** The server asks for a pause, or refused a connection: from now on fewer. */
  lower(fault: Fault): void {
    const active = this.#active;
    this.#most = Math.max(0, Math.min(this.#most, active) - 1);
    if (active > 0) this.#settings.onFewer(this.#most, fault);
  }

  /** Begins to share work. Call `offer` often; `end` when the first connection has nothing left or has failed. */
  share(work: SharedWork): SharedRun {
    this.#openedAtMs = this.#ports.clock.monotonic();
    return new SharedRun(work, (run) => this.#tryOpen(run));
  }

  #tryOpen(run: SharedRun): void {
    if (this.#active >= this.#most || this.#isOpening) return;
    const nowMs = this.#ports.clock.monotonic();
    if (nowMs - this.#openedAtMs < betweenMs || !run.work.isWorth()) return;
    this.#openedAtMs = nowMs;
    if (this.#busy() > busyShare || !this.#settings.budget.tryTake(this.#settings.host)) return;
    run.add(this.#lane(run));
  }

  /** Never throws a Fault: what a lane did not bring, another one does, or the first connection, which also tells what is the matter. */
  async #lane(run: SharedRun): Promise<void> {
    this.#active += 1;
    const number = this.#active;
    let mailbox: Mailbox | undefined;
    this.#isOpening = true;
    try {
      mailbox = await this.#settings.connect(AbortSignal.any([this.#ports.signal, run.signal]), this.#settings.book);
      this.#isOpening = false;
      await run.work.part(mailbox, () => number > this.#most);
    } catch (error) {
      if (isOf(error, 'crowded')) this.lower(error);
      const isOurDoing = run.signal.aborted || this.#ports.signal.aborted;
      if (!isOurDoing && (!(error instanceof Fault) || error.code.startsWith('archive.'))) throw error;
    } finally {
      if (mailbox === undefined) this.#isOpening = false;
      await mailbox?.close();
      this.#active -= 1;
      this.#settings.budget.give(this.#settings.host);
    }
  }
}

export class SharedRun {
  readonly work: SharedWork;
  readonly #stop = new AbortController();
  readonly #open: (run: SharedRun) => void;
  readonly #running: Promise<void>[] = [];

  constructor(work: SharedWork, open: (run: SharedRun) => void) {
    this.work = work;
    this.#open = open;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Opens another connection if it is time for one. Cheap. */
  offer(): void {
    if (!this.#stop.signal.aborted) this.#open(this);
  }

  add(lane: Promise<void>): void {
    this.#running.push(lane);
    lane.catch(() => undefined); // thrown by `end`
  }

  /** Waits for the others. @throws Fault of the archive; a bug of ours */
  async end(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Ends them at once. Never throws: something else has failed before. */
  async cancel(): Promise<void> {
    this.#stop.abort(new Error('the connections that helped are not needed any more'));
    await Promise.allSettled(this.#running);
  }
}

/** The machine's own answer. */
function eventLoopShare(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

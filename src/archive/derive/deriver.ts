/**
 * Keeps the index following the ledger: hands ranges of messages to the deriving threads, beside the import and after it.
 *
 * The hard thing is a message that ends a thread (out of memory, or a parser that does not come to an end): its range is taken apart
 * message by message, and the one that does it again is noted as unreadable. A lag can so never become a standstill.
 */

import { availableParallelism } from 'node:os';
import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { Fault, isFault } from '../../fault/fault.ts';
import type { Progress } from '../archive.ts';
import { endThread, newGate } from '../endable-thread.ts';
import { emptyIndex, noteMaker, openIndex, staleness } from '../sqlite/index-schema.ts';
import type { Layout } from '../sqlite/layout.ts';
import { unpackFailure } from '../thread-failure.ts';
import type { DeriveWork, FromDeriver, ToDeriver } from './derive-thread.ts';
import { indexFits } from './index-fit.ts';
import type { Profiles } from './profiles.ts';

/** Messages of one transaction of the index. */
const rangeRows = 400;

export interface DeriverLimits {
  readonly threads: number;
  /** Heap of a deriving thread: the largest message that is read takes about a third of it. */
  readonly threadHeapMb: number;
  /** A range that takes longer has met a parser that does not come to an end. */
  readonly rangeTimeoutMs: number;
  /** The same for a message alone: some mail is written to keep a parser busy, and each costs this time once. */
  readonly messageTimeoutMs: number;
  /** After a failure that may pass (no room, no memory) it is tried again after this time, then after twice as long, and so on. */
  readonly retryFirstMs: number;
  readonly retryMostMs: number;
  /** A thread that had nothing to do for so long is ended: it holds some 30 MB, and another one is there in a tenth of a second. */
  readonly idleMs: number;
}

/**
 * Two threads at most, because the index has one writer at a time; and on two cores one, because the other core is needed for what
 * becomes durable: measured there, the second one gains nothing and costs 35 MB.
 */
export const deriverLimits: DeriverLimits = {
  threads: availableParallelism() >= 4 ? 2 : 1,
  threadHeapMb: 96,
  rangeTimeoutMs: 60_000,
  messageTimeoutMs: 20_000,
  retryFirstMs: 5_000,
  retryMostMs: 300_000,
  idleMs: 60_000,
};

/** Which index is written, and with what. */
export interface DeriverTask {
  /** File of the index; that of the layout where it is not given. */
  readonly index?: string;
  readonly profiles?: Profiles;
  readonly limits?: DeriverLimits;
}

/** Whether a failure may pass by itself. A damaged index does not; a bug of ours may, for it may lie in one moment's state. */
function mayPass(failure: unknown): boolean {
  return !isFault(failure, 'archive.index-damaged', 'archive.newer-format', 'archive.damaged', 'archive.not-found');
}

/** The young generation of a thread's heap. Measured: with 4 MB instead of Node's own choice all threads take 200 MB less, in no more time. */
const threadYoungMb = 2;

interface Thread {
  readonly worker: Worker;
  readonly gate: SharedArrayBuffer;
  range: ToDeriver | undefined;
  deadline: NodeJS.Timeout | undefined;
  /** Runs while it has nothing in hand. */
  idle: NodeJS.Timeout | undefined;
  /** It had nothing to do and is being ended. */
  isLeaving: boolean;
}

export class Deriver {
  readonly #work: DeriveWork;
  readonly #limits: DeriverLimits;
  readonly #index: DatabaseSync;
  readonly #threads: Thread[] = [];
  /** Ranges to be done before anything new: those that a thread did not survive. */
  #again: ToDeriver[] = [];
  /** First message that nobody has in hand. */
  #next: number;
  #ahead: { first: number; last: number }[];
  #last = 0;
  #watermark: number;
  #failure: unknown;
  /** Failures since something was derived last. */
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #closing = false;
  #waiters: (() => void)[] = [];

  /** @throws Fault archive.index-damaged; errors of SQLite as they are */
  constructor(where: Layout, { index = where.index, profiles = {}, limits = deriverLimits }: DeriverTask = {}) {
    this.#work = { layout: where, index, profiles };
    this.#limits = limits;
    this.#index = openIndex(index);
    try {
      if (!indexFits(where.archive, this.#index)) emptyIndex(this.#index);
      noteMaker(this.#index, profiles);
    } catch (error) {
      this.#index.close();
      throw error;
    }
    this.#watermark = Number(this.#index.prepare("select value from meta where key = 'watermark'").get()?.value ?? 0);
    this.#ahead = this.#index
      .prepare('select first, last from ahead order by first')
      .all()
      .map((row) => ({ first: Number(row.first), last: Number(row.last) }));
    this.#next = this.#watermark + 1;
  }

  /** Messages up to this number are derived. */
  get watermark(): number {
    return this.#watermark;
  }

  /** How many of its records something else would come out of now. */
  get stale(): number {
    return staleness(this.#index.prepare('select * from made').iterate(), this.#work.profiles).stale;
  }

  /**
   * What keeps the deriving from going on; undefined while it goes on, and for one that was closed before anything did. Where it may pass
   * it is tried again after a while, and undefined again when that helped.
   */
  get failure(): unknown {
    return this.#failure;
  }

  /** Tells that messages up to this one are durable. */
  follow(lastMessage: number): void {
    this.#last = Math.max(this.#last, lastMessage);
    this.#hand();
  }

  /** Resolves when everything told by {@link Deriver.follow} is derived. @throws what ended the deriving, or the signal's reason */
  async caughtUp(onProgress?: (progress: Progress) => void, signal?: AbortSignal): Promise<void> {
    const target = this.#last;
    const from = this.#watermark;
    const wake = (): void => this.#wake();
    signal?.addEventListener('abort', wake);
    try {
      while (this.#watermark < target) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#closing) throw new Error('the index was closed before it had caught up');
        signal?.throwIfAborted();
        onProgress?.({ done: this.#watermark - from, total: target - from });
        await new Promise<void>((resolve) => this.#waiters.push(resolve));
      }
      onProgress?.({ done: target - from, total: target - from });
    } finally {
      signal?.removeEventListener('abort', wake);
    }
  }

  /** Resolves with true when it is tried again after a failure, with false when it will not be. */
  async retried(): Promise<boolean> {
    while (this.#failure !== undefined) {
      if (this.#closing || !mayPass(this.#failure)) return false;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return !this.#closing;
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    this.#wake();
    await Promise.all(this.#threads.map(async (thread) => this.#retire(thread)));
    this.#index.close();
  }

  #hand(): void {
    if (this.#failure !== undefined || this.#closing) return;
    while (this.#again.length > 0 || this.#next <= this.#last) {
      const thread = this.#idleThread();
      if (thread === undefined) return;
      const range = this.#again.shift() ?? this.#nextRange();
      if (range === undefined) return;
      clearTimeout(thread.idle);
      thread.range = range;
      const timeoutMs = range.first === range.last ? this.#limits.messageTimeoutMs : this.#limits.rangeTimeoutMs;
      thread.deadline = setTimeout(() => void endThread(thread.worker, thread.gate), timeoutMs);
      thread.worker.ref(); // it keeps the process alive only while it has something in hand
      thread.worker.postMessage(range);
    }
  }

  #nextRange(): ToDeriver | undefined {
    while (this.#ahead[0] !== undefined && this.#ahead[0].first <= this.#next) {
      this.#next = Math.max(this.#next, this.#ahead[0].last + 1);
      this.#ahead.shift();
    }
    if (this.#next > this.#last) return undefined;
    const first = this.#next;
    const last = Math.min(first + rangeRows - 1, this.#last, (this.#ahead[0]?.first ?? Number.POSITIVE_INFINITY) - 1);
    this.#next = last + 1;
    return { first, last, skip: false };
  }

  #idleThread(): Thread | undefined {
    const idle = this.#threads.find((thread) => thread.range === undefined && !thread.isLeaving);
    if (idle !== undefined || this.#threads.length >= this.#limits.threads) return idle;
    const gate = newGate();
    const worker = new Worker(new URL('./derive-thread.ts', import.meta.url), {
      workerData: { ...this.#work, gate },
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.threadHeapMb, maxYoungGenerationSizeMb: threadYoungMb },
    });
    worker.unref();
    const thread: Thread = { worker, gate, range: undefined, deadline: undefined, idle: undefined, isLeaving: false };
    this.#threads.push(thread);
    worker.on('message', (answer: FromDeriver) => this.#receive(thread, answer));
    worker.on('error', () => undefined); // 'exit' follows and tells the same
    worker.on('exit', () => this.#lost(thread));
    return thread;
  }

  #receive(thread: Thread, answer: FromDeriver): void {
    clearTimeout(thread.deadline);
    const range = thread.range;
    thread.range = undefined;
    // One that is being ended keeps the process alive until it has: `close` waits for it.
    if (!this.#closing) thread.worker.unref();
    if (answer.kind === 'failed') {
      if (range !== undefined) this.#again.push(range);
      this.#fail(unpackFailure(answer.failure));
    } else {
      this.#failures = 0;
      this.#watermark = Math.max(this.#watermark, answer.watermark);
      this.#hand();
    }
    if (thread.range === undefined && !this.#closing) this.#rest(thread);
    this.#wake();
  }

  /** What comes while it is being ended waits for the one that takes its place. */
  #rest(thread: Thread): void {
    thread.idle = setTimeout(() => {
      thread.isLeaving = true;
      void endThread(thread.worker, thread.gate);
    }, this.#limits.idleMs);
    thread.idle.unref();
  }

  #lost(thread: Thread): void {
    clearTimeout(thread.deadline);
    clearTimeout(thread.idle);
    this.#threads.splice(this.#threads.indexOf(thread), 1);
    const range = thread.range;
    if (this.#closing) return;
    if (range === undefined) {
      if (thread.isLeaving) this.#hand();
      return;
    }
    if (range.skip) {
      // It was not parsed, so it is not the message that ends threads; nor need any other have been.
      this.#again = [...this.#again, range].map((one) => ({ ...one, skip: false }));
      const text = `a thread ended with message ${range.first}, which it was told to skip`;
      this.#fail(new Fault('archive.deriving-stopped', { text }));
    } else if (range.first === range.last) {
      this.#again.push({ ...range, skip: true });
    } else {
      for (let seq = range.first; seq <= range.last; seq += 1) this.#again.push({ first: seq, last: seq, skip: false });
    }
    this.#hand();
    this.#wake();
  }

  /** Nothing is handed out until the next try. Another thread may still come to the end of its range, or fail as well. */
  #fail(failure: unknown): void {
    const isFirst = this.#failure === undefined;
    this.#failure = failure;
    if (!isFirst || this.#closing || !mayPass(failure)) return;
    const { retryFirstMs, retryMostMs } = this.#limits;
    const waitMs = Math.min(retryFirstMs * 2 ** Math.min(this.#failures, 30), retryMostMs);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#tryAgain(), waitMs);
    this.#retry.unref(); // a process with nothing else to do may end: the next one makes up for it
  }

  #tryAgain(): void {
    if (this.#failure === undefined || this.#closing || !mayPass(this.#failure)) return;
    this.#failure = undefined;
    this.#hand();
    this.#wake();
  }

  async #retire(thread: Thread): Promise<void> {
    clearTimeout(thread.deadline);
    clearTimeout(thread.idle);
    await endThread(thread.worker, thread.gate);
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}

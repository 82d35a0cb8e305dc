/**
 * The queue of outgoing mail at work: takes messages over (durable when the application hears 250), and hands them on as soon as the
 * server will have them.
 *
 * The hard thing is to be patient with everything and silent about nothing. A login that a person must mend keeps mail waiting, not lost;
 * a message that the server refuses for good is set aside with its words; and what was decided is on disk before the next thing is done.
 * Handed on at least once: exactly once only the server could promise.
 */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, isFault } from '../../fault/fault.ts';
import type { SmtpSession } from '../../mail/smtp/session.ts';
import type { Clock } from '../../runtime/clock.ts';
import { handOver } from './hand-over.ts';
import { afterFailure, type Envelope, type Incoming, type QueuedMessage, Spool } from './spool.ts';

/** How the queue reaches the server; the budget, the pauses and the login are behind it. */
export interface QueueUpstream {
  /** Logs in for this mailbox and ends the session afterwards. @throws Fault of the login, of a pause that lasts, of the connection */
  smtp<T>(mailbox: string, tenant: string, signal: AbortSignal, task: (session: SmtpSession) => Promise<T>): Promise<T>;
  /** Waits until this mailbox may send another message. */
  permit(mailbox: string, signal: AbortSignal): Promise<void>;
}

export type QueueEvent =
  | { readonly kind: 'taken'; readonly message: QueuedMessage }
  /** `final`: it is set aside. */
  | { readonly kind: 'not-sent'; readonly message: QueuedMessage; readonly fault: Fault; readonly final: boolean; readonly waitMs: number }
  /** To all of its recipients but those that failed for good. */
  | { readonly kind: 'sent'; readonly message: QueuedMessage; readonly failed: number; readonly answer: string };

export interface QueueOptions {
  readonly folder: string;
  readonly retryForMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly upstream: QueueUpstream;
  readonly report: (event: QueueEvent) => void;
  /** A message could not be taken: told once a minute at most, however many are refused. */
  readonly onFault: (fault: Fault) => void;
  /** A bug of ours in the sending; the queue goes on with other messages. */
  readonly onBug: (error: unknown) => void;
}

export interface QueueCounts {
  readonly waiting: number;
  readonly failed: number;
  readonly bytes: number;
  /** Since when the oldest waits. */
  readonly oldestMs: number | undefined;
}

/** Beside the message itself this much stays free on the disk. */
const spareBytes = 64 * 1024 * 1024;
/** Another process may have changed notes. */
const lookEveryMs = 5_000;
const tellEveryMs = 60_000;
/** Waits between tries: doubled from the first to the longest. */
const firstWaitMs = 30_000;
const longestWaitMs = 15 * 60_000;
/** Messages in one session; then it is ended, so that others get their turn. */
const perSession = 20;
/** Mailboxes that are sent for at the same time. */
const mailboxesAtOnce = 8;

export class Queue {
  readonly #options: QueueOptions;
  readonly #spool: Spool;
  readonly #stop = new AbortController();
  /** Mailboxes that are being sent for. */
  readonly #busy = new Map<string, Promise<void>>();
  /** When a message is tried again at the earliest, where that could not be noted: a full disk must not make a loop of it. */
  readonly #notBefore = new Map<string, number>();
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #counts: QueueCounts = { waiting: 0, failed: 0, bytes: 0, oldestMs: undefined };
  #running: Promise<void> | undefined;
  #awake: (() => void) | undefined;
  #stirred = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#spool = new Spool(options.folder);
  }

  /** Of the last look. */
  get counts(): QueueCounts {
    return this.#counts;
  }

  list(): Promise<readonly QueuedMessage[]> {
    return this.#spool.list();
  }

  /** Begins to hand on what is there. @throws Fault queue.unreadable */
  async start(): Promise<void> {
    await this.#spool.prepare(this.#options.clock.now());
    this.#running = this.#run();
  }

  /**
   * Begins to take a message of about so many bytes.
   * @throws Fault queue.unwritable, also where the disk would be full with it
   */
  async begin(envelope: Envelope, announcedBytes: number): Promise<Incoming> {
    const { folder, clock, retryForMs, report } = this.#options;
    const incoming = await this.#telling(async () => {
      await this.#room(announcedBytes);
      return await this.#spool.begin(envelope, clock.now(), retryForMs);
    });
    return {
      ...incoming,
      write: (chunk) => this.#telling(() => incoming.write(chunk)),
      commit: async () => {
        const message = await this.#telling(() => incoming.commit());
        if (!existsSync(join(folder, `${message.id}.json`))) throw new Error('a note that was just written is not there');
        report({ kind: 'taken', message });
        this.wake();
        return message;
      },
    };
  }

  /** Looks at once. */
  wake(): void {
    this.#stirred = true;
    this.#awake?.();
  }

  /** Begins nothing more, and waits for what is in hand; what is not sent yet stays in the queue. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the queue is closed'));
    this.#awake?.();
    await this.#running;
  }

  /** Tells of what the disk refuses. */
  async #telling<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      const now = this.#options.clock.monotonic();
      if (isFault(error) && now - this.#toldAtMs >= tellEveryMs) {
        this.#toldAtMs = now;
        this.#options.onFault(error);
      }
      throw error;
    }
  }

  async #room(bytes: number): Promise<void> {
    const { folder } = this.#options;
    try {
      const { bavail, bsize } = await statfs(folder);
      const freeBytes = bavail * bsize;
      if (freeBytes < bytes + spareBytes)
        throw new Fault('queue.unwritable', { folder, seen: 'ENOSPC', freeBytes, wantedBytes: bytes + spareBytes });
    } catch (error) {
      if (isFault(error)) throw error;
      throw new Fault('queue.unwritable', { folder, seen: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' });
    }
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#stirred = false;
      const waitMs = await this.#look().catch((error: unknown) => {
        // Unreadable for now: what lies there is looked at again.
        if (isFault(error)) return lookEveryMs;
        throw error;
      });
      if (this.#stirred || this.#stop.signal.aborted) continue;
      const wait = new AbortController();
      this.#awake = () => wait.abort();
      await clock.sleep(Math.max(50, Math.min(waitMs, lookEveryMs)), wait.signal).catch(() => undefined);
      this.#awake = undefined;
    }
    await Promise.all(this.#busy.values());
  }

  /** Begins what is due. @returns when to look next at the latest */
  async #look(): Promise<number> {
    const nowMs = this.#options.clock.now();
    const messages = await this.#spool.list();
    const waiting = messages.filter(({ state }) => state === 'waiting');
    const [oldest] = waiting;
    this.#counts = {
      waiting: waiting.length,
      failed: messages.length - waiting.length,
      bytes: messages.reduce((sum, { bytes }) => sum + bytes, 0),
      oldestMs: oldest === undefined ? undefined : Date.parse(oldest.taken),
    };
    const ids = new Set(messages.map(({ id }) => id));
    for (const [id, untilMs] of this.#notBefore) if (untilMs <= nowMs || !ids.has(id)) this.#notBefore.delete(id);
    const due = waiting.filter(({ id, nextAt }) => Date.parse(nextAt) <= nowMs && !this.#notBefore.has(id));
    for (const { mailbox, tenant } of due) {
      if (this.#busy.size >= mailboxesAtOnce) break;
      if (this.#busy.has(mailbox)) continue;
      const mine = due.filter((one) => one.mailbox === mailbox && one.tenant === tenant).slice(0, perSession);
      this.#busy.set(
        mailbox,
        this.#send(mailbox, tenant, mine).finally(() => {
          this.#busy.delete(mailbox);
          this.wake();
        }),
      );
    }
    const next = waiting.map(({ nextAt }) => Date.parse(nextAt) - nowMs).filter((ms) => ms > 0);
    return Math.min(lookEveryMs, ...next);
  }

  async #send(mailbox: string, tenant: string, messages: readonly QueuedMessage[]): Promise<void> {
    const { upstream } = this.#options;
    const { signal } = this.#stop;
    const rest = [...messages];
    try {
      await upstream.smtp(mailbox, tenant, signal, async (session) => {
        for (let message = rest[0]; message !== undefined; message = rest[0]) {
          await upstream.permit(mailbox, signal);
          // It may have been dropped meanwhile.
          const present = await this.#spool.get(message.id);
          if (present !== undefined && present.state === 'waiting') await this.#sendOne(session, present);
          rest.shift();
          if (session.closed || signal.aborted) return;
        }
      });
    } catch (error) {
      if (signal.aborted) return;
      if (!isFault(error)) {
        for (const { id } of rest) this.#notBefore.set(id, this.#options.clock.now() + longestWaitMs);
        this.#options.onBug(error);
        return;
      }
      // The one that was in hand, and those behind it for the same reason: nobody hammers at a door that is shut.
      for (const message of rest) await this.#notSent(message, error, false);
    }
  }

  async #sendOne(session: SmtpSession, message: QueuedMessage): Promise<void> {
    let handed: Awaited<ReturnType<typeof handOver>>;
    try {
      handed = await handOver(session, message, this.#spool.read(message));
    } catch (error) {
      if (!isFault(error, 'queue.damaged')) throw error;
      await this.#notSent(message, error, true);
      return;
    }
    const { recipients, fault, final, answer } = handed;
    const now = { ...message, recipients };
    const waits = recipients.some(({ state }) => state === 'waiting');
    if (waits && fault !== undefined) return await this.#notSent(now, fault, final);
    const failed = recipients.filter(({ state }) => state === 'failed').length;
    if (failed > 0) {
      // Some are served and some never will be: a person decides what becomes of those.
      return await this.#notSent(now, fault ?? new Fault('smtp.refused', { server: answer ?? '' }), true);
    }
    await this.#spool.remove(message.id);
    this.#options.report({ kind: 'sent', message: now, failed, answer: answer ?? '' });
  }

  async #notSent(message: QueuedMessage, fault: Fault, final: boolean): Promise<void> {
    const { clock, random, report } = this.#options;
    const nowMs = clock.now();
    const late = nowMs >= Date.parse(message.giveUpAt);
    const waitMs = Math.round(Math.min(firstWaitMs * 2 ** Math.min(message.tries, 20), longestWaitMs) * (0.75 + random() / 2));
    const told = late && !final ? new Fault('queue.gave-up', { ...fault.evidence, last: fault.code, tries: message.tries + 1 }) : fault;
    const after = afterFailure(message, told, nowMs, waitMs);
    const state = final || late ? 'failed' : 'waiting';
    // Dropped by a person meanwhile: it must not come back.
    if (!existsSync(join(this.#spool.folder, `${message.id}.json`))) return;
    this.#noteOrLeave({ ...after, state }, nowMs + waitMs);
    report({ kind: 'not-sent', message: { ...after, state }, fault: told, final: final || late, waitMs });
  }

  /** A note that cannot be written leaves the old one; what it would have said holds for as long as this process does. */
  #noteOrLeave(message: QueuedMessage, notBeforeMs: number): void {
    try {
      this.#spool.note(message);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      this.#notBefore.set(message.id, notBeforeMs);
    }
  }
}

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
import { lockQueue, type QueueLock } from './lock.ts';
import { afterFailure, type Envelope, type Incoming, type QueuedMessage, Spool, triedUntilMs } from './spool.ts';

/** How the queue reaches the server; the budget, the pauses and the login are behind it. */
export interface QueueUpstream {
  /** Logs in for this mailbox and ends the session afterwards. @throws Fault of the login, of a pause that lasts, of the connection */
  smtp<T>(mailbox: string, tenant: string, signal: AbortSignal, task: (session: SmtpSession) => Promise<T>): Promise<T>;
  /** Waits until this mailbox may send another message. */
  permit(mailbox: string, signal: AbortSignal): Promise<void>;
  /** Hears what the server answered within a session. @returns whether the mailbox has to be left alone because of it */
  heard?(mailbox: string, fault: Fault): boolean;
}

export type QueueEvent =
  | { readonly kind: 'taken'; readonly message: QueuedMessage }
  /** `final`: it is set aside. */
  | { readonly kind: 'not-sent'; readonly message: QueuedMessage; readonly fault: Fault; readonly final: boolean; readonly waitMs: number }
  /** To all of its recipients but those that failed for good. */
  | { readonly kind: 'sent'; readonly message: QueuedMessage; readonly failed: number; readonly answer: string };

export interface QueueOptions {
  readonly folder: string;
  /** Undefined: nothing is taken, and what is there is tried for as long as was said when it was taken. */
  readonly retryForMs: number | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly upstream: QueueUpstream;
  readonly report: (event: QueueEvent) => void;
  /** The disk refuses something: told once a minute at most, however often it does. */
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
/** No wait that we note is longer, but for a pause of the server; a later instant was noted by a clock that went wrong. */
const longestNotedMs = 2 * 3_600_000;

export class Queue {
  readonly #options: QueueOptions;
  readonly #spool: Spool;
  readonly #stop = new AbortController();
  /** Mailboxes that are being sent for. */
  readonly #busy = new Map<string, Promise<void>>();
  /** When a mailbox had its last turn: whoever waits longest is next, or eight busy ones would keep all others waiting. */
  readonly #turns = new Map<string, number>();
  /** When a message is tried again at the earliest, after a bug of ours: it must not become a loop. */
  readonly #notBefore = new Map<string, number>();
  /** What became of messages where that could not be noted: a disk that went read-only must not have them sent again and again. */
  readonly #unwritten = new Map<string, QueuedMessage | 'sent'>();
  /** Of these, what is being written now. */
  readonly #writing = new Map<string, Promise<boolean>>();
  #retryForMs: number | undefined;
  /** What is there, as of the last look at the disk and of all that we have changed since. */
  #known = new Map<string, QueuedMessage>();
  /** Changed while the disk is being looked at. */
  #meanwhile: Map<string, QueuedMessage | undefined> | undefined;
  #scannedAtMs = Number.NEGATIVE_INFINITY;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #lock: QueueLock | undefined;
  #counts: QueueCounts = { waiting: 0, failed: 0, bytes: 0, oldestMs: undefined };
  #running: Promise<void> | undefined;
  #awake: (() => void) | undefined;
  #stirred = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#retryForMs = options.retryForMs;
    this.#spool = new Spool(options.folder);
  }

  /** How long mail is tried from now on, also what waits already. */
  use(retryForMs: number): void {
    this.#retryForMs = retryForMs;
  }

  /** Of the last look. */
  get counts(): QueueCounts {
    return this.#counts;
  }

  list(): Promise<readonly QueuedMessage[]> {
    return this.#spool.list();
  }

  /** From here on messages can be taken. @throws Fault queue.in-use, queue.unreadable */
  async prepare(): Promise<void> {
    this.#lock ??= lockQueue(this.#options.folder);
    await this.#spool.prepare(this.#options.clock.now());
  }

  /** Begins to hand on what is there. @throws Fault queue.unreadable */
  async start(): Promise<void> {
    await this.prepare();
    this.#running = this.#run();
  }

  /**
   * Begins to take a message of about so many bytes.
   * @throws Fault queue.unwritable, also where the disk would be full with it
   */
  async begin(envelope: Envelope, announcedBytes: number): Promise<Incoming> {
    const { folder, clock, report } = this.#options;
    const incoming = await this.#telling(async () => {
      await this.#room(announcedBytes);
      return await this.#spool.begin(envelope, clock.now(), this.#retryForMs ?? 0);
    });
    return {
      ...incoming,
      write: (chunk) => this.#telling(() => incoming.write(chunk)),
      commit: async () => {
        const message = await this.#telling(() => incoming.commit());
        if (!existsSync(join(folder, `${message.id}.json`))) throw new Error('a note that was just written is not there');
        this.#remember(message.id, message);
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
    this.#lock?.release();
    this.#lock = undefined;
  }

  /** Tells of what the disk refuses. */
  async #telling<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (isFault(error)) this.#tell(error);
      throw error;
    }
  }

  #tell(fault: Fault): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#toldAtMs < tellEveryMs) return;
    this.#toldAtMs = now;
    this.#options.onFault(fault);
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
        if (isFault(error)) this.#tell(error);
        else this.#options.onBug(error);
        this.#stirred = false;
        return lookEveryMs;
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
    await this.#scan();
    await this.#writeAgain();
    const nowMs = this.#options.clock.now();
    const due = new Map<string, QueuedMessage[]>();
    let [waiting, failed, bytes, nextMs, oldestMs]: [number, number, number, number, number | undefined] = [
      0,
      0,
      0,
      lookEveryMs,
      undefined,
    ];
    for (const message of this.#known.values()) {
      bytes += message.bytes;
      if (message.state !== 'waiting') {
        failed += 1;
        continue;
      }
      waiting += 1;
      oldestMs = Math.min(oldestMs ?? Number.POSITIVE_INFINITY, Date.parse(message.taken));
      const inMs = Math.max(Date.parse(message.nextAt), this.#notBefore.get(message.id) ?? 0) - nowMs;
      if (inMs > 0 && inMs < longestNotedMs) nextMs = Math.min(nextMs, inMs);
      else if (!this.#busy.has(message.mailbox)) {
        const mine = due.get(message.mailbox);
        if (mine === undefined) due.set(message.mailbox, [message]);
        else if (mine[0]?.tenant === message.tenant) mine.push(message);
      }
    }
    this.#counts = { waiting, failed, bytes, oldestMs };
    const turns = [...due].sort(([one], [other]) => (this.#turns.get(one) ?? 0) - (this.#turns.get(other) ?? 0));
    for (const [mailbox, messages] of turns.slice(0, Math.max(0, mailboxesAtOnce - this.#busy.size))) {
      this.#begin(mailbox, messages.sort((one, other) => (one.id < other.id ? -1 : 1)).slice(0, perSession));
    }
    for (const mailbox of this.#turns.keys()) if (!due.has(mailbox) && !this.#busy.has(mailbox)) this.#turns.delete(mailbox);
    return nextMs;
  }

  #begin(mailbox: string, messages: readonly QueuedMessage[]): void {
    this.#turns.set(mailbox, this.#options.clock.monotonic());
    this.#busy.set(
      mailbox,
      this.#send(mailbox, messages[0]?.tenant ?? '', messages).finally(() => {
        this.#busy.delete(mailbox);
        this.wake();
      }),
    );
  }

  /** What others have changed on the disk. What we change ourselves is known. */
  async #scan(): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (now - this.#scannedAtMs < lookEveryMs) return;
    this.#meanwhile = new Map();
    try {
      const found = new Map((await this.#spool.list((fault) => this.#tell(fault))).map((message) => [message.id, message]));
      for (const [id, message] of this.#meanwhile) {
        if (message === undefined) found.delete(id);
        else found.set(id, message);
      }
      this.#known = found;
      this.#scannedAtMs = now;
    } finally {
      this.#meanwhile = undefined;
    }
    const nowMs = this.#options.clock.now();
    for (const [id, untilMs] of this.#notBefore) if (untilMs <= nowMs || !this.#known.has(id)) this.#notBefore.delete(id);
  }

  #remember(id: string, message: QueuedMessage | undefined): void {
    this.#meanwhile?.set(id, message);
    if (message === undefined) this.#known.delete(id);
    else this.#known.set(id, message);
  }

  async #send(mailbox: string, tenant: string, messages: readonly QueuedMessage[]): Promise<void> {
    const { upstream, clock, onBug } = this.#options;
    const { signal } = this.#stop;
    const rest = [...messages];
    let inHand: QueuedMessage | undefined;
    try {
      await upstream.smtp(mailbox, tenant, signal, async (session) => {
        for (let message = rest[0]; message !== undefined; message = rest[0]) {
          await upstream.permit(mailbox, signal);
          inHand = message;
          const fault = await this.#sendIfThere(session, message.id);
          inHand = undefined;
          rest.shift();
          const mustPause = fault !== undefined && upstream.heard?.(mailbox, fault) === true;
          if (mustPause || session.closed || signal.aborted) return;
        }
      });
    } catch (error) {
      if (signal.aborted) return;
      if (!isFault(error)) {
        // Those behind one that we cannot handle are not kept waiting for it.
        for (const { id } of inHand === undefined ? rest : [inHand]) this.#notBefore.set(id, clock.now() + longestWaitMs);
        onBug(error);
        return;
      }
      // The one that was in hand, and those behind it for the same reason: nobody hammers at a door that is shut.
      for (const message of rest) await this.#notSent(message, error, false);
    }
  }

  /** @returns what the server had against it */
  async #sendIfThere(session: SmtpSession, id: string): Promise<Fault | undefined> {
    // It may have been dropped or set aside meanwhile.
    const unwritten = this.#unwritten.get(id);
    if (unwritten === 'sent') return undefined;
    const present = await this.#spool.get(id);
    const message = present && (unwritten ?? present);
    if (message?.state !== 'waiting') {
      this.#remember(id, message);
      return undefined;
    }
    return await this.#sendOne(session, message);
  }

  async #sendOne(session: SmtpSession, message: QueuedMessage): Promise<Fault | undefined> {
    let handed: Awaited<ReturnType<typeof handOver>>;
    try {
      handed = await handOver(session, message, this.#spool.read(message));
    } catch (error) {
      if (!isFault(error, 'queue.damaged')) throw error;
      await this.#notSent(message, error, true);
      return undefined;
    }
    const { recipients, fault, final, answer } = handed;
    const now = { ...message, recipients };
    const waits = recipients.some(({ state }) => state === 'waiting');
    if (waits && fault !== undefined) {
      await this.#notSent(now, fault, final);
      return fault;
    }
    const failed = recipients.filter(({ state }) => state === 'failed').length;
    if (failed > 0) {
      // Some are served and some never will be: a person decides what becomes of those.
      await this.#notSent(now, fault ?? new Fault('smtp.refused', { server: answer ?? '' }), true);
      return fault;
    }
    this.#unwritten.set(message.id, 'sent');
    await this.#write(message.id);
    this.#options.report({ kind: 'sent', message: now, failed, answer: answer ?? '' });
    return undefined;
  }

  async #notSent(message: QueuedMessage, fault: Fault, final: boolean): Promise<void> {
    const { clock, random, report } = this.#options;
    const nowMs = clock.now();
    const untilMs = triedUntilMs(message, this.#retryForMs);
    const late = nowMs >= untilMs;
    const asked = fault.evidence['backoffMs'];
    const ours = Math.min(firstWaitMs * 2 ** Math.min(message.tries, 20), longestWaitMs) * (0.75 + random() / 2);
    const waitMs = Math.round(Math.max(ours, typeof asked === 'number' ? Math.min(asked, longestNotedMs / 2) : 0));
    const told = late && !final ? new Fault('queue.gave-up', { ...fault.evidence, last: fault.code, tries: message.tries + 1 }) : fault;
    const state = final || late ? 'failed' : 'waiting';
    const after: QueuedMessage = { ...afterFailure(message, told, nowMs, waitMs), giveUpAt: new Date(untilMs).toISOString(), state };
    this.#unwritten.set(message.id, after);
    if (!(await this.#write(message.id))) return;
    report({ kind: 'not-sent', message: after, fault: told, final: final || late, waitMs });
  }

  /** What the disk refused holds in memory, and is tried at each look. */
  async #writeAgain(): Promise<void> {
    await Promise.all([...this.#unwritten.keys()].map((id) => this.#write(id)));
  }

  /** Puts on the disk what became of a message: one write after another for each. @returns whether it still was there */
  async #write(id: string): Promise<boolean> {
    while (this.#writing.has(id)) await this.#writing.get(id);
    const write = this.#writeOnce(id).finally(() => this.#writing.delete(id));
    this.#writing.set(id, write);
    return await write;
  }

  async #writeOnce(id: string): Promise<boolean> {
    const became = this.#unwritten.get(id);
    if (became === undefined) return false;
    // Dropped by a person meanwhile: it must not come back.
    const isThere = existsSync(join(this.#spool.folder, `${id}.json`));
    try {
      if (isThere && became === 'sent') await this.#spool.remove(id);
      else if (isThere && became !== 'sent') await this.#spool.note(became);
      // It may have become something else while this was written.
      if (this.#unwritten.get(id) !== became) return isThere;
      this.#unwritten.delete(id);
      this.#remember(id, isThere && became !== 'sent' ? became : undefined);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      this.#remember(id, became === 'sent' ? undefined : became);
      this.#tell(new Fault('queue.unwritable', { folder: this.#spool.folder, seen: String(error.code) }));
    }
    return isThere;
  }
}

/**
 * What is left to do in one folder under one UIDVALIDITY: read from the archive's ledger and its notes, kept up to date while it is done.
 *
 * The hard thing is a mailbox of a million messages that is looked at every minute: the ledger is read on from where it was read to, and
 * only what waits, failed or was never answered is held in memory.
 */
import type { Archive, CompletionStep, Era, LedgerEntry } from '../../archive/archive.ts';
import type { Clock } from '../../runtime/clock.ts';

/** Pause after a run that did not go well, and for a message that was refused; doubles each time. */
const firstPauseMs = 60_000;
const longestPauseMs = 6 * 60 * 60_000;

export interface FolderWorkPorts {
  readonly archive: Archive;
  readonly clock: Clock;
}

/** A message that is safe in the archive. */
export interface SafeMessage {
  readonly uid: number;
  readonly sha256: string;
  readonly safeSinceMs: number;
}

export class FolderWork {
  readonly era: Era;
  readonly #afterMs: number;
  readonly #ports: FolderWorkPorts;
  /** The ledger is read up to this row. */
  #row = 0;
  /** UIDs of what is done and stays listed (marked as read). What leaves the folder is told by the server's list. */
  readonly #done = new Set<number>();
  /** Asked for and not answered. Of what an earlier process asked for only the UID is known: the ledger brings it up again. */
  readonly #asked = new Map<number, SafeMessage | undefined>();
  /** Of these, the ones that a look could not settle: they alone are no reason for another look. */
  readonly #unsettled = new Set<number>();
  /** To be tried whatever the ledger brings: refused, put back, or safe since a time that has not come yet (the clock was set back). */
  readonly #again = new Map<number, SafeMessage>();
  /** The ledger need not be read on before this; on the wall clock. */
  #nextDueMs = Number.NEGATIVE_INFINITY;
  /** Nothing is tried before this; on the steady clock. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #pauses = 0;
  /** Messages that were refused or not proven: how often, and before when they are not tried again, on the steady clock. */
  readonly #failures = new Map<number, { readonly times: number; readonly notBeforeMs: number }>();

  private constructor(era: Era, afterMs: number, ports: FolderWorkPorts) {
    this.era = era;
    this.#afterMs = afterMs;
    this.#ports = ports;
  }

  /**
   * @param afterMs how long a message has to be safe before it is due, milliseconds
   * @throws Fault of the archive
   */
  static async read(era: Era, step: CompletionStep, afterMs: number, ports: FolderWorkPorts): Promise<FolderWork> {
    const work = new FolderWork(era, afterMs, ports);
    for await (const note of ports.archive.completions(era)) {
      if (note.step !== step) continue;
      if (note.phase === 'asked') work.#asked.set(note.uid, undefined);
      else work.#asked.delete(note.uid);
      if (step === 'seen' && note.phase === 'done') work.#done.add(note.uid);
    }
    return work;
  }

  /** Whether something may be due now. @throws Fault of the archive */
  async isDue(): Promise<boolean> {
    const { clock } = this.#ports;
    if (clock.monotonic() < this.#notBeforeMs) return false;
    if (this.#asked.size > this.#unsettled.size) return true;
    for (const message of this.#again.values()) if (this.#isDueAgain(message)) return true;
    if (clock.now() < this.#nextDueMs) return false;
    for await (const _ of this.#ripe()) return true;
    return false;
  }

  /** UIDs of what was asked for and never answered. */
  unanswered(): readonly number[] {
    return [...this.#asked.keys()];
  }

  /** What is still without an answer was looked for just now. */
  lookedAtAsked(): void {
    for (const uid of this.#asked.keys()) this.#unsettled.add(uid);
  }

  /**
   * Messages that are due and listed, in lots; each lot is the caller's to account for. What is not listed any more was taken away by
   * somebody else: there is nothing to do. Can be left early.
   */
  async *batches(listed: ReadonlySet<number>, size: number): AsyncGenerator<readonly SafeMessage[]> {
    let batch: SafeMessage[] = [];
    const add = (message: SafeMessage): boolean => {
      if (listed.has(message.uid)) batch.push(message);
      return batch.length >= size;
    };
    for (const message of this.#asked.values()) if (message !== undefined) this.#again.set(message.uid, message);
    for (const message of [...this.#again.values()].filter((one) => this.#isDueAgain(one))) {
      this.#again.delete(message.uid);
      if (!add(message)) continue;
      yield batch;
      batch = [];
    }
    for await (const { message, row } of this.#ripe()) {
      this.#row = row;
      if (!add(message)) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  /** Not tried after all: comes up again. */
  putBack(messages: readonly SafeMessage[]): void {
    for (const message of messages) this.#again.set(message.uid, message);
  }

  asked(messages: readonly SafeMessage[]): void {
    for (const message of messages) {
      this.#asked.set(message.uid, message);
      this.#unsettled.delete(message.uid);
    }
  }

  /** @param staysListed the message is still in the folder, so only we know that it is done */
  done(uids: readonly number[], staysListed: boolean): void {
    for (const uid of uids) {
      this.#answered(uid);
      this.#failures.delete(uid);
      if (staysListed) this.#done.add(uid);
    }
  }

  /** Each is tried again by itself, later each time. */
  failed(messages: readonly SafeMessage[]): void {
    for (const { uid } of messages) {
      this.#answered(uid);
      const times = (this.#failures.get(uid)?.times ?? 0) + 1;
      this.#failures.set(uid, { times, notBeforeMs: this.#ports.clock.monotonic() + pauseMs(times) });
    }
    this.putBack(messages);
  }

  /** Nothing is tried here for a while, longer each time. */
  postpone(): void {
    this.#pauses += 1;
    this.#notBeforeMs = this.#ports.clock.monotonic() + pauseMs(this.#pauses);
  }

  /** It went well: the next failure begins with the first pause. */
  calm(): void {
    this.#pauses = 0;
  }

  #answered(uid: number): void {
    this.#asked.delete(uid);
    this.#unsettled.delete(uid);
  }

  #isRipe(message: SafeMessage): boolean {
    return this.#ports.clock.now() >= message.safeSinceMs + this.#afterMs;
  }

  /** Of those that are tried again. */
  #isDueAgain(message: SafeMessage): boolean {
    const failure = this.#failures.get(message.uid);
    return this.#isRipe(message) && (failure === undefined || this.#ports.clock.monotonic() >= failure.notBeforeMs);
  }

  /** Reads the ledger on. Rows stand in the order in which they became safe, so the first that is not ripe ends it. */
  async *#ripe(): AsyncGenerator<{ readonly message: SafeMessage; readonly row: number }> {
    const { archive, clock } = this.#ports;
    const { source, folder, uidValidity } = this.era;
    for await (const entry of archive.ledger({ source, folder, afterRow: this.#row })) {
      const message = entry.uidValidity === uidValidity ? this.#wanted(entry) : undefined;
      if (message === undefined) {
        this.#row = entry.row;
      } else if (message.safeSinceMs > clock.now()) {
        // The clock was set back since. It must not hold up what comes behind.
        this.#row = entry.row;
        this.putBack([message]);
      } else if (this.#isRipe(message)) {
        yield { message, row: entry.row };
      } else {
        this.#nextDueMs = message.safeSinceMs + this.#afterMs;
        return;
      }
    }
    this.#nextDueMs = Number.NEGATIVE_INFINITY;
  }

  /** Undefined for what is done, and for what is in quarantine: the server's copy may be the only good one. */
  #wanted({ uid, state, sha256, acceptedAt }: LedgerEntry): SafeMessage | undefined {
    if (state === 'quarantined' || sha256 === undefined || this.#done.has(uid)) return undefined;
    return { uid, sha256, safeSinceMs: acceptedAt.getTime() };
  }
}

/** @param times failures in a row, from 1 */
function pauseMs(times: number): number {
  return Math.min(firstPauseMs * 2 ** Math.min(times - 1, 20), longestPauseMs);
}

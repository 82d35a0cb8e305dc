/**
 * The index as it follows the ledger of an archive that is open for writing: kept up with what arrives, and made again beside the old one
 * when records would come out otherwise now (a newer parser, another profile of a source).
 *
 * The hard thing is that nobody who searches notices: the old index stays and follows until the new one has caught up, then takes its
 * place in one rename. A crash in between leaves one of the two under its name, and the next start goes on from there.
 */
import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, isFault } from '../../fault/fault.ts';
import type { Progress } from '../archive.ts';
import { indexFault } from '../sqlite/errors.ts';
import { notedProfiles } from '../sqlite/index-schema.ts';
import type { Layout } from '../sqlite/layout.ts';
import { Deriver, type DeriverLimits, deriverLimits } from './deriver.ts';
import { type Profiles, profileName, profileOf } from './profiles.ts';

/** The index that is made beside the present one. */
export function nextIndexFile(where: Layout): string {
  return join(where.folder, 'index-next.sqlite');
}

export class FollowingIndex {
  readonly #where: Layout;
  #given: Profiles;
  readonly #limits: DeriverLimits;
  #profiles: Profiles = {};
  #deriver: Deriver | undefined;
  /** Fills the index that will take the place of the present one. */
  #successor: Deriver | undefined;
  #remaking: Promise<void> | undefined;
  /** Under way while one index takes the place of the other. */
  #exchange: Promise<void> | undefined;
  /** Under way while it goes on with other profiles. */
  #changing: Promise<void> | undefined;
  #failure: unknown;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #lastMessage = 0;
  #closing = false;

  /** @param given what is known about each source of the configuration */
  constructor(where: Layout, given: Profiles, limits: DeriverLimits = deriverLimits) {
    this.#where = where;
    this.#given = given;
    this.#limits = limits;
  }

  start(): void {
    this.#closing = false;
    try {
      this.#failure = undefined;
      putInPlace(this.#where);
      this.#profiles = { ...this.#profiles, ...notedProfiles(this.#where.index), ...this.#given };
      this.#deriver = new Deriver(this.#where, { profiles: this.#profiles, limits: this.#limits });
      this.#deriver.follow(this.#lastMessage);
      this.#failures = 0;
      if (this.#deriver.stale > 0) this.#remake();
      else removeIndex(nextIndexFile(this.#where));
    } catch (error) {
      this.#failure = indexFault(error);
      if (isFault(this.#failure, 'archive.disk-full', 'archive.write-failed', 'archive.read-failed')) this.#tryLater();
    }
  }

  /** What kept the index from being opened may pass. */
  #tryLater(): void {
    const waitMs = Math.min(this.#limits.retryFirstMs * 2 ** Math.min(this.#failures, 30), this.#limits.retryMostMs);
    this.#failures += 1;
    this.#retry = setTimeout(() => {
      if (!this.#closing && this.#deriver === undefined) this.start();
    }, waitMs);
    this.#retry.unref();
  }

  follow(lastMessage: number): void {
    this.#lastMessage = lastMessage;
    this.#deriver?.follow(lastMessage);
    this.#successor?.follow(lastMessage);
  }

  /** What keeps the deriving from going on. A bug of ours is a fault here too: whoever watches an import must hear of it, and the import goes on. */
  get fault(): Fault | undefined {
    const failure = this.#deriver?.failure ?? this.#failure;
    if (failure === undefined || failure instanceof Fault) return failure;
    const text = failure instanceof Error ? failure.message : String(failure);
    return new Fault('archive.deriving-stopped', { text }, { cause: failure });
  }

  /** Resolves when everything durable is derived. @throws what keeps the deriving from going on, or the signal's reason */
  async caughtUp(onProgress?: (progress: Progress) => void, signal?: AbortSignal): Promise<void> {
    for (;;) {
      await this.#changing;
      await this.#exchange;
      const deriver = this.#deriver;
      if (deriver === undefined) throw this.#failure ?? new Error('the archive is closed');
      try {
        await deriver.caughtUp(onProgress, signal);
        return;
      } catch (error) {
        // Closed because another index takes its place, or it goes on with other profiles: that one has to catch up too.
        if (signal?.aborted === true || (this.#changing === undefined && (this.#deriver === deriver || this.#closing))) throw error;
      }
    }
  }

  /** What is known about each source of the configuration, and of those that came later. */
  get given(): Profiles {
    return this.#given;
  }

  /**
   * Goes on with these profiles in place of those that their sources had, as a start with them would: what is derived from now on is made
   * with them, and where records would come out otherwise the index is made again beside the old one.
   */
  async setProfiles(profiles: Profiles): Promise<void> {
    const change = (this.#changing ?? Promise.resolve()).then(() => this.#change(profiles));
    const nothing = (): void => undefined;
    const over = change.then(nothing, nothing);
    this.#changing = over;
    try {
      await change;
    } finally {
      if (this.#changing === over) this.#changing = undefined;
    }
  }

  async #change(profiles: Profiles): Promise<void> {
    this.#given = { ...this.#given, ...profiles };
    const isKnown = (source: string): boolean =>
      Object.hasOwn(this.#profiles, source) && profileName(profileOf(this.#profiles, source)) === profileName(profileOf(profiles, source));
    if (Object.keys(profiles).every(isKnown)) return;
    await this.#shut();
    this.start();
  }

  /** Throws the derived database away and begins with an empty one. */
  async startAgain(): Promise<void> {
    this.#profiles = { ...notedProfiles(this.#where.index), ...this.#profiles };
    await this.close();
    for (const file of [this.#where.index, nextIndexFile(this.#where)]) removeIndex(file);
    this.start();
  }

  async close(): Promise<void> {
    await this.#changing;
    await this.#shut();
  }

  async #shut(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    await this.#successor?.close();
    const deriver = this.#deriver;
    this.#deriver = undefined;
    await deriver?.close(); // first of all, for the remaking may wait until it has caught up
    await this.#remaking;
  }

  #remake(): void {
    // Nobody waits for it: what fails here leaves the old records as they are, and the next start tries again.
    this.#remaking = this.#makeSuccessor().catch(() => undefined);
  }

  async #makeSuccessor(): Promise<void> {
    const file = nextIndexFile(this.#where);
    // What is there already can be found; what arrives now should be found first.
    if (this.#deriver !== undefined) await this.#goOn(this.#deriver);
    if (this.#closing) return;
    const task = { index: file, profiles: this.#profiles, limits: { ...this.#limits, threads: 1 } };
    let successor = new Deriver(this.#where, task);
    if (successor.stale > 0) {
      // Begun with yet another profile.
      await successor.close();
      removeIndex(file);
      successor = new Deriver(this.#where, task);
    }
    this.#successor = successor;
    try {
      successor.follow(this.#lastMessage);
      while (!this.#closing && successor.watermark < this.#lastMessage) await this.#goOn(successor);
      if (this.#closing) return;
    } finally {
      this.#successor = undefined;
      await successor.close();
    }
    this.#exchange = this.#takePlace(file).finally(() => {
      this.#exchange = undefined;
    });
    await this.#exchange;
  }

  /** A failure that may pass is waited for: the old index serves meanwhile. */
  async #goOn(deriver: Deriver): Promise<void> {
    try {
      await deriver.caughtUp();
    } catch (error) {
      if (this.#closing || !(await deriver.retried())) throw error;
    }
  }

  async #takePlace(file: string): Promise<void> {
    // Closed by its last user, an index has nothing left in its log; if it has, it is no whole index under another name.
    if ((statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
    const old = this.#deriver;
    this.#deriver = undefined;
    await old?.close();
    removeIndex(this.#where.index);
    putInPlace(this.#where);
    if (!this.#closing) this.start();
  }
}

/** An index that was made beside another one that is gone has its place. */
function putInPlace(where: Layout): void {
  const next = nextIndexFile(where);
  if (existsSync(where.index) || !existsSync(next)) return;
  removeIndex(where.index); // its log would be taken for the other one's
  renameSync(next, where.index);
  removeIndex(next);
}

/** The database first: a log without one is thrown away, one with another's is not. */
function removeIndex(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
}

/**
 * Brings one source in: connects, goes over its folders, and after a fault says whether and when to try again; goes on where it stopped.
 *
 * The hard thing is to know when to give up. What a person must mend ends a run at once; a passing fault is met with growing waits
 * that start anew whenever something was gained in between. "Not connected" is both: on a mailbox that worked before it passes.
 */
import type { Archive, Era } from '../archive/archive.ts';
import type { FolderChoice } from '../config/config.ts';
import { Fault } from '../fault/fault.ts';
import type { Journal } from '../journal/journal.ts';
import { waitBefore } from './backoff.ts';
import type { ConnectionBudget } from './budget.ts';
import type { CompletionPorts, CompletionSummary, SourceCompletion } from './complete/completion.ts';
import type { FolderSummary, ImportEvent, SourceSummary, Tally } from './events.ts';
import { isOf } from './fault-classes.ts';
import { FolderImport } from './folder.ts';
import { Lanes } from './lanes.ts';
import type { Lease, Leases } from './lease.ts';
import type { ConnectMailbox, Mailbox, OpenFolder } from './mailbox.ts';
import { type PausePorts, patiently } from './patience.ts';
import { answerRetries, takeUpRetries } from './retry-requests.ts';
import { SourceFolders } from './source-folders.ts';

export interface ImportSource {
  readonly name: string;
  readonly folders: FolderChoice;
  /** How long to wait between two looks when the import goes on. */
  readonly everyMs: number;
  readonly connect: ConnectMailbox;
  /** Where it lies, for the budget of connections to one host. */
  readonly host?: string;
  /** Connections to this mailbox at once, at most; 1 without it. */
  readonly connections?: number;
  /** Messages whose INTERNALDATE is before this are counted and never fetched. */
  readonly since?: Date | undefined;
  /** A folder that no pattern finds: the one that `onCompletion` moves to. */
  readonly leaveOut?: string | undefined;
  /** The server gives the mailbox to one session at a time (POP3). */
  readonly exclusive?: boolean;
  /** What is done on the server with messages that are safe. */
  readonly completion?: ((ports: CompletionPorts) => SourceCompletion) | undefined;
}

/** `signal` is aborted when a person wants the import to end: what was taken over is kept. */
export interface ImportPorts extends PausePorts {
  readonly archive: Archive;
  /** Shared by all who start runs on this archive. Absent: nobody else does. */
  readonly leases?: Leases;
  /** What people want asked for again; taken up at each pass. */
  readonly retries?: Pick<Journal, 'pendingRetries' | 'endRetry'>;
  /** The share of its time, 0 to 1, that this process was at work since it was asked last. Absent: the machine's own. */
  readonly busy?: () => number;
}

/** Failures in a row, with nothing gained in between, after which a run gives up for now. */
const maxAttempts = 6;
/** The same while no login has succeeded in this run: a wrong host or port is told after some seconds, not after a minute. */
const maxAttemptsUnreached = 3;

/** A source that looked at everything and was without a failure for so long begins to count anew. */
const calmMs = 60_000;

/** So many folders left to look at are worth another connection. */
const foldersWorthALane = 4;

/**
 * One run over all folders of a source, to the end. Connected only while it holds a place of `budget`.
 * @returns how it ended; faults of the source are in the summary
 * @throws Fault of the archive; a bug of ours
 */
export async function importOnce(source: ImportSource, ports: ImportPorts, budget: ConnectionBudget): Promise<SourceSummary> {
  const run = new SourceRun(source, ports, budget);
  let lease: Lease | undefined;
  try {
    lease = ports.leases?.take(source.name);
    await complete(run, source, ports, budget);
  } catch (error) {
    if (!ports.signal.aborted && (!(error instanceof Fault) || isArchiveFault(error))) throw error;
    await ports.archive.flush(); // the summary counts what is durable
    const fault = error instanceof Fault ? error : undefined;
    if (fault !== undefined && !ports.signal.aborted) ports.report({ kind: 'failed', source: source.name, fault, waitMs: undefined });
    return run.summary(fault);
  } finally {
    lease?.end();
  }
  return run.summary(undefined);
}

/** Tries until one pass ends well. @throws Fault that ends the run; the signal's reason */
async function complete(run: SourceRun, source: ImportSource, ports: ImportPorts, budget: ConnectionBudget): Promise<void> {
  for (;;) {
    try {
      await budget.within(hostOf(source), ports.signal, async () => {
        try {
          await run.pass();
        } finally {
          await run.close();
        }
        await run.completeOnServer();
      });
      return;
    } catch (error) {
      const failure = await run.failed(error);
      if (failure.waitMs === undefined || failure.hopeless) throw failure.fault;
      await run.pause(failure.fault, failure.waitMs);
    }
  }
}

/** The budget's name of where the source lies. */
export function hostOf({ host, name }: ImportSource): string {
  return host ?? name;
}

export interface Failure {
  readonly fault: Fault;
  /** Before the next attempt, milliseconds; 0 = at once, nobody need know. Undefined: only a person can help. */
  readonly waitMs: number | undefined;
  /** So many in a row that a run which is to end should. */
  readonly hopeless: boolean;
}

/** The state of a source over the connections that its run takes. */
export class SourceRun {
  readonly #source: ImportSource;
  readonly #ports: ImportPorts;
  readonly #lanes: Lanes | undefined;
  readonly #folders: SourceFolders;
  readonly #imports = new Map<string, FolderImport>();
  readonly #faults = new Map<string, Fault>();
  /** Folders that this pass has still to look at. Kept over a lost connection, so that a pass of many folders comes to its end. */
  #due: string[] = [];
  #isUnderWay = false;
  #mailbox: Mailbox | undefined;
  /** `isLooked`: what it held when it was opened has been compared. */
  #open: { readonly name: string; readonly folder: OpenFolder; isLooked: boolean } | undefined;
  #reached = false;
  #opened = false;
  /** In a row, with nothing gained in between. */
  #failures = 0;
  #foldersDone = 0;
  #passesDone = 0;
  #atFailure = { delivered: 0, foldersDone: 0, passesDone: 0, atMs: Number.NEGATIVE_INFINITY };
  #settledBeforePass: Tally = { archived: 0, duplicate: 0, quarantined: 0 };
  #passBeganMs = 0;
  #newest: Date | undefined;
  readonly #completing: SourceCompletion | undefined;
  #completion: { summaries: CompletionSummary[]; fault: Fault | undefined } | undefined;

  constructor(source: ImportSource, ports: ImportPorts, budget: ConnectionBudget) {
    this.#source = source;
    this.#ports = { ...ports, report: (event) => this.#report(event, ports.report) };
    const most = (source.connections ?? 1) - 1;
    const { connect } = source;
    const onFewer = (left: number, fault: Fault): void =>
      ports.report({ kind: 'fewer-connections', source: source.name, connections: left + 1, fault });
    if (most > 0) this.#lanes = new Lanes({ most, host: hostOf(source), connect, book: ports.archive, budget, onFewer }, this.#ports);
    this.#folders = new SourceFolders(source, this.#ports);
    this.#completing = source.completion?.(ports);
  }

  /** What is wrong with single folders, and patterns, since the last pass began. */
  get folderFaults(): ReadonlyMap<string, Fault> {
    return this.#faults;
  }

  /** One look at every folder, on the open connection or a new one; goes on with a pass that was cut off. @throws Fault that ended the connection */
  async pass(): Promise<void> {
    const { archive, clock } = this.#ports;
    if (!this.#isUnderWay) {
      this.#faults.clear();
      this.#passBeganMs = clock.monotonic();
      this.#newest = undefined;
    }
    const mailbox = this.#mailbox ?? (await this.#connect());
    if (!this.#isUnderWay) await this.#begin(mailbox);
    await this.#lookAtAll(mailbox);
    this.#isUnderWay = false;
    this.#passesDone += 1;
    await archive.flush();
    await answerRetries(this.#source.name, this.#ports.retries, this.#imports);
    this.#folders.tellRenamed(this.#imports);
    this.#tellPass();
  }

  /** Lets go of what a run that goes on need not remember; between two passes. The summary then counts from here on. */
  async settle(): Promise<void> {
    for (const work of this.#imports.values()) await work.settle();
  }

  /** Waits until the first folder may hold something new, or the source is due. @throws Fault; the reason of the signal or of `wake` */
  async waitForNews(wake?: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const signal = this.#until(wake);
    const first = this.#folders.names[0];
    const mailbox = this.#mailbox;
    if (mailbox === undefined || first === undefined || this.#faults.has(first)) return await clock.sleep(this.#source.everyMs, signal);
    const folder = this.#open?.name === first ? this.#open.folder : await this.#openFolder(mailbox, first);
    await folder.watch(this.#source.everyMs, signal);
  }

  /**
   * Does on the server what is due there, on a connection of its own; after a pass that ended well, while a place of the budget is held.
   * Its faults are told and end nothing: what was not done is due again.
   * @throws Fault of the archive; the signal's reason
   */
  async completeOnServer(): Promise<void> {
    const { name, exclusive } = this.#source;
    const completion = this.#completing;
    const { signal, report } = this.#ports;
    const eras = this.#eras();
    if (completion === undefined || eras.length === 0 || !(await completion.due(eras))) return;
    if (exclusive) await this.close();
    this.#completion = { summaries: [], fault: undefined };
    const { summaries } = this.#completion;
    const onSummary = (summary: CompletionSummary): void => {
      summaries.push(summary);
      const { folder, step, target, done } = summary;
      if (done > 0) report({ kind: 'completed', source: name, folder, step, messages: done, target });
    };
    try {
      await completion.run(eras, signal, onSummary);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Fault) || isArchiveFault(error)) throw error;
      this.#completion.fault = error;
      report({ kind: 'completion-failed', source: name, fault: error });
    }
  }

  /**
   * What a failed pass or wait means. The connection is closed afterwards.
   * @throws what is no fault of this source: the signal's reason, a fault of the archive, a bug of ours
   */
  async failed(error: unknown): Promise<Failure> {
    await this.close();
    if (!(error instanceof Fault) || isArchiveFault(error)) throw error;
    this.#ports.signal.throwIfAborted();
    const fault = isOf(error, 'not-connected') && (await this.#worked()) ? this.#unavailable(error) : error;
    this.#failures = this.#gainedSinceFailure() ? 1 : this.#failures + 1;
    const [delivered, foldersDone, passesDone] = [this.#delivered, this.#foldersDone, this.#passesDone];
    this.#atFailure = { delivered, foldersDone, passesDone, atMs: this.#ports.clock.monotonic() };
    const hopeless = this.#failures >= (this.#reached || isOf(fault, 'crowded') ? maxAttempts : maxAttemptsUnreached);
    // M365 (doc): tokens live for about an hour and sessions no longer than their tokens, so this is no failure at all.
    if (isOf(fault, 'token-expired') && this.#failures === 1) return { fault, waitMs: 0, hopeless };
    return { fault, waitMs: waitBefore(fault, this.#failures, this.#ports.random()), hopeless };
  }

  /** Waits before the next attempt, and tells why. @throws the reason of the signal or of `wake` */
  async pause(fault: Fault, waitMs: number, wake?: AbortSignal): Promise<void> {
    if (waitMs === 0) return;
    this.#ports.report({ kind: 'waiting', source: this.#source.name, fault, waitMs });
    await this.#ports.clock.sleep(waitMs, this.#until(wake));
  }

  #until(wake: AbortSignal | undefined): AbortSignal {
    const { signal } = this.#ports;
    return wake === undefined ? signal : AbortSignal.any([signal, wake]);
  }

  summary(fault: Fault | undefined): SourceSummary {
    const names = this.#folders.names;
    const folders = names.map((folder): FolderSummary => this.#importOf(folder).summary(this.#faults.get(folder)));
    const stopped = this.#ports.signal.aborted;
    const { unmatched } = this.#folders;
    return {
      source: this.#source.name,
      folders,
      bytes: [...this.#imports.values()].reduce((sum, work) => sum + work.bytes, 0),
      fault,
      unmatched: [...unmatched.values()],
      completion: this.#completion,
      stopped,
      complete:
        fault === undefined &&
        !stopped &&
        unmatched.size === 0 &&
        this.#folders.areKnown &&
        folders.every((one) => one.fault === undefined && one.missing.length === 0),
    };
  }

  async close(): Promise<void> {
    const mailbox = this.#mailbox;
    this.#mailbox = undefined;
    this.#open = undefined;
    await mailbox?.close();
  }

  /** What the pass is to look at. */
  async #begin(mailbox: Mailbox): Promise<void> {
    const names = await patiently(this.#source.name, this.#ports, () => this.#folders.resolve(mailbox));
    for (const name of this.#imports.keys()) if (!names.includes(name)) this.#imports.delete(name);
    this.#settledBeforePass = this.#settled;
    for (const [pattern, fault] of this.#folders.unmatched) this.#faults.set(pattern, fault);
    for (const name of names) this.#importOf(name);
    await takeUpRetries(this.#source.name, this.#ports.retries, this.#imports);
    // The first folder comes last, so that it is open for listening.
    this.#due = [...names].reverse();
    this.#isUnderWay = true;
  }

  /** Every folder that is due, several at once where that is worth other connections. @throws Fault that ended the connection */
  async #lookAtAll(mailbox: Mailbox): Promise<void> {
    const { signal } = this.#ports;
    const deliveredBefore = this.#delivered;
    const others = this.#lanes?.share({
      // Folders without news cost two commands each: that is worth no login.
      isWorth: () => this.#due.length > foldersWorthALane && this.#delivered > deliveredBefore,
      part: (lane, isOver) => this.#lookAtSome(lane, isOver),
    });
    try {
      for (;;) {
        for (let folder = this.#due.shift(); folder !== undefined; folder = this.#due.shift()) {
          signal.throwIfAborted();
          const name = folder;
          await this.#lookAt(name, () => this.#reopen(mailbox, name));
          if (this.#open?.name === name) this.#open.isLooked = !this.#faults.has(name);
          others?.offer();
        }
        await others?.end();
        if (this.#due.length === 0) return;
      }
    } catch (error) {
      await others?.cancel();
      throw error;
    }
  }

  /** The part of another connection. The last folder is left to the first one, which stays open for listening. */
  async #lookAtSome(mailbox: Mailbox, isOver: () => boolean): Promise<void> {
    while (this.#due.length > 1 && !isOver()) {
      const name = this.#due.shift();
      if (name !== undefined) {
        await this.#lookAt(name, async () => [await patiently(this.#source.name, this.#ports, () => mailbox.open(name)), undefined]);
      }
    }
  }

  /** @throws Fault that ended the connection; then the folder is due again */
  async #lookAt(name: string, open: () => Promise<readonly [OpenFolder, boolean | undefined]>): Promise<void> {
    try {
      const [folder, news] = await open();
      await this.#importOf(name).run(folder, news);
    } catch (error) {
      if (!isOf(error, 'folder')) {
        // The others first, should it be this folder that ends the connection.
        this.#due.push(name);
        throw error;
      }
      this.#faults.set(name, error);
    }
    this.#foldersDone += 1;
  }

  #tellPass(): void {
    const { report, clock } = this.#ports;
    const source = this.#source.name;
    const [before, now] = [this.#settledBeforePass, this.#settled];
    const sum = { listed: 0, excluded: 0, missing: 0 };
    for (const [folder, work] of this.#imports) {
      const { listed, excluded, missing } = work.looked;
      sum.listed += listed;
      sum.excluded += excluded;
      sum.missing += missing.length;
      if (missing.length > 0)
        report({ kind: 'missing', source, folder, uidValidity: work.era?.uidValidity ?? 0, uids: missing, uidls: work.uidlsOf(missing) });
    }
    report({
      kind: 'pass',
      source,
      arrived: now.archived - before.archived,
      duplicate: now.duplicate - before.duplicate,
      quarantined: now.quarantined - before.quarantined,
      ...sum,
      faults: new Map(this.#faults),
      durationMs: clock.monotonic() - this.#passBeganMs,
      newest: this.#newest,
    });
  }

  #report(event: ImportEvent, report: ImportPorts['report']): void {
    if (event.kind === 'message' && event.internalDate !== undefined && (this.#newest === undefined || event.internalDate > this.#newest)) {
      this.#newest = event.internalDate;
    }
    if (event.kind === 'waiting' && isOf(event.fault, 'throttled')) this.#lanes?.lower(event.fault);
    report(event);
  }

  /** Of the folders that the pass brought in whole. */
  #eras(): readonly Era[] {
    return [...this.#imports].flatMap(([name, { era }]) => (era === undefined || this.#faults.has(name) ? [] : [era]));
  }

  /**
   * A folder that was looked at counts only inside a pass: listening that ends at once after each good pass is no gain. Nor is time alone:
   * a server that falls silent lets a minute go by before each failure.
   */
  #gainedSinceFailure(): boolean {
    const { delivered, foldersDone, passesDone, atMs } = this.#atFailure;
    const isCalm = this.#passesDone > passesDone && this.#ports.clock.monotonic() - atMs > calmMs;
    return this.#delivered > delivered || (this.#isUnderWay && this.#foldersDone > foldersDone) || isCalm;
  }

  get #delivered(): number {
    return [...this.#imports.values()].reduce((sum, work) => sum + work.delivered, 0);
  }

  get #settled(): Tally {
    const sum = { archived: 0, duplicate: 0, quarantined: 0 };
    for (const { settled } of this.#imports.values()) {
      sum.archived += settled.archived;
      sum.duplicate += settled.duplicate;
      sum.quarantined += settled.quarantined;
    }
    return sum;
  }

  async #connect(): Promise<Mailbox> {
    const { signal, report, clock } = this.#ports;
    const source = this.#source.name;
    report({ kind: 'connecting', source, attempt: this.#failures + 1 });
    const beganMs = clock.monotonic();
    const mailbox = await this.#source.connect(signal, this.#ports.archive);
    report({ kind: 'logged-in', source, afterMs: clock.monotonic() - beganMs });
    this.#mailbox = mailbox;
    this.#reached = true;
    return mailbox;
  }

  /** The folder, opened anew only where it is not open; and whether the server told of news since it was looked at. */
  async #reopen(mailbox: Mailbox, name: string): Promise<readonly [OpenFolder, boolean | undefined]> {
    if (this.#open?.name !== name) return [await this.#openFolder(mailbox, name), undefined];
    const { folder, isLooked } = this.#open;
    const news = await patiently(this.#source.name, this.#ports, () => folder.changed());
    if (news === undefined) return [await this.#openFolder(mailbox, name), undefined];
    return [folder, isLooked || news ? news : undefined];
  }

  async #openFolder(mailbox: Mailbox, name: string): Promise<OpenFolder> {
    this.#open = undefined;
    const folder = await patiently(this.#source.name, this.#ports, () => mailbox.open(name));
    this.#open = { name, folder, isLooked: false };
    this.#opened = true;
    return folder;
  }

  #importOf(folder: string): FolderImport {
    const known = this.#imports.get(folder);
    if (known !== undefined) return known;
    const work = new FolderImport(this.#source.name, folder, this.#ports, { since: this.#source.since, lanes: this.#lanes });
    this.#imports.set(folder, work);
    return work;
  }

  /** M365 (doc): on a mailbox that worked before, "not connected" passes by itself; on a new one a person must mend it. */
  async #worked(): Promise<boolean> {
    if (this.#opened) return true;
    for (const folder of this.#folders.names) {
      if ((await this.#ports.archive.cursor(this.#source.name, folder)) !== undefined) return true;
    }
    return false;
  }

  #unavailable(cause: Fault): Fault {
    return new Fault('import.mailbox-unavailable', { source: this.#source.name, ...cause.evidence }, { cause });
  }
}

export function isArchiveFault(fault: Fault): boolean {
  return fault.code.startsWith('archive.');
}

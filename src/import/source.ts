/**
 * Brings one source in: connects, goes over its folders, and after a fault says whether and when to try again; goes on where it stopped.
 *
 * The hard thing is to know when to give up. What a person must mend ends a run at once; a passing fault is met with growing waits
 * that start anew whenever something was gained in between. "Not connected" is both: on a mailbox that worked before it passes.
 */
import type { Archive, LedgerState } from '../archive/archive.ts';
import { Fault, isFault } from '../fault/fault.ts';
import { waitBefore } from './backoff.ts';
import type { FolderSummary, SourceSummary } from './events.ts';
import { FolderImport } from './folder.ts';
import type { ConnectMailbox, Mailbox, OpenFolder } from './mailbox.ts';
import { type PausePorts, patiently } from './patience.ts';
import type { Slots } from './slots.ts';

export interface ImportSource {
  readonly name: string;
  /** Decoded names, at least one. */
  readonly folders: readonly string[];
  /** How long to wait between two looks when the import goes on. */
  readonly everyMs: number;
  readonly connect: ConnectMailbox;
}

/** `signal` is aborted when a person wants the import to end: what was taken over is kept. */
export interface ImportPorts extends PausePorts {
  readonly archive: Archive;
}

/** Failures in a row, with nothing gained in between, after which a run gives up for now. */
const maxAttempts = 6;
/** The same while no login has succeeded in this run: a wrong host or port is told after some seconds, not after a minute. */
const maxAttemptsUnreached = 3;

/** A source without a failure for so long begins to count anew. */
const calmMs = 60_000;

/** Faults of one folder that leave the connection and the other folders alone. */
const folderFaults = ['imap.folder-unknown', 'imap.refused', 'imap.bad-command', 'import.incomplete'] as const;

/**
 * One run over all folders of a source, to the end. Connected only while it holds one of `slots`.
 * @returns how it ended; faults of the source are in the summary
 * @throws Fault of the archive; a bug of ours
 */
export async function importOnce(source: ImportSource, ports: ImportPorts, slots: Slots): Promise<SourceSummary> {
  const run = new SourceRun(source, ports);
  try {
    await complete(run, ports, slots);
  } catch (error) {
    if (!ports.signal.aborted && (!(error instanceof Fault) || isArchiveFault(error))) throw error;
    await ports.archive.flush(); // the summary counts what is durable
    return run.summary(error instanceof Fault ? error : undefined);
  }
  return run.summary(undefined);
}

/** Tries until one pass ends well. @throws Fault that ends the run; the signal's reason */
async function complete(run: SourceRun, ports: ImportPorts, slots: Slots): Promise<void> {
  for (;;) {
    try {
      await slots.within(ports.signal, async () => {
        try {
          await run.pass();
        } finally {
          await run.close();
        }
      });
      return;
    } catch (error) {
      const failure = await run.failed(error);
      if (failure.waitMs === undefined || failure.hopeless) throw failure.fault;
      await run.pause(failure.fault, failure.waitMs);
    }
  }
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
  readonly #imports: ReadonlyMap<string, FolderImport>;
  readonly #faults = new Map<string, Fault>();
  /** Folders that this pass has still to look at. Kept over a lost connection, so that a pass of many folders comes to its end. */
  #due: string[] = [];
  #mailbox: Mailbox | undefined;
  #open: { readonly name: string; readonly folder: OpenFolder } | undefined;
  #reached = false;
  #opened = false;
  /** In a row, with nothing gained in between. */
  #failures = 0;
  #foldersDone = 0;
  #atFailure = { delivered: 0, foldersDone: 0, atMs: Number.NEGATIVE_INFINITY };
  #settledBeforePass: Readonly<Record<LedgerState, number>> = { archived: 0, duplicate: 0, quarantined: 0 };

  constructor(source: ImportSource, ports: ImportPorts) {
    this.#source = source;
    this.#ports = ports;
    // RFC 9051 §5.1: INBOX is the one name in which case does not count.
    const names = source.folders.map((folder) => (folder.toUpperCase() === 'INBOX' ? 'INBOX' : folder));
    this.#imports = new Map(names.map((folder) => [folder, new FolderImport(source.name, folder, ports)]));
  }

  /** What is wrong with single folders since the last pass began. */
  get folderFaults(): ReadonlyMap<string, Fault> {
    return this.#faults;
  }

  /** One look at every folder, on the open connection or a new one; goes on with a pass that was cut off. @throws Fault that ended the connection */
  async pass(): Promise<void> {
    const { signal, archive, report } = this.#ports;
    if (this.#due.length === 0) {
      // The first folder comes last, so that it is open for listening.
      this.#due = [...this.#imports.keys()].reverse();
      this.#faults.clear();
      this.#settledBeforePass = this.#settled;
    }
    const mailbox = this.#mailbox ?? (await this.#connect());
    for (let folder = this.#due[0]; folder !== undefined; folder = this.#due[0]) {
      signal.throwIfAborted();
      try {
        await this.#folderImport(folder).run(await this.#openFolder(mailbox, folder));
      } catch (error) {
        if (!isFault(error, ...folderFaults)) {
          // The others first, should it be this folder that ends the connection.
          this.#due.push(...this.#due.splice(0, 1));
          throw error;
        }
        this.#faults.set(folder, error);
      }
      this.#due.shift();
      this.#foldersDone += 1;
    }
    await archive.flush();
    const [before, now] = [this.#settledBeforePass, this.#settled];
    report({
      kind: 'pass',
      source: this.#source.name,
      arrived: now.archived - before.archived,
      duplicate: now.duplicate - before.duplicate,
      quarantined: now.quarantined - before.quarantined,
    });
  }

  /** Lets go of what a run that goes on need not remember; between two passes. The summary then counts from here on. */
  async settle(): Promise<void> {
    for (const work of this.#imports.values()) await work.settle();
  }

  /** Waits until the first folder may hold something new, or the source is due. @throws Fault; the signal's reason */
  async waitForNews(): Promise<void> {
    const { clock, signal } = this.#ports;
    const [first] = this.#imports.keys();
    const mailbox = this.#mailbox;
    if (mailbox === undefined || first === undefined || this.#faults.has(first)) return await clock.sleep(this.#source.everyMs, signal);
    const folder = this.#open?.name === first ? this.#open.folder : await this.#openFolder(mailbox, first);
    await folder.watch(this.#source.everyMs, signal);
  }

  /**
   * What a failed pass or wait means. The connection is closed afterwards.
   * @throws what is no fault of this source: the signal's reason, a fault of the archive, a bug of ours
   */
  async failed(error: unknown): Promise<Failure> {
    await this.close();
    if (!(error instanceof Fault) || isArchiveFault(error)) throw error;
    this.#ports.signal.throwIfAborted();
    const fault = isFault(error, 'imap.not-connected') && (await this.#worked()) ? this.#unavailable(error) : error;
    this.#failures = this.#gainedSinceFailure() ? 1 : this.#failures + 1;
    this.#atFailure = { delivered: this.#delivered, foldersDone: this.#foldersDone, atMs: this.#ports.clock.monotonic() };
    const hopeless = this.#failures >= (this.#reached ? maxAttempts : maxAttemptsUnreached);
    // M365 (doc): tokens live for about an hour and sessions no longer than their tokens, so this is no failure at all.
    if (isFault(fault, 'imap.token-expired') && this.#failures === 1) return { fault, waitMs: 0, hopeless };
    return { fault, waitMs: waitBefore(fault, this.#failures, this.#ports.random()), hopeless };
  }

  /** Waits before the next attempt, and tells why. */
  async pause(fault: Fault, waitMs: number): Promise<void> {
    if (waitMs === 0) return;
    this.#ports.report({ kind: 'waiting', source: this.#source.name, fault, waitMs });
    await this.#ports.clock.sleep(waitMs, this.#ports.signal);
  }

  summary(fault: Fault | undefined): SourceSummary {
    const folders = [...this.#imports].map(([folder, work]): FolderSummary => work.summary(this.#faults.get(folder)));
    const stopped = this.#ports.signal.aborted;
    return {
      source: this.#source.name,
      folders,
      bytes: [...this.#imports.values()].reduce((sum, work) => sum + work.bytes, 0),
      fault,
      stopped,
      complete: fault === undefined && !stopped && folders.every((one) => one.fault === undefined && one.missing.length === 0),
    };
  }

  async close(): Promise<void> {
    const mailbox = this.#mailbox;
    this.#mailbox = undefined;
    this.#open = undefined;
    await mailbox?.close();
  }

  /** A folder that was looked at counts only inside a pass: listening that ends at once after each good pass is no gain. */
  #gainedSinceFailure(): boolean {
    const { delivered, foldersDone, atMs } = this.#atFailure;
    const inPass = this.#due.length > 0;
    return this.#delivered > delivered || (inPass && this.#foldersDone > foldersDone) || this.#ports.clock.monotonic() - atMs > calmMs;
  }

  get #delivered(): number {
    return [...this.#imports.values()].reduce((sum, work) => sum + work.delivered, 0);
  }

  get #settled(): Readonly<Record<LedgerState, number>> {
    const sum = { archived: 0, duplicate: 0, quarantined: 0 };
    for (const { settled } of this.#imports.values()) {
      sum.archived += settled.archived;
      sum.duplicate += settled.duplicate;
      sum.quarantined += settled.quarantined;
    }
    return sum;
  }

  async #connect(): Promise<Mailbox> {
    const { signal, report } = this.#ports;
    report({ kind: 'connecting', source: this.#source.name, attempt: this.#failures + 1 });
    const mailbox = await this.#source.connect(signal);
    this.#mailbox = mailbox;
    this.#reached = true;
    return mailbox;
  }

  async #openFolder(mailbox: Mailbox, name: string): Promise<OpenFolder> {
    this.#open = undefined;
    const folder = await patiently(this.#source.name, this.#ports, () => mailbox.open(name));
    this.#open = { name, folder };
    this.#opened = true;
    return folder;
  }

  #folderImport(folder: string): FolderImport {
    const work = this.#imports.get(folder);
    if (work === undefined) throw new Error(`no import was made for the folder ${folder}`);
    return work;
  }

  /** M365 (doc): on a mailbox that worked before, "not connected" passes by itself; on a new one a person must mend it. */
  async #worked(): Promise<boolean> {
    if (this.#opened) return true;
    for (const folder of this.#imports.keys()) {
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

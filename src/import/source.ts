/**
 * Brings one source in: connects, goes over its folders, and after a fault waits as the catalogue says and goes on where it stopped.
 *
 * The hard thing is to know when to give up. What a person must mend ends the run at once; a passing fault is met with growing waits
 * that start anew whenever something arrived in between.
 */
import type { Archive } from '../archive/archive.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import { waitBefore } from './backoff.ts';
import type { FolderSummary, ImportEvent, SourceSummary } from './events.ts';
import { FolderImport } from './folder.ts';
import type { ConnectMailbox, Mailbox, OpenFolder } from './mailbox.ts';

export interface ImportSource {
  readonly name: string;
  /** Decoded names, at least one. */
  readonly folders: readonly string[];
  /** How long to wait between two looks when the import goes on. */
  readonly everyMs: number;
  readonly connect: ConnectMailbox;
}

export interface ImportPorts {
  readonly archive: Archive;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: (event: ImportEvent) => void;
  /** Aborted when a person wants the import to end: what was taken over is kept. */
  readonly signal: AbortSignal;
}

/** Failures in a row, with nothing brought in between, after which a run gives up for now. */
const maxAttempts = 6;

/** Faults of one folder that leave the connection and the other folders alone. */
const folderFaults = ['imap.folder-unknown', 'imap.refused', 'imap.bad-command'] as const;

/**
 * One run over all folders of a source, to the end.
 * @returns how it ended; faults of the source are in the summary
 * @throws Fault of the archive; a bug of ours
 */
export async function importOnce(source: ImportSource, ports: ImportPorts): Promise<SourceSummary> {
  const run = new SourceRun(source, ports);
  try {
    await run.complete();
  } catch (error) {
    if (!ports.signal.aborted && (!(error instanceof Fault) || isArchiveFault(error))) throw error;
    await ports.archive.flush(); // the summary counts what is durable
    return run.summary(error instanceof Fault ? error : undefined);
  } finally {
    await run.close();
  }
  return run.summary(undefined);
}

/** The state of a source over the connections that its run takes. */
export class SourceRun {
  readonly #source: ImportSource;
  readonly #ports: ImportPorts;
  readonly #imports: ReadonlyMap<string, FolderImport>;
  readonly #faults = new Map<string, Fault>();
  #mailbox: Mailbox | undefined;
  /** The first folder, left open for listening after a pass. */
  #open: OpenFolder | undefined;
  #openedBefore = false;

  constructor(source: ImportSource, ports: ImportPorts) {
    this.#source = source;
    this.#ports = ports;
    this.#imports = new Map(source.folders.map((folder) => [folder, new FolderImport(source.name, folder, ports)]));
  }

  /** Passes over the folders until one pass ends well. @throws Fault that ends the run; the signal's reason */
  async complete(): Promise<void> {
    let attempt = 0;
    let arrivedBefore = 0;
    for (;;) {
      try {
        attempt += 1;
        await this.pass(attempt);
        return;
      } catch (error) {
        await this.close();
        this.#ports.signal.throwIfAborted();
        if (!(error instanceof Fault) || isArchiveFault(error)) throw error;
        if (this.arrived > arrivedBefore) attempt = 1;
        arrivedBefore = this.arrived;
        const waitMs = waitBefore(error, attempt, this.#ports.random());
        if (waitMs === undefined || attempt >= maxAttempts) throw error;
        this.#ports.report({ kind: 'waiting', source: this.#source.name, fault: error, waitMs });
        await this.#ports.clock.sleep(waitMs, this.#ports.signal);
      }
    }
  }

  /** One look at every folder, on the open connection or a new one. @throws Fault that ended the connection */
  async pass(attempt: number): Promise<void> {
    const { signal, archive, report } = this.#ports;
    if (this.#mailbox === undefined) {
      report({ kind: 'connecting', source: this.#source.name, attempt });
      this.#mailbox = await this.#source.connect(signal);
    }
    const before = this.arrived;
    this.#faults.clear();
    for (const [folder, work] of [...this.#imports].reverse()) {
      try {
        this.#open = await this.#openFolder(this.#mailbox, folder);
        await work.run(this.#open);
      } catch (error) {
        if (!isFault(error, ...folderFaults)) throw error;
        this.#faults.set(folder, error);
      }
    }
    await archive.flush();
    report({ kind: 'pass', source: this.#source.name, arrived: this.arrived - before });
  }

  /** Waits until the first folder may hold something new, or the source is due. @throws Fault; the signal's reason */
  async waitForNews(): Promise<void> {
    const { clock, signal } = this.#ports;
    if (this.#open === undefined) await clock.sleep(this.#source.everyMs, signal);
    else await this.#open.watch(this.#source.everyMs, signal);
  }

  get arrived(): number {
    return [...this.#imports.values()].reduce((sum, work) => sum + work.arrived, 0);
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

  async #openFolder(mailbox: Mailbox, folder: string): Promise<OpenFolder> {
    try {
      const opened = await mailbox.open(folder);
      this.#openedBefore = true;
      return opened;
    } catch (error) {
      // M365 (doc): on a mailbox that worked before, "not connected" passes by itself; on a new one a person must mend it.
      if (!isFault(error, 'imap.not-connected') || !(await this.#workedBefore(folder))) throw error;
      throw new Fault('import.mailbox-unavailable', { source: this.#source.name, folder }, { cause: error });
    }
  }

  async #workedBefore(folder: string): Promise<boolean> {
    return this.#openedBefore || (await this.#ports.archive.cursor(this.#source.name, folder)) !== undefined;
  }
}

export function isArchiveFault(fault: Fault): boolean {
  return fault.code.startsWith('archive.');
}

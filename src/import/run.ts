/**
 * Runs many sources side by side within a budget of connections, once or until a person ends it.
 *
 * The hard thing is that sources share one archive: a fault of a source ends that source, a fault of the archive ends them all. And a
 * thousand sources must not hold a thousand connections: some are kept open to listen, the others are looked at in turn.
 */
import type { Archive, ChainHead, Progress } from '../archive/archive.ts';
import { Fault } from '../fault/fault.ts';
import { slowProbeMs } from './backoff.ts';
import { ConnectionBudget } from './budget.ts';
import type { SourceSummary } from './events.ts';
import { Leases } from './lease.ts';
import { Slots } from './slots.ts';
import { hostOf, type ImportPorts, type ImportSource, importOnce, SourceRun } from './source.ts';

/** Connections kept open to listen, at most: each costs some 100 kB here, and the server its patience. */
export const defaultListening = 100;

export interface RunSummary {
  readonly sources: readonly SourceSummary[];
  /** Until everything taken over was durable, milliseconds. */
  readonly durableMs: number;
  /** Until everything could be found as well, milliseconds. */
  readonly completeMs: number;
  readonly head: ChainHead;
  /** What kept the messages from being made searchable; what came is durable all the same. */
  readonly derivingFault: Fault | undefined;
  readonly complete: boolean;
}

export interface RunOptions {
  /** Connections that are open at the same time at most, to bring mail in. */
  readonly connections: number;
  /** Of these, to one host. Absent: all of them. */
  readonly perHost?: number;
}

export interface RunOnceOptions extends RunOptions {
  /** How far the deriving has come, after the last message is durable. */
  readonly onDeriving?: (progress: Progress) => void;
}

export interface RunOnOptions extends RunOptions {
  /** Sources whose connection stays open to listen, at most, beside `connections` and `perHost`; the others are looked at every `everyMs`. */
  readonly listening?: number;
}

/**
 * Brings every source in once, and derives what came.
 * @throws Fault of the archive
 */
export async function runOnce(sources: readonly ImportSource[], ports: ImportPorts, options: RunOnceOptions): Promise<RunSummary> {
  const { archive, clock, signal } = ports;
  const began = clock.monotonic();
  const budget = new ConnectionBudget(options);
  const summaries = await together(ports, (joint) => sources.map((source) => importOnce(source, joint, budget)));
  await archive.flush();
  const durableMs = clock.monotonic() - began;
  const derivingFault = signal.aborted ? undefined : await derive(archive, signal, options.onDeriving);
  const stats = await archive.stats();
  return {
    sources: summaries,
    durableMs,
    completeMs: clock.monotonic() - began,
    head: stats.head,
    derivingFault,
    complete: !signal.aborted && derivingFault === undefined && stats.lag === 0 && summaries.every((summary) => summary.complete),
  };
}

/** @returns the fault that ended it: the summary of a durable import must not be lost with it */
async function derive(archive: Archive, signal: AbortSignal, onDeriving: RunOnceOptions['onDeriving']): Promise<Fault | undefined> {
  try {
    await archive.derived({ signal, ...(onDeriving === undefined ? {} : { onProgress: onDeriving }) });
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error;
    if (signal.aborted) return undefined;
    throw error;
  }
}

/**
 * Keeps every source coming in until the signal is aborted: listens on an open connection, looks again when it is due, and after a
 * fault goes on by itself, slowly where a person must mend something. Resolves when all have ended and what came is durable.
 * @throws Fault of the archive; a bug of ours
 */
export async function runOn(sources: readonly ImportSource[], ports: ImportPorts, options: RunOnOptions): Promise<void> {
  const budget = {
    passes: new ConnectionBudget(options),
    listening: new Slots(options.listening ?? defaultListening),
    derivingTold: false,
  };
  await together(ports, (joint) => sources.map((source) => keepComing(source, joint, budget)));
  await ports.archive.flush();
}

/** Waits for all; the first that throws ends the others, and is thrown when they have ended. */
async function together<T>(ports: ImportPorts, begin: (joint: ImportPorts) => readonly Promise<T>[]): Promise<readonly T[]> {
  const stop = new AbortController();
  const leases = ports.leases ?? new Leases();
  const tasks = begin({ ...ports, leases, signal: AbortSignal.any([ports.signal, stop.signal]) });
  try {
    return await Promise.all(tasks);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(tasks);
    throw error;
  }
}

/** What all sources of a run share. */
interface Budget {
  readonly passes: ConnectionBudget;
  readonly listening: Slots;
  /** Whether it was told that nothing is made searchable any more. */
  derivingTold: boolean;
}

async function keepComing(source: ImportSource, ports: ImportPorts, budget: Budget): Promise<void> {
  const { signal, report } = ports;
  const run = new SourceRun(source, ports, budget.passes);
  const told = new Map<string, string>();
  let listens = false;
  const hangUp = async (): Promise<void> => {
    await run.close();
    if (listens) budget.listening.give();
    listens = false;
  };
  const pass = async (): Promise<void> => {
    // Between two passes somebody else may run the source.
    const lease = ports.leases?.take(source.name);
    try {
      await run.pass();
      // To stay in a mailbox that one session at a time may have would be to shut all others out.
      listens ||= source.exclusive !== true && budget.listening.tryTake();
      if (!listens) await run.close();
      await run.completeOnServer();
    } catch (error) {
      await hangUp();
      throw error;
    } finally {
      lease?.end();
    }
  };
  try {
    while (!signal.aborted) {
      try {
        await budget.passes.within(hostOf(source), signal, pass);
        tellFolders(source.name, run, told, ports);
        tellDeriving(ports, budget);
        await run.settle();
        await run.waitForNews();
      } catch (error) {
        await hangUp();
        const { fault, waitMs } = await run.failed(error);
        if (waitMs !== undefined) await run.pause(fault, waitMs);
        else {
          report({ kind: 'failed', source: source.name, fault, waitMs: slowProbeMs });
          await ports.clock.sleep(slowProbeMs, signal);
        }
      }
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
  } finally {
    await hangUp();
  }
}

/** Mail goes on coming in when the index fails; a person must know that what comes is not found. Told once. */
function tellDeriving({ archive, report }: ImportPorts, budget: Budget): void {
  const fault = archive.derivingFault();
  if (fault === undefined || budget.derivingTold) return;
  budget.derivingTold = true;
  report({ kind: 'deriving-failed', fault });
}

/** Tells the fault of a folder when it comes, not at every look. */
function tellFolders(source: string, run: SourceRun, told: Map<string, string>, ports: ImportPorts): void {
  for (const folder of told.keys()) if (!run.folderFaults.has(folder)) told.delete(folder);
  for (const [folder, fault] of run.folderFaults) {
    if (told.get(folder) === fault.code) continue;
    told.set(folder, fault.code);
    ports.report({ kind: 'folder-failed', source, folder, fault });
  }
}

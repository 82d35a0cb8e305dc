/**
 * Runs many sources side by side within a budget of connections, once or until a person ends it.
 *
 * The hard thing is that sources share one archive: a fault of a source ends that source, a fault of the archive ends them all. And a
 * thousand sources must not hold a thousand connections: some are kept open to listen, the others are looked at in turn (supervise.ts).
 */
import type { Archive, ChainHead, Progress } from '../archive/archive.ts';
import { Fault } from '../fault/fault.ts';
import { ConnectionBudget, type ConnectionLimits } from './budget.ts';
import type { SourceSummary } from './events.ts';
import { Leases } from './lease.ts';
import { type ImportPorts, type ImportSource, importOnce } from './source.ts';
import { type SuperviseOptions, Supervision } from './supervise.ts';

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

export interface RunOnceOptions extends ConnectionLimits {
  /** How far the deriving has come, after the last message is durable. */
  readonly onDeriving?: (progress: Progress) => void;
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
export async function runOn(sources: readonly ImportSource[], ports: ImportPorts, options: SuperviseOptions): Promise<void> {
  const supervision = new Supervision(ports, options);
  await Promise.all(sources.map((source) => supervision.put(source)));
  await supervision.ended();
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

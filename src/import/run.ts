/**
 * Runs many sources side by side within a budget of connections, once or until a person ends it.
 *
 * The hard thing is that sources share one archive: a fault of a source ends that source, a fault of the archive ends them all.
 */
import type { ChainHead, Progress } from '../archive/archive.ts';
import { Fault } from '../fault/fault.ts';
import { slowProbeMs, waitBefore } from './backoff.ts';
import type { SourceSummary } from './events.ts';
import { type ImportPorts, type ImportSource, importOnce, isArchiveFault, SourceRun } from './source.ts';

export interface RunSummary {
  readonly sources: readonly SourceSummary[];
  /** Until everything taken over was durable, milliseconds. */
  readonly durableMs: number;
  /** Until everything could be found as well, milliseconds. */
  readonly completeMs: number;
  readonly head: ChainHead;
  readonly complete: boolean;
}

export interface RunOptions {
  /** Sources that are connected at the same time at most. */
  readonly connections: number;
  /** How far the deriving has come, after the last message is durable. */
  readonly onDeriving?: (progress: Progress) => void;
}

/**
 * Brings every source in once, and derives what came.
 * @throws Fault of the archive
 */
export async function runOnce(sources: readonly ImportSource[], ports: ImportPorts, options: RunOptions): Promise<RunSummary> {
  const { archive, clock, signal } = ports;
  const began = clock.monotonic();
  const queue = [...sources.entries()];
  const summaries: SourceSummary[] = [];
  const stop = new AbortController();
  const joint = { ...ports, signal: AbortSignal.any([signal, stop.signal]) };
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) summaries[next[0]] = await importOnce(next[1], joint);
  };
  const lanes = Array.from({ length: Math.max(1, Math.min(options.connections, sources.length)) }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    stop.abort(error); // the archive is shared: whoever still runs must end too
    await Promise.allSettled(lanes);
    throw error;
  }
  await archive.flush();
  const durableMs = clock.monotonic() - began;
  if (!signal.aborted) {
    await archive
      .derived({ signal, ...(options.onDeriving === undefined ? {} : { onProgress: options.onDeriving }) })
      .catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
  }
  const stats = await archive.stats();
  return {
    sources: summaries,
    durableMs,
    completeMs: clock.monotonic() - began,
    head: stats.head,
    complete: !signal.aborted && stats.lag === 0 && summaries.every((summary) => summary.complete),
  };
}

/**
 * Keeps every source coming in until the signal is aborted: listens on an open connection, looks again when it is due, and after a
 * fault goes on by itself, slowly where a person must mend something. Resolves when all have ended and what came is durable.
 * @throws Fault of the archive; a bug of ours
 */
export async function runOn(sources: readonly ImportSource[], ports: ImportPorts): Promise<void> {
  const stop = new AbortController();
  const joint = { ...ports, signal: AbortSignal.any([ports.signal, stop.signal]) };
  const keepers = sources.map((source) => keepComing(source, joint));
  try {
    await Promise.all(keepers);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(keepers);
    throw error;
  }
  await ports.archive.flush();
}

async function keepComing(source: ImportSource, ports: ImportPorts): Promise<void> {
  const { signal, clock, report } = ports;
  let run = new SourceRun(source, ports);
  let failures = 0;
  while (!signal.aborted) {
    try {
      await run.pass(failures + 1);
      failures = 0;
      await run.waitForNews();
    } catch (error) {
      await run.close();
      if (signal.aborted) break;
      if (!(error instanceof Fault) || isArchiveFault(error)) throw error;
      failures += 1;
      const waitMs = waitBefore(error, failures, ports.random());
      report(
        waitMs === undefined
          ? { kind: 'failed', source: source.name, fault: error }
          : { kind: 'waiting', source: source.name, fault: error, waitMs },
      );
      await clock.sleep(waitMs ?? slowProbeMs, signal).catch(() => undefined);
      run = new SourceRun(source, ports);
    }
  }
  await run.close();
}

/** Counts what an import tells, for metrics and status: numbers that only grow, from the start of this process. */
import type { ImportEvent } from '../events.ts';

export interface SourceTally {
  /** Handed over by the server, durable or not. */
  messages: number;
  bytes: number;
  archived: number;
  duplicate: number;
  quarantined: number;
  passes: number;
  /** Attempts to connect, and those beyond the first. */
  connections: number;
  retries: number;
  throttledMs: number;
  /** By code of the fault catalogue. */
  readonly faults: Map<string, number>;
  /** Of the last pass; undefined before there was one. */
  lastPassMs: number | undefined;
  vanished: number;
  /** At the last pass, as the next two. */
  listed: number;
  excluded: number;
  missing: number;
}

/** Upper bounds, seconds: a poll that finds nothing takes milliseconds, a first import hours. */
export const passBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200] as const;

export class Tally {
  readonly sources = new Map<string, SourceTally>();
  /** Passes by duration: one more place than there are bounds. */
  readonly passCounts: number[] = [...passBuckets, 0].map(() => 0);
  passSeconds = 0;

  constructor(sources: readonly string[]) {
    for (const source of sources) this.begin(source);
  }

  begin(source: string): void {
    this.sources.set(source, empty());
  }

  end(source: string): void {
    this.sources.delete(source);
  }

  add(event: ImportEvent): void {
    if (!('source' in event)) return;
    const tally = this.sources.get(event.source);
    if (tally === undefined) return;
    if ('fault' in event) tally.faults.set(event.fault.code, (tally.faults.get(event.fault.code) ?? 0) + 1);
    switch (event.kind) {
      case 'connecting':
        tally.connections += 1;
        return;
      case 'message':
        tally.messages += 1;
        tally.bytes += event.bytes;
        return;
      case 'waiting':
        tally.retries += 1;
        if (event.fault.entry.retry === 'after-wait') tally.throttledMs += event.waitMs;
        return;
      case 'vanished':
        tally.vanished += event.uids.length;
        return;
      case 'pass':
        tally.passes += 1;
        tally.archived += event.arrived;
        tally.duplicate += event.duplicate;
        tally.quarantined += event.quarantined;
        tally.listed = event.listed;
        tally.excluded = event.excluded;
        tally.missing = event.missing;
        tally.lastPassMs = event.durationMs;
        this.#took(event.durationMs / 1000);
        return;
      default:
        return;
    }
  }

  #took(seconds: number): void {
    const found = passBuckets.findIndex((bound) => seconds <= bound);
    const place = found === -1 ? passBuckets.length : found;
    this.passCounts[place] = (this.passCounts[place] ?? 0) + 1;
    this.passSeconds += seconds;
  }
}

function empty(): SourceTally {
  return {
    messages: 0,
    bytes: 0,
    archived: 0,
    duplicate: 0,
    quarantined: 0,
    passes: 0,
    connections: 0,
    retries: 0,
    throttledMs: 0,
    faults: new Map(),
    lastPassMs: undefined,
    vanished: 0,
    listed: 0,
    excluded: 0,
    missing: 0,
  };
}

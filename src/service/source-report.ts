/** How a source is, for whoever asks the running service: the shape of `/sources/NAME`. docs/monitoring.md describes it. */
import type { Evidence } from '../fault/fault.ts';
import type { WatchSnapshot } from '../import/watch/watch.ts';
import type { SourceState } from '../journal/journal.ts';

export interface SourceReport {
  readonly source: string;
  readonly state: SourceState;
  readonly since: Date;
  readonly lastPass: Date | null;
  readonly lastArrival: Date | null;
  readonly nextLook: Date | null;
  readonly quarantined: number;
  readonly gapsOpen: number;
  /** Worst first. */
  readonly concerns: readonly {
    readonly kind: string;
    readonly since: Date;
    readonly code: string;
    readonly says: string;
    readonly fix: string;
    readonly seen: Evidence;
    readonly folder?: string;
  }[];
}

/** @returns undefined for a name that is not watched, or before the first look */
export function sourceReport(snapshot: WatchSnapshot, name: string): SourceReport | undefined {
  const verdict = snapshot.verdicts.get(name);
  const facts = snapshot.facts.get(name);
  if (verdict === undefined || facts === undefined) return undefined;
  const date = (ms: number | undefined): Date | null => (ms === undefined ? null : new Date(ms));
  return {
    source: name,
    state: verdict.state,
    since: new Date(verdict.stateSince),
    lastPass: date(facts.lastPass?.wallMs),
    lastArrival: date(facts.lastArrival?.wallMs),
    nextLook: date(verdict.nextLook),
    quarantined: snapshot.quarantined.get(name) ?? 0,
    gapsOpen: snapshot.gaps.get(name) ?? 0,
    concerns: verdict.concerns.map(({ kind, since, fault, folder }) => ({
      kind,
      since: new Date(since.wallMs),
      code: fault.code,
      says: fault.entry.says,
      fix: fault.entry.fix,
      seen: fault.evidence,
      ...(folder === undefined ? {} : { folder }),
    })),
  };
}

/** What the page of reconciliation asks: the newest comparison of each source (or one of before), the gaps, and the job that is going on. */
import { useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Gap, LatestReconciliation, ReconciliationJob, ReconciliationView } from '../../../../src/service/api.ts';
import { useApi, useRead } from '../../session.tsx';

type Compared = LatestReconciliation['sources'][number];
export type Entry = Compared['entry'];
export type Missing = Compared['missing'][number];
export type NotCompared = Compared['faults'][number];

/** What is shown: of one reconciliation, or put together from the newest of each source. */
export interface Shown {
  readonly entries: readonly Entry[];
  /** Sources that it says something of. */
  readonly compared: readonly string[];
  readonly equal: boolean;
  readonly days: Compared['days'];
  readonly missing: readonly Missing[];
  readonly missingCount: number;
  readonly faults: readonly NotCompared[];
  readonly remarks: readonly string[];
}

export interface ShownState {
  readonly shown: Shown | undefined;
  readonly error: unknown;
}

/** @param id of a reconciliation of before; undefined: the newest of each source */
export function useShown(id: string | undefined, source: string | undefined): ShownState {
  const latest = useRead<LatestReconciliation>('/reconciliations/latest', { source }, { enabled: id === undefined, keep: true });
  const one = useRead<ReconciliationView>(`/reconciliations/${encodeURIComponent(id ?? '')}`, {}, { enabled: id !== undefined });
  const shown = useMemo(() => {
    if (id === undefined) return latest.data === undefined ? undefined : together(latest.data);
    return one.data === undefined ? undefined : { ...one.data, entries: [one.data.entry], compared: one.data.entry.sources };
  }, [id, latest.data, one.data]);
  return { shown, error: id === undefined ? latest.error : one.error };
}

function together({ sources }: LatestReconciliation): Shown {
  const entries = new Map(sources.map(({ entry }) => [entry.id, entry]));
  return {
    entries: [...entries.values()].sort((a, b) => b.id - a.id),
    compared: sources.map(({ source }) => source),
    equal: sources.every(({ equal }) => equal),
    days: sources.flatMap(({ days }) => days),
    missing: sources.flatMap(({ missing }) => missing),
    missingCount: sources.reduce((sum, { missingCount }) => sum + missingCount, 0),
    faults: sources.flatMap(({ faults }) => faults),
    remarks: [...new Set(sources.flatMap(({ remarks }) => remarks))],
  };
}

export function useEntries(source: string | undefined) {
  return useRead<{ reconciliations: readonly Entry[] }>('/reconciliations', { source });
}

export function useGaps(state: 'open' | 'permanent' | 'closed', source: string | undefined) {
  return useRead<{ gaps: readonly Gap[] }>('/gaps', { state, source, limit: 500 }, { keep: true });
}

export function useJob() {
  return useRead<ReconciliationJob>('/reconciliation');
}

export interface JobActs {
  readonly begin: (sources: readonly string[], since: string | null) => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly explain: (gap: number, explanation: string) => Promise<void>;
}

export function useJobActs(): JobActs {
  const api = useApi();
  const queries = useQueryClient();
  const again = (...paths: readonly string[]) =>
    queries.invalidateQueries({
      predicate: ({ queryKey: [key] }) => typeof key === 'string' && paths.some((path) => key.startsWith(path)),
    });
  return {
    begin: async (sources, since) => {
      await api.post('/reconciliations', { sources, since });
      await again('/reconciliation');
    },
    stop: async () => {
      await api.del('/reconciliation');
      await again('/reconciliation');
    },
    explain: async (gap, explanation) => {
      await api.post(`/gaps/${gap}/explanation`, { explanation });
      await again('/gaps', '/overview');
    },
  };
}

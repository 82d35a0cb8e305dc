/**
 * Reconciliations: those that were made, the newest of each source as the heat map of days, and one that is made in the background.
 *
 * The hard thing is the newest of each source: reports are large texts in the journal, and one of some sources, or of the last days only,
 * must not hide a whole one. So the list is walked newest first, each report is read once, and what was read is remembered for a while.
 */
import { z } from 'zod';
import { Fault } from '../../fault/fault.ts';
import { asCsv } from '../../import/reconcile/csv.ts';
import type { Report } from '../../import/reconcile/report.ts';
import type { Reconciliation } from '../../journal/journal.ts';
import {
  type LatestReconciliation,
  latestReconciliation,
  listQuery,
  newReconciliation,
  reconciliationJob,
  reconciliationList,
  reconciliationView,
} from '../api/operation.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { ReconciliationJob } from '../reconciliation-job.ts';
import { compared, type KeptReport, readReport } from '../reconciliation-view.ts';

/** Reports that are looked through for the newest of each source. */
const lookedThrough = 200;
/** Reports that are remembered after they were read: they never change. */
const remembered = 8;

const byId = z.strictObject({ id: z.coerce.number().int().positive() });

export function reconciliationsRoutes(parts: ServiceParts): readonly Route[] {
  const { journal } = parts;
  const job = new ReconciliationJob(parts);
  const reports = new Reports(parts);
  return [
    route({
      method: 'GET',
      path: '/reconciliations',
      may: 'read',
      summary: 'Reconciliations that were made, newest first.',
      tag: 'operation',
      query: listQuery,
      answer: reconciliationList,
      handle: async ({ query: { source, limit } }) => ({
        reconciliations: (await journal.reconciliations({ limit, ...(source === undefined ? {} : { source }) })).map(entryOf),
      }),
    }),
    route({
      method: 'GET',
      path: '/reconciliations/latest',
      may: 'read',
      summary:
        'For each source, or the named one, the newest reconciliation that compared it, whole ones before those of the last days only.',
      tag: 'operation',
      query: z.strictObject({ source: z.string().max(63).optional() }),
      answer: latestReconciliation,
      handle: async ({ query: { source }, signal }) => ({ sources: await reports.latest(source, signal) }),
    }),
    route({
      method: 'GET',
      path: '/reconciliations/:id',
      may: 'read',
      summary: 'One reconciliation: the equation of each day, what is missing by name, and what kept it from being equal.',
      tag: 'operation',
      params: byId,
      answer: reconciliationView,
      handle: async ({ params: { id } }) => {
        const { entry, report } = await reports.one(id);
        return { entry, ...compared(report) };
      },
    }),
    route({
      method: 'GET',
      path: '/reconciliations/:id/report',
      may: 'read',
      summary: 'The report as it was kept, in the form that its evidence hash is computed from (docs/reconciliation.md).',
      tag: 'operation',
      params: byId,
      answer: 'download',
      handle: async ({ params: { id }, log }) => {
        const { evidence, report } = await reports.kept(id);
        await log('reconciliation.download', evidence);
        return downloadOf(`reconciliation-${evidence.slice(0, 12)}.json`, 'application/json', report);
      },
    }),
    route({
      method: 'GET',
      path: '/reconciliations/:id/days.csv',
      may: 'read',
      summary: 'The days as CSV, one line for each source, folder and day.',
      tag: 'operation',
      params: byId,
      answer: 'download',
      handle: async ({ params: { id }, log }) => {
        const { evidence, report } = await reports.kept(id);
        if (readReport(report) === undefined) throw new Fault('reconcile.unknown', { id });
        await log('reconciliation.download', evidence, 'days as CSV');
        // Its form was held against the schema above.
        return downloadOf(`reconciliation-${evidence.slice(0, 12)}.csv`, 'text/csv; charset=utf-8', asCsv(JSON.parse(report) as Report));
      },
    }),
    route({
      method: 'GET',
      path: '/reconciliation',
      may: 'read',
      summary: 'The reconciliation that is going on, or how the last one of this service ended.',
      tag: 'operation',
      answer: reconciliationJob,
      handle: () => job.state,
    }),
    route({
      method: 'POST',
      path: '/reconciliations',
      may: 'operate',
      summary: 'Begins a reconciliation in the background; it is told by the events `reconciliation`. One at a time.',
      tag: 'operation',
      body: newReconciliation,
      answer: reconciliationJob,
      handle: async ({ body: { sources, since }, who, log }) => {
        await log(
          'reconciliation.start',
          sources.length === 0 ? 'all sources' : sources.join(', '),
          since === null ? '' : `since ${since}`,
        );
        return job.start(sources, since ?? undefined, who.name);
      },
    }),
    route({
      method: 'DELETE',
      path: '/reconciliation',
      may: 'operate',
      summary: 'Stops the reconciliation that is going on; nothing of it is kept.',
      tag: 'operation',
      answer: reconciliationJob,
      handle: async ({ who, log }) => {
        await log('reconciliation.cancel', job.state.sources.join(', '));
        return job.stop(who.name);
      },
    }),
  ];
}

type Entry = LatestReconciliation['sources'][number]['entry'];

interface Read {
  readonly entry: Entry;
  readonly report: KeptReport;
}

class Reports {
  readonly #parts: Pick<ServiceParts, 'journal' | 'engine'>;
  readonly #read = new Map<number, Read>();

  constructor(parts: Pick<ServiceParts, 'journal' | 'engine'>) {
    this.#parts = parts;
  }

  /** @throws Fault reconcile.unknown */
  async kept(id: number): Promise<Reconciliation> {
    const found = await this.#parts.journal.reconciliation(id);
    if (found === undefined) throw new Fault('reconcile.unknown', { id });
    return found;
  }

  /** @throws Fault reconcile.unknown, also for one that cannot be read */
  async one(id: number): Promise<Read> {
    const read = await this.#look(id);
    if (read !== undefined) return read;
    throw new Fault('reconcile.unknown', { id, seen: 'its report was not written by a version that is known here' });
  }

  /** @returns undefined for one that another version wrote */
  async #look(id: number): Promise<Read | undefined> {
    const known = this.#read.get(id);
    if (known !== undefined) return known;
    const kept = await this.kept(id);
    const report = readReport(kept.report);
    if (report === undefined) return undefined;
    const read = { entry: entryOf(kept), report };
    this.#read.set(id, read);
    for (const oldest of this.#read.keys()) if (this.#read.size > remembered) this.#read.delete(oldest);
    return read;
  }

  async latest(source: string | undefined, signal: AbortSignal): Promise<LatestReconciliation['sources']> {
    const { journal, engine } = this.#parts;
    const names = source === undefined ? engine.sources().map(({ config }) => config.name) : [source];
    const whole = new Map<string, Read>();
    const partial = new Map<string, Read>();
    for (const { id, sources } of await journal.reconciliations({ limit: lookedThrough, ...(source === undefined ? {} : { source }) })) {
      const open = names.filter((name) => !whole.has(name) && sources.includes(name));
      if (open.length === 0) continue;
      signal.throwIfAborted();
      const read = await this.#look(id);
      if (read === undefined) continue;
      const into = read.report.since === null ? whole : partial;
      for (const name of open) if (!into.has(name)) into.set(name, read);
      if (whole.size === names.length) break;
    }
    return names.flatMap((name) => {
      const found = whole.get(name) ?? partial.get(name);
      return found === undefined ? [] : [{ source: name, entry: found.entry, ...compared(found.report, name) }];
    });
  }
}

function entryOf({ id, at, sources, equal, evidence }: Omit<Reconciliation, 'report'>): Entry {
  return { id, at: at.toISOString(), sources: [...sources], equal, evidence };
}

function downloadOf(fileName: string, type: string, text: string) {
  const bytes = Buffer.from(text, 'utf8');
  return {
    kind: 'download' as const,
    fileName,
    type,
    bytes: bytes.length,
    body: (async function* () {
      yield bytes;
    })(),
  };
}

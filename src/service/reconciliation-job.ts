/**
 * The reconciliation that is going on in the background, one at a time, told as live events while it does.
 *
 * The hard thing is that it outlives the request that began it, and nobody may be waiting for it: so whatever becomes of it, a report, a
 * fault, somebody's stop or the end of the service, ends up in `state`, and no rejection is left without an owner.
 */
import { Fault, isFault } from '../fault/fault.ts';
import { lookAgainAfter, type ReconcileSource } from '../import/reconcile/look.ts';
import { type ReconcilePorts, reconcile } from '../import/reconcile/reconcile.ts';
import { canonical, evidenceHash } from '../import/reconcile/report.ts';
import type { ReconciliationJob as JobState } from './api/operation.ts';
import type { ServiceParts } from './parts.ts';
import { shownFault } from './shown.ts';

/** Sources that are compared at the same time: each holds the list of its folders in memory. */
const atOnce = 4;
/** The import is woken where messages are missing, so what is on its way comes within this. */
const longestWaitMs = 15_000;
/** Progress is told so often, at most. */
const tellEveryMs = 250;

const none: JobState = {
  state: 'none',
  by: null,
  started: null,
  sources: [],
  source: null,
  folder: null,
  rows: 0,
  waiting: null,
  result: null,
  fault: null,
};

type Parts = Pick<ServiceParts, 'archive' | 'journal' | 'engine' | 'live' | 'clock' | 'random' | 'signal' | 'onBug'>;

export class ReconciliationJob {
  readonly #parts: Parts;
  #state: JobState = none;
  #stop: AbortController | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get state(): JobState {
    return this.#state;
  }

  /**
   * Begins one and does not wait for it.
   * @param names of sources that are imported
   * @throws Fault reconcile.running; import.source-unknown, import.no-sources
   */
  start(names: readonly string[], sinceDay: string | undefined, by: string): JobState {
    if (this.#stop !== undefined) throw new Fault('reconcile.running', { by: this.#state.by ?? '', since: this.#state.started ?? '' });
    const sources = this.#sources(names);
    const stop = new AbortController();
    this.#stop = stop;
    const started = new Date(this.#parts.clock.now()).toISOString();
    this.#show({ ...none, state: 'running', by, started, sources: sources.map(({ name }) => name) }, true);
    void this.#run(sources, sinceDay, AbortSignal.any([this.#parts.signal, stop.signal])).then((end) => {
      this.#stop = undefined;
      this.#show({ source: null, folder: null, waiting: null, ...end }, true);
    });
    return this.#state;
  }

  /** Nothing happens where none is going on. */
  stop(by: string): JobState {
    this.#stop?.abort(new Error(`stopped by ${by}`));
    return this.#state;
  }

  /** Never rejects. */
  async #run(sources: readonly ReconcileSource[], sinceDay: string | undefined, signal: AbortSignal): Promise<Partial<JobState>> {
    const { archive, journal, live, clock, random, onBug } = this.#parts;
    try {
      const ports = { archive, journal, clock, random, signal, ...this.#talk() };
      const { report } = await reconcile(sources, ports, { sinceDay, connections: atOnce });
      const text = canonical(report);
      const names = sources.map(({ name }) => name);
      const kept = { sources: names, equal: report.equal, evidence: evidenceHash(text), report: text };
      const result = await journal.noteReconciliation(kept);
      for (const source of names) live.tell({ kind: 'gaps', source });
      return { state: 'done', result };
    } catch (error) {
      if (signal.aborted) return { state: 'stopped' };
      // What a mistake of ours says may hold what was being worked on: it is for the log of the service.
      if (!isFault(error)) onBug(error);
      return { state: 'failed', fault: shownFault(isFault(error) ? error : new Fault('service.broken', {})) };
    }
  }

  #talk(): Pick<ReconcilePorts, 'report' | 'onLookAgain' | 'onProgress'> {
    return {
      report: (event) => {
        if (event.kind !== 'waiting') return;
        this.#show({ source: event.source, waiting: `${event.fault.entry.says} Tried again in ${seconds(event.waitMs)}.` }, true);
      },
      onLookAgain: ({ source, missing, waitMs }) => {
        // The import looks now, in place of at its next turn: so little has to be waited for.
        this.#parts.engine.runNow(source);
        const what = `${missing} ${missing === 1 ? 'message is' : 'messages are'} not in the archive yet`;
        this.#show({ source, waiting: `${what}. The import is running, so they are looked for again in ${seconds(waitMs)}.` }, true);
      },
      onProgress: ({ source, folder, rows }) =>
        this.#show({ source, folder: folder ?? null, rows: Math.max(rows, this.#state.rows), waiting: null }),
    };
  }

  #sources(names: readonly string[]): readonly ReconcileSource[] {
    const { engine } = this.#parts;
    const known = engine.sources();
    const unknown = names.filter((name) => !known.some(({ config }) => config.name === name));
    if (unknown.length > 0) {
      throw new Fault('import.source-unknown', { given: unknown.join(', '), known: known.map(({ config }) => config.name).join(', ') });
    }
    const asked = known.filter(({ config }) => names.length === 0 || names.includes(config.name));
    const sources = asked.flatMap(({ config: { name, mailbox, protocol, server }, paused }): readonly ReconcileSource[] => {
      const source = engine.importSource(name);
      if (source === undefined) return [];
      const { folders, leaveOut, since, everyMs, connect } = source;
      const lookAgainAfterMs = paused ? undefined : Math.min(lookAgainAfter(everyMs), longestWaitMs);
      return [{ name, mailbox, protocol, server: `${server.host}:${server.port}`, folders, leaveOut, since, lookAgainAfterMs, connect }];
    });
    if (sources.length === 0) throw new Fault('import.no-sources', { file: 'the configuration and the console' });
    return sources;
  }

  #show(change: Partial<JobState>, isNews = false): void {
    this.#state = { ...this.#state, ...change };
    const now = this.#parts.clock.monotonic();
    if (!isNews && now - this.#toldMs < tellEveryMs) return;
    this.#toldMs = now;
    this.#parts.live.tell({ kind: 'reconciliation', job: this.#state });
  }
}

function seconds(ms: number): string {
  return `${Math.max(1, Math.round(ms / 1000))} s`;
}

/**
 * A journal that never keeps anybody from his work: what cannot be noted is told and forgotten, what cannot be read is empty.
 *
 * For the import, which must go on when the journal's file cannot be written. After a fault it is left alone for a while, since each
 * further try might wait for a lock; then it is opened again.
 */
import { Fault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Alert, Journal, NewAlert, RaisedAlert } from './journal.ts';

/** So long nothing is asked of a journal that had a fault. */
const restMs = 60_000;

/**
 * @param open called when it is first needed, and again after a fault
 * @param onFault told once for each code, and again when it worked in between
 */
export function forgivingJournal(open: () => Journal, clock: Clock, onFault: (fault: Fault) => void): Journal {
  const access = new Access(open, clock, onFault);
  const list = <T>(act: (journal: Journal) => Promise<readonly T[]>): Promise<readonly T[]> => access.use(act, () => []);
  const note = (act: (journal: Journal) => Promise<void>): Promise<void> => access.use(act, () => undefined);
  const maybe = <T>(act: (journal: Journal) => Promise<T | undefined>): Promise<T | undefined> => access.use(act, () => undefined);
  return {
    begun: () => maybe((journal) => journal.begun()),
    statuses: () => list((journal) => journal.statuses()),
    status: (source) => maybe((journal) => journal.status(source)),
    noteStatus: (source, change) => note((journal) => journal.noteStatus(source, change)),
    noteService: (service) => note((journal) => journal.noteService(service)),
    endService: (pid) => note((journal) => journal.endService(pid)),
    service: () => maybe((journal) => journal.service()),
    history: (options) => list((journal) => journal.history(options)),
    // 0 is no run's id: what is noted at its end then changes nothing.
    beginRun: (source) =>
      access.use(
        (journal) => journal.beginRun(source),
        () => 0,
      ),
    endRun: (id, end) => note((journal) => journal.endRun(id, end)),
    runs: (options) => list((journal) => journal.runs(options)),
    openGaps: (gaps) => note((journal) => journal.openGaps(gaps)),
    closeGaps: (places, closure, explanation) => note((journal) => journal.closeGaps(places, closure, explanation)),
    explainGap: (id, explanation) => maybe((journal) => journal.explainGap(id, explanation)),
    gaps: (options) => list((journal) => journal.gaps(options)),
    gapCounts: () => list((journal) => journal.gapCounts()),
    noteReconciliation: (reconciliation) =>
      access.use(
        (journal) => journal.noteReconciliation(reconciliation),
        () => 0,
      ),
    reconciliations: (options) => list((journal) => journal.reconciliations(options)),
    reconciliation: (id) => maybe((journal) => journal.reconciliation(id)),
    // Told as new: somebody should hear of it twice rather than never.
    raiseAlert: (alert) =>
      access.use(
        (journal) => journal.raiseAlert(alert),
        () => unnoted(alert, new Date(clock.now())),
      ),
    toldAlert: (id) => note((journal) => journal.toldAlert(id)),
    acknowledgeAlert: (id, by, words) =>
      access.use(
        (journal) => journal.acknowledgeAlert(id, by, words),
        () => false,
      ),
    clearAlert: (key) => maybe((journal) => journal.clearAlert(key)),
    alerts: (options) => list((journal) => journal.alerts(options)),
    requestRetries: (places, by) =>
      access.use(
        (journal) => journal.requestRetries(places, by),
        () => 0,
      ),
    pendingRetries: (source) => list((journal) => journal.pendingRetries(source)),
    endRetry: (id, outcome) => note((journal) => journal.endRetry(id, outcome)),
    close: () => access.close(),
  };
}

class Access {
  readonly #open: () => Journal;
  readonly #clock: Clock;
  readonly #onFault: (fault: Fault) => void;
  #journal: Journal | undefined;
  #restsUntil = Number.NEGATIVE_INFINITY;
  readonly #told = new Set<string>();

  constructor(open: () => Journal, clock: Clock, onFault: (fault: Fault) => void) {
    this.#open = open;
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** @throws a bug of ours */
  async use<T>(act: (journal: Journal) => Promise<T>, otherwise: () => T): Promise<T> {
    if (this.#clock.monotonic() < this.#restsUntil) return otherwise();
    try {
      this.#journal ??= this.#open();
      const result = await act(this.#journal);
      this.#told.clear();
      return result;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#restsUntil = this.#clock.monotonic() + restMs;
      await this.close();
      if (!this.#told.has(error.code)) this.#onFault(error);
      this.#told.add(error.code);
      return otherwise();
    }
  }

  async close(): Promise<void> {
    const journal = this.#journal;
    this.#journal = undefined;
    await journal?.close();
  }
}

function unnoted(alert: NewAlert, now: Date): RaisedAlert {
  const raised: Alert = {
    ...alert,
    id: 0,
    measure: alert.measure ?? 0,
    opened: now,
    lastSeen: now,
    lastTold: undefined,
    acknowledged: undefined,
    cleared: undefined,
    clearedTold: undefined,
  };
  return { alert: raised, isNew: true, grew: false };
}

/**
 * Tells live what has changed since it was told last: cards, arrivals, quarantine, gaps, alerts, and what is not searchable yet.
 *
 * The hard thing is the price. Messages come by the thousand, so nothing is told a message at a time: twice a second what changed is
 * looked at, and only where something happened. What nobody listens to is not worked out.
 */
import type { ArchiveReader } from '../archive/archive.ts';
import { Fault } from '../fault/fault.ts';
import type { ImportEvent } from '../import/events.ts';
import type { WatchSnapshot } from '../import/watch/watch.ts';
import type { Alert, Journal } from '../journal/journal.ts';
import type { Clock } from '../runtime/clock.ts';
import type { SourceCard } from './api/source.ts';
import type { LedgerTail } from './ledger-tail.ts';
import type { LiveListeners } from './live-listeners.ts';
import { shownAlert } from './shown.ts';

/** Arrivals are told twice a second at most. */
const tellEveryMs = 500;
/** Of a source that was looked at and shows nothing new: so often. */
const passEveryMs = 15_000;
/** What can be told of at once. */
const alertsAtMost = 500;

export interface TellingPorts {
  readonly archive: Pick<ArchiveReader, 'pulse'>;
  readonly journal: Pick<Journal, 'alerts'>;
  readonly clock: Clock;
  readonly live: LiveListeners;
  readonly tail: LedgerTail;
  readonly snapshot: () => WatchSnapshot | undefined;
  readonly cards: () => Promise<readonly SourceCard[]>;
  readonly card: (name: string) => Promise<SourceCard | undefined>;
}

export class LiveTelling {
  readonly #ports: TellingPorts;
  /** Cards as they were told last, by name. */
  readonly #told = new Map<string, { readonly text: string; readonly passed: string | null; readonly atMs: number }>();
  readonly #counts = new Map<string, { readonly quarantined: number; readonly openGaps: number }>();
  /** Open alerts as they were told last, by id. */
  #alerts: ReadonlyMap<number, string> = new Map();
  /** The whole count that the tail has taken over. */
  #counted: WatchSnapshot['archive'];
  #lag = 0;
  #derived = 0;
  #hasNews = true;
  #hasLooked = false;
  /** Sources of which something has changed since their cards were told. */
  readonly #touched = new Set<string>();

  constructor(ports: TellingPorts) {
    this.#ports = ports;
  }

  /** Something of a source has changed. */
  touched(source: string): void {
    this.#hasNews = true;
    this.#touched.add(source);
  }

  gone(source: string): void {
    this.#told.delete(source);
    this.#counts.delete(source);
  }

  heard(event: ImportEvent): void {
    if (event.kind === 'folder' || event.kind === 'connecting') return;
    this.#hasNews = true;
    if ('source' in event) this.#touched.add(event.source);
  }

  /** The watch has looked. */
  looked(): void {
    this.#hasNews = true;
    this.#hasLooked = true;
  }

  /** Tells until the signal is aborted. @throws a bug of ours */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, tail } = this.#ports;
    try {
      // Numbers that come late are better than none: the import goes on without them.
      await standing(() => tail.begin());
      for (;;) {
        await clock.sleep(tellEveryMs, signal);
        if (!this.#hasNews && this.#lag === 0) continue;
        this.#hasNews = false;
        await standing(() => this.#tell());
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #tell(): Promise<void> {
    const { tail, live, clock, snapshot } = this.#ports;
    const counted = snapshot()?.archive;
    if (counted !== undefined && counted !== this.#counted) {
      this.#counted = counted;
      await tail.count(counted);
    }
    const at = new Date(clock.now()).toISOString();
    for (const arrived of await tail.look()) {
      live.tell({ kind: 'arrivals', ...arrived, at });
      this.#touched.add(arrived.source);
    }
    await this.#tellLag();
    const touched = [...this.#touched];
    this.#touched.clear();
    if (live.count === 0) return;
    if (!this.#hasLooked) {
      this.#tellCards((await Promise.all(touched.map((name) => this.#ports.card(name)))).filter((card) => card !== undefined));
      return;
    }
    this.#hasLooked = false;
    this.#tellCards(await this.#ports.cards());
    await this.#tellAlerts();
  }

  async #tellLag(): Promise<void> {
    const { lag, rows } = await this.#ports.archive.pulse();
    // A message may be made searchable between two looks, without ever having been seen to lag.
    const derived = rows - lag;
    if (lag !== this.#lag || derived !== this.#derived) this.#ports.live.tell({ kind: 'derived', lag });
    [this.#lag, this.#derived] = [lag, derived];
  }

  #tellCards(cards: readonly SourceCard[]): void {
    const { live, clock } = this.#ports;
    const atMs = clock.monotonic();
    for (const card of cards) {
      const { name, quarantined, openGaps, lastPass: passed } = card;
      // That it looked again, and when it will, is no news by itself.
      const text = JSON.stringify({ ...card, lastPass: null, nextLook: null });
      const told = this.#told.get(name);
      if (told?.text === text && (told.passed === passed || atMs - told.atMs < passEveryMs)) continue;
      this.#told.set(name, { text, passed, atMs });
      const before = this.#counts.get(name);
      this.#counts.set(name, { quarantined, openGaps });
      live.tell({ kind: 'source', card });
      if (before !== undefined && before.quarantined !== quarantined) live.tell({ kind: 'quarantine', source: name });
      if (before !== undefined && before.openGaps !== openGaps) live.tell({ kind: 'gaps', source: name });
    }
  }

  /** Alerts that opened, changed or ended since they were told last. */
  async #tellAlerts(): Promise<void> {
    const { journal, live } = this.#ports;
    const open = await journal.alerts({ open: true, limit: alertsAtMost });
    const now = new Map(open.map((alert) => [alert.id, lookOf(alert)]));
    const over = [...this.#alerts.keys()].filter((id) => !now.has(id));
    for (const alert of open) if (this.#alerts.get(alert.id) !== now.get(alert.id)) live.tell({ kind: 'alert', alert: shownAlert(alert) });
    if (over.length > 0) {
      const ended = await journal.alerts({ open: false, limit: alertsAtMost });
      for (const alert of ended) if (over.includes(alert.id)) live.tell({ kind: 'alert', alert: shownAlert(alert) });
    }
    this.#alerts = now;
  }
}

/** What of an alert is worth telling; when it was seen last is not. */
function lookOf({ severity, text, measure, acknowledged, lastTold }: Alert): string {
  return JSON.stringify([severity, text, measure, acknowledged?.at, lastTold]);
}

/** A fault of a look leaves the last answer standing. @throws a bug of ours */
async function standing(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
}

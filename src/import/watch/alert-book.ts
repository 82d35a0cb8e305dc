/**
 * The alerts that stand: told when they open, grow and end, reminded of until somebody acknowledges them, and noted in the journal.
 *
 * The hard thing is that the journal may be what fails (a full disk is what an alert is about). So the truth is here, in memory; the
 * journal is where it is kept over a restart, where other processes read it, and where they acknowledge.
 */
import { createHash } from 'node:crypto';
import { Fault } from '../../fault/fault.ts';
import type { Journal, NotedFault } from '../../journal/journal.ts';
import { type AlertChanges, changesOf, headline, type OpenAlert, reopened, type WantedAlert } from './alerts.ts';
import type { Delivery } from './delivery.ts';
import { ageOf, type Instant, restored } from './instant.ts';
import { type Notice, type NoticeEvent, noticeOf } from './notice.ts';
import type { SourceVerdict } from './state.ts';

/** More than there are open at any time. */
const readAtMost = 10_000;

export interface AlertBookOptions {
  readonly journal: Journal;
  readonly host: string;
  readonly remindEveryMs: number;
  /** Sources of this run that have this in common: `tenant contoso`, `server mail.example.com`. */
  readonly sourcesOf: (place: string) => readonly string[];
  /** Whether a source or tenant is of this run, of the configuration only, or of neither any more. */
  readonly standing: (subject: {
    readonly source: string | undefined;
    readonly tenant: string | undefined;
  }) => 'here' | 'elsewhere' | 'gone';
}

export class AlertBook {
  readonly #options: AlertBookOptions;
  #open: ReadonlyMap<string, OpenAlert> = new Map();
  /** When each was told last, by key. */
  readonly #told = new Map<string, Instant>();
  /** Ids in the journal of what was told, for when it has gone out. */
  readonly #ids = new WeakMap<Notice, () => number | undefined>();

  constructor(options: AlertBookOptions) {
    this.#options = options;
  }

  get open(): ReadonlyMap<string, OpenAlert> {
    return this.#open;
  }

  /** Takes up what an earlier process left: what stands, and what nobody was told of. */
  async restore(delivery: Delivery, now: Instant): Promise<void> {
    const { journal, sourcesOf } = this.#options;
    const open = new Map<string, OpenAlert>();
    for (const alert of await journal.alerts({ open: true, limit: readAtMost })) {
      const known = alert.fault === undefined ? undefined : reopened(alert, faultOf(alert.fault), sourcesOf, now);
      const standing = known === undefined ? 'gone' : this.#options.standing(known);
      // Of what is configured no more, or was written by another version, nobody could ever see that it is over.
      if (standing === 'gone') await journal.clearAlert(alert.key);
      if (known === undefined || standing !== 'here') continue;
      open.set(alert.key, known);
      if (alert.lastTold !== undefined) this.#told.set(alert.key, restored(alert.lastTold.getTime(), now));
    }
    this.#open = open;
    for (const alert of open.values()) if (!this.#told.has(alert.key)) this.#tell('opened', alert, delivery, now);
    for (const alert of await journal.alerts({ open: false, untold: true, limit: readAtMost })) {
      if (alert.fault !== undefined) this.#tell('cleared', reopened(alert, faultOf(alert.fault), sourcesOf, now), delivery, now);
    }
  }

  /** Holds what should be against what stands, notes and tells the difference, and reminds of what is due. */
  async update(
    wanted: ReadonlyMap<string, WantedAlert>,
    verdicts: readonly SourceVerdict[],
    delivery: Delivery,
    now: Instant,
  ): Promise<void> {
    await this.#readAcknowledgements();
    const changes = changesOf(this.#open, wanted, verdicts, now);
    this.#open = changes.open;
    await this.#note(changes, now);
    const named = (alert: OpenAlert): OpenAlert => this.#open.get(alert.key) ?? alert;
    for (const alert of changes.opened) this.#tell('opened', named(alert), delivery, now);
    for (const alert of changes.renewed) this.#tell('renewed', named(alert), delivery, now);
    for (const alert of changes.cleared) {
      // Of what nobody was told, nobody need be told that it is over.
      if (this.#told.has(alert.key)) this.#tell('cleared', alert, delivery, now);
      this.#told.delete(alert.key);
    }
    for (const alert of this.#open.values()) if (this.#isDue(alert, now)) this.#tell('reminder', alert, delivery, now);
  }

  /** A notice has gone out by every way. */
  async noteTold(notice: Notice): Promise<void> {
    const id = this.#ids.get(notice)?.();
    if (id !== undefined) await this.#options.journal.toldAlert(id);
  }

  #isDue(alert: OpenAlert, now: Instant): boolean {
    const told = this.#told.get(alert.key);
    return !alert.acknowledged && !alert.once && told !== undefined && ageOf(told, now) >= this.#options.remindEveryMs;
  }

  #tell(event: NoticeEvent, alert: OpenAlert, delivery: Delivery, now: Instant): void {
    if (!delivery.hasWays) return;
    this.#told.set(alert.key, now);
    const notice = noticeOf(event, alert, this.#options.host, now.wallMs, deliveryId(event, alert, this.#options.host, now));
    // Looked up when it has gone out: the journal may have learnt of it only then.
    this.#ids.set(notice, () => alert.id ?? this.#open.get(alert.key)?.id);
    delivery.tell(notice);
  }

  async #readAcknowledgements(): Promise<void> {
    const noted = await this.#options.journal.alerts({ open: true, limit: readAtMost });
    const acknowledged = new Set(noted.filter((one) => one.acknowledged !== undefined).map((one) => one.key));
    if (acknowledged.size === 0) return;
    this.#open = new Map(
      [...this.#open].map(([key, alert]) => [key, acknowledged.has(key) && !alert.acknowledged ? { ...alert, acknowledged: true } : alert]),
    );
  }

  async #note(changes: AlertChanges, now: Instant): Promise<void> {
    const { journal } = this.#options;
    const ids = new Map<string, number>();
    const changed = new Set([...changes.opened, ...changes.renewed, ...changes.moved].map(({ key }) => key));
    for (const alert of changes.open.values()) {
      if (!changed.has(alert.key) && alert.id !== undefined) continue;
      const { key, kind, severity, source, fault, measure } = alert;
      const at = new Date(now.wallMs);
      const noted = {
        key,
        kind,
        severity,
        source,
        text: headline(alert),
        fault: { code: fault.code, evidence: fault.evidence, at },
        measure,
      };
      const raised = await journal.raiseAlert(noted);
      // 0: it could not be noted; tried again at the next look.
      if (raised.alert.id > 0) ids.set(key, raised.alert.id);
    }
    for (const { key } of changes.cleared) await journal.clearAlert(key);
    if (ids.size === 0) return;
    this.#open = new Map([...this.#open].map(([key, alert]) => [key, ids.has(key) ? { ...alert, id: ids.get(key) } : alert]));
  }
}

/** The same for the same event, also after a restart, so that a receiver can drop what comes twice. */
function deliveryId(event: NoticeEvent, alert: OpenAlert, host: string, now: Instant): string {
  const parts = [host, alert.key, alert.id ?? alert.opened.wallMs, event, alert.measure, event === 'reminder' ? now.wallMs : 0];
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
}

function faultOf({ code, evidence }: NotedFault): Fault {
  return new Fault(code, evidence);
}

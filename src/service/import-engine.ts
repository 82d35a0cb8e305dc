/**
 * The running import service: its sources, begun, paused, replaced and ended while the others go on; and what of it is told live.
 *
 * The hard thing is the order. A source is watched before it begins and forgotten when it has ended, a pause is durable before it is in
 * force, and what somebody wants of one source waits for what somebody wanted of it before.
 */
import type { Archive, RecordProfile } from '../archive/archive.ts';
import type { SourceConfig } from '../config/config.ts';
import type { Definitions, FoundDefinition } from '../definitions/definitions.ts';
import { Fault } from '../fault/fault.ts';
import type { ImportEvent } from '../import/events.ts';
import type { ImportSource } from '../import/source.ts';
import { type Doing, type SuperviseOptions, Supervision } from '../import/supervise.ts';
import { PassRuns } from '../import/watch/pass-runs.ts';
import type { WatchSnapshot } from '../import/watch/watch.ts';
import type { Journal, SourceStatus } from '../journal/journal.ts';
import type { Clock } from '../runtime/clock.ts';
import { Turns } from '../runtime/turns.ts';
import type { SourceCard } from './api/source.ts';
import type { Engine, EngineSource } from './engine.ts';
import { LedgerTail } from './ledger-tail.ts';
import { saysTheSame } from './live-config.ts';
import type { LiveListeners } from './live-listeners.ts';
import { LiveTelling } from './live-telling.ts';
import { shownRun } from './shown.ts';
import { type CardLook, sourceCard, unreadableCard } from './source-card.ts';
import type { RunningWatch } from './start-watch.ts';
import { talkOf } from './talk.ts';

export interface EnginePorts {
  readonly archive: Archive;
  /** One that forgives: nothing of it may stop the import. */
  readonly journal: Journal;
  readonly definitions: Pick<Definitions, 'setPaused'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly live: LiveListeners;
  /** How a source is looked at. */
  readonly importSource: (source: SourceConfig) => ImportSource;
  /** What is known about its messages. */
  readonly profile: (source: SourceConfig) => RecordProfile;
  /** Hears every event of the import: whoever writes it down. Never waits, never throws. */
  readonly report: (event: ImportEvent) => void;
  readonly limits: Pick<SuperviseOptions, 'connections' | 'perHost'>;
  /** Something beside the import has failed by a bug. */
  readonly onBug: (error: unknown) => void;
  /** The service ends. */
  readonly signal: AbortSignal;
}

/** A source that is kept here and cannot be read. */
export interface Unreadable {
  readonly kept: Pick<SourceCard, 'name' | 'mailbox' | 'protocol' | 'authentication'>;
  readonly fault: Fault;
}

export interface EngineSources {
  readonly file: readonly SourceConfig[];
  readonly console: readonly SourceConfig[];
  readonly unreadable: readonly Unreadable[];
  readonly paused: ReadonlySet<string>;
}

export class ImportEngine implements Engine {
  readonly #ports: EnginePorts;
  readonly #supervision: Supervision;
  readonly #sources = new Map<string, EngineSource>();
  readonly #unreadable = new Map<string, Unreadable>();
  readonly #made = new Map<string, ImportSource>();
  readonly #turns = new Turns();
  readonly #tail: LedgerTail;
  readonly #runs: PassRuns;
  readonly #telling: LiveTelling;
  readonly #began: Date;
  #watch: RunningWatch | undefined;

  constructor(ports: EnginePorts, { file, console, unreadable, paused }: EngineSources) {
    this.#ports = ports;
    const { archive, journal, clock, random, live, signal, limits } = ports;
    this.#began = new Date(clock.now());
    this.#tail = new LedgerTail(archive, clock);
    this.#runs = new PassRuns({ journal, now: clock.now, onRun: (run) => live.tell({ kind: 'run', run: shownRun(run) }) });
    this.#telling = new LiveTelling({
      archive,
      journal,
      clock,
      live,
      tail: this.#tail,
      snapshot: () => this.#watch?.snapshot(),
      cards: () => this.cards(),
      card: (name) => this.card(name),
    });
    this.#supervision = new Supervision(
      { archive, clock, random, retries: journal, signal, report: (event) => this.#report(event) },
      { ...limits, onDoing: (source) => this.#telling.touched(source) },
    );
    for (const config of file) this.#know({ config, origin: 'file', paused: paused.has(config.name) });
    for (const config of console) this.#know({ config, origin: 'console', paused: paused.has(config.name) });
    for (const one of unreadable) this.#unreadable.set(one.kept.name, one);
  }

  /** Those that are not paused: to be watched from the start. */
  get active(): readonly SourceConfig[] {
    return this.sources()
      .filter(({ paused }) => !paused)
      .map(({ config }) => config);
  }

  /** To be called after every look of the watch. */
  looked(): void {
    this.#telling.looked();
  }

  /**
   * Begins all sources; resolves when the signal was aborted, all have ended, and what came is durable.
   * @throws Fault of the archive; a bug of ours
   */
  async run(watch: RunningWatch): Promise<void> {
    this.#watch = watch;
    const telling = this.#telling.run(this.#ports.signal);
    telling.catch((error: unknown) => this.#ports.onBug(error)); // the import comes first
    try {
      await Promise.all(this.active.map(({ name }) => this.#begin(name)));
      await this.#supervision.ended();
    } finally {
      await this.#runs.settled();
    }
  }

  sources(): readonly EngineSource[] {
    const order = { file: 0, console: 1 };
    return [...this.#sources.values()].sort((one, other) =>
      one.origin === 'console' && other.origin === 'console'
        ? one.config.name.localeCompare(other.config.name)
        : order[one.origin] - order[other.origin],
    );
  }

  source(name: string): EngineSource | undefined {
    return this.#sources.get(name);
  }

  importSource(name: string): ImportSource | undefined {
    return this.#made.get(name);
  }

  async cards(): Promise<readonly SourceCard[]> {
    const snapshot = this.#watch?.snapshot();
    const names = [...this.sources().map(({ config }) => config.name), ...this.#unreadable.keys()];
    // The watch knows best; what it does not watch, the journal remembers.
    const isWatched = (name: string): boolean => snapshot?.facts.has(name) === true;
    const statuses = names.every(isWatched) ? [] : await this.#ports.journal.statuses();
    const noted = new Map(statuses.map((status) => [status.source, status]));
    return names.map((name) => this.#card(name, noted.get(name), snapshot)).filter((card) => card !== undefined);
  }

  async card(name: string): Promise<SourceCard | undefined> {
    const snapshot = this.#watch?.snapshot();
    const noted = snapshot?.facts.has(name) === true ? undefined : await this.#ports.journal.status(name);
    return this.#card(name, noted, snapshot);
  }

  async objection({ name, mailbox }: SourceConfig): Promise<Fault | undefined> {
    const { archive } = this.#ports;
    const profiles = await archive.profiles();
    const before = Object.hasOwn(profiles, name) ? profiles[name]?.mailbox : undefined;
    if (before === undefined || before.toLowerCase() === mailbox.toLowerCase()) return undefined;
    for await (const _row of archive.ledger({ source: name })) return new Fault('import.other-mailbox', { source: name, before, mailbox });
    return undefined;
  }

  async put(config: SourceConfig): Promise<void> {
    const { name } = config;
    await this.#turns.take(name, async () => {
      const before = this.#sources.get(name);
      if (before?.origin === 'file') throw new Error(`the source ${name} is of the configuration file and cannot be replaced`);
      const objection = await this.objection(config);
      if (objection !== undefined) throw objection;
      await this.#replace({ config, origin: 'console', paused: before?.paused ?? false });
    });
  }

  /**
   * Goes on with the sources that the file has now, and with those of the console as they are read beside it. What is the same is not
   * touched; what is gone has ended before anything begins.
   * @param found everything that is kept. @param paused which of all are
   */
  async takeOver(
    file: readonly SourceConfig[],
    found: readonly FoundDefinition[],
    paused: ReadonlySet<string>,
  ): Promise<{
    readonly began: string[];
    readonly changed: string[];
    readonly ended: string[];
    readonly faults: readonly { readonly name: string; readonly fault: Fault }[];
  }> {
    const wanted = new Map<string, EngineSource>();
    const faults = found.flatMap((one) => ('fault' in one ? [one] : []));
    for (const one of found) {
      if ('config' in one) wanted.set(one.name, { config: one.config, origin: 'console', paused: paused.has(one.name) });
    }
    for (const config of file) wanted.set(config.name, { config, origin: 'file', paused: paused.has(config.name) });
    const known = [...this.#sources.values()];
    const gone = known.filter(({ config: { name } }) => !wanted.has(name));
    const changed = [...wanted.values()].filter(({ config, origin }) => {
      const old = this.#sources.get(config.name);
      return old !== undefined && (old.origin !== origin || !saysTheSame(old.config, config));
    });
    const fresh = [...wanted.values()].filter(({ config: { name } }) => !this.#sources.has(name));
    const before = new Map(known.map((one) => [one.config.name, one]));
    await Promise.all(gone.map((one) => this.#drop(one)));
    this.#unreadable.clear();
    for (const { name, fault } of faults) {
      this.#unreadable.set(name, { kept: { name, mailbox: '', protocol: 'imap', authentication: 'oauth2' }, fault });
    }
    await Promise.all(
      [...changed, ...fresh].map((one) =>
        this.#turns.take(one.config.name, async () => {
          // Somebody has changed it meanwhile, and knew what the file says.
          const now = this.#sources.get(one.config.name);
          if (now?.config !== before.get(one.config.name)?.config) return;
          // Of those of the file it was asked before anything changed; one of the console may come back behind another of its name.
          const objection = one.origin === 'console' ? await this.objection(one.config) : undefined;
          if (objection === undefined) return await this.#replace({ ...one, paused: now?.paused ?? one.paused });
          const { name, mailbox, protocol, auth } = one.config;
          await this.#end(name);
          this.#sources.delete(name);
          this.#made.delete(name);
          this.#unreadable.set(name, { kept: { name, mailbox, protocol, authentication: auth.kind }, fault: objection });
          faults.push({ name, fault: objection });
        }),
      ),
    );
    for (const { name } of faults) this.#telling.touched(name);
    const names = (sources: readonly EngineSource[]): string[] => sources.map(({ config: { name } }) => name);
    const runs = (source: EngineSource): boolean => this.#sources.has(source.config.name);
    return { began: names(fresh.filter(runs)), changed: names(changed.filter(runs)), ended: names(gone), faults };
  }

  /** Its end and the begin of what stands in its place. To be called by turns. */
  async #replace(source: EngineSource): Promise<void> {
    const { name } = source.config;
    await this.#ports.archive.setProfiles({ [name]: this.#ports.profile(source.config) });
    await this.#end(name);
    this.#unreadable.delete(name);
    this.#know(source);
    if (!source.paused) await this.#begin(name);
    this.#telling.touched(name);
  }

  /** It stands nowhere any more. A pause stays: what somebody has stopped does not begin by coming back. */
  async #drop(source: EngineSource): Promise<void> {
    const { name } = source.config;
    await this.#turns.take(name, async () => {
      if (this.#sources.get(name)?.config !== source.config) return;
      await this.#end(name);
      this.#sources.delete(name);
      this.#made.delete(name);
      this.#ports.live.tell({ kind: 'source-gone', name });
      this.#telling.gone(name);
    });
  }

  async remove(name: string): Promise<void> {
    await this.#turns.take(name, async () => {
      await this.#end(name);
      // Another one of this name begins by itself, also after a restart.
      if (this.#sources.get(name)?.paused === true) await this.#ports.definitions.setPaused(name, false, 'removed');
      const wasKnown = this.#sources.delete(name);
      this.#made.delete(name);
      if (this.#unreadable.delete(name) || wasKnown) this.#ports.live.tell({ kind: 'source-gone', name });
      this.#telling.gone(name);
    });
  }

  runNow(name: string): boolean {
    return this.#supervision.runNow(name);
  }

  async pause(name: string, by: string): Promise<void> {
    await this.#turns.take(name, async () => {
      const known = this.#sources.get(name);
      if (known === undefined) return;
      await this.#ports.definitions.setPaused(name, true, by);
      this.#sources.set(name, { ...known, paused: true });
      await this.#end(name);
      this.#telling.touched(name);
    });
  }

  async resume(name: string, by: string): Promise<void> {
    await this.#turns.take(name, async () => {
      const known = this.#sources.get(name);
      if (known === undefined) return;
      await this.#ports.definitions.setPaused(name, false, by);
      this.#sources.set(name, { ...known, paused: false });
      if (known.paused) await this.#begin(name);
      this.#telling.touched(name);
    });
  }

  /** Of the archive, each message once; undefined before they were counted. */
  get total(): LedgerTail['total'] {
    return this.#tail.total;
  }

  #know(source: EngineSource): void {
    this.#sources.set(source.config.name, source);
    this.#made.set(source.config.name, this.#ports.importSource(source.config));
  }

  async #begin(name: string): Promise<void> {
    const known = this.#sources.get(name);
    const source = this.#made.get(name);
    if (known === undefined || source === undefined) return;
    // Those of the start are watched already.
    if (this.#watch?.isWatched(name) === false) await this.#watch.add(known.config);
    await this.#supervision.put(source);
  }

  async #end(name: string): Promise<void> {
    await this.#supervision.end(name);
    this.#runs.ended(name);
    this.#watch?.remove(name);
  }

  #report(event: ImportEvent): void {
    this.#ports.report(event);
    this.#watch?.tell(event);
    this.#runs.tell(event);
    this.#telling.heard(event);
    const { live, clock } = this.#ports;
    const talk = live.count === 0 ? undefined : talkOf(event, clock.now());
    if (talk !== undefined) live.tell(talk);
  }

  #card(name: string, noted: SourceStatus | undefined, snapshot: WatchSnapshot | undefined): SourceCard | undefined {
    const known = this.#sources.get(name);
    const unreadable = this.#unreadable.get(name);
    const look: CardLook = {
      origin: known?.origin ?? 'console',
      paused: known?.paused ?? false,
      snapshot,
      noted,
      doing: this.#doing(name),
      rows: this.#tail.rows(name),
      arrivals: this.#tail.arrivals(name),
      lagSeconds: this.#tail.lagSeconds(name),
    };
    if (known !== undefined) return sourceCard(known.config, look);
    return unreadable === undefined ? undefined : unreadableCard(unreadable.kept, unreadable.fault, this.#began, look);
  }

  /** Before the service begins, a source is about to be. */
  #doing(name: string): Doing | undefined {
    return this.#watch === undefined ? { kind: 'queued' } : this.#supervision.doing(name);
  }
}

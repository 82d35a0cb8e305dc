/**
 * Watches an import while it runs: hears what it tells, looks up what it does not, and says how each source is: to the journal, to whoever
 * asks over HTTP, and by alerts.
 *
 * The hard thing is to be a bystander. Nothing here may hold up or end the import: events are taken in without waiting, looks are few and
 * bounded, and a fault of a look leaves the last answer standing.
 */
import type { ArchiveStats } from '../../archive/archive.ts';
import type { Fault } from '../../fault/fault.ts';
import type { Journal, NotedConcern, NotedCredential, NotedFault, RunOutcome, SourceState, SourceStatus } from '../../journal/journal.ts';
import type { ImportEvent } from '../events.ts';
import type { SourceVerdict as FeedVerdict } from '../reconcile/feed.ts';
import { AlertBook } from './alert-book.ts';
import { type OpenAlert, wantedAlerts } from './alerts.ts';
import type { CertificateEnd } from './certificate-ends.ts';
import { Delivery, type WayStatus } from './delivery.ts';
import type { CredentialView } from './expiry.ts';
import { gathered } from './gathered.ts';
import { ageOf, type Instant, instant, restored } from './instant.ts';
import { type LookPorts, Looks } from './looks.ts';
import type { AlertWay } from './notice.ts';
import { type Disk, judgeService, type ServiceConcern } from './service-state.ts';
import { type Concern, type Held, judge, newFacts, observe, type Silence, type SourceFacts, type SourceVerdict } from './state.ts';
import { type SourceTally, Tally } from './tally.ts';

export interface WatchedSource {
  readonly name: string;
  readonly everyMs: number;
  /** Undefined: its habit decides. */
  readonly silentAfterMs: number | undefined;
  /** The tenant whose credential it logs in with. */
  readonly tenant: string | undefined;
  /** The name of its server. */
  readonly host: string;
}

export interface WatchPorts extends LookPorts {
  readonly random: () => number;
  readonly ways: readonly AlertWay[];
  /** What the journal is told of the ends of credentials. */
  readonly credentialNotes: (now: number) => readonly NotedCredential[];
}

export interface WatchOptions {
  readonly remindEveryMs: number;
  readonly host: string;
  readonly pid: number;
  /** Names of everything that is configured, in this run or not: an alert of what is gone ends. */
  readonly configured: { readonly sources: readonly string[]; readonly tenants: readonly string[] };
  /** Tenants whose credential matters though no source of this run logs in with it. */
  readonly tenantsBeside: () => readonly string[];
  /** Whether the journal gets a run of each source from the begin of this process to its end. */
  readonly notesRuns: boolean;
  /** Hears that a look has ended. Never waits, never throws. */
  readonly onLook?: (() => void) | undefined;
  /** A run that ends by itself, as a scheduler starts it: judged at its end, and late only by how far apart such runs are. */
  readonly once: boolean;
  /** Where health and metrics are served, for the journal. */
  readonly listen: string | undefined;
}

/** What is known at the last look; `undefined` where it was not looked up yet. */
export interface WatchSnapshot {
  readonly started: Instant;
  /** The last look that ended; undefined before the first. */
  readonly looked: Instant | undefined;
  readonly now: Instant;
  readonly sources: readonly WatchedSource[];
  readonly verdicts: ReadonlyMap<string, SourceVerdict & { readonly stateSince: number }>;
  readonly facts: ReadonlyMap<string, SourceFacts>;
  readonly service: readonly ServiceConcern[];
  readonly tally: Tally;
  readonly quarantined: ReadonlyMap<string, number>;
  readonly gaps: ReadonlyMap<string, number>;
  readonly alerts: readonly OpenAlert[];
  readonly ways: readonly WayStatus[];
  readonly credentials: CredentialView;
  /** Of Postern itself: the console's, the proxy's. */
  readonly certificates: readonly CertificateEnd[];
  readonly disk: Disk | undefined;
  /** Counted rarely on a large archive. */
  readonly archive: Pick<ArchiveStats, 'messages' | 'bytes' | 'storedBytes' | 'ledger' | 'sources' | 'head'> | undefined;
  /** Messages that are durable and not searchable yet. */
  readonly lag: number | undefined;
}

/** After an event that may change a state, the next look comes so soon. */
const soonMs = 1_000;
/** Without any. */
const lookEveryMs = 5_000;
const beatEveryMs = 10_000;
/** Looks that are further apart than this show that the process was stopped or the machine asleep. */
const asleepMs = 60_000;
/** A service that was away for longer begins anew: what it found then says nothing of the time between. */
const pauseMs = 15 * 60_000;
/** The two clocks are this far apart at most, or one has jumped and the habit is not judged by it. */
const clocksApartMs = 60 * 60_000;
/** How long the last notices may take when the service ends. */
const finishMs = 5_000;

export class Watch {
  #sources: readonly WatchedSource[];
  readonly #ports: WatchPorts;
  readonly #options: WatchOptions;
  readonly #delivery: Delivery;
  readonly #book: AlertBook;
  readonly #tally: Tally;
  readonly #looks: Looks;
  readonly #started: Instant;
  readonly #facts = new Map<string, SourceFacts>();
  readonly #verdicts = new Map<string, SourceVerdict & { readonly stateSince: number }>();
  /** Since when an earlier process had what it had against a source; until this one has seen a whole look at it. */
  readonly #heldBefore = new Map<string, readonly Held[]>();
  /** How an earlier process left them. */
  readonly #stateBefore = new Map<string, { readonly state: SourceState; readonly stateSince: number }>();
  readonly #lastFault = new Map<string, NotedFault>();
  /** Sources of which the journal does not know the last yet. */
  readonly #unnoted = new Set<string>();
  /** Ids of the runs in the journal, by source. */
  readonly #runs = new Map<string, number>();
  /** How far apart the last runs of a scheduler were. */
  #apartMs: number | undefined;
  readonly #noted = new Map<string, Readonly<Record<string, number>>>();
  #service: readonly ServiceConcern[] = [];
  #looked: Instant | undefined;
  #awakeSince: Instant;
  #beat: Instant | undefined;
  #stirred = true;
  #ended: Fault | undefined;
  #hasEnded = false;
  #derivingFault: Fault | undefined;

  constructor(sources: readonly WatchedSource[], ports: WatchPorts, options: WatchOptions) {
    this.#sources = sources;
    this.#ports = ports;
    this.#options = options;
    this.#started = instant(ports.clock);
    this.#awakeSince = this.#started;
    this.#tally = new Tally(sources.map(({ name }) => name));
    this.#looks = new Looks(ports, this.#tally, { counts: !options.once });
    const { clock, random } = ports;
    this.#delivery = new Delivery(ports.ways, { clock, random, onTold: (notice) => this.#book.noteTold(notice) });
    const sourcesOf = (place: string): readonly string[] => this.#sources.filter((one) => placeOf(one) === place).map(({ name }) => name);
    const standing = ({ source, tenant }: { readonly source: string | undefined; readonly tenant: string | undefined }) => {
      const { configured } = options;
      if (source !== undefined && !this.#facts.has(source)) return configured.sources.includes(source) ? 'elsewhere' : 'gone';
      if (tenant !== undefined && options.tenantsBeside().includes(tenant)) return 'here';
      if (tenant !== undefined && sourcesOf(`tenant ${tenant}`).length === 0)
        return configured.tenants.includes(tenant) ? 'elsewhere' : 'gone';
      return 'here';
    };
    this.#book = new AlertBook({ journal: ports.journal, host: options.host, remindEveryMs: options.remindEveryMs, sourcesOf, standing });
  }

  /** Takes up what the journal knows of before. To be called once, before anything else. */
  async begin(): Promise<void> {
    const { journal } = this.#ports;
    const now = this.#now();
    const noted = new Map((await journal.statuses()).map((status) => [status.source, status]));
    const last = (await journal.service())?.beat;
    const { once } = this.#options;
    this.#apartMs = once ? await runsApart(journal, this.#sources, now) : undefined;
    const goesOn = once || (last !== undefined && ageOf(restored(last.getTime(), now), now) < pauseMs);
    for (const { name } of this.#sources) {
      const before = noted.get(name);
      this.#begin(name, before, now);
      if (this.#options.notesRuns) this.#runs.set(name, await journal.beginRun(name));
      if (before === undefined || !goesOn) continue;
      const held = before.concerns.map(({ kind, folder, since }) => ({ kind, folder, since: restored(since.getTime(), now) }));
      this.#heldBefore.set(name, held);
      this.#stateBefore.set(name, { state: before.state, stateSince: before.since.getTime() });
    }
    await this.#book.restore(this.#delivery, now);
  }

  #begin(name: string, before: Pick<SourceStatus, 'lastPass' | 'lastArrival'> | undefined, now: Instant): void {
    const placed = (at: Date | undefined): Instant | undefined => (at === undefined ? undefined : restored(at.getTime(), now));
    this.#facts.set(name, newFacts(name, now, { lastPass: placed(before?.lastPass), lastArrival: placed(before?.lastArrival) }));
    this.#unnoted.add(name);
  }

  /** Watches over a source from now on, in place of one of its name: to be called before it begins. */
  async add(source: WatchedSource): Promise<void> {
    const before = await this.#ports.journal.status(source.name);
    this.remove(source.name);
    this.#begin(source.name, before, this.#now());
    this.#tally.begin(source.name);
    this.#sources = [...this.#sources, source];
    this.#stirred = true;
  }

  /** Watches over it no more: it is gone or paused. Its alerts end with the next look. */
  remove(name: string): void {
    this.#sources = this.#sources.filter((one) => one.name !== name);
    this.#tally.end(name);
    for (const known of [this.#facts, this.#verdicts, this.#heldBefore, this.#stateBefore, this.#lastFault, this.#noted])
      known.delete(name);
    this.#unnoted.delete(name);
    this.#stirred = true;
  }

  /** Hears an event of the import. Never waits, never throws. */
  tell(event: ImportEvent): void {
    this.#tally.add(event);
    if (event.kind === 'deriving-failed') this.#derivingFault = event.fault;
    if (!('source' in event)) return;
    const facts = this.#facts.get(event.source);
    if (facts === undefined) return;
    const now = this.#now();
    this.#facts.set(event.source, observe(facts, event, now));
    if ('fault' in event) this.#lastFault.set(event.source, noted(event.fault, now));
    // Messages come by the thousand and change no state.
    if (event.kind === 'message' && facts.trouble === undefined) return;
    this.#unnoted.add(event.source);
    this.#stirred = true;
  }

  /** A fault has ended the whole import: the last look tells it. */
  ended(fault: Fault): void {
    this.#ended = fault;
    this.#beat = undefined;
  }

  /** Looks and delivers until the signal is aborted, then says the last words. @throws a bug of ours */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#delivery.run(signal), this.#options.once ? this.#keepBeating(signal) : this.#keepLooking(signal)]);
    for (const { name } of this.#sources) this.#unnoted.add(name);
    this.#hasEnded = true;
    this.#beat = undefined;
    await this.look();
    await this.#endRuns();
    // Whoever pressed Ctrl-C is not kept waiting for a receiver that does not answer: what is left is told after the next start.
    const end = AbortSignal.timeout(finishMs);
    await this.#delivery.finish(end).catch((error: unknown) => {
      if (!end.aborted) throw error;
    });
    await this.#ports.journal.endService(this.#options.pid);
  }

  /** A run that ends by itself is judged at its end; until then it only shows that it lives. */
  async #keepBeating(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#noteService(this.#now());
        await this.#ports.clock.sleep(beatEveryMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #keepLooking(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    try {
      for (;;) {
        await this.look();
        const looked = clock.monotonic();
        do await clock.sleep(soonMs, signal);
        while (!this.#stirred && clock.monotonic() - looked < lookEveryMs);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** One look at everything: judges, notes, alerts. @throws a bug of ours */
  async look(): Promise<void> {
    this.#stirred = false;
    const now = this.#now();
    if (now.steadyMs - (this.#looked ?? this.#started).steadyMs > asleepMs) this.#awakeSince = now;
    this.#derivingFault = this.#ports.archive.derivingFault() ?? this.#derivingFault;
    await this.#looks.take(now);
    const verdicts = this.#sources.map((source) => this.#judge(source, now));
    const undelivered = this.#delivery.status().flatMap(({ way, failing }) => (failing === undefined ? [] : [{ way, ...failing }]));
    this.#service = judgeService(
      {
        ended: this.#ended,
        lag: this.#looks.lag,
        derivingFault: this.#derivingFault,
        disk: this.#looks.disk,
        certificates: this.#looks.certificates,
        undelivered,
      },
      now,
      this.#service,
    );
    const sources = new Map(this.#sources.map((source) => [source.name, source]));
    const beside = this.#options.tenantsBeside().flatMap((tenant) => this.#looks.credentials.expiries.get(tenant) ?? []);
    const found = wantedAlerts({ verdicts, service: this.#service, beside, tenantOf: (name) => sources.get(name)?.tenant }, now);
    const place = (name: string): string | undefined => {
      const source = sources.get(name);
      return source && placeOf(source);
    };
    const wanted = gathered(found, place, this.#book.open);
    await this.#book.update(wanted, verdicts, this.#delivery, now);
    await this.#note(now);
    // Its own length is not sleep.
    this.#looked = this.#now();
    this.#options.onLook?.();
  }

  snapshot(): WatchSnapshot {
    return {
      started: this.#started,
      looked: this.#looked,
      now: this.#now(),
      sources: this.#sources,
      verdicts: this.#verdicts,
      facts: this.#facts,
      service: this.#service,
      tally: this.#tally,
      quarantined: this.#looks.quarantined,
      gaps: this.#looks.gaps,
      alerts: [...this.#book.open.values()],
      ways: this.#delivery.status(),
      credentials: this.#looks.credentials,
      certificates: this.#looks.certificates,
      disk: this.#looks.disk,
      archive: this.#looks.stats,
      lag: this.#looks.lag?.messages,
    };
  }

  #now(): Instant {
    return instant(this.#ports.clock);
  }

  #judge(source: WatchedSource, now: Instant): SourceVerdict {
    const { name, everyMs, silentAfterMs, tenant } = source;
    const facts = this.#facts.get(name);
    if (facts === undefined) throw new Error(`nothing was begun for the source ${name}`);
    const before = this.#verdicts.get(name);
    const quarantine = this.#book.open.get(`source ${name} quarantine`);
    const look = {
      everyMs: Math.max(everyMs, this.#apartMs ?? 0),
      // Between two runs of a scheduler nobody is awake, and a source is late all the same.
      awakeSince: this.#options.once ? (facts.lastPass ?? facts.watchedSince) : later(this.#awakeSince, facts.watchedSince),
      quarantined: this.#looks.quarantined.get(name) ?? 0,
      quarantineAcknowledged: quarantine?.acknowledged === true ? quarantine.measure : 0,
      gapsOpen: this.#looks.gaps.get(name) ?? 0,
      silence: silentAfterMs === undefined ? habitual(this.#looks.habits.get(name), facts, now) : silenceOf(facts, silentAfterMs, now),
      silentVoices: this.#looks.habits.get(name)?.silentVoices.length ?? 0,
      expiry: tenant === undefined ? undefined : this.#looks.credentials.expiries.get(tenant),
    };
    const verdict = judge(facts, look, now, [...(before?.concerns ?? []), ...(this.#heldBefore.get(name) ?? [])]);
    if (verdict.heard === 'pass') this.#heldBefore.delete(name);
    // A start is no change: a source that was healthy for a week and is found so again has been it for a week.
    const stateBefore = before === undefined || before.state === 'new' ? (this.#stateBefore.get(name) ?? before) : before;
    const isSame = stateBefore?.state === verdict.state;
    if (!isSame || !sameConcerns(before?.concerns ?? [], verdict.concerns)) this.#unnoted.add(name);
    this.#verdicts.set(name, { ...verdict, stateSince: isSame ? stateBefore.stateSince : now.wallMs });
    return verdict;
  }

  async #endRuns(): Promise<void> {
    const now = this.#now();
    for (const [source, id] of this.#runs) {
      const tally = this.#tally.sources.get(source);
      if (tally === undefined) continue;
      const { archived, duplicate, quarantined, vanished, listed, excluded, missing, bytes } = tally;
      const counts = { listed, archived, duplicate, excluded, quarantined, vanished, missing, bytes };
      const fault = this.#ended ?? this.#facts.get(source)?.trouble?.fault;
      await this.#ports.journal.endRun(id, { outcome: this.#outcomeOf(source), counts, fault: fault && noted(fault, now) });
    }
  }

  #outcomeOf(source: string): RunOutcome {
    const facts = this.#facts.get(source);
    if (this.#ended !== undefined || facts?.trouble !== undefined) return 'failed';
    if (facts?.heard !== 'pass') return 'stopped';
    if (facts.folders.size > 0) return 'incomplete';
    // One that goes on until a person ends it is never at its end.
    return this.#options.once ? 'complete' : 'stopped';
  }

  /** The worst of all sources. */
  #outcome(): RunOutcome {
    const outcomes = this.#sources.map(({ name }) => this.#outcomeOf(name));
    return (['failed', 'incomplete', 'stopped'] as const).find((one) => outcomes.includes(one)) ?? 'complete';
  }

  async #note(now: Instant): Promise<void> {
    const { journal } = this.#ports;
    for (const source of this.#unnoted) {
      const verdict = this.#verdicts.get(source);
      const facts = this.#facts.get(source);
      const tally = this.#tally.sources.get(source);
      if (verdict === undefined || facts === undefined || tally === undefined) continue;
      // Until this process has seen something of it, what the journal knows of before is the better word.
      if (verdict.state === 'new' && facts.heard === 'nothing' && facts.trouble === undefined && this.#stateBefore.has(source)) continue;
      const counters = countersOf(tally);
      const before = this.#noted.get(source);
      await journal.noteStatus(source, {
        state: verdict.state,
        lastPass: dateOf(facts.lastPass),
        lastArrival: dateOf(facts.lastArrival),
        // Kept over a restart until there is a newer one.
        ...(this.#lastFault.has(source) ? { lastFault: this.#lastFault.get(source) } : {}),
        nextLook: verdict.nextLook === undefined ? undefined : new Date(verdict.nextLook),
        concerns: verdict.concerns.map((concern) => notedConcern(concern, now)),
        add: Object.fromEntries(Object.entries(counters).map(([name, value]) => [name, value - (before?.[name] ?? 0)])),
      });
      this.#noted.set(source, counters);
    }
    this.#unnoted.clear();
    if (this.#beat === undefined || ageOf(this.#beat, now) >= beatEveryMs) await this.#noteService(now);
  }

  async #noteService(now: Instant): Promise<void> {
    this.#beat = now;
    const { pid, host, listen, once } = this.#options;
    await this.#ports.journal.noteService({
      pid,
      host,
      started: new Date(this.#started.wallMs),
      sources: this.#sources.map(({ name }) => name),
      listen,
      beatEveryMs,
      once: once ? { outcome: this.#hasEnded ? this.#outcome() : undefined, everyMs: this.#apartMs } : undefined,
      concerns: this.#service.map((concern) => notedConcern({ ...concern, measure: concern.measure ?? 0 }, now)),
      credentials: this.#ports.credentialNotes(now.wallMs),
    });
  }
}

/** What it has in common with others, so that an outage is one thing. */
function placeOf({ tenant, host }: WatchedSource): string {
  return tenant === undefined ? `server ${host}` : `tenant ${tenant}`;
}

/** A source that came later had no time before. */
function later(one: Instant, other: Instant): Instant {
  return one.steadyMs > other.steadyMs ? one : other;
}

/** The middle of the times between the last runs, this one's begin included; undefined before there were three. */
async function runsApart(journal: Journal, sources: readonly WatchedSource[], now: Instant): Promise<number | undefined> {
  const [first] = sources;
  if (first === undefined) return undefined;
  const starts = [now.wallMs, ...(await journal.runs({ source: first.name, limit: 6 })).map(({ started }) => started.getTime())];
  const apart = starts
    .flatMap((start, index) => (index === 0 ? [] : [Math.max(0, (starts[index - 1] ?? start) - start)]))
    .sort((a, b) => a - b);
  return apart.length < 2 ? undefined : apart[Math.floor(apart.length / 2)];
}

function silenceOf(facts: SourceFacts, silentAfterMs: number, now: Instant): Silence | undefined {
  const last = facts.lastArrival ?? facts.watchedSince;
  const silentForMs = ageOf(last, now);
  if (silentForMs < silentAfterMs) return undefined;
  return { since: last.wallMs, silentForMs, expectedWithinMs: silentAfterMs, by: 'silentAfter' };
}

/** What the habit says, unless the mail that this process saw come says that the machine's clock has jumped since. */
function habitual(verdict: FeedVerdict | undefined, { lastArrival }: SourceFacts, now: Instant): Silence | undefined {
  if (verdict?.state !== 'silent') return undefined;
  const { last, forMs } = verdict;
  if (lastArrival !== undefined && ageOf(lastArrival, now) < forMs - clocksApartMs) return undefined;
  return { since: last.getTime(), silentForMs: forMs, expectedWithinMs: undefined, by: 'habit' };
}

function sameConcerns(before: readonly Concern[], now: readonly Concern[]): boolean {
  const text = (concerns: readonly Concern[]): string =>
    concerns.map(({ kind, folder, measure, fault, light }) => [kind, folder, measure, fault.code, light].join(' ')).join('\n');
  return text(before) === text(now);
}

function countersOf({
  archived,
  duplicate,
  quarantined,
  passes,
  bytes,
  connections,
  retries,
}: SourceTally): Readonly<Record<string, number>> {
  return { archived, duplicate, quarantined, passes, bytes, connections, retries };
}

function noted({ code, evidence }: Fault, now: Instant): NotedFault {
  return { code, evidence, at: new Date(now.wallMs) };
}

function notedConcern(
  { kind, since, fault, measure, folder }: Pick<Concern<string>, 'kind' | 'since' | 'fault' | 'measure' | 'folder'>,
  now: Instant,
): NotedConcern {
  return { kind, since: new Date(since.wallMs), fault: noted(fault, now), measure, folder };
}

function dateOf(at: Instant | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(at.wallMs);
}

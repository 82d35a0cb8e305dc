/**
 * How each source is, out of what the import told about it: facts are gathered from events (`observe`), then judged against the clock
 * and against what was looked up (`judge`). Pure.
 *
 * The hard thing is the clock. A machine's clock jumps (set right after a start, a virtual machine that slept), and an age taken from it
 * would call every source late, or none for days. So each fact bears two times (`instant.ts`): a jump makes no false alarm that stays,
 * and can delay a true one by no more than the jump.
 *
 * A source has one state, the first of this list that holds; everything that holds is kept as its concerns.
 *
 * | state | holds when |
 * |---|---|
 * | refused | a person must act (the fault says so), a folder does not open, or the mailbox does not open though it did before |
 * | throttled | the server asked for a pause, and nothing came since |
 * | late | something that should be in by now is not: no pass for too long, messages missing or in quarantine, open gaps |
 * | silent | it works, and no mail comes, against its habit or its `silentAfter` |
 * | expiring | it works, and its credential ends within 30 days |
 * | new | nothing was seen of it since this process began, or no pass has ended ever, and it is too early to call that late |
 * | healthy | none of these |
 *
 * `stopped` is no state that anything could write down: it is seen by who looks and finds no service (`status.ts`).
 */
import { Fault } from '../../fault/fault.ts';
import type { SourceState } from '../../journal/journal.ts';
import type { ImportEvent, PassEvent } from '../events.ts';
import { type Expiry, expiryFault, expiryStep, stepOfState } from './expiry.ts';
import { ageOf, ago, type Instant } from './instant.ts';

/** What is wrong, one at a time: each is alerted and cleared by itself. */
export type ConcernKind =
  | 'refused'
  | 'folder'
  | 'throttled'
  | 'overdue'
  | 'missing'
  | 'quarantine'
  | 'gap'
  | 'silent'
  | 'voices'
  | 'expiring';

/** Worst first: the order is the precedence. */
const stateOf = [
  ['refused', 'refused'],
  ['folder', 'refused'],
  ['throttled', 'throttled'],
  ['overdue', 'late'],
  ['missing', 'late'],
  ['gap', 'late'],
  ['quarantine', 'late'],
  ['silent', 'silent'],
  ['voices', 'silent'],
  ['expiring', 'expiring'],
] as const satisfies readonly (readonly [ConcernKind, SourceState])[];

/** Every state, worst first. */
export const statesByWeight = [
  'refused',
  'throttled',
  'late',
  'silent',
  'expiring',
  'new',
  'healthy',
] as const satisfies readonly SourceState[];

export interface Concern<Kind extends string = ConcernKind> {
  readonly kind: Kind;
  readonly since: Instant;
  /** Code, what was seen, and by its code the fix. */
  readonly fault: Fault;
  /** How bad, where it can grow: messages in quarantine, the step of an expiry. An alert is renewed when it grows. */
  readonly measure: number;
  /** Of `folder` and `missing`. */
  readonly folder?: string;
  /** It may still pass by itself: an alert waits until it has lasted for a while. */
  readonly mayPass: boolean;
  /** Shown, and of no weight for the state: an end that is weeks away, a quarantine that somebody has looked at, a person on holiday. */
  readonly light: boolean;
}

/** A failure that stands until the source shows progress. */
export interface Trouble {
  readonly fault: Fault;
  readonly since: Instant;
  /** When it was told last, and how long the import waits from then on; undefined: this run has ended for the source. */
  readonly told: Instant;
  readonly waitMs: number | undefined;
  /** The import has given up until a person acts (it looks again all the same). */
  readonly person: boolean;
}

/** What is known of a source. Data only. */
export interface SourceFacts {
  readonly source: string;
  readonly watchedSince: Instant;
  readonly lastPass: Instant | undefined;
  /** The last sign that it gets on: a first import of hours is not late while mail comes. */
  readonly lastProgress: Instant | undefined;
  readonly lastArrival: Instant | undefined;
  readonly trouble: Trouble | undefined;
  /** By folder or pattern; as of the last pass. */
  readonly folders: ReadonlyMap<string, Fault>;
  readonly heard: Heard;
}

/** What is not told by events but looked up: in the archive, the journal, the configuration. */
export interface SourceLook {
  readonly everyMs: number;
  /** This process has been running without a break since then: while it was stopped or asleep, nothing could come to its end. */
  readonly awakeSince: Instant;
  readonly quarantined: number;
  /** So many of them were in quarantine when a person acknowledged it: these do not count against the state. */
  readonly quarantineAcknowledged: number;
  readonly gapsOpen: number;
  /** It works, and mail stays away. */
  readonly silence: Silence | undefined;
  /** Owners and platforms of which nothing comes against their habit, though the source has mail. */
  readonly silentVoices: number;
  /** The credential of this source that ends first, where its end is known. */
  readonly expiry: Expiry | undefined;
}

export interface Silence {
  /** The last mail; the begin of the watch where there was none. */
  readonly since: number;
  readonly silentForMs: number;
  /** `silentAfter`; a habit has no such number. */
  readonly expectedWithinMs: number | undefined;
  readonly by: 'habit' | 'silentAfter';
}

/** What was seen to work since this process watches: only that can be over. `progress`: the mailbox opened; `pass`: a look came to its end. */
export type Heard = 'nothing' | 'progress' | 'pass';

export interface SourceVerdict {
  readonly source: string;
  readonly state: SourceState;
  /** Everything that holds, worst first. */
  readonly concerns: readonly Concern[];
  /** By the machine's clock; undefined while it works, or when this run has ended for it. */
  readonly nextLook: number | undefined;
  readonly heard: Heard;
}

/** Nothing is known yet; or what an earlier process noted. */
export function newFacts(
  source: string,
  now: Instant,
  noted: { readonly lastPass?: Instant | undefined; readonly lastArrival?: Instant | undefined } = {},
): SourceFacts {
  return {
    source,
    watchedSince: now,
    lastPass: noted.lastPass,
    lastProgress: undefined,
    lastArrival: noted.lastArrival,
    trouble: undefined,
    folders: new Map(),
    heard: 'nothing',
  };
}

/** The facts after an event. Events of other sources and those that say nothing about its state leave them as they are. */
export function observe(facts: SourceFacts, event: ImportEvent, now: Instant): SourceFacts {
  if (!('source' in event) || event.source !== facts.source) return facts;
  switch (event.kind) {
    case 'waiting':
    case 'failed':
      return { ...facts, trouble: troubled(facts.trouble, event, now) };
    case 'folder':
    case 'message':
      // The mailbox opened: whatever kept it shut is over, and a pause that was asked for was kept.
      return { ...facts, trouble: undefined, lastProgress: now, heard: facts.heard === 'pass' ? 'pass' : 'progress' };
    case 'pass':
      return passed(facts, event, now);
    default:
      // The rest are steps on the way; what they lead to is told by one of the above.
      return facts;
  }
}

function troubled(before: Trouble | undefined, event: Extract<ImportEvent, { kind: 'waiting' | 'failed' }>, now: Instant): Trouble {
  const { fault, waitMs } = event;
  // A run that is to end gives up on passing faults too.
  const person = event.kind === 'failed' && fault.entry.retry === 'never';
  const found: Trouble = { fault, waitMs, person, told: now, since: now };
  if (before === undefined) return found;
  // A refusal is over when the mailbox opens, not when a lost connection comes in between.
  if (refuses(before) && !refuses(found)) return { ...before, told: now, waitMs };
  return before.fault.code === fault.code && before.person === person ? { ...found, since: before.since } : found;
}

/** Whether the peer says no: for good, or where that may pass. The rest is that nothing came about. */
function refuses({ fault, person }: Trouble): boolean {
  return person || fault.code === 'import.mailbox-unavailable';
}

function passed(facts: SourceFacts, event: PassEvent, now: Instant): SourceFacts {
  const came = event.arrived + event.duplicate + event.quarantined > 0;
  return {
    ...facts,
    trouble: undefined,
    lastPass: now,
    lastProgress: now,
    lastArrival: came ? now : facts.lastArrival,
    folders: event.faults,
    heard: 'pass',
  };
}

/** For so long neither a pass ends nor a message comes before a source is late: two looks that were left out, and a quarter of an hour. */
export function lateAfterMs(everyMs: number): number {
  return 2 * everyMs + 15 * 60_000;
}

/** Whether no mail can come in, so that nothing can be said about its staying away. */
export function stopsMail({ kind }: Concern): boolean {
  return kind === 'refused' || kind === 'throttled' || kind === 'overdue';
}

/** What held before, by which a concern is known again. */
export type Held = Pick<Concern<string>, 'since'> & { readonly kind: string; readonly folder?: string | undefined };

/** @param before what held at the last look: what holds now too, holds since then */
export function judge(facts: SourceFacts, look: SourceLook, now: Instant, before: readonly Held[] = []): SourceVerdict {
  const found = [...ofTrouble(facts), ...ofFolders(facts, now), ...ofLateness(facts, look, now), ...ofLooks(look, now)];
  // Mail that nobody has looked for since this process began does not stay away.
  const isHeard = facts.heard === 'pass' && !found.some(stopsMail);
  const isKept = ({ kind }: Concern): boolean => isHeard || (kind !== 'silent' && kind !== 'voices');
  const weight = (kind: ConcernKind): number => stateOf.findIndex(([one]) => one === kind);
  const concerns = found
    .filter(isKept)
    .map((one) => since(one, before))
    .sort((one, other) => weight(one.kind) - weight(other.kind));
  const { trouble } = facts;
  const worst = concerns.find(({ light }) => !light);
  // What an earlier process saw is not seen yet by this one.
  const quiet = facts.heard === 'nothing' || facts.lastPass === undefined ? 'new' : 'healthy';
  return {
    source: facts.source,
    state: stateOf.find(([kind]) => kind === worst?.kind)?.[1] ?? quiet,
    concerns,
    nextLook: trouble?.waitMs === undefined ? undefined : trouble.told.wallMs + trouble.waitMs,
    heard: trouble === undefined ? facts.heard : 'nothing',
  };
}

/** A concern that held before keeps the time since when it holds, whatever the clock says now. */
function since(concern: Concern, before: readonly Held[]): Concern {
  const same = before.find((one) => one.kind === concern.kind && one.folder === concern.folder);
  // A silence that mail has ended and that came again is another one.
  return same === undefined || concern.kind === 'silent' ? concern : { ...concern, since: same.since };
}

const plain = { measure: 0, mayPass: false, light: false };

function ofTrouble({ trouble }: SourceFacts): readonly Concern[] {
  // A lost connection is nobody's business until it makes the source late.
  if (trouble === undefined || !(refuses(trouble) || trouble.fault.entry.retry === 'after-wait')) return [];
  const { fault, person, since } = trouble;
  return [{ ...plain, kind: refuses(trouble) ? 'refused' : 'throttled', fault, since, mayPass: !person }];
}

function ofFolders({ folders }: SourceFacts, now: Instant): readonly Concern[] {
  return [...folders].map(([folder, fault]) => ({
    ...plain,
    kind: fault.code === 'import.incomplete' ? 'missing' : 'folder',
    since: now,
    fault,
    folder,
    // Mail that arrives while the folder is read looks like this; the next pass brings it.
    mayPass: fault.entry.retry !== 'never',
  }));
}

function ofLateness(facts: SourceFacts, { everyMs, awakeSince }: SourceLook, now: Instant): readonly Concern[] {
  const { trouble, lastPass, lastProgress } = facts;
  // What stands in the journal of an earlier service does not make a new one late before it had its time.
  const signs = [awakeSince, lastPass, lastProgress].filter((one) => one !== undefined);
  const idleMs = Math.min(...signs.map((one) => ageOf(one, now)));
  const overMs = idleMs - lateAfterMs(everyMs);
  if (overMs <= 0) return [];
  const fault = new Fault('watch.overdue', {
    source: facts.source,
    forSeconds: Math.round(idleMs / 1000),
    everySeconds: Math.round(everyMs / 1000),
    lastPass: lastPass === undefined ? 'none' : new Date(lastPass.wallMs).toISOString(),
    // What keeps it, seen: the fix stands with that one.
    ...(trouble === undefined ? {} : { waitsFor: trouble.fault.code }),
  });
  return [{ ...plain, kind: 'overdue', since: ago(overMs, now), fault }];
}

function ofLooks(look: SourceLook, now: Instant): readonly Concern[] {
  const { quarantined, quarantineAcknowledged, gapsOpen, silence, silentVoices, expiry } = look;
  const concerns: Concern[] = [];
  if (gapsOpen > 0) {
    concerns.push({ ...plain, kind: 'gap', since: now, fault: new Fault('watch.gaps-open', { open: gapsOpen }), measure: gapsOpen });
  }
  if (quarantined > 0) {
    const fault = new Fault('watch.quarantined', { messages: quarantined });
    const light = quarantined <= quarantineAcknowledged;
    concerns.push({ ...plain, kind: 'quarantine', since: now, fault, measure: quarantined, light });
  }
  if (silence !== undefined) {
    const fault = new Fault('watch.silent', {
      lastMail: new Date(silence.since).toISOString(),
      silentForSeconds: Math.round(silence.silentForMs / 1000),
      ...(silence.expectedWithinMs === undefined ? {} : { expectedWithinSeconds: Math.round(silence.expectedWithinMs / 1000) }),
      by: silence.by,
    });
    concerns.push({ ...plain, kind: 'silent', since: ago(silence.silentForMs - (silence.expectedWithinMs ?? 0), now), fault });
  }
  if (silentVoices > 0) {
    const fault = new Fault('watch.owners-silent', { silent: silentVoices });
    concerns.push({ ...plain, kind: 'voices', since: now, fault, measure: silentVoices, light: true });
  }
  if (expiry !== undefined) {
    const step = expiryStep(expiry.daysLeft);
    if (step > 0) {
      concerns.push({ ...plain, kind: 'expiring', since: now, fault: expiryFault(expiry), measure: step, light: step < stepOfState });
    }
  }
  return concerns;
}

/** Whether a source does what it should, and nobody need think of it. */
export function isWell(state: SourceState): boolean {
  return state === 'healthy' || state === 'new';
}

/** Whether mail comes in: also with a credential that ends soon. */
export function works(state: SourceState): boolean {
  return isWell(state) || state === 'expiring';
}

/**
 * How the import service is, told by who looks at its journal from outside: beside a running service, or a dead one. Pure.
 *
 * The hard thing is to tell a service that is dead from one that is busy, by a clock that may have been set since. The sign of life counts
 * while it is fresh; one from the future only shows that the clock went back, and then the process itself is what is looked at.
 */
import { Fault } from '../../fault/fault.ts';
import type { NotedConcern, NotedCredential, NotedFault, ServiceStatus, SourceState, SourceStatus } from '../../journal/journal.ts';
import { isWell } from './state.ts';

/** `stopped`: no service brings it in. `never`: none ever did. `paused`: a person wants it so. */
export type ShownState = SourceState | 'stopped' | 'never' | 'paused';

export interface ServiceView {
  readonly running: boolean;
  /** Undefined: none ever ran in this data folder. */
  readonly last: ServiceStatus | undefined;
  /** Why not, where it does not run. */
  readonly fault: Fault | undefined;
  readonly concerns: readonly NotedConcern[];
  /** When the credentials end, as the service knew it when it last told of itself. */
  readonly credentials: readonly NotedCredential[];
  /** The last run was one that a scheduler starts, it has ended, and it is not yet time for two more. */
  readonly scheduled: boolean;
}

export interface SourceView {
  readonly source: string;
  readonly state: ShownState;
  /** What it was when it was last looked at, where it is stopped. */
  readonly lastState: SourceState | undefined;
  readonly since: Date | undefined;
  readonly lastPass: Date | undefined;
  readonly lastArrival: Date | undefined;
  readonly nextLook: Date | undefined;
  /** Worst first; of a stopped one as they were. */
  readonly concerns: readonly NotedConcern[];
  readonly lastFault: NotedFault | undefined;
  readonly counters: Readonly<Record<string, number>>;
}

export interface ImportStatus {
  readonly service: ServiceView;
  readonly sources: readonly SourceView[];
  /** A service runs, all these sources do what they should, and nothing is wrong with the whole. */
  readonly well: boolean;
}

export interface StatusLook {
  /** Names of the sources to show. */
  readonly sources: readonly string[];
  readonly statuses: readonly SourceStatus[];
  readonly service: ServiceStatus | undefined;
  /** Names of those that a person has paused in the console. */
  readonly paused?: ReadonlySet<string>;
  readonly now: number;
  /** The name of this machine. */
  readonly host: string;
  /** Whether a process of this id is there, on this machine. */
  readonly isAlive: (pid: number) => boolean;
}

/** Messages that are missing, by source: known since the source was judged last, where a reconciliation found them. */
export function withGaps(
  statuses: readonly SourceStatus[],
  gaps: readonly { readonly source: string; readonly open: number }[],
  now: number,
): readonly SourceStatus[] {
  return statuses.map((status) => {
    const open = gaps.find(({ source }) => source === status.source)?.open ?? 0;
    if (open === 0 || status.concerns.some(({ kind }) => kind === 'gap')) return status;
    const fault = { code: 'watch.gaps-open', evidence: { open }, at: new Date(now) } as const;
    const concern: NotedConcern = { kind: 'gap', since: new Date(now), fault, measure: open };
    return { ...status, state: isWell(status.state) ? 'late' : status.state, concerns: [...status.concerns, concern] };
  });
}

/** Signs of life that may be left out before it counts as dead; a machine under load skips one. */
const missedBeats = 6;

/** As long as nobody knows how often a scheduler starts it. */
const unknownEveryMs = 24 * 60 * 60_000;

export function importStatus(look: StatusLook): ImportStatus {
  const service = serviceView(look);
  const sources = look.sources.map((source) => sourceView(source, look, service));
  const well =
    (service.running || service.scheduled) &&
    service.concerns.length === 0 &&
    sources.every(({ state }) => state === 'paused' || (state !== 'stopped' && state !== 'never' && isWell(state)));
  return { service, sources, well };
}

function serviceView(look: StatusLook): ServiceView {
  const { service: last, now } = look;
  if (last === undefined)
    return {
      running: false,
      last,
      fault: new Fault('watch.not-running', { lastSign: 'none' }),
      concerns: [],
      credentials: [],
      scheduled: false,
    };
  const running = isRunning(last, look);
  const scheduled =
    !running && last.once !== undefined && last.stopped !== undefined && now - last.started.getTime() <= dueAfterMs(last.once.everyMs);
  const fault = new Fault('watch.not-running', {
    lastSign: last.beat.toISOString(),
    forSeconds: Math.max(0, Math.round((now - last.beat.getTime()) / 1000)),
    ended: last.stopped === undefined ? 'without a word' : 'by itself',
  });
  // Of a service that has ended, what ended it still counts.
  return {
    running,
    last,
    fault: running || scheduled ? undefined : fault,
    credentials: last.credentials ?? [],
    concerns: last.concerns.filter(({ kind }) => running || scheduled || kind === 'ended'),
    scheduled,
  };
}

/** Two runs left out, and a quarter of an hour. */
function dueAfterMs(everyMs: number | undefined): number {
  return everyMs === undefined ? unknownEveryMs : 2 * everyMs + 15 * 60_000;
}

function isRunning({ stopped, beat, beatEveryMs, host, pid }: ServiceStatus, look: StatusLook): boolean {
  if (stopped !== undefined) return false;
  const isHere = host === look.host;
  if (isHere && !look.isAlive(pid)) return false;
  const silentMs = look.now - beat.getTime();
  return silentMs <= missedBeats * beatEveryMs && (silentMs >= -missedBeats * beatEveryMs || isHere);
}

function sourceView(source: string, { statuses, paused }: StatusLook, service: ServiceView): SourceView {
  const isPaused = paused?.has(source) === true && service.running;
  const noted = statuses.find((one) => one.source === source);
  if (noted === undefined) {
    return {
      source,
      state: isPaused ? 'paused' : 'never',
      lastState: undefined,
      since: undefined,
      lastPass: undefined,
      lastArrival: undefined,
      nextLook: undefined,
      concerns: [],
      lastFault: undefined,
      counters: {},
    };
  }
  const isServed = (service.running || service.scheduled) && (service.last?.sources.includes(source) ?? false);
  const { state, since, lastPass, lastArrival, nextLook, concerns, lastFault, counters } = noted;
  return {
    source,
    state: isServed ? state : isPaused ? 'paused' : 'stopped',
    lastState: isServed ? undefined : state,
    since: isServed ? since : (service.last?.stopped ?? service.last?.beat),
    lastPass,
    lastArrival,
    nextLook: service.running && isServed ? nextLook : undefined,
    // What was wrong when it was paused is nobody's business until it goes on.
    concerns: isPaused && !isServed ? [] : concerns,
    lastFault,
    counters,
  };
}

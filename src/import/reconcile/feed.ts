/**
 * Whether a feed has gone silent, judged by its habit. Pure: what the archive knows of who was heard of when, and the time, go in.
 *
 * The hard thing is that people write in bursts: forty messages in one hour are one occasion, not forty. So the habit is how often each
 * hour of the week had anything at all in the last four weeks, and silence is how unlikely it is that all hours since the last message
 * stayed empty. Where too little is known, nothing is said.
 */
import type { Feed, FeedHabit } from '../../archive/archive.ts';

/** A silence that habit would bring about less often than this is told. At one look for each pause it is a false alarm in years. */
export const silentBelow = 0.0001;
/** Hours of the last four weeks that had messages, at least, before a habit is spoken of. */
export const leastOccasions = 12;
const weeks = 4;
/** Even in an hour that always had messages one may stay away for once. */
const surest = 0.95;

const hourMs = 60 * 60_000;
const hoursOfWeek = 168;
/** 1970-01-01 was a Thursday; the week begins on Monday. */
const firstMondayMs = 4 * 24 * hourMs;

export interface Silence {
  /** `unknown`: too little history, and no `silentAfter`. */
  readonly state: 'heard' | 'silent' | 'unknown';
  readonly last: Date;
  /** Since the last message. */
  readonly forMs: number;
  /** Messages that habit would have brought since. */
  readonly expected: number;
  /** That habit leaves all this time empty; 1 where no habit is known. */
  readonly probability: number;
}

export interface VoiceVerdict extends Silence {
  readonly source: string;
  readonly owner: string | undefined;
  readonly platform: string | undefined;
}

export interface SourceVerdict extends Silence {
  readonly source: string;
  /** Owners and platforms of this source that are silent though the source is not. */
  readonly silentVoices: readonly VoiceVerdict[];
  readonly voices: number;
}

/**
 * Judges one habit.
 * @param silentAfterMs so long without a message is silence, whatever the habit (`silentAfter` of the source)
 */
export function silenceOf(heard: FeedHabit, now: Date, silentAfterMs?: number): Silence {
  const last = heard.lastArrived;
  const forMs = Math.max(0, now.getTime() - last.getTime());
  const { expected, none } = over(heard, last, now);
  const occasions = heard.active.reduce((total, hours) => total + hours, 0);
  const isKnown = occasions >= leastOccasions;
  const probability = isKnown ? none : 1;
  const isSilent = silentAfterMs === undefined ? probability < silentBelow : forMs > silentAfterMs;
  const state = isSilent ? 'silent' : isKnown || silentAfterMs !== undefined ? 'heard' : 'unknown';
  return { state, last, forMs, expected: Math.round(expected * 10) / 10, probability };
}

/** Judges every source that was heard of, and in each its owners and platforms. @param silentAfterMs by source */
export function judgeFeed(feed: Feed, now: Date, silentAfterMs: ReadonlyMap<string, number> = new Map()): readonly SourceVerdict[] {
  return feed.sources.map((heard): SourceVerdict => {
    const { source } = heard;
    const voices = feed.voices.filter((voice) => voice.source === source);
    const named = voices.filter(({ owner, platform }) => owner !== undefined || platform !== undefined);
    const judged = named.map((voice): VoiceVerdict => ({ source, owner: voice.owner, platform: voice.platform, ...silenceOf(voice, now) }));
    const whole = silenceOf(heard, now, silentAfterMs.get(source));
    // Of a source that is silent as a whole all are; naming each would hide that.
    const silentVoices = whole.state === 'silent' ? [] : judged.filter(({ state }) => state === 'silent');
    return { source, ...whole, silentVoices, voices: named.length };
  });
}

/** What habit says of the time between two instants. */
function over(heard: FeedHabit, from: Date, to: Date): { readonly expected: number; readonly none: number } {
  let expected = 0;
  let noneLog = 0;
  const add = (hour: number, share: number): void => {
    expected += ((heard.hours[hour] ?? 0) / weeks) * share;
    noneLog += Math.log(1 - chance(heard.active, hour)) * share;
  };
  const hours = Math.max(0, to.getTime() - from.getTime()) / hourMs;
  const wholeWeeks = Math.floor(hours / hoursOfWeek);
  if (wholeWeeks > 0) for (let hour = 0; hour < hoursOfWeek; hour += 1) add(hour, wholeWeeks);
  let at = from.getTime() + wholeWeeks * hoursOfWeek * hourMs;
  while (at < to.getTime()) {
    const end = Math.min(to.getTime(), Math.floor(at / hourMs + 1) * hourMs);
    add(hourOfWeek(at), (end - at) / hourMs);
    at = end;
  }
  return { expected, none: Math.exp(noneLog) };
}

/** That an hour of the week has anything: from its own four, and half as much from those beside it, since nobody writes by the clock. */
function chance(active: readonly number[], hour: number): number {
  const of = (other: number): number => active[(other + hoursOfWeek) % hoursOfWeek] ?? 0;
  return Math.min(surest, (of(hour - 1) + 2 * of(hour) + of(hour + 1)) / (4 * weeks));
}

/** 0 is Monday 00:00 to 01:00 UTC. */
export function hourOfWeek(atMs: number): number {
  return ((Math.floor((atMs - firstMondayMs) / hourMs) % hoursOfWeek) + hoursOfWeek) % hoursOfWeek;
}

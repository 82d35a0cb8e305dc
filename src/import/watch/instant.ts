/** A moment by two clocks, because one of them jumps. */
import type { Clock } from '../../runtime/clock.ts';

export interface Instant {
  /** The machine's clock, milliseconds since 1970: for people, and across restarts. May jump. */
  readonly wallMs: number;
  /** The clock of this process that never jumps; before its start by as much as the machine's clock said at the start. */
  readonly steadyMs: number;
}

export function instant(clock: Clock): Instant {
  return { wallMs: clock.now(), steadyMs: clock.monotonic() };
}

/** A moment that an earlier process wrote down, placed on this process' clocks. One in the future is now. */
export function restored(wallMs: number, now: Instant): Instant {
  return { wallMs, steadyMs: now.steadyMs - Math.max(0, now.wallMs - wallMs) };
}

/**
 * Milliseconds since `then`. The clock that never jumps has the word; where the machine's clock says less (it was wrong when an earlier
 * process wrote, and is right now), that counts. One that says "in the future" has jumped back and says nothing.
 */
export function ageOf(then: Instant, now: Instant): number {
  const steady = Math.max(0, now.steadyMs - then.steadyMs);
  const wall = now.wallMs - then.wallMs;
  return wall < 0 ? steady : Math.min(steady, wall);
}

/** The moment so many milliseconds before `now`. */
export function ago(ms: number, now: Instant): Instant {
  return { wallMs: now.wallMs - ms, steadyMs: now.steadyMs - ms };
}

/** How long to wait before trying again. Pure; obeys the catalogue and what the server asked for. Classes of M365 facts §4.6. */
import type { Fault } from '../fault/fault.ts';

/** First wait of a row of passing faults; doubles with each. */
const firstMs = 1_000;
/** M365 (doc): transient faults are met with waits of 1 second up to 5 minutes. */
const longestMs = 5 * 60_000;
/** A longer wait is not taken at its word: a server's slip of some digits must not silence a source for days. */
const longestAskedMs = 60 * 60_000;
/** A source that a person must mend is still looked at, slowly: a permission given meanwhile takes effect by itself. */
export const slowProbeMs = 15 * 60_000;

/**
 * @param attempt 1 for the first failure in a row
 * @param random between 0 and 1: spreads those who were all refused at once
 * @returns milliseconds; undefined when only a person can help
 */
export function waitBefore(fault: Fault, attempt: number, random: number): number | undefined {
  if (fault.entry.retry === 'never') return undefined;
  const asked = askedMs(fault);
  if (asked !== undefined && asked > 0) return Math.ceil(Math.min(asked, longestAskedMs) * (1 + random * 0.1));
  const doubled = firstMs * 2 ** Math.min(Math.max(attempt, 1) - 1, 20);
  return Math.ceil(Math.min(doubled, longestMs) * (0.5 + random / 2));
}

/** The wait that the peer named: an IMAP server in `backoffMs`, Entra in `retryAfterSeconds`. */
function askedMs({ evidence: { backoffMs, retryAfterSeconds } }: Fault): number | undefined {
  if (typeof backoffMs === 'number') return backoffMs;
  return typeof retryAfterSeconds === 'number' ? retryAfterSeconds * 1_000 : undefined;
}

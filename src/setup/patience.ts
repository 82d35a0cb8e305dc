/**
 * Waiting until the tenant agrees with itself. What was just made is known to one server and not to the next, for seconds or minutes.
 *
 * M365 (recorded): "not there" and "not valid" straight after a change; Terraform reads five times in a row, and Microsoft names no time.
 */
import { Fault, isFault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';

export interface Patience {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long one change is waited for. */
  readonly waitMs: number;
  /** Reads in a row that have to agree. */
  readonly reads: number;
  /** Told when waiting takes a while. */
  readonly onWait?: (what: string, waitedMs: number) => void;
}

const betweenMs = 1_000;
const longestBetweenMs = 15_000;

/** Reads until it is seen so many times in a row. @throws Fault setup.not-consistent */
export async function untilSeen(what: string, patience: Patience, isSeen: () => Promise<boolean>): Promise<void> {
  const { clock, signal, waitMs, reads, onWait } = patience;
  const began = clock.monotonic();
  let inRow = 0;
  for (let pauseMs = betweenMs; ; ) {
    inRow = (await isSeen()) ? inRow + 1 : 0;
    if (inRow >= reads) return;
    const waitedMs = clock.monotonic() - began;
    // Once it is seen it is read to the end of the row.
    if (inRow === 0 && waitedMs > waitMs) throw new Fault('setup.not-consistent', { what, waitedSeconds: Math.round(waitedMs / 1_000) });
    if (inRow === 0) {
      onWait?.(what, waitedMs);
      await clock.sleep(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 1.5, longestBetweenMs);
    }
  }
}

/** Does something that is refused for a while because what it builds on is not known everywhere. @throws what `act` throws otherwise */
export async function onceKnown<T>(
  what: string,
  patience: Patience,
  isTooEarly: (fault: Fault) => boolean,
  act: () => Promise<T>,
): Promise<T> {
  const { clock, signal, waitMs, onWait } = patience;
  const began = clock.monotonic();
  for (let pauseMs = betweenMs; ; pauseMs = Math.min(pauseMs * 1.5, longestBetweenMs)) {
    try {
      return await act();
    } catch (error) {
      const waitedMs = clock.monotonic() - began;
      if (!isFault(error) || !isTooEarly(error) || waitedMs > waitMs) throw error;
      onWait?.(what, waitedMs);
      await clock.sleep(pauseMs, signal);
    }
  }
}

/** M365 (recorded): texts by which Graph says that it has not heard of a new app or service principal yet. */
export function isTooEarly(fault: Fault): boolean {
  if (fault.code === 'graph.not-found' || fault.code === 'exchange.not-found') return true;
  const text = String(fault.evidence['text'] ?? '');
  if (fault.code === 'graph.refused') return /does not reference a valid application object|Not a valid reference update/i.test(text);
  // M365 (assumed): Exchange checks the pair of ids against Entra, and hears of a new one later.
  return fault.code === 'exchange.refused' && /service principal .* is not valid|could not be found|not found in the directory/i.test(text);
}

/** M365 (recorded): texts and codes by which a service says that what is asked for is there already. */
export function isThereAlready(error: unknown): boolean {
  if (isFault(error, 'exchange.already-there')) return true;
  return (
    isFault(error, 'graph.refused') &&
    /already exists on the object|EntitlementGrant entry already exists/i.test(String(error.evidence['text']))
  );
}

/** The request may have been done: only looking tells. */
export function isUnknown(error: unknown): boolean {
  return isFault(error, 'graph.outcome-unknown', 'exchange.outcome-unknown');
}

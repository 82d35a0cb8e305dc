/**
 * Keeps the pause that a server asks for, and then goes on where it was, on the same connection.
 *
 * The hard thing is that a new connection would be the wrong answer to throttling: its login and its look at the folder count too, so a
 * budget that is too small for one look would never let a message through. Where the server has closed the connection meanwhile, the
 * next command says so, and the usual way is taken.
 */
import type { Clock } from '../runtime/clock.ts';
import { waitBefore } from './backoff.ts';
import type { ImportEvent } from './events.ts';
import { isOf } from './fault-classes.ts';

/** Pauses in a row, with nothing gained in between, after which the fault is passed on. */
const maxPauses = 6;

export interface PausePorts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: (event: ImportEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * @param act may be called several times
 * @param gained a number that grows when `act` gained something before it was refused
 * @throws what `act` throws; the signal's reason
 */
export async function patiently<T>(source: string, ports: PausePorts, act: () => Promise<T>, gained: () => number = () => 0): Promise<T> {
  let attempt = 0;
  let before = gained();
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isOf(error, 'throttled')) throw error;
      attempt = gained() > before ? 1 : attempt + 1;
      before = gained();
      const waitMs = waitBefore(error, attempt, ports.random());
      if (waitMs === undefined || attempt > maxPauses) throw error;
      ports.report({ kind: 'waiting', source, fault: error, waitMs });
      await ports.clock.sleep(waitMs, ports.signal);
    }
  }
}

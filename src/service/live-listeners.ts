/**
 * Tells everybody who listens what happens: the one implementation of `live.ts`.
 *
 * The hard thing is a listener that does not read. What it has not taken is kept for it within a bound, newer news of the same thing in
 * place of the older; past the bound all of it is dropped and it is told to look at everything anew.
 */
import type { Clock } from '../runtime/clock.ts';
import type { LiveEvent } from './api/event.ts';
import type { Live } from './live.ts';

/** News that are kept for a listener that does not read. */
const keptAtMost = 500;

interface Listener {
  queue: LiveEvent[];
  wake: (() => void) | undefined;
}

export interface LiveListeners extends Live {
  /** How many listen now. */
  readonly count: number;
}

/** @param signal the service ends, and with it all listening */
export function liveListeners(clock: Clock, signal: AbortSignal): LiveListeners {
  const listeners = new Set<Listener>();
  const hello = (): LiveEvent => ({ kind: 'hello', at: new Date(clock.now()).toISOString() });

  const add = (listener: Listener, event: LiveEvent): void => {
    const name = nameOf(event);
    if (name !== undefined) listener.queue = listener.queue.filter((one) => nameOf(one) !== name);
    if (listener.queue.length < keptAtMost) listener.queue.push(event);
    else listener.queue = [hello()];
    listener.wake?.();
  };

  return {
    get count() {
      return listeners.size;
    },
    tell(event) {
      for (const listener of listeners) add(listener, event);
    },
    async *listen(own) {
      const ends = AbortSignal.any([own, signal]);
      const listener: Listener = { queue: [hello()], wake: undefined };
      const wake = (): void => listener.wake?.();
      listeners.add(listener);
      ends.addEventListener('abort', wake);
      try {
        while (!ends.aborted) {
          const event = listener.queue.shift();
          if (event !== undefined) yield event;
          else {
            await new Promise<void>((resolve) => {
              listener.wake = resolve;
            });
            listener.wake = undefined;
          }
        }
      } finally {
        ends.removeEventListener('abort', wake);
        listeners.delete(listener);
      }
    },
  };
}

/** Of news that say how a thing is now: the newest is enough. */
function nameOf(event: LiveEvent): string | undefined {
  switch (event.kind) {
    case 'source':
      return `source ${event.card.name}`;
    case 'quarantine':
    case 'gaps':
      return `${event.kind} ${event.source}`;
    case 'derived':
    case 'reconciliation':
    case 'proxy':
      return event.kind;
    case 'export':
      return `export ${event.job.id}`;
    case 'alert':
      return `alert ${event.alert.id}`;
    case 'run':
      return `run ${event.run.id}`;
    default:
      return undefined;
  }
}

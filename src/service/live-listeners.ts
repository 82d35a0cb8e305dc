/**
 * Tells everybody who listens what happens: the one implementation of `live.ts`.
 *
 * The hard thing is a listener that does not read. What it has not taken is kept for it within a bound, newer news of the same thing in
 * place of the older; past the bound all of it is dropped and it is told to look at everything anew. Telling costs the same however much a
 * listener has not taken: the cards of hundreds of sources are told at once, to hundreds.
 */
import type { Clock } from '../runtime/clock.ts';
import type { LiveEvent } from './api/event.ts';
import type { Live } from './live.ts';

/** News that are kept for a listener that does not read. */
const keptAtMost = 500;

interface Listener {
  /** In the order of their telling, by {@link nameOf}, or where there is none by a number of their own. */
  readonly queue: Map<string | number, LiveEvent>;
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

  let told = 0;

  const add = ({ queue, wake }: Listener, name: string | number, event: LiveEvent): void => {
    queue.delete(name);
    if (queue.size >= keptAtMost) {
      queue.clear();
      queue.set('hello', hello());
    } else queue.set(name, event);
    wake?.();
  };

  return {
    get count() {
      return listeners.size;
    },
    tell(event) {
      told += 1;
      const name = nameOf(event) ?? told;
      for (const listener of listeners) add(listener, name, event);
    },
    async *listen(own) {
      const ends = AbortSignal.any([own, signal]);
      const listener: Listener = { queue: new Map([['hello', hello()]]), wake: undefined };
      const wake = (): void => listener.wake?.();
      listeners.add(listener);
      ends.addEventListener('abort', wake);
      try {
        while (!ends.aborted) {
          const [first] = listener.queue;
          if (first !== undefined) {
            listener.queue.delete(first[0]);
            yield first[1];
          } else {
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

/**
 * What happens, told to everybody who listens. The hard thing is a listener that does not read: each has a bounded queue, and one that
 * falls behind gets `hello` again (everything may have changed) in place of what it missed.
 */
import type { LiveEvent } from './api/event.ts';

export interface Live {
  tell(event: LiveEvent): void;
  /** Until the signal is aborted or the service ends. Begins with `hello`. */
  listen(signal: AbortSignal): AsyncIterable<LiveEvent>;
}

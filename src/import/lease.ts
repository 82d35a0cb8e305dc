/**
 * One run of a source at a time, within this process: the schedule and somebody's "run now" must not meet.
 *
 * Between processes the archive's own lock does it: only one may write to a data folder, and the system frees that lock when the process
 * dies, however it dies. So nothing here has to outlive a crash, and nothing can be left over from one.
 */
import { Fault } from '../fault/fault.ts';

/** Held while a run goes on. */
export interface Lease {
  /** May be called often. */
  end(): void;
}

/** Shared by all who start runs on one archive. */
export class Leases {
  readonly #held = new Set<string>();

  /** @throws Fault import.already-running */
  take(source: string): Lease {
    if (this.#held.has(source)) throw new Fault('import.already-running', { source });
    this.#held.add(source);
    let isHeld = true;
    return {
      end: () => {
        if (isHeld) this.#held.delete(source);
        isHeld = false;
      },
    };
  }
}

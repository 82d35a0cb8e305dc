/**
 * Keeps a waiting period from being over because somebody set the machine's clock.
 *
 * The hard thing is that only a jump within the life of this process can be seen: then the wall clock has gone further than the
 * steady one.
 */
import { Fault } from '../../fault/fault.ts';
import type { Clock } from '../../runtime/clock.ts';

/** What a time service corrects, and the change of a badly kept clock, stay below it. */
const toleratedMs = 60 * 60_000;

export class ClockWatch {
  readonly #clock: Clock;
  readonly #aheadAtStart: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#aheadAtStart = clock.now() - clock.monotonic();
  }

  /** @throws Fault completion.clock-jumped */
  check(): void {
    const jumpedMs = this.#clock.now() - this.#clock.monotonic() - this.#aheadAtStart;
    if (jumpedMs > toleratedMs) throw new Fault('completion.clock-jumped', { jumpedSeconds: Math.round(jumpedMs / 1_000) });
  }
}

/** A number of places, taken and given back, first come, first served: how the import keeps within its connections. */
export class Slots {
  #free: number;
  readonly #queue = new Set<() => void>();

  constructor(count: number) {
    this.#free = Math.max(1, count);
  }

  /** Takes a place if one is free. Whoever took one gives it back. */
  tryTake(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Waits for a place. @throws the signal's reason, having taken none */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.tryTake()) return;
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#queue.delete(turn);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(turn);
    });
  }

  give(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#queue.delete(next);
    next();
  }

  /** Does something on a place of its own. @throws the signal's reason; what `act` throws */
  async within<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    await this.take(signal);
    try {
      return await act();
    } finally {
      this.give();
    }
  }
}

/**
 * How many connections are open at once to bring mail in: of all sources together, and to one host. First come, first served, but who
 * waits for a full host holds up nobody else.
 */

export interface ConnectionLimits {
  readonly connections: number;
  /** To one host. Absent: as many as in all. */
  readonly perHost?: number;
}

export class ConnectionBudget {
  readonly #perHost: number;
  #free: number;
  readonly #taken = new Map<string, number>();
  readonly #queue = new Set<{ readonly host: string; readonly turn: () => void }>();

  constructor({ connections, perHost = connections }: ConnectionLimits) {
    this.#free = Math.max(1, connections);
    this.#perHost = Math.max(1, perHost);
  }

  /** Takes a place if one is free and nobody waits for it. Whoever took one gives it back. */
  tryTake(host: string): boolean {
    for (const { host: other } of this.#queue) if (this.#fits(other)) return false;
    return this.#fits(host) && this.#take(host);
  }

  /** Waits for a place. @throws the signal's reason, having taken none */
  async take(host: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.tryTake(host)) return;
    await new Promise<void>((resolve, reject) => {
      const waiting = {
        host,
        turn: (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#queue.delete(waiting);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(waiting);
    });
  }

  give(host: string): void {
    this.#free += 1;
    const left = (this.#taken.get(host) ?? 1) - 1;
    if (left === 0) this.#taken.delete(host);
    else this.#taken.set(host, left);
    for (const waiting of this.#queue) {
      if (this.#free === 0) return;
      if (!this.#fits(waiting.host)) continue;
      this.#queue.delete(waiting);
      this.#take(waiting.host);
      waiting.turn();
    }
  }

  /** Does something on a place of its own. @throws the signal's reason; what `act` throws */
  async within<T>(host: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    await this.take(host, signal);
    try {
      return await act();
    } finally {
      this.give(host);
    }
  }

  #fits(host: string): boolean {
    return this.#free > 0 && (this.#taken.get(host) ?? 0) < this.#perHost;
  }

  #take(host: string): true {
    this.#free -= 1;
    this.#taken.set(host, (this.#taken.get(host) ?? 0) + 1);
    return true;
  }
}

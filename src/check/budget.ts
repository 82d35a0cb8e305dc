/** At most so many of something at once; whoever comes later waits in order. */
export class Budget {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  async spend<T>(act: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      // The place goes from hand to hand, so nobody can come in between.
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

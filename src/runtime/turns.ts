/** Acts on things with names: those on one thing happen one after the other, those on different things side by side. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** @throws what `act` throws, which holds up nobody behind it */
  async take<T>(name: string, act: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(name) ?? Promise.resolve()).then(act);
    const nothing = (): void => undefined;
    const over = turn.then(nothing, nothing);
    this.#last.set(name, over);
    try {
      return await turn;
    } finally {
      if (this.#last.get(name) === over) this.#last.delete(name);
    }
  }
}

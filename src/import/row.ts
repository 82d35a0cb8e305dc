/**
 * A row of UIDs that several connections fetch from, each taking the next as it gets to it.
 *
 * The hard thing is the connection that breaks: what it took and did not bring goes back into the row, so that another brings it.
 */

export class Row {
  readonly #uids: readonly number[];
  #at = 0;
  #returned: number[] = [];

  constructor(uids: readonly number[]) {
    this.#uids = uids;
  }

  get left(): number {
    return this.#uids.length - this.#at + this.#returned.length;
  }

  /** The next UID; undefined at the end. */
  take(): number | undefined {
    const returned = this.#returned.pop();
    if (returned !== undefined) return returned;
    const next = this.#uids[this.#at];
    if (next !== undefined) this.#at += 1;
    return next;
  }

  giveBack(uids: Iterable<number>): void {
    this.#returned.push(...[...uids].reverse());
  }
}

/** What one connection has taken from a row. Iterated anew it gives first what did not come, then takes on. */
export class Share implements Iterable<number> {
  readonly #row: Row;
  readonly #came: (uid: number) => boolean;
  readonly #isOver: () => boolean;
  /** Taken and not come, in the order in which they were asked for. */
  readonly #open = new Set<number>();

  /** @param isOver when it says so, nothing more is taken */
  constructor(row: Row, came: (uid: number) => boolean, isOver: () => boolean = () => false) {
    this.#row = row;
    this.#came = came;
    this.#isOver = isOver;
  }

  *[Symbol.iterator](): Generator<number, void, void> {
    yield* this.left();
    while (!this.#isOver()) {
      const uid = this.#row.take();
      if (uid === undefined) return;
      this.#open.add(uid);
      yield uid;
    }
  }

  /** This one has come, or has been settled otherwise. */
  settle(uid: number): void {
    this.#open.delete(uid);
  }

  /** What was taken and did not come. The first of them is the one that the server was about to send. */
  left(): readonly number[] {
    for (const uid of this.#open) if (this.#came(uid)) this.#open.delete(uid);
    return [...this.#open];
  }

  /** Puts what did not come back into the row. */
  giveUp(): void {
    this.#row.giveBack(this.left());
    this.#open.clear();
  }
}

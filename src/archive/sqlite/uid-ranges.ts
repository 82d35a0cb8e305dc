/** UIDs as ranges: a mailbox's are nearly without holes, so a million of them fit into a few numbers. */
import type { UidSet } from '../archive.ts';

export class UidRanges implements UidSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #withoutBytes: number[] = [];
  #size = 0;

  get withoutBytes(): readonly number[] {
    return this.#withoutBytes;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a UID greater than all before it. */
  add(uid: number, hasBytes = true): void {
    if (!hasBytes) this.#withoutBytes.push(uid);
    const last = this.#ends.length - 1;
    if (last >= 0 && this.#ends[last] === uid - 1) {
      this.#ends[last] = uid;
    } else {
      this.#starts.push(uid);
      this.#ends.push(uid);
    }
    this.#size += 1;
  }

  has(uid: number): boolean {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (uid < (this.#starts[middle] ?? 0)) high = middle - 1;
      else if (uid > (this.#ends[middle] ?? 0)) low = middle + 1;
      else return true;
    }
    return false;
  }
}

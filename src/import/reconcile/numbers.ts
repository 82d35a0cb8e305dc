/** Many numbers and many hashes in little memory, so that a folder of a million messages can be compared within some tens of megabytes. */

/** A growing list of whole numbers below 2^32, to be looked up once it is complete. */
export class NumberList {
  #values = new Uint32Array(1_024);
  #length = 0;
  #isSorted = true;

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Uint32Array(this.#length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    if (this.#length > 0 && value < (this.#values[this.#length - 1] ?? 0)) this.#isSorted = false;
    this.#values[this.#length] = value;
    this.#length += 1;
  }

  has(value: number): boolean {
    if (!this.#isSorted) this.#values.subarray(0, this.#length).sort();
    this.#isSorted = true;
    return indexOf(this.#values.subarray(0, this.#length), value) !== -1;
  }
}

/** Where a number stands in an ascending list; -1 where it does not. */
export function indexOf(ascending: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = ascending[middle] ?? 0;
    if (found === value) return middle;
    if (found < value) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** The first 128 bits of each hash: nobody finds two messages of one value by chance, and it takes half the room. */
const wordsOfHash = 4;

/** A set of SHA-256 values: open addressing in one array, since a hash is its own best hash. */
export class HashSet {
  #slots = new Uint32Array(1_024 * wordsOfHash);
  #size = 0;

  /** @param hash lower-case hex */
  add(hash: string): void {
    if ((this.#size + 1) * wordsOfHash * 2 > this.#slots.length) this.#grow();
    if (put(this.#slots, words(hash))) this.#size += 1;
  }

  has(hash: string): boolean {
    const wanted = words(hash);
    const at = find(this.#slots, wanted);
    return isAt(this.#slots, at, wanted);
  }

  get size(): number {
    return this.#size;
  }

  #grow(): void {
    const larger = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += wordsOfHash) {
      const value = this.#slots.subarray(at, at + wordsOfHash);
      if (!isEmpty(this.#slots, at)) put(larger, value);
    }
    this.#slots = larger;
  }
}

function words(hash: string): Uint32Array {
  const value = new Uint32Array(wordsOfHash);
  for (let word = 0; word < wordsOfHash; word += 1) value[word] = Number.parseInt(hash.slice(word * 8, word * 8 + 8), 16);
  // All zeros mark an empty slot.
  if (isEmpty(value, 0)) value[0] = 1;
  return value;
}

/** Where the value stands, or the empty slot where it would. */
function find(slots: Uint32Array, value: Uint32Array): number {
  const count = slots.length / wordsOfHash;
  let slot = (value[0] ?? 0) % count;
  while (!isEmpty(slots, slot * wordsOfHash) && !isAt(slots, slot * wordsOfHash, value)) slot = (slot + 1) % count;
  return slot * wordsOfHash;
}

function put(slots: Uint32Array, value: Uint32Array): boolean {
  const at = find(slots, value);
  if (isAt(slots, at, value)) return false;
  slots.set(value, at);
  return true;
}

function isAt(slots: Uint32Array, at: number, value: Uint32Array): boolean {
  for (let word = 0; word < wordsOfHash; word += 1) if (slots[at + word] !== value[word]) return false;
  return true;
}

function isEmpty(slots: Uint32Array, at: number): boolean {
  return slots[at] === 0 && slots[at + 1] === 0 && slots[at + 2] === 0 && slots[at + 3] === 0;
}

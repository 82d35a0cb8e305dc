/**
 * Places for connections that have not logged in: so many in all, so many from one address.
 *
 * The hard thing is who has to go when all places are taken: nobody who is there, since a flood would push out the honest. Its share of an
 * address keeps the flood from taking all; this machine itself has no share, since all its applications come from one address.
 */
import { isLoopback } from '../tenant/ids.ts';
import { holderOf } from './clients/client.ts';

export class HalfOpen {
  #most: number;
  #perAddress: number;
  #count = 0;
  readonly #addresses = new Map<string, number>();

  constructor(most: number, perAddress: number) {
    this.#most = most;
    this.#perAddress = perAddress;
  }

  use(most: number, perAddress: number): void {
    this.#most = most;
    this.#perAddress = perAddress;
  }

  get count(): number {
    return this.#count;
  }

  /** Why there is no place; undefined: one was taken. */
  take(address: string): 'half-open' | 'half-open-from-address' | undefined {
    const holder = holderOf(address);
    const ofAddress = this.#addresses.get(holder) ?? 0;
    if (this.#count >= this.#most) return 'half-open';
    if (ofAddress >= this.#perAddress && !isLoopback(address)) return 'half-open-from-address';
    this.#count += 1;
    this.#addresses.set(holder, ofAddress + 1);
    return undefined;
  }

  give(address: string): void {
    this.#count -= 1;
    const holder = holderOf(address);
    const left = (this.#addresses.get(holder) ?? 1) - 1;
    if (left === 0) this.#addresses.delete(holder);
    else this.#addresses.set(holder, left);
  }
}

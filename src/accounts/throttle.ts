/**
 * Brakes on guessing passwords: by user and by address, each with a delay that grows with every wrong one and passes by itself.
 *
 * The hard thing is that a brake is a weapon too: whoever knows a name could keep its owner out by guessing. So no delay is longer than
 * some minutes, which leaves a guesser some hundred tries a day, and an address from which the user came in before has a count of its own.
 * An attempt is counted before its password is looked at, or a hundred at the same moment would all be the first. Names that nobody has
 * are counted like others, else the brake would tell which names there are.
 */

export interface Brake {
  /** Wrong ones in a row that cost nothing. */
  readonly free: number;
  /** The delay after the next one; it doubles each time. */
  readonly firstMs: number;
  readonly mostMs: number;
}

export const userBrake: Brake = { free: 5, firstMs: 2_000, mostMs: 5 * 60_000 };
/** Many people may come from one address. */
export const addressBrake: Brake = { free: 20, firstMs: 2_000, mostMs: 15 * 60_000 };

/** A count is forgotten so long after the last wrong one. */
const forgottenMs = 60 * 60_000;
const mostCounts = 10_000;

interface Count {
  readonly wrong: number;
  readonly lastMs: number;
}

export class Throttle {
  readonly #now: () => number;
  /** In the order of their last wrong one: the first is the oldest. */
  readonly #counts = new Map<string, Count>();
  readonly #proven = new Set<string>();

  /** @param now milliseconds that never go back */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Begins an attempt, which counts as wrong until {@link right}. @returns until when to wait, in milliseconds from now; then nothing was counted */
  begin(user: string, address: string): number {
    const waitMs = Math.max(this.#waitMs(this.#userKey(user, address), userBrake), this.#waitMs(addressKey(address), addressBrake));
    if (waitMs > 0) return waitMs;
    this.#count(this.#userKey(user, address), 1);
    this.#count(addressKey(address), 1);
    return 0;
  }

  /** The password was right. Of the address only this attempt is taken back: others may be guessing from there. */
  right(user: string, address: string): void {
    this.#counts.delete(this.#userKey(user, address));
    this.#count(addressKey(address), -1);
    const pair = `${user} ${network(address)}`;
    this.#proven.delete(pair);
    this.#proven.add(pair);
    dropOldest(this.#proven, mostCounts);
  }

  /** The password was not looked at: the attempt counts for nothing. */
  undone(user: string, address: string): void {
    this.#count(this.#userKey(user, address), -1);
    this.#count(addressKey(address), -1);
  }

  /** How long logins of this user are refused from an address that is new, in milliseconds. */
  lockedMs(user: string): number {
    return this.#waitMs(`user ${user}`, userBrake);
  }

  /** A new password was set by somebody who may: the user begins anew. */
  forget(user: string): void {
    this.#counts.delete(`user ${user}`);
  }

  #userKey(user: string, address: string): string {
    return this.#proven.has(`${user} ${network(address)}`) ? `user ${user} ${network(address)}` : `user ${user}`;
  }

  #waitMs(key: string, { free, firstMs, mostMs }: Brake): number {
    const count = this.#counts.get(key);
    if (count === undefined || count.wrong < free) return 0;
    const delay = Math.min(mostMs, firstMs * 2 ** Math.min(count.wrong - free, 30));
    return Math.max(0, count.lastMs + delay - this.#now());
  }

  #count(key: string, by: 1 | -1): void {
    const now = this.#now();
    const before = this.#counts.get(key);
    const isStale = before === undefined || now - before.lastMs > forgottenMs;
    const wrong = (isStale ? 0 : before.wrong) + by;
    this.#counts.delete(key);
    if (wrong > 0) this.#counts.set(key, { wrong, lastMs: by === 1 || before === undefined ? now : before.lastMs });
    dropOldest(this.#counts, mostCounts);
  }
}

function addressKey(address: string): string {
  return `address ${network(address)}`;
}

/** Whoever has one address of IPv6 has the 2^64 beside it (RFC 6177 §2): they count as one. */
function network(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail = ''] = plain.split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = plain.includes('::') ? Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0') : [];
  return [...left, ...zeros, ...right].slice(0, 4).join(':');
}

function dropOldest(held: { readonly size: number; keys(): Iterator<string>; delete(key: string): boolean }, most: number): void {
  while (held.size > most) {
    const { value, done } = held.keys().next();
    if (done === true) return;
    held.delete(value);
  }
}

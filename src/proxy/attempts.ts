/**
 * Wrong passwords: each one is answered later than the one before, and too many lock out whoever sends them.
 *
 * The hard thing is not to lock out the innocent. An address may be that of a whole office or of this machine, and a client's name may be
 * tried by anybody: so a lock is on address and name together, on an address alone only after many more and never on this machine, and on
 * a name alone never for an address from which it has logged in.
 */
import { isLoopback } from '../tenant/ids.ts';
import { holderOf } from './clients/client.ts';

export interface AttemptLimits {
  readonly failures: number;
  readonly lockMs: number;
}

export interface Verdict {
  /** Undefined: not locked. */
  readonly lockedUntilMs: number | undefined;
}

export interface Failure {
  /** How long the refusal is held back. */
  readonly delayMs: number;
  /** A lock that begins with this one. */
  readonly locked: { readonly address: string; readonly name: string | undefined; readonly untilMs: number } | undefined;
}

/** Failures that lie further back are forgotten. */
const windowMs = 10 * 60_000;
/** An address or a name alone is locked after so many times the failures of both together. */
const factorAlone = 5;
/** No refusal comes sooner, right name or wrong: the time tells nothing, and a guesser gets one guess a second from a connection. */
const leastDelayMs = 1_000;
const mostDelayMs = 15_000;
/** Rows that are kept, of each kind; the oldest go first. */
const mostRows = 10_000;
const knownForMs = 24 * 3_600_000;

interface Row {
  readonly failedMs: number[];
  lockedUntilMs: number;
}

export class Attempts {
  readonly #now: () => number;
  #limits: AttemptLimits;
  readonly #both = new Map<string, Row>();
  readonly #addresses = new Map<string, Row>();
  readonly #names = new Map<string, Row>();
  /** When a name last logged in from an address. */
  readonly #known = new Map<string, number>();

  constructor(now: () => number, limits: AttemptLimits) {
    this.#now = now;
    this.#limits = limits;
  }

  use(limits: AttemptLimits): void {
    this.#limits = limits;
  }

  look(address: string, name: string): Verdict {
    const now = this.#now();
    const isKnown = (this.#known.get(pair(address, name)) ?? Number.NEGATIVE_INFINITY) > now - knownForMs;
    const rows = [
      this.#both.get(pair(address, name)),
      this.#addresses.get(holderOf(address)),
      isKnown || isLoopback(address) ? undefined : this.#names.get(name),
    ];
    const until = Math.max(0, ...rows.map((row) => row?.lockedUntilMs ?? 0));
    return { lockedUntilMs: until > now ? until : undefined };
  }

  /** When the client's name is locked for strangers. */
  lockOf(name: string): number | undefined {
    const until = this.#names.get(name)?.lockedUntilMs ?? 0;
    return until > this.#now() ? until : undefined;
  }

  failed(address: string, name: string): Failure {
    const { failures } = this.#limits;
    const both = this.#note(this.#both, pair(address, name), failures);
    const alone = isLoopback(address) ? undefined : this.#note(this.#addresses, holderOf(address), failures * factorAlone);
    const byName = isLoopback(address) ? undefined : this.#note(this.#names, name, failures * factorAlone);
    const delayMs = Math.min(mostDelayMs, leastDelayMs * 2 ** Math.min(10, Math.floor(both.count / 3)));
    const locked = alone?.began ?? both.began ?? byName?.began;
    if (locked === undefined) return { delayMs, locked: undefined };
    const named = alone?.began === undefined ? name : undefined;
    return {
      delayMs,
      locked: { address: byName?.began === locked && both.began === undefined ? '*' : address, name: named, untilMs: locked },
    };
  }

  succeeded(address: string, name: string): void {
    this.#both.delete(pair(address, name));
    keep(this.#known, pair(address, name), this.#now());
  }

  #note(rows: Map<string, Row>, key: string, most: number): { readonly count: number; readonly began: number | undefined } {
    const now = this.#now();
    const row = rows.get(key) ?? { failedMs: [], lockedUntilMs: 0 };
    const recent = row.failedMs.filter((at) => at > now - windowMs).slice(-most);
    recent.push(now);
    const locks = recent.length >= most && row.lockedUntilMs <= now;
    keep(rows, key, { failedMs: locks ? [] : recent, lockedUntilMs: locks ? now + this.#limits.lockMs : row.lockedUntilMs });
    return { count: recent.length, began: locks ? now + this.#limits.lockMs : undefined };
  }
}

/** A name that somebody sent may be long; a blank stands in no address. */
function pair(address: string, name: string): string {
  return `${holderOf(address)} ${name.slice(0, 320)}`;
}

function keep<T>(rows: Map<string, T>, key: string, value: T): void {
  rows.delete(key);
  rows.set(key, value);
  const oldest = rows.size > mostRows ? rows.keys().next().value : undefined;
  if (oldest !== undefined) rows.delete(oldest);
}

/**
 * Hashes of passwords by scrypt (RFC 7914), with their parameters in the stored text, so that a stronger setting takes hold at the next
 * login of each user.
 *
 * The hard thing is the cost: one hash takes 64 MiB and some tenths of a second on a thread, on purpose. So no more than two run at once,
 * no more than a few wait, and whoever asks beyond that is told to come again: a flood of logins must not take the memory of the import.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Secret } from './secret.ts';

export interface HashCost {
  /** log2 of N. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** OWASP Password Storage Cheat Sheet: N = 2^16, r = 8, p = 2 is one of the settings of equal strength that it asks for at least. */
export const recommendedCost: HashCost = { logN: 16, r: 8, p: 2 };

/** A mail client may send any octets as its password; a person gives text. */
export type Password = Secret | Uint8Array;

export type PasswordCheck = 'right' | 'right-and-outdated' | 'wrong';

export interface PasswordHashing {
  /** @throws TooManyWaiting */
  hash(password: Password): Promise<string>;
  /**
   * `right-and-outdated`: it was hashed more cheaply than now; hash it again. `wrong` too where `stored` cannot be read.
   * @throws TooManyWaiting
   */
  check(password: Password, stored: string): Promise<PasswordCheck>;
  /** Takes as long as `check`, for a user that there is not. @throws TooManyWaiting */
  checkNothing(password: Password): Promise<void>;
}

/** More logins at once than are borne; nothing was hashed. */
export class TooManyWaiting extends Error {}

const saltBytes = 16;
const keyBytes = 32;
const mostAtOnce = 2;
const mostWaiting = 32;
/** Of a stored text: what asks for more memory than this is none of ours. */
const mostMemory = 1024 * 1024 * 1024;

export function passwordHashing(cost: HashCost = recommendedCost): PasswordHashing {
  const turns = new Turns();
  const nothing = { ...cost, salt: randomBytes(saltBytes), key: randomBytes(keyBytes) };
  const derived = (password: Password, { logN, r, p, salt }: Omit<Stored, 'key'>): Promise<Buffer> =>
    turns.take(() => derive(password, salt, { logN, r, p }));
  return {
    async hash(password) {
      const salt = randomBytes(saltBytes);
      return written({ ...cost, salt, key: await derived(password, { ...cost, salt }) });
    },
    async check(password, stored) {
      const read = parsed(stored);
      if (read === undefined) return 'wrong';
      if (!timingSafeEqual(await derived(password, read), read.key)) return 'wrong';
      return isCheaper(read, cost) ? 'right-and-outdated' : 'right';
    },
    async checkNothing(password) {
      timingSafeEqual(await derived(password, nothing), nothing.key);
    },
  };
}

interface Stored extends HashCost {
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** The PHC string format: `$scrypt$ln=16,r=8,p=2$SALT$KEY`. */
function written({ logN, r, p, salt, key }: Stored): string {
  const text = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
  return `$scrypt$ln=${logN},r=${r},p=${p}$${text(salt)}$${text(key)}`;
}

function parsed(stored: string): Stored | undefined {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/.exec(stored);
  if (match === null) return undefined;
  const [logN, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (128 * 2 ** logN * r > mostMemory || logN < 1 || r < 1 || p < 1 || p > 16) return undefined;
  return { logN, r, p, salt: Buffer.from(match[4] ?? '', 'base64'), key: Buffer.from(match[5] ?? '', 'base64') };
}

function isCheaper(one: HashCost, other: HashCost): boolean {
  return one.logN < other.logN || one.r * one.p * 2 ** one.logN < other.r * other.p * 2 ** other.logN;
}

/** The work itself is done on a thread of libuv. */
function derive(password: Password, salt: Buffer, { logN, r, p }: HashCost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const N = 2 ** logN;
    const options = { N, r, p, maxmem: 128 * N * r + 128 * r * p + 1024 * 1024 };
    // One person's keyboard gives a composed letter, another's its parts (RFC 8265 §4.2: NFC).
    scrypt(password instanceof Uint8Array ? password : password.reveal().normalize('NFC'), salt, keyBytes, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

/** Two at once, the others in their order. */
class Turns {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  async take<T>(act: () => Promise<T>): Promise<T> {
    if (this.#waiting.length >= mostWaiting) throw new TooManyWaiting();
    if (this.#running >= mostAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      // The turn is handed on, so that nobody who comes in between takes it.
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

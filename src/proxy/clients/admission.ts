/**
 * Who is logging in: from a name and a password to a client and a mailbox, or a reason against it.
 *
 * The hard thing is the work that strangers may cause. One password is one computation at most (its tag names the client), at most two
 * run at once and a few wait, and a password that was right once is remembered as a keyed digest in memory, so that an application which
 * logs in every second costs nothing.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type PasswordHashing, passwordHashing } from '../../runtime/password-hash.ts';
import { Secret } from '../../runtime/secret.ts';
import { isAddress } from '../../tenant/ids.ts';
import type { LoginRefusal, ProxyProtocol } from '../port.ts';
import { type ProxyClient, whyNot } from './client.ts';
import { tagOf } from './client-password.ts';

/** What an application sent. */
export interface LoginAttempt {
  /** `mailbox`, or `client/mailbox`. One character a byte. */
  readonly name: string;
  /** As it came: any octets. */
  readonly password: Uint8Array;
  /** The authorization identity of PLAIN, where there is one. RFC 4616 §2. */
  readonly actAs?: string;
}

export type Admission =
  | { readonly kind: 'admitted'; readonly client: ProxyClient; readonly mailbox: string }
  /** `client`: whose name or tag it was, where that is known. */
  | { readonly kind: 'refused'; readonly reason: LoginRefusal; readonly client: string | undefined }
  /** More passwords wait to be checked than are borne. */
  | { readonly kind: 'busy' };

/** The password has 99 random bits: no cost of a hash makes guessing it any harder, and this one keeps a stolen file useless. */
export const clientHashCost = { logN: 14, r: 8, p: 1 } as const;

/** Waiting checks, in all. */
const mostWaiting = 200;
const atOnce = 2;

export class Admissions {
  #clients: readonly ProxyClient[] = [];
  readonly #hashing: PasswordHashing = passwordHashing(clientHashCost);
  readonly #key = randomBytes(32);
  /** Digests of passwords that were right, by hash: a new password has another hash. */
  readonly #right = new Map<string, Buffer>();
  /** Checks under way, by hash and digest: sixty logins of one application are one computation. */
  readonly #underWay = new Map<string, Promise<boolean>>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  get clients(): readonly ProxyClient[] {
    return this.#clients;
  }

  use(clients: readonly ProxyClient[]): void {
    this.#clients = clients;
    const hashes = new Set(clients.map(({ hash }) => hash));
    for (const hash of this.#right.keys()) if (!hashes.has(hash)) this.#right.delete(hash);
  }

  /** Whose password it claims to be, by its tag; undefined: nobody's. Costs nothing and proves nothing. */
  claims(password: Uint8Array): string | undefined {
    const tag = tagOf(password);
    return tag === undefined ? undefined : this.#clients.find((one) => one.tag === tag)?.name;
  }

  async admit(attempt: LoginAttempt, protocol: ProxyProtocol, address: string): Promise<Admission> {
    const wanted = readName(attempt);
    if (wanted === undefined) return { kind: 'refused', reason: 'malformed', client: undefined };
    const { mailbox } = wanted;
    const tag = tagOf(attempt.password);
    const client = this.#clients.find((one) => (wanted.client === undefined ? one.tag === tag : one.name === wanted.client));
    if (client === undefined) {
      return { kind: 'refused', reason: wanted.client === undefined ? 'wrong-password' : 'unknown-client', client: undefined };
    }
    const refused = (reason: LoginRefusal): Admission => ({ kind: 'refused', reason, client: client.name });
    if (client.tag !== tag) return refused('wrong-password');
    const right = await this.#isRight(client, attempt.password);
    if (right === undefined) return { kind: 'busy' };
    if (!right) return refused('wrong-password');
    // Only now: who does not know the password learns nothing of rights.
    const against = whyNot(client, { mailbox, protocol, address });
    return against === undefined ? { kind: 'admitted', client, mailbox } : refused(against);
  }

  /** Undefined: too many wait. */
  async #isRight({ hash }: ProxyClient, password: Uint8Array): Promise<boolean | undefined> {
    const digest = createHmac('sha256', this.#key).update(password).digest();
    const known = this.#right.get(hash);
    if (known !== undefined) return timingSafeEqual(known, digest);
    const key = `${hash} ${digest.toString('base64')}`;
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return await underWay;
    if (this.#waiting.length >= mostWaiting) return undefined;
    const check = this.#check(hash, password);
    this.#underWay.set(key, check);
    try {
      const right = await check;
      if (right && this.#clients.some((one) => one.hash === hash)) this.#right.set(hash, digest);
      return right;
    } finally {
      this.#underWay.delete(key);
    }
  }

  async #check(hash: string, password: Uint8Array): Promise<boolean> {
    if (this.#running >= atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      return (await this.#hashing.check(asSecret(password), hash)) !== 'wrong';
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}

function asSecret(password: Uint8Array): Secret {
  return new Secret(Buffer.from(password).toString('latin1'));
}

/** The client, where one was named, and the mailbox in lower case; undefined: neither form. */
function readName({ name, actAs = '' }: LoginAttempt): { readonly client: string | undefined; readonly mailbox: string } | undefined {
  // RFC 4616 §2: who proves himself, and as whom he wants to act. A client's name and a mailbox are just that.
  const whole = actAs === '' || actAs === name || name.includes('/') ? name : `${name}/${actAs}`;
  const slash = whole.indexOf('/');
  const client = slash < 0 ? undefined : whole.slice(0, slash);
  const mailbox = (slash < 0 ? whole : whole.slice(slash + 1)).toLowerCase();
  // The address goes into the words of the login upstream: nothing but letters that an address may have.
  if (!isAddress(mailbox) || !/^[\x21-\x7e]+$/.test(mailbox)) return undefined;
  return client === '' ? undefined : { client, mailbox };
}

/**
 * Passwords of clients: made here, shown once, kept as a hash.
 *
 * The hard thing is a login by mailbox alone, without a client's name: the password has to say whose it is, or every client's hash would
 * have to be computed. So its first letters are a tag, which is kept in the clear; the rest is the secret, about 99 bits of it.
 */
import { randomInt } from 'node:crypto';
import { Secret } from '../../runtime/secret.ts';

/** Letters and digits that nobody takes for one another, in lower case: some devices change the case. */
const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
const tagLength = 4;
const secretLength = 20;

/** @param taken tags of other clients */
export function makePassword(taken: ReadonlySet<string>): { readonly password: Secret; readonly tag: string } {
  for (;;) {
    const text = Array.from({ length: tagLength + secretLength }, () => letters[randomInt(letters.length)] ?? '').join('');
    const tag = text.slice(0, tagLength);
    if (!taken.has(tag)) return { password: new Secret(text), tag };
  }
}

/** The tag of what somebody sent as a password; undefined where it cannot be one of ours. */
export function tagOf(password: Uint8Array): string | undefined {
  if (password.length !== tagLength + secretLength) return undefined;
  const text = Buffer.from(password).toString('latin1');
  return [...text].every((letter) => letters.includes(letter)) ? text.slice(0, tagLength) : undefined;
}

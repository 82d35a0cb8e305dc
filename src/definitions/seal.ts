/**
 * Seals secrets with AES-256-GCM and opens them again. Pure but for chance.
 *
 * The hard thing is what a seal is bound to. Whoever can write into the data folder could change where a secret is sent without knowing
 * it; so each seal covers the name of the source, the name of the secret and the whole definition around it, and opens with none other.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Secret } from '../runtime/secret.ts';

/** NIST SP 800-38D §8.2.2: random, 96 bits; a key would have to seal billions of times before two are the same. */
const nonceBytes = 12;
const tagBytes = 16;
const keyBytes = 32;

export interface SealKey {
  /** Tells keys apart; says nothing of the key. */
  readonly id: string;
  readonly bytes: Buffer;
}

export interface Sealed {
  /** Id of the key. */
  readonly key: string;
  /** Nonce, ciphertext and tag, base64. */
  readonly box: string;
}

/** A key out of a text that is long enough to be one. RFC 5869: id and key are independent of each other. */
export function sealKey(text: Secret): SealKey {
  const part = (info: string, length: number): Buffer => Buffer.from(hkdfSync('sha256', text.reveal(), 'postern', info, length));
  return { id: part('key id', 6).toString('hex'), bytes: part('sealing key', keyBytes) };
}

/** Text of a new key. */
export function newKeyText(): Secret {
  return new Secret(randomBytes(keyBytes).toString('base64'));
}

/** The keys in a text of one a line; lines that begin with `#` are for people. The length goes along, so that a short one can be told. */
export function keyLines(text: Secret): readonly { readonly line: Secret; readonly length: number }[] {
  const lines = text
    .reveal()
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => ({ line: new Secret(line), length: line.length }));
}

export function keyText(keys: readonly Secret[]): string {
  const head = '# Encrypts the secrets of the sources made in the console; the first seals. Without it they cannot be read: keep a copy.';
  return `${[head, ...keys.map((key) => key.reveal())].join('\n')}\n`;
}

/** @param bound what it is opened with again, letter by letter */
export function seal(secret: Secret, key: SealKey, bound: string): Sealed {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce);
  cipher.setAAD(Buffer.from(bound));
  const sealed = Buffer.concat([nonce, cipher.update(secret.reveal(), 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { key: key.id, box: sealed.toString('base64') };
}

/** @returns undefined where it was sealed with another key, or bound to something else, or changed */
export function unseal({ box }: Sealed, key: SealKey, bound: string): Secret | undefined {
  const bytes = Buffer.from(box, 'base64');
  if (bytes.length < nonceBytes + tagBytes) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(bound));
  decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
  try {
    const text = Buffer.concat([decipher.update(bytes.subarray(nonceBytes, bytes.length - tagBytes)), decipher.final()]);
    return new Secret(text.toString('utf8'));
  } catch {
    return undefined;
  }
}

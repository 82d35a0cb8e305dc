/**
 * The keys of the secrets: one that seals and all that open. A key is a line of text; the first line seals.
 *
 * The hard thing is to lose none: a new key comes in front of the old one, never in its place, and the old one goes only with the
 * change after the next, when nothing is sealed with it any more. So a rotation may be killed anywhere, and may run beside a service.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretReference } from '../config/secret-reference.ts';
import { Fault, isFault } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';
import { writeWhole, writeWholeOnce } from '../runtime/whole-file.ts';
import { keyLines, keyText, newKeyText, type SealKey, sealKey } from './seal.ts';
import { errnoOf, unwritable } from './system-refusal.ts';

/** Of a line. 32 random bytes are 43 characters of base64. */
const leastCharacters = 32;

export class KeyRing {
  readonly #given: SecretReference | undefined;
  readonly #file: string;

  /** @param given the operator's own; without one a key is made in the data folder when the first secret is sealed */
  constructor(dataFolder: string, given: SecretReference | undefined) {
    this.#given = given;
    this.#file = join(dataFolder, 'secrets.key');
  }

  get isOperators(): boolean {
    return this.#given !== undefined;
  }

  /**
   * Read anew each time, since it may be changed beside us. Newest first; empty where none was made yet.
   * @throws Fault definitions.key-unusable
   */
  async keys(): Promise<readonly SealKey[]> {
    return (await this.#texts()).map(sealKey);
  }

  /** The key that seals, made where there is none. @throws Fault definitions.key-unusable, definitions.unwritable */
  async sealing(): Promise<SealKey> {
    const [first] = await this.keys();
    if (first !== undefined) return first;
    try {
      writeWholeOnce(this.#file, keyText([newKeyText()]));
    } catch (error) {
      throw unwritable(this.#file, error);
    }
    // Another process may have been first; then its key is ours.
    const [made] = await this.keys();
    if (made === undefined) throw this.#unusable('empty after a key was written into it');
    return made;
  }

  /** Puts a new key in front and keeps the one before it. Not for the operator's own. */
  async addKey(): Promise<SealKey> {
    const [current] = await this.#texts();
    const made = newKeyText();
    try {
      writeWhole(this.#file, keyText(current === undefined ? [made] : [made, current]));
    } catch (error) {
      throw unwritable(this.#file, error);
    }
    return sealKey(made);
  }

  async #texts(): Promise<readonly Secret[]> {
    const text = await this.#text();
    if (text === undefined) return [];
    const lines = keyLines(text);
    if (lines.length === 0) throw this.#unusable('nothing is in it');
    const short = lines.findIndex(({ length }) => length < leastCharacters);
    if (short >= 0) throw this.#unusable(`line ${short + 1} has ${lines[short]?.length} characters`);
    return lines.map(({ line }) => line);
  }

  async #text(): Promise<Secret | undefined> {
    if (this.#given !== undefined) {
      try {
        return await this.#given.resolve();
      } catch (error) {
        if (!isFault(error)) throw error;
        throw new Fault('definitions.key-unusable', { ...error.evidence, seen: error.code }, { cause: error });
      }
    }
    try {
      return new Secret(readFileSync(this.#file, 'utf8'));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw this.#unusable(errnoOf(error));
    }
  }

  #unusable(seen: string): Fault {
    return new Fault('definitions.key-unusable', { reference: this.#given?.describe ?? this.#file, seen });
  }
}

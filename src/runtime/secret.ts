/**
 * A value that must never be printed: client secrets, tokens, passwords.
 *
 * The hard thing: a secret leaks through what nobody thinks of as printing (JSON of an error's evidence, `console.log` of a
 * configuration, a template string). So the value sits in a private field and every road out of the object but one says `[secret]`.
 */
import { inspect } from 'node:util';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The only way out, and easy to search for: it may stand only in a line that sends the value. */
  reveal(): string {
    return this.#value;
  }

  toJSON(): string {
    return '[secret]';
  }

  toString(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/**
 * The talk with a server as it may be shown: every line goes to whoever listens, without credentials.
 *
 * The hard thing: a server may quote what it was sent, so a credential that is on its way is struck out of what comes back as well.
 */
import type { Secret } from '../runtime/secret.ts';
import type { DialogueLine } from './endpoint.ts';
import { utf8 } from './text.ts';

export class Dialogue {
  readonly #listener: ((line: DialogueLine) => void) | undefined;
  /** Sent credentials, as long as a server might quote them back at us. */
  #unspeakable: readonly Secret[] = [];

  constructor(listener: ((line: DialogueLine) => void) | undefined) {
    this.#listener = listener;
  }

  /** Tells the listener, where there is one; `text` has one character a byte. */
  say(from: DialogueLine['from'], text: () => string): void {
    if (this.#listener !== undefined) this.#listener({ from, text: this.speakable(utf8(text())) });
  }

  /** `text` without the credentials that are on their way. */
  speakable(text: string): string {
    return this.#unspeakable.reduce((clean, secret) => clean.replaceAll(secret.reveal(), '[secret]'), text);
  }

  /** While `act` runs, these texts are kept out of all that is said, should the server quote them. */
  async whileUnspeakable<T>(secrets: readonly Secret[], act: () => Promise<T>): Promise<T> {
    this.#unspeakable = secrets.filter((secret) => secret.reveal() !== '');
    try {
      return await act();
    } finally {
      this.#unspeakable = [];
    }
  }
}

/**
 * Recognises the text that Exchange sends in place of a message that it cannot convert, while the bytes go by.
 *
 * M365 (doc): such a body begins `Retrieval using the IMAP4 protocol failed for the following message`. Taken for the message, it would
 * be the only trace of it; so it is kept apart with its reason.
 */

const marks = [
  'Retrieval using the IMAP4 protocol failed for the following message',
  'Retrieval using the POP3 protocol failed for the following message',
];
/** What all of them have in common. */
const commonWords = 'Retrieval using the ';
/** The text stands at the beginning of the message or of its body; header fields in front of it are short (assumed). */
const sniffBytes = 16 * 1024;

/** Looks at a message's chunks as they go by; leaves them as they are. */
export class Sniffer {
  readonly #seen: Uint8Array[] = [];
  #seenBytes = 0;

  look(chunk: Uint8Array): void {
    if (this.#seenBytes >= sniffBytes) return;
    const part = chunk.subarray(0, sniffBytes - this.#seenBytes);
    this.#seen.push(part);
    this.#seenBytes += part.length;
  }

  /** Known once the message has gone by. */
  isSubstitute(): boolean {
    const beginning = Buffer.concat(this.#seen);
    // Nearly every message ends here: a text of each would be made for nothing.
    return beginning.includes(commonWords) && isSubstitute(beginning.toString('latin1'));
  }
}

/** @param beginning the first bytes of a message, as latin1 */
export function isSubstitute(beginning: string): boolean {
  const blank = /\r?\n\r?\n/.exec(beginning);
  const body = blank === null ? '' : beginning.slice(blank.index + blank[0].length);
  return marks.some((mark) => beginning.trimStart().startsWith(mark) || body.trimStart().startsWith(mark));
}

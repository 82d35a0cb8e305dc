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
/** The text stands at the beginning of the message or of its body; header fields in front of it are short (assumed). */
const sniffBytes = 16 * 1024;

export interface Sniffed {
  /** The same bytes, untouched. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Known once enough of the bytes have gone by. */
  isSubstitute(): boolean;
}

export function sniff(body: AsyncIterable<Uint8Array>): Sniffed {
  let seen = '';
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      if (seen.length < sniffBytes)
        seen += Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, sniffBytes)).toString('latin1');
      yield chunk;
    }
  };
  return { chunks: chunks(), isSubstitute: () => isSubstitute(seen) };
}

/** @param beginning the first bytes of a message, as latin1 */
export function isSubstitute(beginning: string): boolean {
  const blank = /\r?\n\r?\n/.exec(beginning);
  const body = blank === null ? '' : beginning.slice(blank.index + blank[0].length);
  return marks.some((mark) => beginning.trimStart().startsWith(mark) || body.trimStart().startsWith(mark));
}

/**
 * Lines of mail with bytes above 127 that declare no charset and are no UTF-8: read as windows-1252, as browsers do (WHATWG Encoding).
 *
 * The hard thing is to tell them from UTF-8 that somebody broke: a mailer that folds a long line in the middle of a character.
 */

const utf8 = new TextDecoder('utf-8');
/** The superset of ISO-8859-1 that mail without a charset is mostly written in. */
const windows1252 = new TextDecoder('windows-1252');

/** @param line that is no UTF-8 as a whole. @returns it in UTF-8, or undefined where it was UTF-8 before it was cut */
export function assumedUtf8(line: Uint8Array): Uint8Array | undefined {
  return isMostlyUtf8(line) ? undefined : Buffer.from(windows1252.decode(withEscapes(line)), 'utf8');
}

/** A mailer that cuts a long line in the middle of a character leaves two broken ones and many whole ones. */
function isMostlyUtf8(line: Uint8Array): boolean {
  const text = utf8.decode(line);
  const broken = text.split('\ufffd').length - 1;
  return text.replace(/[\x00-\x7f\ufffd]+/g, '').length > broken;
}

/** In an encoded word (RFC 2047 §4.2) the bytes are of the charset that it names: there they become the escapes that they should be. */
function withEscapes(line: Uint8Array): Uint8Array {
  const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString('latin1');
  if (!text.includes('=?')) return line;
  const escaped = text.replace(/=\?[^?\s]{1,40}\?q\?[^?]{0,1000}\?=/gi, (word) =>
    word.replace(/[\x80-\xff]/g, (byte) => `=${byte.charCodeAt(0).toString(16).toUpperCase()}`),
  );
  return Buffer.from(escaped, 'latin1');
}

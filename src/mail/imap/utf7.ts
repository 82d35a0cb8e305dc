/**
 * Modified UTF-7, in which IMAP writes the names of folders. RFC 3501 §5.1.3.
 *
 * The hard thing: decoding must be tolerant (servers send raw UTF-8, lone ampersands, unfinished shifts), but then it is no longer
 * reversible; who has listed a folder should open it by the raw name that the server gave.
 */

/** Encodes a name. Printable ASCII stays, `&` becomes `&-`, everything else is base64 of UTF-16BE with `,` for `/` and no padding. */
export function encodeUtf7(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-';
    const utf16 = Buffer.from(run, 'utf16le').swap16();
    return `&${utf16.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

/** Decodes a name as the server wrote it (one character a byte). What is not modified UTF-7 is kept as it stands; 8-bit bytes are read as UTF-8. */
export function decodeUtf7(raw: string): string {
  const text = /[\x80-\xff]/.test(raw) ? Buffer.from(raw, 'latin1').toString('utf8') : raw;
  return text.replace(/&([A-Za-z0-9+,/]*)-/g, (whole, base64: string) => {
    if (base64 === '') return '&';
    const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64');
    if (bytes.length < 2) return whole;
    return bytes
      .subarray(0, bytes.length & ~1)
      .swap16()
      .toString('utf16le');
  });
}

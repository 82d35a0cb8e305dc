/**
 * Folder names on the wire: modified UTF-7. RFC 3501 §5.1.3.
 *
 * The hard thing: `&` begins a shift, the bytes in it are UTF-16BE in a base64 with `,` for `/`, and `&-` is the `&` itself.
 */

export function encodeFolderName(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-';
    const base64 = Buffer.from(run, 'utf16le').swap16().toString('base64');
    return `&${base64.replace(/=+$/, '').replace(/\//g, ',')}-`;
  });
}

export function decodeFolderName(wire: string): string {
  return wire.replace(/&([A-Za-z0-9+,]*)-/g, (_, shifted: string) => {
    if (shifted === '') return '&';
    const bytes = Buffer.from(shifted.replace(/,/g, '/'), 'base64');
    return bytes
      .subarray(0, bytes.length & ~1)
      .swap16()
      .toString('utf16le');
  });
}

/** A string for an answer: quoted, with `"` and `\` escaped. Only for text without line ends and 8-bit characters. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

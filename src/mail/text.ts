/** Text of servers: bytes arrive as characters (latin1), one each, and become letters only where a person will read them. */

/** Text for people out of bytes-as-characters. What is not UTF-8 stays latin1: better odd letters than none. */
export function utf8(text: string): string {
  if (!/[\x80-\xff]/.test(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  const decoded = bytes.toString('utf8');
  return decoded.includes('\ufffd') ? text : decoded;
}

/** UTF-8 with one character a byte: the way back. */
export function bytesAsText(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** The front-end server's name out of a greeting of Exchange. M365 (doc): `[` base64 of UTF-16LE `]` behind the text, IMAP and POP3. */
export function hostInGreeting(greeting: string): string | undefined {
  const base64 = /\[([A-Za-z0-9+/]{8,}={0,2})\]/.exec(greeting)?.[1];
  if (base64 === undefined) return undefined;
  const host = Buffer.from(base64, 'base64').toString('utf16le');
  return /^[A-Za-z0-9.-]+$/.test(host) ? host : undefined;
}

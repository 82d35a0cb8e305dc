/**
 * The name of a file to save, made harmless: it comes from a mail, so a stranger has chosen it.
 *
 * The hard thing is that it is read by three readers: the header's grammar, the browser, and the file system of whoever saves it. What
 * any of them could take for something else (separators, control characters, marks that turn the direction of writing, names of devices,
 * dots at either end) is replaced; letters of all scripts stay.
 */

const mostBytes = 200;
const without = 'attachment';

/** A file name that stays one, of at most 200 bytes of UTF-8. */
export function harmlessName(name: string): string {
  const plain = name
    .toWellFormed()
    .normalize('NFC')
    // Separators, what Windows forbids, quotes and what shells and headers read; then what is not seen.
    .replaceAll(/[/\\:*?"<>|%;`$&]/g, '_')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029\ufffd]/gu, '_')
    .replaceAll(/\s+/gu, ' ')
    .replaceAll(/\.{2,}/g, '.')
    .replaceAll(/^[\s._~-]+|[\s.]+$/g, '');
  const short = cut(plain);
  if (short === '') return without;
  // Reserved in every folder of Windows, with any ending (learn.microsoft.com/windows/win32/fileio/naming-a-file).
  return /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\s*\.|\s*$)/i.test(short) ? `_${short}` : short;
}

/** The header of an answer that is saved, not shown. RFC 6266 §4.3, RFC 8187 §3.2. */
export function attachmentHeader(name: string): string {
  const harmless = harmlessName(name);
  const ascii = harmless
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\x20-\x7e]/g, '_');
  const encoded = encodeURIComponent(harmless).replaceAll(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

/** Keeps the ending, by which the file is opened. */
function cut(name: string): string {
  if (Buffer.byteLength(name) <= mostBytes) return name;
  const ending = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? '';
  let kept = '';
  for (const sign of name.slice(0, name.length - ending.length)) {
    if (Buffer.byteLength(kept + sign) + ending.length > mostBytes) break;
    kept += sign;
  }
  return kept.trimEnd() + ending;
}

/** What a browser could run or show as a page of ours is sent as bytes, whatever the mail says that it is. */
export function harmlessType(type: string): string {
  const [plain = ''] = type.toLowerCase().split(';');
  const token = plain.trim();
  if (!/^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/.test(token)) return 'application/octet-stream';
  return /html|xml|script|svg|flash|x-java|multipart|message\/|text\/(css|cache-manifest|event-stream)/.test(token) &&
    token !== 'message/rfc822'
    ? 'application/octet-stream'
    : token;
}

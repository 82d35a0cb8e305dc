/**
 * How Dovecot names things in a Maildir: a message's file and a folder's directory.
 *
 * A file name that carries the sizes (`S` on disk, `W` with every line end as CRLF, which is what IMAP and POP3 tell)
 * saves Dovecot from reading each file to learn them.
 */

/** The file name, without flags, of the `number`th delivered message. Names sort in the order of delivery, and so do the UIDs. */
export function maildirName(number: number, bytes: Uint8Array): string {
  return `${1_700_000_000 + number}.M${number}.postern,S=${bytes.length},W=${bytes.length + bareLineFeeds(bytes)}`;
}

function bareLineFeeds(bytes: Uint8Array): number {
  let found = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) if (at === 0 || bytes[at - 1] !== 13) found += 1;
  return found;
}

/** Where a folder lies inside its Maildir: `''` for INBOX, `.Archive.2026` for `Archive/2026` (Maildir++ with modified UTF-7). */
export function folderPath(folder: string): string {
  if (folder === 'INBOX') return '';
  return `.${modifiedUtf7(folder).replaceAll('/', '.')}`;
}

/** RFC 3501 §5.1.3. */
function modifiedUtf7(text: string): string {
  return text.replaceAll('&', '&-').replaceAll(/[^\x20-\x7e]+/g, (run) => {
    const utf16 = Buffer.from(run, 'utf16le').swap16();
    return `&${utf16.toString('base64').replaceAll('=', '').replaceAll('/', ',')}-`;
  });
}

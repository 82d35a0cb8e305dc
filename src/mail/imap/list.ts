/** The folders of a mailbox. RFC 9051 §6.3.9 and §7.3.1; special-use attributes RFC 6154 §2. */
import type { Session } from './session.ts';
import { decodeUtf7 } from './utf7.ts';

export interface ImapFolder {
  /** Decoded from modified UTF-7. M365 (doc): in the mailbox's language; the inbox may be spelled `Inbox`. */
  readonly name: string;
  /** As the server wrote it, one character a byte. */
  readonly rawName: string;
  /** The hierarchy separator; undefined where the server has none. */
  readonly separator: string | undefined;
  /** In lower case, with the backslash: `\sent`, `\hasnochildren`. */
  readonly attributes: ReadonlySet<string>;
  /** Whether it can be opened at all. */
  readonly selectable: boolean;
}

/** All folders, in the server's order. The session remembers the raw names, so that `select` opens exactly what was listed. */
export async function list(session: Session): Promise<readonly ImapFolder[]> {
  const folders = new Map<string, ImapFolder>();
  // RFC 6154 §2: a plain LIST may leave the special uses out; Exchange tells them by itself and knows no RETURN.
  const extended = session.capabilities.has('SPECIAL-USE') && session.capabilities.has('LIST-EXTENDED');
  await session.run([extended ? 'LIST "" "*" RETURN (SPECIAL-USE)' : 'LIST "" "*"'], {
    onResponse: (response) => {
      if (response.kind !== 'list') return;
      const attributes = new Set(response.attributes.map((attribute) => attribute.toLowerCase()));
      const selectable = !attributes.has('\\noselect') && !attributes.has('\\nonexistent');
      const { rawName, separator } = response;
      folders.set(rawName, { name: decodeUtf7(rawName), rawName, separator, attributes, selectable });
    },
  });
  for (const folder of folders.values()) session.rawNames.set(folder.name, folder.rawName);
  return [...folders.values()];
}

/** What a folder holds, without opening it. RFC 9051 §6.3.11. */
import { Fault } from '../../fault/fault.ts';
import { astring, type Session } from './session.ts';
import { encodeUtf7 } from './utf7.ts';

export interface ImapStatus {
  readonly messages: number;
  /** Undefined where the server does not tell. */
  readonly uidNext: number | undefined;
  readonly uidValidity: number | undefined;
}

/** @param name decoded. @throws Fault `imap.folder-unknown`, `imap.not-connected`; `imap.protocol` where the server does not count. */
export async function status(session: Session, name: string): Promise<ImapStatus> {
  let items: ReadonlyMap<string, number> = new Map();
  await session.run(['STATUS ', astring(session.rawNames.get(name) ?? encodeUtf7(name)), ' (MESSAGES UIDNEXT UIDVALIDITY)'], {
    purpose: 'open',
    evidence: () => ({ folder: name }),
    onResponse: (response) => {
      if (response.kind === 'folder-status') items = response.items;
    },
  });
  const messages = items.get('MESSAGES');
  if (messages === undefined) throw new Fault('imap.protocol', { ...session.where, reason: 'STATUS without MESSAGES', folder: name });
  return { messages, uidNext: items.get('UIDNEXT'), uidValidity: items.get('UIDVALIDITY') };
}

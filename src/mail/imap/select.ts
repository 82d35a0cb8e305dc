/** Opening a folder, to read only or to change. RFC 9051 §6.3.2 and §6.3.3. */
import { Fault } from '../../fault/fault.ts';
import { maxNumber } from './sequence.ts';
import { astring, type Session } from './session.ts';
import { encodeUtf7 } from './utf7.ts';

export interface ImapSelection {
  /** M365 (doc): small integers at Exchange; a change means that all UIDs are void, and is no error. */
  readonly uidValidity: number;
  /** Undefined where the server does not tell. */
  readonly uidNext: number | undefined;
  /** Messages in the folder at that moment. */
  readonly exists: number;
}

/** @throws Fault `imap.folder-unknown`, `imap.not-connected`; `imap.protocol` where the server keeps no UIDs. */
export async function select(session: Session, verb: 'SELECT' | 'EXAMINE', name: string): Promise<ImapSelection> {
  const codes = new Map<string, number>();
  const rawName = session.rawNames.get(name) ?? encodeUtf7(name);
  session.view.exists = 0;
  await session.run([`${verb} `, astring(rawName)], {
    purpose: 'open',
    evidence: () => ({ folder: name }),
    onResponse: (response) => {
      if (response.kind === 'status' && response.code && /^\d+$/.test(response.code.argument)) {
        codes.set(response.code.name, Number(response.code.argument));
      }
    },
  });
  const uidValidity = codes.get('UIDVALIDITY');
  if (uidValidity === undefined) throw new Fault('imap.protocol', { ...session.where, reason: 'no UIDVALIDITY', folder: name });
  if (uidValidity > maxNumber)
    throw new Fault('imap.protocol', { ...session.where, reason: 'impossible UIDVALIDITY', folder: name, uidValidity });
  return { uidValidity, uidNext: codes.get('UIDNEXT'), exists: session.view.exists };
}

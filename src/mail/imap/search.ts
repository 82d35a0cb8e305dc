/** UIDs by search. RFC 9051 §6.4.4, answers in the old form (RFC 3501 §7.2.5) and as ESEARCH (RFC 4731 §3.1). */
import { ascending, expandSet, maxNumber } from './sequence.ts';
import type { Session } from './session.ts';

/**
 * UIDs in ascending order, each once. `criteria` is the text of IMAP's search keys, in ASCII.
 * M365 (doc): `UID n:*` always finds the last message, also when its UID is below n: who asks so must filter.
 * @throws Fault `imap.protocol` for more results than `maxSearchResults`, and for a number that can be no UID.
 */
export async function searchUids(session: Session, criteria: string): Promise<readonly number[]> {
  const { maxSearchResults } = session.limits;
  const uids: number[] = [];
  await session.run([`UID SEARCH ${criteria}`], {
    onResponse: (response) => {
      let found: readonly number[] = [];
      if (response.kind === 'search') found = response.numbers;
      if (response.kind === 'esearch' && response.all !== undefined) found = expandSet(response.all, maxSearchResults);
      if (uids.length + found.length > maxSearchResults) throw session.unexpected('too many results', '');
      for (const uid of found) {
        // Whoever keeps such a number could not keep it as it is, nor ask by it.
        if (uid < 1 || uid > maxNumber) throw session.unexpected('not a UID', String(uid));
        uids.push(uid);
      }
    },
  });
  return ascending(uids);
}

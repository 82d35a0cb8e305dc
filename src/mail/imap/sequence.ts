/** Sets of UIDs as text: `1:4,7`. RFC 9051 §9, sequence-set. */
import { Fault } from '../../fault/fault.ts';

/** A part of a long set, small enough for one command. */
export interface UidSet {
  readonly text: string;
  /** How many UIDs it names. */
  readonly count: number;
}

/** RFC 9051 §9: UIDs and UIDVALIDITY are `nz-number`, 32 bits. */
export const maxNumber = 4_294_967_295;

/**
 * Cuts UIDs (in any order) into sets of at most `maxCount` UIDs and `maxBytes` of text. Ranges name only UIDs that were given.
 * Lazily, so that a million UIDs do not become a million strings ahead of their time.
 */
export function* uidSets(uids: readonly number[], maxCount: number, maxBytes: number): Generator<UidSet, void, void> {
  const sorted = ascending(uids);
  let text = '';
  let count = 0;
  for (let at = 0; at < sorted.length; ) {
    const first = sorted[at] ?? 0;
    let length = 1;
    while (length < maxCount - count && sorted[at + length] === first + length) length += 1;
    const range = length === 1 ? `${first}` : `${first}:${first + length - 1}`;
    if (count > 0 && text.length + 1 + range.length > maxBytes) {
      yield { text, count };
      text = '';
      count = 0;
      continue;
    }
    text += count === 0 ? range : `,${range}`;
    count += length;
    at += length;
    if (count >= maxCount) {
      yield { text, count };
      text = '';
      count = 0;
    }
  }
  if (count > 0) yield { text, count };
}

/** The same UIDs in ascending order, each once. */
export function ascending(uids: readonly number[]): readonly number[] {
  let inOrder = true;
  for (let at = 1; at < uids.length && inOrder; at += 1) inOrder = (uids[at] ?? 0) > (uids[at - 1] ?? 0);
  if (inOrder) return uids;
  const sorted = Float64Array.from(uids).sort();
  return Array.from(sorted.filter((uid, at) => at === 0 || uid !== sorted[at - 1]));
}

/**
 * Reads a set with numbers only, as ESEARCH answers it (RFC 4731 §3.1). Ranges may stand backwards.
 * @throws Fault `imap.protocol` where it is no set, or names more than `maxCount` UIDs.
 */
export function expandSet(set: string, maxCount: number): number[] {
  const uids: number[] = [];
  for (const range of set.split(',')) {
    const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(range);
    if (!match) throw new Fault('imap.protocol', { reason: 'not a set of numbers', set: set.slice(0, 200) });
    const ends = [Number(match[1]), Number(match[2] ?? match[1])];
    const low = Math.min(...ends);
    const high = Math.max(...ends);
    if (high - low >= maxCount - uids.length) throw new Fault('imap.protocol', { reason: 'too many results', maxSearchResults: maxCount });
    for (let uid = low; uid <= high; uid += 1) uids.push(uid);
  }
  return uids;
}

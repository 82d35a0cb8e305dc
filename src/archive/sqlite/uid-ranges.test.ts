/** A set of UIDs as ranges answers as the set itself would. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UidRanges } from './uid-ranges.ts';

test('ranges know exactly the UIDs that were added', () => {
  const uids = [1, 2, 3, 7, 9, 10, 4_294_967_294, 4_294_967_295];
  const ranges = new UidRanges();
  for (const uid of uids) ranges.add(uid);
  assert.equal(ranges.size, uids.length);
  const near = new Set(uids.flatMap((uid) => [uid - 1, uid, uid + 1]));
  for (const uid of near) assert.equal(ranges.has(uid), uids.includes(uid), String(uid));
});

test('an empty set knows none', () => {
  assert.equal(new UidRanges().has(1), false);
  assert.equal(new UidRanges().size, 0);
});

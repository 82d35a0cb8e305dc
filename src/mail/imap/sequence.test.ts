import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../../fault/fault.ts';
import { ascending, expandSet, uidSets } from './sequence.ts';

function texts(uids: readonly number[], maxCount: number, maxBytes: number): string[] {
  return [...uidSets(uids, maxCount, maxBytes)].map((set) => set.text);
}

test('neighbours become ranges, and no range names a UID that was not given', () => {
  assert.deepEqual(texts([1, 2, 3, 7, 9, 10], 100, 100), ['1:3,7,9:10']);
  assert.deepEqual(texts([], 100, 100), []);
});

test('UIDs in any order and twice come out once, in order', () => {
  assert.deepEqual(texts([5, 3, 4, 3], 100, 100), ['3:5']);
  assert.deepEqual(ascending([3, 1, 3, 2]), [1, 2, 3]);
});

test('a set holds no more UIDs than asked for, also inside a range', () => {
  assert.deepEqual(texts([1, 2, 3, 4, 5, 6, 7], 3, 100), ['1:3', '4:6', '7']);
});

test('a set is no longer than the command line allows', () => {
  const uids = Array.from({ length: 5_000 }, (_, index) => 1_000_000 + index * 2);
  const sets = [...uidSets(uids, 100_000, 7_900)];
  assert.ok(sets.every((set) => set.text.length <= 7_900));
  assert.equal(
    sets.reduce((sum, set) => sum + set.count, 0),
    uids.length,
  );
  assert.deepEqual(
    sets.flatMap((set) => expandSet(set.text, 10_000)),
    uids,
  );
});

test('a set is read with its ranges in either direction, and not beyond the limit', () => {
  assert.deepEqual(expandSet('1:3,9,7:5', 10), [1, 2, 3, 9, 5, 6, 7]);
  for (const bad of ['1:4294967295', '1:11', 'x', '1,,2', '1:*', '', '99999999999999999999']) {
    assert.throws(
      () => expandSet(bad, 10),
      (error) => isFault(error, 'imap.protocol'),
    );
  }
});

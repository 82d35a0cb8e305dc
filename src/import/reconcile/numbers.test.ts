/** Compact lists and sets answer as the ordinary ones do. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HashSet, indexOf, NumberList } from './numbers.ts';

test('a list of numbers knows what was put in, in whatever order, and nothing else', () => {
  const list = new NumberList();
  assert.equal(list.has(0), false);
  const put = new Set<number>();
  for (let step = 0, value = 1; step < 5_000; step += 1, value = (value * 48_271) % 2_147_483_647) {
    list.add(value);
    put.add(value);
    if (step === 2_500) assert.ok(list.has(value));
  }
  list.add(4_294_967_295);
  for (const value of put) assert.ok(list.has(value));
  assert.deepEqual([list.has(4_294_967_295), list.has(3), list.has(0)], [true, false, false]);
});

test('a number is found at its place, at both ends too', () => {
  const list = Uint32Array.from([2, 4, 4_000_000_000]);
  assert.deepEqual(
    [1, 2, 3, 4, 4_000_000_000, 4_000_000_001].map((value) => indexOf(list, value)),
    [-1, 0, -1, 1, 2, -1],
  );
  assert.equal(indexOf([], 1), -1);
});

test('a set of hashes knows what was put in and nothing else, also the hash of zeros', () => {
  const set = new HashSet();
  const hash = (of: number): string => createHash('sha256').update(String(of)).digest('hex');
  for (let of = 0; of < 5_000; of += 1) set.add(hash(of));
  set.add(hash(1));
  set.add('0'.repeat(64));
  assert.equal(set.size, 5_001);
  for (let of = 0; of < 5_000; of += 1) assert.ok(set.has(hash(of)));
  assert.deepEqual([set.has(hash(5_000)), set.has('0'.repeat(64))], [false, true]);
});

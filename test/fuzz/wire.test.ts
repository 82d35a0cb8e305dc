/** The short run of the fuzz: the same rounds every time. The long one: `node test/fuzz/wire.ts --seconds 600 --seed N`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './wire.ts';

const rounds = 3_000;

test('no mutated transcript makes a wire reader crash, hang or keep more than its limits', { timeout: 280_000 }, () => {
  assert.equal(fuzz(20261123, Number.POSITIVE_INFINITY, rounds), rounds);
});

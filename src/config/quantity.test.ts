import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, parseSize } from './quantity.ts';

test('a duration is read in its units, also several of them', () => {
  assert.deepEqual(['250ms', '30s', '5m', '1h30m', '2d', '1.5s'].map(parseDuration), [250, 30_000, 300_000, 5_400_000, 172_800_000, 1500]);
});

test('a duration without a unit, with blanks or with a sign is none', () => {
  assert.deepEqual(['30', 'soon', '', '5 m', '-5m', '5m!', 'm'].map(parseDuration), Array(7).fill(undefined));
});

test('a size is decimal, or binary where it says so', () => {
  assert.deepEqual(['512 B', '36MB', '1.5 GB', '64 KiB'].map(parseSize), [512, 36_000_000, 1_500_000_000, 65_536]);
  assert.deepEqual(['36', 'MB', '-1 MB', '1 TB', '99999999999 GB'].map(parseSize), Array(5).fill(undefined));
});

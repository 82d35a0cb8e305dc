import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDay, parseDuration, parseSize } from './quantity.ts';

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

test('weeks and years are read, a month is not', () => {
  const day = 86_400_000;
  assert.deepEqual(['6w', '7y', '100y', '1y6w'].map(parseDuration), [42 * day, 2555 * day, 36_500 * day, 407 * day]);
  assert.deepEqual(['1mo', '1M', '1month'].map(parseDuration), [undefined, undefined, undefined]);
});

test('a day of the calendar begins at midnight UTC, and any other text is none', () => {
  assert.deepEqual(parseDay('2024-02-29'), new Date(Date.UTC(2024, 1, 29)));
  assert.deepEqual(
    ['2026-02-29', '2026-13-01', '26-01-01', '2026-1-1', '2026-01-01T00:00Z', '1969-12-31', ''].map(parseDay),
    Array(7).fill(undefined),
  );
});

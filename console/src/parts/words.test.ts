/** Words for figures: what an administrator reads all day has to be right at the edges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, countOf, durationText, relativeText } from './words.ts';

test('sizes have a unit that keeps them short', () => {
  assert.deepEqual([0, 1, 999, 1000, 9_949, 151_000, 5_200_000, 81_300_000_000, 2e15].map(bytesText), [
    '0 B',
    '1 B',
    '999 B',
    '1.0 KB',
    '9.9 KB',
    '151 KB',
    '5.2 MB',
    '81 GB',
    '2.0 PB',
  ]);
});

test('durations go from milliseconds to days without a number that nobody can grasp', () => {
  assert.deepEqual([0, 0.85, 1, 9.96, 40, 120, 5_400, 7_200, 172_800, 8_640_000].map(durationText), [
    '0 ms',
    '850 ms',
    '1 s',
    '10 s',
    '40 s',
    '2 min',
    '90 min',
    '2 h',
    '2 days',
    '100 days',
  ]);
});

test('an instant is told from where we stand, on both sides of now', () => {
  const now = Date.parse('2026-11-22T09:00:00Z');
  assert.deepEqual(
    ['2026-11-22T08:59:56Z', '2026-11-22T09:00:04Z', '2026-11-22T08:57:00Z', '2026-11-22T09:15:00Z', '2026-11-01T09:00:00Z'].map((at) =>
      relativeText(at, now),
    ),
    ['just now', 'now', '3 min ago', 'in 15 min', '21 days ago'],
  );
});

test('one is singular and everything else plural', () => {
  assert.deepEqual(
    [countOf(0, 'message'), countOf(1, 'message'), countOf(1200, 'entry', 'entries')],
    ['0 messages', '1 message', '1,200 entries'],
  );
});

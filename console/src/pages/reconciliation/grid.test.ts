/** The map of a reconciliation: which days and rows it has, and what is written in its cells. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DayCell } from '../../../../src/service/api.ts';
import { equationText, nothing, sum, verdict } from './equation.ts';
import { grid, pageOf, pageOfDays } from './grid.ts';

const cell = (folder: string, day: string, seen = 1): DayCell => ({ ...nothing, source: 'tele', folder, day, seen, archived: seen });

test('a day without mail between two days with mail has its column', () => {
  const { days } = grid([cell('INBOX', '2026-02-27'), cell('INBOX', '2026-03-02')]);
  assert.deepEqual(days, ['2026-02-27', '2026-02-28', '2026-03-01', '2026-03-02']);
});

test('what has no date stands beside the days, and each folder has its row', () => {
  const { undated, days, rows } = grid([cell('Sent', 'unknown'), cell('INBOX', 'before 2026-11-17'), cell('INBOX', '2026-11-17')]);
  assert.deepEqual(undated, ['before 2026-11-17', 'unknown']);
  assert.deepEqual(days, ['2026-11-17']);
  assert.deepEqual(
    rows.map(({ folder }) => folder),
    ['INBOX', 'Sent'],
  );
});

test('a date of another century makes no million columns', () => {
  assert.deepEqual(grid([cell('INBOX', '1601-01-01'), cell('INBOX', '2026-11-17')]).days, ['1601-01-01', '2026-11-17']);
});

test('pages are counted from the newest day, and a day is found on its page', () => {
  const { days } = grid([cell('INBOX', '2026-01-01'), cell('INBOX', '2026-01-10')]);
  assert.deepEqual(pageOfDays(days, 0, 4), ['2026-01-07', '2026-01-08', '2026-01-09', '2026-01-10']);
  assert.deepEqual(pageOfDays(days, 2, 4), ['2026-01-01', '2026-01-02']);
  assert.equal(pageOf(days, '2026-01-02', 4), 2);
  assert.equal(pageOf(days, '2026-01-07', 4), 0);
});

test('missing weighs more than quarantine, and the words name both', () => {
  const day = { ...nothing, seen: 13, archived: 11, quarantined: 1, pending: 1 };
  assert.equal(verdict(day), 'missing');
  assert.equal(verdict({ ...day, pending: 0 }), 'apart');
  assert.equal(verdict(nothing), 'empty');
  assert.equal(equationText(day), '13 seen = 11 archived + 1 quarantined + 1 missing');
  assert.equal(equationText(sum([day, day])), '26 seen = 22 archived + 2 quarantined + 2 missing');
});

/** The comparison of one folder: each message on exactly one side of the equation, on its day, however its rows came to be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerEntry } from '../../archive/archive.ts';
import { type CompareOptions, type Comparison, FolderComparison, type Listing } from './compare.ts';
import { NumberList } from './numbers.ts';
import { type Counts, isBalanced, sum } from './report.ts';

const day = (of: number, hour = 12): Date => new Date(Date.UTC(2031, 2, of, hour));
let rows = 0;

function row(uid: number, fields: Partial<LedgerEntry> = {}): LedgerEntry {
  rows += 1;
  return {
    source: 's',
    folder: 'INBOX',
    uidValidity: 7,
    row: rows,
    uid,
    uidl: undefined,
    state: 'archived',
    reason: undefined,
    sha256: uid.toString(16).padStart(64, 'a'),
    bytes: 10,
    internalDate: day(1),
    announcedBytes: 10,
    acceptedAt: day(20),
    ...fields,
  };
}

interface Case {
  readonly uids: readonly number[];
  readonly rows?: readonly LedgerEntry[];
  readonly older?: readonly number[];
  readonly dates?: Readonly<Record<number, Date>>;
  readonly done?: readonly number[];
  readonly options?: Partial<CompareOptions>;
}

function compared({
  uids,
  rows: entries = [],
  older = [],
  dates = {},
  done = [],
  options = {},
}: Case): Comparison & { pending: readonly number[] } {
  const listing: Listing = {
    folder: 'INBOX',
    uidValidity: 7,
    listedAt: day(21),
    counted: uids.length,
    uids: Uint32Array.from(uids),
    older,
  };
  const list = new NumberList();
  for (const uid of done) list.add(uid);
  const work = new FolderComparison(listing, { knownRows: Number.MAX_SAFE_INTEGER, done: list, ...options });
  for (const entry of entries) work.add(entry);
  const pending = work.pending();
  const comparison = work.finish(pending.map((uid) => ({ uid, at: dates[uid] })));
  assert.ok(isBalanced(sum([...comparison.days.values()])), 'the equation does not hold');
  return { ...comparison, pending };
}

/** Only what is not zero. */
function short(counts: Counts | undefined): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts ?? {}).filter(([, value]) => value !== 0));
}

function shortDays({ days }: Comparison): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...days].map(([name, counts]) => [name, short(counts)]));
}

test('each message counts on the UTC day of its INTERNALDATE, and where there is none on that of its arrival here', () => {
  const comparison = compared({
    uids: [1, 2, 3],
    rows: [
      row(1, { internalDate: day(1, 23) }),
      row(2, { internalDate: day(2, 0), state: 'duplicate' }),
      row(3, { internalDate: undefined }),
    ],
  });
  assert.deepEqual(shortDays(comparison), {
    '2031-03-01': { seen: 1, archived: 1, listed: 1 },
    '2031-03-02': { seen: 1, duplicate: 1, listed: 1 },
    '2031-03-20': { seen: 1, archived: 1, listed: 1 },
  });
});

test('what is listed and has no row is pending, on the day that the server gives', () => {
  const comparison = compared({ uids: [1, 2, 3], rows: [row(2)], dates: { 1: day(4) } });
  assert.deepEqual(comparison.pending, [1, 3]);
  assert.deepEqual(shortDays(comparison), {
    '2031-03-01': { seen: 1, archived: 1, listed: 1 },
    '2031-03-04': { seen: 1, pending: 1, listed: 1 },
    unknown: { seen: 1, pending: 1, listed: 1 },
  });
});

test('what has a row and is listed no more is gone, and it is told by whom', () => {
  const comparison = compared({ uids: [3], rows: [row(1), row(2), row(3)], done: [2] });
  assert.deepEqual(shortDays(comparison), { '2031-03-01': { seen: 3, archived: 3, listed: 1, gone: 2, goneByPostern: 1 } });
});

test('a message that was kept apart and came whole later counts once, as what it became', () => {
  const apart = { state: 'quarantined', reason: 'no-data', sha256: undefined } as const;
  const comparison = compared({ uids: [1, 2], rows: [row(1, apart), row(9, apart), row(2, apart), row(1), row(9)] });
  assert.deepEqual(shortDays(comparison), { '2031-03-01': { seen: 3, archived: 2, quarantined: 1, listed: 2, gone: 1 } });
  assert.deepEqual(
    comparison.quarantined.map(({ uid, reason, sha256 }) => [uid, reason, sha256]),
    [[2, 'no-data', null]],
  );
});

test('a message in quarantine that the server lists no more stays named', () => {
  const comparison = compared({ uids: [], rows: [row(5, { state: 'quarantined', reason: 'refused', sha256: undefined })] });
  assert.deepEqual(shortDays(comparison), { '2031-03-01': { seen: 1, quarantined: 1, gone: 1 } });
  assert.equal(comparison.quarantined.length, 1);
});

test('what is older than `since` is excluded where it has no row, and archived where it has one', () => {
  const options = { excludedBefore: day(3, 0) };
  const comparison = compared({ uids: [1, 2, 3], older: [1, 2], rows: [row(2), row(3, { internalDate: day(5) })], options });
  assert.deepEqual(shortDays(comparison), {
    'before 2031-03-03': { seen: 1, excluded: 1, listed: 1 },
    '2031-03-01': { seen: 1, archived: 1, listed: 1 },
    '2031-03-05': { seen: 1, archived: 1, listed: 1 },
  });
});

test('with a first day only what is of it or later counts, but a pending message without a date always does', () => {
  const options = { sinceDay: '2031-03-02', excludedBefore: day(1, 0) };
  const comparison = compared({
    uids: [1, 2, 3, 4],
    older: [4],
    rows: [row(1), row(2, { internalDate: day(2) }), row(8), row(9, { internalDate: day(2) })],
    options,
  });
  assert.deepEqual(shortDays(comparison), {
    '2031-03-02': { seen: 2, archived: 2, listed: 1, gone: 1 },
    unknown: { seen: 1, pending: 1, listed: 1 },
  });
});

test('a row that is younger than the look at the server says nothing where the server does not list it', () => {
  const old = row(1);
  const options = { knownRows: old.row };
  const comparison = compared({ uids: [1, 2], rows: [old, row(2), row(3), row(4, { state: 'quarantined', reason: 'refused' })], options });
  assert.deepEqual(shortDays(comparison), { '2031-03-01': { seen: 2, archived: 2, listed: 2 } });
  assert.deepEqual(comparison.quarantined, []);
});

test('over POP3 a row that is younger than the look does not stand for the message that has its number for the time being', () => {
  const old = row(1, { uidl: 'a' });
  const comparison = compared({ uids: [1, 2], rows: [old, row(2, { uidl: 'other' })], options: { knownRows: old.row } });
  assert.deepEqual(comparison.pending, [2]);
});

test('rows under another UIDVALIDITY are no part of the equation; they are counted by themselves', () => {
  const other = { uidValidity: 6 };
  const comparison = compared({
    uids: [1],
    rows: [row(1), row(1, other), row(2, { ...other, state: 'quarantined' }), row(2, other), row(3, { ...other, state: 'quarantined' })],
  });
  assert.deepEqual(shortDays(comparison), { '2031-03-01': { seen: 1, archived: 1, listed: 1 } });
  assert.deepEqual(comparison.earlier, [{ uidValidity: 6, messages: 3 }]);
});

/** A reconciliation on a terminal: the answer first, nothing wider than a terminal, years of days and long lists made short without losing a sum. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedReport } from '../import/reconcile/judged.ts';
import { type DayReport, type FolderReport, nothing, type Report, sum } from '../import/reconcile/report.ts';
import { reconcileText } from './reconcile-text.ts';

const dayMs = 24 * 60 * 60_000;
const begin = Date.UTC(2027, 0, 1);
const now = Date.UTC(2031, 0, 1);

/** Plain days from 2027 on, with five messages each. */
function plainDays(count: number): DayReport[] {
  return Array.from({ length: count }, (_, index) => {
    const day = new Date(begin + index * dayMs).toISOString().slice(0, 10);
    return { ...nothing, day, seen: 5, archived: 5, listed: 5 };
  });
}

function folder(days: readonly DayReport[], more: Partial<FolderReport> = {}): FolderReport {
  const totals = sum(days);
  return {
    folder: 'INBOX',
    uidValidity: 14,
    listedAt: '2031-01-01T00:00:00.000Z',
    counted: totals.listed,
    listed: totals.listed,
    upToRow: 9,
    totals,
    days,
    missing: [],
    quarantined: [],
    absent: [],
    vanished: [],
    earlier: [],
    fault: null,
    equal: totals.pending === 0,
    ...more,
  };
}

function report(folders: readonly FolderReport[], more: Partial<Report> = {}): Report {
  const equal = folders.every((one) => one.equal);
  const source = { source: 's', mailbox: 'm@contoso.test', protocol: 'imap', server: 'outlook.office365.com:993', excludedBefore: null };
  return {
    format: 1,
    at: '2031-01-01T00:00:00.000Z',
    since: null,
    ledger: { rows: 9, link: 'f'.repeat(64) },
    completions: { rows: 0, link: '0'.repeat(64) },
    gapsKnownSince: '2030-01-01T00:00:00.000Z',
    sources: [{ ...source, folders, unmatched: [], unlisted: [], fault: null, equal }],
    equal,
    ...more,
  };
}

const heard: FeedReport = { known: true, sources: [], gaps: [], understanding: [], lag: 0 };

function text(of: Report, feed: FeedReport = heard): string {
  const shown = reconcileText({ report: of, evidence: 'e'.repeat(64), feed, kept: true, now, colour: false });
  for (const line of shown.split('\n')) assert.ok(line.length <= 100, `${line.length} columns: ${line}`);
  return shown;
}

/** The first two columns of the table of days. */
function shownDays(shown: string): readonly (readonly [string, number])[] {
  return [...shown.matchAll(/^ {4}(\S+(?: rest)?) +([\d,]+) {2}= /gm)].map(([, day = '', seen = '']) => [
    day,
    Number(seen.replaceAll(',', '')),
  ]);
}

test('four years of days fit on a page: by year, by month, the last by day, and what is not plain by itself; their sum is the whole', () => {
  const days = plainDays(1_461);
  days[400] = { ...nothing, day: '2028-02-05', seen: 5, archived: 4, quarantined: 1, listed: 5 };
  const shown = text(report([folder(days)]));
  const rows = shownDays(shown);
  assert.ok(rows.length < 60, `${rows.length} rows`);
  assert.deepEqual(rows.at(-1), ['all', 1_461 * 5]);
  assert.equal(
    rows.slice(0, -1).reduce((total, [, seen]) => total + seen, 0),
    1_461 * 5,
  );
  assert.deepEqual(rows[0], ['2027', 365 * 5]);
  const names = rows.map(([day]) => day);
  assert.deepEqual([names.includes('2028-02-05'), names.includes('2030-12'), names.includes('2030-12 rest')], [true, false, true]);
  for (const line of shown.split('\n').filter((one) => one.includes('  =  '))) assert.ok(line.length <= 80, line);
});

test('a long list is cut, and says how many there are and where they stand', () => {
  const missing = Array.from({ length: 3_000 }, (_, uid) => ({
    uid,
    uidl: null,
    internalDate: '2030-12-31T10:00:00.000Z',
    bytes: 5_000,
    messageId: `<${uid}@x>`,
  }));
  const shown = text(report([folder([{ ...nothing, day: '2030-12-31', seen: 3_000, pending: 3_000, listed: 3_000 }], { missing })]));
  assert.match(shown, /^NOT complete: 3,000 messages on the server and not in the archive\.\n/);
  assert.match(shown, / {6}UID 19 {2}2030-12-31 10:00:00 {2}5\.0 kB {2}<19@x>\n {6}… and 2,980 more: --json names them\n/);
});

test('whatever keeps it from being complete stands in its first line', () => {
  const absent = [{ row: 1, uidValidity: 14, uid: 7, sha256: 'ab', seen: 'its file is not there' }];
  const of = report([
    folder(plainDays(1), { absent, equal: false }),
    folder(plainDays(1), { folder: 'Other', counted: 9, equal: false }),
    folder([], { folder: 'Shut', fault: 'imap.folder-unknown', equal: false }),
  ]);
  const manifest = { sha256: 'aa', column: 'id', listed: 4, found: 3, missing: ['x'], missingCount: 1 };
  const [first = ''] = reconcileText({ report: { ...of, manifest }, evidence: '', feed: heard, kept: false, now, colour: false }).split(
    '\n',
  );
  for (const part of [
    /1 message without bytes/,
    /1 id of the manifest/,
    /1 folder in which the server counts another number/,
    /could not be opened: Shut/,
  ]) {
    assert.match(first, part);
  }
});

test('what is no gap and must not be overlooked stands right below', () => {
  const vanished = [
    {
      uid: 3,
      uidl: null,
      internalDate: null,
      bytes: null,
      messageId: null,
      uidValidity: 14,
      noted: '2030-12-30T00:00:00.000Z',
      explanation: 'gone',
    },
  ];
  const silent = {
    source: 's',
    state: 'silent',
    last: new Date(now - dayMs),
    forMs: dayMs,
    expected: 20,
    probability: 0,
    silentVoices: [],
    voices: 0,
  } as const;
  const shown = text(report([folder(plainDays(1), { vanished })]), { ...heard, sources: [silent] });
  assert.match(
    shown,
    /^Complete: .*\n.*\n1 message vanished from the server before coming here; not among those seen\.\nSilent against habit: s\.\n/,
  );
  assert.match(shown, /will never come:\n {6}UID 3\n {8}noted 2030-12-30: gone\n/);
  assert.match(shown, / {2}s: SILENT: last message 1 d ago, 20 expected since by habit\n/);
});

test('names from outside move no cursor', () => {
  const shown = text(report([folder(plainDays(1), { folder: 'a\x1b[2Jb\nNOT complete' })]));
  assert.match(shown, / {2}a\uFFFD\[2Jb\uFFFDNOT complete \(UIDVALIDITY 14\): complete\n/);
});

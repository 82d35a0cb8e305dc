/** The canonical form of a report and its hash, and the days as CSV. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asCsv } from './csv.ts';
import { canonical, evidenceHash, type FolderReport, nothing, type Report } from './report.ts';

test('the canonical form sorts keys at every depth, has no blanks, and JSON.parse gives the same value in the same order', () => {
  const value = { b: [{ z: null, a: 'é\n"' }], a: { '10': 1, '9': true }, Ä: '', B: -5 };
  const text = canonical(value);
  assert.equal(text, '{"B":-5,"a":{"10":1,"9":true},"b":[{"a":"é\\n\\"","z":null}],"Ä":""}');
  assert.deepEqual(JSON.parse(text), value);
});

test('what has no single form is refused: parts of numbers, dates, nothing at all', () => {
  for (const value of [1.5, Number.NaN, 2 ** 53, new Date(), undefined, { a: undefined }, Symbol('x')])
    assert.throws(() => canonical(value));
});

test('the hash is that of the UTF-8 bytes', () => {
  assert.equal(evidenceHash('é'), '4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c');
});

const folder: FolderReport = {
  folder: '=A1,"x"',
  uidValidity: 7,
  listedAt: '2031-03-04T00:00:00.000Z',
  counted: 2,
  listed: 2,
  upToRow: 2,
  totals: { ...nothing, seen: 3, archived: 2, pending: 1, listed: 2, gone: 1 },
  days: [
    { day: '2031-03-01', ...nothing, seen: 2, archived: 2, listed: 1, gone: 1, goneByPostern: 1 },
    { day: 'unknown', ...nothing, seen: 1, pending: 1, listed: 1 },
  ],
  missing: [],
  quarantined: [],
  absent: [],
  vanished: [],
  earlier: [],
  fault: null,
  equal: false,
};
const source = {
  source: 's',
  mailbox: 'm@x',
  protocol: 'imap',
  server: 'h:993',
  excludedBefore: null,
  unmatched: [],
  unlisted: [],
  equal: false,
};
const report: Report = {
  format: 1,
  at: '2031-03-04T00:00:00.000Z',
  since: null,
  ledger: { rows: 2, link: 'ff' },
  completions: { rows: 0, link: '00' },
  gapsKnownSince: null,
  sources: [
    {
      ...source,
      fault: null,
      folders: [
        folder,
        { ...folder, folder: 'Empty', days: [], totals: nothing },
        { ...folder, folder: 'Gone', fault: 'imap.folder-unknown' },
      ],
    },
    { ...source, source: 'b', fault: 'network.refused', folders: [] },
  ],
  equal: false,
};

test('CSV has a line a day, none that a spreadsheet would compute, and one for whatever could not be compared', () => {
  assert.equal(
    asCsv(report),
    [
      'source,folder,uidvalidity,day,seen,archived,duplicate,excluded,quarantined,pending,listed,gone,gone_by_postern,fault',
      's,"\'=A1,""x""",7,2031-03-01,2,2,0,0,0,0,1,1,1,',
      's,"\'=A1,""x""",7,unknown,1,0,0,0,0,1,1,0,0,',
      's,Empty,7,,0,0,0,0,0,0,0,0,0,',
      's,Gone,,,,,,,,,,,,imap.folder-unknown',
      'b,,,,,,,,,,,,,network.refused',
      '',
    ].join('\r\n'),
  );
});

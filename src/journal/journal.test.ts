/** The journal: what it keeps, what it forgets, that two processes can write it, and that damage never stops anybody. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { Fault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import { forgivingJournal } from './forgiving.ts';
import type { Journal, NewGap, RunCounts } from './journal.ts';
import { journalFile } from './sqlite-file.ts';
import { openJournal } from './sqlite-journal.ts';

const counts: RunCounts = {
  listed: 3,
  archived: 2,
  duplicate: 1,
  excluded: 0,
  quarantined: 0,
  vanished: 0,
  missing: 0,
  bytes: 4_000,
};
const nothing: RunCounts = { ...counts, listed: 0, archived: 0, duplicate: 0, bytes: 0 };
const gap: NewGap = { source: 'a', folder: 'INBOX', uidValidity: 7, uid: 12, openedBy: 'run' };

class TestClock implements Clock {
  #now = Date.UTC(2031, 4, 5);
  now = (): number => this.#now;
  monotonic = (): number => this.#now;
  sleep = async (ms: number): Promise<void> => this.pass(ms);
  pass(ms: number): void {
    this.#now += ms;
  }
}

interface Place {
  readonly folder: string;
  readonly clock: TestClock;
  readonly faults: Fault[];
  readonly open: (options?: { readonly readOnly?: boolean; readonly expected?: boolean }) => Journal;
}

function place(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'postern-journal-'));
  const opened: Journal[] = [];
  const faults: Fault[] = [];
  const clock = new TestClock();
  t.after(async () => {
    for (const journal of opened) await journal.close();
    rmSync(folder, { recursive: true });
  });
  const open: Place['open'] = (options = {}) => {
    const journal = openJournal(folder, { clock, onFault: (fault) => faults.push(fault), ...options });
    opened.push(journal);
    return journal;
  };
  return { folder, clock, faults, open };
}

test('a status is changed field by field, its counters grow, and `since` moves with the state only', async (t) => {
  const { clock, open } = place(t);
  const journal = open();
  const began = new Date(clock.now());
  await journal.noteStatus('a', { state: 'healthy', lastPass: began, add: { passes: 1, archived: 5 } });
  clock.pass(1_000);
  const fault = { code: 'imap.throttled', evidence: { host: 'mail' }, at: new Date(clock.now()) } as const;
  await journal.noteStatus('a', { state: 'healthy', lastFault: fault, add: { passes: 1 } });
  const concern = { kind: 'expiring', since: began, fault, measure: 7 };
  await journal.noteStatus('a', { concerns: [concern], lastPass: undefined });
  assert.deepEqual(await journal.status('a'), {
    source: 'a',
    state: 'healthy',
    since: began,
    lastPass: undefined,
    lastArrival: undefined,
    lastFault: fault,
    nextLook: undefined,
    counters: { passes: 2, archived: 5 },
    concerns: [concern],
  });
  assert.equal((await journal.history()).length, 1);
  assert.equal(await journal.status('b'), undefined);
});

test('two connections write in turn, and each sees what the other wrote', async (t) => {
  const { open } = place(t);
  const [service, command] = [open(), open()];
  for (let round = 0; round < 20; round += 1) {
    await service.noteStatus('a', { add: { passes: 1 } });
    await command.noteStatus('a', { add: { passes: 1 } });
  }
  assert.deepEqual((await service.status('a'))?.counters, { passes: 40 });
});

test('a run whose process ended without a word is interrupted when its source runs again', async (t) => {
  const { open } = place(t);
  const journal = open();
  await journal.beginRun('a');
  const other = await journal.beginRun('b');
  const again = await journal.beginRun('a');
  await journal.endRun(again, { outcome: 'complete', counts });
  const runs = await journal.runs({ source: 'a' });
  assert.deepEqual(
    runs.map((run) => [run.outcome, run.counts?.archived]),
    [
      ['complete', 2],
      ['interrupted', undefined],
    ],
  );
  assert.equal((await journal.runs({ source: 'b' }))[0]?.id, other);
  assert.equal((await journal.runs({ source: 'b' }))[0]?.ended, undefined);
});

test('old runs that brought nothing are forgotten, those that brought something stay', async (t) => {
  const { open } = place(t);
  const journal = open();
  await journal.endRun(await journal.beginRun('a'), { outcome: 'complete', counts });
  for (let run = 0; run < 250; run += 1) await journal.endRun(await journal.beginRun('a'), { outcome: 'complete', counts: nothing });
  const runs = await journal.runs({ limit: 1_000 });
  assert.equal(runs.length, 201);
  assert.equal(runs.at(-1)?.counts?.archived, 2);
});

test('the history of states is thinned out for each source by itself', async (t) => {
  const { open } = place(t);
  const journal = open();
  await journal.noteStatus('b', { state: 'late' });
  for (let change = 0; change < 600; change += 1) await journal.noteStatus('a', { state: change % 2 === 0 ? 'healthy' : 'refused' });
  const history = await journal.history({ limit: 1_000 });
  assert.equal(history.filter(({ source }) => source === 'a').length, 500);
  assert.deepEqual(
    history.filter(({ source }) => source === 'b').map(({ state }) => state),
    ['late'],
  );
});

test('a gap is opened once, filled in, and closed when its message came', async (t) => {
  const { clock, open } = place(t);
  const journal = open();
  await journal.openGaps([gap]);
  clock.pass(5_000);
  await journal.openGaps([{ ...gap, openedBy: 'reconciliation', announcedBytes: 900, messageId: '<m@x>' }]);
  const [opened, ...more] = await journal.gaps({ state: 'open' });
  assert.equal(more.length, 0);
  assert.deepEqual([opened?.openedBy, opened?.announcedBytes, opened?.messageId], ['run', 900, '<m@x>']);
  assert.equal((opened?.lastSeen.getTime() ?? 0) - (opened?.opened.getTime() ?? 0), 5_000);
  await journal.closeGaps([gap], 'came');
  assert.deepEqual(await journal.gapCounts(), [{ source: 'a', open: 0, permanent: 0 }]);
  assert.equal((await journal.gaps({ state: 'closed' }))[0]?.closure, 'came');
});

test('a message that vanished before it came stays visible, though no gap was open for it, and is noted once', async (t) => {
  const { open } = place(t);
  const journal = open();
  await journal.closeGaps([gap], 'vanished', 'gone');
  await journal.closeGaps([gap], 'vanished', 'gone');
  await journal.closeGaps([{ ...gap, uid: 13 }], 'came');
  const permanent = await journal.gaps({ state: 'permanent' });
  assert.deepEqual(
    permanent.map((one) => [one.uid, one.closure, one.explanation]),
    [[12, 'vanished', 'gone']],
  );
  assert.deepEqual(await journal.gapCounts(), [{ source: 'a', open: 0, permanent: 1 }]);
});

test('what a person says of a gap closes an open one, stands behind what was said before, and is refused where the message came', async (t) => {
  const { open } = place(t);
  const journal = open();
  await journal.openGaps([gap, { ...gap, uid: 13 }]);
  await journal.closeGaps([{ ...gap, uid: 13 }], 'came');
  const [came, missing] = await journal.gaps();
  assert.equal(await journal.explainGap(came?.id ?? 0, 'no need'), undefined);
  assert.equal(await journal.explainGap(999, 'nobody'), undefined);
  const explained = await journal.explainGap(missing?.id ?? 0, 'the feed was off (eva)');
  assert.deepEqual([explained?.closure, explained?.explanation], ['explained', 'the feed was off (eva)']);
  const again = await journal.explainGap(missing?.id ?? 0, 'by change 4711 (ada)');
  assert.deepEqual([again?.closed, again?.explanation], [explained?.closed, 'the feed was off (eva); by change 4711 (ada)']);
  assert.deepEqual(await journal.gapCounts(), [{ source: 'a', open: 0, permanent: 1 }]);
});

test('a gap over POP3 is known by its UIDL, since its number is not lasting before the message came', async (t) => {
  const { open } = place(t);
  const journal = open();
  const listed = { ...gap, uidValidity: 0, uid: 4, uidl: 'abc' };
  await journal.openGaps([listed]);
  await journal.openGaps([{ ...listed, uid: 5 }]);
  await journal.closeGaps([{ ...listed, uid: 6 }], 'came');
  assert.deepEqual(await journal.gaps({ state: 'open' }), []);
});

test('an alert is open once for its key; a worse one has to be told and acknowledged anew', async (t) => {
  const { open } = place(t);
  const journal = open();
  const alert = { key: 'a quarantine', kind: 'quarantine', severity: 'warning', source: 'a', text: '1 message', measure: 1 } as const;
  const first = await journal.raiseAlert(alert);
  await journal.toldAlert(first.alert.id);
  assert.equal(await journal.acknowledgeAlert(first.alert.id, 'Ada', 'seen'), true);
  const same = await journal.raiseAlert(alert);
  assert.deepEqual([first.isNew, same.isNew, same.grew, same.alert.acknowledged?.by], [true, false, false, 'Ada']);
  const worse = await journal.raiseAlert({ ...alert, measure: 2, text: '2 messages' });
  assert.deepEqual(
    [worse.grew, worse.alert.id, worse.alert.lastTold, worse.alert.acknowledged],
    [true, first.alert.id, undefined, undefined],
  );
  assert.equal((await journal.alerts({ untold: true })).length, 1);
  await journal.toldAlert(worse.alert.id);
  assert.equal((await journal.clearAlert(alert.key))?.id, first.alert.id);
  assert.equal(await journal.clearAlert(alert.key), undefined);
  assert.equal((await journal.alerts({ untold: true }))[0]?.cleared instanceof Date, true);
  await journal.toldAlert(worse.alert.id);
  assert.deepEqual(await journal.alerts({ untold: true }), []);
  assert.equal((await journal.raiseAlert(alert)).isNew, true);
  assert.equal((await journal.alerts({ open: false })).length, 1);
});

test('a retry is asked for once until it is done', async (t) => {
  const { open } = place(t);
  const journal = open();
  assert.equal(await journal.requestRetries([gap, gap], 'Ada'), 1);
  assert.equal(await journal.requestRetries([gap], 'Bob'), 0);
  const [request] = await journal.pendingRetries('a');
  assert.equal(request?.by, 'Ada');
  await journal.endRetry(request?.id ?? 0, 'came');
  assert.deepEqual(await journal.pendingRetries(), []);
  assert.equal(await journal.requestRetries([gap], 'Bob'), 1);
});

test('a reconciliation comes back letter for letter', async (t) => {
  const { open } = place(t);
  const journal = open();
  const report = `{"missing":"${'é'.repeat(50_000)}"}`;
  const id = await journal.noteReconciliation({ sources: ['a', 'b'], equal: false, evidence: 'ff', report });
  assert.equal((await journal.reconciliation(id))?.report, report);
  assert.deepEqual(
    (await journal.reconciliations({ source: 'b' })).map((one) => [one.id, one.equal, one.sources]),
    [[id, false, ['a', 'b']]],
  );
  assert.deepEqual(await journal.reconciliations({ source: 'c' }), []);
});

test('the service is known by its beat, and by whether it ended by itself', async (t) => {
  const { clock, open } = place(t);
  const journal = open();
  assert.equal(await journal.service(), undefined);
  const note = { pid: 4, host: 'h', started: new Date(clock.now()), sources: ['a'], listen: undefined, beatEveryMs: 5_000, concerns: [] };
  await journal.noteService(note);
  clock.pass(5_000);
  await journal.noteService(note);
  assert.deepEqual(await journal.service(), { ...note, beat: new Date(clock.now()), stopped: undefined });
  await journal.endService(5);
  assert.equal((await journal.service())?.stopped, undefined);
  await journal.endService(4);
  assert.deepEqual((await journal.service())?.stopped, new Date(clock.now()));
});

test("the journal's file is nobody else's to read", (t) => {
  const { folder, open } = place(t);
  open();
  assert.equal(statSync(journalFile(folder)).mode & 0o777, 0o600);
});

for (const [what, spoil] of [
  ['is no database', (file: string) => writeFileSync(file, 'x'.repeat(10_000))],
  [
    'has other tables',
    (file: string) => {
      const db = new DatabaseSync(file);
      db.exec('create table mine (x); pragma user_version = 1');
      db.close();
    },
  ],
] as const) {
  test(`a journal that ${what} is put aside and begun anew, with a fault that says so`, async (t) => {
    const { folder, faults, open } = place(t);
    spoil(journalFile(folder));
    const journal = open();
    await journal.noteStatus('a', { state: 'healthy' });
    assert.equal((await journal.statuses()).length, 1);
    assert.deepEqual(
      faults.map((fault) => fault.code),
      ['journal.made-anew'],
    );
    assert.equal(readdirSync(folder).filter((name) => name.startsWith('journal.sqlite.damaged-')).length, 1);
  });
}

test('a page that turns out to be spoilt costs what was noted before, not what comes after', async (t) => {
  const { folder, faults, open } = place(t);
  const filling = open();
  for (let number = 0; number < 500; number += 1) await filling.closeGaps([{ ...gap, uid: number }], 'vanished', 'x'.repeat(400));
  await filling.close();
  const { size } = statSync(journalFile(folder));
  const file = openSync(journalFile(folder), 'r+');
  // The tables' definitions stay whole, so that opening finds nothing wrong.
  writeSync(file, Buffer.alloc(size / 2, 0xab), 0, size / 2, size / 2);
  closeSync(file);
  const journal = open();
  assert.equal(faults.length, 0);
  for (let number = 0; number < 500; number += 50) await journal.openGaps([{ ...gap, uid: number + 1_000 }]);
  assert.equal((await journal.gaps({ state: 'open' })).length, 10);
  assert.deepEqual(
    faults.map((fault) => fault.code),
    ['journal.made-anew'],
  );
});

for (const [what, spoil] of [
  [
    'pages',
    (file: string) => {
      const { size } = statSync(file);
      const handle = openSync(file, 'r+');
      writeSync(handle, Buffer.alloc(size / 2, 0xab), 0, size / 2, size / 2);
      closeSync(handle);
    },
  ],
  [
    'words',
    (file: string) => {
      const db = new DatabaseSync(file);
      db.exec("update source_status set concerns = '{'");
      db.close();
    },
  ],
] as const) {
  test(`a journal whose ${what} are spoilt is begun anew by the first who may write and reads them, so that it is no fault for ever`, async (t) => {
    const { folder, faults, open } = place(t);
    const filling = open();
    for (let number = 0; number < 500; number += 1) await filling.noteStatus(`source ${number}`, { state: 'healthy' });
    await filling.close();
    spoil(journalFile(folder));
    await assert.rejects(open({ readOnly: true }).statuses(), (error) => error instanceof Fault && error.code === 'journal.unreadable');
    const [journal, other] = [open(), open()];
    assert.deepEqual(await journal.statuses(), []);
    assert.deepEqual(await other.statuses(), []);
    await other.noteStatus('a', { state: 'late' });
    assert.deepEqual(
      (await journal.statuses()).map(({ source }) => source),
      ['a'],
    );
    assert.deepEqual(
      faults.map((fault) => fault.code),
      ['journal.made-anew'],
    );
    assert.equal(readdirSync(folder).filter((name) => /^journal\.sqlite\.damaged-[^-]*-[^-]*-[^-]*-\d+$/.test(name)).length, 1);
  });
}

test('a journal that ought to be there and is not is told', async (t) => {
  const { faults, open } = place(t);
  open({ expected: true });
  open({ expected: true });
  assert.deepEqual(
    faults.map((fault) => [fault.code, fault.evidence['text']]),
    [['journal.made-anew', 'it was not there']],
  );
});

test('reading makes no file, changes none, and finds nothing where there is none', async (t) => {
  const { folder, open } = place(t);
  const reader = open({ readOnly: true });
  assert.deepEqual(await reader.gaps(), []);
  assert.equal(await reader.begun(), undefined);
  assert.deepEqual(readdirSync(folder), []);
  await open().openGaps([gap]);
  const second = open({ readOnly: true });
  assert.equal((await second.gaps()).length, 1);
  await assert.rejects(second.openGaps([gap]), (error) => error instanceof Fault && error.code === 'journal.unwritable');
});

test('a journal of a newer version is left alone', async (t) => {
  const { folder, open } = place(t);
  await open().close();
  const db = new DatabaseSync(journalFile(folder));
  db.exec('pragma user_version = 99');
  db.close();
  assert.throws(
    () => open(),
    (error) => error instanceof Fault && error.code === 'journal.newer-format' && error.evidence['format'] === 99,
  );
});

test('a damaged journal is not touched by whoever only reads', (t) => {
  const { folder, open } = place(t);
  writeFileSync(journalFile(folder), 'x'.repeat(10_000));
  assert.throws(
    () => open({ readOnly: true }),
    (error) => error instanceof Fault && error.code === 'journal.unreadable',
  );
  assert.deepEqual(readdirSync(folder), ['journal.sqlite']);
});

test('whoever imports is not stopped by a journal that cannot be written: told once, then left alone, then used again', async (t) => {
  const { clock, open } = place(t);
  const told: string[] = [];
  let refuses = true;
  const journal = forgivingJournal(
    () => {
      if (refuses) throw new Fault('journal.unwritable', {});
      return open();
    },
    clock,
    (fault) => told.push(fault.code),
  );
  await journal.noteStatus('a', { state: 'healthy' });
  assert.equal(await journal.beginRun('a'), 0);
  assert.equal((await journal.raiseAlert({ key: 'k', kind: 'k', severity: 'info', source: undefined, text: '' })).isNew, true);
  clock.pass(61_000);
  assert.deepEqual(await journal.gaps(), []);
  assert.deepEqual(told, ['journal.unwritable']);
  clock.pass(61_000);
  refuses = false;
  await journal.noteStatus('a', { state: 'healthy' });
  assert.equal((await journal.statuses()).length, 1);
});

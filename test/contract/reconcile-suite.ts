/**
 * What a reconciliation promises wherever the mail comes from: each message of the server accounted for, or named as missing. Run for each
 * place, over IMAP and POP3; a claim that only one place can be asked for stands in that place's own test file.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dayOf } from '../../src/import/reconcile/report.ts';
import { gapKeeper } from '../../src/import/reconcile/run-gaps.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type ImportPlace, mail, mails, sourcesFor, watched } from './import-place.ts';
import { once } from './import-suite.ts';
import { type Desk, folderOf, short, withDesk } from './reconcile-place.ts';

export function reconcileContract(name: string, start: () => Promise<ImportPlace>, skip: string | false, isPop = false): void {
  let place: ImportPlace;
  before(async () => {
    if (skip === false) place = await start();
  });
  after(() => place?.close());

  function claim(sentence: string, act: (desk: Desk) => Promise<void>): void {
    test(`${name}: ${sentence}`, { skip }, () => withDesk(act));
  }

  claim('what was imported is equal on every day, and nothing is missing', async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', [...mails('equal', 7), mail('equal 1')]);
    const sources = await sourcesFor(place, { mailbox });
    await once(sources, watched(desk.archive));
    const reconciled = await desk.reconcile(sources);
    const folder = folderOf(reconciled);
    assert.deepEqual(short(folder.totals), { seen: 8, archived: 7, duplicate: 1, listed: 8 });
    assert.deepEqual([folder.counted, folder.listed, folder.missing, folder.absent, folder.vanished], [8, 8, [], [], []]);
    assert.deepEqual(
      folder.days.map(({ day, ...counts }) => [day, short(counts)]),
      [[dayOf(new Date()), short(folder.totals)]],
    );
    assert.ok(folder.equal && reconciled.report.equal);
    assert.deepEqual([reconciled.report.ledger, reconciled.faults], [(await desk.archive.heads()).ledger, []]);
    assert.deepEqual(await desk.journal.gaps(), []);
  });

  claim('a message that was not imported is named with its size and Message-ID; its gap closes when it came', async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('there', 3));
    const sources = await sourcesFor(place, { mailbox });
    await once(sources, watched(desk.archive));
    const late = mail('late one', 5_000);
    place.deliver(mailbox, 'INBOX', [late]);

    const reconciled = await desk.reconcile(sources);
    const folder = folderOf(reconciled);
    assert.deepEqual(short(folder.totals), { seen: 4, archived: 3, pending: 1, listed: 4 });
    const [missing] = folder.missing;
    assert.equal(folder.missing.length, 1);
    assert.equal(missing?.messageId, '<late.one@contoso.test>');
    assert.ok(isAbout(missing?.bytes, late), `announced as ${missing?.bytes} bytes`);
    assert.deepEqual([missing?.uid === null, missing?.uidl === null, missing?.internalDate === null], [isPop, !isPop, isPop]);
    assert.ok(!folder.equal && !reconciled.report.equal);
    const [gap] = await desk.journal.gaps({ state: 'open' });
    assert.deepEqual([gap?.source, gap?.messageId, gap?.openedBy], ['s0', '<late.one@contoso.test>', 'reconciliation']);

    await desk.reconcile(sources);
    assert.equal((await desk.journal.gaps()).length, 1, 'a second look opens no second gap');
    await once(sources, watched(desk.archive));
    assert.ok((await desk.reconcile(sources)).report.equal);
    assert.deepEqual(
      (await desk.journal.gaps()).map(({ closure }) => closure),
      ['came'],
    );
  });

  claim('a message that somebody deletes before it comes stays visible as vanished, for ever', async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('kept', 2));
    const sources = await sourcesFor(place, { mailbox });
    await once(sources, watched(desk.archive));
    place.deliver(mailbox, 'INBOX', [mail('never came')]);
    await desk.reconcile(sources);
    place.remove(mailbox, 'INBOX', 2);
    for (let look = 0; look < 2; look += 1) {
      const reconciled = await desk.reconcile(sources);
      const folder = folderOf(reconciled);
      assert.ok(reconciled.report.equal);
      assert.deepEqual(short(folder.totals), { seen: 2, archived: 2, listed: 2 });
      assert.deepEqual(
        folder.vanished.map(({ messageId, bytes }) => [messageId, isAbout(bytes, mail('never came'))]),
        [['<never.came@contoso.test>', true]],
      );
    }
    assert.deepEqual(await desk.journal.gapCounts(), [{ source: 's0', open: 0, permanent: 1 }]);
  });

  claim('what is gone from the server is told, and by whom', async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('going', 4));
    const sources = await sourcesFor(place, { mailbox });
    await once(sources, watched(desk.archive));
    const rows = [];
    for await (const row of desk.archive.ledger({ source: 's0' })) rows.push(row);
    const [first] = rows;
    assert.ok(first !== undefined);
    const { source, folder, uidValidity, uid } = first;
    const step = { era: { source, folder, uidValidity }, uid, step: 'deleted' } as const;
    await desk.archive.complete([{ ...step, phase: 'asked' }]);
    await desk.archive.complete([{ ...step, phase: 'done' }]);
    place.remove(mailbox, 'INBOX', 0);
    place.remove(mailbox, 'INBOX', 0);
    const reconciled = await desk.reconcile(sources);
    assert.ok(reconciled.report.equal);
    assert.deepEqual(short(folderOf(reconciled).totals), { seen: 4, archived: 4, listed: 2, gone: 2, goneByPostern: 1 });
    assert.equal(reconciled.report.completions.rows, 2);
  });

  claim('beside a running import, what is missing is looked at again once before it is called missing', async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('on its way', 3));
    const sources = await sourcesFor(place, { mailbox });
    const waits: number[] = [];
    const clock = {
      ...systemClock,
      sleep: async (ms: number) => {
        waits.push(ms);
        await once(sources, watched(desk.archive));
      },
    };
    assert.ok((await desk.reconcile(sources, { clock, lookAgainAfterMs: 7_000 })).report.equal);
    assert.deepEqual([waits, await desk.journal.gaps()], [[7_000], []]);

    place.deliver(mailbox, 'INBOX', [mail('not on its way')]);
    const idle = { ...systemClock, sleep: async () => undefined };
    assert.equal(folderOf(await desk.reconcile(sources, { clock: idle, lookAgainAfterMs: 7_000 })).missing.length, 1);
  });

  claim('with a first day, what is older is no part of the comparison', async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('today', 3));
    const sources = await sourcesFor(place, { mailbox });
    await once(sources, watched(desk.archive));
    const now = new Date();
    const tomorrow = dayOf(new Date(now.getTime() + 24 * 60 * 60_000));
    const none = await desk.reconcile(sources, { sinceDay: tomorrow });
    assert.deepEqual([none.report.equal, none.report.since, short(folderOf(none).totals)], [true, tomorrow, {}]);
    const all = await desk.reconcile(sources, { sinceDay: dayOf(now) });
    assert.deepEqual(short(folderOf(all).totals), { seen: 3, archived: 3, listed: 3 });
  });

  claim('a run that missed messages tells the journal, and it closes the gap when they came', async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('by the run', 2));
    const sources = await sourcesFor(place, { mailbox });
    const keeper = gapKeeper(desk.journal, desk.archive);
    const ports = watched(desk.archive, keeper.tell);
    await once(sources, ports);
    const { uidValidity } = folderOf(await desk.reconcile(sources));
    const told = { source: 's0', folder: 'INBOX', uidValidity: uidValidity ?? 0 };
    const [row] = await Array.fromAsync(desk.archive.ledger({ source: 's0' }));
    // Over POP3 a message goes by its UIDL; its number is not lasting.
    const named = (uids: readonly number[]): { uids: readonly number[]; uidls: readonly string[] | undefined } => ({
      uids: isPop ? uids.map((uid) => uid + 500) : uids,
      uidls: isPop ? uids.map((uid) => (uid === 1 ? (row?.uidl ?? '') : `never-${uid}`)) : undefined,
    });
    keeper.tell({ kind: 'missing', ...told, ...named([1, 77, 78]) });
    keeper.tell({ kind: 'vanished', ...told, ...named([78]) });
    for (const pass of ports.of('pass')) keeper.tell(pass);
    await keeper.settled();
    assert.equal((await desk.journal.gaps({ state: 'open' })).length, 2);
    // The next pass finds the first in the ledger and the second neither there nor on the server.
    await once(sources, watched(desk.archive, keeper.tell));
    await keeper.settled();
    assert.deepEqual((await desk.journal.gaps()).map(({ uid, closure }) => [isPop ? uid - 500 : uid, closure]).sort(), [
      [1, 'came'],
      [77, 'vanished'],
      [78, 'vanished'],
    ]);
  });

  claim('a server that refuses the login is told as not compared, and what is in the archive does not count as missing', async (desk) => {
    const mailbox = place.mailbox();
    const sources = await sourcesFor(place, { mailbox });
    const refusing = sources.map((source) => ({ ...source, connect: () => Promise.reject(new Error('never reached')) }));
    await assert.rejects(desk.reconcile(refusing), /never reached/);
    const [source] = await sourcesFor({ ...place, files: { ...place.files, 'client-secret': 'wrong' } }, { mailbox });
    assert.ok(source !== undefined);
    const { report, faults } = await desk.reconcile([source]);
    assert.deepEqual([report.equal, report.sources[0]?.folders, faults.length], [false, [], 1]);
    assert.equal(report.sources[0]?.fault, faults[0]?.fault.code);
  });
}

/** M365 (doc): a size is announced by estimate, so it is near and seldom right; the sandbox does the same. */
function isAbout(bytes: number | null | undefined, message: Uint8Array): boolean {
  return typeof bytes === 'number' && Math.abs(bytes - message.length) < message.length / 10;
}

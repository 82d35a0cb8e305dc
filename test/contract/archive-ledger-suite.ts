/**
 * The second half of the archive's contract: the ledger as others compare a server with it, numbers of UIDLs, what is in quarantine, and
 * what was done on servers. For every implementation, as archive-suite.ts.
 *
 * The hard thing is what may never happen: a message archived twice under one number, one UIDL taken for another, a step on a server
 * noted of a message that is not safe here.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Archive, ArchiveReader, Completion, CompletionNote, Era, LedgerEntry } from '../../src/archive/archive.ts';
import { type ArchiveUnderTest, inbox, mail, noise, pieces, put, sha256, temporaryFolder } from './archive-suite.ts';

const pop: Era = { source: 'legacy', folder: 'INBOX', uidValidity: 0 };
const sent: Era = { ...inbox, folder: 'Sent' };

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

async function uids(values: AsyncIterable<LedgerEntry>): Promise<number[]> {
  return (await all(values)).map((entry) => entry.uid);
}

function note(
  uid: number,
  step: CompletionNote['step'],
  phase: CompletionNote['phase'],
  more: Partial<CompletionNote> = {},
): CompletionNote {
  return { era: inbox, uid, step, phase, ...more };
}

async function nothing(archive: Archive, uid: number, era = inbox): Promise<void> {
  await (await archive.acceptNothing({ era, uid, cursor: uid, quarantine: 'no-data' })).durable;
}

function phases(completions: readonly Completion[]): string[] {
  return completions.map(({ uid, step, phase }) => `${uid} ${step} ${phase}`);
}

export function ledgerContract({ name, open, openReader }: ArchiveUnderTest): void {
  function promise(title: string, run: (archive: Archive, folder: string) => Promise<void>): void {
    test(`${name}: ${title}`, async () => {
      using folder = temporaryFolder();
      const archive = await open(folder.path);
      try {
        await run(archive, folder.path);
      } finally {
        await archive.close();
      }
    });
  }

  /** Runs on the archive and on a reader beside it: both say the same. */
  async function onBoth(archive: Archive, folder: string, look: (reader: ArchiveReader) => Promise<void>): Promise<void> {
    const reader = openReader(folder);
    await look(archive);
    await look(reader);
    await reader.close();
  }

  promise('the ledger is read in the order of its rows, with all that was known of each message', async (archive, folder) => {
    const day = new Date('2026-03-01T10:00:00Z');
    await put(archive, 5, 'five', { internalDate: day, announcedBytes: 9 });
    await put(archive, 3, 'three', { era: pop, uidl: 'u-3', announcedBytes: 5 });
    await put(archive, 6, 'five');
    await nothing(archive, 7);
    await onBoth(archive, folder, async (reader) => {
      const entries = await all(reader.ledger());
      assert.ok(entries.every((entry) => Math.abs(entry.acceptedAt.getTime() - Date.now()) < 60_000));
      const none = { uidl: undefined, reason: undefined, internalDate: undefined, announcedBytes: undefined };
      const five = { ...none, ...inbox, sha256: sha256('five'), bytes: 4 };
      assert.deepEqual(
        entries.map(({ acceptedAt, ...entry }) => entry),
        [
          { ...five, row: 1, uid: 5, state: 'archived', internalDate: day, announcedBytes: 9 },
          { ...none, ...pop, row: 2, uid: 3, uidl: 'u-3', state: 'archived', sha256: sha256('three'), bytes: 5, announcedBytes: 5 },
          { ...five, row: 3, uid: 6, state: 'duplicate' },
          { ...none, ...inbox, row: 4, uid: 7, state: 'quarantined', reason: 'no-data', sha256: undefined, bytes: undefined },
        ],
      );
    });
    assert.deepEqual((await archive.verify()).findings, []);
  });

  promise('the ledger can be narrowed to a source, a folder and a day, by acceptance where the server told none', async (archive) => {
    const day = (text: string): Date => new Date(`${text}T00:00:00Z`);
    await put(archive, 1, 'a', { internalDate: day('2026-01-31') });
    await put(archive, 2, 'b', { internalDate: day('2026-02-01') });
    await put(archive, 3, 'c', { era: sent, internalDate: day('2026-02-02') });
    await put(archive, 4, 'd', { era: pop });
    await nothing(archive, 9);
    assert.deepEqual(await uids(archive.ledger({ source: inbox.source })), [1, 2, 3, 9]);
    assert.deepEqual(await uids(archive.ledger({ source: inbox.source, folder: 'Sent' })), [3]);
    assert.deepEqual(await uids(archive.ledger({ folder: 'INBOX' })), [1, 2, 4, 9]);
    assert.deepEqual(await uids(archive.ledger({ since: day('2026-02-01') })), [2, 3, 4, 9]);
    assert.deepEqual(await uids(archive.ledger({ since: new Date(Date.now() + 60_000) })), []);
    assert.deepEqual(await uids(archive.ledger({ source: 'nobody' })), []);
  });

  promise('the rows behind a row, the heads and the pulse are told at any time', async (archive, folder) => {
    assert.deepEqual(await archive.pulse(), { rows: 0, lag: 0 });
    for (let uid = 1; uid <= 4; uid += 1) await put(archive, uid, `m ${uid}`, { era: uid % 2 === 0 ? sent : inbox });
    await nothing(archive, 5);
    await archive.complete([note(1, 'seen', 'asked')]);
    await archive.derived();
    await onBoth(archive, folder, async (reader) => {
      assert.deepEqual(await uids(reader.ledger({ afterRow: 2 })), [3, 4, 5]);
      assert.deepEqual(await uids(reader.ledger({ afterRow: 2, source: inbox.source, folder: 'Sent' })), [4]);
      assert.deepEqual(await uids(reader.ledger({ afterRow: 5 })), []);
      assert.deepEqual([await uids(reader.quarantine({ afterRow: 4 })), await uids(reader.quarantine({ afterRow: 5 }))], [[5], []]);
      assert.deepEqual(await reader.pulse(), { rows: 5, lag: 0 });
      const { head, completions } = await reader.stats();
      assert.deepEqual(await reader.heads(), { ledger: head, completions });
    });
  });

  promise('the rows of one source among many others are all found, in their order', async (archive) => {
    const many = 9_000;
    for (let uid = 1; uid <= many; uid += 1) {
      const era = uid % 1_000 === 1 || (uid > 6_000 && uid < 8_500) ? pop : { ...inbox, source: `other ${uid % 3}` };
      await archive.acceptNothing({ era, uid, cursor: uid, quarantine: 'no-data' });
    }
    await archive.flush();
    const rows = (await all(archive.ledger({ source: pop.source }))).map((entry) => entry.row);
    assert.equal(rows.length, 2_499 + 6);
    assert.deepEqual(
      rows,
      [...new Set(rows)].sort((one, other) => one - other),
    );
  });

  promise('nothing is absent from an archive that nobody touched', async (archive) => {
    for (const [index, body] of ['', 'x', 'a text that can be packed '.repeat(100), noise(300_000)].entries())
      await put(archive, index + 1, body);
    await nothing(archive, 9);
    assert.deepEqual(await all(archive.absent()), []);
  });

  promise('while a long ledger is read others get their turn, and what comes meanwhile is no hindrance', async (archive) => {
    const many = 6_000;
    for (let uid = 1; uid <= many; uid += 1) await archive.acceptNothing({ era: inbox, uid, cursor: uid, quarantine: 'no-data' });
    await archive.flush();
    let reading = true;
    let turns = 0;
    const others = (async () => {
      for (; reading; turns += 1) await nextTurn();
    })();
    let seen = 0;
    for await (const entry of archive.ledger()) {
      seen += 1;
      assert.equal(entry.row, seen);
      if (seen === 10) await put(archive, many + 1, 'meanwhile');
    }
    reading = false;
    await others;
    assert.ok(seen >= many);
    assert.ok(turns >= 3, `${turns} turns for others`);
    assert.equal((await archive.settled(inbox)).size, many + 1);
    assert.equal((await archive.settled(inbox)).withoutBytes.length, many);
  });

  promise('the numbers of a UIDL are told in order, with the size announced last, and the highest of the era', async (archive, folder) => {
    const take = (uid: number, uidl: string, body: string, announcedBytes?: number): Promise<unknown> =>
      put(archive, uid, body, { era: pop, uidl, ...(announcedBytes === undefined ? {} : { announcedBytes }) });
    await take(2, 'twice', 'b', 20);
    await take(1, 'twice', 'a', 10);
    await take(3, 'Once', 'c');
    await take(4, 'once', 'd', 40);
    await put(archive, 5, 'a text of the server', { era: pop, uidl: 'late', announcedBytes: 50, quarantine: 'substitute' });
    await take(5, 'late', 'its own bytes', 51);
    await (await archive.acceptNothing({ era: pop, uid: 6, uidl: 'twice', cursor: 6, quarantine: 'refused', announcedBytes: 60 })).durable;
    await put(archive, 99, 'over IMAP');
    await onBoth(archive, folder, async (reader) => {
      const known = await reader.uidls(pop);
      assert.deepEqual(
        known.numbers,
        new Map([
          ['twice', [1, 2, 6]],
          ['Once', [3]],
          ['once', [4]],
          ['late', [5]],
        ]),
      );
      assert.deepEqual(
        [1, 2, 3, 4, 5, 6].map((uid) => known.announcedBytes.get(uid)),
        [10, 20, undefined, 40, 51, 60],
      );
      assert.equal(known.highest, 6);
      const empty = await reader.uidls({ ...pop, source: 'nobody' });
      assert.deepEqual([empty.numbers.size, empty.announcedBytes.size, empty.highest], [0, 0, 0]);
      assert.deepEqual([(await reader.uidls(inbox)).numbers.size, (await reader.uidls(inbox)).highest], [0, 99]);
    });
    assert.deepEqual((await archive.verify()).findings, []);
  });

  promise('a number that stands for one UIDL is never taken for another', async (archive) => {
    await put(archive, 1, 'a', { era: pop, uidl: 'one' });
    await assert.rejects(put(archive, 1, 'b', { era: pop, uidl: 'two' }), /another UIDL/);
  });

  promise('a message in quarantine gets a further row for other bytes, until it comes whole; then never again', async (archive) => {
    const text = mail('Retrieval failed', 'first text of the server');
    const otherText = mail('Retrieval failed', 'second text of the server');
    assert.equal((await put(archive, 1, text, { quarantine: 'substitute' })).state, 'quarantined');
    assert.deepEqual(await put(archive, 1, text, { quarantine: 'substitute' }), { state: 'quarantined', sha256: sha256(text) });
    await nothing(archive, 1);
    assert.equal((await archive.stats()).ledger.quarantined, 1);
    assert.equal((await put(archive, 1, otherText, { quarantine: 'substitute' })).state, 'quarantined');
    assert.deepEqual(await put(archive, 1, 'the message'), { state: 'archived', sha256: sha256('the message') });
    const whole = { state: 'archived', sha256: sha256('the message') };
    assert.deepEqual(await put(archive, 1, 'another message'), whole);
    assert.deepEqual(await put(archive, 1, text, { quarantine: 'substitute' }), whole);
    await nothing(archive, 1);
    assert.deepEqual(
      (await all(archive.ledger())).map((entry) => entry.state),
      ['quarantined', 'quarantined', 'archived'],
    );
    await assert.rejects(archive.message(sha256('another message')));
    const settled = await archive.settled(inbox);
    assert.deepEqual([settled.size, settled.withoutBytes], [1, []]);
    assert.deepEqual((await archive.verify()).findings, []);
  });

  promise('bytes that were kept apart and are found to be the message after all leave the quarantine', async (archive) => {
    await put(archive, 1, 'taken for a text of the server', { quarantine: 'substitute' });
    assert.equal((await put(archive, 1, 'taken for a text of the server')).state, 'duplicate');
    assert.deepEqual(await all(archive.quarantine()), []);
  });

  promise('what is in quarantine and did not come since is listed, with its bytes or without', async (archive, folder) => {
    const text = (uid: number, more = ''): Promise<unknown> => put(archive, uid, `text ${uid}${more}`, { quarantine: 'substitute' });
    await text(1);
    await nothing(archive, 2);
    await text(3);
    await nothing(archive, 4);
    await nothing(archive, 5, sent);
    await text(1, ', another time');
    await text(2);
    await put(archive, 3, 'came whole');
    await put(archive, 4, 'came whole, too');
    await put(archive, 6, 'always whole');
    await put(archive, 1, 'moved', { era: { ...sent, uidValidity: 8 } });
    await onBoth(archive, folder, async (reader) => {
      const entries = await all(reader.quarantine());
      assert.deepEqual(
        entries.map(({ folder: where, uid, sha256: id, renumbered }) => [where, uid, id, renumbered]),
        [
          ['Sent', 5, undefined, true],
          ['INBOX', 1, sha256('text 1, another time'), false],
          ['INBOX', 2, sha256('text 2'), false],
        ],
      );
      for (const entry of entries) assert.ok(entry.keptSince <= entry.acceptedAt);
      const [first] = await all(reader.ledger());
      assert.deepEqual(entries[1]?.keptSince, first?.acceptedAt);
      assert.deepEqual(await uids(reader.quarantine({ source: inbox.source, folder: 'INBOX' })), [1, 2]);
      assert.deepEqual(await uids(reader.quarantine({ source: 'nobody' })), []);
    });
  });

  promise('what was done on a server is read back in its order, of a folder or of a source', async (archive, folder) => {
    await put(archive, 1, 'a');
    await put(archive, 2, 'b', { era: sent });
    await put(archive, 3, 'a', { era: pop, uidl: 'u' });
    const before = Date.now();
    await archive.complete([note(1, 'moved', 'asked', { target: 'Erledigt ü' }), note(2, 'seen', 'asked', { era: sent })]);
    await archive.complete([note(1, 'moved', 'done', { target: 'Erledigt ü', detail: 'UID 9 there' })]);
    await archive.complete([note(2, 'seen', 'failed', { era: sent, detail: 'NO' }), note(3, 'deleted', 'asked', { era: pop })]);
    await archive.complete([]);
    await onBoth(archive, folder, async (reader) => {
      const [first, second] = await all(reader.completions(inbox));
      assert.ok(first !== undefined && first.at.getTime() >= before && first.at.getTime() <= Date.now());
      const moved = { era: inbox, uid: 1, ledgerRow: 1, step: 'moved', target: 'Erledigt ü' };
      assert.deepEqual(first, { ...moved, row: 1, phase: 'asked', at: first.at });
      assert.deepEqual(second, { ...moved, row: 3, phase: 'done', detail: 'UID 9 there', at: second?.at });
      assert.deepEqual(phases(await all(reader.completions({ source: inbox.source }))), [
        '1 moved asked',
        '2 seen asked',
        '1 moved done',
        '2 seen failed',
      ]);
      assert.deepEqual(phases(await all(reader.completions(pop))), ['3 deleted asked']);
      assert.deepEqual(await all(reader.completions({ ...inbox, uidValidity: 8 })), []);
      assert.equal((await reader.stats()).completions.rows, 5);
    });
    const report = await archive.verify();
    assert.deepEqual([report.findings, report.completions], [[], (await archive.stats()).completions]);
  });

  promise('nothing is noted of a message that is not safe here, and the archive goes on', async (archive) => {
    await put(archive, 1, 'safe');
    await put(archive, 2, 'a text of the server', { quarantine: 'substitute' });
    await nothing(archive, 3);
    const pending = await archive.accept(pieces('on its way'), () => ({ era: inbox, uid: 4, cursor: 4 }));
    const refused: readonly (readonly CompletionNote[])[] = [
      [note(4, 'deleted', 'asked')],
      [note(2, 'deleted', 'asked')],
      [note(3, 'deleted', 'asked')],
      [note(9, 'seen', 'asked')],
      [note(1, 'deleted', 'asked', { era: { ...inbox, uidValidity: 8 } })],
      [note(1, 'deleted', 'done')],
      [note(1, 'moved', 'failed')],
      [note(1, 'seen', 'asked'), note(2, 'seen', 'asked')],
    ];
    const outcomes = await Promise.allSettled(refused.map((notes) => archive.complete(notes)));
    assert.deepEqual(
      outcomes.map((one) => one.status),
      refused.map(() => 'rejected'),
    );
    assert.deepEqual(await all(archive.completions(inbox)), []);

    await pending.durable;
    await archive.complete([note(4, 'deleted', 'asked'), note(4, 'deleted', 'done')]);
    await assert.rejects(archive.complete([note(4, 'deleted', 'done')]), /was not asked/);
    await archive.complete([note(4, 'deleted', 'asked')]); // asked again after a crash, say
    await put(archive, 2, 'the message itself');
    await archive.complete([note(2, 'seen', 'asked')]);
    assert.deepEqual(phases(await all(archive.completions(inbox))), [
      '4 deleted asked',
      '4 deleted done',
      '4 deleted asked',
      '2 seen asked',
    ]);
    assert.deepEqual((await archive.verify()).findings, []);
  });

  promise('steps are noted beside an import, and readers see them in between', async (archive, folder) => {
    const reader = openReader(folder);
    const many = 200;
    const work = Array.from({ length: many }, async (_, index) => {
      const uid = index + 1;
      await put(archive, uid, `message ${uid}`);
      await archive.complete([note(uid, 'seen', 'asked')]);
      await archive.complete([note(uid, 'seen', 'done')]);
    });
    const looks: number[] = [];
    const looking = (async () => {
      while ((looks.at(-1) ?? 0) < many * 2) {
        looks.push((await all(reader.completions(inbox))).length);
        await nextTurn();
      }
    })();
    await Promise.all([...work, looking]);
    assert.deepEqual(
      looks,
      [...looks].sort((one, other) => one - other),
    );
    assert.deepEqual((await reader.verify()).findings, []);
    await reader.close();
  });

  promise('a head of the list of steps that was noted elsewhere is found again, and a false one told', async (archive) => {
    await put(archive, 1, 'a');
    await archive.complete([note(1, 'seen', 'asked')]);
    const noted = (await archive.stats()).completions;
    await archive.complete([note(1, 'seen', 'done')]);
    assert.deepEqual((await archive.verify({ completionHeads: [noted] })).findings, []);
    for (const head of [
      { rows: 1, link: 'ab'.repeat(32) },
      { rows: 3, link: noted.link },
    ]) {
      const { findings } = await archive.verify({ completionHeads: [head] });
      assert.deepEqual(
        findings.map((one) => one.code),
        ['archive.chain-broken'],
      );
    }
  });
}

/**
 * What happens on the server to messages that are safe: the claims that hold wherever there is an IMAP or a POP3 server.
 *
 * Each is looked at from the server's side, by its own files or state, and in the archive's notes.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Archive, Completion, CompletionNote } from '../../src/archive/archive.ts';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import type { ImportEvent } from '../../src/import/events.ts';
import { runOnce } from '../../src/import/run.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import {
  hurrying,
  type ImportPlace,
  mail,
  mails,
  type SourceWish,
  sourcesFor,
  type Watched,
  watched,
  withArchive,
} from './import-place.ts';

export interface CompletionContract {
  readonly start: () => Promise<ImportPlace>;
  readonly protocol: 'imap' | 'pop3';
  readonly skip?: string | false;
}

/** One run of one source. */
async function oneRun(place: ImportPlace, archive: Archive, wish: SourceWish, ports: Watched = watched(archive)) {
  const summary = await runOnce(await sourcesFor(place, wish), ports, { connections: 4 });
  const [source] = summary.sources;
  assert.ok(source);
  return source;
}

async function notesOf(archive: Archive): Promise<readonly Completion[]> {
  const notes: Completion[] = [];
  for await (const note of archive.completions({ source: 's0' })) notes.push(note);
  return notes;
}

function phases(notes: readonly Completion[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { step, phase } of notes) counts[`${step} ${phase}`] = (counts[`${step} ${phase}`] ?? 0) + 1;
  return counts;
}

/** A clock that can be set ahead, and an archive that goes by it. */
async function withClock(
  act: (archive: Archive, at: { aheadMs: number; ports(): Watched; folder: string }) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-complete-'));
  const at = {
    aheadMs: 0,
    folder,
    // A clock that is set while a process runs is another matter: each run of these tests begins with its own.
    ports: (): Watched => watched(archive, undefined, clock),
  };
  const hurried = hurrying();
  const clock: Clock = {
    ...hurried,
    now: () => hurried.now() + at.aheadMs,
    monotonic: () => hurried.monotonic() + at.aheadMs,
  };
  const archive = await openArchive(folder, clock);
  try {
    await act(archive, at);
  } finally {
    await archive.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const dayMs = 86_400_000;

function wish(mailbox: string, more: string): SourceWish {
  return { mailbox, more };
}

export function completionContract(name: string, { start, protocol, skip = false }: CompletionContract): void {
  let started: ImportPlace | undefined;
  before(async () => {
    if (skip === false) started = await start();
  });
  after(() => started?.close());
  const at = (): ImportPlace => {
    assert.ok(started);
    return started;
  };
  const claim = (sentence: string, act: () => Promise<void>): void => void test(`${name}: ${sentence}`, { skip }, act);
  const flags = (place: ImportPlace, mailbox: string, folder = 'INBOX') => place.list(mailbox, folder).map((one) => one.flags);

  claim('without being asked nothing is changed: no flag, no move, no deletion', async () => {
    const place = at();
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('left', 5));
    const before = flags(place, mailbox);
    await withArchive(async (archive) => {
      const source = await oneRun(place, archive, wish(mailbox, ''));
      assert.equal(source.complete, true);
      assert.deepEqual(await notesOf(archive), []);
    });
    assert.equal(place.list(mailbox, 'INBOX').length, 5);
    if (protocol === 'imap') assert.deepEqual(flags(place, mailbox), before);
  });

  if (protocol === 'imap') {
    claim('seen marks each message once, and what comes later in the next run', async () => {
      const place = at();
      const mailbox = place.mailbox();
      place.deliver(mailbox, 'INBOX', mails('seen', 5));
      await withArchive(async (archive) => {
        const asked = wish(mailbox, 'onCompletion: seen');
        const first = await oneRun(place, archive, asked);
        assert.deepEqual(first.completion?.summaries, [{ folder: 'INBOX', step: 'seen', target: undefined, done: 5, failed: 0 }]);
        assert.ok(flags(place, mailbox).every((one) => /S|\\Seen/.test(one)));
        place.deliver(mailbox, 'INBOX', [mail('seen later')]);
        await oneRun(place, archive, asked);
        assert.deepEqual(phases(await notesOf(archive)), { 'seen asked': 6, 'seen done': 6 });
        assert.equal(place.list(mailbox, 'INBOX').length, 6);
      });
    });

    claim(
      'move takes messages into a folder that is made for it, leaves what comes meanwhile, and never imports what it moved',
      async () => {
        const place = at();
        const mailbox = place.mailbox();
        place.deliver(mailbox, 'INBOX', mails('moved', 5));
        await withArchive(async (archive) => {
          const asked = { ...wish(mailbox, 'onCompletion: { move: "Done & dusted" }'), folders: ['*', '!Done & dusted'] };
          await oneRun(place, archive, asked);
          assert.equal(place.list(mailbox, 'INBOX').length, 0);
          assert.equal(place.list(mailbox, 'Done & dusted').length, 5);
          const again = await oneRun(place, archive, asked);
          assert.deepEqual(again.completion?.summaries ?? [], []);
          assert.equal(
            again.folders.some((folder) => folder.folder === 'Done & dusted'),
            false,
          );
          assert.deepEqual(phases(await notesOf(archive)), { 'moved asked': 5, 'moved done': 5 });
          assert.equal((await archive.stats()).ledger.duplicate, 0);
        });
      },
    );
  }

  claim('delete waits for its time, then removes what is proven in the archive and nothing else', async () => {
    const place = at();
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('deleted', 7));
    await withClock(async (archive, time) => {
      const asked = wish(mailbox, 'onCompletion: { delete: { after: 2d } }');
      assert.equal((await oneRun(place, archive, asked, time.ports())).completion, undefined);
      assert.equal(place.list(mailbox, 'INBOX').length, 7);
      time.aheadMs = 3 * dayMs;
      place.deliver(mailbox, 'INBOX', [mail('young'), mail('marked by another')]);
      if (protocol === 'imap') place.mark?.(mailbox, 'INBOX', 8);
      const source = await oneRun(place, archive, asked, time.ports());
      assert.equal(source.completion?.fault, undefined);
      assert.equal(place.list(mailbox, 'INBOX').length, 2, 'the young ones stay, whoever marked one');
      assert.deepEqual(phases(await notesOf(archive)), { 'deleted asked': 7, 'deleted done': 7 });
      const report = await archive.verify();
      assert.deepEqual(report.findings, []);
    });
  });

  claim('on hold nothing is deleted, however old', async () => {
    const place = at();
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('held', 3));
    await withClock(async (archive, time) => {
      const asked = wish(mailbox, 'onCompletion: { delete: { after: 1d } }\n    hold: true');
      await oneRun(place, archive, asked, time.ports());
      time.aheadMs = 400 * dayMs;
      await oneRun(place, archive, asked, time.ports());
      assert.equal(place.list(mailbox, 'INBOX').length, 3);
      assert.deepEqual(await notesOf(archive), []);
    });
  });

  claim('a message whose stored bytes are no longer what arrived is not deleted, the others are, and it is told', async () => {
    const place = at();
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', [mail('small 1'), mail('large', 600_000), mail('small 2')]);
    await withClock(async (archive, time) => {
      const asked = wish(mailbox, 'onCompletion: { delete: { after: 1d } }');
      await oneRun(place, archive, asked, time.ports());
      const bodies = join(time.folder, 'archive', 'bodies');
      const [file] = readdirSync(bodies, { recursive: true, encoding: 'utf8' }).filter((one) => /[0-9a-f]{64}$/.test(one));
      assert.ok(file);
      writeFileSync(join(bodies, file), 'not what arrived');
      time.aheadMs = 2 * dayMs;
      const source = await oneRun(place, archive, asked, time.ports());
      assert.equal(source.completion?.fault?.code, 'completion.not-proven');
      assert.deepEqual(
        source.completion?.summaries.map(({ done, failed }) => [done, failed]),
        [[2, 1]],
      );
      assert.equal(place.list(mailbox, 'INBOX').length, 1);
    });
  });

  claim('a clock that is set forward while it runs deletes nothing', async () => {
    const place = at();
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('clock', 2));
    await withArchive(async (archive) => {
      const hurried = hurrying();
      let jumpedMs = 0;
      // Set forward as soon as all is in: the steady clock knows nothing of it.
      const clock = { ...hurried, now: () => hurried.now() + jumpedMs };
      const jump = ({ kind }: ImportEvent): void => {
        if (kind === 'pass') jumpedMs = 30 * dayMs;
      };
      const ports = watched(archive, jump, clock);
      const source = await oneRun(place, archive, wish(mailbox, 'onCompletion: { delete: { after: 1d } }'), ports);
      assert.equal(source.completion?.fault?.code, 'completion.clock-jumped');
      assert.equal(place.list(mailbox, 'INBOX').length, 2);
    });
  });

  claim('what was asked for and never answered is settled by looking: gone is done, still there is asked anew', async () => {
    const place = at();
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('crash', 4));
    await withClock(async (archive, time) => {
      const asked = wish(mailbox, 'onCompletion: { delete: { after: 1d } }');
      await oneRun(place, archive, asked, time.ports());
      const notes: CompletionNote[] = [];
      for await (const { source, folder, uidValidity, uid } of archive.ledger({ source: 's0' })) {
        notes.push({ era: { source, folder, uidValidity }, uid, step: 'deleted', phase: 'asked' });
      }
      // As a process leaves it that is killed between its note and the server's answer.
      await archive.complete(notes);
      place.remove(mailbox, 'INBOX', 0);
      time.aheadMs = 2 * dayMs;
      await oneRun(place, archive, asked, time.ports());
      assert.equal(place.list(mailbox, 'INBOX').length, 0);
      const done = (await notesOf(archive)).filter((one) => one.phase === 'done');
      assert.equal(done.length, 4);
      assert.equal(done.filter((one) => one.detail !== undefined).length, 1);
    });
  });
}

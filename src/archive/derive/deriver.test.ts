/** What ends a deriving thread must not end the deriving; what is written once must not be written twice. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { isFault } from '../../fault/fault.ts';
import { plainProfile } from '../record.ts';
import { takeBody } from '../sqlite/bodies.ts';
import { openIndex } from '../sqlite/index-schema.ts';
import { type Layout, layout } from '../sqlite/layout.ts';
import { LedgerWriter } from '../sqlite/ledger-writer.ts';
import { unpack } from '../sqlite/record-pack.ts';
import { Deriver, type DeriverLimits, deriverLimits } from './deriver.ts';
import { FollowingIndex, nextIndexFile } from './following.ts';

/** A ledger with these messages. */
async function ledgerOf(where: Layout, messages: readonly string[], sourceOf = (_index: number): string => 's'): Promise<void> {
  const writer = new LedgerWriter(where.archive, () => undefined);
  for (const [index, text] of messages.entries()) {
    const incoming = await takeBody(where, piecesOf(text));
    await writer.add({
      source: sourceOf(index),
      folder: 'INBOX',
      uidValidity: 1,
      uid: index + 1,
      uidl: null,
      cursor: index + 1,
      reason: null,
      internalDateMs: null,
      announcedBytes: null,
      acceptedAtMs: 0,
      body: await incoming.keep(),
    });
  }
  await writer.close();
}

async function* piecesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function inFolder(run: (where: Layout) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-deriver-'));
  const where = layout(folder);
  mkdirSync(where.incoming, { recursive: true });
  try {
    await run(where);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each message's number, problem, and how many entries of the full text say `word` for it. */
function written(where: Layout, word: string): { readonly message: number; readonly problem: string | null; readonly entries: number }[] {
  const index = new DatabaseSync(where.index);
  index.exec("create virtual table temp.entry using fts5vocab(main, words_1, 'instance')");
  const blocks = index.prepare('select packed from detail').all();
  const entries = index.prepare('select count(*) as entries from temp.entry where doc = ? and term = ?');
  const rows = index.prepare('select message from record order by message').all();
  const found = rows.map(({ message }) => {
    const seq = Number(message);
    const records = blocks.flatMap(({ packed }) => unpack(packed, seq) ?? []);
    assert.equal(records.length, 1, `records of message ${seq}`);
    return { message: seq, problem: records[0]?.problem ?? null, entries: Number(entries.get(seq, word)?.['entries']) };
  });
  index.close();
  return found;
}

async function derive(where: Layout, last: number, limits = {}): Promise<void> {
  const deriver = new Deriver(where, { limits: { ...deriverLimits, ...limits } });
  deriver.follow(last);
  try {
    await deriver.caughtUp();
  } finally {
    await deriver.close();
  }
}

const plain = (subject: string): string => `Subject: ${subject}\r\n\r\nword\r\n`;

test('a message that a thread dies of is noted as unreadable, found by its headers, and everything else is derived once', async () => {
  await inFolder(async (where) => {
    const messages = Array.from({ length: 250 }, (_, index) => plain(`n ${index}`));
    messages[123] = `Subject: heavy word\r\n\r\n${'--\n'.repeat(2_500_000)}`;
    await ledgerOf(where, messages);
    await derive(where, 250, { threadHeapMb: 24 });
    const rows = written(where, 'word');
    assert.deepEqual(
      rows.filter((row) => row.problem !== null),
      [{ message: 124, problem: 'the parser did not come to an end with it', entries: 2 }],
    );
    assert.deepEqual(
      rows.map((row) => row.message),
      messages.map((_, index) => index + 1),
    );
    assert.ok(rows.every((row) => row.message === 124 || row.entries === 1));
  });
});

test('a message that a parser does not come to an end with is given up after its time, and nothing else is', async () => {
  await inFolder(async (where) => {
    const endless = `Subject: endless\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n${'<a href='.repeat(200_000)}\r\n--b\r\n\r\nx\r\n--b--`;
    await ledgerOf(where, [plain('before'), endless, plain('after')]);
    await derive(where, 3, { rangeTimeoutMs: 3_000, messageTimeoutMs: 3_000 });
    assert.deepEqual(
      written(where, 'word').map((row) => row.problem),
      [null, 'the parser did not come to an end with it', null],
    );
  });
});

test('a thread that ends whatever it is given stops the deriving, which is told', async () => {
  await inFolder(async (where) => {
    await ledgerOf(where, [plain('one')]);
    // No thread begins within a millisecond.
    const limits = { rangeTimeoutMs: 1, messageTimeoutMs: 1 };
    await assert.rejects(derive(where, 1, limits), (error) => isFault(error, 'archive.deriving-stopped'));
  });
});

test('what stopped the deriving and passes is told while it lasts; then it goes on by itself, and no message is blamed for it', async () => {
  await inFolder(async (where) => {
    await ledgerOf(where, [plain('one'), plain('two')]);
    // A machine on which nothing comes to an end, until it has time again.
    let timeoutMs = 1;
    const limits: DeriverLimits = {
      ...deriverLimits,
      retryFirstMs: 200,
      get rangeTimeoutMs() {
        return timeoutMs;
      },
      get messageTimeoutMs() {
        return timeoutMs;
      },
    };
    const deriver = new Deriver(where, { limits });
    try {
      deriver.follow(2);
      await assert.rejects(deriver.caughtUp(), (error) => isFault(error, 'archive.deriving-stopped'));
      timeoutMs = deriverLimits.rangeTimeoutMs;
      while (deriver.watermark < 2) {
        assert.ok(await deriver.retried());
        await deriver.caughtUp().catch((error) => assert.ok(isFault(error, 'archive.deriving-stopped')));
      }
      assert.equal(deriver.failure, undefined);
    } finally {
      await deriver.close();
    }
    assert.deepEqual(
      written(where, 'word').map(({ problem, entries }) => [problem, entries]),
      [
        [null, 1],
        [null, 1],
      ],
    );
  });
});

test('an index that was made beside the old one takes its place at the next start where a crash kept it from that', async () => {
  await inFolder(async (where) => {
    await ledgerOf(where, [plain('one word'), plain('two word')]);
    await derive(where, 2);
    renameSync(where.index, nextIndexFile(where));
    for (const suffix of ['-wal', '-shm']) writeFileSync(`${where.index}${suffix}`, 'of the index that is gone');
    const following = new FollowingIndex(where, {});
    following.start();
    following.follow(2);
    await following.caughtUp();
    await following.close();
    assert.equal(existsSync(nextIndexFile(where)), false);
    assert.deepEqual(
      written(where, 'word').map(({ entries }) => entries),
      [3, 3], // as a subject, as a header field, and as the text
    );
  });
});

test('an index that is to be made again can be closed before the old one has caught up', async () => {
  await inFolder(async (where) => {
    await ledgerOf(where, [plain('one')]);
    await derive(where, 1);
    const following = new FollowingIndex(where, { s: { ...plainProfile, nameOrder: 'last-first' } });
    following.start();
    following.follow(1_000_000);
    await following.close();
    assert.equal(existsSync(where.index), true);
  });
});

test('a range that stands already is not written again, whether the watermark has passed it or not', async () => {
  await inFolder(async (where) => {
    await ledgerOf(
      where,
      Array.from({ length: 9 }, (_, index) => plain(`n ${index}`)),
    );
    openIndex(where.index).close();
    const thread = new Worker(new URL('./derive-thread.ts', import.meta.url), {
      workerData: { layout: where, index: where.index, profiles: {} },
    });
    const derived = async (first: number, last: number): Promise<unknown> => {
      thread.postMessage({ first, last, skip: false });
      return (await once(thread, 'message'))[0];
    };
    // The second of each is what the deriver does when a thread ended between its commit and its answer.
    assert.deepEqual(await derived(4, 6), { kind: 'done', watermark: 0 });
    assert.deepEqual(await derived(4, 6), { kind: 'done', watermark: 0 });
    assert.deepEqual(await derived(5, 5), { kind: 'done', watermark: 0 });
    assert.deepEqual(await derived(1, 3), { kind: 'done', watermark: 6 });
    assert.deepEqual(await derived(1, 3), { kind: 'done', watermark: 6 });
    assert.deepEqual(await derived(6, 6), { kind: 'done', watermark: 6 });
    assert.deepEqual(await derived(8, 9), { kind: 'done', watermark: 6 });
    await thread.terminate();
    // And a new deriver goes round what was done ahead.
    await derive(where, 9);
    assert.deepEqual(
      written(where, 'word'),
      Array.from({ length: 9 }, (_, index) => ({ message: index + 1, problem: null, entries: 1 })),
    );
  });
});

test('an index that was made from another ledger is made again', async () => {
  await inFolder(async (where) => {
    await ledgerOf(where, [plain('old word'), plain('old'), plain('old')]);
    await derive(where, 3);
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${where.archive}${suffix}`, { force: true });
    await ledgerOf(where, [plain('new'), plain('new word')]);
    await derive(where, 2);
    assert.deepEqual(
      written(where, 'old').map((row) => row.entries),
      [0, 0],
    );
    assert.deepEqual(
      written(where, 'new').map((row) => row.entries),
      [2, 2], // as a subject and as a header field
    );
  });
});

test('who waits for an index that is closed is told so, and so is who gives up', async () => {
  await inFolder(async (where) => {
    await ledgerOf(where, [plain('one')]);
    const deriver = new Deriver(where);
    deriver.follow(1_000_000);
    const giveUp = new AbortController();
    const givenUp = assert.rejects(deriver.caughtUp(undefined, giveUp.signal), /enough/);
    giveUp.abort(new Error('enough'));
    await givenUp;
    const waiting = assert.rejects(deriver.caughtUp(), /the index was closed/);
    await deriver.close();
    await waiting;
  });
});

test('a damaged index is told as what it is', async () => {
  await inFolder(async (where) => {
    await ledgerOf(where, [plain('one')]);
    await derive(where, 1);
    const index = new DatabaseSync(where.index);
    index.exec('drop table record');
    index.close();
    assert.throws(
      () => new Deriver(where),
      (error) => isFault(error, 'archive.index-damaged'),
    );
  });
});

test('a thread that has nothing to do is ended, and what comes then is derived by another one', async () => {
  await inFolder(async (where) => {
    await ledgerOf(where, [plain('one'), plain('two'), plain('three')]);
    const deriver = new Deriver(where, { limits: { ...deriverLimits, threads: 1, idleMs: 0 } });
    try {
      for (const last of [1, 2, 3]) {
        const started = once(process, 'worker');
        deriver.follow(last);
        const [worker] = await started;
        const ended = once(worker, 'exit', { signal: AbortSignal.timeout(20_000) });
        await deriver.caughtUp();
        await ended;
      }
    } finally {
      await deriver.close();
    }
    assert.deepEqual(
      written(where, 'word').map(({ message, entries }) => [message, entries]),
      [
        [1, 1],
        [2, 1],
        [3, 1],
      ],
    );
  });
});

test('what comes while a thread is being ended waits for the next one', async () => {
  await inFolder(async (where) => {
    const count = 30;
    await ledgerOf(
      where,
      Array.from({ length: count }, (_, index) => plain(String(index))),
    );
    const deriver = new Deriver(where, { limits: { ...deriverLimits, idleMs: 0 } });
    try {
      for (let last = 1; last <= count; last += 1) {
        deriver.follow(last);
        await deriver.caughtUp(undefined, AbortSignal.timeout(20_000));
        // Now before the thread is told to end, now while it does, now after.
        for (let turn = (last * 173) % 1_000; turn > 0; turn -= 1) await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      await deriver.close();
    }
    assert.equal(written(where, 'word').filter(({ entries }) => entries === 1).length, count);
  });
});

test('a thread needs no more memory for many sources than for one', async () => {
  const messages = Array.from({ length: 400 }, (_, index) => plain(String(index)));
  const outsideOfHeap = async (sourceOf: (index: number) => string): Promise<number> => {
    let bytes = 0;
    await inFolder(async (where) => {
      await ledgerOf(where, messages, sourceOf);
      const deriver = new Deriver(where, { limits: { ...deriverLimits, threads: 1 } });
      try {
        const started = once(process, 'worker');
        deriver.follow(messages.length);
        const [worker] = await started;
        await deriver.caughtUp();
        bytes = (await worker.getHeapStatistics()).external_memory;
      } finally {
        await deriver.close();
      }
    });
    return bytes;
  };
  const one = await outsideOfHeap(() => 's');
  const many = await outsideOfHeap((index) => `s${index}`);
  assert.ok(many - one < 6_000_000, `${many} bytes for many sources, ${one} for one`);
});

/** The archive with its reading on threads: the same answers, each within a bound of time, while the rest of the process goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Archive } from '../../src/archive/archive.ts';
import { readQuery } from '../../src/archive/query.ts';
import { type ReadingLimits, withReadingThreads } from '../../src/archive/sqlite/reading-threads.ts';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { put, readAll, sha256, temporaryFolder } from './archive-suite.ts';
import { captured } from './captured.ts';

const limits: ReadingLimits = { threads: 1, givenUp: 1, ms: 20_000 };

async function withArchives(act: (plain: Archive, threaded: Archive) => Promise<void>, more: Partial<ReadingLimits> = {}): Promise<void> {
  using folder = temporaryFolder();
  const plain = await openArchive(folder.path, systemClock);
  const threaded = withReadingThreads(plain, folder.path, { ...limits, ...more });
  try {
    await act(plain, threaded);
  } finally {
    await threaded.close();
  }
}

const mails = [
  ...Array.from({ length: 230 }, (_, index) =>
    captured({ id: `i${index}`, thread: 'th', text: `word${index} all`, date: new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString() }),
  ),
  captured({ id: 'file', text: 'with a file', file: ['a.pdf', '%PDF-1.7'] }),
];

test('threads answer what the archive itself answers', async () => {
  await withArchives(async (plain, threaded) => {
    for (const [index, text] of mails.entries()) await put(plain, index + 1, text);
    await plain.derived();
    const query = readQuery('all');
    assert.deepEqual(await threaded.search(query, 20), await plain.search(query, 20));
    assert.deepEqual(await threaded.facets(query), await plain.facets(query));
    assert.deepEqual(await threaded.conversation('th', { limit: 10 }), await plain.conversation('th', { limit: 10 }));
    const last = sha256(mails.at(-1) ?? '');
    assert.equal(await threaded.text(last), await plain.text(last));
    assert.equal(await threaded.hasHtml(last), false);
    assert.deepEqual(await threaded.html(last), await plain.html(last));
    assert.deepEqual(await threaded.stats(), await plain.stats());
    const [here, there] = [await plain.attachment(last, 0), await threaded.attachment(last, 0)];
    assert.deepEqual([there.name, there.type, there.bytes], [here.name, here.type, here.bytes]);
    const matches: string[] = [];
    for await (const message of threaded.matches(query)) matches.push(message.sha256);
    assert.deepEqual(matches, mails.slice(0, 230).map(sha256));
    assert.equal((await readAll(threaded, last)).toString(), mails.at(-1));
    await assert.rejects(threaded.conversation('nothing'), (error) => isFault(error, 'archive.unknown-conversation'));
    await assert.rejects(threaded.attachment(last, 1), (error) => isFault(error, 'archive.unknown-attachment'));
  });
});

test('a question that takes too long is given up, and that is told', async () => {
  await withArchives(
    async (plain, threaded) => {
      await put(plain, 1, mails[0] ?? '');
      await plain.derived();
      await assert.rejects(threaded.search(readQuery('all'), 20), (error) => isFault(error, 'archive.query-too-slow'));
    },
    { ms: 1 },
  );
});

test('what a page is made of waits behind slow searches instead of failing by them', async () => {
  await withArchives(
    async (plain, threaded) => {
      await put(plain, 1, mails[0] ?? '');
      await plain.derived();
      // The threads have begun by then: their start is not what is waited for.
      await threaded.stats();
      // As many as it takes until some of them fail: how many that is depends on the machine.
      for (let [atOnce, hasFailed] = [3_000, false]; !hasFailed; atOnce *= 2) {
        const searches = Array.from({ length: atOnce }, () => threaded.search(readQuery('all'), 20));
        const text = threaded.text(sha256(mails[0] ?? ''));
        hasFailed = (await Promise.allSettled(searches)).some(({ status }) => status === 'rejected');
        assert.equal(await text, await plain.text(sha256(mails[0] ?? '')));
      }
    },
    // Long enough that a thread which takes the place of one that was given up has begun by then, also on a busy machine.
    { ms: 2_000 },
  );
});

test('questions that wait when nobody wants their answer any more are not asked', async () => {
  await withArchives(async (plain, threaded) => {
    await put(plain, 1, mails[0] ?? '');
    await plain.derived();
    const gone = new AbortController();
    const first = threaded.search(readQuery('all'), 20);
    const others = Array.from({ length: 50 }, () => threaded.search(readQuery('all'), 20, { signal: gone.signal }));
    gone.abort(new Error('gone'));
    for (const one of await Promise.allSettled(others)) assert.equal(one.status, 'rejected');
    assert.equal((await first).hits.length, 1);
    await assert.rejects(threaded.search(readQuery('all'), 20, { signal: gone.signal }), /gone/);
  });
});

test('an archive that is closed while it is asked says so', async () => {
  await withArchives(async (plain, threaded) => {
    await put(plain, 1, mails[0] ?? '');
    const asked = assert.rejects(threaded.search(readQuery('all'), 20), /closed|ended/);
    await threaded.close();
    await asked;
    await assert.rejects(threaded.search(readQuery('all'), 20), /closed/);
  });
});

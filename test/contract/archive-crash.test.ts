/** What was told as durable is there after a kill; what was half-way is not, and nothing is derived twice or never. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { readQuery } from '../../src/archive/query.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { put, temporaryFolder } from './archive-suite.ts';

const deadlineMs = 60_000;

/** Starts the child and hands out its lines. */
function child(...words: readonly string[]): { readonly process: ChildProcess; readonly lines: AsyncIterable<string> } {
  const script = join(import.meta.dirname, 'archive-child.ts');
  const started = spawn(process.execPath, [script, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
  });
  return { process: started, lines: createInterface({ input: started.stdout }) };
}

async function kill(started: ChildProcess): Promise<void> {
  const ended = once(started, 'exit');
  started.kill('SIGKILL');
  await ended;
}

/** Lets the child run until `isEnough`, kills it, and returns every line that it got out. */
async function killedAfter(words: readonly string[], isEnough: (line: string) => boolean): Promise<string[]> {
  const { process: started, lines } = child(...words);
  const told: string[] = [];
  let killing: Promise<void> | undefined;
  for await (const line of lines) {
    told.push(line);
    if (killing === undefined && isEnough(line)) killing = kill(started);
  }
  assert.ok(killing, 'the child ended by itself');
  await killing;
  return told;
}

test('a message whose receipt was given is there when the process is killed in the next moment', async () => {
  for (const moment of [1, 50, 137]) {
    using folder = temporaryFolder();
    let seen = 0;
    const told = await killedAfter(['accept', folder.path, '3000'], (line) => line.startsWith('durable') && ++seen === moment);
    const durable = told.filter((line) => line.startsWith('durable')).map((line) => line.slice(8));
    assert.ok(durable.length >= moment);
    const reader = openArchiveReader(folder.path);
    for (const id of durable) assert.equal((await reader.message(id)).occurrences.length, 1);
    const report = await reader.verify();
    assert.deepEqual(report.findings, []);
    assert.ok(report.rows >= durable.length);
    await reader.close();
  }
});

test('killed while deriving, an archive goes on where the watermark stands: nothing skipped, nothing twice', async () => {
  // Deriving runs beside the import from its first message on.
  for (const moment of [400, 900, 1_400, 1_501, 1_502]) {
    using folder = temporaryFolder();
    let seen = 0;
    await killedAfter(['accept', folder.path, '1500'], (line) => /^(durable|derived|complete)/.test(line) && ++seen === moment);
    const archive = await openArchive(folder.path, systemClock);
    await archive.derived();
    const { messages, lag } = await archive.stats();
    assert.equal(lag, 0);
    assert.ok(messages >= Math.min(moment, 1_500));
    assert.equal((await archive.search(readQuery('word'), 2_000)).hits.length, messages);
    await archive.close();
    assert.deepEqual(timesWritten(folder.path), { messages, entries: messages });
  }
});

test('a step on a server that was told as noted is there when the process is killed in the next moment', async () => {
  for (const moment of [1, 60, 250]) {
    using folder = temporaryFolder();
    let seen = 0;
    const told = await killedAfter(['complete', folder.path, '400'], (line) => /^(asked|done) /.test(line) && ++seen === moment);
    const reader = openArchiveReader(folder.path);
    const noted = new Set<string>();
    for await (const { phase, uid } of reader.completions({ source: 's' })) noted.add(`${phase} ${uid}`);
    const steps = told.filter((line) => /^(asked|done) /.test(line));
    assert.ok(steps.length >= moment);
    assert.deepEqual(
      steps.filter((line) => !noted.has(line)),
      [],
    );
    const report = await reader.verify();
    assert.deepEqual([report.findings, report.completions.rows], [[], noted.size]);
    await reader.close();
  }
});

/** How many messages say `word`, and how often. */
function timesWritten(folder: string): { readonly messages: number; readonly entries: number } {
  const index = new DatabaseSync(join(folder, 'archive', 'index.sqlite'));
  index.exec("create virtual table temp.entry using fts5vocab(main, words_1, 'instance')");
  const row = index.prepare("select count(distinct doc) as messages, count(*) as entries from temp.entry where term = 'word'").get();
  index.close();
  return { messages: Number(row?.messages), entries: Number(row?.entries) };
}

test('an archive that another process writes to is refused, can be read, and is free when that process is killed', async () => {
  using folder = temporaryFolder();
  const first = await openArchive(folder.path, systemClock);
  await put(first, 1, 'a message');
  await assert.rejects(openArchive(folder.path, systemClock), (error) => isFault(error, 'archive.in-use'));
  await first.close();

  const { process: holder, lines } = child('hold', folder.path);
  for await (const line of lines) {
    assert.equal(line, 'open');
    break;
  }
  await assert.rejects(
    openArchive(folder.path, systemClock),
    (error) => isFault(error, 'archive.in-use') && error.evidence.pid === holder.pid,
  );
  const reader = openArchiveReader(folder.path);
  assert.equal((await reader.stats()).messages, 1);
  assert.deepEqual((await reader.verify()).findings, []);
  await reader.close();
  await kill(holder);
  const second = await openArchive(folder.path, systemClock);
  await put(second, 2, 'another');
  await second.close();
});

test('an archive opened twice in one process keeps its lock', async () => {
  using folder = temporaryFolder();
  const first = await openArchive(folder.path, systemClock);
  await assert.rejects(openArchive(folder.path, systemClock), (error) => isFault(error, 'archive.in-use'));
  const { lines } = child('hold', folder.path);
  const told: string[] = [];
  for await (const line of lines) told.push(line);
  assert.match(told.join(), /^refused archive.in-use/); // the attempt in this process has not given the lock back
  await first.close();
  await first.close();
});

test('what a crash cut off half-way is cleared away by the next writer', async () => {
  using folder = temporaryFolder();
  await killedAfter(['accept', folder.path, '3000'], (line) => line.startsWith('durable'));
  const archive = await openArchive(folder.path, systemClock);
  assert.ok(existsSync(join(folder.path, 'archive', 'bodies')));
  assert.deepEqual((await archive.verify()).findings, []);
  await archive.close();
  assert.ok(readFileSync(join(folder.path, 'archive', 'writer.json'), 'utf8').includes(String(process.pid)));
});

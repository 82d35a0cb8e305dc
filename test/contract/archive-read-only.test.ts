/**
 * A copy where nothing may be written (an auditor's disc, another user's folder) is read, searched and proven like any other.
 *
 * Root may write everywhere, so the reading is done by a process that gives its rights up.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { mail, noise, put, temporaryFolder } from './archive-suite.ts';

const deadlineMs = 60_000;

/** Makes an archive of three messages and lets `prepare` change a copy of it; returns what a reader without the right to write tells of that. */
async function readOnly(prepare: (copied: string) => void): Promise<unknown> {
  using folder = temporaryFolder();
  const original = join(folder.path, 'original');
  const copy = join(folder.path, 'a copy #1, 100 % \u00e4?&');
  const archive = await openArchive(original, systemClock);
  await put(archive, 1, mail('one', 'word'));
  await put(archive, 2, mail('two', 'word'));
  await put(archive, 3, noise(300_000));
  await archive.derived();
  await archive.close();
  cpSync(original, copy, { recursive: true });
  prepare(join(copy, 'archive'));
  const folders = setRights(copy, 0o555, 0o444);
  chmodSync(folder.path, 0o755);
  try {
    const script = join(import.meta.dirname, 'archive-child.ts');
    return JSON.parse(execFileSync(process.execPath, [script, 'read', copy, 'word'], { encoding: 'utf8', timeout: deadlineMs }));
  } finally {
    for (const one of folders) chmodSync(one, 0o755);
  }
}

/** Returns the folders. */
function setRights(folder: string, folderMode: number, fileMode: number): string[] {
  const folders = [folder];
  for (const one of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(one.parentPath, one.name);
    if (one.isDirectory()) folders.push(path);
    else chmodSync(path, fileMode);
  }
  for (const one of folders.toReversed()) chmodSync(one, folderMode);
  return folders;
}

function withoutRights(name: string, run: () => Promise<void>): void {
  test(name, { skip: process.getuid === undefined ? 'skipped: this system has no user ids' : false }, run);
}

withoutRights('an archive on a place where nothing may be written is read, searched and proven', async () => {
  assert.deepEqual(await readOnly(() => undefined), { messages: 3, hits: 2, findings: [] });
});

withoutRights('the empty log that a reader leaves is no hindrance, nor is an index that is not there', async () => {
  assert.deepEqual(
    await readOnly((copied) => {
      for (const name of ['archive.sqlite-wal', 'index.sqlite-wal']) writeFileSync(join(copied, name), '');
    }),
    { messages: 3, hits: 2, findings: [] },
  );
  assert.deepEqual(await readOnly((copied) => rmSync(join(copied, 'index.sqlite'))), { messages: 3, hits: 0, findings: [] });
});

withoutRights(
  'a log that holds something is not passed over: such a copy is refused, or its index where it is that of the index',
  async () => {
    const begun = Buffer.alloc(32, 1);
    assert.equal(await readOnly((copied) => writeFileSync(join(copied, 'archive.sqlite-wal'), begun)), 'archive.read-failed');
    assert.deepEqual(await readOnly((copied) => writeFileSync(join(copied, 'index.sqlite-wal'), begun)), {
      messages: 3,
      hits: 'archive.read-failed',
      findings: [],
    });
  },
);

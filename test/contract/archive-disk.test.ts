/**
 * A disk that runs full stops the archive without losing what was durable, and it goes on when there is room again.
 *
 * Needs a disk of a few megabytes of its own, which only root may mount: elsewhere these tests say that they were skipped.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { noise, put, sha256, temporaryFolder } from './archive-suite.ts';

/** Runs on a disk of `megabytes`, or skips. */
async function onSmallDisk(context: TestContext, megabytes: number, run: (folder: string) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'postern-test', folder.path], { stdio: 'ignore', timeout: 60_000 });
  } catch {
    context.skip('skipped: no small disk (mount tmpfs)');
    return;
  }
  try {
    await run(folder.path);
  } finally {
    execFileSync('umount', ['-l', folder.path], { timeout: 60_000 });
  }
}

/** Takes messages in until the disk is full; returns those that were told as durable. */
async function fill(folder: string, bytes: number): Promise<{ readonly durable: string[]; readonly fault: unknown }> {
  const archive = await openArchive(folder, systemClock);
  const durable: string[] = [];
  try {
    for (let uid = 1; ; uid += 1) {
      const body = noise(bytes, uid);
      assert.deepEqual(await put(archive, uid, body), { state: 'archived', sha256: sha256(body) });
      durable.push(sha256(body));
    }
  } catch (fault) {
    await assert.rejects(async () => {
      for (let uid = 1_000; uid < 1_100; uid += 1) await put(archive, uid, noise(bytes, uid));
    });
    return { durable, fault };
  } finally {
    await archive.close();
  }
}

for (const [what, bytes, megabytes] of [
  ['small messages', 100_000, 6],
  ['messages with files of their own', 900_000, 8],
] as const) {
  test(`a full disk stops an archive of ${what}, nothing durable is lost, and with room it goes on`, async (context) => {
    await onSmallDisk(context, megabytes, async (folder) => {
      const ballast = join(folder, 'ballast');
      writeFileSync(ballast, Buffer.alloc(1_500_000));
      const { durable, fault } = await fill(folder, bytes);
      assert.ok(isFault(fault, 'archive.disk-full'), String(fault));
      assert.ok(durable.length > 2);

      rmSync(ballast);
      const archive = await openArchive(folder, systemClock);
      const report = await archive.verify();
      assert.deepEqual([report.findings, report.rows], [[], durable.length]);
      for (const id of durable) assert.equal((await archive.message(id)).occurrences.length, 1);
      const next = noise(bytes, durable.length + 1);
      assert.equal((await put(archive, durable.length + 1, next)).state, 'archived');
      assert.deepEqual((await archive.verify()).findings, []);
      await archive.close();
    });
  });
}

test('a disk too full to begin with is told as that', async (context) => {
  await onSmallDisk(context, 1, async (folder) => {
    try {
      writeFileSync(join(folder, 'ballast'), Buffer.alloc(2_000_000));
    } catch {
      // As full as it gets.
    }
    await assert.rejects(openArchive(folder, systemClock), (error) => isFault(error, 'archive.disk-full'));
  });
});

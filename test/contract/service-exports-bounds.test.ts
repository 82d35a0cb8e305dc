/** What exports may take of the machine, however many are asked for: so many at once, and none of the room that the import needs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import { type ExportJob, exportJob, exportList } from '../../src/service/api/message.ts';
import { mail, noise, put } from './archive-suite.ts';
import { type Asker, type ServicePlace, startServicePlace } from './service-place.ts';

let place: ServicePlace;
let auditor: Asker;
before(async () => {
  place = await startServicePlace();
  auditor = await place.as('auditor');
  await Promise.all(
    Array.from({ length: 400 }, (_, index) => put(place.parts.archive, index + 1, mail(`one ${index}`, noise(3_000).toString('base64')))),
  );
  await place.parts.archive.derived();
});
after(() => place.close());

const wish = { q: '', format: 'eml', reason: 'a test' };
const folder = (): string => join(place.folder, 'data', 'exports');
const unfinished = (): number => (existsSync(folder()) ? readdirSync(folder()) : []).filter((name) => name.endsWith('.unfinished')).length;

async function over(id: string): Promise<ExportJob> {
  for (const began = performance.now(); performance.now() - began < 60_000; await systemClock.sleep(20)) {
    const job = (await auditor('GET', `/exports/${id}`)).as(exportJob);
    if (job.state !== 'running') return job;
  }
  throw new Error('the export did not end');
}

test('forty that are asked for at the same moment are counted one by one', { timeout: 240_000 }, async () => {
  const answers = await Promise.all(Array.from({ length: 40 }, () => auditor('POST', '/exports', wish)));
  const taken = answers.filter(({ status }) => status === 200).map((answer) => answer.as(exportJob));
  const ended = (await auditor('GET', '/exports')).as(exportList).exports.filter(({ state }) => state !== 'running').length;
  assert.ok(taken.length >= 12 && taken.length - ended <= 12, `${taken.length} were taken, of which ${ended} have ended`);
  let most = 0;
  let isOver = false;
  const looking = (async () => {
    for (; !isOver; await systemClock.sleep(2)) most = Math.max(most, unfinished());
  })();
  // Those that leave the queue give nobody a turn that they did not have.
  for (const { id } of taken.slice(2, 7)) assert.equal((await auditor('DELETE', `/exports/${id}`)).status, 204);
  const left = await Promise.all([...taken.slice(0, 2), ...taken.slice(7)].map(({ id }) => over(id)));
  isOver = true;
  await looking;
  assert.deepEqual(new Set(left.map(({ state }) => state)), new Set(['done']));
  assert.ok(most <= 2, `${most} were made at once`);
});

test('where the disk is nearly full no export takes what is left of it from the import', async (context) => {
  mkdirSync(folder(), { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'postern-test', folder()], { stdio: 'ignore', timeout: 60_000 });
  } catch {
    context.skip('skipped: no small disk (mount tmpfs)');
    return;
  }
  try {
    writeFileSync(join(folder(), 'in-the-way'), Buffer.alloc(Math.ceil(7.7 * 1024 * 1024)));
    const { id } = (await auditor('POST', '/exports', { ...wish, q: 'subject:"one 7"' })).as(exportJob);
    const { state, fault } = await over(id);
    assert.deepEqual([state, fault?.code, fault?.evidence['error']], ['failed', 'export.unwritable', 'ENOSPC']);
    assert.deepEqual(readdirSync(folder()), ['in-the-way']);
  } finally {
    execFileSync('umount', ['-l', folder()], { timeout: 60_000 });
  }
});

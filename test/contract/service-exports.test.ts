/** Exports of a running service: what they leave, who may remove them, and what a full disk, a lost body and a restart do to them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startSandbox } from '../../sandbox/src/place.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { failure } from '../../src/service/api/leaf.ts';
import { type ExportJob, exportJob, exportList } from '../../src/service/api/message.ts';
import { madeApiToken } from '../../src/service/api/session.ts';
import { mail, noise, put, sha256 } from './archive-suite.ts';
import { type Asker, type ServicePlace, startServicePlace } from './service-place.ts';
import { entriesOf } from './zip-entries.ts';

let place: ServicePlace;
before(async () => {
  place = await startServicePlace();
});
after(() => place.close());

let uid = 0;
async function kept(to: ServicePlace, ...mails: readonly (string | Buffer)[]): Promise<readonly string[]> {
  const settled = await Promise.all(
    mails.map((one) => {
      uid += 1;
      return put(to.parts.archive, uid, one);
    }),
  );
  await to.parts.archive.derived();
  return settled.map((one) => one.sha256 ?? '');
}

async function exported(ask: Asker, q: string, format = 'eml'): Promise<ExportJob> {
  const { id } = (await ask('POST', '/exports', { q, format, reason: 'a test' })).as(exportJob);
  return await over(ask, id);
}

async function over(ask: Asker, id: string): Promise<ExportJob> {
  for (const began = performance.now(); performance.now() - began < 60_000; await systemClock.sleep(20)) {
    const job = (await ask('GET', `/exports/${id}`)).as(exportJob);
    if (job.state !== 'running') return job;
  }
  throw new Error('the export did not end');
}

async function zipOf(from: ServicePlace, id: string): Promise<ReadonlyMap<string, Buffer>> {
  const name = `t${id.slice(0, 8)}${Math.trunc(performance.now())}`;
  const { token } = (await from.admin('POST', '/tokens', { name, role: 'auditor', expiresInDays: null })).as(madeApiToken);
  const answer = await fetch(`${from.url}/api/v1/exports/${id}/file`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  return entriesOf(Buffer.from(await answer.arrayBuffer()));
}

test('an mbox has every message in it, as its manifest says, and large messages are whole', async () => {
  const large = Buffer.concat([Buffer.from('Subject: mboxone large\r\n\r\n'), Buffer.from(noise(700_000).toString('base64'))]);
  const mails = [mail('mboxone a', 'From here\r\n>From there'), mail('mboxone b', 'words'), large];
  await kept(place, ...mails);
  const job = await exported(place.admin, 'mboxone', 'mbox');
  assert.deepEqual([job.state, job.messages, job.damaged], ['done', 3, 0], JSON.stringify(job.fault));
  const entries = await zipOf(place, job.id);
  assert.deepEqual([...entries.keys()].sort(), ['manifest.jsonl', 'messages.mbox']);
  const mbox = String(entries.get('messages.mbox'));
  assert.equal(mbox.split(/^From MAILER-DAEMON /m).length - 1, 3);
  assert.ok(mbox.includes('\n>From here') && mbox.includes('\n>>From there') && mbox.includes(large.toString().slice(-200)));
});

test('a message whose bytes are gone has a line in the manifest, and is the fault of an export that goes on', async () => {
  const large = Buffer.concat([Buffer.from('Subject: vanishing large\r\n\r\n'), Buffer.from(noise(600_000, 5).toString('base64'))]);
  const [gone = '', there = ''] = await kept(place, large, mail('vanishing small', 'words'));
  rmSync(join(place.folder, 'data', 'archive', 'bodies', gone.slice(0, 2), gone));
  const job = await exported(place.admin, 'vanishing');
  assert.deepEqual([job.state, job.messages, job.damaged, job.fault?.code], ['done', 1, 1, 'archive.body-missing']);
  const entries = await zipOf(place, job.id);
  const lines = String(entries.get('manifest.jsonl'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    new Map(lines.map((line) => [line.sha256, [line.file, line.fault]])),
    new Map([
      [gone, [null, 'archive.body-missing']],
      [there, [`${there}.eml`, undefined]],
    ]),
  );
});

test('an export wants a reason and a query that can be read', async () => {
  for (const body of [
    { q: '', format: 'eml', reason: '  ' },
    { q: '', format: 'zip', reason: 'a reason' },
    { q: '', format: 'eml' },
  ]) {
    assert.equal((await place.admin('POST', '/exports', body)).status, 400);
  }
  const answer = await place.admin('POST', '/exports', { q: 'fron:eva', format: 'eml', reason: 'a reason' });
  assert.equal(answer.status, 400);
  assert.equal(answer.as(failure).fault.code, 'archive.query-unreadable');
});

test('an export is removed by who asked for it or an administrator, and by nobody else; then it is unknown', async () => {
  await kept(place, mail('removed one', 'words'));
  const [auditor, other] = [await place.as('auditor'), await place.as('auditor')];
  const job = await exported(auditor, 'removed');
  const refused = await other('DELETE', `/exports/${job.id}`);
  assert.deepEqual([refused.status, refused.as(failure).fault.code], [403, 'service.not-allowed']);
  assert.ok((await auditor('DELETE', `/exports/${job.id}`)).status < 300);
  for (const path of ['', '/file']) {
    const unknown = await auditor('GET', `/exports/${job.id}${path}`);
    assert.deepEqual([unknown.status, unknown.as(failure).fault.code], [404, 'export.unknown']);
  }
  assert.equal(
    readdirSync(join(place.folder, 'data', 'exports')).some((name) => name.startsWith(job.id)),
    false,
  );
  const second = await exported(auditor, 'removed');
  assert.ok((await place.admin('DELETE', `/exports/${second.id}`)).status < 300);
  assert.equal((await place.nobody('GET', '/exports')).status, 401);
  for (const wrong of ['..%2f..%2fjournal.sqlite', 'x', `${'0'.repeat(31)}G`]) {
    const answer = await auditor('GET', `/exports/${wrong}/file`);
    assert.ok(answer.status === 400 || answer.status === 404, `${wrong}: ${answer.status}`);
  }
});

test('more exports than are made at once wait, those beyond a bound are refused, and one that is removed stops', {
  timeout: 240_000,
}, async () => {
  await kept(place, ...Array.from({ length: 600 }, (_, index) => mail(`queued ${index}`, noise(3_000, index).toString('base64'))));
  const started: ExportJob[] = [];
  let refused: string | undefined;
  for (let index = 0; index < 40 && refused === undefined; index += 1) {
    const answer = await place.admin('POST', '/exports', { q: 'queued', format: 'eml', reason: 'a test' });
    if (answer.status === 429) refused = answer.as(failure).fault.code;
    else started.push(answer.as(exportJob));
  }
  assert.equal(refused, 'export.too-many');
  const waiting = started.at(-1)?.id ?? '';
  const early = await place.admin('GET', `/exports/${waiting}/file`);
  assert.deepEqual([early.status, early.as(failure).fault.code], [409, 'export.not-done']);
  for (const { id } of started.slice(2)) assert.ok((await place.admin('DELETE', `/exports/${id}`)).status < 300);
  for (const { id } of started.slice(0, 2)) assert.equal((await over(place.admin, id)).messages, 600);
  const left = (await place.admin('GET', '/exports')).as(exportList).exports;
  assert.equal(left.filter(({ state }) => state === 'running').length, 0);
});

test('a full disk is the fault of the export, and nothing of it stays', async (context) => {
  const exports = join(place.folder, 'data', 'exports');
  mkdirSync(exports, { recursive: true });
  await kept(place, ...Array.from({ length: 30 }, (_, index) => mail(`filling ${index}`, noise(60_000, index).toString('base64'))));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'postern-test', exports], { stdio: 'ignore', timeout: 60_000 });
  } catch {
    context.skip('skipped: no small disk (mount tmpfs)');
    return;
  }
  try {
    for (const format of ['eml', 'mbox']) {
      const job = await exported(place.admin, 'filling', format);
      assert.deepEqual([job.state, job.fault?.code, job.fault?.evidence['error']], ['failed', 'export.unwritable', 'ENOSPC']);
      assert.deepEqual(readdirSync(exports), []);
    }
  } finally {
    execFileSync('umount', ['-l', exports], { timeout: 60_000 });
  }
});

test('a restart keeps what is whole, and removes what is half-made, foreign to it or too old', { timeout: 240_000 }, async () => {
  const sandbox = await startSandbox({ withoutSeed: true });
  const folder = mkdtempSync(join(tmpdir(), 'postern-exports-'));
  const first = await startServicePlace({ sandbox, folder });
  await kept(first, mail('kept', 'words'));
  const [whole, old] = [await exported(first.admin, 'kept'), await exported(first.admin, 'kept')];
  await first.close({ keep: true });
  const exports = join(folder, 'data', 'exports');
  const note = JSON.parse(readFileSync(join(exports, `${old.id}.json`), 'utf8'));
  writeFileSync(join(exports, `${old.id}.json`), JSON.stringify({ ...note, expires: '2020-01-01T00:00:00.000Z' }));
  const half = 'a'.repeat(32);
  for (const name of [`${half}.unfinished`, `${half}.unfinished.manifest`, `${'b'.repeat(32)}.zip`, `${'c'.repeat(32)}.json`]) {
    writeFileSync(join(exports, name), '{}');
  }
  const second = await startServicePlace({ sandbox, folder });
  try {
    const { exports: jobs } = (await second.admin('GET', '/exports')).as(exportList);
    assert.deepEqual(jobs, [{ ...whole, by: jobs[0]?.by }]);
    assert.deepEqual(readdirSync(exports).sort(), [`${whole.id}.json`, `${whole.id}.zip`]);
    assert.equal(sha256((await zipOf(second, whole.id)).get('manifest.jsonl') ?? ''), whole.manifest);
  } finally {
    await second.close();
    await sandbox.close();
  }
  assert.equal(existsSync(folder), false);
});

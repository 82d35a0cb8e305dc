/** Places that cannot be used, and readers that take nothing: what the commands say of them, and how they end. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { binary, postern } from './postern.ts';

let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-odd-'));
  writeFileSync(
    join(folder, 'postern.yaml'),
    `tenants:
  contoso:
    tenantId: contoso.test
    credential: { secret: { file: ./secret } }
    setup: { mailboxes: [a@contoso.test] }
sources:
  one: { tenant: contoso, mailbox: a@contoso.test }
`,
  );
  await (await openArchive(join(folder, 'postern-data'), systemClock, {})).close();
  writeFileSync(join(folder, 'file'), '');
  writeFileSync(join(folder, 'under-a-file.yaml'), `data: ./file/data\n`);
});
after(() => rmSync(folder, { recursive: true }));

test('the archive is read, proven, indexed and copied though the app is gone, or not made yet', async () => {
  for (const words of [['stats'], ['verify'], ['search', 'x'], ['reindex'], ['backup', 'copy'], ['export', '--format', 'eml', 'out']]) {
    const { code, talk } = await postern(['archive', ...words], { cwd: folder });
    assert.equal(code, 0, `${words[0]}: ${talk}`);
  }
  const { code, talk } = await postern(['check'], { cwd: folder });
  assert.equal(code, 2);
  assert.match(talk, /setup apply` has not made the app yet/);
});

test('a data folder that cannot be made is told by the service with the system’s word', async () => {
  const { code, talk } = await postern(['serve', '--config', 'under-a-file.yaml'], { cwd: folder });
  assert.equal(code, 1, talk);
  assert.match(talk, /archive\.write-failed[\s\S]*ENOTDIR/);
});

test('a backup whose folder cannot be written to is told with the system’s word', async () => {
  mkdirSync(join(folder, 'blocked/archive/writer.json'), { recursive: true });
  const { code, talk } = await postern(['archive', 'backup', 'blocked'], { cwd: folder });
  assert.equal(code, 1, talk);
  assert.match(talk, /archive\.write-failed[\s\S]*EISDIR/);
});

test('a result that cannot be written is no success, however short it is', {
  skip: !existsSync('/dev/full') && 'no /dev/full here',
}, () => {
  for (const words of [['--version'], ['config', 'sample'], ['archive', 'stats']]) {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(binary, words, {
      cwd: folder,
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(status, 1, words.join(' '));
    assert.match(stderr, /The result cannot be written: ENOSPC/);
  }
});

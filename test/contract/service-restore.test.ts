/**
 * A backup of a service, restored: what was made in the console is there again, what was stopped stays stopped, and nobody gets in by it who
 * was out before.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { backUpDataFolder } from '../../src/archive/sqlite/backup-folder.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { sourceDetail, sourceList } from '../../src/service/api/source.ts';
import { draftFor } from './service-draft.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';

let folder: string;
let sandbox: Sandbox;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-restore-'));
  sandbox = await startSandbox({ withoutSeed: true });
});
after(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

const target = (): string => join(folder, 'backup');

async function backUp(place: ServicePlace): Promise<readonly string[]> {
  const { signal } = new AbortController();
  const wish = { dataFolder: join(place.folder, 'data'), target: target(), withKey: true, verify: true, now: new Date(), signal };
  return (await backUpDataFolder(wish)).others;
}

/** The backup as the data folder of another service. */
async function restored(name: string): Promise<ServicePlace> {
  const place = join(folder, name);
  cpSync(target(), join(place, 'data'), { recursive: true });
  return await startServicePlace({ sandbox, folder: place });
}

test('sources of the console come back with their secrets, a paused one paused, a deleted one not; sessions of before open nothing', async () => {
  const first = await startServicePlace({ sandbox });
  try {
    for (const name of ['stays', 'paused', 'goes']) {
      const made = await first.admin('POST', '/sources', draftFor(sandbox, { name, mailbox: first.mailbox(`${name}@contoso.test`) }));
      assert.equal(made.status, 200, made.text);
    }
    assert.equal((await first.admin('POST', '/sources/paused/actions', { action: 'pause' })).status, 200);
    const word = new Secret('correct horse battery staple');
    await first.parts.accounts.addUser({ name: 'ann', role: 'auditor', password: word, mustChangePassword: false });
    const login = await first.parts.accounts.logIn('ann', word, '192.0.2.1');
    assert.ok(login.outcome === 'in');
    const others = await backUp(first);
    for (const name of ['sources/stays.json', 'sources/goes.json', 'paused.json', 'accounts.sqlite', 'secrets.key']) {
      assert.ok(others.includes(name), `${name} is not in the backup: ${others.join(', ')}`);
    }
    assert.equal((await first.admin('DELETE', '/sources/goes?confirm=goes')).status, 204);
    await backUp(first);
    assert.equal(existsSync(join(target(), 'sources', 'goes.json')), false, 'what was deleted leaves the backup too');

    const second = await restored('second');
    try {
      const { sources } = (await second.admin('GET', '/sources')).as(sourceList);
      assert.deepEqual(
        sources.map(({ name, paused }) => [name, paused]),
        [
          ['paused', true],
          ['stays', false],
        ],
      );
      second.deliver('stays@contoso.test', 'Subject: one\r\n\r\nhello\r\n');
      await second.card('stays', ({ messages }) => messages > 0);
      assert.equal((await second.admin('GET', '/sources/stays')).as(sourceDetail).secretKept, true);
      assert.ok(await first.parts.accounts.session(login.cookie));
      assert.equal(await second.parts.accounts.session(login.cookie), undefined, 'whoever was logged in logs in anew');
      assert.equal((await second.parts.accounts.logIn('ann', word, '192.0.2.1')).outcome, 'in');
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
});

/** Proving the access log, which takes long, while many ask for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAccounts } from '../../src/accounts/sqlite-accounts.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { temporaryFolder } from './archive-suite.ts';

test('a hundred who want the log proven at once get one proof, and whoever asks later one of the log as it is then', async () => {
  using folder = temporaryFolder();
  const accounts = openAccounts(folder.path, { clock: systemClock });
  const line = {
    who: 'ann',
    role: 'auditor',
    address: '192.0.2.1',
    action: 'message.view',
    object: 'x',
    outcome: 'done',
    detail: '',
  } as const;
  for (let index = 0; index < 10; index += 1) await accounts.note(line);
  const [first, ...others] = await Promise.all(Array.from({ length: 100 }, () => accounts.verifyLog()));
  for (const other of others) assert.equal(other, first, 'each proof of a long log takes its time from the import');
  await accounts.note(line);
  assert.deepEqual([first?.lines, (await accounts.verifyLog()).lines], [10, 11]);
  await accounts.close();
});

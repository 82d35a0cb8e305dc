/** `postern user`: the users of the console from the machine itself, by the whole binary. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { openAccounts } from '../../src/accounts/sqlite-accounts.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { postern, type Ran } from './postern.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-user-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'postern.yaml'), 'data: ./data\n');

function user(...words: string[]): Promise<Ran> {
  return postern(['user', ...words], { cwd: folder });
}

/** What the printed password opens. */
async function login(name: string, password: string): Promise<string> {
  const accounts = openAccounts(join(folder, 'data'), { clock: systemClock });
  try {
    const done = await accounts.logIn(name, new Secret(password), '127.0.0.1');
    return done.outcome === 'in' ? `in, ${done.session.role}${done.session.mustChangePassword ? ', has to change' : ''}` : done.outcome;
  } finally {
    await accounts.close();
  }
}

test('the users of a folder without any are none, and looking makes no file', async () => {
  const { code, out } = await user('list');
  assert.deepEqual([code, out], [0, 'No users yet: `postern serve` makes the first one.\n']);
  assert.deepEqual(readdirSync(folder), ['postern.yaml']);
});

test('a user is made with a password that is printed once, opens the console and has to be changed', async () => {
  const { code, out, talk } = await user('add', 'ann', '--role', 'administrator');
  assert.equal(code, 0);
  assert.match(out, /^[a-z2-9]{5}(-[a-z2-9]{5}){4}\n$/);
  assert.match(talk, /^Password of ann, shown this once/);
  assert.equal(await login('ann', out.trim()), 'in, administrator, has to change');
  assert.match((await user('list')).out, /^ann +administrator +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d +has to change the password$/m);
});

test('whoever is not said to be more is an auditor; a name is given once', async () => {
  const { out } = await user('add', 'bob', '--json');
  const { user: name, password } = Object(JSON.parse(out));
  assert.deepEqual([name, await login('bob', String(password))], ['bob', 'in, auditor, has to change']);
  const again = await user('add', 'bob');
  assert.deepEqual([again.code, again.out], [1, '']);
  assert.match(again.talk, /^accounts\.user-exists: /);
});

test('a forgotten password is replaced, and the old one opens nothing', async () => {
  const { out: first } = await user('add', 'eve');
  const { code, out } = await user('password', 'eve');
  assert.equal(code, 0);
  assert.deepEqual([await login('eve', first.trim()), await login('eve', out.trim())], ['refused', 'in, auditor, has to change']);
});

test('a user who was disabled is let in again by name', async () => {
  await user('add', 'dan');
  const accounts = openAccounts(join(folder, 'data'), { clock: systemClock });
  await accounts.changeUser('dan', { disabled: true });
  await accounts.close();
  assert.equal(await login('dan', (await user('password', 'dan')).out.trim()), 'refused');
  assert.equal(await login('dan', (await user('password', 'dan', '--enable')).out.trim()), 'in, auditor, has to change');
});

test('wrong words are wrong use', async () => {
  for (const words of [['add'], ['add', 'Ann'], ['add', 'a', 'b'], ['add', 'x', '--role', 'king'], ['password', '../x'], ['list', 'x']]) {
    assert.equal((await user(...words)).code, 2, words.join(' '));
  }
  const unknown = await user('password', 'nobody');
  assert.deepEqual([unknown.code, /^accounts\.user-unknown: /.test(unknown.talk)], [1, true]);
});

test('each of these acts stands in the access log, which is proven, and a line that was changed is found', async () => {
  const proven = await user('log');
  assert.equal(proven.code, 0);
  assert.match(proven.out, /^\d+ lines proven, up to line \d+ with [0-9a-f]{64}\.\n$/);
  const db = new DatabaseSync(join(folder, 'data/accounts.sqlite'));
  const lines = db.prepare('select who, action, object from log order by id').all();
  assert.ok(lines.every((line) => /^cli:\w+$/.test(String(line['who']))));
  assert.deepEqual(
    lines.slice(0, 2).map((line) => [line['action'], line['object']]),
    [
      ['user.add', 'ann'],
      ['user.add', 'bob'],
    ],
  );
  const trigger = String(db.prepare("select sql from sqlite_schema where name = 'log_stays'").get()?.['sql']);
  db.exec(`drop trigger log_stays; update log set object = 'somebody' where id = 2; ${trigger}`);
  db.close();
  const found = await user('log');
  assert.deepEqual([found.code, found.out], [3, 'Line 2 is not as it was written, or was taken away.\n']);
});

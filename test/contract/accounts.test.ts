/** The accounts on a real file: users, sessions, tokens, the access log; what time, damage, a full disk and other processes do to them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { AccessNote, Accounts } from '../../src/accounts/accounts.ts';
import { firstAdministrator, newPassword } from '../../src/accounts/first-administrator.ts';
import { openAccounts } from '../../src/accounts/sqlite-accounts.ts';
import { isFault } from '../../src/fault/fault.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { temporaryFolder } from './archive-suite.ts';
import { type MovedClock, movedClock } from './watch-place.ts';

const cost = { logN: 4, r: 8, p: 1 };
const word = new Secret('correct horse battery staple');
const here = '192.0.2.1';
const hour = 3_600_000;

interface Opened {
  readonly accounts: Accounts;
  readonly folder: string;
  readonly clock: MovedClock;
}

async function withAccounts(act: (opened: Opened) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const clock = movedClock();
  const accounts = openAccounts(folder.path, { clock, cost });
  try {
    await act({ accounts, folder: folder.path, clock });
  } finally {
    await accounts.close();
  }
}

function promise(name: string, act: (opened: Opened) => Promise<void>): void {
  test(name, () => withAccounts(act));
}

async function addUser(accounts: Accounts, name: string, role: 'administrator' | 'operator' | 'auditor' = 'administrator'): Promise<void> {
  assert.equal(await accounts.addUser({ name, role, password: word, mustChangePassword: false }), true);
}

async function loggedIn(accounts: Accounts, name: string, password = word): Promise<{ readonly cookie: Secret; readonly id: string }> {
  const done = await accounts.logIn(name, password, here);
  assert.equal(done.outcome, 'in');
  return done.outcome === 'in' ? { cookie: done.cookie, id: done.session.id } : assert.fail();
}

function note(action: string, more: Partial<AccessNote> = {}): AccessNote {
  return { who: 'ann', role: 'auditor', address: here, action, object: '', outcome: 'done', detail: '', ...more };
}

promise('whoever reads the file finds no password, no cookie, no token and no csrf token in it', async ({ accounts, folder }) => {
  await addUser(accounts, 'ann');
  const { cookie } = await loggedIn(accounts, 'ann');
  const session = await accounts.session(cookie);
  const { token } = await accounts.addToken({ name: 'backup', role: 'auditor', createdBy: 'ann', expires: undefined });
  await accounts.close();
  const bytes = Buffer.concat(readdirSync(folder).map((file) => readFileSync(join(folder, file))));
  for (const secret of [word, cookie, token, new Secret(session?.csrf ?? '')]) {
    const text = secret.reveal();
    assert.ok(text.length > 20);
    assert.equal(bytes.includes(text), false);
    assert.equal(bytes.includes(Buffer.from(text.replace(/^pst_/, ''), 'base64url')), false);
  }
});

promise('the file and its companions are for their owner alone', async ({ accounts, folder }) => {
  await addUser(accounts, 'ann');
  for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
});

promise('a wrong password, a name that nobody has and a disabled user are refused alike', async ({ accounts }) => {
  await addUser(accounts, 'ann');
  await addUser(accounts, 'bob');
  await accounts.changeUser('bob', { disabled: true });
  assert.deepEqual(await accounts.logIn('ann', new Secret('no'), here), { outcome: 'refused', isKnown: true });
  assert.deepEqual(await accounts.logIn('eve', word, here), { outcome: 'refused', isKnown: false });
  assert.deepEqual(await accounts.logIn('bob', word, here), { outcome: 'refused', isKnown: true });
  assert.deepEqual(await accounts.logIn('ann\0', word, here), { outcome: 'refused', isKnown: false });
});

promise('a session ends when it was not used for eight hours, and after a day however busy', async ({ accounts, clock }) => {
  await addUser(accounts, 'ann');
  const idle = await loggedIn(accounts, 'ann');
  clock.pass(8 * hour - 60_000);
  assert.equal(await accounts.isOpen(idle.id), true);
  assert.notEqual(await accounts.session(idle.cookie), undefined);
  clock.pass(8 * hour);
  assert.equal(await accounts.isOpen(idle.id), false);
  assert.equal(await accounts.session(idle.cookie), undefined);

  const busy = await loggedIn(accounts, 'ann');
  for (let round = 0; round < 23; round += 1) {
    clock.pass(hour);
    assert.notEqual(await accounts.session(busy.cookie), undefined, `after ${round + 1} hours`);
  }
  clock.pass(hour);
  assert.equal(await accounts.session(busy.cookie), undefined);
});

promise('looking whether a session is open does not keep it open', async ({ accounts, clock }) => {
  await addUser(accounts, 'ann');
  const { id, cookie } = await loggedIn(accounts, 'ann');
  for (let round = 0; round < 8; round += 1) {
    assert.equal(await accounts.isOpen(id), true);
    clock.pass(hour);
  }
  assert.equal(await accounts.session(cookie), undefined);
});

promise('each login has a new cookie, id and csrf token, and the old one knows nothing of the new', async ({ accounts }) => {
  await addUser(accounts, 'ann');
  const [one, other] = [await loggedIn(accounts, 'ann'), await loggedIn(accounts, 'ann')];
  assert.notEqual(one.cookie.reveal(), other.cookie.reveal());
  assert.notEqual(one.id, other.id);
  const csrfs = [await accounts.session(one.cookie), await accounts.session(other.cookie)].map((session) => session?.csrf);
  assert.equal(new Set(csrfs).size, 2);
});

for (const [what, change] of [
  ['role', { role: 'auditor' }],
  ['password', { password: new Secret('another long sentence') }],
  ['right to log in', { disabled: true }],
] as const) {
  promise(`a change of the ${what} ends the user’s sessions, and those of nobody else`, async ({ accounts }) => {
    await addUser(accounts, 'ann');
    await addUser(accounts, 'bob');
    const [ann, bob] = [await loggedIn(accounts, 'ann'), await loggedIn(accounts, 'bob')];
    const heard: string[] = [];
    const stop = accounts.onEnd((id) => heard.push(id));
    assert.equal(await accounts.changeUser('ann', change), true);
    assert.equal(await accounts.session(ann.cookie), undefined);
    assert.notEqual(await accounts.session(bob.cookie), undefined);
    assert.deepEqual(heard, [ann.id]);
    stop();
    await accounts.endSession(bob.id);
    assert.deepEqual(heard, [ann.id]);
  });
}

promise('a change that changes nothing ends no session', async ({ accounts }) => {
  await addUser(accounts, 'ann');
  const { cookie } = await loggedIn(accounts, 'ann');
  assert.equal(await accounts.changeUser('ann', { role: 'administrator', disabled: false }), true);
  assert.notEqual(await accounts.session(cookie), undefined);
  assert.equal(await accounts.changeUser('nobody', { disabled: true }), false);
});

promise('who changes the own password stays in, and all the other sessions end', async ({ accounts }) => {
  await addUser(accounts, 'ann');
  const [here1, there] = [await loggedIn(accounts, 'ann'), await loggedIn(accounts, 'ann')];
  const next = new Secret('another long sentence');
  assert.deepEqual(await accounts.changePassword(here1.id, new Secret('wrong'), next, here), { outcome: 'refused' });
  assert.deepEqual(await accounts.changePassword(here1.id, word, next, here), { outcome: 'done' });
  assert.notEqual(await accounts.session(here1.cookie), undefined);
  assert.equal(await accounts.session(there.cookie), undefined);
  assert.equal((await accounts.logIn('ann', word, here)).outcome, 'refused');
  assert.equal((await accounts.logIn('ann', next, here)).outcome, 'in');
});

promise('the same password again, a short one and one that is guessed first are refused by name', async ({ accounts }) => {
  await addUser(accounts, 'ann');
  const { id } = await loggedIn(accounts, 'ann');
  for (const next of [word, new Secret('short'), new Secret('password1234')]) {
    await assert.rejects(accounts.changePassword(id, word, next, here), (error) => isFault(error, 'accounts.password-unfit'));
  }
  await assert.rejects(
    accounts.addUser({ name: 'bob', role: 'auditor', password: new Secret('bobbobbobbob'), mustChangePassword: true }),
    (error) => isFault(error, 'accounts.password-unfit'),
  );
});

promise('the last administrator who may log in stays one', async ({ accounts }) => {
  await addUser(accounts, 'ann');
  await addUser(accounts, 'bob', 'operator');
  const isLast = (error: unknown): boolean => isFault(error, 'accounts.last-administrator');
  await assert.rejects(accounts.changeUser('ann', { role: 'auditor' }), isLast);
  await assert.rejects(accounts.changeUser('ann', { disabled: true }), isLast);
  await assert.rejects(accounts.removeUser('ann'), isLast);
  assert.deepEqual(
    (await accounts.users()).map(({ name, role, disabled }) => [name, role, disabled]),
    [
      ['ann', 'administrator', false],
      ['bob', 'operator', false],
    ],
  );
  await accounts.changeUser('bob', { role: 'administrator' });
  assert.equal(await accounts.removeUser('ann'), true);
  assert.equal(await accounts.removeUser('ann'), false);
});

promise(
  'a user’s sessions and API tokens go with the user; a token is nothing while its maker is no administrator',
  async ({ accounts }) => {
    await addUser(accounts, 'ann');
    await addUser(accounts, 'bob');
    const { cookie } = await loggedIn(accounts, 'ann');
    const { token, made } = await accounts.addToken({ name: 'backup', role: 'auditor', createdBy: 'ann', expires: undefined });
    assert.equal((await accounts.token(token))?.role, 'auditor');
    await accounts.changeUser('ann', { role: 'operator' });
    assert.deepEqual([await accounts.token(token), await accounts.isOpen(made.id)], [undefined, false]);
    await accounts.changeUser('ann', { role: 'administrator' });
    assert.equal(await accounts.isOpen(made.id), true);
    await accounts.removeUser('ann');
    assert.deepEqual([await accounts.token(token), await accounts.session(cookie), await accounts.tokens()], [undefined, undefined, []]);
  },
);

promise('an API token is found by scanners, ends when it says so, and at once when it is revoked', async ({ accounts, clock }) => {
  await addUser(accounts, 'ann');
  const expires = new Date(clock.now() + hour);
  const { token, made } = await accounts.addToken({ name: 'backup', role: 'operator', createdBy: 'ann', expires });
  assert.match(token.reveal(), /^pst_[\w-]{43}$/);
  assert.notEqual((await accounts.token(token))?.name, undefined);
  assert.notEqual((await accounts.tokens())[0]?.lastUsed, undefined);
  clock.pass(hour);
  assert.deepEqual([await accounts.token(token), await accounts.isOpen(made.id)], [undefined, false]);
  const other = await accounts.addToken({ name: 'other', role: 'operator', createdBy: 'ann', expires: undefined });
  assert.equal(await accounts.removeToken(other.made.id), true);
  assert.deepEqual([await accounts.token(other.token), await accounts.removeToken(other.made.id)], [undefined, false]);
  assert.equal(await accounts.token(new Secret('pst_nothing')), undefined);
});

promise('wrong passwords are slowed down, the right one too then, and it heals by itself', async ({ accounts, clock }) => {
  await addUser(accounts, 'ann');
  const seen: string[] = [];
  for (let round = 0; round < 8; round += 1) seen.push((await accounts.logIn('ann', new Secret(`wrong ${round}`), here)).outcome);
  assert.deepEqual(seen, [...Array.from({ length: 5 }, () => 'refused'), ...Array.from({ length: 3 }, () => 'wait')]);
  const [user] = await accounts.users();
  assert.ok((user?.lockedUntil?.getTime() ?? 0) > clock.now());
  assert.equal((await accounts.logIn('ann', word, here)).outcome, 'wait');
  clock.pass((user?.lockedUntil?.getTime() ?? 0) - clock.now() + 1);
  assert.equal((await accounts.logIn('ann', word, here)).outcome, 'in');
  assert.equal((await accounts.users())[0]?.lockedUntil, undefined);
});

promise('names that nobody has are slowed down like others, so the brake does not tell which there are', async ({ accounts }) => {
  await addUser(accounts, 'ann');
  const outcomes = async (name: string, address: string): Promise<string[]> => {
    const seen: string[] = [];
    for (let round = 0; round < 8; round += 1) seen.push((await accounts.logIn(name, new Secret('wrong'), address)).outcome);
    return seen;
  };
  assert.deepEqual(await outcomes('ann', '192.0.2.1'), await outcomes('nobody', '192.0.2.2'));
});

promise('a new password from an administrator or the machine ends a lock', async ({ accounts }) => {
  await addUser(accounts, 'ann');
  for (let round = 0; round < 6; round += 1) await accounts.logIn('ann', new Secret('wrong'), here);
  const given = await newPassword(accounts, 'ann');
  assert.ok(given !== undefined);
  const done = await accounts.logIn('ann', given, here);
  assert.equal(done.outcome === 'in' && done.session.mustChangePassword, true);
  assert.equal(await newPassword(accounts, 'nobody'), undefined);
});

promise('the first administrator is made once, with a password that is no default and has to be changed', async ({ accounts }) => {
  const first = await firstAdministrator(accounts);
  assert.match(first?.password.reveal() ?? '', /^[a-z2-9]{5}(-[a-z2-9]{5}){4}$/);
  assert.equal(await firstAdministrator(accounts), undefined);
  const done = await accounts.logIn(first?.user ?? '', first?.password ?? new Secret(''), here);
  assert.equal(done.outcome === 'in' && done.session.mustChangePassword, true);
});

test('a hash of an older, cheaper setting is made anew at the next login', async () => {
  using folder = temporaryFolder();
  const clock = movedClock();
  const before = openAccounts(folder.path, { clock, cost });
  await addUser(before, 'ann');
  await before.close();
  const hashOf = (): string => {
    const db = new DatabaseSync(join(folder.path, 'accounts.sqlite'));
    const hash = String(db.prepare('select hash from user').get()?.['hash']);
    db.close();
    return hash;
  };
  const cheap = hashOf();
  const after = openAccounts(folder.path, { clock, cost: { logN: 6, r: 8, p: 1 } });
  assert.equal((await after.logIn('ann', new Secret('wrong'), here)).outcome, 'refused');
  assert.equal(hashOf(), cheap);
  await loggedIn(after, 'ann');
  assert.match(hashOf(), /^\$scrypt\$ln=6,/);
  await loggedIn(after, 'ann');
  await after.close();
});

promise('a user has a bounded number of sessions: the oldest ends', async ({ accounts, clock }) => {
  await addUser(accounts, 'ann');
  const first = await loggedIn(accounts, 'ann');
  for (let round = 0; round < 20; round += 1) {
    clock.pass(1_000);
    await loggedIn(accounts, 'ann');
  }
  assert.equal(await accounts.session(first.cookie), undefined);
});

promise('the access log is read newest first, in pages, by who and by action', async ({ accounts }) => {
  for (let index = 1; index <= 25; index += 1)
    await accounts.note(note(index % 5 === 0 ? 'export' : 'message.view', { who: index % 2 === 0 ? 'ann' : 'bob' }));
  const page = await accounts.log({ limit: 10 });
  assert.deepEqual(
    page.map(({ id }) => id),
    [25, 24, 23, 22, 21, 20, 19, 18, 17, 16],
  );
  assert.deepEqual(
    (await accounts.log({ limit: 100, before: 3 })).map(({ id }) => id),
    [2, 1],
  );
  assert.deepEqual(
    (await accounts.log({ limit: 100, who: 'ann', action: 'export' })).map(({ id }) => id),
    [20, 10],
  );
});

promise('what is noted is kept as it was said, and cannot move a terminal’s cursor', async ({ accounts }) => {
  const said = { who: 'token:Büro 1', object: 'subject:"a" 😀 \u202Eevil\u001b[2J\ud800', detail: 'x'.repeat(10_000), role: undefined };
  await accounts.note(note('search', said));
  const [line] = await accounts.log({ limit: 1 });
  assert.deepEqual([line?.who, line?.role, line?.object], ['token:Büro 1', undefined, 'subject:"a" 😀 \ufffdevil\ufffd[2J\ufffd']);
  assert.equal(line?.detail.length, 4_000);
  assert.equal((await accounts.verifyLog()).brokenAt, undefined);
});

promise('a thousand notes at once are all there, in their order, each durable when it is told', async ({ accounts, folder, clock }) => {
  await Promise.all(Array.from({ length: 1_000 }, (_, index) => accounts.note(note('message.view', { object: String(index) }))));
  const reader = openAccounts(folder, { clock, readOnly: true });
  const lines = await reader.log({ limit: 2_000 });
  assert.deepEqual(
    lines.map(({ object }) => Number(object)),
    Array.from({ length: 1_000 }, (_, index) => 999 - index),
  );
  assert.equal((await reader.verifyLog()).brokenAt, undefined);
  await reader.close();
});

for (const [what, tampering, brokenAt] of [
  ['changed', "update log set who = 'somebody else' where id = 20", 20],
  ['taken away', 'delete from log where id = 20', 20],
  ['taken away and the others moved up', 'delete from log where id = 20; update log set id = id - 1 where id > 20', 20],
  ['put in between', "update log set action = 'login' where id = 1", 1],
  ['dated otherwise', 'update log set at = at + 1 where id = 30', 30],
] as const) {
  promise(`a line of the access log that is ${what} by other means is found`, async ({ accounts, folder }) => {
    for (let index = 0; index < 30; index += 1) await accounts.note(note('message.view', { object: String(index) }));
    assert.deepEqual((await accounts.verifyLog()).lines, 30);
    const db = new DatabaseSync(join(folder, 'accounts.sqlite'));
    assert.throws(() => db.exec(tampering), /a line of the access log is not (changed|removed)/);
    db.exec(`drop trigger log_stays; drop trigger log_remains; ${tampering}`);
    db.close();
    assert.equal((await accounts.verifyLog()).brokenAt, brokenAt);
  });
}

promise('lines that are cut off at the end are found by a hash that was kept elsewhere', async ({ accounts, folder }) => {
  for (let index = 0; index < 10; index += 1) await accounts.note(note('message.view'));
  const kept = await accounts.logHead();
  const db = new DatabaseSync(join(folder, 'accounts.sqlite'));
  db.exec('drop trigger log_remains; delete from log where id > 5');
  db.close();
  const { brokenAt, head } = await accounts.verifyLog();
  assert.equal(brokenAt, undefined);
  assert.ok((head?.id ?? 0) < (kept?.id ?? 0));
});

promise('a second process sees what the first one writes, and both can write', async ({ accounts, folder, clock }) => {
  const other = openAccounts(folder, { clock, cost });
  await addUser(accounts, 'ann');
  assert.deepEqual(
    (await other.users()).map(({ name }) => name),
    ['ann'],
  );
  const { cookie, id } = await loggedIn(accounts, 'ann');
  assert.notEqual(await other.session(cookie), undefined);
  await newPassword(other, 'ann');
  assert.deepEqual([await accounts.isOpen(id), await accounts.session(cookie)], [false, undefined]);
  await Promise.all([accounts.note(note('one')), other.note(note('two'))]);
  assert.deepEqual([(await accounts.verifyLog()).lines, (await accounts.verifyLog()).brokenAt], [2, undefined]);
  await other.close();
});

test('reading makes no file, and where there is none everything is empty', async () => {
  using folder = temporaryFolder();
  const accounts = openAccounts(folder.path, { clock: movedClock(), readOnly: true });
  assert.deepEqual([await accounts.users(), await accounts.log({ limit: 1 }), await accounts.logHead()], [[], [], undefined]);
  await assert.rejects(accounts.note(note('x')), (error) => isFault(error, 'accounts.unwritable'));
  await accounts.close();
  assert.deepEqual(readdirSync(folder.path), []);
});

for (const [what, damage] of [
  ['no database', (file: string) => writeFileSync(file, 'this is no database'.repeat(100))],
  [
    'of another program',
    (file: string) => {
      rmSync(file);
      const db = new DatabaseSync(file);
      db.exec('create table other (x)');
      db.close();
    },
  ],
  [
    'damaged in its middle',
    (file: string) => {
      const bytes = readFileSync(file);
      bytes.fill(0xff, 4096, 4096 * 3);
      writeFileSync(file, bytes);
    },
  ],
] as const) {
  test(`a file that is ${what} is told, and never begun anew: it holds the access log`, async () => {
    using folder = temporaryFolder();
    const clock = movedClock();
    const before = openAccounts(folder.path, { clock, cost });
    await addUser(before, 'ann');
    await before.note(note('login'));
    await before.close();
    const file = join(folder.path, 'accounts.sqlite');
    damage(file);
    const bytes = readFileSync(file);
    await assert.rejects(
      async () => {
        const accounts = openAccounts(folder.path, { clock, cost });
        try {
          await accounts.users();
          await accounts.log({ limit: 10 });
          await accounts.note(note('x'));
        } finally {
          await accounts.close();
        }
      },
      (error) => isFault(error, 'accounts.unreadable'),
    );
    assert.deepEqual(readFileSync(file).subarray(0, 4096 * 3), bytes.subarray(0, 4096 * 3));
  });
}

test('a file of a newer version is left alone', async () => {
  using folder = temporaryFolder();
  await openAccounts(folder.path, { clock: movedClock(), cost }).close();
  const db = new DatabaseSync(join(folder.path, 'accounts.sqlite'));
  db.exec('pragma user_version = 99');
  db.close();
  assert.throws(
    () => openAccounts(folder.path, { clock: movedClock(), cost }),
    (error) => isFault(error, 'accounts.newer-format'),
  );
});

test('a folder where nothing may be written is told as that', (context) => {
  if (process.getuid?.() === 0) return context.skip('skipped: root may write everywhere');
  using folder = temporaryFolder();
  chmodSync(folder.path, 0o500);
  assert.throws(
    () => openAccounts(folder.path, { clock: movedClock(), cost }),
    (error) => isFault(error, 'accounts.unwritable'),
  );
});

test('on a full disk nothing is told as noted that is not, whoever is logged in stays it, and with room it goes on', async (context) => {
  using folder = temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'postern-test', folder.path], { stdio: 'ignore', timeout: 60_000 });
  } catch {
    return context.skip('skipped: no small disk (mount tmpfs)');
  }
  try {
    const clock = movedClock();
    const accounts = openAccounts(folder.path, { clock, cost });
    await addUser(accounts, 'ann');
    const { cookie } = await loggedIn(accounts, 'ann');
    writeFileSync(join(folder.path, 'ballast'), Buffer.alloc(1_200_000));
    let noted = 0;
    const isFull = (error: unknown): boolean => isFault(error, 'accounts.unwritable');
    await assert.rejects(async () => {
      for (; noted < 5_000; noted += 1) await accounts.note(note('message.view', { detail: 'x'.repeat(3_000) }));
    }, isFull);
    clock.pass(hour);
    assert.notEqual(await accounts.session(cookie), undefined);
    await assert.rejects(async () => {
      for (let round = 0; round < 100; round += 1) await loggedIn(accounts, 'ann');
    }, isFull);
    rmSync(join(folder.path, 'ballast'));
    await accounts.note(note('after'));
    assert.deepEqual([(await accounts.verifyLog()).lines, (await accounts.verifyLog()).brokenAt], [noted + 1, undefined]);
    await accounts.close();
  } finally {
    execFileSync('umount', ['-l', folder.path], { timeout: 60_000 });
  }
});

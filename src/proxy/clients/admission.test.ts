/** The work that logins cause: one hash for many of one application, none for what cannot be a password, and never more than a few at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HashCost, passwordHashing } from '../../runtime/password-hash.ts';
import { Admissions, clientHashCost } from './admission.ts';
import type { ProxyClient } from './client.ts';
import { makePassword, tagOf } from './client-password.ts';

/** A hash says how dear it is: cheap ones where its cost is not what is tested. */
const cheapCost = { logN: 4, r: 8, p: 1 } as const;

async function someClient(name: string, cost: HashCost = cheapCost): Promise<{ readonly client: ProxyClient; readonly password: Buffer }> {
  const { password, tag } = makePassword(new Set());
  const hash = await passwordHashing(cost).hash(password);
  const client: ProxyClient = { name, tag, hash, mailboxes: ['*'], protocols: ['imap'], networks: [], createdMs: 0 };
  return { client, password: Buffer.from(password.reveal()) };
}

test('sixty logins of one application at once, and all later ones, cost little more than one', async () => {
  const { client, password } = await someClient('crm', clientHashCost);
  const admissions = new Admissions();
  admissions.use([client]);
  const login = (): ReturnType<Admissions['admit']> => admissions.admit({ name: 'box@contoso.test', password }, 'imap', '127.0.0.1');
  // Time of the processor: others on the machine do not lengthen it.
  const once = process.cpuUsage();
  await login();
  const { user, system } = process.cpuUsage(once);
  const onceMs = (user + system) / 1000;
  const fresh = new Admissions();
  fresh.use([client]);
  const burst = process.cpuUsage();
  const all = await Promise.all(Array.from({ length: 60 }, () => fresh.admit({ name: 'box@contoso.test', password }, 'imap', '127.0.0.1')));
  assert.ok(all.every(({ kind }) => kind === 'admitted'));
  const spent = process.cpuUsage(burst);
  assert.ok((spent.user + spent.system) / 1000 < onceMs * 20 + 200, 'sixty took as long as sixty hashes');
});

test('a new password makes the old one wrong at once, also where it was remembered', async () => {
  const { client, password } = await someClient('crm');
  const next = await someClient('crm');
  const admissions = new Admissions();
  admissions.use([client]);
  const attempt = { name: 'crm/box@contoso.test', password };
  assert.equal((await admissions.admit(attempt, 'imap', '127.0.0.1')).kind, 'admitted');
  admissions.use([next.client]);
  assert.equal((await admissions.admit(attempt, 'imap', '127.0.0.1')).kind, 'refused');
});

test('a flood of guesses with the right tag is put off, and does not queue without end', async () => {
  const { client } = await someClient('crm');
  const admissions = new Admissions();
  admissions.use([client]);
  const guess = (number: number): Buffer => Buffer.from(client.tag + String(number).padStart(20, 'a').replaceAll(/[01]/g, 'b'));
  const results = await Promise.all(
    Array.from({ length: 600 }, (_, number) =>
      admissions.admit({ name: 'box@contoso.test', password: guess(number) }, 'imap', '127.0.0.1'),
    ),
  );
  const kinds = results.map(({ kind }) => kind);
  assert.ok(kinds.includes('busy'));
  assert.ok(!kinds.includes('admitted'));
});

test('what cannot be a password of ours has no tag, whatever octets it holds', () => {
  for (const text of ['', 'short', 'x'.repeat(25), `${'a'.repeat(23)}\0`, `${'a'.repeat(23)}\xff`, 'A'.repeat(24)]) {
    assert.equal(tagOf(Buffer.from(text, 'latin1')), undefined);
  }
});

for (const [name, actAs, client] of [
  ['box@contoso.test', '', 'by its tag'],
  ['crm/box@contoso.test', '', 'by its name'],
  ['crm', 'box@contoso.test', 'by who logs in and as whom it acts'],
  ['box@contoso.test', 'box@contoso.test', 'by its tag, where both are the same'],
] as const) {
  test(`a client is known ${client}`, async () => {
    const known = await someClient('crm');
    const admissions = new Admissions();
    admissions.use([known.client]);
    const admission = await admissions.admit({ name, actAs, password: known.password }, 'imap', '127.0.0.1');
    assert.partialDeepStrictEqual(admission, { kind: 'admitted', mailbox: 'box@contoso.test', client: { name: 'crm' } });
  });
}

for (const name of [
  '',
  'box',
  '/box@contoso.test',
  'crm/',
  'crm/box',
  'a b@contoso.test',
  'crm/x/box@contoso.test\n',
  `${'x'.repeat(400)}@contoso.test`,
]) {
  test(`${JSON.stringify(name.slice(0, 30))} is no name to log in with`, async () => {
    const { client, password } = await someClient('crm');
    const admissions = new Admissions();
    admissions.use([client]);
    assert.partialDeepStrictEqual(await admissions.admit({ name, password }, 'imap', '127.0.0.1'), {
      kind: 'refused',
      reason: 'malformed',
    });
  });
}

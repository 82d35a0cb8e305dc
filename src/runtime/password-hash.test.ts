/** Hashes of passwords: what is stored, what fits it, and what a flood of them may cost. */
import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { passwordHashing, recommendedCost, TooManyWaiting } from './password-hash.ts';
import { Secret } from './secret.ts';

const cheap = { logN: 4, r: 8, p: 1 };
const word = new Secret('correct horse battery staple');

test('the right password fits its hash, another one does not, and no two hashes of it are the same', async () => {
  const hashing = passwordHashing(cheap);
  const [one, other] = [await hashing.hash(word), await hashing.hash(word)];
  assert.notEqual(one, other);
  assert.equal(await hashing.check(word, one), 'right');
  assert.equal(await hashing.check(word, other), 'right');
  assert.equal(await hashing.check(new Secret('correct horse battery stapl'), one), 'wrong');
});

test('what is stored is scrypt of RFC 7914 with its parameters, so another program can check it', async () => {
  const [, name, parameters, salt = '', key] = (await passwordHashing(cheap).hash(word)).split('$');
  assert.deepEqual([name, parameters], ['scrypt', 'ln=4,r=8,p=1']);
  const made = scryptSync('correct horse battery staple', Buffer.from(salt, 'base64'), 32, { N: 16, r: 8, p: 1 });
  assert.equal(made.toString('base64').replace(/=+$/, ''), key);
});

test('a hash that was made more cheaply still fits, and says that it is outdated', async () => {
  const stored = await passwordHashing(cheap).hash(word);
  const dearer = passwordHashing({ logN: 5, r: 8, p: 1 });
  assert.equal(await dearer.check(word, stored), 'right-and-outdated');
  assert.equal(await dearer.check(new Secret('no'), stored), 'wrong');
  assert.equal(await passwordHashing(cheap).check(word, await dearer.hash(word)), 'right');
});

test('the recommended cost is not below what OWASP asks for', () => {
  assert.ok(2 ** recommendedCost.logN * recommendedCost.r * recommendedCost.p >= 2 ** 16 * 8 * 2);
});

test('letters that are typed composed or in parts are the same password; bytes are taken as they are', async () => {
  const hashing = passwordHashing(cheap);
  const stored = await hashing.hash(new Secret('pässwörter überall'.normalize('NFC')));
  assert.equal(await hashing.check(new Secret('pässwörter überall'.normalize('NFD')), stored), 'right');
  const bytes = Buffer.from([0, 255, 10, 13, 128]);
  assert.equal(await hashing.check(bytes, await hashing.hash(bytes)), 'right');
});

for (const [what, stored] of [
  ['nothing', ''],
  ['a plain password', 'correct horse battery staple'],
  ['another kind of hash', '$2b$10$abcdefghijklmnopqrstuv'],
  ['more memory than there is', `$scrypt$ln=40,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`],
  ['no rounds', `$scrypt$ln=0,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`],
] as const) {
  test(`a stored text that is ${what} fits no password and costs nothing`, async () => {
    assert.equal(await passwordHashing(cheap).check(word, stored), 'wrong');
  });
}

test('not more than two are computed at once and some wait; whoever comes beyond that is sent away at once', async () => {
  const hashing = passwordHashing({ logN: 10, r: 8, p: 1 });
  const asked = Array.from({ length: 100 }, () => hashing.hash(word));
  const settled = await Promise.allSettled(asked);
  const away = settled.filter((one) => one.status === 'rejected' && one.reason instanceof TooManyWaiting);
  assert.equal(settled.length - away.length, 34);
  assert.equal(away.length, 66);
  assert.equal(await hashing.check(word, await hashing.hash(word)), 'right');
});

test('nothing to check takes as long as something', async () => {
  const hashing = passwordHashing({ logN: 13, r: 8, p: 1 });
  const stored = await hashing.hash(word);
  const timed = async (act: () => Promise<unknown>): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      // Time of the processor: others on the machine do not lengthen it.
      const began = process.cpuUsage();
      await act();
      const { user, system } = process.cpuUsage(began);
      times.push((user + system) / 1000);
    }
    return Math.min(...times);
  };
  const [known, unknown] = [await timed(() => hashing.check(word, stored)), await timed(() => hashing.checkNothing(word))];
  assert.ok(Math.max(known, unknown) / Math.min(known, unknown) < 1.7, `${known} ms and ${unknown} ms`);
});

/** Which passwords are taken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../runtime/secret.ts';
import { passwordObjection } from './password-rule.ts';

const refused: readonly (readonly [user: string, password: string])[] = [
  ['ann', ''],
  ['ann', 'short'],
  ['ann', 'elevenchars'],
  ['ann', 'x'.repeat(201)],
  ['ann', 'aaaaaaaaaaaaaaaa'],
  ['ann', 'abababababababab'],
  ['ann', '            '],
  ['ann', '123456789012'],
  ['ann', 'qwertyuiopasdf'],
  ['ann', 'abcdefghijklmnop'],
  ['ann', 'password1234!'],
  ['ann', 'Password Password'],
  ['ann', 'PosternPostern'],
  ['ann', 'ann ann ann 2026'],
  ['ann.miller@contoso.com', 'ann.miller-2026'],
  ['administrator', 'Administrator1'],
  // Twelve bytes are not twelve signs.
  ['ann', 'ü'.repeat(6)],
];

for (const [user, password] of refused) {
  test(`${JSON.stringify(password.slice(0, 30))} is not taken, and the reason does not repeat it`, () => {
    const objection = passwordObjection(user, new Secret(password));
    assert.equal(typeof objection, 'string');
    if (password.length > 3) assert.ok(!objection?.includes(password));
  });
}

for (const password of [
  'correct horse battery staple',
  'h7kqm-2xw9d-abcde',
  'пароль из слов',
  'a good long sentence',
  '8f3b2c1a9d7e',
  'x'.repeat(3) + 'yz'.repeat(98),
]) {
  test(`${JSON.stringify(password.slice(0, 30))} is taken`, () => assert.equal(passwordObjection('ann', new Secret(password)), undefined));
}

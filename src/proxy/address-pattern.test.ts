/** Patterns of mailbox addresses, as tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { covers } from './address-pattern.ts';

const rows: readonly (readonly [pattern: string, address: string, fits: boolean])[] = [
  ['scan@contoso.com', 'scan@contoso.com', true],
  ['scan@contoso.com', 'scans@contoso.com', false],
  ['scan@contoso.com', 'scan@contoso.com.evil.example', false],
  ['*@contoso.com', 'anybody@contoso.com', true],
  ['*@contoso.com', '@contoso.com', true],
  ['*@contoso.com', 'anybody@mail.contoso.com', false],
  ['*@contoso.com', 'a@b@contoso.com', false],
  ['crm-*@contoso.com', 'crm-eu@contoso.com', true],
  ['crm-*@contoso.com', 'scan@contoso.com', false],
  ['crm-*@contoso.com', 'crm-x@evil.example@contoso.com', false],
  ['*-in@*.contoso.com', 'crm-in@eu.contoso.com', true],
  ['*-in@*.contoso.com', 'crm-in@contoso.com', false],
  ['*', 'anybody@anywhere.example', true],
  ['a*b*c@x.y', 'aXbXbXc@x.y', true],
  ['a*b*c@x.y', 'aXbXbX@x.y', false],
  ['scan?@contoso.com', 'scan1@contoso.com', false],
];

for (const [pattern, address, fits] of rows) {
  test(`the pattern ${pattern} ${fits ? 'covers' : 'does not cover'} ${address}`, () => {
    assert.equal(covers([pattern], address), fits);
  });
}

test('a pattern of many stars takes no time over a long name', () => {
  const began = process.cpuUsage();
  assert.equal(covers([`${'a*'.repeat(100)}b@x.y`], `${'a'.repeat(10_000)}@x.y`), false);
  // Time of the processor: others on the machine do not lengthen it.
  const { user, system } = process.cpuUsage(began);
  assert.ok(user + system < 1_000_000);
});

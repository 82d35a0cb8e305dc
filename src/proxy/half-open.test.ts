/** Whose share of the places a connection takes, and whose wrong passwords count together, where an address is one of very many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attempts } from './attempts.ts';
import { holderOf } from './clients/client.ts';
import { HalfOpen } from './half-open.ts';

test('IPv6 addresses of one /64 belong to one holder, however they are written; IPv4 addresses each to its own', () => {
  for (const address of ['2001:db8::1', '2001:db8:0:0:ffff::', '2001:DB8:0:0:1:2:3:4', '2001:db8::9:9:9:9']) {
    assert.equal(holderOf(address), '2001:db8:0:0::/64', address);
  }
  assert.equal(holderOf('2001:db8:0:1::1'), '2001:db8:0:1::/64');
  assert.equal(holderOf('fe80::1'), 'fe80:0:0:0::/64');
  assert.equal(holderOf('192.0.2.7'), '192.0.2.7');
});

test('a holder of a /64 has one share of the places before the login, and gives back what was taken', () => {
  const places = new HalfOpen(100, 2);
  assert.equal(places.take('2001:db8::1'), undefined);
  assert.equal(places.take('2001:db8::2'), undefined);
  assert.equal(places.take('2001:db8::3'), 'half-open-from-address');
  assert.equal(places.take('2001:db8:0:1::1'), undefined);
  places.give('2001:db8::1');
  assert.equal(places.take('2001:db8::3'), undefined);
});

test('wrong passwords from many addresses of a /64 lock out name and holder together', () => {
  const attempts = new Attempts(() => 0, { failures: 3, lockMs: 1_000 });
  for (let count = 1; count <= 3; count += 1) attempts.failed(`2001:db8::${count}`, 'box@contoso.test');
  assert.notEqual(attempts.look('2001:db8::99', 'box@contoso.test').lockedUntilMs, undefined);
  assert.equal(attempts.look('2001:db8:0:1::99', 'box@contoso.test').lockedUntilMs, undefined);
});

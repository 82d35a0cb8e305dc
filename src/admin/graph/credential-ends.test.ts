import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CredentialEnd, endOf } from './credential-ends.ts';

const nowMs = Date.UTC(2031, 3, 7);
const day = 86_400_000;

function secret(mark: string | undefined, days: number): CredentialEnd {
  return { what: 'client secret', keyId: `${mark} ${days}`, ends: new Date(nowMs + days * day), mark };
}

const mine = { what: 'client secret', mark: 'abc' } as const;

test('the secret in use is the one that begins as the configured one does, not the one that lives longest', () => {
  assert.equal(endOf([secret('xyz', 700), secret('abc', 20)], mine, nowMs)?.keyId, 'abc 20');
  assert.equal(endOf([secret('xyz', 700)], mine, nowMs), undefined);
  assert.equal(endOf([], mine, nowMs), undefined);
});

test('of two that begin alike the one counts that ends first and has not ended: it works', () => {
  const listed = [secret('abc', 90), secret('abc', 20), secret('abc', -5)];
  assert.equal(endOf(listed, mine, nowMs)?.keyId, 'abc 20');
  assert.equal(endOf([secret('abc', -5), secret('abc', -50)], mine, nowMs)?.keyId, 'abc -5');
});

test('a secret without a hint is the one in use only where there is no other', () => {
  assert.equal(endOf([secret(undefined, 30)], mine, nowMs)?.keyId, 'undefined 30');
  assert.equal(endOf([secret(undefined, 30), secret(undefined, 60)], mine, nowMs), undefined);
  assert.equal(endOf([secret('xyz', 30)], mine, nowMs), undefined);
});

test('a certificate is never taken for a secret', () => {
  assert.equal(endOf([{ ...secret('abc', 30), what: 'certificate' }], mine, nowMs), undefined);
});

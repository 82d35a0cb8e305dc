import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../runtime/secret.ts';
import { readClaims } from './claims.ts';

function token(payload: unknown): Secret {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return new Secret(`${part({ alg: 'RS256' })}.${part(payload)}.signature`);
}

test('the claims that explain a refused login are read, others left out', () => {
  const claims = readClaims(
    token({ aud: 'https://outlook.office365.com', oid: 'o', roles: ['IMAP.AccessAsApp', 7], iat: 1, exp: 2, tid: 3, rh: 'x' }),
  );
  assert.deepEqual(claims, { aud: 'https://outlook.office365.com', oid: 'o', roles: ['IMAP.AccessAsApp'], iat: 1, exp: 2 });
});

test('a token without roles has none, which is an answer too', () => {
  assert.equal(readClaims(token({ oid: 'o' }))?.roles, undefined);
});

test('what is no JWT has no claims', () => {
  for (const value of ['', 'opaque', 'a.b.c', 'a.bnVsbA.c']) assert.equal(readClaims(new Secret(value)), undefined);
});

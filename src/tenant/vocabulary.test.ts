import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clouds, tokenEndpoint } from './cloud.ts';
import { isAddress, isDomain, isGuid, isLoopback, isTenantId } from './ids.ts';
import { lookAlikes, protocolPermission } from './permission.ts';

test('a tenant is named by a GUID or a domain, never by a common endpoint or a display name', () => {
  assert.ok(['7d1f0000-0000-4000-8000-00000000aBcD', 'contoso.com', 'contoso.onmicrosoft.com'].every(isTenantId));
  assert.deepEqual(['common', 'organizations', 'consumers', 'Contoso Ltd', 'contoso..com', '-a.com', ''].filter(isTenantId), []);
  assert.ok(!isGuid('7d1f0000-0000-4000-8000-00000000abc') && !isGuid('{7d1f0000-0000-4000-8000-00000000abcd}'));
  assert.ok(!isDomain(`${'a'.repeat(64)}.com`));
});

test('an address has two sides and no control characters', () => {
  assert.ok(isAddress('telemessage@contoso.com'));
  assert.deepEqual(['contoso', 'a b@c.d', 'a@b\u0001auth=Bearer', 'a@b@c', '@b', 'a@'].filter(isAddress), []);
});

test('loopback is this machine and nothing else', () => {
  assert.ok(['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]'].every(isLoopback));
  assert.deepEqual(['localhost.evil.example', '128.0.0.1', '10.0.0.1', '127.0.0.1.evil.example'].filter(isLoopback), []);
});

test('every cloud asks for tokens by https and has all three mail hosts', () => {
  for (const [name, cloud] of Object.entries(clouds)) {
    assert.equal(cloud.name, name);
    assert.equal(new URL(cloud.authority).origin, cloud.authority);
    assert.match(cloud.scope, /^https:\/\/.*\/\.default$/);
    assert.ok(cloud.imap && cloud.pop3 && cloud.smtp);
  }
  assert.equal(
    tokenEndpoint(clouds.global.authority, 'contoso.com').href,
    'https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token',
  );
});

test('permissions are GUIDs by name, each once', () => {
  const all = [...Object.values(protocolPermission), ...lookAlikes];
  assert.ok(all.every(({ id }) => isGuid(id)));
  assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
});

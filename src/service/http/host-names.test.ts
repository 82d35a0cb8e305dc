/** Under which names the console is served. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceAddress } from './address.ts';
import { hostOf, isOurName } from './host-names.ts';

const tls: NonNullable<ServiceAddress['tls']> = {
  pair: () => ({ cert: '', key: '' }),
  fingerprint: '',
  names: ['mail.contoso.com', '*.postern.contoso.com', '192.0.2.5'],
  ends: new Date(0),
  again: () => Promise.reject(new Error('not here')),
};
const address: ServiceAddress = { host: '0.0.0.0', port: 8473, tls, names: ['postern'], proxies: [] };

for (const header of [
  'localhost',
  'localhost:8473',
  '127.0.0.1:8473',
  '[::1]:8473',
  '192.0.2.77',
  'mail.contoso.com',
  'MAIL.contoso.COM:8473',
  'mail.contoso.com.',
  'a.postern.contoso.com',
  'postern:8473',
]) {
  test(`${header} is ours`, () => assert.equal(isOurName(header, address), true));
}

for (const header of [
  undefined,
  '',
  'evil.example',
  'evil.example:8473',
  'localhost.evil.example',
  'mail.contoso.com.evil.example',
  'xmail.contoso.com',
  'a.b.postern.contoso.com',
  'postern.contoso.com',
  'localhost@evil.example',
  'evil.example#localhost',
  '127.0.0.1.evil.example',
  'localhost:abc',
  'localhost\r\nx: y',
]) {
  test(`${JSON.stringify(header)} is not`, () => assert.equal(isOurName(header, address), false));
}

test('a port is no part of a name', () =>
  assert.deepEqual([hostOf('[2001:db8::1]:1'), hostOf('a.example:65535')], ['[2001:db8::1]', 'a.example']));

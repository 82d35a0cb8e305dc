import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { jwtVerify } from 'jose';
import { isFault } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';
import { tokenRequest } from './request.ts';
import type { TokenApp, TokenCredential } from './token.ts';

const nowMs = Date.parse('2026-11-22T12:00:00Z');
const clientId = '66666666-7777-8888-9999-000000000001';
const endpoint = 'https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token';

function app(credential: TokenCredential): TokenApp {
  const scope = 'https://outlook.office365.com/.default';
  return { authority: 'https://login.microsoftonline.com', tenantId: 'contoso.com', clientId, scope, credential, ca: [] };
}

function reference(value: string): { resolve(): Promise<Secret> } {
  return { resolve: async () => new Secret(value) };
}

async function form(credential: TokenCredential): Promise<URLSearchParams> {
  const { body } = await tokenRequest(app(credential), nowMs);
  assert.ok(body instanceof Secret, 'the body carries a secret and must be one');
  return new URLSearchParams(body.reveal());
}

test('a secret is asked with by a form, every sign of it encoded', async () => {
  const question = await tokenRequest(app({ kind: 'secret', secret: reference('a+b/c=d&e%f ~ü') }), nowMs);
  assert.deepEqual([question.method, question.url.href], ['POST', endpoint]);
  assert.equal(question.headers?.['content-type'], 'application/x-www-form-urlencoded');
  assert.ok(question.body instanceof Secret);
  assert.equal(
    question.body.reveal(),
    `grant_type=client_credentials&client_id=${clientId}&scope=https%3A%2F%2Foutlook.office365.com%2F.default&client_secret=a%2Bb%2Fc%3Dd%26e%25f+%7E%C3%BC`,
  );
  assert.doesNotMatch(inspect(question, { depth: 9 }), /client_secret/);
});

/** Tag, length, value. X.690 §8.1. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

/** A self-signed certificate with nothing in it but what must be. RFC 5280 §4.1. */
function certificateFor(keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }, from: string, to: string): string {
  const rsaWithSha256 = der(0x30, Buffer.from('06092a864886f70d01010b0500', 'hex'));
  const name = der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('postern')))));
  const dates = der(0x30, der(0x17, Buffer.from(from)), der(0x17, Buffer.from(to)));
  const spki = keys.publicKey.export({ type: 'spki', format: 'der' });
  const body = der(0x30, der(0x02, Buffer.from([1])), rsaWithSha256, name, dates, name, spki);
  const signed = der(0x30, body, rsaWithSha256, der(0x03, Buffer.from([0]), sign('sha256', body, keys.privateKey)));
  return new X509Certificate(signed).toString();
}

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const keyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const certificate = certificateFor(keys, '260101000000Z', '270101000000Z');

function proof(changes: Partial<Extract<TokenCredential, { kind: 'certificate' }>> = {}): TokenCredential {
  return { kind: 'certificate', certificate, key: reference(keyPem), algorithm: 'PS256', ...changes };
}

function thumbprint(algorithm: string): string {
  return createHash(algorithm).update(new X509Certificate(certificate).raw).digest('base64url');
}

for (const [algorithm, header] of [
  ['PS256', { 'x5t#S256': thumbprint('sha256') }],
  ['RS256', { x5t: thumbprint('sha1') }],
] as const) {
  test(`a certificate is asked with by an assertion signed with ${algorithm}`, async () => {
    const fields = await form(proof({ algorithm }));
    assert.equal(fields.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    assert.equal(fields.get('client_secret'), null);
    const { payload, protectedHeader } = await jwtVerify(fields.get('client_assertion') ?? '', keys.publicKey, {
      currentDate: new Date(nowMs),
    });
    assert.deepEqual(protectedHeader, { alg: algorithm, typ: 'JWT', ...header });
    const { jti, ...claims } = payload;
    assert.match(jti ?? '', /^[0-9a-f-]{36}$/);
    const now = nowMs / 1000;
    assert.deepEqual(claims, { aud: endpoint, iss: clientId, sub: clientId, iat: now, nbf: now, exp: now + 600 });
  });
}

test('two assertions are never the same', async () => {
  const [one, other] = [await form(proof()), await form(proof())];
  assert.notEqual(one.get('client_assertion'), other.get('client_assertion'));
});

test('a key in the older PEM form signs too', async () => {
  const pkcs1 = keys.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  assert.ok((await form(proof({ key: reference(pkcs1) }))).get('client_assertion'));
});

test('a key that cannot sign for the certificate is found before anything is sent', async () => {
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const locked = keys.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
  for (const [pem, seen] of [
    [other, 'the key belongs to another certificate'],
    [curve, 'a key of type ec instead of RSA'],
    [locked, 'the key is locked by a passphrase'],
    ['hunter2', 'the key cannot be read (ERR_OSSL_UNSUPPORTED)'],
  ] as const) {
    await assert.rejects(form(proof({ key: reference(pem) })), (error) => {
      assert.ok(isFault(error, 'token.key-unusable'));
      assert.equal(error.evidence['seen'], seen);
      assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2|PRIVATE/);
      return true;
    });
  }
  await assert.rejects(form(proof({ certificate: 'none' })), (error) => isFault(error, 'token.key-unusable'));
});

test('a certificate outside its dates is found before anything is sent', async () => {
  for (const [from, to] of [
    ['250101000000Z', '260101000000Z'],
    ['270101000000Z', '280101000000Z'],
  ] as const) {
    const expired = certificateFor(keys, from, to);
    await assert.rejects(form(proof({ certificate: expired })), (error) => isFault(error, 'token.certificate-expired'));
  }
});

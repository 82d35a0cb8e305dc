/**
 * Our SMTP client against Debian's Dovecot submission, with tokens signed here: up to the login, for nothing takes mail behind it.
 *
 * Its line of AUTH ends at about 1,000 bytes, which a token with its name passes: the two-line form is what RFC 4954 wants then.
 */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { after, before, test } from 'node:test';
import { SignJWT } from 'jose';
import { isFault } from '../../src/fault/fault.ts';
import type { DialogueLine, MailEndpoint } from '../../src/mail/endpoint.ts';
import { connectSmtp, type SmtpClient } from '../../src/mail/smtp/client.ts';
import type { SmtpOptions } from '../../src/mail/smtp/endpoint.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { selfSignedCertificate } from './places/certificate.ts';
import { type DovecotPlace, startDovecot } from './places/dovecot.ts';
import { unlessDovecot } from './places/peers.ts';

const skip = unlessDovecot('openssl');
const issuer = 'https://sts.windows.net/11111111-1111-1111-1111-111111111111/';

let key: KeyObject;
let withTokens: DovecotPlace;
let withPasswords: DovecotPlace;
let ca: readonly string[] = [];

before(async () => {
  if (skip !== false) return;
  const tls = await selfSignedCertificate();
  ca = [tls.certificatePem];
  key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const publicKeyPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  withTokens = await startDovecot({ tls, signer: { issuer, kid: 'key-1', publicKeyPem }, denied: ['closed@contoso.test'] });
  withPasswords = await startDovecot({ tls, passwords: { 'word@contoso.test': 'pass word' } });
});

after(async () => {
  await withTokens?.close();
  await withPasswords?.close();
});

test('a token logs in after STARTTLS, on two lines', { skip }, async () => {
  const talk: DialogueLine[] = [];
  await using(submission(withTokens), { onDialogue: (line) => talk.push(line) }, async (client) => {
    assert.match(client.capabilities.get('AUTH') ?? '', /XOAUTH2/);
    assert.ok(!client.capabilities.has('STARTTLS'));
    await login(client, 'open@contoso.test');
    // Dovecot looks for its relay now, and without one may close before our QUIT: that must not be a failure.
    await client.quit();
  });
  const said = talk.filter(({ from }) => from === 'client').map(({ text }) => text);
  assert.deepEqual(said.slice(0, 5), ['EHLO [127.0.0.1]', 'STARTTLS', 'EHLO [127.0.0.1]', 'AUTH XOAUTH2', '[secret]']);
});

test('a token of another key and a denied mailbox are refused with what the server explains', { skip }, async () => {
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  await using(submission(withTokens), {}, async (client) => {
    const refused = client.authenticate({ kind: 'xoauth2', user: 'open@contoso.test', token: () => sign(stranger) });
    await assert.rejects(
      refused,
      (error) =>
        isFault(error, 'smtp.authenticate-refused') &&
        error.evidence['challenge-status'] === '401' &&
        error.evidence['enhancedCode'] === '5.7.8',
    );
    // After a refusal the same connection can be used for another attempt.
    await login(client, 'open@contoso.test');
  });
  await using(submission(withTokens), {}, async (client) => {
    await assert.rejects(login(client, 'closed@contoso.test'), (error) => isFault(error, 'smtp.authenticate-refused'));
  });
});

test('mail before the login is refused', { skip }, async () => {
  await using(submission(withTokens), {}, async (client) => {
    const early = client.send({ from: 'open@contoso.test', to: ['open@contoso.test'], bytes: Buffer.from('Subject: early\r\n\r\n') });
    await assert.rejects(early, (error) => isFault(error, 'smtp.not-authenticated'));
  });
});

test('a password logs in with PLAIN, and a wrong one is refused', { skip }, async () => {
  await using(submission(withPasswords), {}, async (client) => {
    const wrong = client.authenticate({ kind: 'password', user: 'word@contoso.test', password: new Secret('other') });
    await assert.rejects(wrong, (error) => isFault(error, 'smtp.authenticate-refused'));
    await client.authenticate({ kind: 'password', user: 'word@contoso.test', password: new Secret('pass word') });
    await client.quit();
  });
});

function submission(place: DovecotPlace): MailEndpoint {
  return { host: 'localhost', port: place.ports.submission, tls: 'starttls', ca };
}

async function using(endpoint: MailEndpoint, options: SmtpOptions, act: (client: SmtpClient) => Promise<void>): Promise<void> {
  const client = await connectSmtp(endpoint, options);
  try {
    await act(client);
  } finally {
    client.close();
  }
}

async function login(client: SmtpClient, user: string): Promise<void> {
  await client.authenticate({ kind: 'xoauth2', user, token: () => sign(key) });
}

async function sign(by: KeyObject): Promise<Secret> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { appid: '22222222-2222-2222-2222-222222222222', sub: '33333333-3333-3333-3333-333333333333' };
  const token = new SignJWT({ ...claims, iss: issuer, iat: now, nbf: now, exp: now + 600 });
  return new Secret(await token.setProtectedHeader({ alg: 'RS256', kid: 'key-1', typ: 'JWT' }).sign(by));
}

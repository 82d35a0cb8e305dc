/** The place itself: that its Dovecot lets in, refuses and lists as its description says. Asked by curl, which nobody here wrote. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SignJWT } from 'jose';
import { selfSignedCertificate } from './certificate.ts';
import { type DovecotPlace, startDovecot } from './dovecot.ts';
import { peerProgram, unlessDovecot } from './peers.ts';

const skip = unlessDovecot('curl', 'openssl');
const issuer = 'https://sts.windows.net/11111111-1111-1111-1111-111111111111/';
const mail = Buffer.from('Subject: first\r\n\r\nGood morning.\r\n');

let folder = '';
let key: KeyObject;
let dovecot: DovecotPlace;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'postern-place-'));
  const tls = await selfSignedCertificate();
  writeFileSync(join(folder, 'ca.pem'), tls.certificatePem);
  key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const publicKeyPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  dovecot = await startDovecot({ tls, signer: { issuer, kid: 'key-1', publicKeyPem }, denied: ['closed@contoso.test'] });
});

after(async () => {
  await dovecot?.close();
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

test('a mailbox opens with a token that was signed by the key handed in, over IMAP and over POP3', { skip }, async () => {
  dovecot.deliver('open@contoso.test', 'INBOX', [mail]);
  const token = await sign();
  const byImap = await curl(`imaps://localhost:${dovecot.ports.imaps}/INBOX;MAILINDEX=1`, 'open@contoso.test', token);
  assert.equal(byImap.stdout, mail.toString());
  const byPop = await curl(`pop3s://localhost:${dovecot.ports.pop3s}/1`, 'open@contoso.test', token);
  assert.equal(byPop.stdout, mail.toString());
});

test('a folder with a foreign name is where IMAP looks for it', { skip }, async () => {
  dovecot.deliver('open@contoso.test', 'Archív/2026 & later', [mail, mail]);
  const listed = await curl(`imaps://localhost:${dovecot.ports.imaps}/`, 'open@contoso.test', await sign());
  assert.match(listed.stdout, /"Arch&AO0-v\/2026 &- later"/);
  assert.deepEqual(
    dovecot.listMessages('open@contoso.test', 'Archív/2026 & later').map((one) => [one.flags, one.sizeBytes]),
    [
      ['', mail.length],
      ['', mail.length],
    ],
  );
});

test('a token of another key, of another issuer, or for a denied mailbox is refused', { skip }, async () => {
  const inbox = `imaps://localhost:${dovecot.ports.imaps}/INBOX`;
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const refused = 67; // CURLE_LOGIN_DENIED
  assert.equal((await curl(inbox, 'open@contoso.test', await sign(stranger))).exitCode, refused);
  assert.equal((await curl(inbox, 'open@contoso.test', await sign(key, 'https://sts.windows.net/other/'))).exitCode, refused);
  assert.equal((await curl(inbox, 'closed@contoso.test', await sign())).exitCode, refused);
});

test('after close no process of it is left', { skip }, async () => {
  const other = await startDovecot({ tls: await selfSignedCertificate(), passwords: { 'a@contoso.test': 'word' } });
  await other.close();
  assert.throws(() => process.kill(other.pid, 0), { code: 'ESRCH' });
});

async function sign(by: KeyObject = key, iss: string = issuer): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return await new SignJWT({
    appid: '22222222-2222-2222-2222-222222222222',
    sub: '33333333-3333-3333-3333-333333333333',
    iss,
    aud: 'https://outlook.office365.com',
    iat: now,
    nbf: now,
    exp: now + 600,
  })
    .setProtectedHeader({ alg: 'RS256', kid: 'key-1', typ: 'JWT' })
    .sign(by);
}

function curl(url: string, user: string, token: string): Promise<{ stdout: string; exitCode: number }> {
  const words = [
    '--silent',
    '--cacert',
    join(folder, 'ca.pem'),
    '--login-options',
    'AUTH=XOAUTH2',
    '--user',
    `${user}:`,
    '--oauth2-bearer',
    token,
    url,
  ];
  return new Promise((done) => {
    execFile(peerProgram('curl'), words, { timeout: 20_000 }, (error, stdout) => {
      done({ stdout, exitCode: error === null ? 0 : Number(error.code) });
    });
  });
}

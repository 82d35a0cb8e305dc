/** Our POP3 client against Debian's Dovecot, with tokens signed here. Messages come out of it byte by byte as they were put in. */
import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { after, before, test } from 'node:test';
import { SignJWT } from 'jose';
import { isFault } from '../../src/fault/fault.ts';
import type { MailEndpoint } from '../../src/mail/endpoint.ts';
import { connectPop, type PopClient } from '../../src/mail/pop/client.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { selfSignedCertificate } from './places/certificate.ts';
import { type DovecotPlace, startDovecot } from './places/dovecot.ts';
import { unlessDovecot } from './places/peers.ts';

const skip = unlessDovecot('openssl');
const issuer = 'https://sts.windows.net/11111111-1111-1111-1111-111111111111/';
const many = 500;

let key: KeyObject;
let dovecot: DovecotPlace;
let ca: readonly string[] = [];

before(async () => {
  if (skip !== false) return;
  const tls = await selfSignedCertificate();
  ca = [tls.certificatePem];
  key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const publicKeyPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  dovecot = await startDovecot({ tls, signer: { issuer, kid: 'key-1', publicKeyPem }, denied: ['closed@contoso.test'] });
});

after(async () => {
  await dovecot?.close();
});

test('a token opens a mailbox over TLS, and what is listed and fetched is what was delivered', { skip }, async () => {
  const mails = [hardMail(1), hardMail(2), Buffer.from('Subject: no end of line\r\n\r\nlast line')];
  dovecot.deliver('open@contoso.test', 'INBOX', mails);
  await using(implicit(), async (client) => {
    assert.match(client.capabilities.get('SASL') ?? '', /XOAUTH2/);
    await login(client, 'open@contoso.test');
    assert.equal((await client.stat()).messages, mails.length);
    assert.deepEqual(
      (await client.list()).map(({ number }) => number),
      [1, 2, 3],
    );
    const uids = (await client.uidl()).map(({ uid }) => uid);
    assert.equal(new Set(uids).size, 3);
    assert.ok((await bytesOf(await client.retrieve(1))).equals(hardMail(1)));
    assert.ok((await bytesOf(await client.retrieve(2))).equals(hardMail(2)));
    // POP3 cannot say that the last line has no end: the server adds one.
    assert.equal((await bytesOf(await client.retrieve(3))).toString(), 'Subject: no end of line\r\n\r\nlast line\r\n');
    assert.equal((await bytesOf(await client.top(3, 0))).toString(), 'Subject: no end of line\r\n\r\n');
    await client.quit();
  });
});

test('a removed message is gone after quit, and is still there where the connection was closed or the removal taken back', {
  skip,
}, async () => {
  dovecot.deliver('removals@contoso.test', 'INBOX', [hardMail(1), hardMail(2)]);
  await using(implicit(), async (client) => {
    await login(client, 'removals@contoso.test');
    await client.remove(1);
  });
  await using(implicit(), async (client) => {
    await login(client, 'removals@contoso.test');
    await client.remove(1);
    await client.reset();
    await client.remove(2);
    await assert.rejects(client.retrieve(2), (error) => isFault(error, 'pop.refused'));
    await client.noop();
    await client.quit();
  });
  const left = dovecot.listMessages('removals@contoso.test', 'INBOX');
  assert.deepEqual(
    left.map((message) => Buffer.from(message.read()).equals(hardMail(1))),
    [true],
  );
});

test('five hundred messages come pipelined, in order, each byte as it was', { skip }, async () => {
  const mails = Array.from({ length: many }, (_, index) => hardMail(index));
  dovecot.deliver('many@contoso.test', 'INBOX', mails);
  await using(implicit(), async (client) => {
    assert.ok(client.capabilities.has('PIPELINING'));
    await login(client, 'many@contoso.test');
    let at = 0;
    for await (const { number, body } of client.retrieveMessages(mails.keys().map((index) => index + 1))) {
      assert.equal(number, at + 1);
      assert.ok(body);
      // Every seventh is left unread: the others must not be shifted by it.
      if (at % 7 !== 3) assert.equal(digest(await bytesOf(body)), digest(mails[at] ?? Buffer.alloc(0)), `message ${number}`);
      at += 1;
    }
    assert.equal(at, many);
    await client.noop();
    await client.quit();
  });
});

test('a token of another key and a denied mailbox are refused with what the server explains', { skip }, async () => {
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  await using(implicit(), async (client) => {
    const refused = client.authenticate({ kind: 'xoauth2', user: 'open@contoso.test', token: () => sign(stranger) });
    await assert.rejects(refused, (error) => isFault(error, 'pop.authenticate-refused') && error.evidence['challenge-status'] === '401');
    // After a refusal the same connection can be used for another attempt.
    await login(client, 'open@contoso.test');
  });
  await using(implicit(), async (client) => {
    await assert.rejects(login(client, 'closed@contoso.test'), (error) => isFault(error, 'pop.authenticate-refused'));
  });
});

test('STLS turns a plain connection into a safe one, and a foreign certificate is not taken', { skip }, async () => {
  await using({ host: 'localhost', port: dovecot.ports.pop3, tls: 'starttls', ca }, async (client) => {
    assert.ok(!client.capabilities.has('STLS'));
    await login(client, 'starttls@contoso.test');
    assert.deepEqual(await client.stat(), { messages: 0, bytes: 0 });
    await client.quit();
  });
  await assert.rejects(connectPop({ host: 'localhost', port: dovecot.ports.pop3, tls: 'starttls' }), (error) =>
    isFault(error, 'network.certificate-not-trusted'),
  );
});

function implicit(): MailEndpoint {
  return { host: 'localhost', port: dovecot.ports.pop3s, tls: 'implicit', ca };
}

async function using(endpoint: MailEndpoint, act: (client: PopClient) => Promise<void>): Promise<void> {
  const client = await connectPop(endpoint);
  try {
    await act(client);
  } finally {
    client.close();
  }
}

async function login(client: PopClient, user: string): Promise<void> {
  await client.authenticate({ kind: 'xoauth2', user, token: () => sign(key) });
}

/** Eight-bit bytes, lone CRs, lines of dots and lines that begin with them, at places that differ from mail to mail. */
function hardMail(number: number): Buffer {
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 0 && byte !== 10 && byte !== 13));
  const lines = ['.', '..', '.x', 'x.', '', '.'.repeat(number % 40), `${'y'.repeat(number % 100)}.`, '.\t.'];
  const text = Array.from({ length: 20 + (number % 30) }, (_, line) => lines[(line * (number + 1)) % lines.length]).join('\r\n');
  return Buffer.concat([Buffer.from(`Subject: ${number}\r\n\r\n`), every, Buffer.from(`\r\n${text}\r\n.\r\n`)]);
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function sign(by: KeyObject): Promise<Secret> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { appid: '22222222-2222-2222-2222-222222222222', sub: '33333333-3333-3333-3333-333333333333' };
  const token = new SignJWT({ ...claims, iss: issuer, iat: now, nbf: now, exp: now + 600 });
  return new Secret(await token.setProtectedHeader({ alg: 'RS256', kid: 'key-1', typ: 'JWT' }).sign(by));
}

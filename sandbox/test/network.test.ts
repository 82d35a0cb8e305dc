import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { connect as connectPlain, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { connectionTo, posternYaml } from '../src/connection.ts';
import type { Door } from '../src/network.ts';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { placeScenarios, scenarioNamed, scenarios } from '../src/scenario.ts';
import { ask } from './dialogue.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
});
after(() => sandbox.close());

const limitMs = 40_000;

/** The code of the error that ends a TLS handshake with this door, or `ok`. */
async function handshake(door: Door): Promise<string> {
  const plain = connectPlain({ host: door.host, port: door.port });
  try {
    if (door.tls === 'starttls') {
      await heard(plain);
      plain.write('EHLO a.test\r\n');
      await heard(plain);
      plain.write('STARTTLS\r\n');
      await heard(plain);
    }
    const socket = connect({ socket: plain, servername: 'localhost', ca: sandbox.caPem });
    return await new Promise<string>((resolve) => {
      socket.setTimeout(limitMs, () => resolve('silence'));
      socket.once('secureConnect', () => resolve('ok'));
      socket.once('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
    });
  } finally {
    plain.destroy();
  }
}

function heard(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(limitMs, () => reject(new Error('nothing was said')));
    socket.once('data', (bytes: Buffer) => resolve(bytes.toString()));
    socket.once('error', reject);
  });
}

function doorsOf(name: string): Door[] {
  const place = sandbox.places.get(name);
  assert.ok(place?.imap && place.pop && place.smtp, name);
  return [place.imap, place.pop, place.smtp];
}

for (const [name, code] of [
  ['tls-intercepted', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['tls-name-mismatch', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['tls-expired', 'CERT_HAS_EXPIRED'],
] as const) {
  test(`${name}: IMAP, POP3 and SMTP end the handshake with ${code}`, async () => {
    for (const door of doorsOf(name)) assert.equal(await handshake(door), code);
  });
}

test('plain-on-tls-port: the banner comes in plain text where TLS is wanted', async () => {
  for (const door of doorsOf('plain-on-tls-port')) assert.match(await handshake(door), /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/);
});

test('silent-server accepts and says nothing, closed-port does not accept, unknown-host has no address', async () => {
  for (const door of doorsOf('silent-server')) {
    const socket = connectPlain({ host: door.host, port: door.port });
    await new Promise((resolve) => socket.once('connect', resolve));
    assert.equal(socket.bytesRead, 0);
    socket.destroy();
  }
  for (const [name, code] of [
    ['closed-port', 'ECONNREFUSED'],
    ['unknown-host', 'ENOTFOUND'],
  ] as const) {
    for (const door of doorsOf(name))
      await assert.rejects(heard(connectPlain({ host: door.host, port: door.port })), (error: Error & { code?: string }) => {
        return error.code === code || (code === 'ENOTFOUND' && error.code === 'EAI_AGAIN');
      });
  }
});

test('authority-intercepted: the token endpoint shows the certificate of a stranger, who is named', async () => {
  const authority = sandbox.places.get('authority-intercepted')?.authority ?? '';
  await assert.rejects(ask(sandbox, `${authority}/contoso.test/v2.0/.well-known/openid-configuration`), {
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  });
  const port = Number(new URL(authority).port);
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  assert.match(new X509Certificate(socket.getPeerCertificate().raw).issuer, /CN=Contoso network inspection/);
  socket.destroy();
});

test('every scenario of the network has its place, and the written configuration points there', () => {
  for (const scenario of placeScenarios) {
    const connection = connectionTo(sandbox, scenario);
    const place = sandbox.places.get(scenario.name);
    assert.ok(place, scenario.name);
    const yaml = posternYaml(connection);
    if (place.authority) assert.ok(yaml.includes(`authority: ${place.authority}\n`), yaml);
    for (const [key, door] of [
      ['imap', place.imap],
      ['pop3', place.pop],
      ['smtp', place.smtp],
    ] as const) {
      if (door) assert.ok(yaml.includes(`${key}: { host: ${door.host}, port: ${door.port}, tls: ${door.tls} }\n`), yaml);
    }
  }
});

test('a scenario that a configuration can say is written into it', () => {
  for (const scenario of scenarios) {
    if (scenario.reach !== 'said' || !scenario.says) continue;
    const { clientSecret, ...rest } = scenario.says;
    const connection = connectionTo(sandbox, scenario);
    for (const [key, value] of Object.entries(rest)) assert.equal(Reflect.get(connection, key), value, scenario.name);
    if (clientSecret !== undefined) assert.notEqual(connection.clientSecret, sandbox.clientSecret);
  }
  const secretId = scenarioNamed('secret-id');
  assert.ok(secretId);
  assert.match(connectionTo(sandbox, secretId).clientSecret, /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
});

test('a scenario about a certificate writes that certificate and a configuration that uses it', () => {
  const subjects = ['expired-certificate', 'unregistered-certificate', 'clock-skew', 'healthy'].map((name) => {
    const scenario = scenarioNamed(name);
    assert.ok(scenario);
    const connection = connectionTo(sandbox, scenario);
    assert.equal(posternYaml(connection).includes('certificate:'), name !== 'healthy');
    return /CN=(\S+)/.exec(new X509Certificate(connection.certificate).subject)?.[1];
  });
  assert.deepEqual(subjects, ['postern-app-expired', 'postern-app-unregistered', 'postern-app', 'postern-app']);
});

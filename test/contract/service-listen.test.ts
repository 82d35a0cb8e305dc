/** Where the console listens: on which addresses, behind which proxy, with which certificate. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { makeAuthority } from '../../sandbox/src/certificates.ts';
import { loadConfig } from '../../src/config/load.ts';
import { isFault } from '../../src/fault/fault.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { serviceAddress } from '../../src/service/http/address.ts';
import { temporaryFolder } from './archive-suite.ts';
import { readExposition } from './exposition.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';
import { asked, comes, opened, type Served, type ServedWish, sent, served, word } from './service-server-place.ts';

describe('where it listens', { timeout: 300_000 }, () => {
  let place: ServicePlace;
  before(async () => {
    place = await startServicePlace();
  });
  after(() => place.close());

  function promise(name: string, act: (server: Served) => Promise<void>, wish: ServedWish = {}): void {
    test(name, () => served(place, wish, act));
  }

  async function address(yaml: string, listen?: string): ReturnType<typeof serviceAddress> {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'postern.yaml'), yaml);
    writeFileSync(join(folder.path, 'no.pem'), 'this is no certificate');
    return await serviceAddress(await loadConfig(join(folder.path, 'postern.yaml'), {}), listen);
  }

  test('on this machine alone, unless it is told otherwise', async () => {
    assert.deepEqual((({ host, port }) => [host, port])(await address('data: ./d\n')), ['127.0.0.1', 8473]);
    assert.deepEqual((({ host, port }) => [host, port])(await address("service: { listen: '[::1]:0' }\n")), ['::1', 0]);
  });

  for (const where of ['0.0.0.0:8473', '192.0.2.5:443', "'[::]:8473'"]) {
    test(`not on ${where} without TLS`, async () => {
      const isRefused = (error: unknown): boolean => isFault(error, 'service.listen-refused');
      await assert.rejects(address(`service: { listen: ${where} }\n`), isRefused);
      await assert.rejects(address('data: ./d\n', where.replaceAll("'", '')), isRefused);
    });
  }

  test('at an address that can be read only', async () => {
    for (const where of ['8473', 'localhost', 'x:1', '127.0.0.1:99999']) {
      await assert.rejects(address('data: ./d\n', where), (error) => isFault(error, 'cli.wrong-use'));
    }
  });

  test('on another address behind a proxy that is named', async () => {
    assert.deepEqual((await address('service: { listen: 0.0.0.0:8473, behindProxy: [10.0.0.5] }\n')).proxies, ['10.0.0.5']);
  });

  test('with a certificate that can be used only: what is wrong with it is told before anything listens', async () => {
    for (const tls of ['{ certificate: ./none.pem, key: { file: ./none.key } }', '{ certificate: ./no.pem, key: { file: ./no.pem } }']) {
      await assert.rejects(address(`service: { listen: 0.0.0.0:0, tls: ${tls} }\n`), (error) => isFault(error, 'service.tls-unusable'));
    }
  });

  promise('a port that is taken is told as that', async ({ port }) => {
    await assert.rejects(
      served(place, { address: { port } }, async () => undefined),
      (error) => isFault(error, 'service.listen-failed') && error.evidence['errno'] === 'EADDRINUSE',
    );
  });

  promise(
    'what a proxy says of whom it asks for is believed, of the one that is named and of nobody else',
    async ({ accounts, url, user }) => {
      const { headers } = await user('ann');
      const forwarded = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https', host: 'postern.contoso.com' };
      const json = { user: 'ann', password: word };
      const through = await asked(`${url}/api/v1/session`, { method: 'POST', headers: forwarded, json });
      assert.match(through.headers['set-cookie']?.[0] ?? '', /^__Host-postern_session=.*; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
      assert.equal(through.headers['strict-transport-security'], 'max-age=31536000');
      const beside = await asked(`${url}/api/v1/session`, { method: 'POST', headers: forwarded, json, from: '127.0.0.2' });
      assert.match(beside.headers['set-cookie']?.[0] ?? '', /^postern_session=/);
      assert.deepEqual(
        (await accounts.log({ limit: 2, action: 'login' })).map((line) => line.address),
        ['127.0.0.2', '203.0.113.7'],
      );
      // Behind a proxy nobody is this machine: metrics want a login.
      assert.equal((await asked(`${url}/metrics`)).status, 401);
      assert.equal((await asked(`${url}/metrics`, { headers })).status, 200);
      assert.equal((await asked(`${url}/livez`)).status === 401, false);
    },
    { address: { proxies: ['127.0.0.1'], names: ['postern.contoso.com'] } },
  );

  promise('metrics count requests, logins and streams, in the form that Prometheus reads, and name nobody', async ({ url, user }) => {
    const { headers } = await user('ann');
    await asked(`${url}/api/v1/session`, { method: 'POST', json: { user: 'ann', password: 'wrong' } });
    await asked(`${url}/api/v1/users`, { headers });
    let text = '';
    await comes('there is something to say', async () => {
      text = (await asked(`${url}/metrics`)).text;
      return text.includes('postern_http');
    });
    const families = readExposition(text);
    const values = (name: string): unknown => families.get(name)?.samples.map(({ labels, value }) => [...Object.values(labels), value]);
    assert.deepEqual(values('postern_http_logins_total'), [
      ['in', 1],
      ['refused', 1],
      ['wait', 0],
    ]);
    assert.deepEqual(values('postern_http_streams'), [[0]]);
    const statuses = families.get('postern_http_requests_total')?.samples.map(({ labels }) => labels['status']);
    assert.deepEqual(statuses?.slice(0, 2), ['2xx', '4xx']);
    assert.ok(!text.includes('ann'));
  });

  promise('on this machine alone metrics and health need no login', async ({ url }) => {
    for (const path of ['/metrics', '/sources-health', '/readyz', '/livez', '/healthz'])
      assert.notEqual((await asked(url + path)).status, 401, path);
  });
});

describe('TLS', { timeout: 300_000 }, () => {
  let place: ServicePlace;
  before(async () => {
    place = await startServicePlace();
  });
  after(() => place.close());

  interface TlsPlace {
    readonly folder: string;
    readonly ca: string;
    readonly address: Awaited<ReturnType<typeof serviceAddress>>;
    renew(): Promise<void>;
  }

  async function withTls(act: (server: Served, tls: TlsPlace) => Promise<void>): Promise<void> {
    using folder = temporaryFolder();
    const authority = await makeAuthority(new Date());
    const renew = async (): Promise<void> => {
      const { keyPem, certificatePem } = await authority.issueServer();
      writeFileSync(join(folder.path, 'cert.pem'), certificatePem + authority.certificatePem);
      writeFileSync(join(folder.path, 'key.pem'), keyPem);
    };
    await renew();
    const yaml =
      'service: { listen: 127.0.0.1:0, names: [postern.contoso.com], tls: { certificate: ./cert.pem, key: { file: ./key.pem } } }\n';
    writeFileSync(join(folder.path, 'postern.yaml'), yaml);
    const address = await serviceAddress(await loadConfig(join(folder.path, 'postern.yaml'), {}), undefined);
    await served(place, { address }, (server) => act(server, { folder: folder.path, ca: authority.certificatePem, address, renew }));
  }

  test('a login over TLS has a cookie that never leaves it, and the browser is told to stay with it', () =>
    withTls(async ({ url, accounts }, { ca }) => {
      assert.match(url, /^https:/);
      await accounts.addUser({ name: 'ann', role: 'auditor', password: new Secret(word), mustChangePassword: false });
      const inside = await asked(`${url}/api/v1/session`, { method: 'POST', json: { user: 'ann', password: word }, ca });
      assert.match(
        inside.headers['set-cookie']?.[0] ?? '',
        /^__Host-postern_session=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
      );
      assert.equal(inside.headers['strict-transport-security'], undefined, 'localhost belongs to other programs too');
      const named = await asked(`${url}/livez`, { ca, headers: { host: 'postern.contoso.com' } });
      assert.equal(named.headers['strict-transport-security'], 'max-age=31536000');
      const cookie = inside.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
      assert.equal((await asked(`${url}/api/v1/session`, { headers: { cookie }, ca })).status, 200);
      const plainName = cookie.replace('__Host-', '');
      assert.equal((await asked(`${url}/api/v1/session`, { headers: { cookie: plainName }, ca })).status, 401);
    }));

  test('the names of the certificate are served, and plain HTTP is not', () =>
    withTls(async ({ port, url }, { ca }) => {
      assert.equal((await asked(`${url}/livez`, { ca, headers: { host: `localhost:${port}` } })).status === 403, false);
      assert.equal((await asked(`${url}/livez`, { ca, headers: { host: 'evil.example' } })).status, 403);
      const plain = await sent(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await plain.ended();
      assert.doesNotMatch(plain.text(), /200 OK/);
    }));

  test('versions of TLS that are broken are not spoken', () =>
    withTls(async ({ port }, { ca }) => {
      for (const version of ['TLSv1', 'TLSv1.1'] as const) {
        await assert.rejects(handshake(port, ca, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }));
      }
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) await handshake(port, ca, { minVersion: version, maxVersion: version });
    }));

  test('a renewed certificate is taken without a restart; one that cannot be used is told, and the old one goes on', () =>
    withTls(async ({ port, told }, { folder, ca, renew }) => {
      const first = await handshake(port, ca);
      writeFileSync(join(folder, 'cert.pem'), 'half a file');
      await comes('it is told', async () => told.some((line) => line.includes('service.tls-unusable')));
      assert.equal(await handshake(port, ca), first);
      await renew();
      await comes('the new one is served', async () => (await handshake(port, ca)) !== first);
      assert.equal(told.filter((line) => line.includes('service.tls-unusable')).length, 1);
    }));

  test('the end of the certificate is told ahead, and stands in the metrics', () =>
    withTls(async ({ url, told, user }, { ca, address }) => {
      assert.deepEqual(told, []);
      const { headers } = await user('ann', 'auditor', ca);
      let text = '';
      await comes('there is something to say', async () => {
        text = (await asked(`${url}/metrics`, { ca, headers })).text;
        return text.includes('postern_http');
      });
      const [end] = readExposition(text).get('postern_http_certificate_end_timestamp_seconds')?.samples ?? [];
      assert.equal(end?.value, (address.tls?.ends.getTime() ?? 0) / 1000);
      const soon = { ...(address.tls ?? assert.fail()), ends: new Date(Date.now() + 3 * 86_400_000) };
      await served(place, { address: { ...address, tls: soon } }, async (other) => {
        await comes('it is told', async () => other.told.some((line) => /ends \d{4}-\d\d-\d\d: renew it/.test(line)));
      });
    }));

  test('a thousand handshakes that are never finished keep nobody out', () =>
    withTls(async ({ port, url }, { ca }) => {
      const held = await Promise.all(Array.from({ length: 1_000 }, () => opened(port)));
      try {
        assert.notEqual((await asked(`${url}/livez`, { ca })).status, 0);
      } finally {
        for (const socket of held) socket.destroy();
      }
    }));
});

/** @returns what certificate was shown */
function handshake(port: number, ca: string, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost', ...options });
    socket.once('secureConnect', () => {
      resolve(createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex'));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** How the server bears what is sent to it, what it says of a bug of ours, and which files of the console it gives. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { failure } from '../../src/service/api/leaf.ts';
import { temporaryFolder } from './archive-suite.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';
import {
  asked,
  codeIn,
  codeOf,
  comes,
  type Heard,
  lines,
  opened,
  type Served,
  type ServedWish,
  sent,
  served,
} from './service-server-place.ts';

describe('what is sent to it', { timeout: 300_000 }, () => {
  let place: ServicePlace;
  before(async () => {
    place = await startServicePlace();
  });
  after(() => place.close());

  function promise(name: string, act: (server: Served) => Promise<void>, wish: ServedWish = {}): void {
    test(name, () => served(place, wish, act));
  }

  promise('a body that is too large is refused before it is read to its end', async ({ port, user }) => {
    const { headers } = await user('ann');
    const stream = await sent(
      port,
      `POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\n${lines(headers)}Content-Type: application/json\r\nContent-Length: 5000000000\r\n\r\n{"name":"`,
    );
    await stream.until(/^HTTP\/1\.1 413/);
    assert.equal(codeIn(stream), 'service.too-large');
    await stream.ended();
  });

  promise('a body without an announced length is cut off at the same bound', async ({ url, user }) => {
    const { headers } = await user('ann');
    const huge = JSON.stringify({ name: 'x'.repeat(2_000_000) });
    const answered = await asked(`${url}/api/v1/users`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      body: huge,
    }).catch((error: unknown) => error);
    if (answered instanceof Error) assert.match(String(Reflect.get(answered, 'code')), /EPIPE|ECONNRESET/);
    else assert.equal(Object(answered).status, 413);
  });

  promise('of a stranger no body is read at all', async ({ port }) => {
    const stream = await sent(
      port,
      'POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n',
    );
    await stream.until(/^HTTP\/1\.1 401/);
    await stream.ended();
  });

  promise('headers that are too large, and what is no HTTP, are cut off', async ({ port }) => {
    const large = await sent(port, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    await large.until(/^HTTP\/1\.1 431/);
    await large.ended();
    const noise = await sent(port, '\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03 no http at all\r\n\r\n');
    await noise.ended();
    assert.match(noise.text(), /^HTTP\/1\.1 400/);
  });

  promise(
    'whoever sends a byte now and then is cut off, before the headers are whole and after',
    async ({ port, user }) => {
      const { headers } = await user('ann');
      const slow = await sent(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n');
      const slowBody = await sent(
        port,
        `POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\n${lines(headers)}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
      );
      const drip = setInterval(() => {
        slow.write('X');
        slowBody.write(' ');
      }, 100);
      try {
        await Promise.all([slow.ended(), slowBody.ended()]);
      } finally {
        clearInterval(drip);
      }
      assert.match(slow.text(), /^HTTP\/1\.1 408|^$/);
    },
    { limits: { headersMs: 500, requestMs: 1_000 } },
  );

  promise('what is asked while the service ends is answered that it ends', async ({ server, port }) => {
    const stream = await sent(port, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n');
    const other = await sent(port, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await other.until(/^HTTP/);
    const closed = server.close();
    stream.write('\r\n');
    await stream.until(/^HTTP\/1\.1 503/);
    assert.equal(codeIn(stream), 'service.ending');
    await closed;
  });

  promise('two lengths, or a length beside chunks, are no request: nothing is smuggled', async ({ port }) => {
    for (const [what, text] of [
      ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
      ['length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n'],
      ['an odd encoding', 'Transfer-Encoding: xchunked\r\n\r\n'],
    ] as const) {
      const stream = await sent(port, `POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n${text}`);
      await stream.ended();
      assert.match(stream.text(), /^HTTP\/1\.1 (400|415)/, what);
      assert.equal(stream.text().match(/^HTTP\/1\.1/gm)?.length, 1, what);
    }
  });

  promise('a thousand idle connections of one address keep nobody out, not even at that address', async ({ url, port }) => {
    const held = await Promise.all(Array.from({ length: 1_000 }, () => opened(port)));
    try {
      assert.equal((await asked(`${url}/livez`)).status === 0, false);
      assert.equal((await asked(`${url}/`, { from: '127.0.0.2' })).status, 200);
      assert.equal((await asked(`${url}/`)).status, 200);
      await comes('the oldest were closed', async () => held.filter((socket) => socket.closed).length >= 800);
    } finally {
      for (const socket of held) socket.destroy();
    }
  });

  promise(
    'too many requests of one address are refused with the time to wait, those of another are not',
    async ({ url }) => {
      const answers: Heard[] = [];
      for (let round = 0; round < 25; round += 1) answers.push(await asked(`${url}/api/v1/overview`));
      const last = answers.at(-1);
      assert.deepEqual([answers[0]?.status, last?.status], [401, 429]);
      assert.ok(Number(last?.headers['retry-after']) >= 1);
      assert.equal(codeOf(last ?? assert.fail()), 'service.too-many-requests');
      assert.equal((await asked(`${url}/api/v1/overview`, { from: '127.0.0.2' })).status, 401);
      assert.equal((await asked(`${url}/api/no-such-path`)).status, 429, 'unknown paths count too');
    },
    { limits: { requestsAMinute: 20 } },
  );

  promise('a name that is not ours is not served: nothing of it, to nobody', async ({ url, user }) => {
    const { headers } = await user('ann');
    for (const path of ['/', '/api/v1/overview', '/metrics', '/livez', '/assets/x.js', '/api/none']) {
      const answered = await asked(url + path, { headers: { ...headers, host: 'evil.example' } });
      assert.deepEqual([answered.status, codeOf(answered)], [403, 'service.name-not-served'], path);
    }
  });
});

describe('what goes wrong inside', { timeout: 300_000 }, () => {
  let place: ServicePlace;
  before(async () => {
    place = await startServicePlace();
  });
  after(() => place.close());

  test('a bug of ours is told by number to asker and log, without a word of what it was about', async () => {
    const content = 'Subject: words of a message that nobody may see';
    const engine = new Proxy(place.parts.engine, {
      get: (target, name) =>
        name === 'cards'
          ? () => Promise.reject(new SyntaxError(`Unexpected token, "${content}" is not valid JSON`))
          : Reflect.get(target, name, target),
    });
    await served(place, { parts: { engine } }, async ({ url, user, bugs, told }) => {
      const { headers } = await user('ann');
      const answered = await asked(`${url}/api/v1/sources?secret=in-the-address`, { headers });
      const { fault } = failure.parse(JSON.parse(answered.text));
      assert.deepEqual([answered.status, fault.code], [500, 'service.broken']);
      const number = String(fault.evidence['number']);
      const log = [...told, ...bugs.map((bug) => (bug instanceof Error ? String(bug.stack) : ''))].join('\n');
      assert.match(log, new RegExp(`${number} GET /api/v1/sources: SyntaxError`));
      assert.ok(!`${answered.text}${log}`.includes('words of a message') && !log.includes('in-the-address'));
      assert.equal((await asked(`${url}/api/v1/session`, { headers })).status, 200, 'it goes on');
    });
  });

  test('an answer that does not fit its schema is not sent', async () => {
    const engine = new Proxy(place.parts.engine, {
      get: (target, name) =>
        name === 'cards' ? () => Promise.resolve([{ secret: 'a secret that slipped in' }]) : Reflect.get(target, name, target),
    });
    await served(place, { parts: { engine } }, async ({ url, user, bugs }) => {
      const { headers } = await user('ann');
      const answered = await asked(`${url}/api/v1/sources`, { headers });
      assert.deepEqual([answered.status, codeOf(answered), bugs.length], [500, 'service.broken', 1]);
      assert.ok(!`${answered.text}${String(bugs[0])}`.includes('slipped in'));
    });
  });
});

describe('files of the console', { timeout: 300_000 }, () => {
  let place: ServicePlace;
  before(async () => {
    place = await startServicePlace();
  });
  after(() => place.close());

  function promise(name: string, act: (server: Served) => Promise<void>, wish: ServedWish = {}): void {
    test(name, () => served(place, wish, act));
  }

  const page = '<!doctype html><meta name="csp-nonce" content="__CSP_NONCE__"><style nonce="__CSP_NONCE__"></style>';

  async function withConsole(act: (server: Served) => Promise<void>): Promise<void> {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'dist/assets'), { recursive: true });
    writeFileSync(join(folder.path, 'dist/index.html'), page);
    writeFileSync(join(folder.path, 'dist/assets/index-abc123.js'), 'export {};');
    writeFileSync(join(folder.path, 'dist/assets/index-abc123.js.br'), 'compressed');
    writeFileSync(join(folder.path, 'dist/postern.svg'), '<svg/>');
    writeFileSync(join(folder.path, 'dist/.hidden'), 'hidden');
    writeFileSync(join(folder.path, 'secret.txt'), 'outside');
    await served(place, { consoleFolder: join(folder.path, 'dist') }, act);
  }

  test('every page is index.html with a nonce that is never the same, and that the policy names', () =>
    withConsole(async ({ url }) => {
      const nonces = new Set<string>();
      for (const path of ['/', '/sources', '/messages/abc', '/a/b/c?x=1']) {
        const { status, headers, text } = await asked(url + path);
        const nonce = /content="([^"]+)"/.exec(text)?.[1] ?? '';
        assert.deepEqual([status, headers['cache-control']], [200, 'no-cache']);
        assert.match(nonce, /^[A-Za-z0-9+/]{22}==$/);
        assert.ok(text.includes(`<style nonce="${nonce}">`));
        assert.ok(String(headers['content-security-policy']).includes(`style-src 'self' 'nonce-${nonce}'`));
        assert.ok(String(headers['content-security-policy']).includes("script-src 'self';"));
        nonces.add(nonce);
      }
      assert.equal(nonces.size, 4);
    }));

  test('files with a hash in their name are kept for ever, others are asked for anew', () =>
    withConsole(async ({ url }) => {
      const asset = await asked(`${url}/assets/index-abc123.js`);
      assert.deepEqual(
        [asset.status, asset.text, asset.headers['cache-control']],
        [200, 'export {};', 'public, max-age=31536000, immutable'],
      );
      assert.match(String(asset.headers['content-type']), /javascript/);
      const small = await asked(`${url}/assets/index-abc123.js`, { headers: { 'accept-encoding': 'br' } });
      assert.deepEqual(
        [small.headers['content-encoding'], small.text, small.headers['content-type']],
        ['br', 'compressed', asset.headers['content-type']],
      );
      const gone = await asked(`${url}/assets/index-of-before.js`);
      assert.deepEqual([gone.status, gone.headers['cache-control']], [404, 'no-store']);
      const icon = await asked(`${url}/postern.svg`);
      assert.deepEqual([icon.status, icon.headers['cache-control'], icon.headers['content-type']], [200, 'no-cache', 'image/svg+xml']);
    }));

  test('nothing outside of the folder is served, nor what is hidden in it, however it is written', () =>
    withConsole(async ({ url }) => {
      for (const path of [
        '/../secret.txt',
        '/assets/../../secret.txt',
        '/%2e%2e/secret.txt',
        '/..%2fsecret.txt',
        '/assets/..%2f..%2fsecret.txt',
        '/%252e%252e/secret.txt',
        '/..%5csecret.txt',
        '/....//secret.txt',
        '//secret.txt',
        '/.hidden',
        '/%2ehidden',
        '/assets/%00.js',
        '/secret.txt',
        '/./../secret.txt',
      ]) {
        const { status, text } = await asked(url + path);
        assert.ok(status === 404 && !text.includes('outside') && !text.includes('hidden'), `${path}: ${status} ${text}`);
      }
    }));

  promise('where the console was not built a page says how, and the API answers all the same', async ({ url }) => {
    const { status, text, headers } = await asked(`${url}/`);
    assert.equal(status, 200);
    assert.match(text, /not built yet[\s\S]*npm run build/);
    const nonce = /<style nonce="([^"]+)">/.exec(text)?.[1];
    assert.ok(String(headers['content-security-policy']).includes(`'nonce-${nonce}'`));
    assert.equal((await asked(`${url}/api/v1/session`)).status, 401);
  });
});

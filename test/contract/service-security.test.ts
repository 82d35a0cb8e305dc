/**
 * The promises of docs/security.md over the WHOLE table of routes: a new route is covered by being in it.
 *
 * One service runs for all of these, with mail in it and secrets planted wherever one can be given. Long because it is one table that all
 * of them walk through.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { AccountRole } from '../../src/accounts/accounts.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { failure } from '../../src/service/api/leaf.ts';
import { messagePage } from '../../src/service/api/message.ts';
import { reconciliationList } from '../../src/service/api/operation.ts';
import { accessLog, madeApiToken } from '../../src/service/api/session.ts';
import type { SourceDraft } from '../../src/service/api/source.ts';
import type { Permission, Route } from '../../src/service/http/route.ts';
import { serviceRoutes } from '../../src/service/routes.ts';
import { openApiFile } from '../../tools/openapi-doc.ts';
import { type Answered, type Asker, loggedIn, type ServicePlace, startServicePlace } from './service-place.ts';

const may: Readonly<Record<Permission, readonly AccountRole[]>> = {
  anyone: ['administrator', 'operator', 'auditor'],
  read: ['administrator', 'operator', 'auditor'],
  'read-log': ['administrator', 'auditor'],
  operate: ['administrator', 'operator'],
  administer: ['administrator'],
};

/** Each is recognisable wherever it comes out, in the clear or encoded. */
const planted = {
  environment: 'Planted-Environment-Secret-1d0f',
  definition: 'Planted-Definition-Secret-77aa',
  password: 'planted password of a user 9b2c',
  webhook: 'https://alerts.example/hook/Planted-Webhook-Token-5e5e',
};

const draft: SourceDraft = {
  name: 'made-here',
  protocol: 'imap',
  authentication: 'password',
  tenant: null,
  app: null,
  password: { user: 'somebody@contoso.test', secret: planted.definition },
  server: { host: 'localhost', port: 9, tls: 'none' },
  mailbox: 'somebody@contoso.test',
  folders: ['INBOX'],
  every: '1h',
  since: null,
  format: 'auto',
  nameOrder: 'first-last',
  country: null,
  owners: [],
  onCompletion: { kind: 'leave' },
  hold: false,
  silentAfter: null,
};

const html = [
  'From: mallory@evil.example',
  'To: archive@contoso.test',
  'Subject: <script>alert(1)</script>',
  'Message-ID: <hostile@evil.example>',
  'Date: Sun, 22 Nov 2026 08:00:00 +0000',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/html',
  '',
  '<script>alert(1)</script><p onclick="alert(1)">hello</p>',
  '--b',
  'Content-Type: text/html; name="../../evil.html"',
  'Content-Disposition: attachment; filename="../../evil.html"',
  '',
  '<script>alert(1)</script>',
  '--b--',
  '',
].join('\r\n');

describe('the whole table of routes', { timeout: 300_000 }, () => {
  let place: ServicePlace;
  let routes: readonly Route[];
  let asker: Readonly<Record<AccountRole, Asker>>;
  let token: string;
  /** What stands for the parameters of a path, so that something is found there. */
  const known: Record<string, string> = {};

  before(async () => {
    place = await startServicePlace({
      env: { PLANTED: planted.environment },
      yaml: ({ tenant, imap, mailbox }) =>
        [
          `tenants:\n  lab: ${tenant}`,
          '  other: { tenantId: fabrikam.example, clientId: 11111111-2222-4333-8444-555555555555, credential: { secret: { env: PLANTED } } }',
          `sources:\n  mail: { tenant: lab, mailbox: ${mailbox}, server: ${imap}, every: 1h }`,
          `alerts: { webhook: { url: "${planted.webhook}", secret: { env: PLANTED } } }`,
          '',
        ].join('\n'),
    });
    routes = serviceRoutes(place.parts);
    asker = { administrator: place.admin, operator: await place.as('operator'), auditor: await place.as('auditor') };
    place.deliver(place.sandbox.seededMailbox, html);
    place.parts.engine.runNow('mail');
    await place.card('mail', ({ messages }) => messages > 0);
    await place.parts.archive.derived();
    const made = await place.admin('POST', '/sources', draft);
    assert.equal(made.status, 200, made.text);
    const user = { name: 'planted', password: planted.password, role: 'auditor' };
    assert.equal((await place.admin('POST', '/users', user)).status, 200);
    token = (await place.admin('POST', '/tokens', { name: 'planted', role: 'auditor', expiresInDays: 1 })).as(madeApiToken).token;
    await place.admin('POST', '/reconciliations', { sources: [], since: null });
    const { rows } = (await place.admin('GET', '/messages')).as(messagePage);
    const [first] = rows;
    assert.ok(first !== undefined, 'a message came in');
    const { reconciliations } = (await place.admin('GET', '/reconciliations')).as(reconciliationList);
    Object.assign(known, {
      '/messages/:id': first.id,
      '/conversations/:id': encodeURIComponent(first.threadId ?? first.id),
      '/reconciliations/:id': String(reconciliations[0]?.id ?? 1),
      '/sources/:name': 'made-here',
      '/users/:name': 'planted',
      '/access/:tenant': 'lab',
      '/setup/:tenant': 'lab',
    });
  });

  after(() => place.close());

  function pathOf({ path }: Route): string {
    const root = /^\/[^/]+\/:[^/]+/.exec(path)?.[0] ?? '';
    const value = known[root];
    return path.replace(/:\w+/, value ?? '1').replaceAll(/:\w+/g, '0');
  }

  /** All that is asked at once would be the rate limit's business. */
  async function each(of: readonly Route[], act: (route: Route) => Promise<string | undefined>): Promise<void> {
    const wrong: string[] = [];
    for (const route of of) {
      const problem = await act(route);
      if (problem !== undefined) wrong.push(`${route.method} ${route.path}: ${problem}`);
    }
    assert.deepEqual(wrong, []);
  }

  function codeOf(answered: Answered): string {
    return answered.status < 400 ? '' : answered.as(failure).fault.code;
  }

  const changes = (): readonly Route[] => routes.filter(({ method, may: who }) => method !== 'GET' && who !== 'anyone');

  test('nothing but the login answers somebody who is not logged in; all the rest is the same 401', async () => {
    assert.deepEqual(
      routes.filter((route) => route.may === 'anyone').map(({ method, path }) => `${method} ${path}`),
      ['POST /session'],
    );
    const bodies = new Set<string>();
    await each(
      routes.filter((route) => route.may !== 'anyone'),
      async (route) => {
        const answered = await place.nobody(route.method, pathOf(route), route.method === 'GET' ? undefined : { any: 'thing' });
        bodies.add(answered.text);
        return answered.status === 401 ? undefined : `${answered.status} ${answered.text}`;
      },
    );
    for (const [method, path] of [
      ['GET', '/no-such-thing'],
      ['POST', '/no-such-thing'],
      ['PUT', '/overview'],
      ['GET', '/..%2f..%2fetc%2fpasswd'],
      ['GET', '/messages/../users'],
    ] as const) {
      const answered = await place.nobody(method, path);
      assert.equal(answered.status, 401, `${method} ${path}`);
      bodies.add(answered.text);
    }
    assert.equal(bodies.size, 1, 'what there is and what there is not look the same');
    assert.equal(failure.parse(JSON.parse([...bodies][0] ?? '')).fault.code, 'service.not-logged-in');
  });

  test('a cookie or token that is made up, empty, too long or of another kind is nobody', async () => {
    for (const headers of [
      { cookie: 'postern_session=made-up' },
      { cookie: 'postern_session=' },
      { cookie: `postern_session=${'x'.repeat(5_000)}` },
      { authorization: 'Bearer pst_made-up' },
      { authorization: 'Basic YWRtaW46YWRtaW4=' },
      { authorization: `Bearer ${'x'.repeat(5_000)}` },
    ]) {
      assert.equal((await place.nobody('GET', '/overview', undefined, headers)).status, 401, JSON.stringify(headers).slice(0, 80));
    }
  });

  for (const role of ['administrator', 'operator', 'auditor'] as const) {
    test(`${role}: 403 wherever the role may not, and never where it may`, async () => {
      await each(
        routes.filter(({ path, method, answer }) => !(path === '/session' && method !== 'GET') && answer !== 'events'),
        async (route) => {
          const isAllowed = may[route.may].includes(role);
          // Where it may, something that cannot be meant is asked for, so that nothing is changed by the test.
          const path = isAllowed && route.method !== 'GET' ? route.path.replaceAll(/:\w+/g, 'no-such-thing') : pathOf(route);
          if (isAllowed && route.method !== 'GET' && !route.path.includes(':') && route.body === undefined) return undefined;
          const answered = await asker[role](route.method, path, route.method === 'GET' ? undefined : { no: 'such field' });
          const isRefused = answered.status === 403 || answered.status === 401;
          if (isAllowed) return isRefused ? `${answered.status} ${answered.text}` : undefined;
          const isTold = answered.status === 403 && answered.as(failure).fault.evidence['role'] === role;
          return isTold && codeOf(answered) === 'service.not-allowed' ? undefined : `${answered.status} ${answered.text}`;
        },
      );
    });
  }

  test('a refusal by role stands in the access log', async () => {
    await asker.auditor('DELETE', '/users/planted');
    const { entries } = (await place.admin('GET', '/access-log?action=refused')).as(accessLog);
    assert.ok(entries.some(({ object, outcome, role }) => object === 'DELETE /users/:name' && outcome === 'refused' && role === 'auditor'));
  });

  const forgeries: readonly (readonly [what: string, headers: Readonly<Record<string, string>>])[] = [
    ['without the token', { 'x-postern-csrf': '' }],
    ['with a made-up token', { 'x-postern-csrf': 'made-up' }],
    ['from another origin', { origin: 'https://evil.example' }],
    ['from no origin that is told', { origin: 'null' }],
    ['from another port of this machine', { origin: 'http://localhost:3000' }],
    ['from another site', { 'sec-fetch-site': 'cross-site' }],
    ['from another port, as the browser says', { 'sec-fetch-site': 'same-site' }],
  ];
  for (const [what, headers] of forgeries) {
    test(`what changes anything is refused ${what}`, async () => {
      await each(changes(), async (route) => {
        const answered = await place.admin(route.method, pathOf(route), {}, headers);
        return answered.status === 403 && codeOf(answered) === 'service.forged' ? undefined : `${answered.status} ${answered.text}`;
      });
    });
  }

  test('the token of another session is not taken', async () => {
    const [one, other] = [await session(place, 'administrator'), await session(place, 'administrator')];
    const answered = await place.nobody('POST', '/tokens', {}, { cookie: one.cookie, 'x-postern-csrf': other.csrf });
    assert.deepEqual([answered.status, codeOf(answered)], [403, 'service.forged']);
  });

  test('another site cannot read either: not even by embedding what a cookie would open', async () => {
    for (const site of ['cross-site', 'same-site']) {
      await each(
        routes.filter(({ method, answer }) => method === 'GET' && answer !== 'events'),
        async (route) => {
          const { status } = await place.admin('GET', pathOf(route), undefined, { 'sec-fetch-site': site });
          return status === 403 ? undefined : String(status);
        },
      );
    }
  });

  test('another site cannot log somebody in', async () => {
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      assert.equal((await place.nobody('POST', '/session', { user: 'x', password: 'y' }, headers)).status, 403);
    }
    const simple = await fetch(`${place.url}/api/v1/session`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' });
    assert.equal(simple.status, 415, 'a form of another page cannot be read as JSON');
  });

  test('an API token needs no csrf token, and is held to its role', async () => {
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await place.nobody('GET', '/overview', undefined, headers)).status, 200);
    const refused = await place.nobody('POST', '/tokens', { name: 'x', role: 'auditor', expiresInDays: 1 }, headers);
    assert.deepEqual([refused.status, codeOf(refused)], [403, 'service.not-allowed']);
  });

  test('a token gives nobody a way in that stays: it makes no users and gives no password, role or leave to log in', async () => {
    const { token: key } = (await place.admin('POST', '/tokens', { name: 'keeper', role: 'administrator', expiresInDays: 1 })).as(
      madeApiToken,
    );
    const headers = { authorization: `Bearer ${key}` };
    const word = 'a good long sentence';
    assert.equal((await place.admin('POST', '/users', { name: 'zoe', role: 'auditor', password: word })).status, 200);
    for (const [method, path, body] of [
      ['POST', '/users', { name: 'backdoor', role: 'administrator', password: word }],
      ['PATCH', '/users/zoe', { password: word }],
      ['PATCH', '/users/zoe', { role: 'administrator' }],
      ['PATCH', '/users/zoe', { disabled: false }],
    ] as const) {
      const refused = await place.nobody(method, path, body, headers);
      assert.deepEqual([refused.status, refused.as(failure).fault.code], [403, 'service.not-allowed'], `${method} ${JSON.stringify(body)}`);
    }
    assert.equal((await place.nobody('PATCH', '/users/zoe', { disabled: true }, headers)).status, 200, 'it may shut somebody out');
    assert.equal((await place.admin('GET', '/users')).text.includes('backdoor'), false);
  });

  test('no two tokens have one name, by which the access log knows them', async () => {
    const wish = { name: 'Twin', role: 'auditor', expiresInDays: 1 };
    const { made } = (await place.admin('POST', '/tokens', wish)).as(madeApiToken);
    const again = await place.admin('POST', '/tokens', { ...wish, name: 'twin' });
    assert.deepEqual([again.status, again.as(failure).fields?.map(({ field }) => field)], [400, ['name']]);
    assert.equal((await place.admin('DELETE', `/tokens/${made.id}`)).status, 204);
    assert.equal((await place.admin('POST', '/tokens', wish)).status, 200);
  });

  test('a token makes no tokens, however much it may', async () => {
    const made = await place.admin('POST', '/tokens', { name: 'all', role: 'administrator', expiresInDays: 1 });
    const headers = { authorization: `Bearer ${made.as(madeApiToken).token}` };
    const refused = await place.nobody('POST', '/tokens', { name: 'x', role: 'auditor', expiresInDays: 1 }, headers);
    assert.deepEqual([refused.status, codeOf(refused)], [403, 'service.not-allowed']);
  });

  test('whoever has the first password still can do nothing but change it', async () => {
    const first = await loggedIn(place.url, 'planted', planted.password);
    await each(
      routes.filter(({ path, answer }) => !path.startsWith('/session') && answer !== 'events'),
      async (route) => {
        const answered = await first(route.method, pathOf(route), route.method === 'GET' ? undefined : {});
        return answered.status === 403 && codeOf(answered) === 'service.password-first' ? undefined : `${answered.status} ${answered.text}`;
      },
    );
    assert.equal((await first('GET', '/session')).status, 200);
  });

  test('every answer to a GET has the form that its schema promises, and no secret of any kind is in any of them', async () => {
    const cookies = await session(place, 'administrator');
    const secrets = [
      ...Object.values(planted),
      token,
      place.sandbox.clientSecret,
      'correct horse battery staple',
      cookies.cookie.replace(/^[^=]+=/, ''),
    ];
    const found = secrets.flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    ]);
    const seen = new Map<string, number>();
    await each(
      routes.filter(({ method, answer }) => method === 'GET' && answer !== 'events'),
      async (route) => {
        const answered = await place.admin('GET', pathOf(route));
        seen.set(route.path, answered.status);
        if (found.some((secret) => answered.text.includes(secret))) return 'a secret is in the answer';
        if (answered.text.includes('$scrypt$')) return 'a hash is in the answer';
        if (answered.status >= 500) return `${answered.status} ${answered.text}`;
        if (answered.status >= 400) return route.path.includes(':') || route.query !== undefined ? undefined : `${answered.status}`;
        if (typeof route.answer === 'object') answered.as(route.answer);
        return undefined;
      },
    );
    for (const path of [
      '/messages/:id',
      '/messages/:id/html',
      '/messages/:id/raw',
      '/sources/:name',
      '/sources/:name/definition',
      '/users',
    ]) {
      assert.equal(seen.get(path), 200, path);
    }
    for (const other of ['/metrics', '/sources-health', '/readyz', '/']) {
      const text = await (await fetch(place.url + other)).text();
      assert.ok(!found.some((secret) => text.includes(secret)), other);
    }
    assert.ok(!found.some((secret) => place.told.join('\n').includes(secret)));
    assert.deepEqual(place.bugs, []);
  });

  test('no answer that refuses repeats the secret that was sent', async () => {
    const sent = 'Planted-In-A-Question-40ff';
    await each(
      routes.filter(({ method, path }) => method !== 'GET' && `${method} ${path}` !== 'DELETE /session'),
      async (route) => {
        const { text } = await place.admin(route.method, route.path.replaceAll(/:\w+/g, 'no-such-thing'), {
          password: sent,
          secret: sent,
          current: sent,
          [sent]: sent,
          app: { credential: { kind: 'secret', secret: { sent } } },
          user: 'nobody',
        });
        // A key that nobody knows is named; the values beside it are not.
        return text.replaceAll(`"${sent}\\"`, '').includes(`: ${sent}`) ? text : undefined;
      },
    );
  });

  test('the headers that hold a browser back are on every answer of every kind', async () => {
    const wanted = (headers: Headers): string[] => {
      const problems: string[] = [];
      const has = (name: string, fits: RegExp): void => {
        if (!fits.test(headers.get(name) ?? '')) problems.push(`${name}: ${headers.get(name)}`);
      };
      has('x-content-type-options', /^nosniff$/);
      has('referrer-policy', /^no-referrer$/);
      has('cross-origin-opener-policy', /^same-origin$/);
      has('cross-origin-resource-policy', /^same-origin$/);
      has('permissions-policy', /camera=\(\)/);
      has('x-frame-options', /^(DENY|SAMEORIGIN)$/);
      has('content-security-policy', /default-src 'none'/);
      has('content-security-policy', /frame-ancestors '(none|self)'/);
      has('cache-control', /no-store|no-cache|immutable/);
      if (/unsafe-eval|script-src[^;]*unsafe-inline|\*/.test(headers.get('content-security-policy') ?? ''))
        problems.push('the policy has a hole');
      for (const name of ['x-powered-by', 'server', 'access-control-allow-origin'])
        if (headers.has(name)) problems.push(`${name} is there`);
      return problems;
    };
    const answers: [string, Headers][] = [];
    for (const route of routes.filter(({ answer }) => answer !== 'events')) {
      if (route.method === 'GET') answers.push([`200 ${route.path}`, (await place.admin('GET', pathOf(route))).headers]);
      answers.push([`401 ${route.path}`, (await place.nobody(route.method, pathOf(route))).headers]);
    }
    for (const path of [
      '/',
      '/messages/some/page',
      '/assets/none.js',
      '/none.txt',
      '/livez',
      '/readyz',
      '/metrics',
      '/api',
      '/%2e%2e/x',
      '/%zz',
    ]) {
      answers.push([path, (await fetch(place.url + path)).headers]);
    }
    answers.push(['POST /', (await fetch(place.url, { method: 'POST' })).headers]);
    answers.push(['TRACE /', (await place.nobody('OPTIONS', '/overview')).headers]);
    assert.deepEqual(
      answers.flatMap(([what, headers]) => wanted(headers).map((problem) => `${what}: ${problem}`)),
      [],
    );
  });

  test('what is of the API is never kept by a browser or a proxy', async () => {
    await each(
      routes.filter(({ method, answer }) => method === 'GET' && answer !== 'events'),
      async (route) => {
        const { headers } = await place.admin('GET', pathOf(route));
        return headers.get('cache-control') === 'no-store' ? undefined : String(headers.get('cache-control'));
      },
    );
  });

  test('a mail’s HTML comes with a policy of its own, under which nothing runs, loads or leads anywhere', async () => {
    const { headers, text } = await place.admin('GET', `/messages/${known['/messages/:id']}/html`);
    const policy = headers.get('content-security-policy') ?? '';
    for (const part of ["default-src 'none'", "script-src 'none'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'self'"]) {
      assert.ok(policy.includes(part), `${part} in ${policy}`);
    }
    assert.match(policy, /^sandbox;/);
    assert.doesNotMatch(text, /<script|onclick/i);
  });

  test('what can be saved is an attachment under a harmless name, and is not shown', async () => {
    const attached = await place.admin('GET', `/messages/${known['/messages/:id']}/attachments/0`);
    assert.equal(attached.status, 200, attached.text);
    assert.equal(attached.headers.get('content-type'), 'application/octet-stream');
    assert.equal(attached.headers.get('content-disposition'), `attachment; filename="evil.html"; filename*=UTF-8''evil.html`);
    assert.match(attached.headers.get('content-security-policy') ?? '', /^sandbox; default-src 'none'/);
    const raw = await place.admin('GET', `/messages/${known['/messages/:id']}/raw`);
    assert.equal(raw.text, html);
    assert.match(raw.headers.get('content-disposition') ?? '', /^attachment; filename="/);
  });

  test('paths that lead out of where they are lead nowhere', async () => {
    const ways = [
      '..',
      '../',
      '..%2f..%2f..%2fetc%2fpasswd',
      '%2e%2e',
      '....//',
      '..%5c..%5c',
      '%00',
      'a%0d%0aSet-Cookie:%20x',
      '~root',
      '%252e%252e%252f',
    ];
    await each(
      routes.filter(({ method, path, answer }) => method === 'GET' && path.includes(':') && answer !== 'events'),
      async (route) => {
        for (const way of ways) {
          const path = route.path.replaceAll(/:\w+/g, way);
          const answered = await place.admin('GET', path, undefined, { accept: 'application/json' });
          const isFine = answered.status === 200 ? !/root:|BEGIN/.test(answered.text) : answered.status < 500;
          if (!isFine) return `${way}: ${answered.status} ${answered.text.slice(0, 200)}`;
        }
        return undefined;
      },
    );
    assert.deepEqual(place.bugs, []);
  });

  test('bodies that are no JSON, too deep, poisoned or of another shape are refused, and nothing breaks', async () => {
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
    const bodies: readonly (readonly [body: string, type: string])[] = [
      ['{', 'application/json'],
      ['null', 'application/json'],
      ['[]', 'application/json'],
      ['"text"', 'application/json'],
      ['[['.repeat(20_000), 'application/json'],
      [deep, 'application/json'],
      ['{"__proto__":{"role":"administrator"}}', 'application/json'],
      ['{"constructor":{"prototype":{"role":"administrator"}}}', 'application/json'],
      ['user=admin', 'application/x-www-form-urlencoded'],
      ['<a/>', 'application/xml'],
      ['\ud800', 'application/json'],
    ];
    const { cookie, csrf } = await session(place, 'administrator');
    await each(
      routes.filter(({ body }) => body !== undefined),
      async (route) => {
        for (const [body, type] of bodies) {
          const response = await fetch(`${place.url}/api/v1${pathOf(route)}`, {
            method: route.method,
            headers: { cookie, 'x-postern-csrf': csrf, 'content-type': type },
            body,
          });
          const text = await response.text();
          if (![400, 413, 415].includes(response.status)) return `${response.status} for ${body.slice(0, 40)}: ${text.slice(0, 300)}`;
          if (text.includes('a":{"a')) return 'it repeats what was sent';
        }
        return undefined;
      },
    );
    assert.equal(Reflect.get({}, 'role'), undefined);
    assert.deepEqual(place.bugs, []);
  });

  test('what is refused names the fields', async () => {
    const answered = await place.admin('POST', '/users', { name: 'Has Blanks', role: 'king', password: 'short', extra: 1 });
    const { fields = [], fault } = answered.as(failure);
    assert.equal(fault.code, 'service.bad-input');
    assert.deepEqual(fields.map(({ field }) => field).sort(), ['', 'name', 'password', 'role']);
  });

  test('docs/openapi.json is what is served (tools/openapi-doc.ts --write)', () => {
    const file = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
    assert.ok(file === openApiFile(routes), 'docs/openapi.json is stale: run `node_modules/.bin/node tools/openapi-doc.ts --write`');
  });

  test('every route is in the OpenAPI document that is served, and no other', async () => {
    const document = (await place.admin('GET', '/openapi.json')).body;
    assert.ok(typeof document === 'object' && document !== null && 'paths' in document);
    const written = Object.entries(Object(document.paths)).flatMap(([path, methods]) =>
      Object.keys(Object(methods)).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = routes.map(({ method, path }) => `${method} /api/v1${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    assert.deepEqual(written.sort(), served.sort());
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, way = '']) => way);
    const broken = new Set(references)
      .values()
      .filter((way) => way.split('/').reduce((at, key) => Object(at)[key], document as unknown) === undefined);
    assert.deepEqual([...broken], []);
    assert.ok(references.length > 50);
  });
});

interface OpenedSession {
  readonly cookie: string;
  readonly csrf: string;
}

let sessions = 0;

/** With cookie and token at hand, for requests that are put together by hand. */
async function session(place: ServicePlace, role: AccountRole): Promise<OpenedSession> {
  sessions += 1;
  const name = `by-hand-${sessions}`;
  const word = 'correct horse battery staple';
  await place.parts.accounts.addUser({ name, role, password: new Secret(word), mustChangePassword: false });
  const answered = await place.nobody('POST', '/session', { user: name, password: word });
  const [cookie = ''] = answered.headers.getSetCookie()[0]?.split(';') ?? [];
  return { cookie, csrf: String(Object(answered.body)['csrf']) };
}

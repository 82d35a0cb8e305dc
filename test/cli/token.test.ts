/**
 * From a configuration file to a token of the sandbox's tenant: what a person writes, and what the endpoint says to it.
 *
 * The waits that the endpoint asks for are taken from a clock of our own, so nothing here waits for real.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectionTo, writeConnection } from '../../sandbox/src/connection.ts';
import { issueAssertion } from '../../sandbox/src/entra/federation.ts';
import { identityClientId } from '../../sandbox/src/entra/identity.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { scenarioNamed } from '../../sandbox/src/scenario.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { FaultCode } from '../../src/fault/catalog.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { readClaims } from '../../src/token/claims.ts';
import { createTokenSource } from '../../src/token/source.ts';
import type { AccessToken } from '../../src/token/token.ts';
import { postern } from './postern.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-token-'));
let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
  writeFileSync(join(folder, 'app.crt'), sandbox.appCertificatePem);
  writeFileSync(join(folder, 'app.key'), sandbox.appKeyPem);
  writeFileSync(join(folder, 'assertion.jwt'), issueAssertion(sandbox.tenant));
});
after(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

interface Wish {
  readonly app?: string;
  readonly tenantId?: string;
  readonly scope?: string;
  readonly credential?: string;
  readonly secret?: string;
  readonly ca?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Got {
  readonly token: AccessToken;
  readonly sleptMs: readonly number[];
}

async function tokenWith(wish: Wish): Promise<Got> {
  const scenario = wish.app === undefined ? undefined : scenarioNamed(wish.app);
  const clientId =
    scenario?.reach === 'app' ? `5a000000-0000-4000-8000-${String(scenario.number).padStart(12, '0')}` : (wish.app ?? sandbox.clientId);
  const file = join(folder, 'postern.yaml');
  writeFileSync(
    file,
    `tenants:
  lab:
    tenantId: ${wish.tenantId ?? sandbox.tenant.id}
    clientId: ${clientId}
    cloud: { authority: "${sandbox.authority}", scope: "${sandbox.scope}" }
    ${wish.scope === undefined ? '' : `scope: ${wish.scope}`}
    credential: ${wish.credential ?? '{ secret: { env: LAB_SECRET } }'}
    ${wish.ca ?? 'ca: ca.pem'}
`,
  );
  const config = await loadConfig(file, { LAB_SECRET: wish.secret ?? sandbox.clientSecret, ...wish.env });
  const tenant = config.tenants.get('lab') ?? assert.fail('no tenant');
  const sleptMs: number[] = [];
  const clock = { ...systemClock, sleep: async (ms: number): Promise<void> => void sleptMs.push(ms) };
  const { tenantId, scope, credential, ca } = tenant;
  const tokens = createTokenSource({ authority: tenant.cloud.authority, tenantId, clientId, scope, credential, ca }, { clock });
  return { token: await tokens.token(), sleptMs };
}

for (const credential of [
  '{ secret: { env: LAB_SECRET } }',
  '{ certificate: { file: app.crt, key: { file: app.key } } }',
  '{ certificate: { file: app.crt, key: { file: app.key }, algorithm: RS256 } }',
]) {
  test(`a token is given for ${credential}, with the claims that mail needs`, async () => {
    const { token } = await tokenWith({ credential });
    const claims = readClaims(token.value);
    assert.deepEqual([claims?.tid, claims?.appid], [sandbox.tenant.id, sandbox.clientId]);
    assert.ok(claims?.roles?.includes('IMAP.AccessAsApp'));
    assert.ok(token.expiresAtMs > token.issuedAtMs + 600_000);
  });
}

/** A managed identity at the stand-in of the sandbox for the endpoint of a virtual machine. */
function identity(name: Parameters<typeof identityClientId>[0]): string {
  return `{ managedIdentity: { clientId: ${identityClientId(name)}, endpoint: "${sandbox.identity.machine}" } }`;
}

test('a token is given for an assertion out of a file, and again for the one that has taken its place', async () => {
  const credential = '{ assertion: { file: assertion.jwt } }';
  const { token } = await tokenWith({ app: 'federated', credential });
  assert.equal(readClaims(token.value)?.appidacr, '2');
  writeFileSync(join(folder, 'turned.jwt'), issueAssertion(sandbox.tenant, { livesSeconds: -60 }));
  const turned = '{ assertion: { file: turned.jwt } }';
  await assert.rejects(tokenWith({ app: 'federated', credential: turned }), (error) => isFault(error, 'token.assertion-expired'));
  writeFileSync(join(folder, 'turned.jwt'), issueAssertion(sandbox.tenant));
  assert.ok((await tokenWith({ app: 'federated', credential: turned })).token);
});

test('a token is given for the managed identity of a virtual machine, and for that of App Service', async () => {
  assert.ok((await tokenWith({ app: 'managed-identity', credential: identity('good') })).token);
  const env = { IDENTITY_ENDPOINT: sandbox.identity.appService, IDENTITY_HEADER: sandbox.identity.header };
  assert.ok((await tokenWith({ app: 'managed-identity', credential: '{ managedIdentity: {} }', env })).token);
});

test('a busy identity endpoint is waited out like a busy Entra', async () => {
  const got = await tokenWith({ app: 'managed-identity', credential: identity('throttled') });
  assert.equal(got.sleptMs.length, 2);
});

test('a refused assertion shows issuer, subject and audience, for comparison, and never itself', async () => {
  const assertion = issueAssertion(sandbox.tenant, { audience: 'https://kubernetes.default.svc' });
  writeFileSync(join(folder, 'other.jwt'), assertion);
  await assert.rejects(tokenWith({ app: 'federated', credential: '{ assertion: { file: other.jwt } }' }), (error) => {
    assert.ok(isFault(error, 'token.audience-not-trusted'));
    const { issuer, subject, audience, reference } = error.evidence;
    assert.deepEqual(
      [issuer, subject, audience, reference],
      [
        'https://kubernetes.contoso.test/',
        'system:serviceaccount:mail:postern',
        'https://kubernetes.default.svc',
        `file ${join(folder, 'other.jwt')}`,
      ],
    );
    assert.ok(!JSON.stringify(error.evidence).includes(assertion.split('.')[2] ?? assertion));
    return true;
  });
});

test('federated refusals, each under its name', async () => {
  const file = '{ assertion: { file: assertion.jwt } }';
  const text = (name: string): string => `{ assertion: { env: ${name} } }`;
  const user = issueAssertion(sandbox.tenant, { scope: 'User.Read' });
  const strange = issueAssertion(sandbox.tenant, { foreignSignature: true });
  const cases: readonly (readonly [Wish, FaultCode])[] = [
    [{ app: 'federated-issuer', credential: file }, 'token.issuer-not-trusted'],
    [{ app: 'federated-subject', credential: file }, 'token.subject-not-trusted'],
    [{ app: 'federated-case', credential: file }, 'token.subject-not-trusted'],
    [{ app: 'federated-expression', credential: file }, 'token.subject-not-trusted'],
    [{ app: 'federated-clock', credential: file }, 'token.clock-wrong'],
    [{ app: 'healthy', credential: file }, 'token.issuer-not-trusted'],
    [{ app: 'federated', credential: text('A'), env: { A: user } }, 'token.assertion-not-app-only'],
    [{ app: 'federated', credential: text('A'), env: { A: strange } }, 'token.assertion-malformed'],
    [{ app: 'federated', credential: text('A'), env: { A: 'a~secret' } }, 'token.assertion-not-jwt'],
    [{ app: 'federated', credential: text('A') }, 'config.secret-not-set'],
    [{ app: 'federated', credential: '{ assertion: { file: none } }' }, 'config.secret-file-unreadable'],
    [{ app: 'managed-identity-not-trusted', credential: identity('good') }, 'token.subject-not-trusted'],
    [{ app: 'managed-identity', credential: identity('unknown') }, 'token.identity-not-found'],
    [{ app: 'managed-identity', credential: identity('unusable') }, 'token.identity-answer-unusable'],
    [
      { app: 'managed-identity', credential: '{ managedIdentity: { endpoint: "http://127.0.0.1:1/x" } }' },
      'token.identity-endpoint-absent',
    ],
  ];
  for (const [wish, code] of cases) {
    await assert.rejects(tokenWith(wish), (error) => {
      assert.ok(isFault(error), String(error));
      assert.equal(error.code, code, JSON.stringify(wish));
      return true;
    });
  }
});

test('the whole binary gets a token for an assertion file, and says before that it is one, or is not', async () => {
  const connection = connectionTo(sandbox, scenarioNamed('federated'));
  const inside = join(folder, 'whole');
  await writeConnection(connection, inside);
  const looked = await postern(['config', 'check', '--secrets'], { cwd: inside });
  assert.deepEqual([looked.code, looked.talk], [0, '']);
  assert.match(looked.out, /tenant contoso +file .*assertion\.jwt +resolved\n/);
  const got = await postern(['token', '--json'], { cwd: inside });
  assert.deepEqual([got.code, got.talk], [0, '']);
  assert.equal(JSON.parse(got.out).claims.appid, connection.clientId);
  writeFileSync(join(inside, 'assertion.jwt'), issueAssertion(sandbox.tenant, { livesSeconds: -5 }));
  for (const [args, code] of [
    [['config', 'check', '--secrets'], 2],
    [['token'], 1],
  ] as const) {
    const refused = await postern(args, { cwd: inside });
    assert.equal(refused.code, code);
    assert.match(refused.talk, /^token\.assertion-expired: /);
  }
});

test('an app that nobody consented to gets a token without roles', async () => {
  assert.equal(readClaims((await tokenWith({ app: 'not-consented' })).token.value)?.roles, undefined);
});

for (const [app, sleptMs] of [
  ['throttled-token', [1_000, 1_000]],
  ['token-5xx', [5_000, 10_000]],
  ['transient', [5_000]],
] as const) {
  test(`${app} is waited out, for as long as was asked`, async () => {
    const got = await tokenWith({ app });
    assert.equal(got.sleptMs.length, sleptMs.length);
    // A few milliseconds of each wait have gone by before it begins.
    for (const [index, ms] of got.sleptMs.entries()) {
      const meant = sleptMs[index] ?? 0;
      assert.ok(ms <= meant && ms > meant - 900, `${ms} ms instead of ${meant}`);
    }
  });
}

const refusals: readonly (readonly [says: string, wish: Wish, code: FaultCode])[] = [
  ['an expired secret', { app: 'expired-secret' }, 'token.secret-expired'],
  ['a wrong secret', { secret: 'not~it' }, 'token.secret-wrong'],
  ['the id of the secret', { secret: '6f1c2a70-1111-2222-3333-444455556666' }, 'config.secret-is-an-id'],
  ['no secret', { secret: '' }, 'config.secret-not-set'],
  ['an unknown app', { app: '99999999-0000-4000-8000-000000000000' }, 'token.app-not-found'],
  ['an unknown tenant', { tenantId: 'fabrikam.test' }, 'token.tenant-not-found'],
  ['a tenant of another cloud', { tenantId: 'contoso.cn.test' }, 'token.wrong-cloud'],
  ['a resource that is not there', { scope: 'https://mail.example.com/.default' }, 'token.resource-not-found'],
  ['Conditional Access', { app: 'conditional-access' }, 'token.conditional-access'],
  ['an app that is switched off', { app: 'disabled-app' }, 'token.app-disabled'],
  ['an app without service principal', { app: 'missing-principal' }, 'token.service-principal-missing'],
  ['a public client', { app: 'public-client' }, 'token.app-is-public'],
  ['a page of the guest network', { app: 'captive-portal' }, 'token.answer-unreadable'],
  ['an endpoint that is down', { app: 'token-down' }, 'token.service-unavailable'],
  ['a connection that is cut', { app: 'token-cut' }, 'network.connection-lost'],
  ['an authority that is not trusted', { ca: '' }, 'network.certificate-not-trusted'],
  [
    'a certificate that is not registered for the app',
    { app: 'expired-secret', credential: '{ certificate: { file: app.crt, key: { file: app.key } } }' },
    'token.certificate-not-registered',
  ],
  ['a clock that Entra does not share', { app: 'aad57500-0000-4000-8000-000000700024' }, 'token.clock-wrong'],
];

for (const [says, wish, code] of refusals) {
  test(`${says} is ${code}, and the secret stays secret`, async () => {
    await assert.rejects(tokenWith(wish), (error) => {
      assert.ok(isFault(error), String(error));
      assert.equal(error.code, code);
      assert.ok(!JSON.stringify(error.evidence).includes(wish.secret || sandbox.clientSecret));
      return true;
    });
  });
}

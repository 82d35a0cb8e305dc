import assert from 'node:assert/strict';
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, customFetch, decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { thumbprints } from '../src/certificates.ts';
import { isAadsts, refusals } from '../src/entra/aadsts.ts';
import { issueAssertion } from '../src/entra/federation.ts';
import { anyRefusalPrefix } from '../src/entra/token-request.ts';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { clientIdOf, scenarioNamed } from '../src/scenario.ts';
import { ask, askToken, tokenFor } from './dialogue.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
});
after(() => sandbox.close());

function appNamed(name: string): string {
  const scenario = scenarioNamed(name);
  assert.ok(scenario?.reach === 'app', `${name} is an app`);
  return clientIdOf(scenario.number);
}

async function refusal(change: Readonly<Record<string, string | undefined>>, tenant?: string) {
  const { status, body, headers } = await askToken(sandbox, change, tenant);
  assert.match(String(headers['content-type']), /^application\/json/);
  const answer = JSON.parse(body);
  assert.deepEqual(answer.error_codes, [Number(/^AADSTS(\d+):/.exec(answer.error_description)?.[1])]);
  return { status, error: answer.error, number: answer.error_codes[0], answer };
}

test('the healthy app gets a v1 token for Exchange that the published keys verify', async () => {
  const { status, body } = await askToken(sandbox);
  assert.equal(status, 200);
  const { access_token: token, ...rest } = JSON.parse(body);
  assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599 });

  const discovery = JSON.parse((await ask(sandbox, `${sandbox.authority}/contoso.test/v2.0/.well-known/openid-configuration`)).body);
  assert.equal(discovery.token_endpoint, sandbox.tokenEndpoint);
  const keys = createRemoteJWKSet(new URL(discovery.jwks_uri), {
    [customFetch]: async (url: string) => new Response((await ask(sandbox, url)).body),
  });
  const { payload, protectedHeader } = await jwtVerify(token, keys, { audience: 'https://outlook.office365.com' });
  assert.equal(protectedHeader.typ, 'JWT');
  assert.equal(protectedHeader.kid, protectedHeader.x5t);
  assert.equal(payload.iss, `https://sts.windows.net/${sandbox.tenant.id}/`);
  assert.equal(payload['appid'], sandbox.clientId);
  assert.equal(payload['appidacr'], '1');
  assert.equal(payload['idtyp'], 'app');
  assert.equal(payload['ver'], '1.0');
  assert.equal(payload['tid'], sandbox.tenant.id);
  assert.equal(payload['oid'], payload.sub);
  assert.deepEqual(payload['roles'], ['IMAP.AccessAsApp', 'POP.AccessAsApp', 'SMTP.SendAsApp']);
  assert.equal(payload['scp'], undefined);
});

test('the key set names its key by thumbprint and carries the certificate', async () => {
  const { keys } = JSON.parse((await ask(sandbox, `${sandbox.authority}/${sandbox.tenant.id}/discovery/v2.0/keys`)).body);
  const certificate = new X509Certificate(Buffer.from(keys[0].x5c[0], 'base64'));
  assert.equal(keys[0].x5t, thumbprints(certificate).x5t);
  assert.equal(keys[0].kid, keys[0].x5t);
  assert.equal(certificate.publicKey.export({ type: 'spki', format: 'pem' }), sandbox.tokenKeyPem);
});

test('a secret in an HTTP Basic header is taken too', async () => {
  const basic = Buffer.from(`${sandbox.clientId}:${encodeURIComponent(sandbox.clientSecret)}`).toString('base64');
  const { status } = await ask(sandbox, sandbox.tokenEndpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: sandbox.scope }).toString(),
  });
  assert.equal(status, 200);
});

interface AssertionChange {
  readonly algorithm?: 'PS256' | 'RS256';
  readonly audience?: string;
  readonly expires?: string;
  readonly issuer?: string;
  readonly thumbprint?: string;
}

async function assertion(change: AssertionChange = {}) {
  const { algorithm = 'PS256', audience = sandbox.tokenEndpoint, expires = '10m', issuer = sandbox.clientId } = change;
  const prints = thumbprints(new X509Certificate(sandbox.appCertificatePem));
  const named = algorithm === 'PS256' ? { 'x5t#S256': change.thumbprint ?? prints.x5tS256 } : { x5t: change.thumbprint ?? prints.x5t };
  const client_assertion = await new SignJWT({})
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...named })
    .setAudience(audience)
    .setIssuer(issuer)
    .setSubject(issuer)
    .setJti(randomUUID())
    .setIssuedAt()
    .setNotBefore('0s')
    .setExpirationTime(expires)
    .sign(createPrivateKey(sandbox.appKeyPem));
  const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return { client_secret: undefined, client_assertion, client_assertion_type };
}

for (const algorithm of ['PS256', 'RS256'] as const) {
  test(`an assertion signed ${algorithm} by the registered certificate gets a token with appidacr 2`, async () => {
    const { status, body } = await askToken(sandbox, await assertion({ algorithm }));
    assert.equal(status, 200, body);
    assert.equal(decodeJwt(JSON.parse(body).access_token)['appidacr'], '2');
    assert.equal(decodeProtectedHeader(JSON.parse(body).access_token).alg, 'RS256');
  });
}

test('an assertion that is wrong in one thing is refused for that thing', async () => {
  const cases: readonly (readonly [AssertionChange, number])[] = [
    [{ audience: 'https://elsewhere.test/token' }, 50027],
    [{ expires: '-10m' }, 700024],
    [{ thumbprint: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA' }, 700027],
    [{ issuer: 'https://tokens.example' }, 700211],
  ];
  for (const [change, number] of cases) {
    const refused = await refusal(await assertion(change));
    assert.equal(refused.number, number, refused.answer.error_description);
    assert.equal(refused.status, 401);
  }
  const foreign = await assertion();
  const broken = `${foreign.client_assertion.slice(0, -20)}AAAAAAAAAAAAAAAAAAAA`;
  assert.equal((await refusal({ ...foreign, client_assertion: broken })).number, 700027);
  assert.equal((await refusal({ ...foreign, client_assertion: 'no.jwt' })).number, 50027);
});

test('every mistake in a request meets its AADSTS number, error and status', async () => {
  const cases: readonly (readonly [Readonly<Record<string, string | undefined>>, number, string, number])[] = [
    [{ client_secret: 'wrong' }, 7000215, 'invalid_client', 401],
    [{ client_secret: undefined }, 7000216, 'invalid_client', 401],
    [{ client_secret: '' }, 7000216, 'invalid_client', 401],
    [{ client_id: randomUUID() }, 700016, 'unauthorized_client', 400],
    [{ client_id: undefined }, 900144, 'invalid_request', 400],
    [{ client_id: '00000000-0000-0000-0000-000000000000' }, 700038, 'invalid_request', 400],
    [{ grant_type: undefined }, 900144, 'invalid_request', 400],
    [{ grant_type: 'password' }, 70003, 'unsupported_grant_type', 400],
    [{ scope: 'https://outlook.office365.com' }, 1002012, 'invalid_scope', 400],
    [{ scope: 'https://outlook.office365.com/IMAP.AccessAsUser.All' }, 70011, 'invalid_scope', 400],
    [{ scope: 'https://outlook.office365.us/.default' }, 500011, 'invalid_resource', 400],
    [{ scope: '' }, 28003, 'invalid_scope', 400],
    [{ scope: undefined }, 900144, 'invalid_request', 400],
    [{ client_id: appNamed('expired-secret') }, 7000222, 'invalid_client', 401],
    [{ client_id: appNamed('disabled-app') }, 7000112, 'unauthorized_client', 400],
    [{ client_id: appNamed('missing-principal') }, 7000229, 'invalid_client', 401],
    [{ client_id: appNamed('public-client') }, 700025, 'invalid_client', 401],
    [{ client_id: appNamed('conditional-access') }, 53003, 'invalid_grant', 400],
  ];
  for (const [change, number, error, status] of cases) {
    const refused = await refusal(change);
    assert.deepEqual([refused.number, refused.error, refused.status], [number, error, status], JSON.stringify(change));
  }
});

test('a wrong tenant in the path is refused, also by discovery', async () => {
  const cases = [
    [randomUUID(), 90002],
    ['fabrikam.test', 90002],
    ['Contoso', 900023],
    ['common', 50059],
  ] as const;
  for (const [tenant, number] of cases) {
    assert.equal((await refusal({}, tenant)).number, number);
    const discovery = await ask(sandbox, `${sandbox.authority}/${tenant}/v2.0/.well-known/openid-configuration`);
    assert.equal(discovery.status, 400);
    assert.deepEqual(JSON.parse(discovery.body).error_codes, [number]);
  }
});

test('a tenant of another cloud is refused a token, and its discovery document names the hosts of that cloud', async () => {
  const cases = [
    ['contoso.us.test', 'https://login.microsoftonline.us/', 'USGov'],
    ['5a000000-7e4a-4000-8000-0000000005a0', 'https://login.microsoftonline.us/', 'USGov'],
    ['contoso.cn.test', 'https://login.partner.microsoftonline.cn/', 'China'],
  ] as const;
  for (const [tenant, host, cloud] of cases) {
    const { number, answer } = await refusal({}, tenant);
    assert.equal(number, 90038);
    assert.match(answer.error_description, new RegExp(`national cloud '${cloud}'`));
    const discovery = await ask(sandbox, `${sandbox.authority}/${tenant}/v2.0/.well-known/openid-configuration`);
    assert.equal(discovery.status, 200);
    const document = JSON.parse(discovery.body);
    assert.ok(document.token_endpoint.startsWith(`${host}${tenant}/`), document.token_endpoint);
    assert.ok(host.endsWith(`${document.cloud_instance_name}/`));
  }
});

test('clock-skew: Date and token are two hours behind, and a certificate is refused for it', async () => {
  const clientId = appNamed('clock-skew');
  const granted = await askToken(sandbox, { client_id: clientId });
  const claims = decodeJwt(JSON.parse(granted.body).access_token);
  const behindMs = Date.now() - Date.parse(String(granted.headers['date']));
  assert.ok(Math.abs(behindMs - 7_200_000) < 30_000, `${behindMs} ms`);
  assert.ok((claims.exp ?? 0) * 1000 < Date.now());
  assert.equal((await refusal({ client_id: clientId, ...(await assertion({ issuer: clientId })) })).number, 700024);
});

test('delegated-token carries scp without roles; role-too-early has no roles in its first token and all in the second', async () => {
  const claimsOf = async (name: string) => decodeJwt(await tokenFor(sandbox, appNamed(name)));
  const delegated = await claimsOf('delegated-token');
  assert.deepEqual([delegated['scp'], delegated['roles']], ['IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send', undefined]);
  assert.equal((await claimsOf('role-too-early'))['roles'], undefined);
  assert.deepEqual((await claimsOf('role-too-early'))['roles'], ['IMAP.AccessAsApp', 'POP.AccessAsApp', 'SMTP.SendAsApp']);
});

test('a refusal has the whole shape that Microsoft documents', async () => {
  const { answer } = await refusal({ client_secret: 'wrong' });
  assert.match(
    answer.error_description,
    new RegExp(
      `^AADSTS7000215: Invalid client secret provided\\. .* added to app '${sandbox.clientId}'\\. Trace ID: ${answer.trace_id} Correlation ID: ${answer.correlation_id} Timestamp: ${answer.timestamp}$`,
    ),
  );
  assert.match(answer.timestamp, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/);
  assert.match(answer.error_uri, /error\?code=7000215$/);
});

test('conditional access names a suberror and claims', async () => {
  const { answer } = await refusal({ client_id: appNamed('conditional-access') });
  assert.equal(answer.suberror, 'message_only');
  assert.doesNotThrow(() => JSON.parse(answer.claims));
});

test('a client id made of an AADSTS number meets that refusal, for every number of the table', async () => {
  for (const number of Object.keys(refusals).map(Number)) {
    assert.ok(isAadsts(number));
    assert.equal((await refusal({ client_id: `${anyRefusalPrefix}${String(number).padStart(12, '0')}` })).number, number);
  }
});

test('an app without consent gets a token without roles', async () => {
  const { body } = await askToken(sandbox, { client_id: appNamed('not-consented') });
  assert.equal(decodeJwt(JSON.parse(body).access_token)['roles'], undefined);
});

test('a scope of Graph gives a token for Graph', async () => {
  const { body } = await askToken(sandbox, { scope: 'https://graph.microsoft.com/.default' });
  const claims = decodeJwt(JSON.parse(body).access_token);
  assert.equal(claims.aud, 'https://graph.microsoft.com');
  assert.equal(claims['roles'], undefined);
});

test('a throttled app is told to wait in plain text twice, then gets its token', async () => {
  const client_id = appNamed('throttled-token');
  for (const attempt of [1, 2]) {
    const { status, headers, body } = await askToken(sandbox, { client_id });
    assert.equal(status, 429, `attempt ${attempt}`);
    assert.equal(headers['retry-after'], '1');
    assert.equal(headers['content-type'], 'text/plain');
    assert.equal(body, 'Too Many Requests');
  }
  assert.equal((await askToken(sandbox, { client_id })).status, 200);
});

test('a service that is down answers in HTML without Retry-After', async () => {
  const { status, headers, body } = await askToken(sandbox, { client_id: appNamed('token-down') });
  assert.equal(status, 503);
  assert.equal(headers['retry-after'], undefined);
  assert.match(body, /^<html>/);
});

test('a GET on the token endpoint is refused in JSON', async () => {
  const { status, body } = await ask(sandbox, sandbox.tokenEndpoint);
  assert.equal(status, 400);
  assert.deepEqual(JSON.parse(body).error_codes, [900561]);
});

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

test('an assertion of the outside issuer is compared with the federated credential, part by part', async () => {
  const cases: readonly (readonly [app: string, number: number | undefined])[] = [
    ['federated', undefined],
    ['federated-issuer', 700211],
    ['federated-subject', 700213],
    ['federated-case', 7002138],
    ['federated-expression', 7002131],
    ['federated-audience', 700212],
    ['federated-user-token', 700229],
    ['federated-signature', 50013],
    ['federated-expired', 700024],
    ['federated-clock', 700024],
    ['healthy', 700211],
  ];
  for (const [name, number] of cases) {
    const scenario = scenarioNamed(name);
    assert.ok(scenario?.reach === 'app');
    const asked = {
      client_id: appNamed(name),
      client_secret: undefined,
      client_assertion_type: jwtBearer,
      client_assertion: issueAssertion(sandbox.tenant, scenario.assertion),
    };
    if (number !== undefined) assert.equal((await refusal(asked)).number, number, name);
    else assert.equal(decodeJwt(JSON.parse((await askToken(sandbox, asked)).body).access_token)['appidacr'], '2');
  }
});

test('the stand-in for the identity endpoint wants its headers, and gives a token that the app trusts', async () => {
  const query = `resource=${encodeURIComponent('api://AzureADTokenExchange')}`;
  const machine = `${sandbox.identity.machine}?api-version=2018-02-01&${query}`;
  const appService = `${sandbox.identity.appService}?api-version=2019-08-01&${query}`;
  const status = async (url: string, headers: Record<string, string> = {}): Promise<number> => (await fetch(url, { headers })).status;
  assert.deepEqual([await status(machine), await status(appService)], [400, 401]);
  assert.equal(await status(appService, { 'x-identity-header': sandbox.identity.header }), 200);
  assert.equal(await status(`${machine}&client_id=${randomUUID()}`, { metadata: 'true' }), 400);
  const answer = await (await fetch(machine, { headers: { metadata: 'true' } })).json();
  const asked = {
    client_secret: undefined,
    client_assertion_type: jwtBearer,
    client_assertion: String(Reflect.get(Object(answer), 'access_token')),
  };
  assert.equal((await askToken(sandbox, { ...asked, client_id: appNamed('managed-identity') })).status, 200);
  assert.equal((await refusal({ ...asked, client_id: appNamed('managed-identity-not-trusted') })).number, 700213);
});

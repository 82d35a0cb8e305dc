import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { FaultCode } from '../fault/catalog.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { HttpAnswer } from '../runtime/http.ts';
import { Secret } from '../runtime/secret.ts';
import { type IdentityCredential, identityAssertion, identityQuestion, readIdentityAnswer } from './managed-identity.ts';

const nowMs = Date.parse('2026-11-22T12:00:00Z');
const clientId = '77777777-8888-9999-aaaa-000000000001';
const machine: IdentityCredential = {
  kind: 'managed-identity',
  clientId,
  endpoint: { url: 'http://127.0.0.1:4711/metadata/identity/oauth2/token' },
};
const appService: IdentityCredential = {
  kind: 'managed-identity',
  endpoint: { url: 'http://127.0.0.1:4711/msi/token', header: new Secret('hunter2') },
};

test('a virtual machine is asked for the federated audience of the cloud, by name of the identity', () => {
  const { method, url, headers } = identityQuestion(machine, 'https://login.microsoftonline.us');
  assert.deepEqual([method, `${url.origin}${url.pathname}`], ['GET', machine.endpoint.url]);
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    'api-version': '2018-02-01',
    resource: 'api://AzureADTokenExchangeUSGov',
    client_id: clientId,
  });
  assert.deepEqual(headers, { accept: 'application/json', metadata: 'true' });
});

test('App Service is asked in its own way, with the header back', () => {
  const { url, headers } = identityQuestion({ ...appService, audience: 'api://other' }, 'https://login.microsoftonline.com');
  assert.deepEqual(Object.fromEntries(url.searchParams), { 'api-version': '2019-08-01', resource: 'api://other' });
  assert.deepEqual(headers, { accept: 'application/json', 'x-identity-header': 'hunter2' });
});

function answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers, text: typeof body === 'string' ? body : JSON.stringify(body) };
}

test('the token of the answer is a secret', () => {
  const token = readIdentityAnswer(answer(200, { access_token: 'eyJ0.x.y', expires_in: '86400', token_type: 'Bearer' }), machine, nowMs);
  assert.equal(token.reveal(), 'eyJ0.x.y');
});

const refusals: readonly (readonly [says: string, given: HttpAnswer, code: FaultCode, retryAfterSeconds?: number])[] = [
  ['no such identity', answer(400, { error: 'invalid_request', error_description: 'Identity not found' }), 'token.identity-not-found'],
  [
    'several identities',
    answer(400, {
      error: 'invalid_request',
      error_description:
        'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request',
    }),
    'token.identity-not-found',
  ],
  [
    'no such identity in App Service',
    answer(400, {
      statusCode: 400,
      message: 'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.',
    }),
    'token.identity-not-found',
  ],
  ['throttling', answer(429, 'Too many requests', { 'retry-after': '9' }), 'token.identity-busy', 9],
  ['a passing fault', answer(500, { error: 'unknown' }), 'token.identity-busy'],
  ['an update', answer(404, ''), 'token.identity-busy'],
  ['a renewal, which takes up to 70 seconds', answer(410, ''), 'token.identity-busy', 25],
  ['a wrong resource', answer(400, { error: 'invalid_resource', error_description: 'AADSTS500011: x' }), 'token.identity-answer-unusable'],
  ['a wrong header', answer(401, {}), 'token.identity-answer-unusable'],
  ['a page', answer(200, '<html>hunter2'), 'token.identity-answer-unusable'],
  ['an answer without a token', answer(200, { token: 'hunter2' }), 'token.identity-answer-unusable'],
  ['an answer with an empty one', answer(200, { access_token: '' }), 'token.identity-answer-unusable'],
];

for (const [says, given, code, retryAfterSeconds] of refusals) {
  test(`${says} is ${code}`, () => {
    assert.throws(
      () => readIdentityAnswer(given, machine, nowMs),
      (error) => {
        assert.ok(isFault(error));
        assert.deepEqual([error.code, error.evidence['retryAfterSeconds']], [code, retryAfterSeconds]);
        assert.deepEqual([error.evidence['endpoint'], error.evidence['identityClientId']], [machine.endpoint.url, clientId]);
        assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2/);
        return true;
      },
    );
  });
}

test('where nobody answers there is no endpoint; what answers in another way is no endpoint either', async () => {
  const cases = [
    [new Fault('network.timeout', { waitedMs: 5000 }), 'token.identity-endpoint-absent'],
    [new Fault('network.unreachable', { errno: 'ECONNREFUSED' }), 'token.identity-endpoint-absent'],
    [new Fault('http.answer-unusable', { seen: 'not HTTP' }), 'token.identity-answer-unusable'],
  ] as const;
  for (const [met, code] of cases) {
    const asking = identityAssertion(appService, 'https://login.microsoftonline.com', () => Promise.reject(met), nowMs);
    await assert.rejects(asking, (error) => {
      assert.ok(isFault(error, code));
      assert.equal(error.evidence['network'], met.code);
      assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2/);
      return true;
    });
  }
  const enough = new Error('enough');
  await assert.rejects(
    identityAssertion(machine, 'https://login.microsoftonline.com', () => Promise.reject(enough), nowMs),
    enough,
  );
});

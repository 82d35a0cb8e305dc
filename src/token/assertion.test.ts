import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { type Fault, isFault } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';
import { federatedAudience, inspectAssertion } from './assertion.ts';
import { tokenRequest } from './request.ts';

const nowMs = Date.parse('2026-11-22T12:00:00Z');
const now = nowMs / 1000;

function jwt(claims: unknown): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part(claims)}.${Buffer.from('hunter2').toString('base64url')}`;
}

function faultOf(text: string): Fault {
  try {
    inspectAssertion(new Secret(text), 'file t', nowMs);
  } catch (error) {
    assert.ok(isFault(error));
    assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2/);
    return error;
  }
  assert.fail('this assertion is taken');
}

const pod = {
  iss: 'https://cluster.test/',
  sub: 'system:serviceaccount:mail:postern',
  aud: ['api://AzureADTokenExchange'],
  exp: now + 60,
};

test('an assertion says who issued it, about whom and for whom, and when it ends', () => {
  assert.deepEqual(inspectAssertion(new Secret(jwt(pod)), 'file t', nowMs), {
    reference: 'file t',
    issuer: 'https://cluster.test/',
    subject: 'system:serviceaccount:mail:postern',
    audience: 'api://AzureADTokenExchange',
    assertionExpiresAt: '2026-11-22T12:01:00.000Z',
  });
  const bare = inspectAssertion(new Secret(jwt({ aud: 'a', sub: 7 })), 'file t', nowMs);
  assert.deepEqual(bare, { reference: 'file t', audience: 'a' }, 'what is missing is left to Entra');
});

test('what is no signed JWT is not sent, and not shown', () => {
  const claims = jwt(pod).split('.')[1] ?? '';
  for (const text of [
    'hunter2',
    'a.b',
    `.${claims}.`,
    'a.hunter2.c',
    `a.${claims}.b.c.d`,
    '{"token":"hunter2"}',
    `a.${Buffer.from('[1]').toString('base64url')}.c`,
  ]) {
    const { code, evidence } = faultOf(text);
    assert.deepEqual([code, evidence], ['token.assertion-not-jwt', { reference: 'file t' }], text);
  }
});

test('an assertion that has ended is not sent', () => {
  const { code, evidence } = faultOf(jwt({ ...pod, exp: now - 90 }));
  assert.deepEqual([code, evidence['expiredForSeconds'], evidence['issuer']], ['token.assertion-expired', 90, pod.iss]);
  assert.equal(faultOf(jwt({ ...pod, exp: now })).code, 'token.assertion-expired');
});

test('an assertion is sent as it is, without the blanks around it, and read anew each time', async () => {
  let file = `\n${jwt(pod)} \r\n`;
  const credential = { kind: 'assertion', assertion: { describe: 'file t', resolve: async () => new Secret(file) } } as const;
  const app = { authority: 'https://login.microsoftonline.com', tenantId: 'contoso.com', clientId: 'c', scope: 's', credential, ca: [] };
  const sent = async (): Promise<URLSearchParams> => {
    const { body, provenBy } = await tokenRequest(app, nowMs);
    assert.ok(body instanceof Secret);
    assert.deepEqual([provenBy['credential'], provenBy['issuer']], ['assertion', pod.iss]);
    return new URLSearchParams(body.reveal());
  };
  const first = await sent();
  assert.equal(first.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
  assert.deepEqual([first.get('client_assertion'), first.get('client_secret')], [jwt(pod), null]);
  file = jwt({ ...pod, exp: now + 3600 });
  assert.equal((await sent()).get('client_assertion'), file);
});

test('each cloud has its federated audience', () => {
  const cases = [
    ['https://login.microsoftonline.com', 'api://AzureADTokenExchange'],
    ['https://login.microsoftonline.us', 'api://AzureADTokenExchangeUSGov'],
    ['https://login.partner.microsoftonline.cn', 'api://AzureADTokenExchangeChina'],
    ['https://localhost:8443', 'api://AzureADTokenExchange'],
  ] as const;
  for (const [authority, audience] of cases) assert.equal(federatedAudience(authority), audience);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { FaultCode } from '../fault/catalog.ts';
import { type Fault, isFault } from '../fault/fault.ts';
import type { HttpAnswer } from '../runtime/http.ts';
import { retryAfterSeconds } from '../runtime/retry-after.ts';
import { faultByAadsts, readTokenAnswer } from './response.ts';

const now = Date.parse('2026-11-22T12:00:00Z');
const ids = {
  trace_id: '11111111-aaaa-bbbb-cccc-000000000001',
  correlation_id: '22222222-aaaa-bbbb-cccc-000000000002',
  timestamp: '2026-11-22 12:00:00Z',
};

function answer(status: number, body: unknown, headers: Record<string, string> = {}): HttpAnswer {
  const json = typeof body !== 'string';
  const type = json ? 'application/json; charset=utf-8' : 'text/html';
  return { status, headers: { 'content-type': type, ...headers }, text: json ? JSON.stringify(body) : body };
}

function refused(status: number, error: string, number: number, text: string, more: Record<string, unknown> = {}): HttpAnswer {
  const description = `AADSTS${number}: ${text} Trace ID: ${ids.trace_id} Correlation ID: ${ids.correlation_id} Timestamp: ${ids.timestamp}`;
  return answer(status, { error, error_description: description, error_codes: [number], ...ids, ...more });
}

function faultOf(given: HttpAnswer): Fault {
  try {
    readTokenAnswer(given, now, now);
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
  assert.fail('a token was read');
}

test('a granted token keeps its life by our clock and its value to itself', () => {
  const token = readTokenAnswer(
    answer(200, { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: 'eyJ0.x.y' }),
    now - 500,
    now,
  );
  assert.equal(token.value.reveal(), 'eyJ0.x.y');
  assert.deepEqual([token.issuedAtMs, token.expiresAtMs], [now - 500, now - 500 + 3_599_000]);
  assert.doesNotMatch(inspect(token) + JSON.stringify(token), /eyJ0/);
});

test('the string of seconds that the older endpoint sends is understood', () => {
  const token = readTokenAnswer(answer(200, { token_type: 'bearer', expires_in: '600', access_token: 'x' }), now, now);
  assert.equal(token.expiresAtMs, now + 600_000);
});

test('an answer of success without a token in it is not from a token endpoint, and is not quoted', () => {
  for (const body of [
    {},
    [],
    '<html>Please sign in</html>',
    { token_type: 'Bearer', expires_in: 3599 },
    { token_type: 'MAC', expires_in: 3599, access_token: 'hunter2' },
    { token_type: 'Bearer', expires_in: 0, access_token: 'hunter2' },
    { token_type: 'Bearer', expires_in: 'soon', access_token: 'hunter2' },
  ]) {
    const fault = faultOf(answer(200, body));
    assert.equal(fault.code, 'token.answer-unreadable');
    assert.doesNotMatch(inspect(fault), /hunter2/);
  }
});

/** One answer for each fault, in Entra's own words where they are known. M365 (recorded): public logs and fixtures. */
const refusals: readonly (readonly [code: FaultCode, status: number, error: string, number: number, text: string])[] = [
  ['token.app-not-found', 400, 'unauthorized_client', 700016, "Application with identifier 'x' was not found in the directory 'Contoso'."],
  [
    'token.service-principal-missing',
    401,
    'invalid_client',
    7000229,
    'The client application x is missing service principal in the tenant y.',
  ],
  ['token.app-disabled', 400, 'unauthorized_client', 7000112, "Application 'x'(Postern) is disabled."],
  ['token.tenant-not-found', 400, 'invalid_request', 90002, "Tenant 'x' not found. Check to make sure you have the correct tenant ID."],
  [
    'token.tenant-not-found',
    400,
    'invalid_request',
    900023,
    "Specified tenant identifier 'x' is neither a valid DNS name, nor a valid external domain.",
  ],
  ['token.tenant-not-specific', 400, 'invalid_request', 9001023, 'The grant type is not supported over the /common endpoint.'],
  ['token.wrong-cloud', 400, 'invalid_request', 90038, 'The tenant belongs to another national cloud.'],
  ['token.secret-wrong', 401, 'invalid_client', 7000215, 'Invalid client secret provided.'],
  ['token.secret-expired', 401, 'invalid_client', 7000222, "The provided client secret keys for app 'x' are expired."],
  ['token.credential-missing', 401, 'invalid_client', 7000216, "'client_assertion', 'client_secret' or 'request' is required."],
  [
    'token.app-is-public',
    401,
    'invalid_client',
    700025,
    "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
  ],
  [
    'token.certificate-not-registered',
    401,
    'invalid_client',
    700027,
    'Client assertion contains an invalid signature. [Reason - The key was not found.]',
  ],
  [
    'token.certificate-expired',
    401,
    'invalid_client',
    700027,
    'Client assertion contains an invalid signature. [Reason - The key used is expired.]',
  ],
  ['token.clock-wrong', 401, 'invalid_client', 700024, 'Client assertion is not within its valid time range.'],
  ['token.assertion-malformed', 400, 'invalid_client', 50027, 'JWT token is invalid or malformed.'],
  ['token.assertion-refused', 400, 'invalid_request', 70021, 'No matching federated identity record found for presented assertion.'],
  ['token.issuer-not-trusted', 401, 'invalid_client', 700211, 'No matching federated identity record found for issuer x.'],
  ['token.subject-not-trusted', 401, 'invalid_client', 700213, 'No matching federated identity record found for subject x.'],
  ['token.subject-not-trusted', 401, 'invalid_client', 7002138, 'The subject matches with case-insensitive comparison.'],
  ['token.audience-not-trusted', 401, 'invalid_client', 700212, 'No matching federated identity record found for audience x.'],
  ['token.assertion-not-app-only', 401, 'invalid_client', 700229, 'Only app-only tokens can be used.'],
  ['token.scope-wrong', 400, 'invalid_scope', 1002012, 'The provided value for scope x is not valid.'],
  ['token.scope-wrong', 400, 'invalid_scope', 70011, "The provided value for the input parameter 'scope' is not valid."],
  ['token.resource-not-found', 400, 'invalid_resource', 500011, 'The resource principal named x was not found in the tenant named y.'],
  ['token.conditional-access', 400, 'invalid_grant', 53003, 'Access has been blocked by Conditional Access policies.'],
  ['token.not-app-only', 400, 'invalid_grant', 50034, 'The user account does not exist in the directory.'],
  ['token.request-malformed', 400, 'invalid_request', 900144, "The request body must contain the following parameter: 'scope'."],
  ['token.asked-too-often', 400, 'invalid_grant', 50196, 'The server terminated an operation because it encountered a loop.'],
  ['token.service-unavailable', 503, 'temporarily_unavailable', 90033, 'A transient error has occurred.'],
  ['token.unknown-answer', 400, 'invalid_request', 999999, 'Something new.'],
];

for (const [code, status, error, number, text] of refusals) {
  test(`AADSTS${number} with "${text.slice(0, 50)}" is ${code}`, () => {
    const fault = faultOf(refused(status, error, number, text));
    assert.equal(fault.code, code);
    assert.deepEqual(fault.evidence, {
      status,
      contentType: 'application/json; charset=utf-8',
      error,
      codes: String(number),
      description: `AADSTS${number}: ${text}`,
      traceId: ids.trace_id,
      correlationId: ids.correlation_id,
      timestamp: ids.timestamp,
    });
  });
}

test('every number of the fact sheet leads to a fault of its own meaning', () => {
  const numbers = [
    700016, 7000229, 7000112, 90002, 900023, 50059, 90019, 50128, 50194, 9001023, 7000215, 7000222, 7000216, 7000218, 700025, 700027,
    700024, 50027, 50012, 50013, 700030, 700211, 700213, 7002131, 700229, 70011, 1002012, 70022, 28002, 28003, 500011, 650052, 650057,
    50001, 53003, 53011, 530032, 50049, 90038, 900382, 900432, 90013, 90014, 900144, 9002313, 900561, 50196, 90055, 90006, 90012, 90024,
    90033, 90090, 50000, 50033, 700082, 50034, 700038,
  ];
  assert.deepEqual(
    numbers.filter((number) => !faultByAadsts.has(number)),
    [],
  );
});

test('the ids are found in the text of an older answer that has them only there', () => {
  const description = `AADSTS7000215: Invalid client secret is provided.\r\nTrace ID: ${ids.trace_id}\r\nCorrelation ID: ${ids.correlation_id}\r\nTimestamp: ${ids.timestamp}`;
  const fault = faultOf(answer(401, { error: 'invalid_client', error_description: description }));
  assert.equal(fault.code, 'token.secret-wrong');
  const { description: told, traceId, correlationId, timestamp } = fault.evidence;
  assert.deepEqual([told, traceId, correlationId, timestamp], ['AADSTS7000215: Invalid client secret is provided.', ...Object.values(ids)]);
});

test('what Conditional Access adds is kept', () => {
  const given = refused(400, 'invalid_grant', 53003, 'Blocked.', {
    suberror: 'message_only',
    claims: '{"access_token":{"capolids":{"values":["p"]}}}',
  });
  const { suberror, claims } = faultOf(given).evidence;
  assert.deepEqual([suberror, claims], ['message_only', '{"access_token":{"capolids":{"values":["p"]}}}']);
});

test('a 429 is throttling whatever its body, for as long as it says, or a minute', () => {
  for (const [given, seconds] of [
    [answer(429, 'Too Many Requests', { 'content-type': 'text/plain', 'retry-after': '7' }), 7],
    [answer(429, ''), 60],
    [refused(429, 'temporarily_unavailable', 90055, 'Too many.'), 60],
    [answer(429, '', { 'retry-after': 'Sun, 22 Nov 2026 12:02:00 GMT' }), 120],
  ] as const) {
    const fault = faultOf(given);
    assert.deepEqual([fault.code, fault.evidence['retryAfterSeconds']], ['token.throttled', seconds]);
  }
});

test('a page instead of an answer is unavailability from a 5xx, and another server from anything else', () => {
  const page = '<html>\n<body>502 Bad Gateway</body></html>';
  assert.equal(faultOf(answer(502, page)).code, 'token.service-unavailable');
  assert.equal(faultOf(answer(403, page)).code, 'token.answer-unreadable');
  assert.equal(faultOf(answer(404, '')).code, 'token.answer-unreadable');
  assert.equal(faultOf(answer(400, { message: 'no' })).code, 'token.answer-unreadable');
  assert.equal(faultOf(answer(502, page)).evidence['start'], '<html> <body>502 Bad Gateway</body></html>');
});

test('a Retry-After is seconds or a date, never negative, and nothing else', () => {
  assert.deepEqual(
    ['0', ' 120 ', 'Sun, 22 Nov 2026 12:00:10 GMT', 'Sun, 22 Nov 2026 11:00:00 GMT', 'later', undefined].map((value) =>
      retryAfterSeconds(value, now),
    ),
    [0, 120, 10, 0, undefined, undefined],
  );
});

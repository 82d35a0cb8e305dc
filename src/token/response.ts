/**
 * Reads the token endpoint's answer. Pure: status, headers and text in, a token or a fault out.
 *
 * The hard thing: one `error` stands for many causes, and Microsoft says to branch on `error` because numbers and texts may change.
 * But only the AADSTS number tells a person what to do. So the numbers are hints: a known one names the fault, an unknown one keeps
 * everything that came and names nothing. Trace id, correlation id and timestamp always go along: Microsoft's support asks for them.
 */
import type { FaultCode } from '../fault/catalog.ts';
import { type Evidence, Fault } from '../fault/fault.ts';
import type { HttpAnswer } from '../runtime/http.ts';
import { retryAfterSeconds } from '../runtime/retry-after.ts';
import { Secret } from '../runtime/secret.ts';
import type { AccessToken } from './token.ts';

type TokenFaultCode = Extract<FaultCode, `token.${string}`>;

/** M365 (doc): the error code reference of Entra; the texts in the tests are as found in the wild. */
const numbersByFault: Readonly<Partial<Record<TokenFaultCode, readonly number[]>>> = {
  'token.app-not-found': [700016, 700038],
  'token.service-principal-missing': [7000229],
  'token.app-disabled': [7000112],
  'token.tenant-not-found': [90002, 900023, 90019, 50128],
  'token.tenant-not-specific': [50059, 50194, 9001023],
  'token.wrong-cloud': [90038, 900382, 900432, 50049],
  'token.secret-wrong': [7000215],
  'token.secret-expired': [7000222],
  'token.credential-missing': [7000216, 7000218],
  'token.app-is-public': [700025],
  'token.certificate-not-registered': [700027],
  'token.clock-wrong': [700024],
  'token.assertion-malformed': [50027, 50012, 50013],
  'token.assertion-refused': [700030, 70021],
  'token.issuer-not-trusted': [700211],
  // M365 (recorded): 7002137 of a managed identity, 7002138 where only the case differs.
  'token.subject-not-trusted': [700213, 7002131, 7002137, 7002138],
  // M365 (assumed): no page at hand lists it; reports have it.
  'token.audience-not-trusted': [700212],
  'token.assertion-not-app-only': [700229],
  'token.scope-wrong': [70011, 1002012, 70022, 28002, 28003],
  'token.resource-not-found': [500011, 650052, 650057, 50001],
  'token.conditional-access': [53003, 53011, 530032],
  'token.not-app-only': [700082, 50034],
  'token.request-malformed': [90013, 90014, 900144, 9002313, 900561],
  'token.asked-too-often': [50196],
  'token.service-unavailable': [90055, 90006, 90012, 90024, 90033, 90090, 50000, 50033],
};

export const faultByAadsts: ReadonlyMap<number, TokenFaultCode> = new Map(
  Object.entries(numbersByFault).flatMap(([code, numbers]) => (numbers ?? []).map((number) => [number, code as TokenFaultCode] as const)),
);

/** M365 (doc): a 429 names its wait, 60 seconds as a rule; where it does not, the same is supposed. */
const throttledWaitSeconds = 60;
/** A body's start is enough to recognise a proxy's page; more would fill the log. */
const longestQuote = 300;
/** Texts of Entra are some hundred characters; a longer one is not Entra's. */
const longestDescription = 1_500;

/**
 * @param askedAtMs when the request left, by this machine's clock: life is counted from there.
 * @throws Fault token.*; `retryAfterSeconds` stands in the evidence where the answer or custom names a wait.
 */
export function readTokenAnswer(answer: HttpAnswer, askedAtMs: number, nowMs: number): AccessToken {
  const body = jsonObject(answer.text);
  if (answer.status === 200) return grant(answer, body, askedAtMs);
  throw refusal(answer, body, nowMs);
}

/** RFC 6749 §5.1. M365 (doc): `expires_in` is a number here and was a string at the v1 endpoint. */
function grant(answer: HttpAnswer, body: Body | undefined, askedAtMs: number): AccessToken {
  const value = text(body?.['access_token']);
  const lifeSeconds = Number(body?.['expires_in']);
  const bearer = /^bearer$/i.test(text(body?.['token_type']));
  if (value === '' || !bearer || !Number.isFinite(lifeSeconds) || lifeSeconds <= 0) {
    // The body is not quoted: a token may stand in it under another name.
    throw new Fault('token.answer-unreadable', {
      ...whatCame(answer),
      keys: Object.keys(body ?? {})
        .join(', ')
        .slice(0, longestQuote),
    });
  }
  return { value: new Secret(value), issuedAtMs: askedAtMs, expiresAtMs: askedAtMs + lifeSeconds * 1000 };
}

/** RFC 6749 §5.2, with Entra's `error_codes`, `trace_id`, `correlation_id`, `timestamp`, `suberror` and `claims`. */
function refusal(answer: HttpAnswer, body: Body | undefined, nowMs: number): Fault {
  const described = body === undefined ? { start: quoted(answer.text) } : told(body);
  const wait = retryAfterSeconds(answer.headers['retry-after'], nowMs);
  const evidence: Evidence = { ...whatCame(answer), ...described, ...(wait === undefined ? {} : { retryAfterSeconds: wait }) };
  if (answer.status === 429) return new Fault('token.throttled', { ...evidence, retryAfterSeconds: wait ?? throttledWaitSeconds });
  const known = aadstsNumbers(body)
    .map((number) => faultByAadsts.get(number))
    .find((code) => code !== undefined);
  if (known !== undefined) return new Fault(precise(known, body), evidence);
  if (answer.status >= 500 || body?.['error'] === 'temporarily_unavailable' || body?.['error'] === 'server_error') {
    return new Fault('token.service-unavailable', evidence);
  }
  return new Fault(typeof body?.['error'] === 'string' ? 'token.unknown-answer' : 'token.answer-unreadable', evidence);
}

/** M365 (recorded): 700027 says in its text whether the key is unknown or known and expired. */
function precise(code: TokenFaultCode, body: Body | undefined): TokenFaultCode {
  const expired = code === 'token.certificate-not-registered' && /key used is expired/i.test(text(body?.['error_description']));
  return expired ? 'token.certificate-expired' : code;
}

/** The numbers of `error_codes`; where that is missing, the one that the description begins with. */
function aadstsNumbers(body: Body | undefined): number[] {
  const codes: unknown = body?.['error_codes'];
  const listed = Array.isArray(codes) ? codes.map(Number).filter(Number.isInteger) : [];
  const described = /AADSTS(\d+)/.exec(text(body?.['error_description']))?.[1];
  return listed.length > 0 || described === undefined ? listed : [Number(described)];
}

function told(body: Body): Evidence {
  const description = text(body['error_description']);
  const entries: [string, string][] = [
    ['error', text(body['error'])],
    ['suberror', text(body['suberror'])],
    ['codes', aadstsNumbers(body).join(', ')],
    ['description', withoutIds(description)],
    ['claims', text(body['claims'])],
    ['traceId', text(body['trace_id']) || inText(description, /Trace ID: ([0-9a-f-]{36})/i)],
    ['correlationId', text(body['correlation_id']) || inText(description, /Correlation ID: ([0-9a-f-]{36})/i)],
    ['timestamp', text(body['timestamp']) || inText(description, /Timestamp: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ)/)],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== '').map(([key, value]) => [key, value.slice(0, longestDescription)]));
}

/** Older answers put the ids on lines of their own, newer ones behind a blank; they stand in the evidence by name. */
function withoutIds(description: string): string {
  return description
    .replace(/\s*Trace ID: [\s\S]*$/, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function inText(description: string, pattern: RegExp): string {
  return pattern.exec(description)?.[1] ?? '';
}

function whatCame(answer: HttpAnswer): Evidence {
  return { status: answer.status, contentType: answer.headers['content-type'] ?? 'none' };
}

type Body = Readonly<Record<string, unknown>>;

function jsonObject(json: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The start of a foreign text, on one line. A token never stands in an error, but what is not JSON is quoted without long words. */
function quoted(body: string): string {
  return body
    .replace(/\S{100,}/g, '…')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, longestQuote);
}

/**
 * The token of a managed identity, asked for at the local endpoint of an Azure machine: question and answer, nothing sent here.
 *
 * The hard thing is that this endpoint is not Entra. Its refusals have a form of their own, off Azure nobody answers at all, and on
 * Azure it may be away for a minute while it is renewed. M365 (doc): the pages on managed identity tokens for virtual machines and for
 * App Service; Container Apps follow the latter.
 */
import type { FaultCode } from '../fault/catalog.ts';
import { type Evidence, Fault, isFault } from '../fault/fault.ts';
import type { HttpAnswer, HttpQuestion, HttpRequest } from '../runtime/http.ts';
import { retryAfterSeconds } from '../runtime/retry-after.ts';
import { Secret } from '../runtime/secret.ts';
import { federatedAudience } from './assertion.ts';
import type { TokenCredential } from './token.ts';

export type IdentityCredential = Extract<TokenCredential, { kind: 'managed-identity' }>;

/** On the same machine or the one below it; where nobody answers by now there is nobody. M365 (assumed). */
const timeoutMs = 5_000;
/** A token has a few kilobytes. */
const maxBytes = 64 * 1024;
/** M365 (doc): while the endpoint is renewed it answers 410, for up to 70 seconds; three waits of this outlast them. */
const renewalWaitSeconds = 25;

/** In words that may be printed. */
export function describeIdentity({ clientId, endpoint }: IdentityCredential): string {
  return `${clientId ?? 'the one of this machine'} at ${endpoint.url}`;
}

/**
 * Asks the endpoint once, and reads its answer.
 * @returns a JWT for the federated audience of the cloud, to be sent to Entra as assertion
 * @throws Fault token.identity-*; the signal's reason of `ask` when it is aborted
 */
export async function identityAssertion(
  credential: IdentityCredential,
  authority: string,
  ask: HttpRequest,
  nowMs: number,
): Promise<Secret> {
  const question = identityQuestion(credential, authority);
  let answer: HttpAnswer;
  try {
    answer = await ask(question);
  } catch (error) {
    if (!isFault(error)) throw error;
    // What answers at all, but not in HTTP, is something else than an absent endpoint.
    const code = error.code === 'http.answer-unusable' ? 'token.identity-answer-unusable' : 'token.identity-endpoint-absent';
    throw new Fault(code, { ...error.evidence, endpoint: credential.endpoint.url, network: error.code }, { cause: error });
  }
  return readIdentityAnswer(answer, credential, nowMs);
}

/** The question. M365 (doc): api-version 2018-02-01 with `Metadata: true`, or 2019-08-01 with `X-IDENTITY-HEADER`. */
export function identityQuestion({ clientId, audience, endpoint }: IdentityCredential, authority: string): HttpQuestion {
  const url = new URL(endpoint.url);
  url.searchParams.set('api-version', endpoint.header === undefined ? '2018-02-01' : '2019-08-01');
  url.searchParams.set('resource', audience ?? federatedAudience(authority));
  if (clientId !== undefined) url.searchParams.set('client_id', clientId);
  const proof = endpoint.header === undefined ? { metadata: 'true' } : { 'x-identity-header': endpoint.header.reveal() };
  return { method: 'GET', url, headers: { accept: 'application/json', ...proof }, timeoutMs, maxBytes };
}

/** @throws Fault token.identity-not-found, token.identity-busy, token.identity-answer-unusable */
export function readIdentityAnswer(answer: HttpAnswer, credential: IdentityCredential, nowMs: number): Secret {
  const body = jsonObject(answer.text);
  const token = body?.['access_token'];
  if (answer.status === 200 && typeof token === 'string' && token !== '') return new Secret(token);
  const wait = retryAfterSeconds(answer.headers['retry-after'], nowMs) ?? (answer.status === 410 ? renewalWaitSeconds : undefined);
  const description = textOf(body);
  const evidence: Evidence = {
    endpoint: credential.endpoint.url,
    ...(credential.clientId === undefined ? {} : { identityClientId: credential.clientId }),
    status: answer.status,
    contentType: answer.headers['content-type'] ?? 'none',
    // A body of success is not quoted: a token may stand in it under another name.
    ...(answer.status === 200 || description === '' ? {} : { description }),
    ...(wait === undefined ? {} : { retryAfterSeconds: wait }),
  };
  throw new Fault(codeOf(answer.status, description), evidence);
}

/** M365 (assumed): the texts, from memory, by which both endpoints say that there is no such identity, or more than one. */
const noIdentity = /identity not found|no .*managed identity found|multiple user assigned identities/i;

function codeOf(status: number, description: string): FaultCode {
  if ((status === 400 || status === 404) && noIdentity.test(description)) return 'token.identity-not-found';
  // M365 (doc): 404 while it is updated, 410 while it is renewed, 429 and 5xx are to be asked again.
  if (status === 404 || status === 410 || status === 429 || status >= 500) return 'token.identity-busy';
  return 'token.identity-answer-unusable';
}

/** Texts are some words; a longer one is a page. */
const longestDescription = 500;

function textOf(body: Readonly<Record<string, unknown>> | undefined): string {
  const found = [body?.['error_description'], body?.['message'], body?.['error']].find((one) => typeof one === 'string');
  return String(found ?? '').slice(0, longestDescription);
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

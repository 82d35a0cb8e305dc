/**
 * What the ways of signing in have in common: the token endpoint's answer for a person, and its refusals.
 *
 * RFC 6749 §5, RFC 8628 §3.5. M365 (doc): a refresh token serves for other resources too, so one sign-in can be enough for both.
 */
import { Fault } from '../../fault/fault.ts';
import type { HttpAnswer, HttpRequest } from '../../runtime/http.ts';
import { Secret } from '../../runtime/secret.ts';
import { tokenEndpoint } from '../../tenant/cloud.ts';
import { type AdminResource, type AdminToken, inspectAdminToken } from '../token.ts';

/** Where and as whom one signs in. */
export interface SignInPlace {
  /** Origin, e.g. `https://login.microsoftonline.com`. */
  readonly authority: string;
  /** As a GUID. */
  readonly tenantId: string;
  /** Origins of the two resources. */
  readonly origins: Readonly<Record<AdminResource, string>>;
  /** PEM texts, trusted in addition to the system's authorities. */
  readonly ca: readonly string[];
}

export interface SignInPorts {
  readonly request: HttpRequest;
  readonly clock: { now(): number; monotonic(): number; sleep(ms: number, signal?: AbortSignal): Promise<void> };
  /** Tells the person what to do. */
  readonly tell: (text: string) => void;
}

/** What a sign-in gave. */
export interface SignedIn {
  readonly token: AdminToken;
  readonly refresh: Secret | undefined;
}

/** An error of the token endpoint: `error` and what stands beside it. */
export interface OAuthRefusal {
  readonly error: string;
  readonly description: string;
}

/** Asks the token endpoint with these fields. @returns the sign-in, or the refusal for the caller to read @throws Fault network.*, signin.refused */
export async function askToken(
  place: SignInPlace,
  ports: SignInPorts,
  resource: AdminResource,
  fields: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<SignedIn | OAuthRefusal> {
  const answer = await ports.request({
    method: 'POST',
    url: tokenEndpoint(place.authority, place.tenantId),
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new Secret(new URLSearchParams(fields).toString()),
    ca: place.ca,
    signal,
  });
  const body = objectOf(answer);
  const text = body['access_token'];
  if (answer.status !== 200 || typeof text !== 'string') return refusalOf(answer, body);
  const wish = { origin: place.origins[resource], tenantId: place.tenantId };
  const refresh = body['refresh_token'];
  return {
    token: inspectAdminToken(text, resource, wish, ports.clock.now()),
    refresh: typeof refresh === 'string' ? new Secret(refresh) : undefined,
  };
}

export function isRefusal(answer: SignedIn | OAuthRefusal): answer is OAuthRefusal {
  return 'error' in answer;
}

/** What a refusal means for the person. M365 (doc): numbers; the one for a blocked device code is M365 (assumed). */
export function refusalFault({ error, description }: OAuthRefusal, way: string): Fault {
  const evidence = { way, error, description };
  if (error === 'authorization_declined' || error === 'access_denied' || /AADSTS(?:65004|70018)\b/.test(description)) {
    return new Fault('signin.declined', evidence);
  }
  if (error === 'expired_token') return new Fault('signin.timed-out', evidence);
  if (/AADSTS(?:53003|530\d\d|50199|50105)\b/.test(description)) return new Fault('signin.blocked', evidence);
  return new Fault('signin.refused', evidence);
}

/** The body as an object; a page of a proxy is an empty one, and its status tells. */
export function objectOf(answer: HttpAnswer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(answer.text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Texts of Entra are some hundred characters. */
const longestDescription = 1_000;

export function refusalOf(answer: HttpAnswer, body: Readonly<Record<string, unknown>>): OAuthRefusal {
  const error = body['error'];
  const description = body['error_description'];
  return {
    error: typeof error === 'string' ? error : `status ${answer.status}`,
    description: typeof description === 'string' ? description.replace(/\s+/g, ' ').slice(0, longestDescription) : '',
  };
}

/**
 * What a token says about itself, for diagnosis only.
 *
 * M365 (doc): a client must treat the token as opaque. Nothing in Postern decides by these claims; they are shown to people, because
 * they are the best explanation of a refused login there is. The signature is not checked: that is the server's part.
 */
import type { Secret } from '../runtime/secret.ts';

/** Claims of an app-only token for Exchange Online. Each may be missing; times in seconds since 1970. M365 (doc). */
export interface Claims {
  /** Resource, e.g. `https://outlook.office365.com`. */
  readonly aud?: string;
  readonly iss?: string;
  readonly tid?: string;
  /** The client id. */
  readonly appid?: string;
  /** `1`: a secret was used; `2`: a certificate or an assertion. */
  readonly appidacr?: string;
  /** Object id of the service principal (the Enterprise application): what `New-ServicePrincipal -ObjectId` wants. */
  readonly oid?: string;
  /** Granted app roles; missing where none was consented: Entra issues the token all the same. */
  readonly roles?: readonly string[];
  /** Present only in a delegated token, which is the wrong kind here. */
  readonly scp?: string;
  readonly iat?: number;
  readonly exp?: number;
}

/** Claims of an assertion that an outside issuer gives for the app. None of them is secret; times in seconds since 1970. RFC 7523 §3. */
export interface AssertionClaims {
  readonly issuer?: string;
  readonly subject?: string;
  readonly audiences: readonly string[];
  readonly exp?: number;
}

/** The claims of a token, or undefined where it is no JWT. Unknown claims are left out. RFC 7519 §7.2. */
export function readClaims(token: Secret): Claims | undefined {
  const claims = payloadOf(token);
  if (claims === undefined) return undefined;
  const known: Record<string, string | number | readonly string[]> = {};
  for (const name of ['aud', 'iss', 'tid', 'appid', 'appidacr', 'oid', 'scp'] as const) {
    const value = claims[name];
    if (typeof value === 'string') known[name] = value;
  }
  for (const name of ['iat', 'exp'] as const) {
    const value = claims[name];
    if (typeof value === 'number') known[name] = value;
  }
  const roles: unknown = claims['roles'];
  if (Array.isArray(roles)) known['roles'] = roles.filter((role) => typeof role === 'string');
  return known;
}

/** What an assertion says of itself, or undefined where it is no signed JWT: three parts, a header and claims. RFC 7515 §7.1. */
export function readAssertion(assertion: Secret): AssertionClaims | undefined {
  if (!/^\s*[\w-]+\.[\w-]+\.[\w-]+\s*$/.test(assertion.reveal())) return undefined;
  const claims = payloadOf(assertion);
  if (claims === undefined) return undefined;
  const { iss, sub, aud, exp } = claims;
  return {
    ...(typeof iss === 'string' ? { issuer: iss } : {}),
    ...(typeof sub === 'string' ? { subject: sub } : {}),
    audiences: [aud].flat().filter((one) => typeof one === 'string'),
    ...(typeof exp === 'number' ? { exp } : {}),
  };
}

function payloadOf(token: Secret): Record<string, unknown> | undefined {
  const payload = token.reveal().split('.')[1];
  if (payload === undefined) return undefined;
  let raw: unknown;
  try {
    raw = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? { ...raw } : undefined;
}

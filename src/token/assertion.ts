/**
 * The assertion of an outside issuer, as a credential of the app: what is looked at before it is sent.
 *
 * The hard thing is to refuse here only what cannot go well. That it is a JWT and has not ended can be told; whether Entra trusts its
 * issuer, subject and audience only Entra knows, so these are read for people and never judged. The signature is Entra's part too.
 */
import { type Evidence, Fault } from '../fault/fault.ts';
import type { Secret } from '../runtime/secret.ts';
import { readAssertion } from './claims.ts';

/**
 * What the assertion says of itself, as evidence: issuer, subject, audience and end are what a person compares with the record.
 * @param from where it came from, in words
 * @throws Fault token.assertion-not-jwt, token.assertion-expired
 */
export function inspectAssertion(assertion: Secret, from: string, nowMs: number): Evidence {
  const claims = readAssertion(assertion);
  // Not quoted: what stands there may be another secret.
  if (claims === undefined) throw new Fault('token.assertion-not-jwt', { reference: from });
  const { issuer, subject, audiences, exp } = claims;
  const seen = {
    reference: from,
    ...(issuer === undefined ? {} : { issuer: shown(issuer) }),
    ...(subject === undefined ? {} : { subject: shown(subject) }),
    audience: shown(audiences.join(', ')),
    ...(exp === undefined ? {} : { assertionExpiresAt: instant(exp) }),
  };
  if (exp !== undefined && exp * 1000 <= nowMs) {
    throw new Fault('token.assertion-expired', { ...seen, expiredForSeconds: Math.round(nowMs / 1000 - exp) });
  }
  return seen;
}

/** M365 (doc): at most 600 characters in a federated credential record. */
const longestClaim = 600;

function shown(claim: string): string {
  return claim.slice(0, longestClaim);
}

/** Seconds since 1970 as a date, also where they are beyond all dates. */
function instant(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}

/**
 * The audience that the federated credentials of a cloud are made for. M365 (doc): one each for the global cloud, US Government and
 * China. An authority that is none of Microsoft's is taken for the global one's.
 */
export function federatedAudience(authority: string): string {
  const host = new URL(authority).hostname;
  if (host.endsWith('.us')) return 'api://AzureADTokenExchangeUSGov';
  if (host.endsWith('.cn')) return 'api://AzureADTokenExchangeChina';
  return 'api://AzureADTokenExchange';
}

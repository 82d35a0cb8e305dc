/**
 * Federated credentials: assertions of an outside issuer, made here for tests, and judged as Entra judges them.
 *
 * The hard thing is that one refusal stands for three comparisons. M365 (recorded): number and text say which of issuer, subject and
 * audience was looked for in vain; M365 (assumed): their order.
 */

import { randomUUID, sign } from 'node:crypto';
import { compactVerify, type JWTPayload } from 'jose';
import { thumbprints } from '../certificates.ts';
import { type AssertionWish, clientIdOf, tenantId } from '../scenario/shape.ts';
import type { App, Tenant } from '../tenant.ts';
import type { AadstsNumber } from './aadsts.ts';

/** A cluster that writes an assertion into a file of each pod. M365 (doc): names as in the pages on workload identity. */
export const outsideIssuer = 'https://kubernetes.contoso.test/';
export const outsideSubject = 'system:serviceaccount:mail:postern';
/** M365 (doc): for the global cloud; the others have names of their own. */
export const federatedAudience = 'api://AzureADTokenExchange';
/** The issuer of a managed identity's tokens. M365 (doc). */
export const entraIssuer = `https://login.microsoftonline.com/${tenantId}/v2.0`;

/** Signs an assertion: that of the pod unless it is wished otherwise. RFC 7519 §3. */
export function issueAssertion(tenant: Tenant, wish: AssertionWish = {}): string {
  const issuer = wish.issuer ?? outsideIssuer;
  const identity = wish.foreignSignature ? tenant.foreignKey : (tenant.issuers.get(issuer) ?? tenant.foreignKey);
  const now = Math.floor(tenant.now().getTime() / 1000);
  const expires = now + (wish.livesSeconds ?? 3600);
  const begins = Math.min(now, expires - 3600);
  const claims = {
    // An array, as a cluster writes it. RFC 7519 §4.1.3 allows both.
    aud: [wish.audience ?? federatedAudience],
    iss: issuer,
    sub: wish.subject ?? outsideSubject,
    iat: begins,
    nbf: begins,
    exp: expires,
    jti: randomUUID(),
    ...(wish.scope === undefined ? {} : { scp: wish.scope, tid: tenant.id, appid: clientIdOf(1) }),
  };
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'RS256', typ: 'JWT', kid: thumbprints(identity.certificate).x5t })}.${part(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), identity.key).toString('base64url')}`;
}

/** Seconds by which clocks may differ. M365 (assumed): five minutes. */
const clockToleranceSeconds = 300;

export type FederatedRefusal = { readonly number: AadstsNumber; readonly values?: Readonly<Record<string, string>> } | undefined;

/** Why the app does not trust this assertion, or undefined. */
export async function refuseAssertion(
  tenant: Tenant,
  app: App,
  assertion: string,
  claims: JWTPayload,
  now: Date,
): Promise<FederatedRefusal> {
  const { iss = '', sub = '', exp, nbf } = claims;
  const audiences = [claims.aud ?? []].flat();
  const values = { issuer: iss, subject: sub, audience: audiences.join(', ') };
  const ofIssuer = app.federated.filter(({ issuer }) => issuer === iss);
  if (ofIssuer.length === 0) return { number: 700211, values };
  const seconds = now.getTime() / 1000;
  const tooLate = exp === undefined || exp + clockToleranceSeconds < seconds;
  if (tooLate || (nbf !== undefined && nbf - clockToleranceSeconds > seconds)) return { number: 700024 };
  const issuer = tenant.issuers.get(iss);
  if (issuer === undefined || !(await isSignedBy(assertion, issuer.certificate.publicKey))) return { number: 50013 };
  if (claims['scp'] !== undefined) return { number: 700229 };
  const ofSubject = ofIssuer.filter(({ subject }) => fits(subject, sub));
  if (ofSubject.length === 0)
    return {
      number: whyNotSubject(
        ofIssuer.map(({ subject }) => subject),
        sub,
      ),
      values,
    };
  return ofSubject.some(({ audience }) => audiences.includes(audience)) ? undefined : { number: 700212, values };
}

async function isSignedBy(assertion: string, key: Parameters<typeof compactVerify>[1]): Promise<boolean> {
  try {
    await compactVerify(assertion, key, { algorithms: ['RS256'] });
    return true;
  } catch {
    return false;
  }
}

function fits(wanted: string, subject: string): boolean {
  return wanted.endsWith('*') ? subject.startsWith(wanted.slice(0, -1)) : wanted === subject;
}

function whyNotSubject(wanted: readonly string[], subject: string): AadstsNumber {
  if (wanted.some((one) => one.toLowerCase() === subject.toLowerCase())) return 7002138;
  return wanted.some((one) => one.endsWith('*')) ? 7002131 : 700213;
}

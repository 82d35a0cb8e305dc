/**
 * Judges the credential in a token request: a secret, a certificate's assertion, or that of an outside issuer.
 *
 * The hard thing is the order of the checks, because a client sees only the first refusal. M365 (assumed): the order is ours.
 */

import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose';
import { thumbprints } from '../certificates.ts';
import type { App, Tenant } from '../tenant.ts';
import type { AadstsNumber } from './aadsts.ts';
import { refuseAssertion } from './federation.ts';

export type Verdict =
  | { readonly kind: 'accepted'; readonly appidacr: '1' | '2' }
  | { readonly kind: 'refused'; readonly number: AadstsNumber; readonly values?: Readonly<Record<string, string>> };

const refused = (number: AadstsNumber, values?: Readonly<Record<string, string>>): Verdict =>
  values ? { kind: 'refused', number, values } : { kind: 'refused', number };

export function judgeSecret(app: App, secret: string, now: Date): Verdict {
  if (app.publicClient) return refused(700025);
  const known = app.secrets.find((candidate) => candidate.value === secret);
  // M365 (recorded): a new secret is not known everywhere at once.
  if (!known || (known.unknownFor ?? 0) > 0) {
    if (known?.unknownFor) known.unknownFor -= 1;
    return refused(7000215);
  }
  if (known.expires <= now) return refused(7000222);
  return { kind: 'accepted', appidacr: '1' };
}

/** Seconds by which clocks may differ. M365 (assumed): five minutes. */
const clockToleranceSeconds = 300;

/** M365 (doc): assertion of certificate credentials: PS256 with `x5t#S256`, or RS256 with `x5t`; aud, iss, sub, exp, nbf, jti. */
export async function judgeAssertion(
  tenant: Tenant,
  app: App,
  assertion: string,
  audiences: readonly string[],
  now: Date,
): Promise<Verdict> {
  if (app.publicClient) return refused(700025);
  const parts = readAssertion(assertion);
  if (!parts) return refused(50027);
  const { header, claims } = parts;
  if (claims.iss !== app.clientId || claims.sub !== app.clientId) {
    if (!claims.iss?.startsWith('https://')) return refused(50027);
    // M365 (doc): an issuer other than the app itself is looked for among its federated credentials.
    const why = await refuseAssertion(tenant, app, assertion, claims, now);
    // M365 (assumed): the token says the same of it as of a certificate.
    return why === undefined ? { kind: 'accepted', appidacr: '2' } : refused(why.number, why.values);
  }
  const audience = [claims.aud ?? []].flat();
  if (!audience.some((one) => audiences.includes(one))) return refused(50027);

  const named = typeof header['x5t#S256'] === 'string' ? header['x5t#S256'] : header.x5t;
  const certificate = app.certificates.find((one) => {
    const prints = thumbprints(one);
    return named !== undefined && (named === prints.x5tS256 || named === prints.x5t);
  });
  const thumbprint = named === undefined ? '' : Buffer.from(named, 'base64url').toString('hex').toUpperCase();
  if (!certificate) return refused(700027, { reason: 'The key was not found.', thumbprint });
  if (certificate.validToDate <= now) {
    const found = `, Found key 'Start=${certificate.validFromDate.toISOString()}, End=${certificate.validToDate.toISOString()}'`;
    return refused(700027, { reason: 'The key used is expired.', thumbprint, found });
  }
  try {
    await compactVerify(assertion, certificate.publicKey, { algorithms: ['PS256', 'RS256'] });
  } catch {
    return refused(700027, { reason: 'The provided signature value did not match the expected signature value.', thumbprint });
  }
  const seconds = now.getTime() / 1000;
  const tooLate = claims.exp === undefined || claims.exp + clockToleranceSeconds < seconds;
  const tooEarly = claims.nbf !== undefined && claims.nbf - clockToleranceSeconds > seconds;
  return tooLate || tooEarly ? refused(700024) : { kind: 'accepted', appidacr: '2' };
}

function readAssertion(assertion: string) {
  try {
    return { header: decodeProtectedHeader(assertion), claims: decodeJwt(assertion) };
  } catch {
    return undefined;
  }
}

/**
 * Asks for a token, once: a check says what it met and does not wait for better weather. Then reads what the token says about itself.
 *
 * The token stays in memory and goes to the logins only; the observation has its claims and its times.
 */
import type { TenantConfig } from '../../config/config.ts';
import { type Evidence, Fault } from '../../fault/fault.ts';
import type { HttpRequest } from '../../runtime/http.ts';
import { type Claims, readClaims } from '../../token/claims.ts';
import { tokenRequest } from '../../token/request.ts';
import { readTokenAnswer } from '../../token/response.ts';
import type { AccessToken, TokenApp } from '../../token/token.ts';
import { type AskingPorts, type Observation, observe, whyNot } from '../observation.ts';

export interface TokenLook {
  readonly observations: readonly Observation[];
  readonly token?: AccessToken;
  readonly claims?: Claims;
}

/** A refusal that takes longer is no answer any more. */
const tokenTimeoutMs = 30_000;

export function tokenApp(tenant: TenantConfig): TokenApp {
  const { tenantId, clientId, scope, credential, ca } = tenant;
  return { authority: tenant.cloud.authority, tenantId, clientId, scope, credential, ca };
}

export async function lookAtToken(tenant: TenantConfig, ports: AskingPorts): Promise<TokenLook> {
  const { clock, request, signal } = ports;
  const place = { tenant: tenant.name };
  let token: AccessToken | undefined;
  const asked = await observe('token', place, ports, async () => {
    const askedAtMs = clock.now();
    const ask: HttpRequest = (local) => request({ ...local, ...(signal === undefined ? {} : { signal }) });
    const { provenBy, ...question } = await tokenRequest(tokenApp(tenant), askedAtMs, ask);
    const answer = await ask({ timeoutMs: tokenTimeoutMs, ...question });
    const clockFacts = offsetFrom(answer.headers['date'], (askedAtMs + clock.now()) / 2);
    try {
      token = readTokenAnswer(answer, askedAtMs, clock.now());
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      throw new Fault(error.code, { ...error.evidence, ...provenBy, ...clockFacts }, { cause: error });
    }
    return { expiresInSeconds: Math.round((token.expiresAtMs - askedAtMs) / 1000), ...provenBy, ...clockFacts };
  });
  if (token === undefined) {
    const unread = { probe: 'claims', place, outcome: 'not-run', because: whyNot(asked) } as const;
    ports.onObservation?.(unread);
    return { observations: [asked, unread] };
  }
  const { value } = token;
  const claims = readClaims(value);
  const read = await observe('claims', place, ports, () => (claims === undefined ? { readable: false } : claimFacts(claims, clock.now())));
  return { observations: [asked, read], token, ...(claims === undefined ? {} : { claims }) };
}

/** How far this machine's clock is ahead of the other side's. RFC 9110 §6.6.1: `Date` has a resolution of one second. */
function offsetFrom(date: string | undefined, nowMs: number): Evidence {
  const theirs = Date.parse(date ?? '');
  return Number.isNaN(theirs) ? {} : { clockAheadSeconds: Math.round((nowMs - theirs) / 1000) };
}

/** M365 (doc): `appidacr` 1 is a secret, 2 a certificate or an assertion. */
function claimFacts(claims: Claims, nowMs: number): Evidence {
  const { aud, tid, appid, oid, roles, scp, iat, exp, appidacr } = claims;
  const proof = { '0': 'none', '1': 'secret', '2': 'certificate or assertion' }[appidacr ?? ''];
  const facts: Record<string, string | number | boolean | undefined> = {
    readable: true,
    aud,
    tid,
    appid,
    oid,
    // Role names have no blanks. M365 (doc).
    roles: (roles ?? []).join(' '),
    scp,
    issuedAt: iat === undefined ? undefined : new Date(iat * 1000).toISOString(),
    expiresAt: exp === undefined ? undefined : new Date(exp * 1000).toISOString(),
    secondsLeft: exp === undefined ? undefined : Math.round(exp - nowMs / 1000),
    provenBy: proof,
  };
  const known: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(facts)) if (value !== undefined) known[name] = value;
  return known;
}

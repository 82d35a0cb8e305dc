/**
 * The access token: a v1-style JWT for Exchange, signed RS256.
 *
 * The hard thing is that clients must treat it as opaque while their diagnosis reads it, so every claim that Microsoft documents for an app-only token is there
 * with the right meaning. M365 (doc): access token claims reference, configurable token lifetimes.
 */

import { randomBytes } from 'node:crypto';
import { decodeJwt, jwtVerify, SignJWT } from 'jose';
import { thumbprints } from '../certificates.ts';
import type { App, Principal, Tenant } from '../tenant.ts';

export interface Grant {
  readonly app: App;
  readonly principal: Principal;
  readonly audience: string;
  readonly roles: readonly string[];
  /** 1 = secret, 2 = certificate. */
  readonly appidacr: '1' | '2';
}

const backdatedSeconds = 300;

/** The token's serial rides in the last four bytes of `uti`, so that the control port can expire every token issued up to now. */
function utiOf(serial: number): string {
  const bytes = randomBytes(16);
  bytes.writeUInt32BE(serial, 12);
  return bytes.toString('base64url');
}

function serialOf(uti: unknown): number {
  const bytes = typeof uti === 'string' ? Buffer.from(uti, 'base64url') : Buffer.alloc(0);
  return bytes.length === 16 ? bytes.readUInt32BE(12) : -1;
}

/** The time of the services as this app meets them: quirk `clockOffsetSeconds`. */
export function clockFor(tenant: Tenant, app: App | undefined): Date {
  return new Date(tenant.now().getTime() + offsetMs(app));
}

function offsetMs(app: App | undefined): number {
  return (app?.quirks.clockOffsetSeconds ?? 0) * 1000;
}

/** Signs a token. `iat` and `nbf` lie five minutes back, as Entra's do; `exp` is `expires_in` seconds from now. */
export async function issueToken(tenant: Tenant, grant: Grant): Promise<string> {
  const { app, principal } = grant;
  const now = Math.floor(clockFor(tenant, app).getTime() / 1000);
  const expires = app.quirks.tokenAlreadyExpired ? now - 60 : now + app.tokenLifetimeSeconds;
  const issuedAt = Math.min(now, expires - 1) - backdatedSeconds;
  const key = app.quirks.foreignSignature ? tenant.foreignKey : tenant.signingKey;
  const { x5t } = thumbprints(tenant.signingKey.certificate);
  const serial = tenant.nextTokenSerial;
  tenant.nextTokenSerial += 1;
  return await new SignJWT({
    aud: grant.audience,
    iss: `https://sts.windows.net/${tenant.id}/`,
    iat: issuedAt,
    nbf: issuedAt,
    exp: expires,
    aio: randomBytes(24).toString('base64'),
    app_displayname: app.name,
    appid: app.clientId,
    appidacr: grant.appidacr,
    idp: `https://sts.windows.net/${tenant.id}/`,
    ...(app.quirks.delegatedScope === undefined ? { idtyp: 'app' } : {}),
    oid: principal.oid,
    rh: `1.${randomBytes(18).toString('base64url')}.`,
    // M365 (doc): without a consented role the claim is absent, and the token is issued all the same.
    ...(grant.roles.length > 0 ? { roles: [...grant.roles] } : {}),
    ...(app.quirks.delegatedScope === undefined ? {} : { scp: app.quirks.delegatedScope }),
    sub: principal.oid,
    tid: tenant.id,
    uti: utiOf(serial),
    ver: '1.0',
    wids: ['0997a1d0-0d1d-4acb-b408-d5ca73121e90'],
  })
    .setProtectedHeader({ typ: 'JWT', alg: 'RS256', x5t, kid: x5t })
    .sign(key.key);
}

export interface TokenFacts {
  readonly appId: string;
  readonly oid: string;
  readonly roles: readonly string[];
  readonly expires: Date;
}

/** What Exchange checks of a token by itself. Returns why not, as text for the sandbox's journal, when it does not take it. */
export async function readToken(tenant: Tenant, token: string, audiences: readonly string[]): Promise<TokenFacts | string> {
  try {
    const app = tenant.apps.get(String(decodeJwt(token)['appid']));
    const { payload } = await jwtVerify(token, tenant.signingKey.certificate.publicKey, {
      algorithms: ['RS256'],
      issuer: `https://sts.windows.net/${tenant.id}/`,
      audience: [...audiences],
      currentDate: clockFor(tenant, app),
      requiredClaims: ['exp', 'oid', 'appid', 'tid'],
    });
    if (payload['scp'] !== undefined) return 'the token is delegated (it has scp)';
    if (serialOf(payload['uti']) < tenant.tokensTakenFrom) return 'the token was expired through the control port';
    const roles = Array.isArray(payload['roles']) ? payload['roles'].map(String) : [];
    // `expires` is on the machine's clock, because the session's timer is.
    const expires = new Date((payload.exp ?? 0) * 1000 - offsetMs(app));
    return { appId: String(payload['appid']), oid: String(payload['oid']), roles, expires };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

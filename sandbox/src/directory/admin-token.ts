/**
 * Tokens of people who administer, and of apps that do: what Graph and the Exchange plane look at before anything else.
 *
 * M365 (doc): `aud` is the resource, `scp` the delegated permissions of the client, `roles` those of an app without a person.
 */

import { randomBytes } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { thumbprints } from '../certificates.ts';
import type { Tenant } from '../tenant.ts';
import type { Admin } from './state.ts';

const lifeSeconds = 3600;

/** A delegated token, as a client gets it that a person has signed in to. */
export async function issueAdminToken(
  tenant: Tenant,
  admin: Admin,
  token: { readonly clientId: string; readonly audience: string; readonly scopes: readonly string[] },
): Promise<{ readonly value: string; readonly expiresIn: number }> {
  const now = Math.floor(tenant.now().getTime() / 1000);
  const { x5t } = thumbprints(tenant.signingKey.certificate);
  const value = await new SignJWT({
    aud: token.audience,
    iss: `https://sts.windows.net/${tenant.id}/`,
    iat: now,
    nbf: now,
    exp: now + lifeSeconds,
    acr: '1',
    amr: ['pwd', 'mfa'],
    appid: token.clientId,
    appidacr: '0',
    name: admin.name,
    oid: admin.oid,
    scp: token.scopes.join(' '),
    sub: randomBytes(24).toString('base64url'),
    tid: tenant.id,
    unique_name: admin.upn,
    upn: admin.upn,
    uti: randomBytes(16).toString('base64url'),
    ver: '1.0',
  })
    .setProtectedHeader({ typ: 'JWT', alg: 'RS256', x5t, kid: x5t })
    .sign(tenant.signingKey.key);
  return { value, expiresIn: lifeSeconds };
}

/** Who calls. */
export interface Caller {
  readonly actor: string;
  /** Object id of the person, or of the app's service principal. */
  readonly oid: string;
  /** Undefined for an app without a person. */
  readonly admin: Admin | undefined;
  /** Delegated scopes, or the app's own roles. */
  readonly permissions: readonly string[];
  /** Roles of the directory: the person's, or the service principal's. */
  readonly directoryRoles: readonly string[];
}

/** @returns undefined for a token that this resource does not take */
export async function callerOf(
  tenant: Tenant,
  authorization: string | undefined,
  audiences: readonly string[],
): Promise<Caller | undefined> {
  const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) return undefined;
  try {
    const { payload } = await jwtVerify(token, tenant.signingKey.certificate.publicKey, {
      algorithms: ['RS256'],
      issuer: `https://sts.windows.net/${tenant.id}/`,
      audience: [...audiences],
      currentDate: tenant.now(),
    });
    const admin = tenant.directory.admins.get(String(payload['upn']));
    const roles = Array.isArray(payload['roles']) ? payload['roles'].map(String) : [];
    const permissions = typeof payload['scp'] === 'string' ? payload['scp'].split(' ') : roles;
    const directoryRoles = admin?.roles ?? tenant.directory.memberships.get(String(payload['oid'])) ?? [];
    return { actor: admin?.upn ?? String(payload['appid']), oid: String(payload['oid']), admin, permissions, directoryRoles };
  } catch {
    return undefined;
  }
}

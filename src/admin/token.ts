/**
 * The words of the administrator's sign-in: a token for one of the two resources, and what it says of who may do what.
 *
 * The hard thing: a token request can name scopes of one resource only, so there are two tokens, and a token that was handed over from
 * outside may be for the wrong resource, tenant or day. That is looked at here, before a server says it worse.
 */
import { Fault } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';

/** The resource whose interface is asked. */
export type AdminResource = 'graph' | 'exchange';

export interface AdminToken {
  readonly value: Secret;
  readonly claims: AdminClaims;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** What is told of a token to a person; none of it is secret. M365 (doc): access token claims. */
export interface AdminClaims {
  readonly audience: string;
  readonly tenantId: string;
  /** Object id of the person, or of the service principal of an app without one. */
  readonly oid: string;
  /** Undefined for an app without a person. */
  readonly upn: string | undefined;
  /** Delegated permissions, or the app's own roles. */
  readonly permissions: readonly string[];
  readonly appId: string;
}

/** Gives tokens of one administrator for both resources; signs in when it has to. */
export interface AdminTokens {
  /**
   * @throws Fault signin.*, network.*; the signal's reason
   */
  token(resource: AdminResource, signal: AbortSignal): Promise<AdminToken>;
}

export interface TokenWish {
  /** Origin of the resource, e.g. `https://graph.microsoft.com`. */
  readonly origin: string;
  /** As a GUID. */
  readonly tenantId: string;
}

/** Names under which the resources are known besides their origin. M365 (doc): the first-party application ids. */
const resourceIds: Readonly<Record<AdminResource, string>> = {
  graph: '00000003-0000-0000-c000-000000000000',
  exchange: '00000002-0000-0ff1-ce00-000000000000',
};
/** No token is used that ends within this: a step takes a moment. */
const leastLifeMs = 60_000;

/**
 * Reads a token and holds it against what it is for. The signature is not checked: that is the server's part.
 * @throws Fault signin.token-unfit
 */
export function inspectAdminToken(text: string, resource: AdminResource, wish: TokenWish, nowMs: number): AdminToken {
  const unfit = (seen: string): Fault => new Fault('signin.token-unfit', { seen, resource: wish.origin, tenant: wish.tenantId });
  const claims = readClaims(text);
  if (claims === undefined) throw unfit('it is no access token: three parts joined by dots are wanted');
  const audience = textOf(claims['aud']).replace(/\/$/, '');
  if (audience !== wish.origin && audience !== resourceIds[resource])
    throw unfit(`it is for ${audience === '' ? 'no resource' : audience}`);
  const tenantId = textOf(claims['tid']);
  if (tenantId.toLowerCase() !== wish.tenantId.toLowerCase()) throw unfit(`it is of the tenant ${tenantId}`);
  const expiresAtMs = Number(claims['exp']) * 1000;
  if (!(expiresAtMs > nowMs + leastLifeMs)) throw unfit('it has run out, or will within a minute');
  const scopes = textOf(claims['scp'])
    .split(' ')
    .filter((one) => one !== '');
  const roles: unknown = claims['roles'];
  return {
    value: new Secret(text),
    expiresAtMs,
    claims: {
      audience,
      tenantId,
      oid: textOf(claims['oid']),
      upn: textOf(claims['upn']) || textOf(claims['unique_name']) || undefined,
      permissions: scopes.length > 0 ? scopes : Array.isArray(roles) ? roles.map(String) : [],
      appId: textOf(claims['appid']),
    },
  };
}

function readClaims(token: string): Readonly<Record<string, unknown>> | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

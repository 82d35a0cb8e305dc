/**
 * Tokens of one sign-in for both resources: kept while they last, and renewed without the person where that can be.
 *
 * The hard thing is that one sign-in need not serve for both: Microsoft's own clients hold one resource each, so the second resource may
 * want a second sign-in, with another client.
 */
import type { AdminResource, AdminToken, AdminTokens } from '../token.ts';
import { askToken, isRefusal, type SignedIn, type SignInPlace, type SignInPorts } from './oauth.ts';

/** M365 (recorded): ids of Microsoft's own public clients, there in every tenant; a tenant may block them, so others can be given. */
export const publicClients: Readonly<Record<AdminResource, string>> = {
  /** Microsoft Graph Command Line Tools. */
  graph: '14d82eec-204b-4c2f-b7e8-296a70dab67e',
  /** The one of the module ExchangeOnlineManagement. */
  exchange: 'fb78d390-0c51-40cd-8e17-fdbfab77341b',
};

/** What is asked for. M365 (doc): least permissions of the calls that are made. */
export function scopesFor(resource: AdminResource, purpose: 'look' | 'change', origin: string): string {
  const names =
    resource === 'exchange'
      ? ['.default']
      : purpose === 'look'
        ? ['Application.Read.All', 'Directory.Read.All']
        : ['Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All', 'DelegatedPermissionGrant.ReadWrite.All'];
  return [...names.map((name) => `${origin}/${name}`), 'offline_access', 'openid'].join(' ');
}

/** One way of signing in: makes a person sign in to this client, and resolves with what that gave. */
export type SignIn = (
  client: { readonly id: string; readonly scope: string; readonly resource: AdminResource },
  signal: AbortSignal,
) => Promise<SignedIn>;

export interface SessionOptions {
  readonly place: SignInPlace;
  readonly purpose: 'look' | 'change';
  /** Client ids by resource; one that holds both saves a sign-in. */
  readonly clients: Readonly<Record<AdminResource, string>>;
}

/** @param signIn what to do when nothing else helps */
export function signInSession(options: SessionOptions, ports: SignInPorts, signIn: SignIn): AdminTokens {
  const kept = new Map<AdminResource, SignedIn>();
  return {
    async token(resource, signal): Promise<AdminToken> {
      const known = kept.get(resource);
      if (known !== undefined && known.token.expiresAtMs > ports.clock.now() + renewAheadMs) return known.token;
      const scope = scopesFor(resource, options.purpose, options.place.origins[resource]);
      const fresh =
        (await renewed(options, ports, kept, resource, scope, signal)) ??
        (await signIn({ id: options.clients[resource], scope, resource }, signal));
      kept.set(resource, fresh);
      return fresh.token;
    },
  };
}

const renewAheadMs = 2 * 60_000;

/** By the refresh token of this resource, or of the other one where both have the same client. Undefined where that gives nothing. */
async function renewed(
  options: SessionOptions,
  ports: SignInPorts,
  kept: ReadonlyMap<AdminResource, SignedIn>,
  resource: AdminResource,
  scope: string,
  signal: AbortSignal,
): Promise<SignedIn | undefined> {
  for (const [other, { refresh }] of kept) {
    const client = options.clients[other];
    if (refresh === undefined || client !== options.clients[resource]) continue;
    const fields = { grant_type: 'refresh_token', client_id: client, refresh_token: refresh.reveal(), scope };
    const answer = await askToken(options.place, ports, resource, fields, signal);
    if (!isRefusal(answer)) return answer;
  }
  return undefined;
}

/**
 * When the credential that an app logs in with ends, asked of Graph by the app itself: once, with a token of its own for Graph.
 *
 * The hard thing is to be harmless. Nothing that can go wrong here is a fault of the import: every way out is an answer, and the one that
 * most tenants give is that the app may not ask.
 */
import { X509Certificate } from 'node:crypto';
import type { TenantConfig } from '../../config/config.ts';
import { type Fault, isFault } from '../../fault/fault.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { HttpRequest } from '../../runtime/http.ts';
import type { Secret } from '../../runtime/secret.ts';
import { appTokens } from '../sign-in/handed-over.ts';
import { resolveTenantId } from '../tenant-id.ts';
import { graphClient } from './client.ts';
import { type CredentialEnd, credentialEnds, endOf } from './credential-ends.ts';
import type { Unknown } from './unknown-end.ts';

export type OwnEnd =
  | { readonly kind: 'known'; readonly what: CredentialEnd['what']; readonly ends: Date }
  | { readonly kind: 'unknown'; readonly because: Unknown; readonly fault?: Fault };

export interface OwnEndPorts {
  readonly request: HttpRequest;
  readonly clock: Clock;
  readonly random: () => number;
  /** A token of this app for another scope than that of its mail. @throws Fault token.*, network.*, config.secret-* */
  readonly token: (scope: string, signal: AbortSignal) => Promise<Secret>;
}

/** M365 (doc): length of the hint of a secret. */
const hintChars = 3;

/** What Entra shows of the credential that is configured, read anew. @returns undefined where it has none that ends @throws Fault config.secret-* */
export async function credentialMark({
  credential,
}: Pick<TenantConfig, 'credential'>): Promise<Pick<CredentialEnd, 'what' | 'mark'> | undefined> {
  if (credential.kind === 'secret') {
    return { what: 'client secret', mark: (await credential.secret.resolve()).reveal().slice(0, hintChars) };
  }
  if (credential.kind !== 'certificate') return undefined;
  return { what: 'certificate', mark: new X509Certificate(credential.certificate).fingerprint.replaceAll(':', '') };
}

/** @throws the signal's reason; a bug of ours */
export async function ownCredentialEnd(tenant: TenantConfig, ports: OwnEndPorts, signal: AbortSignal): Promise<OwnEnd> {
  const { request, clock, random, token } = ports;
  const { cloud, ca, clientId } = tenant;
  const { graph: origin, graphResource = origin } = cloud;
  try {
    const mine = await credentialMark(tenant);
    if (mine === undefined) return { kind: 'unknown', because: 'no-end' };
    if (origin === undefined || graphResource === undefined) return { kind: 'unknown', because: 'no-graph' };
    const tenantId = await resolveTenantId(cloud.authority, tenant.tenantId, ca, { request, signal });
    const place = { authority: cloud.authority, tenantId, origins: { graph: graphResource, exchange: '' }, ca };
    const tokens = appTokens(place, { request, clock, tell: () => undefined }, token);
    const graph = graphClient(origin, ca, { request, clock, random, tokens, signal });
    const listed = await credentialEnds(graph, tokens, clientId, signal);
    if (listed.kind !== 'listed') return { kind: 'unknown', because: listed.kind };
    const own = endOf(listed.ends, mine, clock.now());
    return own === undefined ? { kind: 'unknown', because: 'not-listed' } : { kind: 'known', what: own.what, ends: own.ends };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { kind: 'unknown', because: 'failed', fault: error };
  }
}

/** The id of a tenant that is named by a domain. */
import { Fault } from '../fault/fault.ts';
import type { HttpRequest } from '../runtime/http.ts';
import { isGuid } from '../tenant/ids.ts';

/**
 * M365 (doc): the discovery document is public, and its issuer has the tenant's id in its path.
 * @param tenantId a GUID, which is given back, or a verified domain
 * @throws Fault token.tenant-not-found, network.*
 */
export async function resolveTenantId(
  authority: string,
  tenantId: string,
  ca: readonly string[],
  { request, signal }: { readonly request: HttpRequest; readonly signal: AbortSignal },
): Promise<string> {
  if (isGuid(tenantId)) return tenantId.toLowerCase();
  const url = new URL(`${authority}/${encodeURIComponent(tenantId)}/v2.0/.well-known/openid-configuration`);
  const { status, text } = await request({ method: 'GET', url, ca, signal });
  const found = /"issuer"\s*:\s*"[^"]*\/([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\//i.exec(text)?.[1];
  if (status !== 200 || found === undefined) throw new Fault('token.tenant-not-found', { tenantId, authority, status });
  return found.toLowerCase();
}

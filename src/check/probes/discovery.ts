/**
 * On which cloud does this tenant live? Asks the configured authority for the tenant's OpenID document, and, where the tenant is
 * unknown there, the authorities of the other clouds. Nothing of the app is sent. M365 (doc): the document is public.
 */
import type { TenantConfig } from '../../config/config.ts';
import { type Evidence, Fault, isFault } from '../../fault/fault.ts';
import { readTokenAnswer } from '../../token/response.ts';
import { type AskingPorts, type Observation, observe } from '../observation.ts';

/** An authority that might know a tenant, and what to write as `cloud:` if it does. */
export interface KnownAuthority {
  readonly cloud: string;
  readonly authority: string;
}

const timeoutMs = 15_000;

export async function lookAtDiscovery(tenant: TenantConfig, others: readonly KnownAuthority[], ports: AskingPorts): Promise<Observation> {
  const { authority } = tenant.cloud;
  return await observe('discovery', { tenant: tenant.name }, ports, async () => {
    try {
      return { authority, ...(await ask(authority, tenant, ports)) };
    } catch (error) {
      if (!isFault(error, 'token.tenant-not-found', 'token.wrong-cloud')) throw error;
      const knownIn = await findElsewhere(
        tenant,
        others.filter((other) => other.authority !== authority),
        ports,
      );
      throw new Fault(error.code, { authority, ...error.evidence, ...knownIn }, { cause: error });
    }
  });
}

async function findElsewhere(tenant: TenantConfig, others: readonly KnownAuthority[], ports: Parameters<typeof ask>[2]): Promise<Evidence> {
  const answers = await Promise.all(
    others.map(async ({ cloud, authority }) => {
      try {
        await ask(authority, tenant, ports);
        return { cloud, authority, knows: true };
      } catch (error) {
        if (!isFault(error)) throw error;
        return { cloud, authority, knows: false };
      }
    }),
  );
  const found = answers.find(({ knows }) => knows);
  const asked = answers.map(({ authority }) => authority).join(', ');
  if (found !== undefined) return { knownIn: found.cloud, knownBy: found.authority };
  return asked === '' ? {} : { alsoAsked: asked };
}

async function ask(authority: string, tenant: TenantConfig, { clock, request, signal }: AskingPorts): Promise<Evidence> {
  const url = new URL(`${authority}/${encodeURIComponent(tenant.tenantId)}/v2.0/.well-known/openid-configuration`);
  const question = { method: 'GET', url, headers: { accept: 'application/json' }, ca: tenant.ca, timeoutMs } as const;
  const answer = await request({ ...question, ...(signal === undefined ? {} : { signal }) });
  // A refusal has the form of the token endpoint's. M365 (recorded).
  if (answer.status !== 200) readTokenAnswer(answer, clock.now(), clock.now());
  const facts: Record<string, string> = {};
  for (const name of ['issuer', 'cloud_instance_name', 'tenant_region_scope', 'tenant_region_sub_scope']) {
    const value = property(answer.text, name);
    if (value !== undefined) facts[name] = value.slice(0, 200);
  }
  const { issuer } = facts;
  if (issuer === undefined) {
    throw new Fault('token.answer-unreadable', { authority, status: answer.status, contentType: answer.headers['content-type'] ?? 'none' });
  }
  const tenantId = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/i.exec(issuer)?.[0];
  return {
    issuer,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(facts['cloud_instance_name'] === undefined ? {} : { instance: facts['cloud_instance_name'] }),
    ...(facts['tenant_region_scope'] === undefined ? {} : { region: facts['tenant_region_scope'] }),
    ...(facts['tenant_region_sub_scope'] === undefined ? {} : { subRegion: facts['tenant_region_sub_scope'] }),
  };
}

function property(json: string, name: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === 'string' ? found : undefined;
}

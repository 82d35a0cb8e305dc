/** All tenants that the service knows: those of the file, and the app of each source that was made in the console with one of its own. */
import type { SourceConfig, TenantConfig } from '../../config/config.ts';
import { Fault } from '../../fault/fault.ts';
import type { ServiceParts } from '../parts.ts';

export interface KnownTenant {
  readonly tenant: TenantConfig;
  readonly origin: 'file' | 'console';
  /** That log in with it. */
  readonly sources: readonly SourceConfig[];
}

export function knownTenants({ config, engine }: ServiceParts): readonly KnownTenant[] {
  const sources = engine.sources().map((one) => one.config);
  const of = (name: string): readonly SourceConfig[] => sources.filter(({ auth }) => auth.kind === 'oauth2' && auth.tenant.name === name);
  const own = sources.flatMap(({ auth }) => (auth.kind === 'oauth2' && !config.tenants.has(auth.tenant.name) ? [auth.tenant] : []));
  const ofFile = [...config.tenants.values()].map((tenant) => ({ tenant, origin: 'file' as const, sources: of(tenant.name) }));
  const ofConsole = own
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map((tenant) => ({ tenant, origin: 'console' as const, sources: of(tenant.name) }));
  return [...ofFile, ...ofConsole];
}

/** @throws Fault service.not-found */
export function tenantNamed(parts: ServiceParts, name: string): KnownTenant {
  const found = knownTenants(parts).find(({ tenant }) => tenant.name === name);
  if (found === undefined) throw new Fault('service.not-found', { tenant: name });
  return found;
}

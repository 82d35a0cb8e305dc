/**
 * The configuration as it is now: what may change while the service runs is asked for each time, so whoever holds it sees what holds.
 * The rest (data folder, address, bounds) stays as it was at the start.
 */
import type { AlertsConfig, Config, ProxyConfig, SourceConfig, TenantConfig } from '../config/config.ts';

export interface LiveConfig {
  readonly config: Config;
  /** What is the same stays the same object, so that its tokens and its session go on. */
  take(next: Pick<Config, 'sources' | 'tenants' | 'alerts' | 'proxy'>): void;
}

export function liveConfig(first: Config): LiveConfig {
  let now: Pick<Config, 'sources' | 'tenants' | 'alerts' | 'proxy'> = first;
  return {
    config: {
      ...first,
      get sources(): readonly SourceConfig[] {
        return now.sources;
      },
      get tenants(): ReadonlyMap<string, TenantConfig> {
        return now.tenants;
      },
      get alerts(): AlertsConfig {
        return now.alerts;
      },
      get proxy(): ProxyConfig | undefined {
        return now.proxy;
      },
    },
    take(next) {
      const tenants = new Map([...next.tenants].map(([name, tenant]) => [name, keptIfSame(now.tenants.get(name), tenant)]));
      const sources = next.sources.map((source) => {
        const { auth } = source;
        const shared =
          auth.kind === 'oauth2' ? { ...source, auth: { ...auth, tenant: tenants.get(auth.tenant.name) ?? auth.tenant } } : source;
        return keptIfSame(
          now.sources.find(({ name }) => name === source.name),
          shared,
        );
      });
      now = { tenants, sources, alerts: keptIfSame(now.alerts, next.alerts), proxy: next.proxy };
    },
  };
}

/** Whether two parts of a configuration say the same. A reference to a secret is what it refers to. */
export function saysTheSame(one: unknown, other: unknown): boolean {
  return textOf(one) === textOf(other);
}

function keptIfSame<T>(old: T | undefined, fresh: T): T {
  return old !== undefined && saysTheSame(old, fresh) ? old : fresh;
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (one instanceof Map || one instanceof Set ? [...one] : one)) ?? '';
}

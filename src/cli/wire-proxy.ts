/** Where the proxy's ports meet their implementations: for `postern proxy`, and for `serve`, which opens the same door. */
import type { Config, ProxyConfig, TenantConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { Fault } from '../fault/fault.ts';
import type { ProxyEvent, ProxyPort } from '../proxy/port.ts';
import { startProxy } from '../proxy/proxy.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { createTokenSource } from '../token/source.ts';
import type { TokenSource } from '../token/token.ts';
import { tokenApp } from './token-app.ts';

export interface ProxyHooks {
  readonly onEvent: (event: ProxyEvent) => void;
  readonly onBug: (error: unknown) => void;
  /** The program's own sources of tokens, where it has some already; else the proxy has its own. */
  readonly tokens?: (tenant: TenantConfig) => TokenSource;
  readonly clock?: Clock;
}

/** What `proxy:` says. @throws Fault proxy.not-configured */
export function proxyConfig(config: Config): ProxyConfig {
  if (config.proxy === undefined) throw new Fault('proxy.not-configured', { file: config.file });
  return config.proxy;
}

/** @throws Fault proxy.not-configured, proxy.listen-failed, proxy.certificate-unusable, proxy.clients-unreadable */
export async function proxyFor(
  config: Config,
  { onEvent, onBug, tokens = tokensByTenant(), clock = systemClock }: ProxyHooks,
): Promise<ProxyPort> {
  return await startProxy({
    config: proxyConfig(config),
    dataFolder: config.dataFolder,
    clock,
    random: Math.random,
    tokens,
    onEvent,
    onBug,
  });
}

/** Reads the configuration anew, and has the running proxy take it over. @throws Fault; then everything is as before */
export async function reloadProxy(proxy: ProxyPort, file: string, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  await proxy.reload(proxyConfig(await loadConfig(file, env)));
  await proxy.reloadClients();
}

/** One token for each app as it is configured, whoever asks for it; one whose credential was changed in the file is another one. */
function tokensByTenant(): (tenant: TenantConfig) => TokenSource {
  const known = new Map<string, { readonly tenant: TenantConfig; readonly source: TokenSource }>();
  return (tenant) => {
    const last = known.get(tenant.name);
    if (last?.tenant === tenant) return last.source;
    const source = createTokenSource(tokenApp(tenant), { clock: systemClock });
    known.set(tenant.name, { tenant, source });
    return source;
  };
}

/**
 * `proxy:` with the checks that concern more than one key: plain text for this machine only, a certificate where there is TLS, and tenants
 * that are there.
 */
import { resolve as resolvePath } from 'node:path';
import { isLoopback } from '../tenant/ids.ts';
import type { ProxyConfig, ProxyListener, ProxyUpstream, TenantConfig } from './config.ts';
import { keyProblem, type Problem, valueProblem } from './problem.ts';
import type { RawProxy } from './schema-proxy.ts';
import { listenAddress } from './schema-service.ts';
import { secretReference } from './secret-reference.ts';
import type { KeyPath, YamlText } from './yaml-text.ts';

export interface ProxyReading {
  readonly yaml: YamlText;
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Those whose shape is sound. */
  readonly tenants: ReadonlyMap<string, TenantConfig>;
  /** The names under `tenants:`, sound or not. */
  readonly tenantNames: readonly string[];
  readonly problems: Problem[];
}

/** Where the custom is to begin in plain text. */
const starttlsPorts: ReadonlySet<number> = new Set([143, 110, 25, 587]);

export function readProxy(raw: RawProxy, reading: ProxyReading): ProxyConfig {
  const { yaml, folder, env, problems } = reading;
  const problem = (path: KeyPath, text: string): void => void problems.push(valueProblem(yaml, ['proxy', ...path], text));
  const missing = (path: KeyPath, text: string): void => void problems.push(keyProblem(yaml, ['proxy', ...path], `missing; ${text}`));
  const listeners = Object.entries(raw.listeners).map(([name, { protocol, listen, tls: wish }]): ProxyListener => {
    const { host, port } = listenAddress(listen) ?? { host: '', port: 0 };
    const tls = wish ?? (isLoopback(host) ? 'none' : starttlsPorts.has(port) ? 'starttls' : 'implicit');
    if (tls === 'none' && !isLoopback(host)) {
      problem(['listeners', name, 'tls'], `none is for this machine itself only (127.0.0.1, ::1, localhost), not for ${host}`);
    }
    if (tls !== 'none' && raw.certificate === undefined) {
      missing(['listeners', name], `\`tls: ${tls}\` wants \`proxy: certificate: { certificate, key }\``);
    }
    return { name, protocol, host, port, tls };
  });
  if (listeners.length === 0) problem(['listeners'], 'expected at least one listener');
  const places = new Map<string, string>();
  for (const { name, host, port } of listeners) {
    const place = `${host}:${port}`;
    const other = places.get(place);
    if (port !== 0 && other !== undefined) problem(['listeners', name, 'listen'], `${place} is that of ${other} already`);
    places.set(place, name);
  }
  const { limits, certificate } = raw;
  return {
    listeners,
    certificate: certificate && {
      file: resolvePath(folder, certificate.certificate),
      key: secretReference(certificate.key, { key: 'proxy.certificate.key', clientSecret: false, folder, env }),
    },
    upstreams: upstreamsOf(raw, reading, problem, missing),
    sendAs: Object.entries(raw.sendAs).map(([mailbox, senders]) => ({ mailbox: mailbox.toLowerCase(), senders: senders.map(lower) })),
    limits: {
      perMailbox: limits.perMailbox,
      waitMs: limits.wait,
      sessions: limits.sessions,
      halfOpen: limits.halfOpen,
      halfOpenPerAddress: limits.halfOpenPerAddress,
      loginMs: limits.loginTime,
      failures: limits.failures,
      lockMs: limits.lock,
      messagesPerMinute: limits.messagesPerMinute,
      messageBytes: limits.messageMegabytes * 1_000_000,
    },
    queue: raw.queue && { retryForMs: raw.queue.retryFor },
    health: healthAddress(raw, problem),
    auditDays: raw.auditDays,
  };
}

function healthAddress({ health }: RawProxy, problem: (path: KeyPath, text: string) => void): ProxyConfig['health'] {
  const address = health === undefined ? undefined : listenAddress(health);
  if (address !== undefined && !isLoopback(address.host)) problem(['health'], `for this machine itself only, not for ${address.host}`);
  return address;
}

function upstreamsOf(
  { tenants: wished }: RawProxy,
  { tenants, tenantNames }: ProxyReading,
  problem: (path: KeyPath, text: string) => void,
  missing: (path: KeyPath, text: string) => void,
): readonly ProxyUpstream[] {
  if (wished === undefined) {
    if (tenantNames.length !== 1) {
      const which =
        tenantNames.length === 0 ? 'there is no tenant in this file' : 'there are several tenants; say which mailboxes each serves';
      missing([], `\`tenants\`: ${which}`);
    }
    return [...tenants.values()].map((tenant) => ({ tenant, mailboxes: ['*'] }));
  }
  return Object.entries(wished).flatMap(([name, mailboxes]) => {
    const tenant = tenants.get(name);
    if (!tenantNames.includes(name)) problem(['tenants', name], `no tenant ${JSON.stringify(name)}; known are ${tenantNames.join(', ')}`);
    return tenant === undefined ? [] : [{ tenant, mailboxes: mailboxes.map(lower) }];
  });
}

function lower(text: string): string {
  return text.toLowerCase();
}

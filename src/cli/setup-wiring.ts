/**
 * What the verbs of `setup` have in common: their options, who signs in and how, and the clients that this gives.
 *
 * The hard thing is to ask for no more than the verb needs: one that only looks asks for reading, and one for Entra alone never signs in
 * to Exchange.
 */
import type { CmdletTrace, ExchangeAdmin } from '../admin/exchange/admin.ts';
import { invokeCommand } from '../admin/exchange/invoke-command.ts';
import { pwsh } from '../admin/exchange/pwsh.ts';
import { type GraphClient, graphClient } from '../admin/graph/client.ts';
import { browserSignIn } from '../admin/sign-in/browser.ts';
import { deviceCodeSignIn } from '../admin/sign-in/device-code.ts';
import { appTokens, azTokens, givenTokens } from '../admin/sign-in/handed-over.ts';
import type { SignInPlace, SignInPorts } from '../admin/sign-in/oauth.ts';
import { publicClients, signInSession } from '../admin/sign-in/session.ts';
import { resolveTenantId } from '../admin/tenant-id.ts';
import type { AdminTokens } from '../admin/token.ts';
import type { Config, SetupConfig, TenantConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { Fault } from '../fault/fault.ts';
import { systemClock } from '../runtime/clock.ts';
import { request } from '../runtime/http.ts';
import { Secret } from '../runtime/secret.ts';
import type { CredentialStore } from '../setup/credential-store.ts';
import type { Desired } from '../setup/desired.ts';
import { desiredOf, storeOf } from '../setup/from-config.ts';
import { type SetupNotes, setupNotes } from '../setup/notes.ts';
import { createTokenSource } from '../token/source.ts';
import type { TokenSource } from '../token/token.ts';
import type { Arguments, Terminal } from './command.ts';
import { openInBrowser } from './open-in-browser.ts';
import { configFile } from './parse.ts';

/** A tenant of the configuration that has a setup, and what is wanted of it. */
export interface SetupTenant {
  readonly config: Config;
  readonly tenant: TenantConfig;
  readonly setup: SetupConfig;
  readonly desired: Desired;
  readonly notes: SetupNotes;
  readonly store: CredentialStore;
}

/** @throws Fault setup.not-configured, cli.wrong-use, config.* */
export async function setupTenant(args: Arguments, terminal: Terminal): Promise<SetupTenant> {
  const config = await loadConfig(configFile(args, terminal.env), terminal.env, { forSetup: true });
  const [name, extra] = args.positionals;
  if (extra !== undefined) throw new Fault('cli.wrong-use', { problem: `unexpected argument ${JSON.stringify(extra)}` });
  const withSetup = [...config.tenants.values()].filter((one) => one.setup !== undefined);
  const tenant = name === undefined ? withSetup[0] : config.tenants.get(name);
  const known = [...config.tenants.keys()].join(', ');
  if (name === undefined && withSetup.length > 1) {
    throw new Fault('cli.wrong-use', {
      problem: 'more than one tenant has a setup; name one',
      known: withSetup.map((one) => one.name).join(', '),
    });
  }
  if (name !== undefined && tenant === undefined)
    throw new Fault('cli.wrong-use', { problem: `there is no tenant ${name} in the configuration`, known });
  if (tenant?.setup === undefined) throw new Fault('setup.not-configured', { file: config.file, tenant: name ?? known });
  const { setup } = tenant;
  return {
    config,
    tenant,
    setup,
    desired: desiredOf(tenant.name, tenant.cloud.authority, setup),
    notes: setupNotes(config.dataFolder, tenant.name),
    store: storeOf(setup.store),
  };
}

/** The clients of one administrator. */
export interface AdminClients {
  readonly graph: GraphClient;
  /** Undefined where Exchange is left out. */
  readonly exchange: ExchangeAdmin | undefined;
  /** Who signed in: a name, or the object id of an app. */
  readonly actor: string;
  /** As a GUID. */
  readonly tenantId: string;
  close(): Promise<void>;
}

/**
 * Signs in and connects.
 * @param purpose `look` asks for reading only
 * @throws Fault signin.*, exchange.powershell-missing, network.*, cli.wrong-use
 */
export async function adminClients(
  { tenant, notes }: SetupTenant,
  purpose: 'look' | 'change',
  args: Arguments,
  terminal: Terminal,
): Promise<AdminClients> {
  const { cloud, ca } = tenant;
  const { graph: graphOrigin, exchangeAdmin } = cloud;
  if (graphOrigin === undefined) throw new Fault('setup.no-graph', { tenant: tenant.name, authority: cloud.authority });
  const { signal } = terminal;
  const tenantId = await resolveTenantId(cloud.authority, tenant.tenantId, ca, { request, signal });
  const exchangeResource = new URL(cloud.scope.replace(/\/\.default$/, '')).origin;
  const place: SignInPlace = {
    authority: cloud.authority,
    tenantId,
    origins: { graph: cloud.graphResource ?? graphOrigin, exchange: exchangeResource },
    ca,
  };
  const tokens = tokensOf(place, purpose, args, terminal);
  const { claims } = await tokens.token('graph', signal);
  const actor = claims.upn ?? claims.oid;
  // Who changed what, with the ids by which Microsoft's own audit knows the call. Reads are not kept, and no body ever is.
  const called = (plane: string, isRead: boolean, trace: object): void => {
    if (!isRead) notes.called({ at: new Date(systemClock.now()).toISOString(), actor, plane, ...trace });
  };
  const onCmdlet = (trace: CmdletTrace): void => called('exchange', /^(?:Get|Test|Connect)-/.test(trace.cmdlet), trace);
  const shared = { request, clock: systemClock, random: Math.random, tokens, signal };
  const graph = graphClient(graphOrigin, ca, { ...shared, onTrace: (trace) => called('entra', trace.method === 'GET', trace) });
  const exchange = await exchangeOf(choice(args, 'exchange', ['invoke', 'pwsh', 'none']) ?? 'invoke');
  return { graph, exchange, actor, tenantId, close: async () => await exchange?.close() };

  async function exchangeOf(way: 'invoke' | 'pwsh' | 'none'): Promise<ExchangeAdmin | undefined> {
    if (way === 'none') return undefined;
    if (way === 'pwsh') {
      const environment = cloud.exchangeEnvironment === undefined ? {} : { exchangeEnvironment: cloud.exchangeEnvironment };
      return await pwsh({ program: 'pwsh', tenantId, ...environment }, { tokens, signal, env: terminal.env, onTrace: onCmdlet });
    }
    if (exchangeAdmin === undefined) {
      throw new Fault('cli.wrong-use', {
        option: '--exchange',
        expected: 'pwsh or none, where the `cloud` of the tenant has no key `exchangeAdmin`',
        found: way,
      });
    }
    return invokeCommand({ origin: exchangeAdmin, tenantId, ca }, { ...shared, onTrace: onCmdlet });
  }
}

function tokensOf(place: SignInPlace, purpose: 'look' | 'change', args: Arguments, terminal: Terminal): AdminTokens {
  const ports: SignInPorts = { request, clock: systemClock, tell: (text) => terminal.stderr.write(`${text}\n`) };
  const hasDisplay = process.platform !== 'linux' || (terminal.env['DISPLAY'] ?? terminal.env['WAYLAND_DISPLAY'] ?? '') !== '';
  const way = choice(args, 'sign-in', ['browser', 'device', 'az', 'token', 'app']) ?? (hasDisplay ? 'browser' : 'device');
  const own = args.values['sign-in-client'];
  const clients = typeof own === 'string' ? { graph: own, exchange: own } : publicClients;
  switch (way) {
    case 'token':
      return givenTokens(place, ports, terminal.env);
    case 'app':
      return appTokens(place, ports, administeringApp(place, terminal.env));
    case 'az':
      return azTokens(place, ports, 'az');
    case 'device':
      return signInSession({ place, purpose, clients }, ports, deviceCodeSignIn(place, ports));
    case 'browser':
      return signInSession({ place, purpose, clients }, ports, browserSignIn(place, ports, openInBrowser));
  }
}

/** An app with rights of its own to administer, never the mail app. One source a scope keeps its token while that lasts. */
function administeringApp(place: SignInPlace, env: Terminal['env']): (scope: string, signal: AbortSignal) => Promise<Secret> {
  const read = (variable: string): string => {
    const value = (env[variable] ?? '').trim();
    if (value === '') throw new Fault('signin.token-missing', { variable, resource: place.authority });
    return value;
  };
  const { authority, tenantId, ca } = place;
  const clientId = read('POSTERN_ADMIN_CLIENT_ID');
  const secret = new Secret(read('POSTERN_ADMIN_SECRET'));
  const credential = { kind: 'secret', secret: { resolve: async () => secret } } as const;
  const sources = new Map<string, TokenSource>();
  return async (scope, signal) => {
    const source =
      sources.get(scope) ?? createTokenSource({ authority, tenantId, clientId, scope, credential, ca }, { clock: systemClock });
    sources.set(scope, source);
    return (await source.token(signal)).value;
  };
}

function choice<T extends string>(args: Arguments, name: string, known: readonly T[]): T | undefined {
  const given = args.values[name];
  if (given === undefined) return undefined;
  const found = known.find((one) => one === given);
  if (found === undefined) throw new Fault('cli.wrong-use', { option: `--${name}`, expected: known.join(', '), found: String(given) });
  return found;
}

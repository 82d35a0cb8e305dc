/** The only place where ports meet their implementations: what a command needs, made from its configuration. */
import type { Archive, ArchiveReader } from '../archive/archive.ts';
import { openArchive, openArchiveReader } from '../archive/sqlite/sqlite-archive.ts';
import type { LookPorts } from '../check/look.ts';
import type { Config, SourceConfig, TenantConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { Fault } from '../fault/fault.ts';
import { type ImapLogin, imapMailbox, type TokenSupply } from '../import/from-imap.ts';
import type { ImportSource } from '../import/source.ts';
import { systemClock } from '../runtime/clock.ts';
import { request } from '../runtime/http.ts';
import { clouds } from '../tenant/cloud.ts';
import { createTokenSource, tokenSources } from '../token/source.ts';
import type { AccessToken, TokenApp, TokenSource } from '../token/token.ts';
import type { Arguments, Terminal } from './command.ts';
import { configFile } from './parse.ts';

export function readConfiguration(args: Arguments, terminal: Terminal): Promise<Config> {
  return loadConfig(configFile(args, terminal.env), terminal.env);
}

export function archiveToWrite(config: Config): Promise<Archive> {
  return openArchive(config.dataFolder, systemClock);
}

export function archiveToRead(config: Config): ArchiveReader {
  return openArchiveReader(config.dataFolder);
}

/**
 * The configured sources with these names, or all when none are given. Apps share their token: one is asked for, not one a source.
 * @throws Fault import.no-sources, import.source-unknown
 */
export function importSources(config: Config, names: readonly string[]): readonly ImportSource[] {
  if (config.sources.length === 0) throw new Fault('import.no-sources', { file: config.file });
  const unknown = names.filter((name) => !config.sources.some((source) => source.name === name));
  if (unknown.length > 0) {
    throw new Fault('import.source-unknown', { given: unknown.join(', '), known: config.sources.map((source) => source.name).join(', ') });
  }
  const shared = tokenSources({ clock: systemClock });
  const login = (source: SourceConfig): ImapLogin => {
    if (source.auth.kind === 'password') {
      const { user, password } = source.auth;
      return { kind: 'password', user, password: () => password.resolve() };
    }
    return { kind: 'xoauth2', user: source.mailbox, tokens: supply(shared(tokenApp(source.auth.tenant))) };
  };
  return config.sources
    .filter((source) => names.length === 0 || names.includes(source.name))
    .map((source) => ({
      name: source.name,
      folders: source.folders,
      everyMs: source.everyMs,
      connect: imapMailbox(source.server, login(source), systemClock),
    }));
}

function tokenApp(tenant: TenantConfig): TokenApp {
  const { tenantId, clientId, scope, credential, ca } = tenant;
  return { authority: tenant.cloud.authority, tenantId, clientId, scope, credential, ca };
}

/** The import wants the token of its next login, and to say that the last one was refused. */
function supply(source: TokenSource): TokenSupply {
  let last: AccessToken | undefined;
  return {
    async token(signal) {
      last = await source.token(signal);
      return last.value;
    },
    drop() {
      if (last !== undefined) source.drop(last);
    },
  };
}

/** What a check looks through: the machine's clock and sockets, and the authorities of all clouds for tenants that are elsewhere. */
export function checkPorts(signal: AbortSignal, onObservation: () => void): LookPorts {
  const authorities = Object.values(clouds).map(({ name, authority }) => ({ cloud: name, authority }));
  // Two clouds may have one authority; the first name stands for both.
  const distinct = authorities.filter(({ authority }, index) => authorities.findIndex((other) => other.authority === authority) === index);
  return { clock: systemClock, request, authorities: distinct, signal, onObservation };
}

/** The token source of the named tenant, or of the only one. @throws Fault cli.wrong-use */
export function tenantToken(config: Config, name: string | undefined): { readonly tenant: TenantConfig; readonly tokens: TokenSource } {
  const known = [...config.tenants.keys()].join(', ');
  const tenant = name === undefined ? [...config.tenants.values()][0] : config.tenants.get(name);
  if (tenant === undefined || (name === undefined && config.tenants.size > 1)) {
    throw new Fault('cli.wrong-use', {
      problem: tenant === undefined ? 'there is no such tenant in the configuration' : 'more than one tenant; name one with --tenant',
      known,
    });
  }
  return { tenant, tokens: createTokenSource(tokenApp(tenant), { clock: systemClock }) };
}

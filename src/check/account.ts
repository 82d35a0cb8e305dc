/**
 * Which mailboxes are checked, over which protocols, and what is expected of each: the configuration and the command line made one.
 *
 * The hard thing is to be thorough without crying wolf: what a source uses, or what was asked for, must work. The other protocols are
 * looked at too where the token has their role, because one that opens explains one that does not; but they are never a fault.
 */
import type { Config, ServerConfig, SourceConfig, TenantConfig } from '../config/config.ts';
import { exactNames } from '../config/folder-choice.ts';
import type { SecretReference } from '../config/secret-reference.ts';
import { Fault } from '../fault/fault.ts';
import { isAddress } from '../tenant/ids.ts';
import { type Protocol, protocols } from './observation.ts';

export interface Account {
  readonly mailbox: string;
  readonly login:
    | { readonly kind: 'oauth2'; readonly tenant: TenantConfig }
    | { readonly kind: 'password'; readonly user: string; readonly password: SecretReference };
  readonly servers: Readonly<Partial<Record<Protocol, ServerConfig>>>;
  /** Must work. */
  readonly wanted: readonly Protocol[];
  /** Looked at beside, where the token has the role for it; a refusal there is no fault. */
  readonly beside: readonly Protocol[];
  /** Opened over IMAP: those that the configuration names. What its patterns mean the server knows. */
  readonly folders: readonly string[];
  /** Whether the app must not get in. */
  readonly mustBeRefused: boolean;
}

export interface Wish {
  /** Empty: those of the sources. */
  readonly mailboxes: readonly string[];
  readonly refused: readonly string[];
  /** Undefined: what the sources use. */
  readonly protocols?: readonly Protocol[] | undefined;
  /** A test mail goes over SMTP, so that must work too. */
  readonly sendTest?: boolean;
  /** For mailboxes that no source names, where there is more than one tenant. */
  readonly tenant?: string | undefined;
}

/** @throws Fault cli.wrong-use: nothing to check, an address that is none, a tenant that cannot be told. */
export function accountsToCheck(config: Config, wish: Wish): readonly Account[] {
  const named =
    wish.mailboxes.length > 0 ? wish.mailboxes : [...new Map(config.sources.map(({ mailbox }) => [key(mailbox), mailbox])).values()];
  const wrong = [...wish.mailboxes, ...wish.refused].find((mailbox) => !isAddress(mailbox) && !sourcesOf(config, mailbox).length);
  if (wrong !== undefined) throw new Fault('cli.wrong-use', { problem: `${JSON.stringify(wrong)} is no address of a mailbox` });
  const both = wish.refused.find((mailbox) => wish.mailboxes.some((other) => key(other) === key(mailbox)));
  if (both !== undefined) throw new Fault('cli.wrong-use', { problem: `${both} cannot be both open and refused` });
  const open = named.filter((mailbox) => !wish.refused.some((refused) => key(refused) === key(mailbox)));
  if (open.length + wish.refused.length === 0) {
    throw new Fault('cli.wrong-use', { problem: 'no mailbox is named, and the configuration has no source', file: config.file });
  }
  return [
    ...open.flatMap((mailbox) => accountsOf(config, mailbox, wish, false)),
    ...wish.refused.flatMap((mailbox) => accountsOf(config, mailbox, wish, true)),
  ];
}

function accountsOf(config: Config, mailbox: string, wish: Wish, mustBeRefused: boolean): readonly Account[] {
  const sources = sourcesOf(config, mailbox);
  const passwords = sources.flatMap((source) => passwordAccount(source, wish, mustBeRefused));
  const tenants = new Map<string, { readonly tenant: TenantConfig; readonly sources: SourceConfig[] }>();
  for (const source of sources) {
    if (source.auth.kind !== 'oauth2' || (wish.tenant !== undefined && source.auth.tenant.name !== wish.tenant)) continue;
    const known = tenants.get(source.auth.tenant.name) ?? { tenant: source.auth.tenant, sources: [] };
    known.sources.push(source);
    tenants.set(source.auth.tenant.name, known);
  }
  if (tenants.size === 0 && passwords.length === 0) {
    const tenant = theTenant(config, mailbox, wish.tenant);
    tenants.set(tenant.name, { tenant, sources: [] });
  }
  return [...passwords, ...[...tenants.values()].map((one) => tokenAccount(mailbox, one.tenant, one.sources, wish, mustBeRefused))];
}

function tokenAccount(
  mailbox: string,
  tenant: TenantConfig,
  sources: readonly SourceConfig[],
  wish: Wish,
  mustBeRefused: boolean,
): Account {
  const servers: Partial<Record<Protocol, ServerConfig>> = {};
  for (const protocol of protocols) {
    const own = sources.find((source) => source.protocol === protocol)?.server;
    const usual = tenant.cloud[protocol];
    const server = own ?? (usual === undefined ? undefined : { ...usual, ca: tenant.ca });
    if (server !== undefined) servers[protocol] = server;
  }
  const used = protocols.filter((protocol) => sources.some((source) => source.protocol === protocol));
  const wanted = wish.protocols ?? (wish.sendTest === true && !used.includes('smtp') ? [...used, 'smtp' as const] : used);
  const beside = wish.protocols === undefined ? protocols.filter((protocol) => !wanted.includes(protocol) && servers[protocol]) : [];
  const folders = [...new Set(sources.filter(({ protocol }) => protocol === 'imap').flatMap((source) => exactNames(source.folders)))];
  return {
    mailbox,
    login: { kind: 'oauth2', tenant },
    servers,
    wanted,
    beside,
    folders: folders.length > 0 ? folders : ['INBOX'],
    mustBeRefused,
  };
}

function passwordAccount(source: SourceConfig, wish: Wish, mustBeRefused: boolean): readonly Account[] {
  const { auth, mailbox, protocol, server, folders } = source;
  if (auth.kind !== 'password' || wish.tenant !== undefined) return [];
  if (wish.protocols !== undefined && !wish.protocols.includes(protocol)) return [];
  const { user, password } = auth;
  const login = { kind: 'password', user, password } as const;
  const known = exactNames(folders);
  return [
    {
      mailbox,
      login,
      servers: { [protocol]: server },
      wanted: [protocol],
      beside: [],
      folders: known.length > 0 ? known : ['INBOX'],
      mustBeRefused,
    },
  ];
}

function theTenant(config: Config, mailbox: string, name: string | undefined): TenantConfig {
  const known = [...config.tenants.keys()].join(', ');
  const tenant = name === undefined ? [...config.tenants.values()][0] : config.tenants.get(name);
  if (name !== undefined && tenant === undefined) throw new Fault('cli.wrong-use', { problem: `no tenant ${JSON.stringify(name)}`, known });
  if (tenant === undefined) throw new Fault('cli.wrong-use', { problem: 'the configuration has no tenant', file: config.file });
  if (name === undefined && config.tenants.size > 1) {
    throw new Fault('cli.wrong-use', { problem: `no source names ${mailbox}; say with --tenant whose it is`, known });
  }
  return tenant;
}

function sourcesOf(config: Config, mailbox: string): SourceConfig[] {
  return config.sources.filter((source) => key(source.mailbox) === key(mailbox));
}

/** M365 (doc): addresses are compared without regard to case. */
export function key(mailbox: string): string {
  return mailbox.toLowerCase();
}

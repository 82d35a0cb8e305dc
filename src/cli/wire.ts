/** The only place where ports meet their implementations: what a command needs, made from its configuration. */
import { existsSync } from 'node:fs';
import type { Accounts } from '../accounts/accounts.ts';
import { openAccounts } from '../accounts/sqlite-accounts.ts';
import type { Archive, ArchiveReader, RecordProfile } from '../archive/archive.ts';
import type { Backup, BackupWish } from '../archive/sqlite/backup-folder.ts';
import { withReadingThreads } from '../archive/sqlite/reading-threads.ts';
import { openArchive, openArchiveReader } from '../archive/sqlite/sqlite-archive.ts';
import type { LookPorts } from '../check/look.ts';
import { lookPorts } from '../check/look-ports.ts';
import type { Config, SourceConfig, TenantConfig } from '../config/config.ts';
import { defaultConfig, loadConfig, type ReadOptions } from '../config/load.ts';
import { Fault } from '../fault/fault.ts';
import { sourceCompletion } from '../import/complete/completion.ts';
import { imapMailbox, imapWriter } from '../import/from-imap.ts';
import { popMailbox } from '../import/from-pop.ts';
import type { MailLogin, TokenSupply } from '../import/login.ts';
import type { ConnectMailbox } from '../import/mailbox.ts';
import { popWriter } from '../import/pop-writer.ts';
import type { ImportSource } from '../import/source.ts';
import type { CredentialExpiry } from '../import/watch/expiry.ts';
import { forgivingJournal } from '../journal/forgiving.ts';
import type { Journal } from '../journal/journal.ts';
import { openJournal } from '../journal/sqlite-journal.ts';
import type { MailCredential } from '../mail/endpoint.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { request } from '../runtime/http.ts';
import type { Secret } from '../runtime/secret.ts';
import type { RunningWatch } from '../service/start-watch.ts';
import { createTokenSource, tokenSources } from '../token/source.ts';
import type { AccessToken, TokenSource } from '../token/token.ts';
import type { Arguments, Terminal } from './command.ts';
import { configFile } from './parse.ts';
import { tokenApp } from './token-app.ts';

export { tokenApp } from './token-app.ts';

/**
 * Without a file at the usual place, the defaults that `serve` began with, where it has left its data.
 * @param options `forSetup` for what reads the archive and asks no server: an app that is gone, or not made yet, keeps nobody from the mail
 * @throws Fault config.*
 */
export async function readConfiguration(args: Arguments, terminal: Terminal, wish: ReadOptions = {}): Promise<Config> {
  const named = args.values['tenant'];
  const options = typeof named === 'string' ? { needs: named, ...wish } : wish;
  const { config, isDefault } = await configurationOrDefault(args, terminal, options);
  if (!isDefault || existsSync(config.dataFolder)) return config;
  return await loadConfig(configFile(args, terminal.env), terminal.env, options);
}

export function archiveToWrite(config: Pick<Config, 'dataFolder' | 'sources'>): Promise<Archive> {
  return openArchive(config.dataFolder, systemClock, recordProfiles(config));
}

/** The same archive, its searches on threads of their own. Its `close` closes both. */
export function archiveBesideReading(archive: Archive, config: Config): Archive {
  return withReadingThreads(archive, config.dataFolder);
}

export function archiveToRead(config: Config): ArchiveReader {
  return openArchiveReader(config.dataFolder, recordProfiles(config));
}

/** Copies the data folder into a backup, beside whoever writes to it. @throws Fault archive.* */
export async function backUp(
  config: Config,
  target: string,
  wish: Pick<BackupWish, 'withKey' | 'verify' | 'signal' | 'onProgress'>,
): Promise<Backup> {
  const { backUpDataFolder } = await import('../archive/sqlite/backup-folder.ts');
  return await backUpDataFolder({ ...wish, dataFolder: config.dataFolder, target, now: new Date(systemClock.now()) });
}

/** The file that is named, or at its usual place; where nothing is named and nothing lies there, every default. @throws Fault config.* */
export async function configurationOrDefault(
  args: Arguments,
  { env }: Terminal,
  options: ReadOptions = {},
): Promise<{ readonly config: Config; readonly isDefault: boolean }> {
  const file = configFile(args, env);
  const isNamed = typeof args.values['config'] === 'string' || (env['POSTERN_CONFIG'] ?? '') !== '';
  if (isNamed || existsSync(file)) return { config: await loadConfig(file, env, options), isDefault: false };
  return { config: await defaultConfig(file, env), isDefault: true };
}

/** @throws Fault accounts.* */
export function accountsToWrite({ dataFolder }: Pick<Config, 'dataFolder'>): Accounts {
  return openAccounts(dataFolder, { clock: systemClock });
}

/** Empty where there are none. @throws Fault accounts.unreadable, accounts.newer-format */
export function accountsToRead({ dataFolder }: Pick<Config, 'dataFolder'>): Accounts {
  return openAccounts(dataFolder, { clock: systemClock, readOnly: true });
}

/** What is known about the messages of each source, for who makes the records. */
function recordProfiles({ sources }: Pick<Config, 'sources'>): Readonly<Record<string, RecordProfile>> {
  return Object.fromEntries(sources.map((source) => [source.name, recordProfile(source)]));
}

export function recordProfile({ format, nameOrder, country, owners, mailbox }: SourceConfig): RecordProfile {
  return { format, nameOrder, ...(country === undefined ? {} : { country }), owners, mailbox };
}

/**
 * The configured sources with these names, or all when none are given. Apps share their token: one is asked for, not one a source.
 * @throws Fault import.no-sources, import.source-unknown
 */
export function importSources(config: Config, names: readonly string[], clock: Clock = systemClock): readonly ImportSource[] {
  if (config.sources.length === 0) throw new Fault('import.no-sources', { file: config.file });
  const unknown = names.filter((name) => !config.sources.some((source) => source.name === name));
  if (unknown.length > 0) {
    throw new Fault('import.source-unknown', { given: unknown.join(', '), known: config.sources.map((source) => source.name).join(', ') });
  }
  const shared = tokenSources({ clock });
  return config.sources
    .filter((source) => names.length === 0 || names.includes(source.name))
    .map((source) => importSource(source, (tenant) => shared(tokenApp(tenant)), clock));
}

/** Where the tokens of a tenant's app come from. */
export type TokensOf = (tenant: TenantConfig) => TokenSource;

export function importSource(source: SourceConfig, tokens: TokensOf, clock: Clock): ImportSource {
  return {
    name: source.name,
    folders: source.folders,
    everyMs: source.everyMs,
    host: source.server.host,
    connections: source.connections,
    since: source.since,
    leaveOut: source.onCompletion.kind === 'move' ? source.onCompletion.folder : undefined,
    exclusive: source.protocol === 'pop3',
    connect: mailboxOf(source, loginOf(source, tokens), clock),
    completion: completionOf(source, loginOf(source, tokens), clock),
  };
}

/** Undefined where nothing is done on the server, be it on hold. Marking as read takes nothing away, so a hold does not concern it. */
function completionOf(
  { name, protocol, server, onCompletion, hold }: SourceConfig,
  login: MailLogin,
  clock: Clock,
): ImportSource['completion'] {
  if (onCompletion.kind === 'leave' || (hold && onCompletion.kind !== 'seen')) return undefined;
  const connect = protocol === 'pop3' ? popWriter(server, login, name, clock) : imapWriter(server, login, clock);
  return (ports) => sourceCompletion({ source: name, act: onCompletion, connect }, ports);
}

function mailboxOf({ name, protocol, server }: SourceConfig, login: MailLogin, clock: Clock): ConnectMailbox {
  return protocol === 'pop3' ? popMailbox(server, login, name, clock) : imapMailbox(server, login, clock);
}

function loginOf({ auth, mailbox }: SourceConfig, tokens: TokensOf): MailLogin {
  if (auth.kind === 'oauth2') return { kind: 'xoauth2', user: mailbox, tokens: supply(tokens(auth.tenant)) };
  return { kind: 'password', user: auth.user, password: () => auth.password.resolve() };
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

/** A check through this machine's clock and sockets. */
export function checkPorts(signal: AbortSignal, onObservation: () => void): LookPorts {
  return lookPorts({ clock: systemClock, request }, signal, { onObservation });
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

/**
 * For the import, which no fault of the journal may stop. To be taken after the archive is open, which makes the data folder.
 * @param isExpected the archive has messages already, so that there ought to be a journal, and its absence is told
 */
export function journalForImport(config: Config, onFault: (fault: Fault) => void, isExpected = false): Journal {
  const open = (): Journal => openJournal(config.dataFolder, { clock: systemClock, onFault, expected: isExpected });
  return forgivingJournal(open, systemClock, onFault);
}

/** For a command that writes into it. @throws Fault journal.unwritable, journal.unreadable, journal.newer-format */
export function journalToWrite(config: Config, onFault: (fault: Fault) => void): Journal {
  return openJournal(config.dataFolder, { clock: systemClock, onFault });
}

/** Empty where there is none. @throws Fault journal.unreadable, journal.newer-format */
export function journalToRead(config: Config): Journal {
  return openJournal(config.dataFolder, { clock: systemClock, readOnly: true });
}

/**
 * Watches over a running import: states, alerts, health and metrics.
 * @param run `listen` as on the command line; undefined: what the configuration says
 * @throws Fault watch.listen-refused, watch.listen-failed, cli.wrong-use
 */
export async function watchOver(
  config: Config,
  run: {
    readonly sources: readonly ImportSource[];
    readonly archive: Archive;
    readonly journal: Journal;
    readonly once: boolean;
    readonly listen: string | undefined;
    readonly announce: (text: string) => void;
  },
): Promise<RunningWatch> {
  const { startWatch } = await import('../service/start-watch.ts');
  return startWatch({
    ...run,
    config,
    sources: config.sources.filter(({ name }) => run.sources.some((one) => one.name === name)),
    clock: systemClock,
    random: Math.random,
    request,
    credentialEnd: credentialEnd(),
    mailCredential: alertLogin(config),
  });
}

/** Asks Graph when the credential of a tenant's app ends, with a token of that app. */
export function credentialEnd(): CredentialExpiry {
  return async (tenant, signal) => {
    const { ownCredentialEnd } = await import('../admin/graph/own-credential.ts');
    const token = async (scope: string, waiting: AbortSignal): Promise<Secret> =>
      (await createTokenSource({ ...tokenApp(tenant), scope }, { clock: systemClock }).token(waiting)).value;
    return await ownCredentialEnd(tenant, { request, clock: systemClock, random: Math.random, token }, signal);
  };
}

/** How alerts log in at their mail server; undefined where it wants no login. */
export function alertLogin({ alerts: { mail } }: Config): (signal: AbortSignal) => Promise<MailCredential | undefined> {
  const auth = mail?.auth ?? { kind: 'none' };
  if (auth.kind === 'none') return async () => undefined;
  if (auth.kind === 'password') return async () => ({ kind: 'password', user: auth.user, password: await auth.password.resolve() });
  const tokens = createTokenSource(tokenApp(auth.tenant), { clock: systemClock });
  const user = mail?.from ?? '';
  return async (signal) => ({ kind: 'xoauth2', user, token: async () => (await tokens.token(signal)).value });
}

/**
 * Asks for a token with a secret that is not in use yet.
 * @throws Fault token.secret-wrong while it is not known everywhere; token.*, network.*
 */
export function secretProof(tenant: TenantConfig, clientId: string, signal: AbortSignal): (secret: Secret) => Promise<void> {
  return async (secret) => {
    const app = { ...tokenApp(tenant), clientId, credential: { kind: 'secret', secret: { resolve: async () => secret } } } as const;
    await createTokenSource(app, { clock: systemClock }).token(signal);
  };
}

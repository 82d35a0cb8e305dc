/**
 * One pass over what a configuration says, once its text is data: tenants, sources, alerts, each with the checks that concern more than
 * one key. The configuration file is read by it as a whole (load.ts), a source that was made in the console alone (one-source.ts).
 *
 * The hard thing is that both are held to the same truth, though secrets and certificates of the one lie in files that it names, and
 * those of the other are kept beside it: so whoever reads may hand in what is kept, and everything else is the same.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve as resolvePath } from 'node:path';
import { Secret } from '../runtime/secret.ts';
import { type Cloud, clouds, type MailServer } from '../tenant/cloud.ts';
import { isAddress, isLoopback } from '../tenant/ids.ts';
import type {
  AlertMailConfig,
  AlertsConfig,
  CredentialConfig,
  IdentityEndpoint,
  ServerConfig,
  ServiceConfig,
  SetupConfig,
  SetupStore,
  SourceAuth,
  SourceConfig,
  TenantConfig,
} from './config.ts';
import { type MadeApp, madeApp } from './made-app.ts';
import { keyProblem, type Problem, valueProblem } from './problem.ts';
import {
  alertsSchema,
  listenAddress,
  type RawAlerts,
  type RawMailServer,
  type RawService,
  type RawSource,
  type RawTenant,
  sourceSchema,
  tenantSchema,
} from './schema.ts';
import type { RawSetup } from './schema-setup.ts';
import { type SecretReference, secretReference, secretText } from './secret-reference.ts';
import { completeServer, type Protocol } from './server-defaults.ts';
import { FolderClaims, judgeSource, type Objection } from './source-rules.ts';
import type { KeyPath, YamlText } from './yaml-text.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What is kept beside the text in place of what it names. */
export interface KeptBeside {
  /** By the dotted path of the key that refers to it, e.g. `tenants.contoso.credential.secret`. */
  readonly secrets: ReadonlyMap<string, SecretReference>;
  /** PEM texts by the path that the text gives them. */
  readonly files: ReadonlyMap<string, string>;
}

export interface ReaderOptions {
  /** For `setup` itself: what it makes need not be there yet (the client id, the certificate). */
  readonly forSetup: boolean;
  /** This tenant is asked for, whatever else is. */
  readonly needs?: string | undefined;
  readonly kept?: KeptBeside;
  /** Tenants of elsewhere that may be referred to. */
  readonly known?: ReadonlyMap<string, TenantConfig>;
  /** Sources of elsewhere: none may import what they do. */
  readonly beside?: readonly SourceConfig[];
}

/** What all checks of one text share. Adds to `problems` as it goes; what it returns counts only if there are none. */
export class Reader {
  readonly #yaml: YamlText;
  readonly #folder: string;
  readonly #env: Environment;
  readonly #problems: Problem[];
  readonly #forSetup: boolean;
  readonly #kept: KeptBeside | undefined;
  readonly #known: ReadonlyMap<string, TenantConfig>;
  readonly #claims = new FolderClaims();
  readonly #needs: string | undefined;
  /** See `Config`; known when {@link Reader.tenants} is done. */
  readonly notMade: string[] = [];

  constructor(yaml: YamlText, folder: string, env: Environment, problems: Problem[], options: ReaderOptions) {
    this.#forSetup = options.forSetup;
    this.#needs = options.needs;
    this.#kept = options.kept;
    this.#known = options.known ?? new Map();
    for (const other of options.beside ?? []) this.#claims.claim(other.name, mailboxKey(other), other.folders);
    this.#yaml = yaml;
    this.#folder = folder;
    this.#env = env;
    this.#problems = problems;
  }

  #problem(path: KeyPath, text: string, code: Problem['code'] = 'config.invalid'): void {
    this.#problems.push(valueProblem(this.#yaml, path, text, code));
  }

  /** The tenants whose shape is sound, by name. One that is still to be set up does not keep the others from their work. */
  async tenants(): Promise<Map<string, TenantConfig>> {
    const tenants = new Map<string, TenantConfig>();
    const sound = entries(this.#yaml.value, 'tenants').flatMap(([name, raw]) => {
      const shape = tenantSchema.safeParse(raw);
      return shape.success ? [{ name, raw: shape.data, isMade: this.#isMade(name, shape.data) }] : [];
    });
    const isAlone = !sound.some(({ isMade }) => isMade) && entries(this.#yaml.value, 'sources').length === 0;
    for (const { name, raw, isMade } of sound) {
      if (isMade || isAlone || this.#forSetup || this.#isAskedFor(name)) tenants.set(name, await this.#tenant(name, raw));
      else this.notMade.push(name);
    }
    return tenants;
  }

  /** Whether it is not only waiting for `setup apply`. */
  #isMade(name: string, raw: RawTenant): boolean {
    return raw.setup === undefined || (raw.clientId ?? this.#madeApp(name, raw)?.appId) !== undefined;
  }

  #isAskedFor(name: string): boolean {
    const { alerts, proxy } = Object(this.#yaml.value);
    const ofProxy = Object(proxy)['tenants'];
    return (
      this.#needs === name ||
      entries(this.#yaml.value, 'sources').some(([, source]) => Object(source)['tenant'] === name) ||
      Object(Object(alerts)['mail'])['tenant'] === name ||
      (proxy !== undefined && (ofProxy === undefined || name in Object(ofProxy)))
    );
  }

  async #tenant(name: string, raw: RawTenant): Promise<TenantConfig> {
    const path = ['tenants', name];
    const made = this.#madeApp(name, raw);
    const clientId = raw.clientId ?? made?.appId ?? this.#clientIdMissing(raw, path);
    if (raw.tenantId.toLowerCase() === clientId.toLowerCase()) {
      this.#problem([...path, 'clientId'], 'the same as tenantId; expected the Application (client) ID');
    }
    const cloud = this.#cloud(raw.cloud, [...path, 'cloud']);
    const given = await this.#credential(raw.credential, [...path, 'credential'], this.#forSetup && raw.setup !== undefined);
    const isMade = made !== undefined && made.appId.toLowerCase() === clientId.toLowerCase();
    const isNoted = given.kind === 'secret' && isMade && given.expires === undefined;
    const credential = isNoted ? { ...given, expires: made.credentialEnds, expiresFrom: 'setup' as const } : given;
    if (
      credential.kind === 'managed-identity' &&
      credential.clientId !== undefined &&
      credential.clientId.toLowerCase() === clientId.toLowerCase()
    ) {
      this.#problem(
        [...path, 'credential', 'managedIdentity', 'clientId'],
        'the same as clientId of the app; expected the Client ID of the identity',
      );
    }
    const ca = await this.#ca(raw.ca, [...path, 'ca']);
    const setup = raw.setup === undefined ? undefined : this.#setup(raw.setup, raw.credential, [...path, 'setup']);
    return { name, tenantId: raw.tenantId, clientId, setup, cloud, scope: raw.scope ?? cloud.scope, credential, ca };
  }

  /** Whether certificate and key fit each other is seen when they are used: they may come later than this file. */
  service({ listen, tls, names, behindProxy, key }: RawService): ServiceConfig {
    return {
      listen: listen === undefined ? undefined : listenAddress(listen),
      tls: tls && {
        certificateFile: resolvePath(this.#folder, tls.certificate),
        key: this.#secret(tls.key, ['service', 'tls', 'key'], false),
      },
      names,
      behindProxy,
      key: key && this.#secret(key, ['service', 'key'], false),
    };
  }

  /** What `setup apply` noted in the data folder; of an app that is taken over, its id before that. */
  #madeApp(name: string, { setup }: RawTenant): MadeApp | undefined {
    if (setup === undefined) return undefined;
    const data = Object(this.#yaml.value)['data'];
    const made = madeApp(resolvePath(this.#folder, typeof data === 'string' ? data : './postern-data'), name);
    const { adopt } = setup.app;
    return adopt === undefined || made?.appId.toLowerCase() === adopt.toLowerCase() ? made : { appId: adopt, credentialEnds: undefined };
  }

  #clientIdMissing(raw: RawTenant, path: KeyPath): string {
    if (raw.setup === undefined) this.#missing([...path, 'clientId'], 'expected an application (client) ID: a GUID');
    else if (!this.#forSetup)
      this.#missing([...path, 'clientId'], '`postern setup apply` has not made the app yet; run it, or write the id of one');
    return '';
  }

  #setup(raw: RawSetup, credential: RawTenant['credential'], path: KeyPath): SetupConfig {
    const { app } = raw;
    return {
      ...app,
      adopt: app.adopt,
      displayName: app.displayName,
      mailboxes: raw.mailboxes.map((one) =>
        typeof one === 'string'
          ? { address: one, protocols: raw.protocols, sendAs: [] }
          : { address: one.address, protocols: one.protocols ?? raw.protocols, sendAs: one.sendAs },
      ),
      lifetimeMs: raw.lifetime,
      overlapMs: raw.overlap,
      store: this.#setupStore(raw, credential, path),
      enableClientAccess: raw.clientAccess.enableWhereNeeded,
      smtp: raw.smtpMode === 'claims' ? { mode: 'claims' } : { mode: 'rbac', group: raw.smtpGroup ?? '' },
    };
  }

  #setupStore(raw: RawSetup, credential: RawTenant['credential'], path: KeyPath): SetupStore {
    const full = (file: string): string => resolvePath(this.#folder, file);
    if (credential.assertion !== undefined || credential.managedIdentity !== undefined) {
      if (raw.federated === undefined)
        this.#missing([...path, 'federated'], 'an assertion is trusted by its issuer and subject; write them here');
      return { kind: 'federated', ...(raw.federated ?? { name: '', issuer: '', subject: '', audience: '' }) };
    }
    if (raw.federated !== undefined)
      this.#problem([...path, 'federated'], 'only with `credential: {assertion: …}` or `{managedIdentity: …}`; leave this out');
    if (credential.certificate !== undefined) {
      const { file, key } = credential.certificate;
      if (key.file === undefined)
        this.#problem(
          [...path.slice(0, -1), 'credential', 'certificate', 'key'],
          'for `setup` a key is a file that it can write: { file: PATH }',
        );
      return { kind: 'certificate', certificateFile: full(file), keyFile: full(key.file ?? file) };
    }
    const [program, ...args] = raw.store?.command ?? [];
    if (program !== undefined) return { kind: 'command', command: [program, ...args] };
    const file = raw.store?.file ?? credential.secret?.file;
    if (file === undefined)
      this.#missing(
        [...path, 'store'],
        '`setup` cannot write a new secret into an environment variable or by the command that reads it; write { file: PATH } or { command: […] }',
      );
    return { kind: 'file', path: full(file ?? 'secret') };
  }

  #missing(path: KeyPath, text: string): void {
    this.#problems.push(keyProblem(this.#yaml, path, `missing; ${text}`));
  }

  #cloud(raw: RawTenant['cloud'], path: KeyPath): Cloud {
    if (typeof raw === 'string') return clouds[raw];
    const server = (protocol: Protocol): { readonly [key in Protocol]?: MailServer } => {
      const given = raw[protocol];
      return given === undefined ? {} : { [protocol]: this.#server(given, protocol, [...path, protocol]) };
    };
    const authority = new URL(raw.authority).origin;
    const graph = raw.graph === undefined ? {} : { graph: new URL(raw.graph).origin, graphResource: clouds.global.graph ?? '' };
    const exchangeAdmin = raw.exchangeAdmin === undefined ? {} : { exchangeAdmin: new URL(raw.exchangeAdmin).origin };
    return {
      name: 'custom',
      authority,
      scope: raw.scope,
      ...server('imap'),
      ...server('pop3'),
      ...server('smtp'),
      ...graph,
      ...exchangeAdmin,
    };
  }

  /** @param made what it names need not be there yet */
  async #credential(raw: RawTenant['credential'], path: KeyPath, made: boolean): Promise<CredentialConfig> {
    if (raw.secret !== undefined) {
      return { kind: 'secret', secret: this.#secret(raw.secret, [...path, 'secret'], true), expires: raw.expires };
    }
    if (raw.expires !== undefined) {
      const text = raw.certificate === undefined ? 'only a secret has such a date' : 'the certificate itself says when it expires';
      this.#problem([...path, 'expires'], `${text}; leave this out`);
    }
    if (raw.assertion !== undefined) {
      return { kind: 'assertion', assertion: this.#secret(raw.assertion, [...path, 'assertion'], false) };
    }
    if (raw.managedIdentity !== undefined) {
      const { endpoint, ...identity } = raw.managedIdentity;
      const known = {
        ...(identity.clientId && { clientId: identity.clientId }),
        ...(identity.audience && { audience: identity.audience }),
      };
      return { kind: 'managed-identity', ...known, endpoint: identityEndpoint(endpoint, this.#env) };
    }
    if (raw.certificate === undefined) throw new Error('the schema lets no credential without one of its kinds through');
    const { file, key, algorithm } = raw.certificate;
    const inside = [...path, 'certificate'];
    const certificate = made && !existsSync(resolvePath(this.#folder, file)) ? '' : await this.#pem(file, [...inside, 'file']);
    return { kind: 'certificate', certificate, key: this.#secret(key, [...inside, 'key'], false), algorithm };
  }

  #secret(raw: NonNullable<RawTenant['credential']['secret']>, path: KeyPath, clientSecret: boolean): SecretReference {
    const key = path.join('.');
    return this.#kept?.secrets.get(key) ?? secretReference(raw, { key, clientSecret, folder: this.#folder, env: this.#env });
  }

  #server(raw: RawMailServer, protocol: Protocol, path: KeyPath): MailServer {
    const server = completeServer(raw, protocol);
    if (server.tls === 'none' && !isLoopback(server.host)) {
      this.#problem([...path, 'tls'], `none is for this machine itself only (localhost, 127.0.0.1, ::1), not for ${server.host}`);
    }
    return server;
  }

  async #ca(raw: string | readonly string[] | undefined, path: KeyPath): Promise<string[]> {
    if (raw === undefined) return [];
    if (typeof raw === 'string') return [await this.#pem(raw, path)];
    return await Promise.all(raw.map((file, index) => this.#pem(file, [...path, index])));
  }

  /** The text of a PEM file in which every certificate can be read. */
  async #pem(file: string, path: KeyPath): Promise<string> {
    const full = resolvePath(this.#folder, file);
    const kept = this.#kept?.files.get(file);
    const where = kept === undefined ? `the file ${full}` : 'this text';
    let text: string;
    try {
      text = kept ?? (await readFile(full, 'utf8'));
    } catch (error) {
      this.#problem(path, `the file ${full} cannot be read (${codeOf(error)})`, 'config.file-unusable');
      return '';
    }
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0) this.#problem(path, `${where} holds no certificate in PEM form`, 'config.file-unusable');
    const broken = blocks.findIndex((block) => !isCertificate(block));
    if (broken >= 0) this.#problem(path, `certificate ${broken + 1} in ${where} cannot be read`, 'config.file-unusable');
    return blocks.join('\n');
  }

  async sources(tenants: ReadonlyMap<string, TenantConfig>): Promise<SourceConfig[]> {
    const sources: SourceConfig[] = [];
    for (const [name, raw] of entries(this.#yaml.value, 'sources')) {
      this.#knownTenant(raw, ['sources', name, 'tenant']);
      const shape = sourceSchema.safeParse(raw);
      const source = shape.success ? await this.#source(name, shape.data, tenants) : undefined;
      if (source !== undefined) sources.push(source);
    }
    return sources;
  }

  async #source(name: string, raw: RawSource, tenants: ReadonlyMap<string, TenantConfig>): Promise<SourceConfig | undefined> {
    const path = ['sources', name];
    const { tenant: _, server: __, auth: ___, every: everyMs, silentAfter: silentAfterMs, ...rest } = raw;
    const { folders, onCompletion, connections, objections } = judgeSource(raw);
    this.#object(objections, path);
    const login = await this.#access(raw, raw.protocol, raw.mailbox, tenants, path);
    if (login === undefined) return undefined;
    this.#object(this.#claims.claim(name, mailboxKey({ ...login, mailbox: raw.mailbox }), folders), path);
    return {
      ...rest,
      ...login,
      name,
      folders,
      everyMs,
      since: raw.since,
      country: raw.country,
      connections,
      onCompletion,
      silentAfterMs,
    };
  }

  /** Undefined where a problem was told. */
  async #access(
    raw: Pick<RawSource, 'tenant' | 'server' | 'auth'>,
    protocol: Protocol,
    mailbox: string,
    tenants: ReadonlyMap<string, TenantConfig>,
    path: KeyPath,
  ): Promise<{ readonly server: ServerConfig; readonly auth: SourceAuth } | undefined> {
    const auth = this.#auth(raw, mailbox, tenants, path);
    const given = await this.#givenServer(raw.server, protocol, path);
    if (auth === undefined) return undefined;
    const usual = auth.kind === 'oauth2' ? auth.tenant.cloud[protocol] : undefined;
    const server = given ?? (usual === undefined ? undefined : { ...usual, ca: [] });
    if (server === undefined) {
      const text =
        auth.kind === 'oauth2'
          ? `missing; the cloud of tenant ${auth.tenant.name} names no ${protocol} host`
          : 'missing; with `auth` the server must be named';
      this.#problem([...path, 'server'], text);
      return undefined;
    }
    const ca = auth.kind === 'oauth2' ? [...auth.tenant.ca, ...server.ca] : server.ca;
    return { server: { ...server, ca }, auth };
  }

  async #givenServer(raw: RawSource['server'], protocol: Protocol, path: KeyPath): Promise<ServerConfig | undefined> {
    const ca = await this.#ca(raw?.ca, [...path, 'server', 'ca']);
    return raw === undefined ? undefined : { ...this.#server(raw, protocol, [...path, 'server']), ca };
  }

  #auth(
    raw: Pick<RawSource, 'tenant' | 'auth'>,
    mailbox: string,
    tenants: ReadonlyMap<string, TenantConfig>,
    path: KeyPath,
  ): SourceAuth | undefined {
    if (raw.tenant !== undefined && raw.auth !== undefined) {
      this.#problem([...path, 'auth'], '`tenant` and `auth` exclude each other: OAuth 2.0 or a password');
      return undefined;
    }
    if (raw.auth !== undefined) {
      const { user, password } = raw.auth;
      return { kind: 'password', user: user ?? mailbox, password: this.#secret(password, [...path, 'auth', 'password'], false) };
    }
    if (raw.tenant === undefined) {
      this.#problem(path, 'missing `tenant` (OAuth 2.0), or `server` with `auth` (a password)');
      return undefined;
    }
    if (!isAddress(mailbox)) {
      this.#problem([...path, 'mailbox'], `expected an address such as journal@contoso.com, found ${JSON.stringify(mailbox)}`);
    }
    const tenant = tenants.get(raw.tenant) ?? this.#known.get(raw.tenant);
    return tenant === undefined ? undefined : { kind: 'oauth2', tenant };
  }

  /** Asked of every source, sound or not. A tenant that is there but unsound has problems of its own. */
  #knownTenant(holder: unknown, path: KeyPath): void {
    const tenant = typeof holder === 'object' && holder !== null ? Reflect.get(holder, 'tenant') : undefined;
    const names = [...entries(this.#yaml.value, 'tenants').map(([name]) => name), ...this.#known.keys()];
    if (typeof tenant !== 'string' || names.includes(tenant)) return;
    const known = names.length === 0 ? 'there is none in this file' : `known are ${names.join(', ')}`;
    this.#problem(path, `no tenant ${JSON.stringify(tenant)}; ${known}`);
  }

  #object(objections: readonly Objection[], path: KeyPath): void {
    for (const { at, text } of objections) this.#problem([...path, ...at], text);
  }

  /** Undefined where the shape is unsound or a problem was told. */
  async alerts(tenants: ReadonlyMap<string, TenantConfig>): Promise<AlertsConfig | undefined> {
    const given = typeof this.#yaml.value === 'object' && this.#yaml.value !== null ? Reflect.get(this.#yaml.value, 'alerts') : undefined;
    const rawMail = typeof given === 'object' && given !== null ? Reflect.get(given, 'mail') : undefined;
    this.#knownTenant(rawMail, ['alerts', 'mail', 'tenant']);
    const shape = alertsSchema.safeParse(given ?? {});
    if (!shape.success) return undefined;
    const { webhook, mail, remindEvery: remindEveryMs } = shape.data;
    const sentBy = mail === undefined ? undefined : await this.#alertMail(mail, tenants);
    if (mail !== undefined && sentBy === undefined) return undefined;
    return { webhook: webhook === undefined ? undefined : await this.#webhook(webhook), mail: sentBy, remindEveryMs };
  }

  async #webhook({ url, secret, ca }: NonNullable<RawAlerts['webhook']>): Promise<NonNullable<AlertsConfig['webhook']>> {
    const path = ['alerts', 'webhook'];
    return {
      url: typeof url === 'string' ? secretText(url) : this.#secret(url, [...path, 'url'], false),
      secret: secret === undefined ? undefined : this.#secret(secret, [...path, 'secret'], false),
      ca: await this.#ca(ca, [...path, 'ca']),
    };
  }

  async #alertMail(raw: NonNullable<RawAlerts['mail']>, tenants: ReadonlyMap<string, TenantConfig>): Promise<AlertMailConfig | undefined> {
    const path = ['alerts', 'mail'];
    const { from, to } = raw;
    if (raw.tenant === undefined && raw.auth === undefined && raw.server !== undefined) {
      const server = await this.#givenServer(raw.server, 'smtp', path);
      return server === undefined ? undefined : { server, auth: { kind: 'none' }, from, to };
    }
    if (raw.tenant === undefined && raw.auth === undefined) {
      this.#problem(path, 'missing `tenant` (OAuth 2.0), or `server` with or without `auth`');
      return undefined;
    }
    const login = await this.#access(raw, 'smtp', from, tenants, path);
    return login === undefined ? undefined : { ...login, from, to };
  }
}

/** What names a mailbox on a server, the same for the same one. */
function mailboxKey({ server, mailbox }: Pick<SourceConfig, 'server' | 'mailbox'>): string {
  return `${server.host.toLowerCase()} ${mailbox.toLowerCase()}`;
}

/** M365 (doc): the address is the same on every virtual machine of every cloud. */
const machineIdentityUrl = 'http://169.254.169.254/metadata/identity/oauth2/token';

/** M365 (doc): App Service and Container Apps name theirs in the environment, with a header that keeps others of the machine out. */
function identityEndpoint(given: string | undefined, env: Environment): IdentityEndpoint {
  if (given !== undefined) return { url: given };
  const { IDENTITY_ENDPOINT: url, IDENTITY_HEADER: header } = env;
  if (url && header && URL.canParse(url)) return { url, header: new Secret(header) };
  return { url: machineIdentityUrl };
}

/** Of the map under this key; none where there is no map. */
export function entries(root: unknown, key: string): [string, unknown][] {
  const map = typeof root === 'object' && root !== null ? Reflect.get(root, key) : undefined;
  return typeof map === 'object' && map !== null && !Array.isArray(map) ? Object.entries(map) : [];
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}

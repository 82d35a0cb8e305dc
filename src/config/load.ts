/**
 * Untrusted text into a `Config`: shape by the schema, then what concerns more than one key, then the files it names.
 *
 * The hard thing is to report everything at once. A shape error in one source must not hide the unknown tenant in the next: so the
 * whole is checked by the schema for its issues, and each tenant and source that has none is cross-checked on its own.
 */
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import { Fault } from '../fault/fault.ts';
import { Secret } from '../runtime/secret.ts';
import { type Cloud, clouds, type MailServer } from '../tenant/cloud.ts';
import { isAddress, isLoopback } from '../tenant/ids.ts';
import type { Config, CredentialConfig, IdentityEndpoint, SourceAuth, SourceConfig, TenantConfig } from './config.ts';
import { gravest, keyProblem, type Problem, problemLine, shapeProblems, valueProblem } from './problem.ts';
import { configSchema, type RawMailServer, type RawSource, type RawTenant, sourceSchema, tenantSchema } from './schema.ts';
import { type SecretReference, secretReference } from './secret-reference.ts';
import { type KeyPath, readYaml, type YamlText } from './yaml-text.ts';

export type { Config, CredentialConfig, SourceConfig, TenantConfig } from './config.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export type Reading =
  | { readonly config: Config; readonly problems: readonly [] }
  | { readonly config: undefined; readonly problems: readonly Problem[] };

/** A thousand sources need some 200 KB; a mistaken path may lead to a database. */
const maxFileBytes = 4 * 1024 * 1024;

/**
 * Loads the configuration. Secrets are not fetched.
 * @throws Fault config.unreadable; or one of config.secret-in-file, config.not-yaml, config.invalid, config.file-unusable and
 * config.not-yet, whose evidence holds every problem in `problems`, a line each.
 */
export async function loadConfig(file: string, env: Environment): Promise<Config> {
  const { config, problems } = await readConfig(file, env);
  if (config === undefined) throw configFault(file, problems);
  return config;
}

/** The fault that a configuration with these problems is. */
export function configFault(file: string, problems: readonly Problem[]): Fault {
  const lines = problems.map((problem) => problemLine(file, problem));
  return new Fault(gravest(problems), { file, count: problems.length, problems: lines.join('\n') });
}

/**
 * Like {@link loadConfig}, with the problems as a value, in the order of the file.
 * @throws Fault config.unreadable
 */
export async function readConfig(file: string, env: Environment): Promise<Reading> {
  const yaml = readYaml(await readText(file));
  if (yaml.errors.length > 0) {
    return failed(yaml.errors.map(({ place, text }) => ({ ...place, key: '', text, code: 'config.not-yaml' })));
  }
  const shape = configSchema.safeParse(yaml.value);
  const problems = shape.success ? [] : shapeProblems(yaml, shape.error.issues);
  // A record of zod leaves this one name out without a word.
  for (const key of ['tenants', 'sources']) {
    if (entries(yaml.value, key).some(([name]) => name === '__proto__'))
      problems.push(keyProblem(yaml, [key, '__proto__'], 'expected another name'));
  }
  const reader = new Reader(yaml, dirname(resolvePath(file)), env, problems);
  const tenants = await reader.tenants();
  const sources = await reader.sources(tenants);
  if (!shape.success || problems.length > 0) return failed(problems);
  const dataFolder = resolvePath(dirname(resolvePath(file)), shape.data.data);
  return { config: { file: resolvePath(file), dataFolder, tenants, sources }, problems: [] };
}

function failed(problems: readonly Problem[]): Reading {
  return { config: undefined, problems: [...problems].sort((a, b) => a.line - b.line || a.column - b.column) };
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > maxFileBytes) throw new Fault('config.unreadable', { file, seen: `${size} bytes, more than ${maxFileBytes}` });
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('config.unreadable', { file, seen: codeOf(error) }, { cause: error });
  }
}

/** One pass over a file: what all its checks share. Adds to `problems` as it goes; what it returns counts only if there are none. */
class Reader {
  readonly #yaml: YamlText;
  readonly #folder: string;
  readonly #env: Environment;
  readonly #problems: Problem[];
  /** Mailbox and folder on a server → the source that has it already. */
  readonly #taken = new Map<string, string>();

  constructor(yaml: YamlText, folder: string, env: Environment, problems: Problem[]) {
    this.#yaml = yaml;
    this.#folder = folder;
    this.#env = env;
    this.#problems = problems;
  }

  #problem(path: KeyPath, text: string, code: Problem['code'] = 'config.invalid'): void {
    this.#problems.push(valueProblem(this.#yaml, path, text, code));
  }

  /** The tenants whose shape is sound, by name. */
  async tenants(): Promise<Map<string, TenantConfig>> {
    const tenants = new Map<string, TenantConfig>();
    for (const [name, raw] of entries(this.#yaml.value, 'tenants')) {
      const shape = tenantSchema.safeParse(raw);
      if (shape.success) tenants.set(name, await this.#tenant(name, shape.data));
    }
    return tenants;
  }

  async #tenant(name: string, raw: RawTenant): Promise<TenantConfig> {
    const path = ['tenants', name];
    if (raw.tenantId.toLowerCase() === raw.clientId.toLowerCase()) {
      this.#problem([...path, 'clientId'], 'the same as tenantId; expected the Application (client) ID');
    }
    const cloud = this.#cloud(raw.cloud, [...path, 'cloud']);
    const credential = await this.#credential(raw.credential, [...path, 'credential']);
    if (credential.kind === 'managed-identity' && credential.clientId?.toLowerCase() === raw.clientId.toLowerCase()) {
      this.#problem(
        [...path, 'credential', 'managedIdentity', 'clientId'],
        'the same as clientId of the app; expected the Client ID of the identity',
      );
    }
    const ca = await this.#ca(raw.ca, [...path, 'ca']);
    return { name, tenantId: raw.tenantId, clientId: raw.clientId, cloud, scope: raw.scope ?? cloud.scope, credential, ca };
  }

  #cloud(raw: RawTenant['cloud'], path: KeyPath): Cloud {
    if (typeof raw === 'string') return clouds[raw];
    const server = (protocol: Protocol): { readonly [key in Protocol]?: MailServer } => {
      const given = raw[protocol];
      return given === undefined ? {} : { [protocol]: this.#server(given, protocol, [...path, protocol]) };
    };
    const authority = new URL(raw.authority).origin;
    return { name: 'custom', authority, scope: raw.scope, ...server('imap'), ...server('pop3'), ...server('smtp') };
  }

  async #credential(raw: RawTenant['credential'], path: KeyPath): Promise<CredentialConfig> {
    if (raw.secret !== undefined) {
      return { kind: 'secret', secret: this.#secret(raw.secret, [...path, 'secret'], true) };
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
    const certificate = await this.#pem(file, [...inside, 'file']);
    return { kind: 'certificate', certificate, key: this.#secret(key, [...inside, 'key'], false), algorithm };
  }

  #secret(raw: NonNullable<RawTenant['credential']['secret']>, path: KeyPath, clientSecret: boolean): SecretReference {
    return secretReference(raw, { key: path.join('.'), clientSecret, folder: this.#folder, env: this.#env });
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
    let text: string;
    try {
      text = await readFile(full, 'utf8');
    } catch (error) {
      this.#problem(path, `the file ${full} cannot be read (${codeOf(error)})`, 'config.file-unusable');
      return '';
    }
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0) this.#problem(path, `the file ${full} holds no certificate in PEM form`, 'config.file-unusable');
    const broken = blocks.findIndex((block) => !isCertificate(block));
    if (broken >= 0) this.#problem(path, `certificate ${broken + 1} in the file ${full} cannot be read`, 'config.file-unusable');
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
    const auth = this.#auth(raw, tenants, path);
    const folders = this.#folders(raw.folders, [...path, 'folders']);
    const ownCa = await this.#ca(raw.server?.ca, [...path, 'server', 'ca']);
    const given = raw.server === undefined ? undefined : this.#server(raw.server, raw.protocol, [...path, 'server']);
    if (auth === undefined) return undefined;
    const server = given ?? (auth.kind === 'oauth2' ? auth.tenant.cloud[raw.protocol] : undefined);
    if (server === undefined) {
      const text =
        auth.kind === 'oauth2'
          ? `missing; the cloud of tenant ${auth.tenant.name} names no ${raw.protocol} host`
          : 'missing; with `auth` the server must be named';
      this.#problem([...path, 'server'], text);
      return undefined;
    }
    this.#take(
      name,
      folders.map((folder) => JSON.stringify([server.host.toLowerCase(), raw.mailbox.toLowerCase(), folder])),
      path,
    );
    const ca = auth.kind === 'oauth2' ? [...auth.tenant.ca, ...ownCa] : ownCa;
    const { mailbox, protocol, format, every: everyMs } = raw;
    return {
      name,
      mailbox,
      protocol,
      server: { ...server, ca },
      auth,
      folders,
      everyMs,
      format,
    };
  }

  #auth(raw: RawSource, tenants: ReadonlyMap<string, TenantConfig>, path: KeyPath): SourceAuth | undefined {
    if (raw.tenant !== undefined && raw.auth !== undefined) {
      this.#problem([...path, 'auth'], '`tenant` and `auth` exclude each other: OAuth 2.0 or a password');
      return undefined;
    }
    if (raw.auth !== undefined) {
      const { user, password } = raw.auth;
      return { kind: 'password', user: user ?? raw.mailbox, password: this.#secret(password, [...path, 'auth', 'password'], false) };
    }
    if (raw.tenant === undefined) {
      this.#problem(path, 'missing `tenant` (OAuth 2.0), or `server` with `auth` (a password)');
      return undefined;
    }
    if (!isAddress(raw.mailbox))
      this.#problem([...path, 'mailbox'], `expected an address such as journal@contoso.com, found ${JSON.stringify(raw.mailbox)}`);
    const tenant = tenants.get(raw.tenant);
    return tenant === undefined ? undefined : { kind: 'oauth2', tenant };
  }

  /** Asked of every source, sound or not. A tenant that is there but unsound has problems of its own. */
  #knownTenant(rawSource: unknown, path: KeyPath): void {
    const tenant = typeof rawSource === 'object' && rawSource !== null ? Reflect.get(rawSource, 'tenant') : undefined;
    const names = entries(this.#yaml.value, 'tenants').map(([name]) => name);
    if (typeof tenant !== 'string' || names.includes(tenant)) return;
    const known = names.length === 0 ? 'there is none in this file' : `known are ${names.join(', ')}`;
    this.#problem(path, `no tenant ${JSON.stringify(tenant)}; ${known}`);
  }

  #folders(raw: readonly string[], path: KeyPath): string[] {
    // RFC 9051 §5.1: INBOX is the one name whose case does not count.
    const folders = raw.map((folder) => (folder.toUpperCase() === 'INBOX' ? 'INBOX' : folder));
    folders.forEach((folder, index) => {
      if (folders.indexOf(folder) < index) this.#problem([...path, index], `the folder ${JSON.stringify(folder)} stands here twice`);
    });
    return [...new Set(folders)];
  }

  /** Two sources for one folder would import each message twice under two names. */
  #take(name: string, keys: readonly string[], path: KeyPath): void {
    const other = keys.map((key) => this.#taken.get(key)).find((found) => found !== undefined);
    if (other !== undefined) this.#problem([...path, 'mailbox'], `source ${other} already imports this mailbox and folder`);
    for (const key of keys) this.#taken.set(key, this.#taken.get(key) ?? name);
  }
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

type Protocol = 'imap' | 'pop3' | 'smtp';

/** Port and TLS where one or both are left out: what the custom of the ports is. RFC 8314 §3 for the implicit ones. */
function completeServer(raw: RawMailServer, protocol: Protocol): MailServer {
  const ports = { imap: [993, 143], pop3: [995, 110], smtp: [465, 587] } as const;
  const [implicit, plain] = ports[protocol];
  const startsPlain: readonly number[] = [143, 110, 587, 25];
  const tls = raw.tls ?? ((raw.port === undefined ? protocol === 'smtp' : startsPlain.includes(raw.port)) ? 'starttls' : 'implicit');
  return { host: raw.host, port: raw.port ?? (tls === 'implicit' ? implicit : plain), tls };
}

function entries(root: unknown, key: string): [string, unknown][] {
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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}

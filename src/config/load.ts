/**
 * Untrusted text into a `Config`: shape by the schema, then what concerns more than one key, then the files it names.
 *
 * The hard thing is to report everything at once. A shape error in one source must not hide the unknown tenant in the next: so the
 * whole is checked by the schema for its issues, and each tenant and source that has none is cross-checked on its own.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import { Fault } from '../fault/fault.ts';
import type { Config, ProxyConfig } from './config.ts';
import { gravest, keyProblem, type Problem, problemLine, shapeProblems } from './problem.ts';
import { type ProxyReading, readProxy } from './read-proxy.ts';
import { codeOf, type Environment, entries, Reader } from './reader.ts';
import { configSchema, proxySchema } from './schema.ts';
import { readYaml, type YamlText } from './yaml-text.ts';

export type { Config, CredentialConfig, SourceConfig, TenantConfig } from './config.ts';

export type Reading =
  | { readonly config: Config; readonly problems: readonly [] }
  | { readonly config: undefined; readonly problems: readonly Problem[] };

export interface ReadOptions {
  /** For `setup` itself: what it makes need not be there yet (the client id, the certificate). */
  readonly forSetup?: boolean;
  /** This tenant is asked for, whatever else is: its app has to be there. */
  readonly needs?: string | undefined;
}

/** A thousand sources need some 200 KB; a mistaken path may lead to a database. */
const maxFileBytes = 4 * 1024 * 1024;

/**
 * Loads the configuration. Secrets are not fetched.
 * @throws Fault config.unreadable; or one of config.secret-in-file, config.not-yaml, config.invalid, config.file-unusable and
 * config.not-yet, whose evidence holds every problem in `problems`, a line each.
 */
export async function loadConfig(file: string, env: Environment, options: ReadOptions = {}): Promise<Config> {
  const { config, problems } = await readConfig(file, env, options);
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
export async function readConfig(file: string, env: Environment, options: ReadOptions = {}): Promise<Reading> {
  return await readConfigText(file, await readText(file), env, options);
}

/** What holds where there is no file: every default. @param file where it would be; relative paths begin in its folder */
export async function defaultConfig(file: string, env: Environment): Promise<Config> {
  const { config, problems } = await readConfigText(file, '{}', env, {});
  if (config === undefined) throw configFault(file, problems);
  return config;
}

async function readConfigText(file: string, text: string, env: Environment, options: ReadOptions): Promise<Reading> {
  const yaml = readYaml(text);
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
  const reader = new Reader(yaml, dirname(resolvePath(file)), env, problems, { forSetup: options.forSetup === true, needs: options.needs });
  const tenants = await reader.tenants();
  const sources = await reader.sources(tenants);
  const alerts = await reader.alerts(tenants);
  const proxy = proxyOf(yaml, { folder: dirname(resolvePath(file)), env, tenants, problems });
  if (!shape.success || alerts === undefined || problems.length > 0) return failed(problems);
  const dataFolder = resolvePath(dirname(resolvePath(file)), shape.data.data);
  const service = shape.data.service === undefined ? undefined : reader.service(shape.data.service);
  return {
    config: {
      file: resolvePath(file),
      dataFolder,
      tenants,
      notMade: reader.notMade,
      sources,
      import: shape.data.import,
      service,
      alerts,
      proxy,
    },
    problems: [],
  };
}

/** Undefined where there is none, or its shape is unsound. */
function proxyOf(yaml: YamlText, reading: Omit<ProxyReading, 'yaml' | 'tenantNames'>): ProxyConfig | undefined {
  const given = typeof yaml.value === 'object' && yaml.value !== null ? Reflect.get(yaml.value, 'proxy') : undefined;
  const shape = proxySchema.optional().safeParse(given);
  if (!shape.success || shape.data === undefined) return undefined;
  return readProxy(shape.data, { ...reading, yaml, tenantNames: entries(yaml.value, 'tenants').map(([name]) => name) });
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

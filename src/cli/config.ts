/** `postern config check`, `config sample`, `config schema`. */
import type { Config, CredentialConfig } from '../config/config.ts';
import type { SecretReference } from '../config/secret-reference.ts';
import { isFault } from '../fault/fault.ts';
import { type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { configFile, expectNoArguments } from './parse.ts';
import { count, duration, faultAsJson, faultText, json, table, wantsColour } from './print.ts';

export const configCheck: Command = {
  name: 'config check',
  summary: 'Read the configuration and say what was understood, or everything that is wrong.',
  usage: '[--secrets] [--config FILE] [--json]',
  details: `Every problem is listed with file, line, column and key. No connection is made.

With --secrets each reference to a secret is resolved too (environment, file or command), and only
whether that worked is shown. Without it, secrets are not touched.`,
  options: { secrets: { type: 'boolean', help: 'Resolve every secret, and show which ones cannot be.' } },
  run: async (args, terminal) => {
    expectNoArguments(configCheck, args);
    const { configFault, readConfig } = await import('../config/load.ts');
    const file = configFile(args, terminal.env);
    const asJson = args.values['json'] === true;
    const { config, problems } = await readConfig(file, terminal.env);
    if (config === undefined) {
      const fault = configFault(file, problems);
      if (!asJson) throw fault;
      terminal.stderr.write(faultText(fault, wantsColour(terminal)));
      json(terminal, { ...Object(faultAsJson(fault)), problems });
      return exit.usage;
    }
    const secrets = args.values['secrets'] === true ? await unlessInterrupted(resolveAll(config), terminal.signal) : undefined;
    if (asJson) json(terminal, { ...understood(config), ...(secrets === undefined ? {} : { secrets }) });
    else terminal.stdout.write(asText(config, secrets));
    return report(secrets ?? [], terminal);
  },
};

export const configSample: Command = {
  name: 'config sample',
  summary: 'Print a commented configuration to begin with.',
  usage: '> postern.yaml',
  options: {},
  run: async (args, terminal) => {
    expectNoArguments(configSample, args);
    const { sample } = await import('../config/sample.ts');
    terminal.stdout.write(sample());
    return exit.done;
  },
};

export const configSchema: Command = {
  name: 'config schema',
  summary: 'Print the JSON Schema of the configuration, for editors.',
  usage: '> postern.schema.json',
  details:
    'In an editor that knows YAML schemas, write as first line of the configuration:\n  # yaml-language-server: $schema=./postern.schema.json',
  options: {},
  run: async (args, terminal) => {
    expectNoArguments(configSchema, args);
    const { jsonSchema } = await import('../config/json-schema.ts');
    json(terminal, jsonSchema());
    return exit.done;
  },
};

interface Resolved {
  readonly usedBy: string;
  readonly reference: string;
  readonly ok: boolean;
  readonly fault?: string;
}

/** Of an assertion it is looked at too whether it is one. A managed identity has nothing to resolve without a connection. */
function secretsOf(config: Config): (readonly [string, SecretReference])[] {
  const tenants = [...config.tenants.values()].flatMap(({ name, credential }) => {
    const reference = referenceOf(credential);
    if (reference === undefined) return [];
    return [[`tenant ${name}`, credential.kind === 'assertion' ? inspected(reference) : reference] as const];
  });
  const passwords = config.sources.flatMap(({ name, auth }) =>
    auth.kind === 'password' ? [[`source ${name}`, auth.password] as const] : [],
  );
  return [...tenants, ...passwords];
}

function referenceOf(credential: CredentialConfig): SecretReference | undefined {
  switch (credential.kind) {
    case 'secret':
      return credential.secret;
    case 'certificate':
      return credential.key;
    case 'assertion':
      return credential.assertion;
    case 'managed-identity':
      return undefined;
  }
}

function inspected(reference: SecretReference): SecretReference {
  return {
    ...reference,
    resolve: async () => {
      const { inspectAssertion } = await import('../token/assertion.ts');
      const { systemClock } = await import('../runtime/clock.ts');
      const assertion = await reference.resolve();
      inspectAssertion(assertion, reference.describe, systemClock.now());
      return assertion;
    },
  };
}

async function resolveAll(config: Config): Promise<(Resolved & { readonly error?: unknown })[]> {
  return await Promise.all(
    secretsOf(config).map(async ([usedBy, reference]) => {
      const common = { usedBy, reference: reference.describe };
      try {
        await reference.resolve();
        return { ...common, ok: true };
      } catch (error) {
        if (!isFault(error)) throw error;
        return { ...common, ok: false, fault: error.code, error };
      }
    }),
  );
}

/** A command that gives a secret may take its time; a Ctrl-C does not wait for it. */
async function unlessInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const interrupted = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => interrupted.reject(signal.reason), { once: true });
  return await Promise.race([work, interrupted.promise]);
}

/** Faults of secrets on stderr; what was understood has gone to stdout. */
function report(secrets: readonly { readonly error?: unknown }[], terminal: Terminal): ExitCode {
  const faults = secrets.map(({ error }) => error).filter((error) => isFault(error));
  for (const fault of faults) terminal.stderr.write(faultText(fault, wantsColour(terminal)));
  return faults.length === 0 ? exit.done : exit.usage;
}

/** The configuration without certificates and references' insides: what a person would call its content. */
function understood(config: Config): Record<string, unknown> {
  const { file, dataFolder } = config;
  const tenants = [...config.tenants.values()].map(({ name, tenantId, clientId, cloud, scope, credential }) => {
    const reference = referenceOf(credential)?.describe;
    return {
      name,
      tenantId,
      clientId,
      cloud: cloud.name,
      authority: cloud.authority,
      scope,
      credential: credential.kind,
      ...(reference === undefined ? {} : { reference }),
      ...(credential.kind === 'managed-identity' ? { endpoint: credential.endpoint.url } : {}),
    };
  });
  const sources = config.sources.map(({ name, mailbox, protocol, server, auth, folders, everyMs, format }) => ({
    name,
    mailbox,
    protocol,
    server: { host: server.host, port: server.port, tls: server.tls },
    auth:
      auth.kind === 'oauth2'
        ? { kind: auth.kind, tenant: auth.tenant.name }
        : { kind: auth.kind, user: auth.user, password: auth.password.describe },
    folders,
    everyMs,
    format,
  }));
  return { file, dataFolder, tenants, sources };
}

function asText(config: Config, secrets: readonly Resolved[] | undefined): string {
  const parts = [
    `${config.file}: ${count(config.tenants.size, 'tenant')}, ${count(config.sources.length, 'source')}\ndata: ${config.dataFolder}\n`,
  ];
  if (config.tenants.size > 0) {
    const rows = [...config.tenants.values()].map(({ name, cloud, tenantId, clientId, credential }) => {
      return [name, cloud.name === 'custom' ? cloud.authority : cloud.name, tenantId, clientId, credential.kind];
    });
    parts.push(
      table([{ title: 'TENANT' }, { title: 'CLOUD' }, { title: 'TENANT ID' }, { title: 'CLIENT ID' }, { title: 'CREDENTIAL' }], rows),
    );
  }
  if (config.sources.length > 0) {
    const rows = config.sources.map(({ name, mailbox, protocol, server, auth, folders, everyMs }) => {
      const login = auth.kind === 'oauth2' ? `OAuth 2.0 (${auth.tenant.name})` : `password (${auth.user})`;
      return [name, mailbox, `${protocol} ${server.host}:${server.port}`, login, folders.join(', '), duration(everyMs)];
    });
    parts.push(
      table(
        [{ title: 'SOURCE' }, { title: 'MAILBOX' }, { title: 'SERVER' }, { title: 'LOGIN' }, { title: 'FOLDERS' }, { title: 'EVERY' }],
        rows,
      ),
    );
  }
  if (secrets === undefined) parts.push('Secrets were not looked at; --secrets resolves them.\n');
  else {
    const rows = secrets.map(({ usedBy, reference, ok, fault }) => [usedBy, reference, ok ? 'resolved' : (fault ?? '')]);
    parts.push(table([{ title: 'SECRET OF' }, { title: 'REFERENCE' }, { title: 'RESULT' }], rows));
  }
  return parts.join('\n');
}

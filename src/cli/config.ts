/** `postern config check`, `config sample`, `config schema`. */
import type { AlertsConfig, CompletionConfig, Config, CredentialConfig, ServiceConfig, SourceAuth } from '../config/config.ts';
import { choiceTexts } from '../config/folder-choice.ts';
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
  const ofService = [config.service?.tls?.key, config.service?.key].filter((reference) => reference !== undefined);
  return [...tenants, ...passwords, ...secretsOfAlerts(config.alerts), ...ofService.map((reference) => ['service', reference] as const)];
}

function secretsOfAlerts({ webhook, mail }: AlertsConfig): (readonly [string, SecretReference])[] {
  const ofWebhook = [webhook?.url, webhook?.secret].filter((reference) => reference !== undefined);
  // What stands in the file itself has nothing to resolve.
  const elsewhere = ofWebhook.filter(({ kind }) => kind !== 'text').map((reference) => ['alerts by webhook', reference] as const);
  return mail?.auth.kind === 'password' ? [...elsewhere, ['alerts by mail', mail.auth.password]] : elsewhere;
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
  const sources = config.sources.map(({ name, server, auth, folders, since, ...settings }) => ({
    name,
    ...settings,
    server: { host: server.host, port: server.port, tls: server.tls },
    auth: login(auth),
    folders: choiceTexts(folders),
    ...(since === undefined ? {} : { since: since.toISOString().slice(0, 10) }),
  }));
  return {
    file,
    dataFolder,
    tenants,
    notMade: config.notMade,
    sources,
    import: config.import,
    service: understoodService(config.service),
    alerts: understoodAlerts(config.alerts),
  };
}

function understoodService(service: ServiceConfig | undefined): Record<string, unknown> | undefined {
  if (service === undefined) return undefined;
  const { tls, key, ...plain } = service;
  return {
    ...plain,
    ...(tls === undefined ? {} : { tls: { certificate: tls.certificateFile, key: tls.key.describe } }),
    ...(key === undefined ? {} : { key: key.describe }),
  };
}

function understoodAlerts({ webhook, mail, remindEveryMs }: AlertsConfig): Record<string, unknown> {
  return {
    // The address itself may hold a token.
    ...(webhook === undefined ? {} : { webhook: { url: webhook.url.describe, secret: webhook.secret?.describe } }),
    ...(mail === undefined
      ? {}
      : {
          mail: {
            server: { host: mail.server.host, port: mail.server.port, tls: mail.server.tls },
            auth: mail.auth.kind === 'none' ? mail.auth : login(mail.auth),
            from: mail.from,
            to: mail.to,
          },
        }),
    remindEveryMs,
  };
}

function login(auth: SourceAuth): Record<string, unknown> {
  if (auth.kind === 'oauth2') return { kind: auth.kind, tenant: auth.tenant.name };
  return { kind: auth.kind, user: auth.user, password: auth.password.describe };
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
  for (const name of config.notMade)
    parts.push(`Tenant ${name} waits for \`postern setup apply ${name}\`: its app is not made yet. Nothing else needs it so far.\n`);
  if (config.sources.length > 0) {
    const rows = config.sources.map(({ name, mailbox, protocol, server, auth, folders, everyMs, onCompletion, hold }) => {
      const way = auth.kind === 'oauth2' ? `OAuth 2.0 (${auth.tenant.name})` : `password (${auth.user})`;
      const where = `${protocol} ${server.host}:${server.port}`;
      return [name, mailbox, where, way, choiceTexts(folders).join(', '), duration(everyMs), completionText(onCompletion, hold)];
    });
    parts.push(
      table(
        ['SOURCE', 'MAILBOX', 'SERVER', 'LOGIN', 'FOLDERS', 'EVERY', 'THEN'].map((title) => ({ title })),
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

/** What happens on the server once a message is safe. */
function completionText(completion: CompletionConfig, hold: boolean): string {
  if (completion.kind === 'leave' || completion.kind === 'seen') return completion.kind;
  const act = completion.kind === 'move' ? `move to ${completion.folder}` : `delete after ${duration(completion.afterMs)}`;
  return hold ? `held (${act})` : act;
}

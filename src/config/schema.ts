/**
 * The shape of the configuration file: every key with a sentence, its default and the reason for it. This is the truth; the sample,
 * docs/config.md, the JSON Schema and the error messages come from it. The parts are in `schema-*.ts`.
 *
 * Two conventions. A leaf's error text is what was EXPECTED, as a phrase ("a duration such as 30s, 5m or 1h"); `load.ts` adds the
 * place and what was found. And `meta` carries what the generated pages need: `description`, `reason` (of the default), `example`.
 * What concerns more than one key (unknown tenant, two sources for one folder, files of certificates) is checked in `load.ts`.
 */
import { z } from 'zod';
import { type mailServer, name, path, type secretReference } from './schema-leaf.ts';
import { proxySchema } from './schema-proxy.ts';
import { alertsSchema, importSchema, serviceSchema } from './schema-service.ts';
import { sourceSchema } from './schema-source.ts';
import { tenantSchema } from './schema-tenant.ts';

/** Keys that hold a reference to a secret. What stands under them is never printed. */
export const secretKeys: ReadonlySet<string> = new Set(['secret', 'password', 'key', 'assertion']);

/** Keys that are planned: asked for, they are named as such instead of called a typing error. Key path without names. */
export const planned: ReadonlyMap<string, string> = new Map([
  ['tenants.credential.secret.vault', 'the vault comes with a later version; use `env`, `file` or `command`'],
]);

export const configSchema = z.strictObject(
  {
    data: path.prefault('./postern-data').meta({
      description: 'Folder of archive, journals and locks; a relative path counts from the folder of this file.',
      reason: 'beside this file, so that both are found together',
    }),
    tenants: z
      .record(name, tenantSchema, { error: 'a map of tenants by name' })
      .prefault({})
      .meta({ description: 'Tenants by a name of your choice.', example: 'contoso' }),
    sources: z
      .record(name, sourceSchema, { error: 'a map of sources by name' })
      .prefault({})
      .meta({ description: 'Import sources by a name of your choice; the archive keeps this name for ever.', example: 'telemessage' }),
    import: importSchema.prefault({}).meta({
      description: 'Bounds of the import over all sources.',
      example: { connections: 8, perHost: 20 },
    }),
    service: serviceSchema.optional().meta({
      description: 'Console, API, health and metrics over HTTP, as `serve` and `import run` give them.',
      reason: '`serve` listens on this machine alone, `import run` serves nothing',
      example: {
        listen: '0.0.0.0:8473',
        tls: { certificate: './tls/fullchain.pem', key: { file: '/run/credentials/postern-tls-key' } },
        names: ['postern.contoso.com'],
        behindProxy: ['127.0.0.1'],
        key: { file: '/run/credentials/postern-key' },
      },
    }),
    proxy: proxySchema.optional().meta({
      description: 'The door for applications that only know user and password; `postern proxy` and `serve` open it.',
      reason: 'there is none',
      example: {
        listeners: {
          imap: { protocol: 'imap', listen: '127.0.0.1:1143' },
          submission: { protocol: 'smtp', listen: '0.0.0.0:587', tls: 'starttls' },
        },
        certificate: { certificate: './tls/fullchain.pem', key: { file: './tls/key.pem' } },
        tenants: { contoso: ['*@contoso.com'] },
        sendAs: { 'scanner@contoso.com': ['noreply@contoso.com'] },
        limits: {
          perMailbox: { imap: 10, pop3: 3, smtp: 3 },
          wait: '20s',
          sessions: 2500,
          halfOpen: 1000,
          halfOpenPerAddress: 100,
          loginTime: '1m',
          failures: 10,
          lock: '15m',
          messagesPerMinute: 30,
          messageMegabytes: 35,
        },
        queue: { retryFor: '2d' },
        health: '127.0.0.1:9466',
        auditDays: 365,
      },
    }),
    alerts: alertsSchema.prefault({}).meta({
      description: 'Where Postern says that a source is late, refused, throttled or silent, or that a credential expires.',
      reason: 'only `import status`, the log and the metrics say so',
      example: {
        webhook: { url: { env: 'ALERT_URL' } },
        mail: { tenant: 'contoso', from: 'postern@contoso.com', to: ['admin@contoso.com'] },
        remindEvery: '24h',
      },
    }),
  },
  { error: 'a map with the keys data, tenants and sources' },
);

export { proxySchema } from './schema-proxy.ts';
export { alertsSchema, listenAddress } from './schema-service.ts';
export { sourceSchema } from './schema-source.ts';
export { tenantSchema } from './schema-tenant.ts';

export type RawTenant = z.infer<typeof tenantSchema>;
export type RawSource = z.infer<typeof sourceSchema>;
export type RawAlerts = z.infer<typeof alertsSchema>;
export type RawService = z.infer<typeof serviceSchema>;
export type RawSecretReference = z.infer<typeof secretReference>;
export type RawMailServer = z.infer<typeof mailServer>;

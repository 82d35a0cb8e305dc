/**
 * The shape of the configuration file: every key with a sentence, its default and the reason for it. This is the truth; the sample,
 * docs/config.md, the JSON Schema and the error messages come from it.
 *
 * Two conventions. A leaf's error text is what was EXPECTED, as a phrase ("a duration such as 30s, 5m or 1h"); `load.ts` adds the
 * place and what was found. And `meta` carries what the generated pages need: `description`, `reason` (of the default), `example`.
 * What concerns more than one key (unknown tenant, two sources for one folder, files of certificates) is checked in `load.ts`.
 */
import { z } from 'zod';
import { isDomain, isGuid, isLoopback, isTenantId } from '../tenant/ids.ts';
import { parseDuration } from './quantity.ts';

/** Keys that hold a reference to a secret. What stands under them is never printed. */
export const secretKeys: ReadonlySet<string> = new Set(['secret', 'password', 'key', 'assertion']);

/** Values and keys that are planned: asked for, they are named as such instead of called a typing error. Key path without names. */
export const planned: ReadonlyMap<string, string> = new Map([
  ['sources.protocol: pop3', 'POP3 sources come with a later version; use `imap` until then'],
  ['sources.onCompletion: seen', 'only `leave` can be done so far: nothing on the server is changed'],
  ['sources.onCompletion: delete', 'only `leave` can be done so far: nothing on the server is changed'],
  ['sources.onCompletion.move', 'only `leave` can be done so far: nothing on the server is changed'],
  ['sources.connections', 'a source has one connection so far; `import run --connections N` bounds how many sources have theirs at once'],
  [
    'sources.format: telemessage',
    'records of this kind come with a later version; every message is read as mail so far, which `auto` says',
  ],
  ['sources.format: journal', 'records of this kind come with a later version; every message is read as mail so far, which `auto` says'],
  ['sources.format: mail', 'the only one so far, and what `auto` means'],
  ['tenants.credential.secret.vault', 'the vault comes with a later version; use `env`, `file` or `command`'],
]);

const minEveryMs = 1_000;
// A timer of Node holds some 24 days; a source that is looked at less than once a week is not a source.
const maxEveryMs = 7 * 86_400_000;

function text(expected: string, fits: (value: string) => boolean = (value) => value.trim() !== ''): z.ZodString {
  return z.string({ error: expected }).refine(fits, { error: expected });
}

/** Without control characters: these values go into protocol lines and paths. */
function isPlain(value: string): boolean {
  return value.trim() !== '' && !/\p{Cc}/u.test(value);
}

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, { error: 'a name of letters, digits, "-", "_" and ".", beginning with a letter or a digit' })
  .max(64, { error: 'a name of at most 64 characters' });

const every = z.string({ error: 'a duration such as 30s, 5m or 1h' }).transform((value, context) => {
  const ms = parseDuration(value);
  if (ms !== undefined && ms >= minEveryMs && ms <= maxEveryMs) return ms;
  const expected = ms === undefined ? 'a duration such as 30s, 5m or 1h' : 'a duration between 1s and 7d';
  context.issues.push({ code: 'custom', message: expected, input: value });
  return z.NEVER;
});

const path = text('the path of a file', (value) => value.trim() !== '' && !value.includes('\0'));

const ca = z.union([path, z.array(path, { error: 'a list of paths' })], { error: 'the path of a PEM file, or a list of such paths' }).meta({
  description: 'PEM files of certificate authorities to trust in addition to the system, never instead of checking.',
  example: './corporate-ca.pem',
});

const secretReference = z
  .strictObject(
    {
      env: text('the name of an environment variable (letters, digits and "_")', (value) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(value))
        .meta({ description: 'Name of the environment variable that holds it.', example: 'CONTOSO_SECRET' })
        .optional(),
      file: path
        .meta({
          description: 'File that holds it and nothing else; a line end after it is dropped.',
          example: '/run/credentials/contoso-secret',
        })
        .optional(),
      command: z
        .array(text('a program and its arguments, each a text'), { error: 'a list: [program, argument, …]; no shell reads it' })
        .min(1, { error: 'a list with at least the program' })
        .meta({
          description:
            'Program and arguments that print it on standard output; no shell reads them. 30 seconds at most, started in the folder of this file.',
          example: ['pass', 'show', 'contoso/postern'],
        })
        .optional(),
    },
    { error: 'a reference: { env: NAME }, { file: PATH } or { command: [PROGRAM, ARGUMENT, …] }' },
  )
  .refine((reference) => Object.keys(reference).length === 1, { error: 'exactly one of env, file and command' });

const port = z.int({ error: 'a port number' }).min(1, { error: 'a port number from 1 to 65535' }).max(65_535, {
  error: 'a port number from 1 to 65535',
});

const host = text('a host name or an IP address', (value) => isLoopback(value) || isDomain(value) || /^[A-Za-z0-9:.-]+$/.test(value));

const tls = z.enum(['implicit', 'starttls', 'none'], { error: 'implicit, starttls or none' });

const mailServer = z.strictObject(
  {
    host: host.meta({ description: 'Host name, as it stands in the server certificate.', example: 'mail.example.com' }),
    port: port
      .optional()
      .meta({ description: 'Port.', reason: 'the usual one: IMAP 993, POP3 995, SMTP 587; with `tls: starttls` IMAP 143, POP3 110' }),
    tls: tls.optional().meta({
      description:
        '`implicit`: TLS from the first byte; `starttls`: plain text first, then TLS, or the connection is given up; `none`: on this machine only.',
      reason: '`implicit`, but `starttls` on the ports 143, 110, 587 and 25, where it is the custom',
    }),
  },
  { error: 'a server: { host, port, tls }' },
);

const cloud = z.union(
  [
    z.enum(['global', 'gcc-high', 'dod', 'china'], { error: 'global, gcc-high, dod, china, or endpoints given by hand' }),
    z.strictObject(
      {
        authority: text('an address such as https://login.microsoftonline.com, without a path', isOrigin).meta({
          description: 'Origin of the token endpoint: https only, no path.',
          example: 'https://localhost:8443',
        }),
        scope: text('a scope that ends in /.default', isScope).meta({
          description: 'Scope of a token for mail in this cloud.',
          example: 'https://outlook.office365.com/.default',
        }),
        imap: mailServer.optional().meta({ description: 'IMAP host.' }),
        pop3: mailServer.optional().meta({ description: 'POP3 host, with the same keys.' }),
        smtp: mailServer.optional().meta({ description: 'SMTP submission host, with the same keys.' }),
      },
      { error: 'endpoints: { authority, scope, imap }' },
    ),
  ],
  { error: 'global, gcc-high, dod, china, or endpoints given by hand: { authority, scope, imap }' },
);

/** M365 (doc): an app-only scope is the resource with `/.default` behind it; anything else is refused with AADSTS1002012. */
function isScope(value: string): boolean {
  return /^\S+\/\.default$/.test(value) && URL.canParse(value.slice(0, -'/.default'.length));
}

function isOrigin(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  return url.protocol === 'https:' && (value === url.origin || value === `${url.origin}/`);
}

const certificate = z.strictObject(
  {
    file: path.meta({
      description: 'The certificate (public half) in PEM form, as uploaded to the app registration.',
      example: './postern.crt',
    }),
    key: secretReference.meta({ description: 'Its private key in PEM form, without a passphrase: a reference, never the key itself.' }),
    algorithm: z.enum(['PS256', 'RS256'], { error: 'PS256 or RS256' }).prefault('PS256').meta({
      description: 'How the assertion is signed: PS256 names the certificate by its SHA-256, RS256 by its SHA-1.',
      reason: 'what Microsoft asks for today; RS256 is for endpoints that know only the older form',
    }),
  },
  { error: 'a certificate: { file: PATH, key: { file: PATH } }' },
);

/** M365 (doc): the endpoints are on this machine or at a link-local address, and speak plain HTTP there. RFC 3927 §2.1. */
function isLocalEndpoint(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  return protocol === 'http:' && (isLoopback(hostname) || /^169\.254\.\d{1,3}\.\d{1,3}$/.test(hostname));
}

const managedIdentity = z.strictObject(
  {
    clientId: text('the client ID of the identity: a GUID', isGuid).optional().meta({
      description: 'Client ID of the user-assigned identity (not of the app).',
      reason: 'the only identity that the machine has',
      example: '77777777-8888-9999-aaaa-000000000000',
    }),
    audience: text('an audience such as api://AzureADTokenExchange', isPlain).optional().meta({
      description: 'What its token is asked for.',
      reason: 'the federated audience of the cloud, for global api://AzureADTokenExchange',
      example: 'api://AzureADTokenExchange',
    }),
    endpoint: text('an http address on this machine or in 169.254.0.0/16', isLocalEndpoint).optional().meta({
      description: 'The local endpoint, where it speaks as that of a virtual machine does but stands elsewhere.',
      reason: 'that of App Service and Container Apps where IDENTITY_ENDPOINT and IDENTITY_HEADER are set, else that of a virtual machine',
      example: 'http://169.254.169.254/metadata/identity/oauth2/token',
    }),
  },
  { error: 'a managed identity: { clientId: GUID }' },
);

const credential = z
  .strictObject(
    {
      secret: secretReference.optional().meta({ description: 'A client secret: a reference to its value (not the Secret ID).' }),
      certificate: certificate.optional().meta({
        description: 'A certificate instead of a secret; Microsoft recommends it.',
        example: { file: './postern.crt', key: { file: './postern.key' } },
      }),
      assertion: secretReference.optional().meta({
        description:
          'The JWT of an outside issuer (Kubernetes, another cloud) that a federated credential of the app trusts: a reference, read anew for each token.',
        example: { file: '/var/run/secrets/azure/tokens/azure-identity-token' },
      }),
      managedIdentity: managedIdentity.optional().meta({
        description: 'A user-assigned managed identity of this Azure machine that a federated credential of the app trusts.',
        example: { clientId: '77777777-8888-9999-aaaa-000000000000' },
      }),
    },
    {
      error: 'a credential: { secret: { env: NAME } }, or one of certificate, assertion and managedIdentity',
    },
  )
  .refine((value) => Object.keys(value).length === 1, { error: 'exactly one of secret, certificate, assertion and managedIdentity' });

export const tenantSchema = z.strictObject(
  {
    tenantId: text('a tenant id: a GUID, or a domain of the tenant such as contoso.onmicrosoft.com', isTenantId).meta({
      description: 'Directory (tenant) ID, or a verified domain of the tenant.',
      example: '11111111-2222-3333-4444-555555555555',
    }),
    clientId: text('an application (client) ID: a GUID', isGuid).meta({
      description: 'Application (client) ID of the app registration.',
      example: '66666666-7777-8888-9999-000000000000',
    }),
    cloud: cloud.prefault('global').meta({
      description: '`global` (also GCC), `gcc-high`, `dod`, `china`, or the endpoints given by hand.',
      reason: 'where nearly all tenants are',
      example: 'global',
    }),
    scope: text('a scope that ends in /.default', isScope).optional().meta({
      description: 'What the token is asked for.',
      reason: 'the scope of the cloud, for global https://outlook.office365.com/.default',
      example: 'https://outlook.office365.com/.default',
    }),
    credential: credential.meta({
      description: 'How the app proves itself: exactly one of `secret`, `certificate`, `assertion` and `managedIdentity`.',
    }),
    ca: ca.optional(),
  },
  { error: 'a tenant: { tenantId, clientId, credential }' },
);

const auth = z.strictObject(
  {
    user: text('a user name', isPlain).optional().meta({
      description: 'User name at that server.',
      reason: 'the mailbox',
      example: 'journal@example.com',
    }),
    password: secretReference.meta({ description: 'A reference to the password.' }),
  },
  { error: 'a login: { user, password: { env: NAME } }' },
);

const onCompletion = z.union([z.literal('leave', { error: 'leave' })], { error: 'leave' });

export const sourceSchema = z.strictObject(
  {
    tenant: text('the name of a tenant of this file').optional().meta({
      description: 'The tenant (a name under `tenants`) whose app opens the mailbox with OAuth 2.0.',
      example: 'contoso',
    }),
    server: mailServer
      .extend({ ca: ca.optional() })
      .optional()
      .meta({
        description: 'The mail server, if it is not that of the tenant’s cloud. Wanted together with `auth`.',
        example: { host: 'mail.example.com', port: 993 },
      }),
    auth: auth.optional().meta({
      description: 'User and password, for servers that are not Microsoft’s. Instead of `tenant`.',
      example: { user: 'journal@example.com', password: { env: 'JOURNAL_PASSWORD' } },
    }),
    mailbox: text('a mailbox: an address such as journal@contoso.com', isPlain).meta({
      description: 'The mailbox to import. With a tenant, its primary address.',
      example: 'telemessage@contoso.com',
    }),
    protocol: z.enum(['imap'], { error: 'imap' }).prefault('imap').meta({
      description: 'The protocol.',
      reason: 'IMAP can leave the mailbox as it is and says what it holds',
    }),
    folders: z
      .array(text('the exact name of a folder', isPlain), { error: 'a list of folder names such as [INBOX]' })
      .min(1, { error: 'at least one folder' })
      .prefault(['INBOX'])
      .meta({ description: 'Folders to import, by their exact names.', reason: 'where mail arrives' }),
    format: z.enum(['auto'], { error: 'auto' }).prefault('auto').meta({
      description: 'What the messages are read as. So far only `auto`: as mail. The stored bytes do not depend on it.',
      reason: 'each message shows what it is',
    }),
    every: every.prefault('1m').meta({
      description: 'How long to wait between two looks at the mailbox: `30s`, `5m`, `1h`.',
      reason: 'late by a minute at most, and one round trip a look',
    }),
    onCompletion: onCompletion.prefault('leave').meta({
      description: 'What happens to a message on the server once it is safe in the archive. So far only `leave`.',
      reason: 'nothing on the server is changed',
    }),
  },
  { error: 'a source: { tenant, mailbox }' },
);

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
  },
  { error: 'a map with the keys data, tenants and sources' },
);

export type RawTenant = z.infer<typeof tenantSchema>;
export type RawSource = z.infer<typeof sourceSchema>;
export type RawSecretReference = z.infer<typeof secretReference>;
export type RawMailServer = z.infer<typeof mailServer>;

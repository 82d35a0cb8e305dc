/** The schema of a tenant: where it is, which app, and how the app proves itself. */
import { z } from 'zod';
import { isGuid, isLoopback, isTenantId } from '../tenant/ids.ts';
import { ca, day, isPlain, mailServer, path, secretReference, text } from './schema-leaf.ts';
import { setupSchema } from './schema-setup.ts';

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
        graph: text('an address such as https://graph.microsoft.com, without a path', isOrigin).optional().meta({
          description: 'Origin of Microsoft Graph, for `setup`.',
          example: 'https://localhost:8444',
        }),
        exchangeAdmin: text('an address such as https://outlook.office365.com, without a path', isOrigin).optional().meta({
          description: 'Origin of the administrative interface of Exchange, for `setup`.',
          example: 'https://localhost:8445',
        }),
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
      expires: day.optional().meta({
        description:
          'The day on which `secret` expires, as the portal shows it, so that you are warned in time. What Graph says counts instead, where the app may ask there.',
        reason: 'what `setup` noted, or Graph says where the app may ask; else no warning before the secret is refused',
        example: '2027-01-31',
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
  .refine((value) => Object.keys(value).filter((key) => key !== 'expires').length === 1, {
    error: 'exactly one of secret, certificate, assertion and managedIdentity',
  });

export const tenantSchema = z.strictObject(
  {
    tenantId: text('a tenant id: a GUID, or a domain of the tenant such as contoso.onmicrosoft.com', isTenantId).meta({
      description: 'Directory (tenant) ID, or a verified domain of the tenant.',
      example: '11111111-2222-3333-4444-555555555555',
    }),
    clientId: text('an application (client) ID: a GUID', isGuid).optional().meta({
      description: 'Application (client) ID of the app registration.',
      reason: 'the app that `postern setup apply` made',
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
    setup: setupSchema.optional().meta({
      description: 'What the tenant should have for the app: planned, applied, rotated and taken away by `postern setup`.',
      reason: 'the app was made by hand',
      example: {
        mailboxes: [{ address: 'telemessage@contoso.com', protocols: ['imap'], sendAs: ['noreply@contoso.com'] }],
        protocols: ['imap'],
        app: {
          uniqueName: 'postern-mail',
          displayName: 'Postern mail',
          audience: 'single-tenant',
          adopt: '66666666-7777-8888-9999-000000000000',
        },
        lifetime: '180d',
        overlap: '7d',
        store: { file: './contoso-secret' },
        federated: {
          name: 'postern',
          issuer: 'https://kubernetes.example.com/',
          subject: 'system:serviceaccount:mail:postern',
          audience: 'api://AzureADTokenExchange',
        },
        smtpMode: 'rbac',
        smtpGroup: 'postern-senders@contoso.com',
        clientAccess: { enableWhereNeeded: true },
      },
    }),
    ca: ca.optional(),
  },
  { error: 'a tenant: { tenantId, clientId, credential }' },
);

/** The schema of `setup:`: what the tenant should have for the app. No secret has a place in it. */
import { z } from 'zod';
import { isGuid } from '../tenant/ids.ts';
import { duration, isPlain, path, text } from './schema-leaf.ts';

const protocols = z
  .array(z.enum(['imap', 'pop3', 'smtp'], { error: 'imap, pop3 or smtp' }), { error: 'a list of protocols such as [imap]' })
  .min(1, { error: 'at least one protocol' });

const address = text('an address such as telemessage@contoso.com', (value) => isPlain(value) && value.includes('@'));

const mailbox = z.union(
  [
    address,
    z.strictObject(
      {
        address: address.meta({ description: 'Primary address of the mailbox.', example: 'telemessage@contoso.com' }),
        protocols: protocols
          .optional()
          .meta({ description: 'By which it is opened.', reason: 'those of `setup.protocols`', example: ['imap'] }),
        sendAs: z
          .array(address, { error: 'a list of addresses' })
          .prefault([])
          .meta({ description: 'Other addresses that the app sends as.', reason: 'it sends as the mailbox that it logs in to' }),
      },
      { error: 'a mailbox: an address, or { address, protocols, sendAs }' },
    ),
  ],
  { error: 'a mailbox: an address, or { address, protocols, sendAs }' },
);

const store = z
  .strictObject(
    {
      file: path.optional().meta({ description: 'File that it is written to, with mode 0600.', example: './contoso-secret' }),
      command: z
        .array(text('a program and its arguments, each a text'), { error: 'a list: [program, argument, …]; no shell reads it' })
        .min(1, { error: 'a list with at least the program' })
        .optional()
        .meta({
          description: 'Program that takes it on its standard input and keeps it; no shell reads it.',
          example: ['pass', 'insert', '--multiline', '--force', 'contoso/postern'],
        }),
    },
    { error: 'a place: { file: PATH } or { command: [PROGRAM, ARGUMENT, …] }' },
  )
  .refine((value) => Object.keys(value).length === 1, { error: 'exactly one of file and command' });

export const setupSchema = z
  .strictObject(
    {
      mailboxes: z
        .array(mailbox, { error: 'a list of mailboxes' })
        .min(1, { error: 'at least one mailbox' })
        .meta({ description: 'The mailboxes that the app may open, and no others.', example: ['telemessage@contoso.com'] }),
      protocols: protocols
        .prefault(['imap'])
        .meta({ description: 'By which mailboxes are opened that say nothing else.', reason: 'the least that an import needs' }),
      app: z
        .strictObject(
          {
            uniqueName: text('a name of letters, digits and "-"', (value) => /^[A-Za-z0-9][A-Za-z0-9-]{0,119}$/.test(value))
              .prefault('postern-mail')
              .meta({
                description: 'Name by which the registration is found again; it cannot be changed later.',
                reason: 'display names are not unique',
              }),
            displayName: text('a name', isPlain).optional().meta({
              description: 'Name that people see.',
              reason: 'a new app is called Postern mail, one that is there keeps its name',
              example: 'Postern mail',
            }),
            audience: z.enum(['single-tenant', 'multi-tenant'], { error: 'single-tenant or multi-tenant' }).prefault('single-tenant').meta({
              description: 'Who may use the app. A multi-tenant one wants the consent of each other tenant.',
              reason: 'the least',
            }),
            adopt: text('an application (client) ID: a GUID', isGuid).optional().meta({
              description: 'An app that was made by hand and is to be taken over.',
              reason: 'the app is found by `uniqueName`, or made',
              example: '66666666-7777-8888-9999-000000000000',
            }),
          },
          { error: 'an app: { uniqueName, displayName, audience, adopt }' },
        )
        .prefault({})
        .meta({
          description: 'The app registration.',
          reason: 'one of its own, for this tenant only',
          example: { uniqueName: 'postern-mail' },
        }),
      lifetime: duration('90d or 180d', '1d', '730d').prefault('180d').meta({
        description: 'How long a new secret or certificate lives. A policy of the tenant may allow less.',
        reason: 'long enough for a rotation each quarter, and what most policies allow',
      }),
      overlap: duration('1d or 7d', '1h', '90d').prefault('7d').meta({
        description: 'How long the old secret stays after `setup rotate`.',
        reason: 'other programs that share it have time to change',
      }),
      store: store.optional().meta({
        description: 'Where a new secret goes.',
        reason: 'the file that `credential` names',
        example: { file: './contoso-secret' },
      }),
      federated: z
        .strictObject(
          {
            name: text('a name', (value) => /^[A-Za-z0-9][A-Za-z0-9_-]{0,119}$/.test(value))
              .prefault('postern')
              .meta({
                description: 'Name of the federated credential; it cannot be changed later.',
                reason: 'says whose it is',
              }),
            issuer: text('the address of an issuer', (value) => URL.canParse(value) && value.startsWith('https://')).meta({
              description: 'Issuer of the assertions, letter by letter.',
              example: 'https://kubernetes.example.com/',
            }),
            subject: text('a subject', isPlain).meta({
              description: 'Subject of the assertions, letter by letter.',
              example: 'system:serviceaccount:mail:postern',
            }),
            audience: text('an audience', isPlain).prefault('api://AzureADTokenExchange').meta({
              description: 'Audience of the assertions.',
              reason: 'the one of the global cloud',
            }),
          },
          { error: 'a federated credential: { issuer, subject }' },
        )
        .optional()
        .meta({
          description: 'What the app trusts, where `credential` is an assertion or a managed identity.',
          reason: 'with a secret or a certificate nothing is needed',
          example: { issuer: 'https://kubernetes.example.com/', subject: 'system:serviceaccount:mail:postern' },
        }),
      smtpMode: z.enum(['claims', 'rbac'], { error: 'claims or rbac' }).prefault('claims').meta({
        description: 'How sending is permitted: by app role and FullAccess, or by a role assignment in Exchange whose scope is a group.',
        reason: 'one app serves for all protocols then',
        example: 'rbac',
      }),
      smtpGroup: address.optional().meta({
        description: 'With `smtpMode: rbac`: the mail-enabled security group as whose direct members the app sends.',
        reason: 'by claims no group is needed',
        example: 'postern-senders@contoso.com',
      }),
      clientAccess: z
        .strictObject(
          {
            enableWhereNeeded: z.boolean({ error: 'true or false' }).prefault(false).meta({
              description: 'Turns IMAP, POP or SMTP AUTH on for a listed mailbox where it is off; never for the organisation.',
              reason: 'a switch that somebody turned off may have been meant so',
            }),
          },
          { error: 'switches: { enableWhereNeeded: true }' },
        )
        .prefault({})
        .meta({
          description: 'The switches of the mailboxes.',
          reason: 'they are told and left as they are',
          example: { enableWhereNeeded: true },
        }),
    },
    { error: 'a setup: { mailboxes: [ADDRESS] }' },
  )
  .refine(({ smtpMode, smtpGroup }) => (smtpMode === 'rbac') === (smtpGroup !== undefined), {
    path: ['smtpGroup'],
    error: 'with `smtpMode: rbac` a group as whose members the app sends, and without it none',
  });

export type RawSetup = z.infer<typeof setupSchema>;

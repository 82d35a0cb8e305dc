/** The schema of an import source: where, how to log in, which messages, how they are read, and what happens to them afterwards. */
import { z } from 'zod';
import { isAddress } from '../tenant/ids.ts';
import { folderEntry, specialUses } from './folder-choice.ts';
import { amount, ca, day, duration, isPlain, mailServer, secretReference, text } from './schema-leaf.ts';

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

/** Where mail goes in or out, and how to log in there: of sources and of alerts. */
export const access = {
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
};

const folder = z.union(
  [
    text(
      `the name of a folder, a pattern, or one of ${specialUses.join(' ')}`,
      (value) => isPlain(value) && folderEntry(value) !== undefined,
    ),
    z.strictObject({ name: text('the exact name of a folder', isPlain) }, { error: 'the exact name of a folder: { name: NAME }' }),
  ],
  { error: `the name of a folder, a pattern such as Archive/*, or one of ${specialUses.join(' ')}` },
);

const onCompletion = z.union(
  [
    z.enum(['leave', 'seen'], { error: 'leave or seen' }),
    z
      .strictObject(
        {
          move: text('the name of a folder', isPlain).optional().meta({
            description: 'Folder of the same mailbox into which the message is moved. IMAP only.',
            example: 'Imported',
          }),
          delete: z
            .strictObject(
              {
                after: duration('30d or 7y', '1s', '100y').meta({
                  description: 'How long a message stays after it became safe in the archive: `12h`, `30d`, `7y`.',
                  example: '30d',
                }),
              },
              { error: 'a waiting period: { after: 30d }' },
            )
            .optional()
            .meta({ description: 'The message is deleted for good, after a waiting period in which a mistake can be noticed.' }),
        },
        { error: '{ move: FOLDER } or { delete: { after: 30d } }' },
      )
      .refine((value) => Object.keys(value).length === 1, { error: 'exactly one of move and delete' }),
  ],
  { error: 'leave, seen, { move: FOLDER } or { delete: { after: 30d } }' },
);

const country = z
  .union([z.int(), z.string()], { error: 'the calling code of a country, such as 1 or 44' })
  .refine((value) => /^\+?[1-9]\d{0,2}$/.test(String(value)), { error: 'the calling code of a country, such as 1 or 44' })
  .transform((value) => String(value).replace('+', ''));

/** A number as people write it, or an address. Which of the two, and whose, the records tell. */
function isOwner(value: string): boolean {
  return isAddress(value) || /^\+?[\d(][\d ().\-/]{2,30}$/.test(value);
}

export const sourceSchema = z.strictObject(
  {
    ...access,
    mailbox: text('a mailbox: an address such as journal@contoso.com', isPlain).meta({
      description: 'The mailbox to import. With a tenant, its primary address.',
      example: 'telemessage@contoso.com',
    }),
    protocol: z.enum(['imap', 'pop3'], { error: 'imap or pop3' }).prefault('imap').meta({
      description:
        '`imap` or `pop3`. POP3 knows the inbox only, no dates and no marks, and may lock the mailbox while it is looked at; some servers mark as read what it takes.',
      reason: 'IMAP shows all folders and says at once when mail arrives',
    }),
    folders: z
      .array(folder, { error: 'a list of folder names such as [INBOX]' })
      .min(1, { error: 'at least one folder' })
      .prefault(['INBOX'])
      .meta({
        description:
          "Folders to import. Each entry is a name as the server lists it, a pattern (`*` any text, `%` within one level), or a special use (`\\Sent`, `\\Archive`, `\\All` …); with `!` before it, it is left out: `['*', '!Junk*']`. `{ name: 'a*b' }` is an exact name whatever signs are in it. New folders that fit are found by themselves.",
        reason: 'where mail arrives',
      }),
    since: day.optional().meta({
      description:
        'Messages that arrived on the server (INTERNALDATE) before this day are counted as excluded and not imported. IMAP only.',
      reason: 'all that the folder holds',
      example: '2026-01-01',
    }),
    every: duration('30s, 5m or 1h', '1s', '7d').prefault('1m').meta({
      description: 'How long to wait between two looks at the mailbox: `30s`, `5m`, `1h`. IMAP listens in between, where the server can.',
      reason: 'late by a minute at most, and one round trip a look',
    }),
    connections: amount(1, 20).optional().meta({
      description: 'Connections to this mailbox that are open at once, at most; fewer where the server wants fewer. 1 with POP3.',
      reason: '4, well below what Exchange is known to bear for one mailbox; with POP3 1',
      example: 4,
    }),
    format: z.enum(['auto', 'telemessage', 'journal', 'mail'], { error: 'auto, telemessage, journal or mail' }).prefault('auto').meta({
      description:
        'What the messages are read as: `telemessage` (messages and calls archived by TeleMessage), `journal` (journal reports), `mail`, or what each one shows itself to be (`auto`). The stored bytes do not depend on it.',
      reason: 'each message shows what it is',
    }),
    nameOrder: z.enum(['first-last', 'last-first'], { error: 'first-last or last-first' }).prefault('first-last').meta({
      description: 'In which order TeleMessage writes the names of participants: `first-last` or `last-first`.',
      reason: 'what TeleMessage does unless it was asked for the other; the text alone does not show it',
    }),
    country: country.optional().meta({
      description: 'Calling code of the country for numbers that are written without one.',
      reason: 'such numbers stay as they are written',
      example: '1',
    }),
    owners: z
      .array(text('an address or a telephone number', isOwner), { error: 'a list of addresses and numbers' })
      .prefault([])
      .meta({
        description: 'Addresses and telephone numbers that are monitored: tells incoming from outgoing, and each is watched for silence.',
        reason: 'the messages alone tell who is monitored',
        example: ['anna@contoso.com', '+1 555 010 0199'],
      }),
    onCompletion: onCompletion.prefault('leave').meta({
      description:
        'What happens to a message on the server once it is safe in the archive: `leave`, `seen` (IMAP), `{ move: FOLDER }` (IMAP), or `{ delete: { after: 30d } }`.',
      reason: 'nothing on the server is changed',
    }),
    hold: z.boolean({ error: 'true or false' }).prefault(false).meta({
      description: 'While it is true nothing of this source is moved or deleted on the server, whatever `onCompletion` says.',
      reason: '`onCompletion` decides',
    }),
    silentAfter: duration('4h or 2d', '1m', '1y').optional().meta({
      description: 'So long without a new message counts as silence, which is told.',
      reason: 'the habit of the source: a time in which a message always came before',
      example: '4h',
    }),
  },
  { error: 'a source: { tenant, mailbox }' },
);

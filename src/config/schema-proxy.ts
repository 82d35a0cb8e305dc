/** The schema of `proxy:`: where applications log in with a password, which mailboxes lie behind, and how much is borne. */
import { z } from 'zod';
import { amount, duration, name, path, secretReference, text } from './schema-leaf.ts';
import { listenAddress } from './schema-service.ts';

/** `scan@contoso.com`, `*@contoso.com`, `crm-*@*.contoso.com`, `*`. */
export function isMailboxPattern(value: string): boolean {
  return value === '*' || (value.length <= 320 && /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u.test(value));
}

const patternExpected = 'an address such as scan@contoso.com, with * for any letters (*@contoso.com, *)';
const pattern = text(patternExpected, isMailboxPattern);
const patterns = z.array(pattern, { error: 'a list of addresses, with * for any letters' }).min(1, { error: 'at least one address' });

const tls = z.strictObject(
  {
    certificate: path.meta({
      description: 'PEM file of the certificate and those between it and its root. It is read again when it changes.',
      example: './tls/fullchain.pem',
    }),
    key: secretReference.meta({
      description: 'A reference to its private key (PEM).',
      example: { file: '/run/credentials/postern-tls-key' },
    }),
  },
  { error: 'certificate: { certificate, key }' },
);

const listener = z.strictObject(
  {
    protocol: z
      .enum(['imap', 'pop3', 'smtp'], { error: 'imap, pop3 or smtp' })
      .meta({ description: 'What is spoken there: `imap`, `pop3` or `smtp` (submission).' }),
    listen: text('an address of this machine such as 127.0.0.1:1143', (value) => listenAddress(value) !== undefined).meta({
      description: 'Address and port. Port 0: a free one, which is printed.',
      example: '127.0.0.1:1143',
    }),
    tls: z.enum(['none', 'starttls', 'implicit'], { error: 'none, starttls or implicit' }).optional().meta({
      description: '`implicit`: TLS from the first byte; `starttls`: no login before STARTTLS or STLS; `none`: on this machine only.',
      reason: '`none` on 127.0.0.1 and ::1, else `implicit` (`starttls` on the ports 143, 110, 25 and 587)',
    }),
  },
  { error: 'a listener: { protocol, listen, tls }' },
);

const perMailbox = z.strictObject(
  {
    imap: amount(1, 100).prefault(10).meta({
      description: 'IMAP connections to one mailbox that are open at once, of all clients together.',
      reason: 'two mail programs of one person fit, and Exchange bears it',
    }),
    pop3: amount(1, 100).prefault(3).meta({
      description: 'POP3 connections to one mailbox, of all clients together.',
      reason: 'POP3 is not made for more',
    }),
    smtp: amount(1, 100).prefault(3).meta({
      description: 'SMTP connections of one mailbox, of all clients together.',
      reason: 'the limit of Exchange Online',
    }),
  },
  { error: 'connections: { imap, pop3, smtp }' },
);

const limits = z.strictObject(
  {
    perMailbox: perMailbox.prefault({}).meta({
      description: 'Connections to one mailbox that are open at once, of all clients together.',
      example: { imap: 10, pop3: 3, smtp: 3 },
    }),
    wait: duration('10s or 1m', '1s', '5m').prefault('20s').meta({
      description:
        'How long a login waits for a free connection, or for the end of a pause that the server asked for, before it is put off.',
      reason: 'shorter than what applications wait for an answer',
    }),
    sessions: amount(1, 100_000).prefault(2500).meta({
      description: 'Sessions that are open at once, at most.',
      reason: 'some 230 MB of memory; 330 where listeners encrypt',
    }),
    halfOpen: amount(1, 100_000).prefault(1000).meta({
      description: 'Connections that have not logged in yet, at most.',
      reason: 'many more than applications need, few enough to stay small',
    }),
    halfOpenPerAddress: amount(1, 100_000).prefault(100).meta({
      description: 'Of these, from one address; this machine itself is not bound by it.',
      reason: 'an office behind one address fits',
    }),
    loginTime: duration('30s or 2m', '1s', '10m').prefault('1m').meta({
      description: 'From the connection to the end of its login, TLS included; then it is closed.',
      reason: 'as Exchange does it',
    }),
    failures: amount(1, 1000).prefault(10).meta({
      description: 'Wrong passwords for one name from one address within ten minutes, after which they are locked out together.',
      reason: 'an application with an old password is told soon, a guesser gets nowhere',
    }),
    lock: duration('15m or 1h', '1s', '30d').prefault('15m').meta({
      description: 'How long a lock lasts.',
      reason: 'a mended application is back after a break',
    }),
    messagesPerMinute: amount(1, 10_000).prefault(30).meta({
      description: 'Messages that one mailbox sends in a minute, of all clients together; more are made to wait.',
      reason: 'the limit of Exchange Online',
    }),
    messageMegabytes: amount(1, 150).prefault(35).meta({
      description: 'The largest message that is taken for sending, in megabytes as it goes over the wire.',
      reason: 'what a mailbox may send unless its administrator has raised it',
    }),
  },
  { error: 'limits: a map of numbers and durations' },
);

export const proxySchema = z.strictObject(
  {
    listeners: z.record(name, listener, { error: 'a map of listeners by name' }).meta({
      description: 'Where applications connect to, by a name of your choice.',
      example: 'imap',
    }),
    certificate: tls.optional().meta({
      description: 'The certificate of all listeners with TLS.',
      reason: 'there can be no TLS, and so no listener for other machines',
    }),
    tenants: z
      .record(name, patterns, { error: 'a map from tenants to lists of mailboxes' })
      .optional()
      .meta({
        description: 'Which tenant serves which mailboxes, as lists of addresses by the name of the tenant; the first that fits serves.',
        reason: 'the only tenant serves all',
        example: { contoso: ['*@contoso.com'] },
      }),
    sendAs: z
      .record(text('the address of a mailbox', isMailboxPattern), patterns, { error: 'a map from mailboxes to lists of senders' })
      .prefault({})
      .meta({
        description:
          'Senders (MAIL FROM and From) that a mailbox may use besides its own address, by its address; Exchange has to allow them too (SendAs).',
        reason: 'its own address only',
        example: { 'scanner@contoso.com': ['noreply@contoso.com'] },
      }),
    limits: limits.prefault({}).meta({
      description: 'What is borne, of applications and towards the server.',
      example: { wait: '20s', sessions: 2500 },
    }),
    queue: z
      .strictObject(
        {
          retryFor: duration('1d or 5d', '1m', '30d').prefault('2d').meta({
            description: 'How long sending is tried again before a message is set aside as failed.',
            reason: 'longer than a weekend’s outage of a line, shorter than anybody’s patience',
          }),
        },
        { error: 'a queue: { retryFor }' },
      )
      .optional()
      .meta({
        description:
          'With it a message is taken (250) when it is on disk, in `proxy/queue` of the data folder, and sent from there; `postern proxy queue list` shows what waits.',
        reason: 'a message is taken when Exchange has taken it',
        example: { retryFor: '2d' },
      }),
    health: text('an address of this machine such as 127.0.0.1:9466', (value) => listenAddress(value) !== undefined)
      .optional()
      .meta({
        description: 'Where `postern proxy` serves health and metrics over plain HTTP; on this machine only.',
        reason: 'they are not served; in `serve` they stand with the others',
        example: '127.0.0.1:9466',
      }),
    auditDays: amount(1, 36_500).prefault(365).meta({
      description: 'For how many days the rows of who used which mailbox are kept.',
      reason: 'a year',
    }),
  },
  { error: 'a proxy: { listeners, … }' },
);

export type RawProxy = z.infer<typeof proxySchema>;

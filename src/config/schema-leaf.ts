/** Leaves that several parts of the configuration's schema are made of: texts, durations, days, references to secrets, servers. */
import { z } from 'zod';
import { isDomain, isLoopback } from '../tenant/ids.ts';
import { parseDay, parseDuration } from './quantity.ts';

export function text(expected: string, fits: (value: string) => boolean = (value) => value.trim() !== ''): z.ZodString {
  return z.string({ error: expected }).refine(fits, { error: expected });
}

/** Without control characters: these values go into protocol lines and paths. */
export function isPlain(value: string): boolean {
  return value.trim() !== '' && !/\p{Cc}/u.test(value);
}

export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, { error: 'a name of letters, digits, "-", "_" and ".", beginning with a letter or a digit' })
  .max(64, { error: 'a name of at most 64 characters' });

/** What a text should have been, as a phrase. */
class Expected {
  readonly phrase: string;

  constructor(phrase: string) {
    this.phrase = phrase;
  }
}

/** A text that stands for something else. */
function meaning<T>(expected: string, read: (value: string) => T | Expected) {
  return z.string({ error: expected }).transform((value, context): T => {
    const meant = read(value);
    if (!(meant instanceof Expected)) return meant;
    context.issues.push({ code: 'custom', message: meant.phrase, input: value });
    return z.NEVER;
  });
}

/** A duration between two bounds, as milliseconds. @param examples such as `30s, 5m or 1h` */
export function duration(examples: string, least: string, most: string) {
  const [leastMs, mostMs] = [parseDuration(least) ?? Number.NaN, parseDuration(most) ?? Number.NaN];
  const expected = `a duration such as ${examples}`;
  return meaning(expected, (value) => {
    const ms = parseDuration(value);
    if (ms === undefined) return new Expected(expected);
    return ms >= leastMs && ms <= mostMs ? ms : new Expected(`a duration between ${least} and ${most}`);
  });
}

const dayExpected = 'a day such as 2026-01-31';

/** A day, as its beginning (UTC). */
export const day = meaning(dayExpected, (value) => parseDay(value) ?? new Expected(dayExpected));

/** A whole number between two bounds. */
export function amount(least: number, most: number): z.ZodInt {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

export const path = text('the path of a file', (value) => value.trim() !== '' && !value.includes('\0'));

export const ca = z
  .union([path, z.array(path, { error: 'a list of paths' })], { error: 'the path of a PEM file, or a list of such paths' })
  .meta({
    description: 'PEM files of certificate authorities to trust in addition to the system, never instead of checking.',
    example: './corporate-ca.pem',
  });

export const secretReference = z
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

export const mailServer = z.strictObject(
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

/**
 * The command line of `postern-sandbox`: one table from which parsing and help both come.
 */

import { parseArgs } from 'node:util';

export interface CommandLine {
  readonly json: boolean;
  readonly out: string | undefined;
  readonly scenario: string | undefined;
  readonly seedMail: readonly string[];
  readonly withoutSeed: boolean;
  readonly deliverEveryMs: number | undefined;
  readonly basePort: number | undefined;
  readonly withStdin: boolean;
  readonly list: boolean;
  readonly differences: boolean;
  readonly help: boolean;
}

/** The command line cannot be understood; the message says why. */
export class UsageError extends Error {}

const options = {
  json: { type: 'boolean', help: 'when ready, print one line of JSON on stdout with everything a client needs' },
  out: {
    type: 'string',
    value: 'DIR',
    help: 'when ready, write ca.pem, sandbox.json, client-secret, app.crt, app.key and postern.yaml into DIR',
  },
  scenario: {
    type: 'string',
    value: 'NAME',
    help: 'let what is printed and written point to this scenario instead of the healthy app, the seeded mailbox and the healthy servers',
  },
  'seed-mail': {
    type: 'string',
    value: 'DIR',
    multiple: true,
    help: 'add the *.eml files of DIR to the seeded mailbox; may be given more than once',
  },
  'without-seed': { type: 'boolean', help: 'leave out the mail that the seeded mailbox has by itself' },
  'deliver-every': {
    type: 'string',
    value: 'TIME',
    help: 'deliver a new captured message to the seeded mailbox at this interval, such as 15s',
  },
  port: {
    type: 'string',
    value: 'BASE',
    help: 'first of seven ports: Entra, IMAP with TLS, IMAP with STARTTLS, control, POP3 with TLS, POP3 with STLS, SMTP; by default the system chooses',
  },
  'with-stdin': { type: 'boolean', help: 'end when standard input ends, so that a program that dies takes the sandbox with it' },
  list: { type: 'boolean', help: 'print the table of scenarios and end' },
  differences: { type: 'boolean', help: 'print docs/sandbox-differences.md and end' },
  help: { type: 'boolean', short: 'h', help: 'print this and end' },
} as const;

/** Reads the arguments. Throws {@link UsageError}. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const values = parse(args);
  return {
    json: values.json ?? false,
    out: values.out,
    scenario: values.scenario,
    seedMail: values['seed-mail'] ?? [],
    withoutSeed: values['without-seed'] ?? false,
    deliverEveryMs: values['deliver-every'] === undefined ? undefined : milliseconds(values['deliver-every']),
    basePort: values.port === undefined ? undefined : port(values.port),
    withStdin: values['with-stdin'] ?? false,
    list: values.list ?? false,
    differences: values.differences ?? false,
    help: values.help ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function milliseconds(text: string): number {
  const found = /^(\d{1,6})(ms|s|m)$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000 }[found?.[2] ?? ''];
  const value = Number(found?.[1] ?? 0) * (unit ?? 0);
  if (value <= 0) throw new UsageError(`--deliver-every wants a time such as 500ms, 15s or 2m, not ${text}`);
  return value;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_529) throw new UsageError(`--port wants a number from 1 to 65529, not ${text}`);
  return value;
}

export function help(): string {
  const rows = Object.entries(options).map(([name, option]) => {
    const shown = `${'short' in option ? `-${option.short}, ` : ''}--${name}${'value' in option ? ` ${option.value}` : ''}`;
    return `  ${shown.padEnd(22)} ${option.help}`;
  });
  return `postern-sandbox: an offline Microsoft 365 tenant on loopback, to test mail software against.

Usage: postern-sandbox [OPTIONS]

${rows.join('\n')}

It keeps everything in memory, makes new keys at every start, listens on 127.0.0.1 only, and ends on Ctrl-C.

Exit codes: 0 done; 1 it could not start; 2 wrong use; 70 a bug of ours.
`;
}

/** `postern check`: the whole chain from the configuration to an opened mailbox, and what to do where it breaks. */
import type { CheckResult, WaitOptions } from '../check/run.ts';
import { Fault } from '../fault/fault.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { leftOutText } from './import-talk.ts';
import { type AllSources, leftOutJson } from './known-sources.ts';
import { count, duration, json, number, printable, progress, wantsColour } from './print.ts';

/** Mail sessions at the same time unless `--connections` says otherwise: one for each mailbox and protocol at most, anyway. */
const defaultConnections = 16;

export const check: Command = {
  name: 'check',
  summary: 'Prove every link from the configuration to an opened mailbox, or say which one breaks and what repairs it.',
  usage:
    '[MAILBOX…] [--protocol imap,pop3,smtp] [--refused MAILBOX] [--send-test] [--wait 90m] [--json|--brief] [--junit FILE] [--transcript]',
  details: `Looks at: the ids and the credential, name, connection and TLS of each server, the tenant's cloud, a token and
its claims, then each mailbox: login, folder, one message. Nothing in a mailbox is changed.
Without MAILBOX: those of the configured sources. Without --protocol: what the source uses must work; the other
protocols are looked at where the token has their role, and are warnings at most.
A finding is sure, or supposed: Exchange answers many causes with one line. A second mailbox narrows it down.
With --wait it looks again, with a new token each time, as long as waiting can help: new permissions need minutes
to two hours to arrive.

The exit code is 0 when what must work does (warnings do not count), 3 when there are faults, 2 when the
configuration or a secret is at fault, 75 when all faults are passing ones, such as throttling.

Example: postern check journal@contoso.com --refused ceo@contoso.com --wait 90m`,
  options: {
    protocol: { type: 'string', value: 'LIST', help: 'imap, pop3, smtp, separated by commas: these must work.' },
    refused: {
      type: 'string',
      multiple: true,
      value: 'MAILBOX',
      help: 'This mailbox must be closed to the app. May be given more than once.',
    },
    tenant: { type: 'string', value: 'NAME', help: 'The tenant of mailboxes that no source names.' },
    'send-test': { type: 'boolean', help: 'Send a mail from each mailbox to itself over SMTP.' },
    wait: { type: 'string', value: 'DURATION', help: 'Look again until all is well, for at most so long, e.g. 90m.' },
    connections: { type: 'string', value: 'N', help: `Mail sessions at the same time, at most (default ${defaultConnections}).` },
    junit: { type: 'string', value: 'FILE', help: 'Write the result as JUnit XML into FILE too.' },
    transcript: { type: 'boolean', help: 'Show what was said to the mail servers; no token, no secret, no text of a mail.' },
    brief: { type: 'boolean', help: 'One line, for monitoring.' },
  },
  run: async (args, terminal) => {
    const wish = await wishOf(args);
    const { accountsToCheck } = await import('../check/account.ts');
    const { checkPorts } = await import('./wire.ts');
    const { allSources } = await import('./wire-import.ts');
    const all = await allSources(args, terminal);
    const faulty = notChecked(all, wish);
    const accounts = accountsToCheck(all.config, wish);
    for (const { name, fault } of faulty) terminal.stderr.write(leftOutText(name, fault, wantsColour(terminal)));
    const { check: run } = await import('../check/run.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const line = progress(terminal, systemClock.monotonic);
    let seen = 0;
    const onObservation = (): void => {
      seen += 1;
      line.show(() => `checking ${count(accounts.length, 'mailbox', 'mailboxes')}: ${number(seen)} looks`);
    };
    const ports = checkPorts(terminal.signal, onObservation);
    const options = { connections: wish.connections, sendTest: wish.sendTest, transcript: wish.transcript };
    const result = await run(accounts, ports, options, waiting(wish.waitMs, terminal, line));
    line.clear();
    const code = await print(result, { all, faulty }, wish, terminal);
    return code === exit.done && faulty.length > 0 ? exit.foundFaults : code;
  },
};

/** Made in the console, and of the mailboxes that are meant, but with what they log in nobody knows. */
type NotChecked = readonly { readonly name: string; readonly fault: Fault }[];

/** @throws Fault definitions.* where nothing else is left */
function notChecked({ config, known }: AllSources, { mailboxes, refused }: Wish): NotChecked {
  const isMeant = (address: string | undefined): boolean =>
    mailboxes.length === 0 || mailboxes.some((one) => one.toLowerCase() === address?.toLowerCase());
  const faulty = known.flatMap(({ name, mailbox, fault }) => (fault !== undefined && isMeant(mailbox) ? [{ name, mailbox, fault }] : []));
  const isSound = (address: string): boolean => config.sources.some(({ mailbox }) => mailbox.toLowerCase() === address.toLowerCase());
  const nothingElse = mailboxes.length === 0 ? config.sources.length + refused.length === 0 : undefined;
  const only = faulty.find(({ mailbox }) => nothingElse ?? !isSound(mailbox ?? ''));
  if (only !== undefined) throw only.fault;
  return faulty;
}

interface Wish {
  readonly mailboxes: readonly string[];
  readonly refused: readonly string[];
  readonly protocols: readonly ('imap' | 'pop3' | 'smtp')[] | undefined;
  readonly tenant: string | undefined;
  readonly connections: number;
  readonly sendTest: boolean;
  readonly transcript: boolean;
  readonly waitMs: number | undefined;
  readonly junit: string | undefined;
  readonly form: 'text' | 'json' | 'brief';
}

async function wishOf(args: Arguments): Promise<Wish> {
  const { values } = args;
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const refused = values['refused'];
  const { parseDuration } = await import('../config/quantity.ts');
  const wait = text('wait');
  const waitMs = wait === undefined ? undefined : parseDuration(wait);
  if (wait !== undefined && waitMs === undefined) throw wrong('--wait', 'a duration such as 90m or 2h', wait);
  const connections = text('connections') ?? String(defaultConnections);
  if (!/^[1-9]\d{0,2}$/.test(connections)) throw wrong('--connections', 'a number from 1 to 999', connections);
  const protocols = protocolsOf(text('protocol'));
  const sendTest = values['send-test'] === true;
  if (sendTest && protocols !== undefined && !protocols.includes('smtp'))
    throw wrong('--send-test', '--protocol with smtp', protocols.join(','));
  return {
    mailboxes: args.positionals,
    refused: Array.isArray(refused) ? refused.filter((one) => typeof one === 'string') : [],
    protocols,
    tenant: text('tenant'),
    connections: Number(connections),
    sendTest,
    transcript: values['transcript'] === true,
    waitMs,
    junit: text('junit'),
    form: values['json'] === true ? 'json' : values['brief'] === true ? 'brief' : 'text',
  };
}

function protocolsOf(list: string | undefined): Wish['protocols'] {
  if (list === undefined) return undefined;
  const known = { imap: 'imap', pop3: 'pop3', pop: 'pop3', smtp: 'smtp' } as const;
  return [
    ...new Set(
      list.split(',').map((word) => {
        const name = word.trim().toLowerCase();
        if (name === 'imap' || name === 'pop3' || name === 'pop' || name === 'smtp') return known[name];
        throw wrong('--protocol', 'imap, pop3 and smtp, separated by commas', list);
      }),
    ),
  ];
}

function wrong(option: string, expected: string, found: string): Fault {
  return new Fault('cli.wrong-use', { command: 'check', option, expected, found });
}

/** The countdown: on a terminal a line that counts, elsewhere one line a round. */
function waiting(forMs: number | undefined, terminal: Terminal, line: ReturnType<typeof progress>): WaitOptions | undefined {
  if (forMs === undefined) return undefined;
  let told = 0;
  return {
    forMs,
    onWait: ({ round, nextInMs, untilMs, findings }) => {
      const until = new Date(untilMs).toISOString().slice(11, 19);
      const why = findings[0]?.code ?? '';
      line.show(() => `round ${round}: ${why}; again in ${duration(nextInMs)}, until ${until}Z`);
      if (terminal.interactive || told === round) return;
      told = round;
      terminal.stderr.write(`round ${round}: ${why}; again in ${duration(nextInMs)}, until ${until}Z\n`);
    },
  };
}

async function print(
  result: CheckResult,
  { all, faulty }: { readonly all: AllSources; readonly faulty: NotChecked },
  wish: Wish,
  terminal: Terminal,
): Promise<ExitCode> {
  const { asBrief, asJson, asJunit, verdictOf } = await import('../check/report.ts');
  const checked = new Set(result.attempts.map(({ account }) => account.mailbox.toLowerCase()));
  const sources = all.known.filter(({ mailbox, fault }) => fault === undefined && checked.has(mailbox?.toLowerCase() ?? ''));
  const made = sources.filter(({ origin }) => origin === 'console').map(({ name, mailbox }) => `${name} (${mailbox})`);
  const named = sources.map(({ name, origin, mailbox }) => ({ source: name, origin, mailbox }));
  if (wish.form === 'json') json(terminal, { ...asJson(result), sources: named, leftOut: leftOutJson({ faulty, paused: [] }) });
  else if (wish.form === 'brief') terminal.stdout.write(asBrief(result));
  else {
    const { checkText } = await import('./check-text.ts');
    terminal.stdout.write(checkText(result, wantsColour(terminal)));
    if (made.length > 0) terminal.stdout.write(`Made in the console: ${printable(made.join(', '))}.\n`);
  }
  if (wish.junit !== undefined) await writeReport(wish.junit, asJunit(result));
  return { good: exit.done, faults: exit.foundFaults, configuration: exit.usage, later: exit.tryLater }[verdictOf(result.findings)];
}

async function writeReport(file: string, text: string): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  try {
    await writeFile(file, text);
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Fault('cli.wrong-use', {
      command: 'check',
      option: '--junit',
      expected: 'a file that can be written',
      found: `${file} (${errno})`,
    });
  }
}

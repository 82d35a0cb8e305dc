/** `postern serve`. */
import type { Config } from '../config/config.ts';
import { isFault } from '../fault/fault.ts';
import type { TakenOver } from '../service/api/configuration.ts';
import type { Overview } from '../service/api/operation.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { expectNoArguments } from './parse.ts';
import { bugText, count, faultAsJson, faultText, printable, progress, wantsColour } from './print.ts';
import { logFrom, teller } from './teller.ts';

/** Sources that are named at the start; more are counted. */
const namedAtMost = 20;
/** A certificate is some kilobytes; a mistaken path may lead to a database. */
const maxTrialBytes = 1024 * 1024;

export const serve: Command = {
  name: 'serve',
  summary: 'Run the import service with its web console, its API, health and metrics.',
  usage: '[--listen HOST:PORT] [--trial FILE] [--log text|json] [--rotate-key] [--config FILE]',
  details: `It brings in the mail of all sources as \`import run\` does, and serves the console where sources are made, tested and
watched, and messages are searched. Without a configuration file it starts with what is usual and keeps its data in
./postern-data. The first run makes a user and prints its password once; \`postern user password NAME\` gives another.
Ctrl-C or SIGTERM ends it cleanly: everything that came is in the archive. SIGHUP reads the configuration file anew, where it
does not run at a terminal: sources, tenants, alerts and proxy are taken over, and a file that is wrong changes nothing.`,
  options: {
    listen: { type: 'string', value: 'HOST:PORT', help: 'Where to serve, on this machine only (instead of `service: listen`).' },
    trial: {
      type: 'string',
      value: 'FILE',
      help: 'JSON that describes a tenant to try things with; it fills in the form of the first source.',
    },
    log: { type: 'string', value: 'FORM', help: 'What happens, on stderr: text for people (default), or json, one object a line.' },
    'rotate-key': { type: 'boolean', help: 'Make a new key, encrypt the kept secrets with it, and end.' },
  },
  run: async (args, terminal) => {
    expectNoArguments(serve, args);
    const form = await logFrom(args);
    const listen = args.values['listen'];
    const trial = await trialFrom(args);
    const wiring = await import('./wire.ts');
    const { config, isDefault } = await wiring.configurationOrDefault(args, terminal);
    if (args.values['rotate-key'] === true) return await rotateKey(config, terminal);
    const { systemClock } = await import('../runtime/clock.ts');
    const line = progress(terminal, systemClock.monotonic);
    const talk = await teller(form, terminal, line, systemClock.now);
    const say = (text: string): void => {
      line.clear();
      if (form === 'text') terminal.stderr.write(`${text}\n`);
    };
    const log = (fields: Readonly<Record<string, unknown>>): void => {
      if (form === 'json') terminal.stderr.write(`${JSON.stringify({ time: new Date(systemClock.now()).toISOString(), ...fields })}\n`);
    };
    if (isDefault) talk.announce(`There is no ${config.file}: starting with what is usual. Sources are made in the console.`);
    const { startService } = await import('./wire-serve.ts');
    const { logFields, logText } = await import('../proxy/log.ts');
    const service = await startService({
      config,
      read: async () => (await wiring.configurationOrDefault(args, terminal)).config,
      listen: typeof listen === 'string' ? listen : undefined,
      trial,
      env: terminal.env,
      report: (event) => talk.tell(event),
      onProxy: (event) => {
        const text = form === 'text' ? logText(event) : undefined;
        if (text !== undefined) say(text);
        log(logFields(event));
      },
      announce: (text) => talk.announce(text),
      onJournalFault: (fault) => talk.journalFailed(fault),
      onUnreadable: (source, fault) => {
        say(`${printable(source)} cannot be begun; the others go on:\n${faultText(fault, wantsColour(terminal)).trimEnd()}`);
        log({ event: 'source-unreadable', source, ...Object(faultAsJson(fault)) });
      },
      onBug: (error) => {
        line.clear();
        terminal.stderr.write(bugText(error));
      },
      signal: terminal.signal,
      ...(terminal.spare === undefined ? {} : { spare: terminal.spare }),
    });
    say(`Console at ${service.url}`);
    log({ event: 'serving', url: service.url });
    if (service.first !== undefined) {
      const { user } = service.first;
      // Nobody could log in otherwise. It has to be changed at the first login.
      const password = service.first.password.reveal();
      say(`First administrator: ${user}\nPassword, shown this once: ${password}`);
      log({ event: 'first-administrator', user, password });
    }
    const reload = (): void => {
      const { takeOver, accounts, onBug } = service.parts;
      const note = { who: 'cli:SIGHUP', role: undefined, address: '', action: 'configuration.reload', object: config.file } as const;
      accounts
        .note({ ...note, outcome: 'done', detail: '' })
        .then(takeOver)
        .then(
          (taken) => {
            say(takenText(taken));
            log({ event: 'configuration-reloaded', ...taken });
          },
          (error: unknown) => {
            if (!isFault(error)) return onBug(error);
            say(`The configuration was not taken over, and nothing has changed:\n${faultText(error, wantsColour(terminal)).trimEnd()}`);
            log({ event: 'configuration-refused', ...Object(faultAsJson(error)) });
          },
        );
    };
    // At a terminal it says that the terminal is gone.
    if (!terminal.interactive) process.on('SIGHUP', reload);
    const names = service.parts.engine.sources().map(({ config: { name } }) => name);
    const shown =
      names.length > namedAtMost ? `${names.slice(0, namedAtMost).join(', ')} and ${names.length - namedAtMost} more` : names.join(', ');
    const what = names.length === 0 ? 'No source yet: make one in the console.' : `Importing from ${shown} into ${config.dataFolder}.`;
    talk.announce(`${what} Ctrl-C ends it.`);
    await service.ended.finally(() => process.off('SIGHUP', reload));
    line.clear();
    // A terminal has written ^C before this line.
    talk.announce(`${terminal.interactive ? '\n' : ''}Ended; everything that came is in the archive.`);
    return exit.done;
  },
};

function takenText({ began, changed, ended, notBegun, alerts, proxy, afterRestart }: TakenOver): string {
  const named = (what: string, names: readonly string[]): string[] => (names.length === 0 ? [] : [`${what} ${names.join(', ')}`]);
  const what = [
    ...named('begun:', began),
    ...named('changed:', changed),
    ...named('ended:', ended),
    ...named(
      'cannot be begun:',
      notBegun.map(({ source, fault }) => `${source} (${fault.code})`),
    ),
    ...(alerts ? ['alerts changed'] : []),
    ...(proxy ? ['proxy changed'] : []),
    ...named('only after a restart:', afterRestart),
  ];
  return printable(`The configuration was read again: ${what.length === 0 ? 'nothing is different' : what.join('; ')}.`);
}

/** @throws Fault cli.wrong-use */
async function trialFrom(args: Arguments): Promise<Overview['trial']> {
  const given = args.values['trial'];
  if (typeof given !== 'string') return null;
  const { readFile, stat } = await import('node:fs/promises');
  const { overview } = await import('../service/api/operation.ts');
  const { Fault } = await import('../fault/fault.ts');
  const refused = (found: string, cause?: unknown): Error =>
    new Fault('cli.wrong-use', { option: '--trial', expected: 'a JSON file that describes a tenant to try things with', found }, { cause });
  try {
    if ((await stat(given)).size > maxTrialBytes) throw refused(`${given}, which is too large`);
    const read = overview.shape.trial.safeParse(JSON.parse(await readFile(given, 'utf8')));
    if (read.success) return read.data;
    throw refused(`${given}: ${read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
  } catch (error) {
    if (error instanceof Fault || !(error instanceof Error)) throw error;
    throw refused(`${given}: ${'code' in error ? String(error.code) : error.message}`, error);
  }
}

async function rotateKey(config: Config, terminal: Terminal): Promise<ExitCode> {
  const { definitionsKey } = await import('./wire-serve.ts');
  const { sources, keyId } = await definitionsKey(config, terminal.env);
  terminal.stdout.write(`The secrets of ${count(sources, 'source')} are encrypted with the new key ${keyId}.\n`);
  return exit.done;
}

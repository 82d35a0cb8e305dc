/** The options and arguments of a command, read from the rest of the command line. */
import { parseArgs } from 'node:util';
import { nearest } from '../config/nearest.ts';
import { Fault } from '../fault/fault.ts';
import type { Arguments, Command, Option } from './command.ts';

/** Options that every command takes. */
export const globalOptions = {
  config: { type: 'string', value: 'FILE', help: 'The configuration; default $POSTERN_CONFIG, or ./postern.yaml.' },
  json: { type: 'boolean', help: 'The result for machines.' },
  help: { type: 'boolean', short: 'h', help: 'This help.' },
} as const satisfies Record<string, Option>;

/**
 * Reads a command's options and arguments.
 * @throws Fault cli.wrong-use
 */
export function readArguments(command: Command, rest: readonly string[]): Arguments {
  const options: Readonly<Record<string, Option>> = { ...command.options, ...globalOptions };
  const config = Object.fromEntries(
    Object.entries(options).map(([name, { type, short, multiple = false }]) => [
      name,
      { type, multiple, ...(short === undefined ? {} : { short }) },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...rest], options: config, allowPositionals: true, strict: true });
    return { values, positionals };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const option = /^Unknown option '--?([^']+)'/.exec(error.message)?.[1];
    const guess = option === undefined ? undefined : nearest(option, Object.keys(options));
    const problem = option === undefined ? (error.message.split('. ')[0] ?? '') : `unknown option --${option}`;
    throw new Fault('cli.wrong-use', { command: command.name, problem, ...(guess === undefined ? {} : { nearest: `--${guess}` }) });
  }
}

/** For commands that take no arguments beside their options. @throws Fault cli.wrong-use */
export function expectNoArguments(command: Command, args: Arguments): void {
  const [extra] = args.positionals;
  if (extra !== undefined)
    throw new Fault('cli.wrong-use', { command: command.name, problem: `unexpected argument ${JSON.stringify(extra)}` });
}

/** The configuration file that the command line or the environment names. */
export function configFile(args: Arguments, env: Readonly<Record<string, string | undefined>>): string {
  const given = args.values['config'];
  if (typeof given === 'string') return given;
  const named = env['POSTERN_CONFIG'];
  return named === undefined || named === '' ? 'postern.yaml' : named;
}

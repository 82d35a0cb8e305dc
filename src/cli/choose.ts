/** Which command the first words of the command line ask for. Pure. */
import { nearest } from '../config/nearest.ts';
import { Fault } from '../fault/fault.ts';
import { type CommandEntry, commands, groups } from './commands.ts';
import { globalOptions } from './parse.ts';

/** What the first words ask for. */
export type Choice =
  | { readonly kind: 'program-help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'group-help'; readonly group: string }
  | { readonly kind: 'command'; readonly entry: CommandEntry; readonly rest: readonly string[] };

/**
 * Finds the command. Its words come first; only global options may stand before them.
 * @throws Fault cli.unknown-command, cli.wrong-use
 */
export function choose(argv: readonly string[]): Choice {
  const { words, leading } = split(argv);
  const [first, second] = words;
  if (first === undefined) {
    const unknown = leading.find((word, index) => !knownAlone.has(word) && leading[index - 1] !== '--config');
    if (unknown !== undefined) throw new Fault('cli.wrong-use', { problem: `unknown option ${unknown}` });
    return leading.includes('--version') ? { kind: 'version' } : { kind: 'program-help' };
  }
  if (first === 'help') return words.length === 1 ? { kind: 'program-help' } : choose([...words.slice(1), '--help']);
  const entry = commands.find(({ name }) => name === first || name === `${first} ${second}`);
  if (entry !== undefined) return { kind: 'command', entry, rest: [...leading, ...words.slice(entry.name.split(' ').length)] };
  if (Object.hasOwn(groups, first) && (second === undefined || second.startsWith('-'))) {
    if (second === undefined || words.includes('--help') || words.includes('-h')) return { kind: 'group-help', group: first };
    const verbs = commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []));
    throw new Fault('cli.wrong-use', { command: first, expected: `a verb: ${verbs.join(', ')}`, found: second });
  }
  throw unknownCommand(first, second);
}

/** What may stand on a command line without a command. */
const knownAlone: ReadonlySet<string> = new Set(['--version', '-h', ...Object.keys(globalOptions).map((name) => `--${name}`)]);

/** Global options that stand before the command's words, and everything from its first word on. */
function split(argv: readonly string[]): { readonly leading: string[]; readonly words: string[] } {
  let index = 0;
  while (argv[index]?.startsWith('-') === true) index += argv[index] === '--config' ? 2 : 1;
  return { leading: argv.slice(0, index), words: argv.slice(index) };
}

function unknownCommand(first: string, second: string | undefined): Fault {
  const inGroup = Object.hasOwn(groups, first) && second !== undefined;
  const asked = inGroup ? `${first} ${second}` : first;
  const known = commands.map(({ name }) => name);
  const guess = inGroup
    ? nearest(
        second,
        known.filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1)),
      )
    : nearest(first, new Set(known.map((name) => name.split(' ')[0] ?? name)));
  const suggestion = guess === undefined ? undefined : inGroup ? `${first} ${guess}` : guess;
  return new Fault('cli.unknown-command', { asked, ...(suggestion === undefined ? {} : { nearest: suggestion }) });
}

/** The helps: of the program, of a group of verbs, of one command. All from the table and the commands' own words. */

import type { Command, Option } from './command.ts';
import { type CommandEntry, commands, groups } from './commands.ts';
import { globalOptions } from './parse.ts';

const exitCodes = `Exit codes:
  0   done
  1   a fault (its code is printed)
  2   wrong use or configuration
  3   check, verify, reconcile, audit or status found something
  4   a plan has steps
  5   apply stopped half-way (the journal is named)
  70  a bug of ours
  75  try again later
  130 interrupted
`;

export function programHelp(): string {
  return [
    'Postern: the unattended way into Microsoft 365 mail.\n',
    'Usage: postern COMMAND [ARGUMENT…] [OPTION…]\n',
    `Commands:\n${list(commands.map(({ name, summary }) => [name, summary]))}`,
    `Options of every command:\n${list([...optionLines(globalOptions), ['--version', 'The version of this program.']])}`,
    '`postern COMMAND --help` explains one. stdout is the result, stderr the talk.\n',
    exitCodes,
  ].join('\n');
}

export function groupHelp(group: string): string {
  const members = commands.filter(({ name }) => name.startsWith(`${group} `));
  return [
    `${groups[group] ?? group}\n`,
    `Usage: postern ${group} VERB [ARGUMENT…] [OPTION…]\n`,
    `Verbs:\n${list(members.map(({ name, summary }: CommandEntry) => [name, summary]))}`,
    exitCodes,
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const own = optionLines(command.options);
  return [
    `${command.summary}\n`,
    `Usage: postern ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}\n`,
    ...(command.details === undefined ? [] : [`${command.details.trimEnd()}\n`]),
    `Options:\n${list([...own, ...optionLines(globalOptions)])}`,
    exitCodes,
  ].join('\n');
}

function optionLines(options: Readonly<Record<string, Option>>): [string, string][] {
  return Object.entries(options).map(([name, { short, value, help }]) => [
    `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
    help,
  ]);
}

/** Two columns, the second on a line of its own where the first is long. */
function list(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(26, Math.max(...rows.map(([left]) => left.length)));
  return rows
    .map(([left, right]) => (left.length > width ? `  ${left}\n  ${' '.repeat(width)}  ${right}\n` : `  ${left.padEnd(width)}  ${right}\n`))
    .join('');
}

/** From the words of the command line to an exit code: choose, explain or act, and put into words what went wrong. */
import { isFault } from '../fault/fault.ts';
import { choose } from './choose.ts';
import { type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { commandHelp, groupHelp, programHelp } from './help.ts';
import { readArguments } from './parse.ts';

import { bugText, exitCodeOf, faultAsJson, faultText, json, wantsColour } from './print.ts';

/** Never throws. */
export async function run(argv: readonly string[], terminal: Terminal, version: () => string): Promise<ExitCode> {
  try {
    const choice = choose(argv);
    if (choice.kind === 'version') return say(terminal, `${version()}\n`);
    if (choice.kind === 'program-help') return say(terminal, programHelp());
    if (choice.kind === 'group-help') return say(terminal, groupHelp(choice.group));
    return await act(await choice.entry.load(), choice.rest, terminal);
  } catch (error) {
    return failed(error, argv, terminal);
  }
}

async function act(command: Command, rest: readonly string[], terminal: Terminal): Promise<ExitCode> {
  // Before parsing: whoever asks for help need not have the rest right.
  const end = rest.indexOf('--');
  const asked = end < 0 ? rest : rest.slice(0, end);
  if (asked.includes('--help') || asked.includes('-h')) return say(terminal, commandHelp(command));
  return await command.run(readArguments(command, rest), terminal);
}

function say(terminal: Terminal, text: string): ExitCode {
  terminal.stdout.write(text);
  return exit.done;
}

function failed(error: unknown, argv: readonly string[], terminal: Terminal): ExitCode {
  if (isFault(error)) {
    terminal.stderr.write(faultText(error, wantsColour(terminal)));
    if (argv.includes('--json')) json(terminal, faultAsJson(error));
    return exitCodeOf(error);
  }
  if (terminal.signal.aborted) {
    terminal.stderr.write('Interrupted.\n');
    return exit.interrupted;
  }
  terminal.stderr.write(bugText(error));
  return exit.bug;
}

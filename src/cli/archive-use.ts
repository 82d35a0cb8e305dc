/** What the commands on the archive share: opening it for reading, a line of progress, arguments. */
import type { ArchiveReader } from '../archive/archive.ts';
import type { Config } from '../config/config.ts';
import type { Arguments, ExitCode, Terminal } from './command.ts';
import { count, progress } from './print.ts';

/** Shows a text, or with undefined takes the line away. */
export type Line = (text: (() => string) | undefined) => void;

export async function progressLine(terminal: Terminal): Promise<Line> {
  const { systemClock } = await import('../runtime/clock.ts');
  const line = progress(terminal, systemClock.monotonic);
  return (text) => (text === undefined ? line.clear() : line.show(text));
}

/** Opens the archive of the configuration, acts, and closes it. */
export async function withReader(
  args: Arguments,
  terminal: Terminal,
  act: (archive: ArchiveReader, line: Line, config: Config) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { archiveToRead, readConfiguration } = await import('./wire.ts');
  const config = await readConfiguration(args, terminal, { forSetup: true });
  const archive = archiveToRead(config);
  try {
    return await act(archive, await progressLine(terminal), config);
  } finally {
    await archive.close();
  }
}

export async function wholeNumber(args: Arguments, option: string, otherwise: number): Promise<number> {
  const given = args.values[option];
  if (given === undefined) return otherwise;
  if (typeof given === 'string' && /^[1-9]\d{0,6}$/.test(given)) return Number(given);
  throw await wrongUse({ option: `--${option}`, expected: 'a number from 1 to 9999999', found: String(given) });
}

export async function onlyArgument(args: Arguments, name: string): Promise<string> {
  const [only, ...more] = args.positionals;
  if (only === undefined || more.length > 0)
    throw await wrongUse({ expected: `one ${name}`, found: args.positionals.join(' ') || 'nothing' });
  return only;
}

export async function wrongUse(evidence: Readonly<Record<string, string>>): Promise<Error> {
  const { Fault } = await import('../fault/fault.ts');
  return new Fault('cli.wrong-use', evidence);
}

/** A search that finds nothing yet must not look like one that finds nothing. */
export function tellLag(lag: number, terminal: Terminal): void {
  if (lag > 0) terminal.stderr.write(`${count(lag, 'message is', 'messages are')} not searchable yet: the index is catching up.\n`);
}

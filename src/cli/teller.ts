/** Who tells of a running import on stderr: for people, or for machines. Loaded late: a help needs none of it. */
import type { Arguments, Terminal } from './command.ts';
import type { Teller } from './import-talk.ts';
import type { Progress } from './print.ts';

export type LogForm = 'text' | 'json';

/** @throws Fault cli.wrong-use */
export async function logFrom(args: Arguments): Promise<LogForm> {
  const given = args.values['log'] ?? 'text';
  if (given === 'text' || given === 'json') return given;
  const { Fault } = await import('../fault/fault.ts');
  throw new Fault('cli.wrong-use', { option: '--log', expected: 'text or json', found: String(given) });
}

export async function teller(form: LogForm, terminal: Terminal, line: Progress, now: () => number): Promise<Teller> {
  if (form === 'json') return (await import('./import-log.ts')).importLog(terminal.stderr, now);
  const { ImportTalk } = await import('./import-talk.ts');
  return new ImportTalk(terminal, line, now);
}

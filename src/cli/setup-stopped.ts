/** The end of an apply or a destroy that stopped half-way: what stopped it, how far it came, and that the same command goes on. */
import { Fault } from '../fault/fault.ts';
import { type ExitCode, exit, type Terminal } from './command.ts';
import { faultText, wantsColour } from './print.ts';

/** @throws `error` itself where nothing was done yet, or where it is no fault */
export function stoppedOr(
  error: unknown,
  so: { readonly done: number; readonly of: number; readonly journal: string },
  terminal: Terminal,
): ExitCode {
  // An interruption is told by whoever called; how far it came is known here.
  if (terminal.signal.aborted && so.done > 0) {
    terminal.stderr.write(`${so.done} of ${so.of} are done and noted in ${so.journal}; the same command goes on.\n`);
    throw error;
  }
  if (!(error instanceof Fault) || so.done === 0) throw error;
  const stopped = new Fault('setup.stopped', { ...so, code: error.code }, { cause: error });
  for (const fault of [error, stopped]) terminal.stderr.write(`${faultText(fault, wantsColour(terminal))}\n`);
  return exit.stoppedHalfWay;
}

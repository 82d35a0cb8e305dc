/** Faults of the command line: wrong use. */
import type { FaultEntry } from '../entry.ts';

export const cliFaults = {
  'cli.unknown-command': {
    says: 'There is no such command.',
    cause: 'What was typed is not among the commands; the evidence names the nearest one where one is near.',
    fix: '`postern --help` lists them all.',
    retry: 'never',
  },
  'cli.wrong-use': {
    says: 'The command was not understood.',
    cause: 'An option or argument does not fit what the command takes (the evidence says which).',
    fix: 'The same command with `--help` shows what it takes. Texts with blanks go in quotes.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;

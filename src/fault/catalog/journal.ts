/** Faults of the journal: what the import service remembers of its own doing. None of them keeps mail from coming in. */
import type { FaultEntry } from '../entry.ts';

export const journalFaults = {
  'journal.made-anew': {
    says: 'The journal of the import service was begun anew: states, runs, gaps and alerts of before are not in it.',
    cause:
      'Its file was not there beside an archive, or SQLite found that it is damaged (in the evidence, with the name that the old file has now).',
    fix: 'Run `postern import reconcile`: it finds what is missing again. What was closed or acknowledged stands in the old file only: restore it from a backup, with the service stopped. The mail is in the archive, and not touched by this.',
    retry: 'never',
  },
  'journal.unwritable': {
    says: 'The journal of the import service could not be written.',
    cause: 'The operating system or the database refused (its own words are in the evidence).',
    fix: 'Look at the room and the rights of the data folder (`df -h`, `ls -l`): the user that Postern runs as has to be able to write there.',
    retry: 'soon',
  },
  'journal.unreadable': {
    says: 'The journal of the import service could not be read.',
    cause: 'The operating system or the database refused (its own words are in the evidence).',
    fix: 'Run it as the user that the import runs as. If the evidence speaks of damage, start `postern import run`: it puts the damaged file aside and begins a new one.',
    retry: 'never',
  },
  'journal.newer-format': {
    says: 'The journal was written by a newer version of Postern.',
    cause: 'Its format number (in the evidence) is greater than the one that this version knows.',
    fix: 'Use the version of Postern that wrote it, or a newer one.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;

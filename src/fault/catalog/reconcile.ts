/** Faults of a reconciliation as a whole. */
import type { FaultEntry } from '../entry.ts';

export const reconcileFaults = {
  'reconcile.manifest-unreadable': {
    says: 'The list of ids cannot be read.',
    cause:
      'It could not be opened, or it is no CSV file with a column for the ids (`ArchiveMessageID`, `Message-ID`, `id`), nor one with a single column (what was seen is in the evidence).',
    fix: 'Export the list again as CSV in UTF-8, or name the column of the ids `id` in its first line.',
    retry: 'never',
  },
  'reconcile.unknown-evidence': {
    says: 'No reconciliation that is kept has this evidence hash.',
    cause: 'The hash begins none, or more than one, of those in the journal, or fewer than four digits of it were given (in the evidence).',
    fix: 'Give more digits as they stand under the report. If they are right, the report was made in another data folder, or before the journal was begun anew.',
    retry: 'never',
  },
  'reconcile.unknown': {
    says: 'There is no such reconciliation.',
    cause: 'The journal has none with the number in the evidence.',
    fix: 'Choose one from the list on the page *Reconciliation*; one that was made in another data folder is looked for with `postern import reconcile --evidence HASH` there.',
    retry: 'never',
  },
  'reconcile.running': {
    says: 'A reconciliation is going on already.',
    cause: 'The service makes one at a time, and the one that somebody started before (in the evidence) has not ended.',
    fix: 'Wait for its end, or stop it on the page *Reconciliation*.',
    retry: 'soon',
  },
  'reconcile.gap-unknown': {
    says: 'There is no gap with this number that could be explained.',
    cause: 'The journal has none, or its message came meanwhile.',
    fix: 'Open the page *Reconciliation* again: its list shows the gaps as they are now.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;

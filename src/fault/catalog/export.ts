/** Faults of exports that the service makes in the background. */
import type { FaultEntry } from '../entry.ts';

export const exportFaults = {
  'export.unwritable': {
    says: 'The export could not be written.',
    cause:
      'The operating system refused to write its file (its code is in the evidence), or with ENOSPC the disk is so full that what is left of it is kept for the mail that comes in. What had been written of it was removed.',
    fix: 'Free room where the data folder lies (`df -h`), or look at the rights of its folder `exports`, and ask for the export again.',
    retry: 'never',
  },
  'export.unknown': {
    says: 'There is no such export.',
    cause: 'None has the id that was asked for: it was removed, or its day is over.',
    fix: 'Ask for the export again; it is kept for a day.',
    retry: 'never',
  },
  'export.not-done': {
    says: 'The export has no file to download.',
    cause: 'It is still being made, or it ended before it was whole (its state is in the evidence).',
    fix: 'Wait until it says that it is done; where it failed, do what its fault says and ask for it again.',
    retry: 'after-wait',
  },
  'export.too-many': {
    says: 'Too many exports are waiting to be made.',
    cause: 'As many as are allowed (in the evidence) are being made or wait for their turn.',
    fix: 'Wait until one of them is done, or remove one.',
    retry: 'after-wait',
  },
} as const satisfies Record<string, FaultEntry>;

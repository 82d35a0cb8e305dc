/** Faults of what is done on the server once messages are safe: what no single answer of a server says. */
import type { FaultEntry } from '../entry.ts';

export const completionFaults = {
  'completion.not-proven': {
    says: 'A message is not deleted on the server, because the archive no longer has what arrived.',
    cause: 'Its stored bytes were read again before the deletion and are missing or have another SHA-256 (its id is in the evidence).',
    fix: 'Leave the message on the server: it may be the only good copy. Run `postern archive verify`, find out who or what wrote to the disk, and restore the data folder from a backup.',
    retry: 'never',
  },
  'completion.clock-jumped': {
    says: 'Nothing is deleted on the server: the clock of this machine was set forward while Postern ran.',
    cause:
      'Since the start of this process the wall clock has gone further than the steady one (by how much is in the evidence), so a waiting period may seem to be over that is not.',
    fix: 'See whether the time is right (`timedatectl`). If it is, or once it is, start the import again; what was waiting is looked at anew.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;

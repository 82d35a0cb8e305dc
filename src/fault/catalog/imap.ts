/** Faults of the plane `imap`. */
import type { FaultEntry } from '../entry.ts';

export const imapFaults = {} as const satisfies Record<string, FaultEntry>;

/** Faults of the plane `archive`. */
import type { FaultEntry } from '../entry.ts';

export const archiveFaults = {} as const satisfies Record<string, FaultEntry>;

/** Faults of the plane `token`. */
import type { FaultEntry } from '../entry.ts';

export const tokenFaults = {} as const satisfies Record<string, FaultEntry>;

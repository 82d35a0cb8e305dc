/** Faults of the plane `config`. */
import type { FaultEntry } from '../entry.ts';

export const configFaults = {} as const satisfies Record<string, FaultEntry>;

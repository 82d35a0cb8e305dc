/** Faults of the plane `import`. */
import type { FaultEntry } from '../entry.ts';

export const importFaults = {} as const satisfies Record<string, FaultEntry>;

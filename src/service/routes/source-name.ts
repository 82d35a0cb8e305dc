/** The name of a source in a path. */
import { z } from 'zod';

/** Any text of that length: a name that is none is simply not found. */
export const sourceName = z.object({ name: z.string().min(1).max(64) });

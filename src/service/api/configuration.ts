/** The configuration file, taken over while the service runs. */
import { z } from 'zod';
import { fault } from './leaf.ts';

/** Names of sources, by what became of them. */
export const takenOver = z.strictObject({
  began: z.array(z.string()),
  /** They went on under what stands there now. */
  changed: z.array(z.string()),
  ended: z.array(z.string()),
  /** Of the console: what the file says now keeps them from running. */
  notBegun: z.array(z.strictObject({ source: z.string(), fault })),
  alerts: z.boolean(),
  proxy: z.boolean(),
  /** Keys of the file that say something else now and count after a restart only. */
  afterRestart: z.array(z.string()),
});
export type TakenOver = z.infer<typeof takenOver>;

/** What is told as it happens, on `GET /events` (server-sent events, the name of the event is `kind`). */
import { z } from 'zod';
import { fault, instant } from './leaf.ts';
import { exportJob } from './message.ts';
import { alert, reconciliationJob, run } from './operation.ts';
import { sourceCard } from './source.ts';

export const liveEvent = z.discriminatedUnion('kind', [
  /** First, and after a pause of the line: everything may have changed. */
  z.strictObject({ kind: z.literal('hello'), at: instant }),
  z.strictObject({ kind: z.literal('source'), card: sourceCard }),
  z.strictObject({ kind: z.literal('source-gone'), name: z.string() }),
  /** Messages became durable. Told at most twice a second for each source. */
  z.strictObject({ kind: z.literal('arrivals'), source: z.string(), messages: z.int(), bytes: z.int(), at: instant }),
  /** Whatever can be searched has grown. `lag`: what is not searchable yet. */
  z.strictObject({ kind: z.literal('derived'), lag: z.int() }),
  z.strictObject({ kind: z.literal('run'), run }),
  z.strictObject({ kind: z.literal('quarantine'), source: z.string() }),
  z.strictObject({ kind: z.literal('gaps'), source: z.string() }),
  z.strictObject({ kind: z.literal('alert'), alert }),
  z.strictObject({ kind: z.literal('reconciliation'), job: reconciliationJob }),
  z.strictObject({ kind: z.literal('export'), job: exportJob }),
  /** A line for the ticker of what happens: `telemessage: waiting 40 s, the server asked for it`. */
  z.strictObject({ kind: z.literal('talk'), at: instant, source: z.string().nullable(), text: z.string(), fault: fault.nullable() }),
  /** Sessions, clients or budgets of the proxy have changed. */
  z.strictObject({ kind: z.literal('proxy') }),
  /** The session of who listens has ended. */
  z.strictObject({ kind: z.literal('logged-out') }),
]);
export type LiveEvent = z.infer<typeof liveEvent>;

/** The doing of the import service: overview, runs, reconciliation, gaps, quarantine, alerts. */
import { z } from 'zod';
import { fault, instant, limit, next, sha256 } from './leaf.ts';
import { sourceState } from './source.ts';

export const overview = z.strictObject({
  version: z.string(),
  startedAt: instant,
  /** Of the archive; counted rarely on a large one. */
  messages: z.int(),
  bytes: z.int(),
  storedBytes: z.int(),
  quarantined: z.int(),
  openGaps: z.int(),
  openAlerts: z.int(),
  /** Durable and not searchable yet. */
  lag: z.int(),
  head: z.strictObject({ rows: z.int(), link: z.string() }),
  disk: z.strictObject({ freeBytes: z.number(), sizeBytes: z.number() }).nullable(),
  /** How many sources are in which state. */
  sources: z.partialRecord(sourceState, z.int()),
  /** Of the service as a whole, worst first. */
  concerns: z.array(fault),
  /** Nothing is configured and nothing was ever imported: the console leads to a first source. */
  empty: z.boolean(),
  /** A tenant to try things with, that the service was told of when it was started; null: none. It fills in the first source's form. */
  trial: z
    .strictObject({
      clientId: z.string(),
      tenantId: z.string(),
      authority: z.string(),
      imap: z.string(),
      pop: z.string(),
      mailbox: z.string(),
      ca: z.string(),
    })
    .nullable(),
});
export type Overview = z.infer<typeof overview>;

export const listQuery = z.strictObject({ source: z.string().max(63).optional(), limit: limit.default(100) });

export const run = z.strictObject({
  id: z.int(),
  source: z.string(),
  started: instant,
  ended: instant.nullable(),
  outcome: z.enum(['complete', 'incomplete', 'failed', 'stopped', 'interrupted']).nullable(),
  counts: z
    .strictObject({
      listed: z.int(),
      archived: z.int(),
      duplicate: z.int(),
      excluded: z.int(),
      quarantined: z.int(),
      vanished: z.int(),
      missing: z.int(),
      bytes: z.int(),
    })
    .nullable(),
  fault: fault.nullable(),
});
export type Run = z.infer<typeof run>;
export const runList = z.strictObject({ runs: z.array(run) });

/** The equation of a day: seen = archived + duplicate + excluded + quarantined + pending. */
export const dayCell = z.strictObject({
  source: z.string(),
  folder: z.string(),
  /** UTC, `2026-11-22`; `unknown` or `before …` where there is no date. */
  day: z.string(),
  seen: z.int(),
  archived: z.int(),
  duplicate: z.int(),
  excluded: z.int(),
  quarantined: z.int(),
  pending: z.int(),
  listed: z.int(),
  gone: z.int(),
});
export type DayCell = z.infer<typeof dayCell>;
export const reconciliationEntry = z.strictObject({
  id: z.int(),
  at: instant,
  sources: z.array(z.string()),
  equal: z.boolean(),
  evidence: sha256,
});
export const missingMessage = z.strictObject({
  source: z.string(),
  folder: z.string(),
  uidValidity: z.int().nullable(),
  uid: z.int().nullable(),
  uidl: z.string().nullable(),
  internalDate: instant.nullable(),
  messageId: z.string().nullable(),
  bytes: z.int().nullable(),
});
/** What kept a source, or a folder of it, from being compared. */
export const notCompared = z.strictObject({ source: z.string(), folder: z.string().nullable(), code: z.string(), says: z.string() });
const compared = {
  /** Whether nothing is missing. */
  equal: z.boolean(),
  days: z.array(dayCell),
  /** The first thousand of those that are missing, by name; `missingCount` is how many there are. */
  missing: z.array(missingMessage),
  missingCount: z.int(),
  faults: z.array(notCompared),
  /** Everything else that keeps it from being equal, in words: a pattern without a folder, bytes that are not in the store. */
  remarks: z.array(z.string()),
};
export const reconciliationView = z.strictObject({ entry: reconciliationEntry, ...compared });
export type ReconciliationView = z.infer<typeof reconciliationView>;
/** For each source the newest reconciliation that compared it: the heat map. */
export const latestReconciliation = z.strictObject({
  sources: z.array(z.strictObject({ source: z.string(), entry: reconciliationEntry, ...compared })),
});
export type LatestReconciliation = z.infer<typeof latestReconciliation>;
export const reconciliationList = z.strictObject({ reconciliations: z.array(reconciliationEntry) });
/** No sources: all of them. `since`: only this UTC day and later ones, e.g. `2026-11-01`. */
export const newReconciliation = z.strictObject({
  sources: z.array(z.string().max(63)).max(1000),
  since: z.iso.date().nullable(),
});
/** One at a time; it moves with the events `reconciliation`. `stopped`: somebody ended it. */
export const reconciliationJob = z.strictObject({
  state: z.enum(['none', 'running', 'done', 'failed', 'stopped']),
  by: z.string().nullable(),
  started: instant.nullable(),
  sources: z.array(z.string()),
  /** What is compared just now. */
  source: z.string().nullable(),
  folder: z.string().nullable(),
  /** Rows of the ledger that were read so far. */
  rows: z.int(),
  /** What it waits for, in words. */
  waiting: z.string().nullable(),
  /** Id of the reconciliation that it made. */
  result: z.int().nullable(),
  fault: fault.nullable(),
});
export type ReconciliationJob = z.infer<typeof reconciliationJob>;

export const gap = missingMessage.extend({
  id: z.int(),
  openedBy: z.enum(['run', 'reconciliation']),
  opened: instant,
  lastSeen: instant,
  closed: instant.nullable(),
  closure: z.enum(['came', 'vanished', 'explained']).nullable(),
  explanation: z.string().nullable(),
});
export type Gap = z.infer<typeof gap>;
export const gapList = z.strictObject({ gaps: z.array(gap) });
export const explanation = z.strictObject({ explanation: z.string().min(1).max(500) });

export const quarantined = z.strictObject({
  source: z.string(),
  folder: z.string(),
  uidValidity: z.int(),
  uid: z.int(),
  uidl: z.string().nullable(),
  reason: z.enum(['no-data', 'refused', 'cut', 'substitute']),
  says: z.string(),
  keptSince: instant,
  internalDate: instant.nullable(),
  bytes: z.int().nullable(),
  sha256: sha256.nullable(),
  /** The server knows it by another number now: there is nothing to ask for. */
  renumbered: z.boolean(),
  /** Asked for again, and not answered yet. */
  asked: z.strictObject({ at: instant, by: z.string() }).nullable(),
});
export type Quarantined = z.infer<typeof quarantined>;
export const quarantineList = z.strictObject({ messages: z.array(quarantined), next });
export const retryWish = z.strictObject({
  messages: z
    .array(z.strictObject({ source: z.string(), folder: z.string(), uidValidity: z.int(), uid: z.int(), uidl: z.string().nullable() }))
    .min(1)
    .max(1000),
});
export const retryAnswer = z.strictObject({ asked: z.int() });

export const alert = z.strictObject({
  id: z.int(),
  kind: z.string(),
  severity: z.enum(['info', 'warning', 'critical']),
  source: z.string().nullable(),
  text: z.string(),
  fault: fault.nullable(),
  opened: instant,
  lastSeen: instant,
  lastTold: instant.nullable(),
  acknowledged: z.strictObject({ by: z.string(), at: instant, note: z.string() }).nullable(),
  cleared: instant.nullable(),
});
export type Alert = z.infer<typeof alert>;
export const alertList = z.strictObject({ alerts: z.array(alert) });
export const acknowledgement = z.strictObject({ note: z.string().min(1).max(500) });

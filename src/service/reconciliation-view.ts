/**
 * A kept report of a reconciliation as the console shows it: the days of each folder, what is missing by name, what kept it from being equal.
 *
 * The hard thing is size: a report may name a hundred thousand messages and may have been written by an older version. So what is shown is
 * bounded, and a text that is no report of ours is told as that, never guessed at.
 */
import { z } from 'zod';
import { catalog, type FaultCode } from '../fault/catalog.ts';
import type { ReconciliationView } from './api/operation.ts';

/** Missing messages that one answer names. */
const namedAtMost = 1_000;
/** Remarks of one answer. */
const remarksAtMost = 100;

type Compared = Omit<ReconciliationView, 'entry'>;

const counts = {
  seen: z.int(),
  archived: z.int(),
  duplicate: z.int(),
  excluded: z.int(),
  quarantined: z.int(),
  pending: z.int(),
  listed: z.int(),
  gone: z.int(),
};
const named = z.object({
  uid: z.int().nullable(),
  uidl: z.string().nullable(),
  internalDate: z.string().nullable(),
  bytes: z.int().nullable(),
  messageId: z.string().nullable(),
});
/** What is read of a report; everything else of it stays in the download. */
const keptReport = z.object({
  since: z.string().nullable(),
  sources: z.array(
    z.object({
      source: z.string(),
      fault: z.string().nullable(),
      equal: z.boolean(),
      unmatched: z.array(z.string()),
      unlisted: z.array(z.object({ folder: z.string(), rows: z.int(), absent: z.array(z.unknown()) })),
      folders: z.array(
        z.object({
          folder: z.string(),
          uidValidity: z.int().nullable(),
          counted: z.int(),
          listed: z.int(),
          totals: z.object(counts),
          days: z.array(z.object({ day: z.string(), ...counts })),
          missing: z.array(named),
          absent: z.array(z.unknown()),
          fault: z.string().nullable(),
        }),
      ),
    }),
  ),
});
export type KeptReport = z.infer<typeof keptReport>;

/** Undefined for a text that is no report of ours. */
export function readReport(text: string): KeptReport | undefined {
  try {
    return keptReport.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** What one source, or all of them, came to. */
export function compared(report: KeptReport, source?: string): Compared {
  const sources = report.sources.filter((one) => source === undefined || one.source === source);
  const folders = sources.flatMap((one) => one.folders.map((folder) => ({ source: one.source, ...folder })));
  const missing = folders.flatMap(({ source: of, folder, uidValidity, missing: names }) =>
    names.map((name) => ({ source: of, folder, uidValidity: name.uidl === null ? uidValidity : null, ...name })),
  );
  return {
    equal: sources.every((one) => one.equal),
    days: folders.flatMap(({ source: of, folder, days }) => days.map((day) => ({ source: of, folder, ...day }))),
    missing: missing.slice(0, namedAtMost),
    missingCount: folders.reduce((sum, { totals }) => sum + totals.pending, 0),
    faults: [
      ...sources.flatMap((one) => (one.fault === null ? [] : [{ source: one.source, folder: null, ...saying(one.fault) }])),
      ...folders.flatMap(({ source: of, folder, fault }) => (fault === null ? [] : [{ source: of, folder, ...saying(fault) }])),
    ],
    remarks: [...sources.flatMap(remarksOf)].slice(0, remarksAtMost),
  };
}

function remarksOf({ source, unmatched, unlisted, folders }: KeptReport['sources'][number]): readonly string[] {
  return [
    ...unmatched.map((pattern) => `${source}: no folder of the server fits "${pattern}".`),
    ...folders.flatMap(({ folder, absent, counted, listed, fault }) => [
      ...(absent.length === 0 ? [] : [`${source}, ${folder}: the bytes of ${absent.length} archived messages are not in the store.`]),
      ...(fault !== null || counted === listed ? [] : [`${source}, ${folder}: the server counts ${counted} messages and lists ${listed}.`]),
    ]),
    ...unlisted.map(
      ({ folder, rows, absent }) =>
        `${source}: ${rows} archived messages of the folder "${folder}", which the source does not have now, were compared with nothing${
          absent.length === 0 ? '' : `; the bytes of ${absent.length} of them are not in the store`
        }.`,
    ),
  ];
}

function saying(code: string): { readonly code: string; readonly says: string } {
  return { code, says: isKnown(code) ? catalog[code].says : 'Another version of Postern noted this failure.' };
}

function isKnown(code: string): code is FaultCode {
  return Object.hasOwn(catalog, code);
}

/** What a test of the reconciliation needs around a place to import from: archive and journal in one data folder, and what was compared. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Archive } from '../../src/archive/archive.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import type { ImportEvent } from '../../src/import/events.ts';
import type { ReconcileSource } from '../../src/import/reconcile/look.ts';
import { type Reconciled, type ReconcileOptions, reconcile } from '../../src/import/reconcile/reconcile.ts';
import type { Counts, FolderReport } from '../../src/import/reconcile/report.ts';
import type { ImportSource } from '../../src/import/source.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';

export interface Desk {
  readonly dataFolder: string;
  /** Open for writing all the time, as beside a running service. */
  readonly archive: Archive;
  readonly journal: Journal;
  /** Compares by a reader of its own, as another process does. */
  reconcile(
    sources: readonly ImportSource[],
    options?: Partial<ReconcileOptions> & { readonly clock?: Clock; readonly lookAgainAfterMs?: number },
  ): Promise<Reconciled>;
  readonly events: readonly ImportEvent[];
}

export async function withDesk(act: (desk: Desk) => Promise<void>): Promise<void> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'postern-reconcile-'));
  const archive = await openArchive(dataFolder, systemClock);
  const journal = openJournal(dataFolder, { clock: systemClock });
  const events: ImportEvent[] = [];
  try {
    await act({
      dataFolder,
      archive,
      journal,
      events,
      async reconcile(sources, { clock = systemClock, lookAgainAfterMs, ...options } = {}) {
        const reader = openArchiveReader(dataFolder);
        try {
          const signal = new AbortController().signal;
          const report = (event: ImportEvent): void => void events.push(event);
          const ports = { archive: reader, journal, clock, random: () => 0.5, signal, report };
          return await reconcile(
            sources.map((source) => asked(source, lookAgainAfterMs)),
            ports,
            { connections: 2, ...options },
          );
        } finally {
          await reader.close();
        }
      },
    });
  } finally {
    await journal.close();
    await archive.close();
    rmSync(dataFolder, { recursive: true, force: true });
  }
}

function asked({ name, folders, leaveOut, since, connect }: ImportSource, lookAgainAfterMs: number | undefined): ReconcileSource {
  const where = { mailbox: `${name}@contoso.test`, protocol: 'imap', server: 'localhost:993' };
  return { name, ...where, folders, leaveOut, since, lookAgainAfterMs, connect };
}

/** The report of a source's folder, the first unless it is named. */
export function folderOf({ report }: Reconciled, name?: string): FolderReport {
  const folders = report.sources[0]?.folders ?? [];
  const found = name === undefined ? folders[0] : folders.find(({ folder }) => folder === name);
  if (found === undefined) throw new Error(`the report has no folder ${name}; its faults: ${JSON.stringify(report.sources)}`);
  return found;
}

/** Only what is not zero. */
export function short(counts: Counts): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([name, value]) => value !== 0 && name !== 'day'));
}

/**
 * Writes what an import misses into the journal while it runs: gaps opened by what it tells, and closed by the ledger.
 *
 * Beside the import, never in its way: events are taken in at once and written one after the other.
 */
import type { ArchiveReader } from '../../archive/archive.ts';
import type { Journal, NewGap } from '../../journal/journal.ts';
import type { ImportEvent, PassEvent } from '../events.ts';
import { type FolderNow, settleGaps } from './gaps.ts';

export interface GapKeeper {
  /** To be given every event of the import. */
  tell(event: ImportEvent): void;
  /** Resolves when what was told is written. @throws what the journal threw (never a forgiving one) */
  settled(): Promise<void>;
}

const vanishedWords = 'listed, and gone before it could be fetched: somebody moved or deleted it';

/** @param journal a forgiving one in the service: nothing is retried here */
export function gapKeeper(journal: Journal, archive: Pick<ArchiveReader, 'settled' | 'uidls'>): GapKeeper {
  /** By source and folder: what the current pass told to be missing. */
  const missing = new Map<string, Map<string, FolderNow>>();
  /** The UIDVALIDITY of folders that were numbered anew. */
  const renumbered = new Map<string, number>();
  let written: Promise<void> = Promise.resolve();
  const write = (act: () => Promise<void>): void => {
    written = written.then(act);
    written.catch(() => undefined); // told by `settled`
  };

  const settle = async (event: PassEvent, told: ReadonlyMap<string, FolderNow>): Promise<void> => {
    const open = await journal.gaps({ source: event.source, state: 'open', limit: 100_000 });
    const folders = new Map<string, FolderNow>();
    for (const gap of open) {
      const now = told.get(gap.folder);
      // What was just told to be missing is; to look for its row would cost a look at the whole folder in each pass.
      if (now?.isListed(gap) === true) continue;
      // A folder that could not be looked at says nothing of its messages; one that told of nothing missing has no gap left.
      if (now === undefined && event.faults.has(gap.folder)) continue;
      folders.set(gap.folder, now ?? { uidValidity: renumbered.get(keyOf(gap)) ?? gap.uidValidity, isListed: () => false });
    }
    if (folders.size > 0) await settleGaps(event.source, folders, archive, journal);
  };

  return {
    tell(event) {
      switch (event.kind) {
        case 'uid-validity-changed':
          renumbered.set(keyOf(event), event.now);
          return;
        case 'missing': {
          const { source, folder, uidValidity } = event;
          const [uids, uidls] = [new Set(event.uids), new Set(event.uidls)];
          const isListed: FolderNow['isListed'] = ({ uid, uidl }) => (uidl === undefined ? uids.has(uid) : uidls.has(uidl));
          const folders = missing.get(source) ?? new Map<string, FolderNow>();
          missing.set(source, folders.set(folder, { uidValidity, isListed }));
          write(() => journal.openGaps(gapsOf(event)));
          return;
        }
        case 'vanished':
          write(() => journal.closeGaps(gapsOf(event), 'vanished', vanishedWords));
          return;
        case 'pass': {
          const told = missing.get(event.source) ?? new Map<string, FolderNow>();
          missing.delete(event.source);
          write(() => settle(event, told));
          return;
        }
        default:
      }
    },
    settled: () => written,
  };
}

function keyOf({ source, folder }: { readonly source: string; readonly folder: string }): string {
  return JSON.stringify([source, folder]);
}

function gapsOf({ source, folder, uidValidity, uids, uidls }: Extract<ImportEvent, { kind: 'missing' | 'vanished' }>): readonly NewGap[] {
  return uids.map((uid, at) => ({ source, folder, uidValidity, uid, uidl: uidls?.[at], openedBy: 'run' }));
}

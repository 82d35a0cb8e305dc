/**
 * Gaps in the journal: opened for what is missing, closed when it came or can never come.
 *
 * The hard thing is not to close one by hope: that a message is listed no more does not mean that it came. So the ledger is asked for
 * each, and what is neither there nor on the server is closed as vanished, which stays visible for ever.
 */
import type { ArchiveReader, Era } from '../../archive/archive.ts';
import type { Gap, Journal } from '../../journal/journal.ts';

/** What is known of a folder as the server has it now. */
export interface FolderNow {
  readonly uidValidity: number;
  /** Whether the server still lists it. */
  isListed(place: { readonly uid: number; readonly uidl?: string | undefined }): boolean;
}

/** Open gaps that are looked at in one go; more are looked at the next time. */
const atOnce = 100_000;

/** Closes the open gaps of a source that are none any more, in the folders that were looked at. */
export async function settleGaps(
  source: string,
  folders: ReadonlyMap<string, FolderNow>,
  archive: Pick<ArchiveReader, 'settled' | 'uidls'>,
  journal: Journal,
): Promise<void> {
  const open = await journal.gaps({ source, state: 'open', limit: atOnce });
  const came: Gap[] = [];
  const vanished: Gap[] = [];
  const renumbered: Gap[] = [];
  for (const [era, gaps] of byEra(open)) {
    const now = folders.get(era.folder);
    if (now === undefined) continue;
    const hasRow = await rowsOf(era, archive);
    for (const gap of gaps) {
      if (hasRow(gap)) came.push(gap);
      else if (era.uidValidity !== now.uidValidity) renumbered.push(gap);
      else if (!now.isListed(gap)) vanished.push(gap);
    }
  }
  await journal.closeGaps(came, 'came');
  await journal.closeGaps(vanished, 'vanished', 'listed once, and listed no more: somebody moved or deleted it');
  await journal.closeGaps(renumbered, 'explained', 'the folder was numbered anew before it came; where it still is, it has a new number');
}

/** Tells which messages of an era have a ledger row. */
export async function rowsOf(
  era: Era,
  archive: Pick<ArchiveReader, 'settled' | 'uidls'>,
): Promise<(place: { readonly uid: number; readonly uidl?: string | undefined }) => boolean> {
  const settled = await archive.settled(era);
  // Over POP3 the number of a message that has no row may be given to another one.
  const { numbers } = era.uidValidity === 0 ? await archive.uidls(era) : { numbers: undefined };
  return ({ uid, uidl }) => (uidl === undefined ? settled.has(uid) : numbers?.has(uidl) === true);
}

function byEra(gaps: readonly Gap[]): ReadonlyMap<Era, readonly Gap[]> {
  const eras = new Map<string, { readonly era: Era; readonly gaps: Gap[] }>();
  for (const gap of gaps) {
    const key = JSON.stringify([gap.folder, gap.uidValidity]);
    const known = eras.get(key) ?? { era: { source: gap.source, folder: gap.folder, uidValidity: gap.uidValidity }, gaps: [] };
    eras.set(key, known);
    known.gaps.push(gap);
  }
  return new Map([...eras.values()].map(({ era, gaps: of }) => [era, of]));
}

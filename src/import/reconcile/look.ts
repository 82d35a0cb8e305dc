/**
 * What a server shows of a source: its folders, what it lists and counts in each, and what it knows of single messages. Reads only.
 *
 * The hard thing is that list and count are two answers of a mailbox that goes on living: mail that arrives in between makes them differ
 * for a moment, so a difference is looked at again before it is called one.
 */
import type { FolderChoice } from '../../config/config.ts';
import type { Clock } from '../../runtime/clock.ts';
import { chosenFolders, namesOf, patternText } from '../folders.ts';
import type { ConnectMailbox, DescribedMessage, Mailbox } from '../mailbox.ts';
import type { Listing } from './compare.ts';

/** A source as a reconciliation sees it. */
export interface ReconcileSource {
  readonly name: string;
  /** For the report: the mailbox's address, `imap` or `pop3`, `host:port`. */
  readonly mailbox: string;
  readonly protocol: string;
  readonly server: string;
  readonly folders: FolderChoice;
  /** The folder that `onCompletion` moves messages to: patterns do not choose it. */
  readonly leaveOut: string | undefined;
  /** Older messages are excluded. */
  readonly since: Date | undefined;
  /** An import of this source is running: what is missing is looked at again after so long, once, for it may be just on its way. */
  readonly lookAgainAfterMs: number | undefined;
  readonly connect: ConnectMailbox;
}

/** What arrived between two looks of a running import is no gap: it is given the time until the next look and a little for the fetching. */
const importTakesMs = 5_000;
const longestWaitMs = 2 * 60_000;

/** Of a source that is imported beside: after how long what is missing is looked at again. */
export function lookAgainAfter(everyMs: number): number {
  return Math.min(everyMs + importTakesMs, longestWaitMs);
}

/** M365 (assumed): a message is counted a moment before it is listed. Waits between two looks at a list that is not as long as its count. */
const secondLooksMs = [500, 2_000];

/** The folders of a source as they stand now, and the patterns that found none. */
export async function foldersOf(
  source: ReconcileSource,
  mailbox: Mailbox,
): Promise<{ readonly folders: readonly string[]; readonly unmatched: readonly string[] }> {
  const names = namesOf(source.folders);
  if (names !== undefined) return { folders: names, unmatched: [] };
  const { folders, unmatched } = chosenFolders(source.folders, await mailbox.folders(), source.leaveOut);
  return { folders, unmatched: unmatched.map(patternText) };
}

/** Lists a folder. @throws Fault */
export async function listingOf(
  source: ReconcileSource,
  mailbox: Mailbox,
  folder: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Listing> {
  for (const waitMs of [...secondLooksMs, undefined]) {
    const opened = await mailbox.open(folder);
    const listed = await opened.list();
    const counted = opened.exists;
    if (counted !== listed.length && waitMs !== undefined) {
      await clock.sleep(waitMs, signal);
      continue;
    }
    const older = source.since === undefined ? [] : ((await opened.older?.(source.since)) ?? []);
    const { uidValidity } = opened;
    return { folder, uidValidity, listedAt: new Date(clock.now()), counted, uids: Uint32Array.from(listed), older };
  }
  throw new Error('the last look at a folder has no wait behind it');
}

/** What the server knows of messages of a folder that was listed before. Nothing where the folder has other numbers by now. @throws Fault */
export async function* describedIn(
  mailbox: Mailbox,
  { folder, uidValidity }: Listing,
  uids: readonly number[],
): AsyncGenerator<DescribedMessage> {
  if (uids.length === 0) return;
  const opened = await mailbox.open(folder);
  if (opened.uidValidity === uidValidity) yield* opened.describe(uids);
}

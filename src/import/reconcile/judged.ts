/** The proof by the feed: who has gone silent, whose copies and originals never came, what has an unknown shape. From the records. */
import type { ArchiveReader, FeedGaps, FeedUnderstanding } from '../../archive/archive.ts';
import { isFault } from '../../fault/fault.ts';
import { judgeFeed, type SourceVerdict } from './feed.ts';

export type FeedReport =
  | {
      readonly known: true;
      readonly sources: readonly SourceVerdict[];
      readonly gaps: readonly FeedGaps[];
      readonly understanding: readonly FeedUnderstanding[];
      /** Messages that are not derived yet and so are not in here. */
      readonly lag: number;
    }
  /** The index cannot be read; the ledger and what was compared do not depend on it. */
  | { readonly known: false; readonly fault: string };

/** @param names of the sources that are asked about @throws Fault of the archive but for its index */
export async function judged(
  archive: Pick<ArchiveReader, 'feed' | 'feedGaps'>,
  now: Date,
  names: readonly string[],
  silentAfterMs: ReadonlyMap<string, number>,
): Promise<FeedReport> {
  const isAsked = ({ source }: { readonly source: string }): boolean => names.includes(source);
  try {
    const feed = await archive.feed(now);
    const gaps = await archive.feedGaps();
    return {
      known: true,
      sources: judgeFeed(feed, now, silentAfterMs).filter(isAsked),
      gaps: gaps.filter(isAsked),
      understanding: feed.understanding.filter(isAsked),
      lag: feed.lag,
    };
  } catch (error) {
    if (!isFault(error, 'archive.index-damaged', 'archive.read-failed')) throw error;
    return { known: false, fault: error.code };
  }
}

/**
 * What the archive knows of its feeds: who was heard of when and how often, and how well the messages of each source were understood.
 * The watch over feeds reads it; it is derived, so it goes by the records and lags as they do.
 *
 * The hard thing is which clock: habit goes by the server's date of arrival, because a sender's clock may be wrong, and because a backlog
 * that is fetched in one night still shows the habit of its months. Over POP3 there is no such date: there, arrival is when it was fetched.
 */

/** A voice is one owner on one platform, as one source brings it. */
export interface FeedVoice extends FeedHabit {
  readonly source: string;
  /** Undefined for messages that say nothing of an owner (ordinary mail). */
  readonly owner: string | undefined;
  /** Undefined where the message does not say. */
  readonly platform: string | undefined;
}

/** When and how often something was heard of. A message counts once, for the source that it first arrived by. */
export interface FeedHabit {
  /** All derived messages. */
  readonly messages: number;
  /**
   * When the first and the latest arrived: by the server's date (INTERNALDATE), else by the ledger; never by the message. A date of the
   * server more than a day later than the ledger's is not believed.
   */
  readonly firstArrived: Date;
  readonly lastArrived: Date;
  /** The latest time of sending that is not later than the arrival of its message (and a day for clocks that are ahead). */
  readonly lastSent: Date;
  /**
   * Messages by hour of the week in UTC over the 28 days before `now` (by whole hours), by arrival: 168 counts, the first is Monday 00:00
   * to 01:00. Each hour came four times.
   */
  readonly hours: readonly number[];
  /** In how many of the four each hour held a message. */
  readonly active: readonly number[];
}

/** A source over all its voices. */
export interface FeedSource extends FeedHabit {
  readonly source: string;
}

/** How the messages of a source were understood. */
export interface FeedUnderstanding {
  readonly source: string;
  readonly messages: number;
  /** No parser understood them: found by their raw headers only. */
  readonly unreadable: number;
  /** Of a TeleMessage source, with a shape that no table knows. */
  readonly unrecognised: number;
  readonly encrypted: number;
  /** Messages with each flag (a code of record.ts), the most frequent first. */
  readonly flags: readonly { readonly code: string; readonly messages: number }[];
  /** Shapes that no table knows (drift of record.ts), the most frequent first, at most 200 of a source. */
  readonly drift: readonly FeedDrift[];
}

export interface FeedDrift {
  readonly shape: string;
  readonly messages: number;
  /** By arrival. */
  readonly firstSeen: Date;
  readonly lastSeen: Date;
}

export interface Feed {
  /** By source, then owner, then platform. */
  readonly voices: readonly FeedVoice[];
  /** By source. */
  readonly sources: readonly FeedSource[];
  /** By source. */
  readonly understanding: readonly FeedUnderstanding[];
  /** Messages that are not derived yet and so are not in here. */
  readonly lag: number;
}

/** What must have been there and is not: found in the records of a source, the earliest sent first. */
export interface FeedGaps {
  readonly source: string;
  /** Edits, deletions and statuses of an item that is not in the archive, or that they do not name. */
  readonly orphans: { readonly count: number; readonly first: readonly FeedOrphan[] };
  /** Items in which a monitored one takes part whose own copy is not in the archive. */
  readonly lonely: { readonly count: number; readonly first: readonly FeedLonely[] };
  /** Whether all records were looked at; else a bound was met, and the counts are at least these. */
  readonly complete: boolean;
}

export interface FeedOrphan {
  readonly sha256: string;
  readonly kind: 'edits' | 'deletes' | 'status';
  /** The item that it is about; undefined where it does not say. */
  readonly nativeId: string | undefined;
  readonly at: Date;
}

export interface FeedLonely {
  readonly sha256: string;
  /** The monitored one whose copy is not there, as the message names him. */
  readonly owner: string;
  readonly at: Date;
}

/** What records were made by, held against what would make them now. */
export interface Derivation {
  /** Messages whose record was made by another version of the parser, or with another profile of their source. */
  readonly stale: number;
  /** Versions of the parser that made the records, ascending. */
  readonly parserVersions: readonly number[];
  /** Sources of which records were made with another profile than the present one. */
  readonly changedSources: readonly string[];
  /** Records that are being made again beside the old ones, out of all; undefined where nothing is. */
  readonly remaking: { readonly done: number; readonly total: number } | undefined;
}

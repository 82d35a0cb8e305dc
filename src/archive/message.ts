/**
 * A message of the archive as its port hands it out: where it was met, and what it says. Below the words that speak of messages, so that
 * none of them needs the port.
 *
 * The hard thing is what may be absent: a message that is not derived yet has no record, and one without a record is there all the same.
 */
import type { MessageRecord } from './record.ts';

/**
 * What became of a message of the server. Every one has exactly one of these:
 * `archived`: its bytes were new; `duplicate`: the very same bytes were in the archive before;
 * `quarantined`: kept apart with a reason, with its bytes where there are any.
 */
export type LedgerState = 'archived' | 'duplicate' | 'quarantined';

/**
 * Why a message is in quarantine. `no-data`: the server lists it and ends FETCH without a body. `refused`: the server lists it and
 * refuses to hand it out. `substitute`: the server sent a text of its own in place of a message that it cannot convert.
 */
export type QuarantineReason = 'no-data' | 'refused' | 'cut' | 'substitute';

/** Where a message was met on a server. */
export interface Occurrence {
  readonly source: string;
  readonly folder: string;
  readonly uidValidity: number;
  readonly uid: number;
  readonly state: LedgerState;
  readonly internalDate: Date | undefined;
  readonly acceptedAt: Date;
  /** Of a quarantined one. */
  readonly reason: QuarantineReason | undefined;
}

/** What a message is beside its fields. `edited` and `deleted` are originals of which the archive knows an edit or a deletion. */
export const marks = ['edited', 'deleted', 'encrypted', 'unrecognised', 'unreadable', 'flagged', 'copy', 'quarantined'] as const;
export type Mark = (typeof marks)[number];

export interface StoredMessage {
  /** SHA-256 of the bytes, lower-case hex: the message's id everywhere. */
  readonly sha256: string;
  readonly bytes: number;
  readonly occurrences: readonly Occurrence[];
  /** Undefined while the message has not been derived yet. */
  readonly record: MessageRecord | undefined;
  /** What it is beside that; of one that has not been derived yet only `quarantined` can be known. */
  readonly marks: readonly Mark[];
}

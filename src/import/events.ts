/** What an import tells while it runs and what it says at its end. Data only: the terminal, the log and the console each show it their way. */
import type { QuarantineReason } from '../archive/archive.ts';
import type { Fault } from '../fault/fault.ts';

export type ImportEvent =
  | { readonly kind: 'connecting'; readonly source: string; readonly attempt: number }
  | { readonly kind: 'folder'; readonly source: string; readonly folder: string; readonly listed: number; readonly toFetch: number }
  /** A message was taken over (not yet durable). */
  | { readonly kind: 'message'; readonly source: string; readonly folder: string; readonly bytes: number }
  | {
      readonly kind: 'quarantined';
      readonly source: string;
      readonly folder: string;
      readonly uid: number;
      readonly reason: QuarantineReason;
    }
  | {
      readonly kind: 'uid-validity-changed';
      readonly source: string;
      readonly folder: string;
      readonly before: number;
      readonly now: number;
    }
  /** Something went wrong that is tried again after `waitMs`. */
  | { readonly kind: 'waiting'; readonly source: string; readonly fault: Fault; readonly waitMs: number }
  /** Nothing is made searchable any more; mail goes on coming in. */
  | { readonly kind: 'deriving-failed'; readonly fault: Fault }
  /** A pass over the source's folders ended well. `arrived` is what was new to the archive; `duplicate` had the bytes of another. */
  | {
      readonly kind: 'pass';
      readonly source: string;
      readonly arrived: number;
      readonly duplicate: number;
      readonly quarantined: number;
    }
  /** One folder could not be brought in; the others go on. Told once while it stays so. */
  | { readonly kind: 'folder-failed'; readonly source: string; readonly folder: string; readonly fault: Fault }
  /** A person must act; the source is looked at again after `waitMs` all the same. */
  | { readonly kind: 'failed'; readonly source: string; readonly fault: Fault; readonly waitMs: number };

/** The equation of a folder: listed = before + archived + duplicate + quarantined + missing. All under its last UIDVALIDITY. */
export interface FolderSummary {
  readonly folder: string;
  readonly uidValidity: number | undefined;
  /** UIDs that the server listed at the last look, and those that were taken over in this run and are gone since. */
  readonly listed: number;
  /** Of these, had a ledger row before this run. The next three: got theirs in this run. */
  readonly before: number;
  readonly archived: number;
  readonly duplicate: number;
  readonly quarantined: number;
  /** UIDs that were listed at first and gone, by somebody else's hand, before they could be fetched. */
  readonly vanished: number;
  /** Listed, and without a ledger row at the end. Empty = complete. */
  readonly missing: readonly number[];
  readonly fault: Fault | undefined;
}

export interface SourceSummary {
  readonly source: string;
  readonly folders: readonly FolderSummary[];
  /** Bytes that came over the wire. */
  readonly bytes: number;
  /** What ended the run of this source before it was complete. */
  readonly fault: Fault | undefined;
  /** Stopped by a person (Ctrl-C) before it was complete. */
  readonly stopped: boolean;
  /** Every message that the server listed has its row, durable. */
  readonly complete: boolean;
}

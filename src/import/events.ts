/** What an import tells while it runs and what it says at its end. Data only: the terminal, the log and the console each show it their way. */
import type { CompletionStep, LedgerState, QuarantineReason } from '../archive/archive.ts';
import type { Fault } from '../fault/fault.ts';
import type { CompletionSummary } from './complete/completion.ts';

export type ImportEvent =
  | { readonly kind: 'connecting'; readonly source: string; readonly attempt: number }
  /** The login was accepted. A refused one is told as `waiting` or `failed`, with its fault. */
  | { readonly kind: 'logged-in'; readonly source: string; readonly afterMs: number }
  | { readonly kind: 'folder'; readonly source: string; readonly folder: string; readonly listed: number; readonly toFetch: number }
  /** A message was taken over (not yet durable). */
  | {
      readonly kind: 'message';
      readonly source: string;
      readonly folder: string;
      readonly bytes: number;
      /** The server's INTERNALDATE; undefined where it tells none. */
      readonly internalDate: Date | undefined;
    }
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
  /** A folder is new, another (`before`) is gone, and what lies in the new one had come before: told by its content, not by its name. */
  | { readonly kind: 'folder-renamed'; readonly source: string; readonly before: string; readonly now: string; readonly messages: number }
  /** Listed, and gone by somebody else's hand before they could be fetched. Each once. `uidls`: the lasting names of `uids`, in their order (POP3). */
  | {
      readonly kind: 'vanished';
      readonly source: string;
      readonly folder: string;
      readonly uidValidity: number;
      readonly uids: readonly number[];
      readonly uidls: readonly string[] | undefined;
    }
  /** Still listed and without a ledger row at the end of a pass. */
  | {
      readonly kind: 'missing';
      readonly source: string;
      readonly folder: string;
      readonly uidValidity: number;
      readonly uids: readonly number[];
      readonly uidls: readonly string[] | undefined;
    }
  /** Messages were marked, moved or deleted on the server, as `onCompletion` wants it. */
  | {
      readonly kind: 'completed';
      readonly source: string;
      readonly folder: string;
      readonly step: CompletionStep;
      readonly messages: number;
      /** The folder that they were moved to. */
      readonly target: string | undefined;
    }
  /** The import goes on; the step is tried again later. */
  | { readonly kind: 'completion-failed'; readonly source: string; readonly fault: Fault }
  /** The number of connections of a source was lowered, because the server would not have more. Kept for the run. */
  | { readonly kind: 'fewer-connections'; readonly source: string; readonly connections: number; readonly fault: Fault }
  /** Something went wrong that is tried again after `waitMs`. Throttling is told here too (fault `imap.throttled` and its like). */
  | { readonly kind: 'waiting'; readonly source: string; readonly fault: Fault; readonly waitMs: number }
  /** Nothing is made searchable any more; mail goes on coming in. */
  | { readonly kind: 'deriving-failed'; readonly fault: Fault }
  /** A pass over the source's folders came to its end. */
  | PassEvent
  /** One folder could not be brought in, or a pattern of `folders:` found none (`folder` is the pattern). Told once while it stays so. */
  | { readonly kind: 'folder-failed'; readonly source: string; readonly folder: string; readonly fault: Fault }
  /** A person must act. The source is looked at again after `waitMs` all the same; undefined: this run has ended for it. */
  | { readonly kind: 'failed'; readonly source: string; readonly fault: Fault; readonly waitMs: number | undefined };

export interface PassEvent {
  readonly kind: 'pass';
  readonly source: string;
  /** New to the archive. `duplicate` had the bytes of another. */
  readonly arrived: number;
  readonly duplicate: number;
  readonly quarantined: number;
  /** Messages that the server listed in all folders that could be opened, and of these the ones that `since` excludes. */
  readonly listed: number;
  readonly excluded: number;
  /** Listed and without a ledger row. 0 in folders without a fault. */
  readonly missing: number;
  /** Of the folders that could not be brought in, by name or pattern. Empty = the pass ended well. */
  readonly faults: ReadonlyMap<string, Fault>;
  /** From its beginning, over lost connections. */
  readonly durationMs: number;
  /** The newest INTERNALDATE among what arrived in this pass. */
  readonly newest: Date | undefined;
}

/** The equation of a folder: listed = before + archived + duplicate + quarantined + excluded + missing. All under its last UIDVALIDITY. */
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
  /** Older than the source's `since`: not fetched, no ledger row. */
  readonly excluded: number;
  /** UIDs that were listed at first and gone, by somebody else's hand, before they could be fetched. */
  readonly vanished: number;
  /** Listed, and without a ledger row at the end. Empty = complete. */
  readonly missing: readonly number[];
  readonly fault: Fault | undefined;
}

/** Messages by what became of them. */
export type Tally = Readonly<Record<LedgerState, number>>;

export interface SourceSummary {
  readonly source: string;
  readonly folders: readonly FolderSummary[];
  /** Bytes that came over the wire. */
  readonly bytes: number;
  /** What ended the run of this source before it was complete. */
  readonly fault: Fault | undefined;
  /** Of patterns of `folders:` that found no folder. */
  readonly unmatched: readonly Fault[];
  /** What `onCompletion` did on the server, and what ended it early; undefined where nothing was to be done. */
  readonly completion: { readonly summaries: readonly CompletionSummary[]; readonly fault: Fault | undefined } | undefined;
  /** Stopped by a person (Ctrl-C) before it was complete. */
  readonly stopped: boolean;
  /** Every message that the server listed has its row, durable. */
  readonly complete: boolean;
}

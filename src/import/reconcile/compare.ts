/**
 * Holds what a server lists of a folder against the ledger. Pure: lists and rows in, numbers and names out.
 *
 * The hard thing is a million rows: of each listed message it keeps its number, one byte for what became of it and four for its day;
 * rows pass by once, in any order. Only what has to be named is held as a whole.
 */
import type { LedgerEntry } from '../../archive/archive.ts';
import { indexOf, type NumberList } from './numbers.ts';
import { type Counts, dayOf, type EarlierEra, nothing, type QuarantinedMessage } from './report.ts';

/** A folder as the server showed it. */
export interface Listing {
  readonly folder: string;
  readonly uidValidity: number;
  readonly listedAt: Date;
  /** What the server counts, apart from its list. */
  readonly counted: number;
  /** Ascending. */
  readonly uids: Uint32Array;
  /** Of these, older than the source's `since`. */
  readonly older: readonly number[];
}

export interface CompareOptions {
  /** Only messages of this UTC day or later (`2026-11-22`). */
  readonly sinceDay?: string | undefined;
  /** The source's `since`: what is older is excluded where it has no row. */
  readonly excludedBefore?: Date | undefined;
  /** Rows of the ledger that stood before the server was asked. A later one that is not listed came while we looked, and says nothing. */
  readonly knownRows: number;
  /** UIDs that Postern moved or deleted on the server, by its own log. */
  readonly done: NumberList;
}

export interface Pending {
  readonly uid: number;
  /** Its INTERNALDATE, once the server was asked for it. */
  readonly at: Date | undefined;
}

export interface Comparison {
  readonly days: ReadonlyMap<string, Counts>;
  readonly quarantined: readonly QuarantinedMessage[];
  readonly earlier: readonly Omit<EarlierEra, 'listedAgain'>[];
  readonly upToRow: number;
}

/** The day of a pending message without a date. */
export const unknownDay = 'unknown';

const dayMs = 24 * 60 * 60_000;
const codes = { none: 0, archived: 1, duplicate: 2, quarantined: 3, excluded: 4 } as const;
type Outcome = Exclude<keyof typeof codes, 'none'>;
const outcomes: readonly (Outcome | undefined)[] = [undefined, 'archived', 'duplicate', 'quarantined', 'excluded'];

export class FolderComparison {
  readonly #listing: Listing;
  readonly #options: CompareOptions;
  /** Of each listed message: what became of it, and its day counted from 1970. */
  readonly #outcome: Uint8Array;
  readonly #day: Int32Array;
  readonly #days = new Map<string, { -readonly [Name in keyof Counts]: number }>();
  /** Kept apart and not come whole so far, by UID. */
  readonly #quarantined = new Map<number, { readonly entry: LedgerEntry; readonly since: Date }>();
  readonly #earlier = new Map<number, { messages: number; readonly quarantined: Set<number> }>();
  #upToRow = 0;

  constructor(listing: Listing, options: CompareOptions) {
    this.#listing = listing;
    this.#options = options;
    this.#outcome = new Uint8Array(listing.uids.length);
    this.#day = new Int32Array(listing.uids.length);
  }

  /** Takes in a row of this folder, of whatever UIDVALIDITY. */
  add(entry: LedgerEntry): void {
    this.#upToRow = Math.max(this.#upToRow, entry.row);
    if (entry.uidValidity !== this.#listing.uidValidity) {
      this.#addEarlier(entry);
      return;
    }
    // Over POP3 a message without a row has a number for the time being only; the service may since have given it to another message.
    if (entry.uidl !== undefined && entry.row > this.#options.knownRows) return;
    const { uid, state } = entry;
    if (state === 'quarantined') {
      const known = this.#quarantined.get(uid);
      this.#quarantined.set(uid, { entry, since: known?.since ?? entry.acceptedAt });
      return;
    }
    this.#quarantined.delete(uid);
    const at = indexOf(this.#listing.uids, uid);
    if (at !== -1) this.#settle(at, state, entry);
    else if (entry.row <= this.#options.knownRows) this.#countGone(state, entry);
  }

  /** UIDs that are listed and have no row, ascending; to be asked for once all rows are in. Names those that are excluded, too. */
  pending(): readonly number[] {
    for (const uid of this.#quarantined.keys()) {
      const at = indexOf(this.#listing.uids, uid);
      const kept = this.#quarantined.get(uid);
      if (at !== -1 && kept !== undefined) this.#settle(at, 'quarantined', kept.entry);
    }
    for (const uid of this.#listing.older) {
      const at = indexOf(this.#listing.uids, uid);
      if (at !== -1 && this.#outcome[at] === codes.none) this.#outcome[at] = codes.excluded;
    }
    const uids: number[] = [];
    for (const [at, uid] of this.#listing.uids.entries()) if (this.#outcome[at] === codes.none) uids.push(uid);
    return uids;
  }

  /** @param pending every UID of {@link pending}, in any order, with what is known of it */
  finish(pending: Iterable<Pending>): Comparison {
    const quarantined: QuarantinedMessage[] = [];
    for (const { entry, since } of this.#quarantined.values()) {
      const isGone = indexOf(this.#listing.uids, entry.uid) === -1;
      if (isGone && entry.row > this.#options.knownRows) continue;
      if (isGone) this.#countGone('quarantined', entry);
      const day = entryDay(entry);
      if (this.#isAsked(day)) quarantined.push(named(entry, day, since));
    }
    for (const [at] of this.#listing.uids.entries()) {
      const outcome = outcomes[this.#outcome[at] ?? 0];
      if (outcome === undefined) continue;
      const day = outcome === 'excluded' ? this.#excludedDay() : dayOf(new Date((this.#day[at] ?? 0) * dayMs));
      this.#countListed(day, outcome);
    }
    for (const { at } of pending) this.#countListed(at === undefined ? unknownDay : dayOf(at), 'pending');
    const days = [...this.#days].sort(([one], [other]) => (sortable(one) < sortable(other) ? -1 : 1));
    return {
      days: new Map(days),
      quarantined: quarantined.sort((one, other) => one.uid - other.uid),
      earlier: [...this.#earlier].map(([uidValidity, era]) => ({ uidValidity, messages: era.messages + era.quarantined.size })),
      upToRow: this.#upToRow,
    };
  }

  /** Whether a day is within what was asked for. A pending message without a date always is. */
  #isAsked(day: string): boolean {
    const { sinceDay } = this.#options;
    return sinceDay === undefined || day === unknownDay || day >= sinceDay;
  }

  #addEarlier({ uidValidity, uid, state }: LedgerEntry): void {
    const era = this.#earlier.get(uidValidity) ?? { messages: 0, quarantined: new Set<number>() };
    this.#earlier.set(uidValidity, era);
    if (state === 'quarantined') era.quarantined.add(uid);
    else {
      era.quarantined.delete(uid);
      era.messages += 1;
    }
  }

  #settle(at: number, outcome: 'archived' | 'duplicate' | 'quarantined', entry: LedgerEntry): void {
    this.#outcome[at] = codes[outcome];
    this.#day[at] = Math.floor((entry.internalDate ?? entry.acceptedAt).getTime() / dayMs);
  }

  #countGone(outcome: 'archived' | 'duplicate' | 'quarantined', entry: LedgerEntry): void {
    const day = entryDay(entry);
    if (!this.#isAsked(day)) return;
    const counts = this.#countsOf(day);
    counts.seen += 1;
    counts.gone += 1;
    counts[outcome] += 1;
    if (this.#options.done.has(entry.uid)) counts.goneByPostern += 1;
  }

  #countListed(day: string, outcome: Outcome | 'pending'): void {
    // The excluded are counted as a whole, unless all of them are older than what was asked for.
    const isAsked = outcome === 'excluded' ? this.#isAsked(dayBefore(this.#options.excludedBefore)) : this.#isAsked(day);
    if (!isAsked) return;
    const counts = this.#countsOf(day);
    counts.seen += 1;
    counts.listed += 1;
    counts[outcome] += 1;
  }

  #excludedDay(): string {
    return `before ${this.#options.excludedBefore === undefined ? '' : dayOf(this.#options.excludedBefore)}`;
  }

  #countsOf(day: string): { -readonly [Name in keyof Counts]: number } {
    const known = this.#days.get(day);
    if (known !== undefined) return known;
    const counts = { ...nothing };
    this.#days.set(day, counts);
    return counts;
  }
}

function entryDay({ internalDate, acceptedAt }: LedgerEntry): string {
  return dayOf(internalDate ?? acceptedAt);
}

function dayBefore(at: Date | undefined): string {
  return at === undefined ? '' : dayOf(new Date(at.getTime() - 1));
}

/** Excluded first, unknown last. */
function sortable(day: string): string {
  if (day.startsWith('before')) return `0${day}`;
  return day === unknownDay ? '2' : `1${day}`;
}

function named(entry: LedgerEntry, day: string, since: Date): QuarantinedMessage {
  return {
    uid: entry.uid,
    uidl: entry.uidl ?? null,
    day,
    reason: entry.reason ?? 'unknown',
    sha256: entry.sha256 ?? null,
    since: since.toISOString(),
  };
}

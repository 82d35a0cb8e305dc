/**
 * What can be searched for, and what a search answers: the words of the port that query.ts makes and the store understands.
 *
 * The hard thing is one meaning for every store: conditions on what a message says hold for derived messages only, a participant is told
 * apart by number or address and not by spelling, and a page goes on where the one before ended, whatever has arrived in between.
 */
import type { Mark, StoredMessage } from './message.ts';
import type { ChatType, Direction, EventKind, FlagCode, Modality, RecordFormat } from './record.ts';

/** A search, read from a person's words by query.ts. All given conditions must hold. */
export interface Query {
  /** Words and phrases anywhere in the message; a word may end in `*`. */
  readonly terms: readonly QueryTerm[];
  readonly source?: string;
  /**
   * By the time that orders messages: when it was sent as the message says it (its Date field, or what stands in its place), else when
   * it arrived.
   */
  readonly since?: Date;
  /** Before this instant. */
  readonly until?: Date;
  readonly hasAttachment?: boolean;
  /** Each must hold. */
  readonly facts?: readonly QueryFact[];
  /** Each of them takes part in the message (or, with `not`, does not). */
  readonly participants?: readonly QueryParticipant[];
  /** Each must be there (or, with `not`, must not). */
  readonly marks?: readonly { readonly mark: Mark; readonly not: boolean }[];
}

export interface QueryTerm {
  readonly text: string;
  readonly field: 'any' | 'subject' | 'from' | 'to' | 'participant' | 'attachment' | 'header' | 'body';
  /** The term must NOT be there. */
  readonly not: boolean;
  /** The last word may go on. */
  readonly prefix: boolean;
}

/** A field of the record that has one of these values, as the record has them (lower-case where the record is). */
export interface QueryFact {
  readonly field: FactField;
  readonly values: readonly string[];
  /** None of the values. */
  readonly not: boolean;
}

export const factFields = ['platform', 'modality', 'kind', 'direction', 'format', 'chat', 'owner', 'thread', 'id', 'flag'] as const;
export type FactField = (typeof factFields)[number];

/**
 * Somebody who takes part, by a number or an address. `international`: the number begins with its country. A national one (`07700 900123`)
 * fits each number that ends with its digits; an address fits as a whole.
 */
export type QueryParticipant = { readonly not: boolean; readonly role: 'any' | 'from' | 'to' } & (
  | { readonly kind: 'number'; readonly digits: string; readonly international: boolean }
  | { readonly kind: 'address'; readonly address: string }
);

/** All values of a closed list: one that is missing or too much does not compile. */
function all<T extends string>(values: Readonly<Record<T, true>>): readonly T[] {
  return Object.keys(values) as T[];
}

/** Codes of flags, in the order of their bits in an index: a new one goes to the end. */
export const flagCodes: readonly FlagCode[] = all<FlagCode>({
  disagreement: true,
  'duplicate-header': true,
  'attachment-missing': true,
  'clock-skew': true,
  'unknown-value': true,
  unrecognised: true,
  'thread-day': true,
  encrypted: true,
  'journal-lookalike': true,
  'boundary-missing': true,
  'original-unknown': true,
  'ambiguous-participants': true,
  limit: true,
  'charset-assumed': true,
});

/** Values of the fields that have a closed list; undefined: whatever the messages say. */
export const factValues: Readonly<Record<FactField, readonly string[] | undefined>> = {
  platform: undefined,
  modality: all<Modality>({ mail: true, sms: true, mms: true, im: true, voice: true, video: true, event: true, unknown: true }),
  kind: all<EventKind>({
    message: true,
    edit: true,
    delete: true,
    reaction: true,
    join: true,
    leave: true,
    rename: true,
    call: true,
    status: true,
    system: true,
    'thread-day': true,
    unknown: true,
  }),
  direction: all<Direction>({ in: true, out: true, internal: true, unknown: true }),
  format: all<RecordFormat>({ mail: true, journal: true, telemessage: true }),
  chat: all<ChatType>({ direct: true, group: true, channel: true, unknown: true }),
  owner: undefined,
  thread: undefined,
  id: undefined,
  flag: flagCodes,
};

/** `sent`: newest first by the time that orders messages. `arrival`: newest in the archive first. */
export type SearchOrder = 'sent' | 'arrival';

export interface SearchOptions {
  /** Default `sent`. */
  readonly order?: SearchOrder;
  /** {@link SearchResult.next} of the page before, of the same query and order. */
  readonly after?: string;
  /** Nobody waits for the answer any more; a search that has not begun is then left alone. */
  readonly signal?: AbortSignal;
}

export interface SearchResult {
  /** In the order that was asked for, newest first. */
  readonly hits: readonly StoredMessage[];
  /** Where the next page begins; undefined where this one is the last. */
  readonly next: string | undefined;
  /** Messages that the search could not see because they are not derived yet. */
  readonly lag: number;
}

/** How many of the found messages have each value; the most frequent first, months in their order. */
export interface Facets {
  readonly platform: readonly FacetCount[];
  readonly modality: readonly FacetCount[];
  readonly direction: readonly FacetCount[];
  readonly source: readonly FacetCount[];
  readonly owner: readonly FacetCount[];
  /** `2026-01`, UTC. */
  readonly month: readonly FacetCount[];
  /** Messages that were counted. */
  readonly messages: number;
  /** Whether that is all that there are; else the counts are those of the newest ones. */
  readonly complete: boolean;
  /** Messages that could not be counted because they are not derived yet. */
  readonly lag: number;
}

/** `value` is empty for messages of which it is not known. */
export interface FacetCount {
  readonly value: string;
  readonly messages: number;
}

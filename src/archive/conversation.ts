/**
 * A conversation: the items that share a thread, in the order of their time, with what became of each.
 *
 * The hard thing is that nothing may be hidden: an edited or deleted original stands where it stood, with its edits and deletions at it;
 * the copies that each monitored participant archived are one item that names them all; and what must have been there and is not (the
 * original of an edit) stands as a gap.
 */
import type { StoredMessage } from './message.ts';
import type { ChatType, EventKind, MessageRecord } from './record.ts';

/** A derived message. */
export type Recorded = StoredMessage & { readonly record: MessageRecord };

export interface Conversation {
  /** Undefined for a message that nothing ties to others: it is a conversation of its own. */
  readonly threadId: string | undefined;
  /** Whether the thread follows from platform and participants only, not from an id that the feed gave. */
  readonly inferred: boolean;
  readonly name: string | undefined;
  readonly platform: string | undefined;
  readonly chatType: ChatType;
  /** Who took part in the items shown, by name, number or address, in the order in which they first appear; at most 500. */
  readonly participants: readonly string[];
  /** Whose archives the whole conversation came from, who has most of it first; at most 50. */
  readonly owners: readonly string[];
  /** Messages of the whole conversation, copies counted. */
  readonly messages: number;
  readonly items: readonly ConversationItem[];
  /** Where the next page begins; undefined where this one is the last. */
  readonly next: string | undefined;
  /** Where this page begins, for the one that ends before it; undefined where this one is the first. */
  readonly previous: string | undefined;
  readonly lag: number;
}

export interface ConversationItem {
  /** When it was sent; of a message without a readable time, when it arrived. */
  readonly at: Date;
  /** The one that is shown: the first that arrived of its copies. Undefined for a gap. */
  readonly message: Recorded | undefined;
  /** The others that say the same: those of other monitored participants, and the same mail from other mailboxes; at most 100. */
  readonly copies: readonly Recorded[];
  /** Whose archives it came from, where the messages say so. */
  readonly owners: readonly string[];
  /** Edits and deletions of this item, in the order of time. */
  readonly changes: readonly ConversationChange[];
  /** Of a gap: the id of the original that the changes are about and that is not in the archive; undefined where they do not name it. */
  readonly missing?: { readonly nativeId: string | undefined };
}

export interface ConversationChange {
  readonly kind: Extract<EventKind, 'edit' | 'delete'>;
  readonly at: Date;
  readonly message: Recorded;
  readonly copies: readonly Recorded[];
  readonly owners: readonly string[];
}

export interface ConversationOptions {
  /** {@link Conversation.next} of the page before. At most one of these three is given; without one it is the first page. */
  readonly after?: string;
  /** {@link Conversation.previous} of the page behind. */
  readonly before?: string;
  /** SHA-256 of a message: the page in which it stands, or what it says is shown. */
  readonly around?: string;
  /** Messages of a page at most, copies and changes among them; default 500. */
  readonly limit?: number;
}

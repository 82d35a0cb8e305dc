/**
 * What one stored message says, as plain data: the record. Everybody reads this file; only derive/ makes records.
 *
 * The hard thing is honesty. A record holds what the message claims, each field with the place that it was read from, and a field of
 * which nothing is known is absent: nothing in here is guessed, filled up or corrected. What contradicts itself is flagged. The bytes
 * are the evidence; a record can be thrown away and made again, better, by a later parser.
 */

/** How a message was understood: ordinary mail, an Exchange journal report, or an item that TeleMessage captured on a phone. */
export type RecordFormat = 'mail' | 'journal' | 'telemessage';

/** What is known about the messages of a source; plain data, so that it can be handed to a thread and compared. */
export interface RecordProfile {
  /**
   * `auto` looks at each message. `telemessage` does too, and reports every message that is not recognised as one. `journal` unwraps
   * reports and takes what is inside as `auto` does. `mail` takes every message as it stands.
   */
  readonly format: 'auto' | RecordFormat;
  /** How a participant's display name is written: only the customer's settings at TeleMessage tell, never the text. */
  readonly nameOrder: 'first-last' | 'last-first';
  /** Calling code for numbers without one, digits only (`1`, `44`); absent: such numbers get no E.164 form. */
  readonly country?: string;
  /** Who is monitored: addresses and numbers, as the configuration names them. */
  readonly owners: readonly string[];
  /** Address of the mailbox that the messages lie in. */
  readonly mailbox?: string;
}

/** For messages of sources that the configuration no longer names, and for tests. */
export const plainProfile: RecordProfile = { format: 'auto', nameOrder: 'first-last', owners: [] };

/** Open lists: values that we know, and whatever a feed says instead, lower-case. */
export type Platform = string;

export type Modality = 'mail' | 'sms' | 'mms' | 'im' | 'voice' | 'video' | 'event' | 'unknown';

/** What happened. `thread-day`: one mail with a day of one conversation; `unknown`: the message does not say, or in words nobody knows. */
export type EventKind =
  | 'message'
  | 'edit'
  | 'delete'
  | 'reaction'
  | 'join'
  | 'leave'
  | 'rename'
  | 'call'
  | 'status'
  | 'system'
  | 'thread-day'
  | 'unknown';

export type ChatType = 'direct' | 'group' | 'channel' | 'unknown';
/** As seen from the owner. `unknown`: nobody says who the owner is, or he takes no part. */
export type Direction = 'in' | 'out' | 'internal' | 'unknown';
export type ReadState = 'read' | 'unread' | 'unknown';
export type Confidence = 'high' | 'medium' | 'low';

export type AttachmentRole = 'media' | 'document' | 'contact' | 'sticker' | 'location' | 'call-audio' | 'calendar' | 'message' | 'other';

export interface AttachmentRecord {
  readonly name: string;
  /** The declared type, lower-case. */
  readonly type: string;
  /** Decoded size in bytes. */
  readonly bytes: number;
  /**
   * SHA-256 of the decoded bytes, lower-case hex. Absent where they were not all seen: behind the end of what is read of a message.
   */
  readonly sha256?: string;
  /** What its first bytes say it is, where that is something else than declared. */
  readonly sniffedType?: string;
  readonly role: AttachmentRole;
}

export type ParticipantRole = 'sender' | 'recipient' | 'cc' | 'bcc' | 'group-member' | 'owner' | 'on-behalf-of';

export interface Participant {
  readonly role: ParticipantRole;
  /** As the message writes it, decoded, with its bidirectional controls. */
  readonly displayRaw: string;
  /** The name without number and controls, first name first where the order is known; absent for `UNKNOWN`. */
  readonly name?: string;
  readonly firstName?: string;
  readonly lastName?: string;
  /** The run of digits as written. */
  readonly phoneRaw?: string;
  /** `+` and digits; absent where the country is not known. */
  readonly e164?: string;
  /** An address that stands for a person, lower-case; addresses that TeleMessage makes up are absent here and stand in `syntheticEmail`. */
  readonly email?: string;
  readonly syntheticEmail?: string;
  /** Whether this one is on the list of owners; absent where there is no list. */
  readonly monitored?: boolean;
  /** Whether the address lies outside the domains of the owners and of the mailbox; absent where that cannot be told. */
  readonly external?: boolean;
}

export interface Call {
  readonly start?: Date;
  readonly end?: Date;
  readonly durationSec?: number;
  /** `ok`, `missed`, `failed`, `voice-mail`, `rejected`, `busy`, `blocked`, `answered-externally`, `unanswered`, or what the feed says. */
  readonly result?: string;
  /** Of an item that covers several calls: one for each line of the text that could be read, and the line itself. */
  readonly legs?: readonly CallLeg[];
}

export interface CallLeg {
  readonly raw: string;
  readonly direction?: 'in' | 'out';
  readonly other?: string;
  readonly number?: string;
  readonly at?: string;
  readonly durationSec?: number;
}

/** `replyTo` and `forwards` come from mail; `edits`, `deletes` and `status` name the id of the item that they are about. */
export interface Relation {
  readonly kind: 'edits' | 'deletes' | 'replyTo' | 'status';
  /** The other's `nativeId`. Absent where the message is about another one and does not name it. */
  readonly nativeId?: string;
}

/**
 * Where a field was read: a header's name (`header:X-TELEMESSAGE-ThreadName`), the subject, the text, an address, the envelope of a
 * journal report, the profile of the source, an attachment; `inferred`: it follows from other fields by a rule of ours.
 */
export type Origin = `header:${string}` | 'subject' | 'body' | 'address' | 'envelope' | 'profile' | 'attachment' | 'inferred';

/** Something in a message that a person should know. `detail` never holds words of the message: only names of fields and counts. */
export interface Flag {
  readonly code: FlagCode;
  readonly detail?: string;
}

export type FlagCode =
  /** Two places say different things; `detail` names the field. */
  | 'disagreement'
  /** A header that means one thing stands there more than once with different values. */
  | 'duplicate-header'
  /** The text lists files that are not in the message. */
  | 'attachment-missing'
  /** Date lies after the receipt, or more than the named bound before it. */
  | 'clock-skew'
  /** A value that no table knows, kept as it stands; `detail` names the field. */
  | 'unknown-value'
  /** The source is TeleMessage's and this message has a shape that is not known. */
  | 'unrecognised'
  /** One mail with several items of a conversation, which are not taken apart. */
  | 'thread-day'
  /** Sealed with the customer's key. */
  | 'encrypted'
  /** Says of itself that it is a journal report and does not have the form of one: kept as the mail that it is. */
  | 'journal-lookalike'
  /** The declared end of a part never comes. */
  | 'boundary-missing'
  /** An edit or deletion that does not name its original. */
  | 'original-unknown'
  /** Participants cannot be told apart with certainty (an unquoted comma, no number). */
  | 'ambiguous-participants'
  /** More of something than is read; `detail` names it. */
  | 'limit'
  /** Bytes above 127 without a declared charset that are no UTF-8: read as windows-1252. `detail`: `header` or `text`. */
  | 'charset-assumed';

/** A header field that no field of the record was made from, as it stands (unfolded). */
export interface RawHeader {
  readonly name: string;
  readonly value: string;
}

/** The first part of an Exchange journal report (MS-XJRNL §2.1), all of it. */
export interface JournalEnvelope {
  readonly sender?: string;
  readonly onBehalfOf?: string;
  readonly subject?: string;
  readonly messageId?: string;
  readonly label?: string;
  readonly mailbox?: string;
  readonly sentUtc?: Date;
  readonly receivedUtc?: Date;
  readonly recipients: readonly JournalRecipient[];
  /** Message-ID of the report itself; the record's `messageId` is that of the message inside. */
  readonly reportMessageId?: string;
  /** The text as it stands. */
  readonly raw: string;
}

export interface JournalRecipient {
  readonly kind: 'to' | 'cc' | 'bcc' | 'recipient';
  readonly address: string;
  /** The list or address by which the message came to this recipient. */
  readonly via?: { readonly how: 'expanded' | 'forwarded'; readonly address: string };
}

/** One record a stored message. */
export interface MessageRecord {
  readonly format: RecordFormat;
  readonly parserVersion: number;
  /** Why the parser gave up; undefined for a message that was understood. */
  readonly problem: string | undefined;

  /** What every format has. Of a journal report all of it is from the message inside. */
  readonly subject: string;
  readonly from: string;
  readonly to: string;
  readonly messageId: string;
  /** The Date field as an instant; undefined where it is absent or unreadable. */
  readonly sentAt: Date | undefined;
  /** The Date field as it stands. */
  readonly rawDate: string;
  /** The first words of the text. */
  readonly preview: string;
  readonly attachments: readonly AttachmentRecord[];

  readonly platform?: Platform;
  /** TeleMessage's product that captured it, verbatim (`WHATSAPP_ARCHIVER`). */
  readonly captureProduct?: string;
  /** Verbatim. */
  readonly networkType?: string;
  /** Verbatim. */
  readonly deliveryStatus?: string;
  readonly modality: Modality;
  readonly eventKind: EventKind;
  /** The item's own id at its origin: TeleMessage's ArchiveMessageID; of mail its Message-ID. */
  readonly nativeId?: string;
  /** What all items of a conversation share. Absent where nothing ties the message to others. */
  readonly threadId?: string;
  /** Whether `threadId` follows from platform and participants only, not from an id that the feed gave. */
  readonly threadInferred: boolean;
  readonly threadName?: string;
  readonly groupId?: string;
  readonly groupName?: string;
  readonly chatType: ChatType;
  /** The monitored one whose copy this is, in the form that the feed gives (address or number). */
  readonly owner?: string;
  readonly direction: Direction;
  readonly call?: Call;
  readonly participants: readonly Participant[];
  readonly relatesTo: readonly Relation[];
  readonly readState?: ReadState;
  /** For whom, where a deletion says so. */
  readonly deletedFor?: 'me' | 'all';
  readonly encrypted: boolean;
  readonly confidence: Confidence;
  readonly provenance: Readonly<Record<string, Origin>>;
  readonly flags: readonly Flag[];
  /** What the app wrote around the person's words (`Files:`, `Edit ID - …`), verbatim; it is not in the preview. */
  readonly furniture?: string;
  readonly unparsedHeaders: readonly RawHeader[];
  /**
   * Shapes that no table knows, without personal words: `header:x-telemessage-newfield`, `subject:# message of # via #`. To be counted
   * for each source: a feed that changes its form shows here first.
   */
  readonly drift: readonly string[];
  /**
   * Records that share one of these say the same thing: the copies that each monitored participant archives (N+1 by design), or the same
   * mail from two mailboxes. They are linked, never dropped.
   */
  readonly copyKeys: readonly string[];
  readonly journal?: JournalEnvelope;
}

/** A record as text for a database; {@link unpackRecord} reads it back. */
export function packRecord(record: MessageRecord): string {
  return JSON.stringify(record);
}

/** @param text of {@link packRecord}, of this parser version or an older one that shares its fields */
export function unpackRecord(text: string): MessageRecord {
  const raw = JSON.parse(text);
  return {
    ...raw,
    problem: raw.problem,
    sentAt: undefined,
    ...revived(raw, ['sentAt']),
    ...(raw.call === undefined ? {} : { call: { ...raw.call, ...revived(raw.call, ['start', 'end']) } }),
    ...(raw.journal === undefined ? {} : { journal: { ...raw.journal, ...revived(raw.journal, ['sentUtc', 'receivedUtc']) } }),
  };
}

/** JSON has no instants: those of these fields are made again, and what is absent stays absent. */
function revived(raw: Readonly<Record<string, unknown>>, fields: readonly string[]): Record<string, Date> {
  return Object.fromEntries(fields.flatMap((field) => (typeof raw[field] === 'string' ? [[field, new Date(raw[field])]] : [])));
}

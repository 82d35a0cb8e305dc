/**
 * A message of the archive in the shapes of the API: a row of a list, everything that is known of it, an item of a conversation.
 *
 * The hard thing is a message that is there and not read yet, or that no parser understood: it has a row and a page as every other one.
 */
import type { AttachmentRecord, Call, FlagCode, MessageRecord, Participant, Query, StoredMessage } from '../archive/archive.ts';
import { called, recipientsOf, senderOf } from '../archive/called.ts';
import { excerpt, marked, type Piece, termsFor } from '../archive/highlight.ts';
import type { MessageDetail, MessageRow } from './api/message.ts';

type Person = MessageDetail['people'][number];
type Attachment = MessageDetail['attachments'][number];
type Field = MessageDetail['fields'][number];

/** Of a subject or a name that is as long as its writer liked. */
const lineChars = 300;
const snippetChars = 240;
/** People and headers of one message that are shown; all of them are in its source. */
const peopleMost = 500;
const fieldChars = 4_000;

/** The instant by which a message stands in a list: when it was sent, else when it arrived. */
export function instantOf({ record, occurrences }: StoredMessage): string {
  return shownDate(record?.sentAt ?? occurrences[0]?.internalDate ?? occurrences[0]?.acceptedAt ?? new Date(0));
}

/** An instant in the form of the API, which knows years of four digits; a mail may say otherwise. */
export function shownDate(at: Date): string {
  const bounded = Math.min(Math.max(at.getTime(), Date.UTC(1000, 0)), Date.UTC(9999, 11, 31));
  return new Date(Number.isNaN(bounded) ? 0 : bounded).toISOString();
}

function line(text: string): string {
  return text.length <= lineChars ? text : `${text.slice(0, lineChars).replace(/[\ud800-\udbff]$/, '')}…`;
}

/**
 * A row of a list.
 * @param text the message's text, where what was searched for is not in its first words
 */
export function rowOf(message: StoredMessage, query: Query, text?: string): MessageRow {
  const { record } = message;
  return {
    id: message.sha256,
    at: instantOf(message),
    subject: shownPieces(marked(line(record?.subject ?? ''), termsFor(query.terms, 'subject'))),
    snippet: shownPieces(snippetOf(record, query, text)),
    from: line(record === undefined ? '' : senderOf(record)),
    to: line(record === undefined ? '' : recipientsOf(record)),
    format: record?.format ?? null,
    platform: record?.platform ?? null,
    modality: record?.modality ?? null,
    kind: record?.eventKind ?? null,
    direction: record?.direction ?? null,
    sources: [...new Set(message.occurrences.map(({ source }) => source))],
    attachments: record?.attachments.length ?? 0,
    bytes: message.bytes,
    threadId: record?.threadId ?? null,
    marks: [...message.marks],
  };
}

function shownPieces(pieces: readonly Piece[]): { text: string; hit: boolean }[] {
  return pieces.map(({ text, hit }) => ({ text, hit }));
}

function snippetOf(record: MessageRecord | undefined, query: Query, text: string | undefined): readonly Piece[] {
  const terms = termsFor(query.terms, 'body');
  const around = text === undefined ? undefined : excerpt(text, terms, snippetChars);
  return around ?? marked(record?.preview ?? '', terms);
}

/** Whether what was searched for is seen neither in the subject nor in the first words, and the whole text is worth a look. */
export function wantsText({ record }: StoredMessage, query: Query): boolean {
  const terms = termsFor(query.terms, 'body');
  // A text that is all in the preview has nothing more to show.
  if (terms.length === 0 || record === undefined || !record.preview.endsWith('…')) return false;
  const isSeen = (text: string, field: 'subject' | 'body'): boolean => marked(text, termsFor(query.terms, field)).some(({ hit }) => hit);
  return !isSeen(record.subject, 'subject') && !isSeen(record.preview, 'body');
}

/** Everything but what has to be asked of the archive. */
export function detailOf(message: StoredMessage): Omit<MessageDetail, 'relations' | 'hasHtml'> {
  const { record } = message;
  return {
    id: message.sha256,
    at: instantOf(message),
    bytes: message.bytes,
    subject: record?.subject ?? '',
    from: record?.from ?? '',
    to: record?.to ?? '',
    format: record?.format ?? null,
    platform: record?.platform ?? null,
    modality: record?.modality ?? null,
    kind: record?.eventKind ?? null,
    direction: record?.direction ?? null,
    threadId: record?.threadId ?? null,
    threadName: record?.threadName ?? record?.groupName ?? null,
    owner: record?.owner ?? null,
    preview: record?.preview ?? '',
    call: callOf(record?.call),
    people: (record?.participants ?? []).slice(0, peopleMost).map(personOf),
    attachments: attachmentsOf(record?.attachments ?? []),
    fields: record === undefined ? [] : fieldsOf(record),
    flags: (record?.flags ?? []).map(({ code, detail }) => ({ code, says: flagSays[code] ?? code, detail: detail ?? null })),
    marks: [...message.marks],
    occurrences: message.occurrences.map((one) => ({
      source: one.source,
      folder: one.folder,
      uidValidity: one.uidValidity,
      uid: one.uid,
      state: one.state,
      reason: one.reason ?? null,
      internalDate: one.internalDate === undefined ? null : shownDate(one.internalDate),
      acceptedAt: shownDate(one.acceptedAt),
    })),
    problem: record?.problem ?? null,
  };
}

export function attachmentsOf(attachments: readonly AttachmentRecord[]): Attachment[] {
  return attachments.map(({ name, type, bytes, sha256, sniffedType, role }, index) => ({
    index,
    name,
    type,
    bytes,
    sha256: sha256 ?? null,
    sniffedType: sniffedType ?? null,
    role,
  }));
}

export function callOf(call: Call | undefined): MessageDetail['call'] {
  if (call === undefined) return null;
  return {
    start: call.start === undefined ? null : shownDate(call.start),
    end: call.end === undefined ? null : shownDate(call.end),
    durationSec: call.durationSec ?? null,
    result: call.result ?? null,
    legs: (call.legs ?? []).map(({ raw }) => raw),
  };
}

function personOf(one: Participant): Person {
  return {
    role: one.role,
    display: called(one),
    name: one.name ?? null,
    number: one.e164 ?? one.phoneRaw ?? null,
    email: one.email ?? one.syntheticEmail ?? null,
    monitored: one.monitored ?? null,
    external: one.external ?? null,
  };
}

/** Fields of the record that are shown elsewhere on the page, or are no field of the message. */
const elsewhere = new Set([
  'participants',
  'attachments',
  'flags',
  'provenance',
  'unparsedHeaders',
  'drift',
  'copyKeys',
  'journal',
  'preview',
]);

/** Every field that has a value, in the order of the record, with the place that it was read from. */
function fieldsOf(record: MessageRecord): Field[] {
  const fields: Field[] = [];
  const add = (name: string, value: string, origin: string | null): void => {
    if (value !== '') fields.push({ name, value: value.slice(0, fieldChars), origin });
  };
  for (const [name, value] of Object.entries(record)) {
    if (!elsewhere.has(name)) add(name, fieldText(value), record.provenance[name] ?? null);
  }
  // What the provenance names beside whole fields, e.g. `participants.role`.
  for (const [name, origin] of Object.entries(record.provenance)) {
    if (!Object.hasOwn(record, name) || elsewhere.has(name)) add(name, 'read', origin);
  }
  if (record.journal !== undefined)
    for (const [name, value] of Object.entries(record.journal)) add(`journal.${name}`, fieldText(value), 'envelope');
  for (const shape of record.drift) add('drift', shape, null);
  for (const { name, value } of record.unparsedHeaders) add(name, value, `header:${name}`);
  return fields;
}

function fieldText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (value instanceof Date) return shownDate(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** What a flag of the record means, for a person. */
const flagSays: Readonly<Record<FlagCode, string>> = {
  disagreement: 'Two places of the message say different things.',
  'duplicate-header': 'A header that means one thing stands there more than once, with different values.',
  'attachment-missing': 'The text lists files that are not in the message.',
  'clock-skew': 'Its date does not fit the time at which it was received.',
  'unknown-value': 'It holds a value that is not known; it is kept as it stands.',
  unrecognised: 'Its source is TeleMessage, and this is no captured message of a known shape.',
  'thread-day': 'One mail holds a day of a conversation; its items are not taken apart.',
  encrypted: 'It is sealed with the key of the customer: its text cannot be read here.',
  'journal-lookalike': 'It says that it is a journal report and does not have the form of one; it is kept as the mail that it is.',
  'boundary-missing': 'The declared end of one of its parts never comes.',
  'original-unknown': 'An edit or a deletion that does not name its original.',
  'ambiguous-participants': 'Its participants cannot be told apart with certainty.',
  limit: 'It holds more of something than is read.',
  'charset-assumed': 'It does not say in which character set it is written; it was read as windows-1252.',
};

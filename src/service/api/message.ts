/** Messages: search, one message, its conversation, and exports. */
import { z } from 'zod';
import { fault, instant, limit, next, sha256 } from './leaf.ts';

export const order = z.enum(['sent', 'arrival']);
export const searchQuery = z.strictObject({
  q: z.string().max(2000).default(''),
  order: order.default('sent'),
  after: z.string().max(500).optional(),
  limit: limit.default(50),
});

/** A text with the words of the search marked: pairs of plain and marked pieces, in their order. */
export const marked = z.array(z.strictObject({ text: z.string(), hit: z.boolean() }));
export type Marked = z.infer<typeof marked>;

export const messageRow = z.strictObject({
  id: sha256,
  /** When it was sent as it says itself, else when it arrived. */
  at: instant,
  subject: marked,
  snippet: marked,
  from: z.string(),
  to: z.string(),
  /** `mail`, `journal`, `telemessage`; null: not derived yet. */
  format: z.string().nullable(),
  platform: z.string().nullable(),
  modality: z.string().nullable(),
  kind: z.string().nullable(),
  direction: z.string().nullable(),
  sources: z.array(z.string()),
  attachments: z.int(),
  bytes: z.int(),
  threadId: z.string().nullable(),
  /** `edited`, `deleted`, `encrypted`, `unrecognised`, `unreadable`, `flagged`, `copy`, `quarantined`. */
  marks: z.array(z.string()),
});
export type MessageRow = z.infer<typeof messageRow>;
/**
 * `problem`: the query cannot be read, or took too long; then there are no rows. `problemAt`: which characters of `q` are meant, where that
 * is known. `lag`: messages that it could not see yet.
 */
export const messagePage = z.strictObject({
  rows: z.array(messageRow),
  next,
  lag: z.int(),
  problem: fault.nullable(),
  problemAt: z.strictObject({ from: z.int(), to: z.int() }).nullable(),
});
export type MessagePage = z.infer<typeof messagePage>;

export const facetsQuery = z.strictObject({ q: z.string().max(2000).default('') });
export const messageParams = z.strictObject({ id: sha256 });
export const attachmentParams = z.strictObject({ id: sha256, index: z.coerce.number().int().min(0).max(9999) });

/** Asks what came since: `known` is the newest that the asker knows of. */
export const newsQuery = z.strictObject({ q: z.string().max(2000).default(''), known: sha256.optional() });
/** `newest`: of the matches, in the order of arrival. `messages`: how many of them arrived after `known`; `more`: at least so many. */
export const messageNews = z.strictObject({ newest: sha256.nullable(), messages: z.int(), more: z.boolean() });
export type MessageNews = z.infer<typeof messageNews>;

export const facet = z.strictObject({ value: z.string(), messages: z.int() });
export const messageFacets = z.strictObject({
  platform: z.array(facet),
  modality: z.array(facet),
  direction: z.array(facet),
  source: z.array(facet),
  owner: z.array(facet),
  month: z.array(facet),
  messages: z.int(),
  complete: z.boolean(),
  /** As in {@link messagePage}; then everything is empty. */
  problem: fault.nullable(),
});
export type MessageFacets = z.infer<typeof messageFacets>;

export const person = z.strictObject({
  role: z.string(),
  display: z.string(),
  name: z.string().nullable(),
  number: z.string().nullable(),
  email: z.string().nullable(),
  monitored: z.boolean().nullable(),
  external: z.boolean().nullable(),
});
export const attachment = z.strictObject({
  /** Its place among the attachments, from 0: for the address of its download. */
  index: z.int(),
  name: z.string(),
  type: z.string(),
  bytes: z.int(),
  sha256: sha256.nullable(),
  /** What its first bytes say that it is, where that is something else than declared. */
  sniffedType: z.string().nullable(),
  role: z.string(),
});
/** A field of the record, with the place that it was read from. */
export const recordField = z.strictObject({ name: z.string(), value: z.string(), origin: z.string().nullable() });
export const occurrence = z.strictObject({
  source: z.string(),
  folder: z.string(),
  uidValidity: z.int(),
  uid: z.int(),
  state: z.enum(['archived', 'duplicate', 'quarantined']),
  reason: z.string().nullable(),
  internalDate: instant.nullable(),
  acceptedAt: instant,
});
/** Another item that this one is about, and which messages of the archive it is; none: it is not there. */
export const relation = z.strictObject({
  kind: z.enum(['edits', 'deletes', 'replyTo', 'status']),
  nativeId: z.string().nullable(),
  messages: z.array(sha256),
});
export const call = z.strictObject({
  start: instant.nullable(),
  end: instant.nullable(),
  durationSec: z.number().nullable(),
  result: z.string().nullable(),
  /** Lines of an item that covers several calls, as they stand. */
  legs: z.array(z.string()),
});
export const messageDetail = z.strictObject({
  id: sha256,
  at: instant,
  bytes: z.int(),
  subject: z.string(),
  from: z.string(),
  to: z.string(),
  format: z.string().nullable(),
  platform: z.string().nullable(),
  modality: z.string().nullable(),
  kind: z.string().nullable(),
  direction: z.string().nullable(),
  threadId: z.string().nullable(),
  /** What the conversation is called, where the message says so. */
  threadName: z.string().nullable(),
  owner: z.string().nullable(),
  /** The first words of the text. */
  preview: z.string(),
  call: call.nullable(),
  people: z.array(person),
  attachments: z.array(attachment),
  fields: z.array(recordField),
  flags: z.array(z.strictObject({ code: z.string(), says: z.string(), detail: z.string().nullable() })),
  marks: z.array(z.string()),
  occurrences: z.array(occurrence),
  relations: z.array(relation),
  /** Why the parser gave up. */
  problem: z.string().nullable(),
  /** Whether `GET /messages/{id}/html` has something to show. */
  hasHtml: z.boolean(),
});
export type MessageDetail = z.infer<typeof messageDetail>;

/** The text, cut off after a bound (500,000 characters) that `cut` tells. */
export const messageText = z.strictObject({ text: z.string(), cut: z.boolean() });
/** Header fields in their order, unfolded; the start of the raw bytes as text for people. The whole is downloaded. */
export const messageSource = z.strictObject({
  headers: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  raw: z.string(),
  cut: z.boolean(),
});
export type MessageSource = z.infer<typeof messageSource>;

/** What `GET /messages/{id}/html` shows and what it left out. */
export const htmlReport = z.strictObject({
  /** Pictures and styles of other hosts that were not loaded. */
  remote: z.int(),
  /** Where its links lead; in the frame they do nothing. */
  /** `mismatch`: its text is itself an address, and of another host than the one it leads to. At most 500. */
  links: z.array(z.strictObject({ text: z.string(), href: z.string(), mismatch: z.boolean() })),
  /** Pictures of the message itself that are shown. */
  pictures: z.int(),
  /** What was taken out: `script`, `form`, `iframe` …, with how many of each. */
  removed: z.array(z.strictObject({ what: z.string(), count: z.int() })),
  /** It was too long or took too long: what is shown ends before it does. */
  cut: z.boolean(),
});
export type HtmlReport = z.infer<typeof htmlReport>;

/** `id` in the path: of a thread (percent-encoded), of an item, or of a message. */
export const conversationParams = z.strictObject({ id: z.string().min(1).max(2000) });
/** `after`: goes on behind a page; `before`: the page that ends before one; `around`: the page in which this message stands. One of them at most. */
export const conversationQuery = z.strictObject({
  after: z.string().max(100).optional(),
  before: z.string().max(100).optional(),
  around: sha256.optional(),
  limit: limit.default(60),
});
export const conversationItem = z.strictObject({
  at: instant,
  /** Null for a gap. */
  id: sha256.nullable(),
  from: z.string(),
  /** Whether the owner of the captured phone or mailbox sent it. */
  own: z.boolean(),
  direction: z.string().nullable(),
  kind: z.string().nullable(),
  modality: z.string().nullable(),
  /** To whom, in words; empty in a group. */
  to: z.string(),
  /** Of mail; null for a captured item, whose subject the app made. */
  subject: z.string().nullable(),
  text: z.string(),
  /** The text goes on: `GET /messages/{id}/text`. */
  cut: z.boolean(),
  /** Its stored bytes cannot be read, so its text is not there. */
  damaged: z.boolean(),
  marks: z.array(z.string()),
  attachments: z.array(attachment),
  call: call.nullable(),
  owners: z.array(z.string()),
  copies: z.array(sha256),
  changes: z.array(
    z.strictObject({
      kind: z.enum(['edit', 'delete']),
      at: instant,
      id: sha256,
      text: z.string(),
      from: z.string(),
      /** `read`, `unread`, `unknown`: whether it had been read before. */
      readState: z.string().nullable(),
      deletedFor: z.enum(['me', 'all']).nullable(),
      copies: z.array(sha256),
    }),
  ),
  missing: z.strictObject({ nativeId: z.string().nullable() }).nullable(),
});
export const conversationPage = z.strictObject({
  threadId: z.string().nullable(),
  inferred: z.boolean(),
  name: z.string().nullable(),
  platform: z.string().nullable(),
  chatType: z.string(),
  participants: z.array(z.string()),
  /** Whose side `own` is; null where nobody's copy it is. */
  owner: z.string().nullable(),
  messages: z.int(),
  items: z.array(conversationItem),
  next,
  /** For `before`: null where this page begins the conversation. */
  previous: next,
  lag: z.int(),
});
export type ConversationPage = z.infer<typeof conversationPage>;

/** Asks for an export; it is made in the background and kept for a day. */
export const newExport = z.strictObject({
  q: z.string().max(2000),
  format: z.enum(['eml', 'mbox']),
  reason: z.string().trim().min(3).max(500),
});
export const exportParams = z.strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/) });
export const exportJob = z.strictObject({
  id: z.string(),
  by: z.string(),
  at: instant,
  q: z.string(),
  reason: z.string(),
  format: z.enum(['eml', 'mbox']),
  state: z.enum(['running', 'done', 'failed', 'stopped']),
  messages: z.int(),
  bytes: z.int(),
  /** How many there will be, as far as it is known; null at the beginning. */
  total: z.int().nullable(),
  /** Messages of which nothing was written, because their stored bytes are damaged; the manifest names them. */
  damaged: z.int(),
  /** Size of the file to download; null before the end. */
  zipBytes: z.int().nullable(),
  fileName: z.string(),
  /** SHA-256 of the manifest; null before the end. */
  manifest: sha256.nullable(),
  fault: fault.nullable(),
  expires: instant,
});
export type ExportJob = z.infer<typeof exportJob>;
export const exportList = z.strictObject({ exports: z.array(exportJob) });

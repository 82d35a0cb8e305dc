/**
 * What a message says, from its stored bytes: the record and the words for the search. Never touches the bytes themselves.
 *
 * The hard thing is that nothing may fail here: a message that the parser does not understand becomes a record with its problem named,
 * and its raw headers as words, so that it is found all the same. Only a failure to read the bytes is passed on.
 */
import type { Address, Email } from 'postal-mime';
import { type MessageRecord, plainProfile, type RecordProfile } from '../record.ts';
import { htmlText } from './html-text.ts';
import { parse } from './parser.ts';
import { capturedRoles, readAttachments } from './record/attachments.ts';
import { copyKeys } from './record/copies.ts';
import { claimsJournal, type Report, readReport, withEnvelope } from './record/journal.ts';
import { readMail } from './record/mail.ts';
import { mailDate } from './record/mail-date.ts';
import { fromField } from './record/participants.ts';
import { blankRecord, clean, Notes, type OwnerList, ownerList, type Reading, transportNoise, unparsed } from './record/reading.ts';
import { recognise, reportUnrecognised } from './record/telemessage/recognise.ts';
import { readCaptured } from './record/telemessage/telemessage.ts';
import { newScratch, type Scratch } from './scratch.ts';
import { type Slim, slim } from './slim.ts';

/** Bytes of a message, without its large attachments, that are read at most. */
export const readLimitBytes = 8 * 1024 * 1024;
/** Characters of the text that are searchable at most. */
const bodyLimitChars = 1024 * 1024;
/** Characters of all header fields that are searchable at most. */
const headerLimitChars = 64 * 1024;
const previewChars = 240;
/** A Date may lie this much behind the receipt: clocks differ. */
const clockToleranceMs = 10 * 60_000;
/** A message that says it is older than this when it arrives was held back or brought in later. */
const backfillMs = 7 * 24 * 3_600_000;

/** The words of a message by the field in which a search looks for them. */
export interface Words {
  readonly subject: string;
  readonly sender: string;
  readonly recipients: string;
  readonly attachments: string;
  readonly headers: string;
  readonly body: string;
}

export interface Derived {
  readonly record: MessageRecord;
  readonly words: Words;
}

/**
 * @param chunks the message's bytes, cut anywhere; read within a bound of memory
 * @param profile what is known of the source that the message came by
 * @throws only what `chunks` throws
 */
export async function extract(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  profile: RecordProfile = plainProfile,
): Promise<Derived> {
  return extractor(profile)(chunks);
}

/**
 * {@link extract} for many messages of one source: what is known of it is prepared once.
 * @param scratch may be shared by the extractors of all sources, as long as one message is read after the other
 */
export function extractor(
  profile: RecordProfile,
  scratch: Scratch = newScratch(),
): (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => Promise<Derived> {
  const owners = ownerList(profile);
  return async (chunks) => {
    const slimmed = await slim(chunks, readLimitBytes, scratch);
    try {
      return await understood(slimmed, profile, owners);
    } catch (error) {
      return unreadable(slimmed.bytes, error instanceof Error ? error.message : String(error));
    }
  };
}

/** The record of a message that no parser understood: found by its first lines as they stand. */
export function unreadable(bytes: Uint8Array, problem: string): Derived {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, headerLimitChars)).toString('utf8').replaceAll('\0', ' ');
  const subject = clean(/^subject:(.*)$/im.exec(raw)?.[1] ?? '');
  const from = clean(/^from:(.*)$/im.exec(raw)?.[1] ?? '');
  return {
    record: { ...blankRecord(), subject, from, preview: shorten(raw), problem },
    words: { subject, sender: from, recipients: '', attachments: '', headers: raw, body: '' },
  };
}

async function understood(slimmed: Slim, profile: RecordProfile, owners: OwnerList): Promise<Derived> {
  const outer = await opened(slimmed.bytes, profile);
  if (outer.email.headers.length === 0) return unreadable(slimmed.bytes, 'it has no header fields');
  const { report } = outer;
  const email = report === undefined ? outer.email : await parse(report.inner, false);
  const notes = new Notes();
  if (outer.isLookalike) notes.flag('journal-lookalike');
  if (slimmed.unclosed) notes.flag('boundary-missing');
  for (const where of slimmed.assumed) notes.flag('charset-assumed', where);
  const inside = report === undefined ? undefined : slimmed.partOf(report.description);
  const attachments = readAttachments(email.attachments, slimmed, (part) => part === inside);
  const text = slimmed.unmarked(email.text ?? htmlText(email.html ?? '')).slice(0, bodyLimitChars);
  const reading: Reading = { email, text, attachments, profile, owners };
  const said = readContent(reading, report, notes);
  return finished(reading, said, report, outer.email, slimmed, notes);
}

/** The message, and the report that it is; a report has to be read in another way than mail, and may turn out to be none. */
export async function opened(
  bytes: Uint8Array<ArrayBuffer>,
  profile: RecordProfile,
): Promise<{ readonly email: Email; readonly report: Report | undefined; readonly isLookalike: boolean }> {
  const mayBe = profile.format !== 'mail' && headerSays(bytes, 'x-ms-journal-report:');
  if (mayBe) {
    const wrapper = await parse(bytes, true);
    const report = readReport(wrapper);
    if (report !== undefined) return { email: wrapper, report, isLookalike: false };
    return { email: await parse(bytes, false), report: undefined, isLookalike: claimsJournal(wrapper.headers) };
  }
  return { email: await parse(bytes, false), report: undefined, isLookalike: false };
}

/** Whether a field of the message's header begins so, in lower case: a glance, so that not every message is parsed twice. */
function headerSays(bytes: Uint8Array, start: string): boolean {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = all.indexOf('\n\r\n', 0, 'latin1');
  const head = all.subarray(0, end < 0 ? headerLimitChars : Math.min(end, headerLimitChars));
  const earlier = head.indexOf('\n\n', 0, 'latin1');
  return beginsALine(head.toString('latin1', 0, earlier < 0 ? head.length : earlier).toLowerCase(), start);
}

function beginsALine(head: string, start: string): boolean {
  return head.startsWith(start) || head.includes(`\n${start}`);
}

/** Notes what the message says by its format. Returns the text that is searched. */
function readContent(reading: Reading, report: Report | undefined, notes: Notes): string {
  const { profile, owners } = reading;
  const recognised = profile.format === 'mail' ? undefined : recognise(reading, notes);
  if (recognised !== undefined) {
    notes.put('format', 'telemessage', recognised.confidence === 'high' ? 'header:X-TELEMESSAGE-*' : 'subject');
    return readCaptured(reading, recognised, notes).text;
  }
  notes.put('format', report === undefined ? 'mail' : 'journal', report === undefined ? 'inferred' : 'header:X-MS-Journal-Report');
  readMail(reading, notes);
  if (report !== undefined) {
    const participants = withEnvelope(notes.fields.participants ?? [], report.envelope, owners);
    notes.put('participants', participants, 'address');
    notes.provenance['participants.role'] = 'envelope';
  }
  if (profile.format === 'telemessage') reportUnrecognised(reading, notes);
  return reading.text;
}

function finished(reading: Reading, text: string, report: Report | undefined, wrapper: Email, slimmed: Slim, notes: Notes): Derived {
  const { email } = reading;
  const rawDate = clean(email.headers.find((header) => header.key === 'date')?.value ?? '');
  const sentAt = mailDate(rawDate);
  if (sentAt !== undefined) {
    notes.provenance['sentAt'] = 'header:Date';
    if (isSkewed(sentAt, received(report === undefined ? email : wrapper))) notes.flag('clock-skew');
  }
  const authors = fromField(email);
  const sender = email.sender === undefined ? authors : [...authors, email.sender];
  const recipients = [...(email.to ?? []), ...(email.cc ?? []), ...(email.bcc ?? [])];
  const attachments =
    notes.fields.format === 'telemessage' ? capturedRoles(reading.attachments, notes.fields.eventKind === 'call') : reading.attachments;
  const record = notes.fields;
  record.subject = clean(email.subject ?? '');
  record.from = addresses(authors);
  record.to = addresses(recipients);
  record.messageId = clean(email.messageId ?? '');
  record.sentAt = sentAt;
  record.rawDate = rawDate;
  record.preview = shorten(text);
  record.attachments = attachments;
  record.unparsedHeaders = unparsed(email, notes);
  record.provenance = notes.provenance;
  record.flags = notes.flags;
  record.drift = notes.drift;
  record.copyKeys = copyKeys(record, text, reading.profile.country);
  if (report !== undefined) record.journal = report.envelope;
  if (slimmed.truncated) record.problem = `only its first ${readLimitBytes} bytes without attachments were read`;
  return { record, words: wordsOf(record, reading, sender, text, report, wrapper) };
}

function wordsOf(
  record: MessageRecord,
  reading: Reading,
  sender: readonly Address[],
  text: string,
  report: Report | undefined,
  wrapper: Email,
): Words {
  // Numbers in both spellings, and those whom only the subject or the envelope names.
  const shown = `${record.from} ${record.to}`;
  const known = (roles: (role: string) => boolean): string[] =>
    record.participants.flatMap((one) => {
      if (!roles(one.role)) return [];
      const words = [one.name, one.phoneRaw, one.e164?.slice(1), one.email].filter((word) => word !== undefined && word !== '');
      return [...new Set(words)].filter((word) => word !== undefined && !shown.includes(word)).map(String);
    });
  const outer = report === undefined ? [] : [headerWords(wrapper), report.envelope.raw];
  return {
    subject: record.subject,
    sender: [addresses(sender), ...known((role) => role === 'sender' || role === 'on-behalf-of')].join(' '),
    recipients: [record.to, ...known((role) => role !== 'sender' && role !== 'on-behalf-of')].join(' '),
    attachments: record.attachments.map((one) => `${one.name} ${one.type}`).join('\n'),
    headers: [headerWords(reading.email), ...outer].join('\n').slice(0, headerLimitChars),
    body: text,
  };
}

/** When the last mail system took the message over: the end of the topmost Received field (RFC 5321 §4.4). */
function received(email: Email): Date | undefined {
  const field = email.headers.find((header) => header.key === 'received')?.value ?? '';
  const semicolon = field.lastIndexOf(';');
  return semicolon < 0 ? undefined : mailDate(field.slice(semicolon + 1));
}

function isSkewed(sentAt: Date, receivedAt: Date | undefined): boolean {
  if (receivedAt === undefined) return false;
  const ahead = sentAt.getTime() - receivedAt.getTime();
  return ahead > clockToleranceMs || ahead < -backfillMs;
}

function headerWords(email: Email): string {
  const lines: string[] = [];
  let chars = 0;
  for (const header of email.headers) {
    if (transportNoise.test(header.key)) continue;
    const line = `${header.originalKey}: ${header.value}`;
    chars += line.length + 1;
    if (chars > headerLimitChars) break;
    lines.push(line);
  }
  return lines.join('\n');
}

function addresses(list: readonly Address[]): string {
  return clean(
    list
      .flatMap((one) => (one.group === undefined ? [one] : one.group))
      .map(({ name, address = '' }) => (name === '' || address === '' ? `${name}${address}` : `${name} <${address}>`))
      .join(', '),
  );
}

function shorten(text: string): string {
  // Mostly a few characters show that there are enough of them; much white space can hide it.
  const few = clean(text.slice(0, previewChars * 2));
  const line = few.length > previewChars ? few : clean(text.slice(0, previewChars * 8));
  return line.length <= previewChars ? line : `${line.slice(0, previewChars)}…`;
}

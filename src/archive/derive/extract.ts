/**
 * What a message says, from its stored bytes: the record and the words for the search. Never touches the bytes themselves.
 *
 * The hard thing is that nothing may fail here: a message that the parser does not understand becomes a record with its problem named,
 * and its raw headers as words, so that it is found all the same. Only a failure to read the bytes is passed on.
 */
import PostalMime, { type Address, type Email } from 'postal-mime';
import type { AttachmentRecord, MailRecord } from '../archive.ts';
import { htmlText } from './html-text.ts';
import { measured, type Slim, slim } from './slim.ts';

/** Raised when a record of the same bytes would come out otherwise than before; stands on each record. */
export const parserVersion = 1;

/** Bytes of a message, without its encoded attachments, that are read at most. */
const readLimitBytes = 8 * 1024 * 1024;
/** Characters of the text that are searchable at most. */
const bodyLimitChars = 1024 * 1024;
/** Characters of all header fields that are searchable at most. */
const headerLimitChars = 64 * 1024;
const previewChars = 240;
/** Header fields that nobody searches for and that would double the index. */
const noise =
  /^(?:received|dkim-signature|arc-.*|authentication-results.*|x-ms-exchange-.*|x-microsoft-antispam.*|x-forefront-.*|content-.*|mime-version)$/;

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
  readonly record: MailRecord;
  readonly words: Words;
}

/**
 * @param chunks the message's bytes, cut anywhere; read within a bound of memory
 * @throws only what `chunks` throws
 */
export async function extract(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Derived> {
  const slimmed = await slim(chunks, readLimitBytes);
  try {
    const email = await PostalMime.parse(withLineFeeds(slimmed.bytes).buffer);
    if (email.headers.length === 0) return unreadable(slimmed.bytes, 'it has no header fields');
    return understood(email, slimmed);
  } catch (error) {
    return unreadable(slimmed.bytes, error instanceof Error ? error.message : String(error));
  }
}

/** Mail whose lines end with CR alone (classic Macintosh) is one single header field to the parser: then LF takes its place. */
function withLineFeeds(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.includes(10) ? bytes : bytes.map((byte) => (byte === 13 ? 10 : byte));
}

/** The record of a message that no parser understood: found by its first lines as they stand. */
export function unreadable(bytes: Uint8Array, problem: string): Derived {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, headerLimitChars)).toString('utf8').replaceAll('\0', ' ');
  const subject = clean(/^subject:(.*)$/im.exec(raw)?.[1] ?? '');
  const from = clean(/^from:(.*)$/im.exec(raw)?.[1] ?? '');
  return {
    record: { subject, from, to: '', messageId: '', sentAt: undefined, preview: shorten(raw), attachments: [], parserVersion, problem },
    words: { subject, sender: from, recipients: '', attachments: '', headers: raw, body: '' },
  };
}

function understood(email: Email, slimmed: Slim): Derived {
  const text = (email.text ?? htmlText(email.html ?? '')).slice(0, bodyLimitChars);
  const attachments = email.attachments.map((one): AttachmentRecord => {
    const content = typeof one.content === 'string' ? Buffer.from(one.content) : new Uint8Array(one.content);
    return { name: clean(one.filename ?? ''), type: clean(one.mimeType), bytes: measured(content, slimmed.omitted) };
  });
  const sender = [email.from, email.sender].flatMap((one) => (one === undefined ? [] : [one]));
  const recipients = [...(email.to ?? []), ...(email.cc ?? []), ...(email.bcc ?? [])];
  const sentAt = email.date === undefined ? undefined : new Date(email.date);
  const record: MailRecord = {
    subject: clean(email.subject ?? ''),
    from: addresses(sender.slice(0, 1)),
    to: addresses(recipients),
    messageId: clean(email.messageId ?? ''),
    sentAt: sentAt === undefined || Number.isNaN(sentAt.getTime()) ? undefined : sentAt,
    preview: shorten(text),
    attachments,
    parserVersion,
    problem: slimmed.truncated ? `only its first ${readLimitBytes} bytes without attachments were read` : undefined,
  };
  return {
    record,
    words: {
      subject: record.subject,
      sender: addresses(sender),
      recipients: record.to,
      attachments: attachments.map((one) => `${one.name} ${one.type}`).join('\n'),
      headers: headerWords(email),
      body: text,
    },
  };
}

function headerWords(email: Email): string {
  const lines: string[] = [];
  let chars = 0;
  for (const header of email.headers) {
    if (noise.test(header.key)) continue;
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
      .map((one) => (one.name === '' ? (one.address ?? '') : `${one.name} <${one.address ?? ''}>`))
      .join(', '),
  );
}

function shorten(text: string): string {
  const line = clean(text.slice(0, previewChars * 8));
  return line.length <= previewChars ? line : `${line.slice(0, previewChars)}…`;
}

/** Control characters and runs of white space become one space: a record is shown on terminals and pages. */
function clean(text: string): string {
  return text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}

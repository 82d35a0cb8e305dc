/**
 * One parsed message as the readers of records see it, and what they note while they read.
 *
 * The hard thing is that every field of a record names the place that it came from: so a field is set by `put`, which takes both.
 */
import { decodeWords, type Email } from 'postal-mime';
import type { AttachmentRecord, Flag, FlagCode, MessageRecord, Origin, RawHeader, RecordProfile } from '../../record.ts';
import { parserVersion } from '../parser-version.ts';
import { phoneKey } from './phone.ts';

/** Characters of header fields that are kept beside the record because no field was made from them. */
const keptHeaderChars = 16 * 1024;
/** Different shapes that one message can add to the counting of new ones. */
const maxDrift = 20;

/** Header fields that mail systems add on the way, which nobody searches for and which would double what is derived. */
export const transportNoise =
  /^(?:received|dkim-signature|arc-.*|authentication-results.*|x-ms-exchange-.*|x-microsoft-antispam.*|x-forefront-.*|content-.*|mime-version)$/;

export interface Reading {
  readonly email: Email;
  /** The text, or the words of the HTML where there is no text. */
  readonly text: string;
  readonly attachments: readonly AttachmentRecord[];
  readonly profile: RecordProfile;
  readonly owners: OwnerList;
}

/** Who is monitored, in a form that a participant can be looked up in. */
export interface OwnerList {
  readonly known: boolean;
  has(email: string | undefined, phone: string | undefined): boolean;
  /** Domains of the owners' addresses and of the mailbox, lower-case. */
  readonly domains: ReadonlySet<string>;
}

/** @param profile its `owners` are addresses and numbers in any spelling */
export function ownerList(profile: RecordProfile): OwnerList {
  const emails = new Set<string>();
  const phones = new Set<string>();
  for (const one of profile.owners) {
    if (one.includes('@')) emails.add(one.trim().toLowerCase());
    else phones.add(phoneKey(one.replace(/[\s().-]/g, ''), profile.country));
  }
  const addresses = profile.mailbox === undefined ? [...emails] : [...emails, profile.mailbox.toLowerCase()];
  return {
    known: profile.owners.length > 0,
    has: (email, phone) =>
      (email !== undefined && emails.has(email)) || (phone !== undefined && phones.has(phoneKey(phone, profile.country))),
    domains: new Set(addresses.map((address) => address.slice(address.lastIndexOf('@') + 1)).filter((domain) => domain !== '')),
  };
}

type Draft = { -readonly [Field in keyof MessageRecord]: MessageRecord[Field] };

/** A record of a message of which nothing is known. */
export function blankRecord(): Draft {
  return {
    format: 'mail',
    parserVersion,
    problem: undefined,
    subject: '',
    from: '',
    to: '',
    messageId: '',
    sentAt: undefined,
    rawDate: '',
    preview: '',
    attachments: [],
    modality: 'unknown',
    eventKind: 'unknown',
    threadInferred: false,
    chatType: 'unknown',
    direction: 'unknown',
    participants: [],
    relatesTo: [],
    encrypted: false,
    confidence: 'low',
    provenance: {},
    flags: [],
    unparsedHeaders: [],
    drift: [],
    copyKeys: [],
  };
}

/** What readers note about one message. */
export class Notes {
  readonly fields = blankRecord();
  readonly provenance: Record<string, Origin> = {};
  readonly flags: Flag[] = [];
  readonly drift: string[] = [];
  /** Keys of header fields, lower-case, that a field of the record was made from. */
  readonly used = new Set<string>();

  /** Sets a field together with its place; one of which nothing is known stays absent. */
  put<Field extends keyof MessageRecord>(field: Field, value: MessageRecord[Field] | undefined, origin: Origin): void {
    if (value === undefined) return;
    this.fields[field] = value;
    this.provenance[field] = origin;
  }

  flag(code: FlagCode, detail?: string): void {
    if (this.flags.some((one) => one.code === code && one.detail === detail)) return;
    this.flags.push(detail === undefined ? { code } : { code, detail });
  }

  /** Counts a shape that no table knows. It must hold no words of a person. */
  strange(shape: string): void {
    if (this.drift.length < maxDrift && !this.drift.includes(shape)) this.drift.push(shape);
  }
}

/** A header field's values in order, decoded (RFC 2047). */
export function headerValues(email: Email, key: string): string[] {
  return email.headers.filter((header) => header.key === key).map((header) => decodedValue(header.value));
}

/** A header field's value with its encoded words decoded (RFC 2047). */
export function decodedValue(value: string): string {
  return value.includes('=?') ? decodeWords(value) : value;
}

/** The X- fields of which nothing was made, as they stand. */
export function unparsed(email: Email, notes: Notes): RawHeader[] {
  const kept: RawHeader[] = [];
  let chars = 0;
  for (const { key, originalKey, value } of email.headers) {
    if (!key.startsWith('x-') || notes.used.has(key) || transportNoise.test(key)) continue;
    chars += originalKey.length + value.length;
    if (chars > keptHeaderChars) {
      notes.flag('limit', 'headers');
      break;
    }
    kept.push({ name: originalKey, value });
  }
  return kept;
}

/** Control characters and runs of white space become one space: a record is shown on terminals and pages. */
export function clean(text: string): string {
  return (unclean.test(text) ? text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ') : text).trim();
}

/** Most texts need nothing done, and looking is cheaper than replacing. */
const unclean = /[^\S ]| {2}|[\u0000-\u001f\u007f-\u009f]/;

/** An object without its absent fields. */
export function present<T extends object>(fields: { [Field in keyof T]: T[Field] | undefined }): T {
  const kept: Partial<T> = {};
  for (const field of Object.keys(fields) as (keyof T)[]) {
    if (fields[field] !== undefined) kept[field] = fields[field];
  }
  return kept as T;
}

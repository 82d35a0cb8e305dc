/**
 * Whether a mail is one of TeleMessage's, and what its headers claim.
 *
 * The hard thing is a feed that may change its names: what is new is counted, what stands there twice is compared, and a mail that came by
 * the feed's source and is nothing that is known is kept and told.
 */
import type { Confidence, Origin } from '../../../record.ts';
import { clean, decodedValue, type Notes, type Reading } from '../reading.ts';
import { headerFields, headerPrefixes, type KnownField, normalName } from './codes.ts';
import { readSubject, type SubjectReading, shapeOf } from './subject.ts';

/** A value as the header gives it, and the header. */
export interface Claim {
  readonly value: string;
  readonly origin: Origin;
}

export type Claims = Partial<Record<KnownField, Claim>>;

/** What makes a mail one of the feed's; undefined where nothing does. */
export interface Recognised {
  readonly confidence: Confidence;
  readonly claims: Claims;
  readonly subject: SubjectReading | undefined;
}

/** By the headers, else by the subject; undefined for a mail that has neither. */
export function recognise(reading: Reading, notes: Notes): Recognised | undefined {
  const { claims, isOurs } = readHeaders(reading, notes);
  const subject = readSubject(clean(reading.email.subject ?? ''), isOurs);
  if (isOurs) return { confidence: 'high', claims, subject };
  return subject === undefined ? undefined : { confidence: 'medium', claims, subject };
}

/** Counts the shape of a mail that came by this feed's source and is nothing that is known. */
export function reportUnrecognised(reading: Reading, notes: Notes): void {
  notes.flag('unrecognised');
  notes.put('confidence', 'low', 'inferred');
  notes.strange(`subject:${shapeOf(clean(reading.email.subject ?? ''))}`);
}

/** The feed's header fields by what they mean; new ones and such of another prefix are counted. */
function readHeaders(reading: Reading, notes: Notes): { readonly claims: Claims; readonly isOurs: boolean } {
  const claims: Claims = {};
  const { headers } = reading.email;
  const isOurs = headers.some((header) => prefixOf(header.key) !== undefined);
  // Of ordinary mail no header is counted: it may be anything.
  if (!isOurs && reading.profile.format !== 'telemessage') return { claims, isOurs };
  for (const header of headers) {
    const prefix = prefixOf(header.key);
    if (prefix === undefined) {
      if (header.key.startsWith('x-') && hasKnownEnd(header.key)) notes.strange(`header:${safeKey(header.key)}`);
      continue;
    }
    const name = normalName(header.key.slice(prefix.length));
    const field = Object.hasOwn(headerFields, name) ? headerFields[name] : undefined;
    if (field === undefined) {
      notes.strange(`header:${safeKey(header.key)}`);
      continue;
    }
    if (field === 'kept') continue;
    const value = clean(decodedValue(header.value));
    if (field === 'sealed') {
      claims.sealed ??= { value, origin: `header:${header.originalKey}` };
      continue;
    }
    notes.used.add(header.key);
    const before = claims[field];
    if (before !== undefined && before.value !== value) notes.flag('duplicate-header', field);
    else if (value !== '') claims[field] = before ?? { value, origin: `header:${header.originalKey}` };
  }
  return { claims, isOurs };
}

function prefixOf(key: string): string | undefined {
  return headerPrefixes.find((prefix) => key.startsWith(prefix));
}

/** `x-capture-archivemessageid`: a known name behind another prefix. Short names mean something else elsewhere. */
function hasKnownEnd(key: string): boolean {
  const name = normalName(key.slice(2));
  return Object.entries(headerFields).some(([known]) => known.length >= 8 && name.endsWith(known));
}

/** A name of a header field can be made of anything. */
function safeKey(key: string): string {
  return key.slice(0, 80).replace(/[^a-z0-9_-]/g, '?');
}

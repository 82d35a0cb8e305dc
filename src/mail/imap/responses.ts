/**
 * What a server can say, as types, and the reading of one whole answer into them. No I/O.
 *
 * The hard thing: an answer is text with literals in it, so it arrives here as parts, and a message body is only a mark in it: its
 * bytes went by on another way (wire.ts). Text has one character a byte (latin1): nothing is decoded before it is known what it is.
 */
import { Fault } from '../../fault/fault.ts';
import { utf8 } from '../text.ts';
import { type Part, type Value, ValueReader } from './values.ts';

/** RFC 9051 §7.1: what stands in brackets before the text. */
export interface ResponseCode {
  /** In upper case: `UIDVALIDITY`, `NONEXISTENT`. */
  readonly name: string;
  readonly argument: string;
}

export interface StatusText {
  readonly code: ResponseCode | undefined;
  readonly text: string;
}

export interface FetchItems {
  /** Sequence number, not UID. */
  readonly sequence: number;
  /** By name in upper case, body sections as `BODY[]`, without a partial's `<n>`. */
  readonly items: ReadonlyMap<string, Value>;
}

export type Response =
  | ({ readonly kind: 'tagged'; readonly tag: string; readonly status: 'OK' | 'NO' | 'BAD' } & StatusText)
  | ({ readonly kind: 'status'; readonly status: 'OK' | 'NO' | 'BAD' | 'BYE' | 'PREAUTH' } & StatusText)
  | { readonly kind: 'continue'; readonly text: string }
  | { readonly kind: 'capability'; readonly names: readonly string[] }
  | { readonly kind: 'list'; readonly attributes: readonly string[]; readonly separator: string | undefined; readonly rawName: string }
  | { readonly kind: 'search'; readonly numbers: readonly number[] }
  /** RFC 9051 §7.3.4; the items' names in upper case. */
  | { readonly kind: 'folder-status'; readonly rawName: string; readonly items: ReadonlyMap<string, number> }
  | { readonly kind: 'esearch'; readonly all: string | undefined }
  | { readonly kind: 'exists'; readonly count: number }
  | { readonly kind: 'expunge'; readonly sequence: number }
  | ({ readonly kind: 'fetch' } & FetchItems)
  /** Something in IMAP's form that nobody here asks for: FLAGS, RECENT, NAMESPACE, ID ... */
  | { readonly kind: 'other'; readonly name: string; readonly text: string }
  /** Not in IMAP's form at all. M365 (doc): Exchange sends `Server Unavailable. 15` without a tag. */
  | { readonly kind: 'stray'; readonly text: string };

const statusPattern = /^(OK|NO|BAD|BYE|PREAUTH)(?: |$)/i;

/** Reads one answer. @throws Fault `imap.protocol` where an answer that matters has lost its form. */
export function readResponse(parts: readonly Part[]): Response {
  const first = parts[0];
  const line = typeof first === 'string' ? first : '';
  if (line.startsWith('+')) return { kind: 'continue', text: line.slice(1).trim() };
  const space = line.indexOf(' ');
  if (space <= 0) return { kind: 'stray', text: line };
  const tag = line.slice(0, space);
  const rest = line.slice(space + 1).trimStart();
  if (tag === '*') return readUntagged(parts, rest, line.length - rest.length);
  const status = statusPattern.exec(rest)?.[1]?.toUpperCase();
  if (status === 'OK' || status === 'NO' || status === 'BAD') {
    return { kind: 'tagged', tag, status, ...readStatusText(rest.slice(status.length).trimStart()) };
  }
  return { kind: 'stray', text: line };
}

function readUntagged(parts: readonly Part[], rest: string, offset: number): Response {
  const word = /^[^ ([]*/.exec(rest)?.[0] ?? '';
  const name = word.toUpperCase();
  if (/^\d+$/.test(name)) return readNumbered(parts, Number(name), rest, offset);
  const after = offset + word.length;
  switch (name) {
    case 'OK':
    case 'NO':
    case 'BAD':
    case 'BYE':
    case 'PREAUTH':
      return { kind: 'status', status: name, ...readStatusText(rest.slice(name.length).trimStart()) };
    case 'CAPABILITY':
      return { kind: 'capability', names: words(rest.slice(word.length)) };
    case 'LIST':
    case 'LSUB':
    case 'XLIST':
      return readList(new ValueReader(parts, after));
    case 'STATUS':
      return readFolderStatus(new ValueReader(parts, after));
    case 'SEARCH':
      return { kind: 'search', numbers: readNumbers(rest.slice(word.length)) };
    case 'ESEARCH':
      return { kind: 'esearch', all: /[ )]ALL ([\d:,]+)/i.exec(rest)?.[1] };
    default:
      return { kind: 'other', name, text: rest };
  }
}

function readNumbered(parts: readonly Part[], number: number, rest: string, offset: number): Response {
  const match = /^\d+ +([^ (]+) */.exec(rest);
  const name = match?.[1]?.toUpperCase() ?? '';
  switch (name) {
    case 'EXISTS':
      return { kind: 'exists', count: number };
    case 'EXPUNGE':
      return { kind: 'expunge', sequence: number };
    case 'FETCH':
      return { kind: 'fetch', sequence: number, items: readFetchItems(new ValueReader(parts, offset + (match?.[0].length ?? 0))) };
    default:
      return { kind: 'other', name, text: rest };
  }
}

/** RFC 9051 §7.5.2. Names and values follow one another in one list; a body section's name holds blanks and parentheses of its own. */
function readFetchItems(reader: ValueReader): ReadonlyMap<string, Value> {
  const items = new Map<string, Value>();
  reader.openList();
  while (!reader.closesList()) {
    const name = reader.itemName();
    // Yandex leaves out the NIL of a section that is not there: `BODY[2] )`.
    items.set(name, reader.atListEnd() ? null : reader.value());
  }
  return items;
}

function readList(reader: ValueReader): Response {
  const attributes = reader.value();
  const separator = reader.value();
  // A folder may be called NIL, and Dovecot then writes its name as an atom.
  const rawName = reader.value() ?? 'NIL';
  if (!Array.isArray(attributes) || typeof rawName !== 'string') throw new Fault('imap.protocol', { reason: 'not a LIST answer' });
  return {
    kind: 'list',
    attributes: attributes.filter((attribute) => typeof attribute === 'string'),
    separator: typeof separator === 'string' ? separator : undefined,
    rawName,
  };
}

function readFolderStatus(reader: ValueReader): Response {
  const rawName = reader.value() ?? 'NIL';
  const values = reader.value();
  if (typeof rawName !== 'string' || !Array.isArray(values)) throw new Fault('imap.protocol', { reason: 'not a STATUS answer' });
  const items = new Map<string, number>();
  for (let at = 0; at + 1 < values.length; at += 2) {
    const [name, value] = [values[at], values[at + 1]];
    if (typeof name === 'string' && typeof value === 'string' && /^\d{1,15}$/.test(value)) items.set(name.toUpperCase(), Number(value));
  }
  return { kind: 'folder-status', rawName, items };
}

/** RFC 9051 §7.1. A code may hold quoted text with brackets; a text that only begins with a bracket is text. */
function readStatusText(text: string): StatusText {
  if (!text.startsWith('[')) return { code: undefined, text: utf8(text) };
  const match = /^\[([^\s\]"]+)(?: +((?:"(?:\\.|[^"\\])*"|[^\]"])*))?\]\s*/.exec(text);
  if (!match) return { code: undefined, text: utf8(text) };
  return { code: { name: (match[1] ?? '').toUpperCase(), argument: (match[2] ?? '').trim() }, text: utf8(text.slice(match[0].length)) };
}

/** Numbers between blanks, read without a string for each: an answer can hold a million. Stops at `(MODSEQ n)` of RFC 7162. */
function readNumbers(text: string): readonly number[] {
  const numbers: number[] = [];
  let number = -1;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) number = (number < 0 ? 0 : number * 10) + code - 48;
    else if (code === 32) {
      if (number >= 0) numbers.push(number);
      number = -1;
    } else if (code === 40) break;
    else throw new Fault('imap.protocol', { reason: 'not a number in a SEARCH answer', at });
  }
  if (number >= 0) numbers.push(number);
  return numbers;
}

/** The names in a CAPABILITY answer or code, in upper case. */
export function words(text: string): readonly string[] {
  return text.toUpperCase().split(' ').filter(Boolean);
}

/** RFC 9051 §9 date-time: `17-Jul-1996 02:44:25 -0700`, the day padded with a blank. Undefined where it is none. */
export function readInternalDate(text: string): Date | undefined {
  const match = /^ ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/.exec(text);
  if (!match) return undefined;
  const month = 'janfebmaraprmayjunjulaugsepoctnovdec'.indexOf((match[2] ?? '').toLowerCase()) / 3;
  if (!Number.isInteger(month) || month < 0) return undefined;
  const utc = Date.UTC(Number(match[3]), month, Number(match[1]), Number(match[4]), Number(match[5]), Number(match[6]));
  const offsetMs = (Number(match[8]) * 60 + Number(match[9])) * 60_000;
  return new Date(match[7] === '-' ? utc + offsetMs : utc - offsetMs);
}

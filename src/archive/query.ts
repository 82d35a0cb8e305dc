/**
 * Reads the words of a person's search: `invoice with:"+44 7700 900123" platform:whatsapp -is:copy since:2026-01-01 source:telemessage`.
 *
 * The hard thing is to refuse what looks like a condition and is none (`fron:eva`, `direction:inbound`), instead of searching for it as a
 * word and finding nothing; and to say what would have been right.
 */
import { nearest } from '../config/nearest.ts';
import { Fault } from '../fault/fault.ts';
import { type Mark, marks } from './message.ts';
import { type FactField, factValues, type Query, type QueryFact, type QueryParticipant, type QueryTerm } from './search.ts';

const termFields = ['subject', 'from', 'to', 'attachment', 'header', 'body'] as const;
const participantFields = ['participant', 'with'] as const;
const otherFields = ['source', 'since', 'until', 'has', 'is'] as const;

/** The names that may stand before a colon. */
export const queryFields: readonly string[] = [...termFields, ...participantFields, ...Object.keys(factValues), ...otherFields];

/** A minus, a field with its colon, and a phrase or a run without spaces. */
const part = /(-?)(?:([a-z-]+):(?=\S))?(?:"([^"]*)"|([^\s"]\S*))/gy;

interface Conditions {
  source?: string;
  since?: Date;
  until?: Date;
  hasAttachment?: boolean;
}

/** What has been read of a query so far. */
class Reading {
  readonly terms: QueryTerm[] = [];
  readonly conditions: Conditions = {};
  readonly facts: { field: FactField; values: string[]; not: boolean }[] = [];
  readonly participants: QueryParticipant[] = [];
  readonly marks: { mark: Mark; not: boolean }[] = [];

  /** Several values of one field are an either-or; excluded ones are excluded all. */
  addFact(field: FactField, value: string, not: boolean): void {
    const known = this.facts.find((one) => one.field === field && one.not === not);
    if (known === undefined) this.facts.push({ field, values: [value], not });
    else known.values.push(value);
  }

  query(terms: readonly QueryTerm[]): Query {
    const lists: { facts?: readonly QueryFact[]; participants?: readonly QueryParticipant[]; marks?: Query['marks'] & object } = {};
    if (this.facts.length > 0) lists.facts = this.facts;
    if (this.participants.length > 0) lists.participants = this.participants;
    if (this.marks.length > 0) lists.marks = this.marks;
    return { terms, ...this.conditions, ...lists };
  }

  get hasConditions(): boolean {
    return Object.keys(this.conditions).length + this.facts.length + this.participants.length + this.marks.length > 0;
  }
}

/** A part of a query as it stands there. */
interface Part {
  readonly whole: string;
  readonly not: boolean;
  readonly value: string;
  readonly isPhrase: boolean;
}

/**
 * @param text the search; empty finds everything
 * @throws Fault archive.query-unreadable with the part that could not be read
 */
export function readQuery(text: string): Query {
  const reading = new Reading();
  let position = 0;
  const input = text.trim();
  while (position < input.length) {
    part.lastIndex = position;
    const found = part.exec(input);
    if (found === null) throw unreadable(input.slice(position), 'a quotation mark without its second one, or nothing after a colon');
    position = part.lastIndex;
    while (input[position] === ' ' || input[position] === '\t') position += 1;

    const [whole, minus, field, phrase, run] = found;
    const value = phrase ?? run ?? '';
    if (field === undefined && /^[a-z]+:$/.test(value)) throw unreadable(whole, 'something after the colon');
    readPart(reading, field, { whole, not: minus === '-', value, isPhrase: phrase !== undefined });
  }
  const searchable = reading.terms.filter((one) => word.test(one.text));
  if (reading.terms.length > 0 && searchable.length === 0 && !reading.hasConditions) {
    throw unreadable(input, 'a letter or a digit: nothing else is searched for');
  }
  return reading.query(searchable);
}

function readPart(reading: Reading, field: string | undefined, one: Part): void {
  const { whole, not, value } = one;
  if (field === undefined) {
    reading.terms.push(term('any', one));
  } else if (includes(participantFields, field) || ((field === 'from' || field === 'to') && isNumber(value))) {
    readParticipant(reading, field === 'from' || field === 'to' ? field : 'any', one);
  } else if (includes(termFields, field)) {
    reading.terms.push(term(field, one));
  } else if (Object.hasOwn(factValues, field)) {
    readFact(reading, field as FactField, one);
  } else if (field === 'source' && !not) {
    reading.conditions.source = value;
  } else if ((field === 'since' || field === 'until') && !not) {
    reading.conditions[field] = instant(value, field === 'until', whole);
  } else if (field === 'has') {
    if (value !== 'attachment') throw unreadable(whole, 'has:attachment');
    reading.conditions.hasAttachment = !not;
  } else if (field === 'is') {
    if (!includes(marks, value)) throw unreadable(whole, `is: one of ${marks.join(', ')}`, nearest(value, marks));
    reading.marks.push({ mark: value, not });
  } else if (/^[a-z]+$/.test(field) && !includes(otherFields, field) && value.startsWith('//')) {
    reading.terms.push(term('any', { ...one, value: `${field}:${value}`, isPhrase: true })); // a pasted URL is a phrase, not a condition
  } else if (includes(otherFields, field)) {
    throw unreadable(whole, `${field}: without a minus`);
  } else {
    throw unreadable(whole, `known fields: ${queryFields.join(', ')}`, nearest(field, queryFields));
  }
}

function readFact(reading: Reading, field: FactField, { whole, not, value }: Part): void {
  const values = factValues[field];
  // Ids are what they are; everything else is lower-case in the record.
  const said = field === 'thread' || field === 'id' ? value : value.toLowerCase();
  if (values !== undefined && !values.includes(said))
    throw unreadable(whole, `${field}: one of ${values.join(', ')}`, nearest(said, values));
  reading.addFact(field, said, not);
}

/** A number in any spelling, a whole address, or words of a name. */
function readParticipant(reading: Reading, role: QueryParticipant['role'], one: Part): void {
  const { value, not } = one;
  if (isNumber(value)) {
    // +44 (0)7700 900123: the zero is dialled only without the country.
    const international = /^\s*(?:\+|00)/.test(value);
    const digits = value.replace(/\(0\)/g, international ? '' : '0').replace(/\D+/g, '');
    reading.participants.push({ kind: 'number', digits: international ? digits.replace(/^00/, '') : digits, international, role, not });
  } else if (/^[^\s@]+@[^\s@*]+$/.test(value)) {
    reading.participants.push({ kind: 'address', address: value.toLowerCase(), role, not });
  } else {
    reading.terms.push(term('participant', one));
  }
}

/** Fewer digits are a part of a name or a year; more are nobody's number (E.164 has 15, and some prefixes are dialled before it). */
const leastDigits = 5;
const mostDigits = 40;

function isNumber(value: string): boolean {
  const digits = value.replace(/\D+/g, '').length;
  return /^[+(\d][\d\s().\u2010-\u2015/-]*$/.test(value.trim()) && digits >= leastDigits && digits <= mostDigits;
}

/** What the full text knows as part of a word: a term without any (the `&` in `terms & conditions`) would match nothing. */
const word = /[\p{L}\p{N}\p{Co}]/u;

function term(field: QueryTerm['field'], { whole, value, isPhrase, not }: Part): QueryTerm {
  const prefix = !isPhrase && value.endsWith('*');
  // So many words go on from one letter that it says nothing, and takes longest of all.
  if (prefix && /^[a-z0-9]\*$/i.test(value)) throw unreadable(whole, 'two letters or more before the *');
  return { field, text: prefix ? value.slice(0, -1) : value, not, prefix };
}

function includes<T extends string>(list: readonly T[], value: string): value is T {
  return (list as readonly string[]).includes(value);
}

/** A day, month or year from its beginning or until its end; or an instant; in UTC where it names no zone. */
function instant(value: string, untilEnd: boolean, whole: string): Date {
  const expected = 'a date as 2026-01-31, 2026-01 or 2026, or a time as 2026-01-31T10:00 (UTC) or 2026-01-31T10:00+02:00';
  const [, year, month, day, time, zone] =
    /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?)?)?$/.exec(value) ?? [];
  if (year === undefined) throw unreadable(whole, expected);
  const date = `${year}-${month ?? '01'}-${day ?? '01'}`;
  const midnight = new Date(`${date}T00:00:00Z`);
  // 30 February is read as a day of March.
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(date)) throw unreadable(whole, expected);
  if (time !== undefined) {
    const at = new Date(`${date}T${time}${zone ?? 'Z'}`);
    if (Number.isNaN(at.getTime())) throw unreadable(whole, expected);
    return at;
  }
  if (!untilEnd) return midnight;
  if (day !== undefined) return new Date(Date.UTC(midnight.getUTCFullYear(), midnight.getUTCMonth(), midnight.getUTCDate() + 1));
  if (month !== undefined) return new Date(Date.UTC(midnight.getUTCFullYear(), midnight.getUTCMonth() + 1));
  return new Date(Date.UTC(midnight.getUTCFullYear() + 1, 0));
}

function unreadable(seen: string, expected: string, guess?: string): Fault {
  return new Fault('archive.query-unreadable', { part: seen, expected, ...(guess === undefined ? {} : { nearest: guess }) });
}

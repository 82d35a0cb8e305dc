/**
 * Reads the words of a person's search: `invoice from:eva "second half" -draft has:attachment since:2026-01-01 source:telemessage`.
 *
 * The hard thing is to refuse what looks like a condition and is none (`fron:eva`), instead of searching for it as a word and finding nothing.
 */
import { Fault } from '../fault/fault.ts';
import type { Query, QueryTerm } from './archive.ts';

const termFields = ['subject', 'from', 'to', 'attachment', 'header', 'body'] as const;
const otherFields = ['source', 'since', 'until', 'has'] as const;
/** The names that may stand before a colon. */
export const queryFields: readonly string[] = [...termFields, ...otherFields];

/** A minus, a field with its colon, and a phrase or a run without spaces. */
const part = /(-?)(?:([a-z-]+):(?=\S))?(?:"([^"]*)"|([^\s"]\S*))/gy;

/**
 * @param text the search; empty finds everything
 * @throws Fault archive.query-unreadable with the part that could not be read
 */
export function readQuery(text: string): Query {
  const terms: QueryTerm[] = [];
  const conditions: { source?: string; since?: Date; until?: Date; hasAttachment?: boolean } = {};
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
    const not = minus === '-';
    if (field === undefined) {
      terms.push(term('any', value, phrase !== undefined, not));
    } else if (isTermField(field)) {
      terms.push(term(field, value, phrase !== undefined, not));
    } else if (field === 'source' && !not) {
      conditions.source = value;
    } else if ((field === 'since' || field === 'until') && !not) {
      conditions[field] = instant(value, field === 'until', whole);
    } else if (field === 'has' && value === 'attachment') {
      conditions.hasAttachment = !not;
    } else if (/^[a-z]+$/.test(field) && !(otherFields as readonly string[]).includes(field) && value.startsWith('//')) {
      terms.push(term('any', `${field}:${value}`, true, not)); // a pasted URL is a phrase, not a condition
    } else {
      throw unreadable(whole, `known fields: ${queryFields.join(', ')}`);
    }
  }
  const searchable = terms.filter((one) => word.test(one.text));
  if (terms.length > 0 && searchable.length === 0 && Object.keys(conditions).length === 0) {
    throw unreadable(input, 'a letter or a digit: nothing else is searched for');
  }
  return { terms: searchable, ...conditions };
}

/** What the full text knows as part of a word: a term without any (the `&` in `terms & conditions`) would match nothing. */
const word = /[\p{L}\p{N}\p{Co}]/u;

function term(field: QueryTerm['field'], value: string, phrase: boolean, not: boolean): QueryTerm {
  const prefix = !phrase && value.endsWith('*');
  return { field, text: prefix ? value.slice(0, -1) : value, not, prefix };
}

function isTermField(field: string): field is (typeof termFields)[number] {
  return (termFields as readonly string[]).includes(field);
}

const dayMs = 86_400_000;

/** `2026-01-31` in UTC, from its beginning or until its end; or a full ISO instant. */
function instant(value: string, untilEnd: boolean, whole: string): Date {
  const found = /^(\d{4}-\d{2}-\d{2})(T[\d:.]+Z)?$/.exec(value);
  const at = found === null ? Number.NaN : Date.parse(value);
  // 30 February is read as a day of March.
  const isReal = !Number.isNaN(at) && new Date(at).toISOString().startsWith(found?.[1] ?? '-');
  if (!isReal) throw unreadable(whole, 'a date is written as 2026-01-31');
  return new Date(untilEnd && found?.[2] === undefined ? at + dayMs : at);
}

function unreadable(seen: string, expected: string): Fault {
  return new Fault('archive.query-unreadable', { part: seen, expected });
}

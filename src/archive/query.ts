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
const part = /(-?)(?:([a-z-]+):)?(?:"([^"]*)"|(\S+))/gy;

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

    const [whole, minus, field, phrase, word] = found;
    const value = phrase ?? word ?? '';
    const not = minus === '-';
    if (field === undefined) {
      terms.push(term('any', value, phrase !== undefined, not));
    } else if (isTermField(field)) {
      terms.push(term(field, value, phrase !== undefined, not));
    } else if (field === 'source' && !not) {
      conditions.source = value;
    } else if ((field === 'since' || field === 'until') && !not) {
      conditions[field] = day(value, whole);
    } else if (field === 'has' && value === 'attachment') {
      conditions.hasAttachment = !not;
    } else if (/^[a-z]+$/.test(field) && !(otherFields as readonly string[]).includes(field) && value.startsWith('//')) {
      terms.push(term('any', `${field}:${value}`, true, not)); // a pasted URL is a phrase, not a condition
    } else {
      throw unreadable(whole, `known fields: ${queryFields.join(', ')}`);
    }
  }
  return { terms: terms.filter((one) => one.text !== ''), ...conditions };
}

function term(field: QueryTerm['field'], value: string, phrase: boolean, not: boolean): QueryTerm {
  const prefix = !phrase && value.endsWith('*');
  return { field, text: prefix ? value.slice(0, -1) : value, not, prefix };
}

function isTermField(field: string): field is (typeof termFields)[number] {
  return (termFields as readonly string[]).includes(field);
}

/** `2026-01-31`, as the beginning of that day in UTC; or a full ISO instant. */
function day(value: string, whole: string): Date {
  const instant = /^\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?$/.test(value) ? new Date(value) : undefined;
  if (instant === undefined || Number.isNaN(instant.getTime())) throw unreadable(whole, 'a date is written as 2026-01-31');
  return instant;
}

function unreadable(seen: string, expected: string): Fault {
  return new Fault('archive.query-unreadable', { part: seen, expected });
}

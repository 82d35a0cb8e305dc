/**
 * Marks in a text what a search found in it, and cuts the piece around that out of a long one.
 *
 * The hard thing is to see the same words as the full text does: it knows a text as runs of letters and digits without case and accents
 * (unicode61, index-schema.ts), so the text is taken apart in the same way, and a phrase is a row of such words, whatever stands between.
 */
import type { QueryTerm } from './search.ts';

/** A piece of a text; `hit`: the search looked for it. */
export interface Piece {
  readonly text: string;
  readonly hit: boolean;
}

/** A word of the text with its place. */
interface Word {
  readonly folded: string;
  readonly from: number;
  readonly to: number;
}

/** The words of a term in their order; the last may go on. */
interface Wanted {
  readonly words: readonly string[];
  readonly prefix: boolean;
}

/** Of a text no more is looked at: it bounds the time for a text of any length. */
const searchedChars = 200_000;
const markedMost = 200;
/** Of a query so many different terms are looked for: each costs a look at every word of the text, on the thread that imports. */
const termsMost = 40;
/** Of a longer phrase the beginning is marked. */
const phraseWords = 12;

/** What a person may expect to see marked in a field: what was searched for there or anywhere, and not what must be absent. */
export function termsFor(terms: readonly QueryTerm[], ...fields: readonly QueryTerm['field'][]): readonly QueryTerm[] {
  return terms.filter(({ field, not }) => !not && (field === 'any' || fields.includes(field)));
}

/** The text in pieces, those that the terms find marked. */
export function marked(text: string, terms: readonly QueryTerm[]): readonly Piece[] {
  return piecesOf(text, placesOf(text, terms));
}

/**
 * A piece of the text of about `chars` characters, white space as one space, from before the first that the terms find in it; undefined where
 * they find nothing.
 */
export function excerpt(text: string, terms: readonly QueryTerm[], chars: number): readonly Piece[] | undefined {
  const line = text.slice(0, searchedChars).replace(/\s+/g, ' ').trim();
  const [first] = placesOf(line, terms);
  if (first === undefined) return undefined;
  // A third of it before what was found, from the beginning of a word.
  const before = line.lastIndexOf(' ', Math.max(0, first.from - Math.floor(chars / 3)));
  const from = first.from <= chars / 3 ? 0 : Math.max(0, before + 1);
  const to = from + chars;
  const cut = `${from > 0 ? '…' : ''}${wellCut(line.slice(from, to))}${to < line.length ? '…' : ''}`;
  return marked(cut, terms);
}

/** Without half a character at its end. */
function wellCut(text: string): string {
  return text.replace(/[\ud800-\udbff]$/, '').replace(/^[\udc00-\udfff]/, '');
}

function placesOf(text: string, terms: readonly QueryTerm[]): readonly { readonly from: number; readonly to: number }[] {
  const different = [...new Map(terms.map((term) => [`${term.prefix} ${term.text}`, term])).values()].slice(0, termsMost);
  const wanted = different.map(wantedOf).filter(({ words }) => words.length > 0);
  if (wanted.length === 0) return [];
  const words = wordsOf(text.slice(0, searchedChars));
  const places: { from: number; to: number }[] = [];
  for (let at = 0; at < words.length && places.length < markedMost; at += 1) {
    let length = 0;
    for (const one of wanted) if (fits(words, at, one)) length = Math.max(length, one.words.length);
    const [first, last] = [words[at], words[at + length - 1]];
    if (length === 0 || first === undefined || last === undefined) continue;
    places.push({ from: first.from, to: last.to });
    at += length - 1;
  }
  return places;
}

function fits(words: readonly Word[], at: number, { words: wanted, prefix }: Wanted): boolean {
  for (const [index, one] of wanted.entries()) {
    const found = words[at + index]?.folded;
    if (found === undefined) return false;
    if (!(prefix && index === wanted.length - 1 ? found.startsWith(one) : found === one)) return false;
  }
  return true;
}

function wantedOf({ text, prefix }: QueryTerm): Wanted {
  const words = wordsOf(text).map(({ folded }) => folded);
  return { words: words.slice(0, phraseWords), prefix: prefix && words.length <= phraseWords };
}

function wordsOf(text: string): readonly Word[] {
  return [...text.matchAll(/[\p{L}\p{N}\p{Co}](?:[\p{L}\p{N}\p{Co}]|[\u0300-\u036f])*/gu)].map((found) => ({
    folded: folded(found[0]),
    from: found.index,
    to: found.index + found[0].length,
  }));
}

function folded(word: string): string {
  return word
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase();
}

function piecesOf(text: string, places: readonly { readonly from: number; readonly to: number }[]): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const { from, to } of places) {
    if (from > at) pieces.push({ text: text.slice(at, from), hit: false });
    pieces.push({ text: text.slice(from, to), hit: true });
    at = to;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), hit: false });
  return pieces;
}

/**
 * Reads and changes the text of a search as a person would: finds `platform:signal` in it, adds it, takes it out again.
 *
 * The hard thing is that the text stays the truth: a facet is only another way to type, so whatever else stands in the box keeps its
 * words, its order and its quotation marks, and a text that the service cannot read is left as it is.
 */

/** A part of the text: a word, a phrase, or a condition. `at` and `end`: where it stands. */
export interface QueryPart {
  readonly at: number;
  readonly end: number;
  readonly not: boolean;
  /** Undefined for a word without a field. */
  readonly field: string | undefined;
  readonly value: string;
}

/** The same grammar as that of the service (docs/search.md); only the service judges it. */
const part = /(-?)(?:([a-z-]+):(?=\S))?(?:"([^"]*)"|([^\s"]\S*))/g;

export function queryParts(text: string): readonly QueryPart[] {
  return [...text.matchAll(part)].map((found) => ({
    at: found.index,
    end: found.index + found[0].length,
    not: found[1] === '-',
    field: found[2],
    value: found[3] ?? found[4] ?? '',
  }));
}

/** Values of facts are lower-case in the archive; those of people are found without regard to case. */
function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

export function hasCondition(text: string, field: string, value: string, not = false): boolean {
  return queryParts(text).some((one) => one.field === field && one.not === not && same(one.value, value));
}

/** What stands after `field:` in this text, excluded values left out. */
export function conditionValues(text: string, field: string): readonly string[] {
  return queryParts(text)
    .filter((one) => one.field === field && !one.not)
    .map(({ value }) => value);
}

/** `field:value`, in quotation marks where it has to be. A quotation mark within cannot be said, so it ends there. */
export function condition(field: string, value: string, not = false): string {
  const bare = value.replace(/".*$/s, '');
  return `${not ? '-' : ''}${field}:${/\s/.test(bare) || bare === '' ? `"${bare}"` : bare}`;
}

export function withCondition(text: string, field: string, value: string, not = false): string {
  if (hasCondition(text, field, value, not)) return text;
  return [text.trim(), condition(field, value, not)].filter((one) => one !== '').join(' ');
}

/** Takes out one value of a field, or all of them where none is given. */
export function withoutCondition(text: string, field: string, value?: string, not = false): string {
  let rest = text;
  for (const one of [...queryParts(text)].reverse()) {
    if (one.field !== field || one.not !== not || (value !== undefined && !same(one.value, value))) continue;
    rest = `${rest.slice(0, one.at).trimEnd()} ${rest.slice(one.end).trimStart()}`;
  }
  return rest.trim();
}

export function toggledCondition(text: string, field: string, value: string, not = false): string {
  return hasCondition(text, field, value, not) ? withoutCondition(text, field, value, not) : withCondition(text, field, value, not);
}

/** One value in place of all others of this field: for fields that can hold one only, as `source:`. */
export function onlyCondition(text: string, field: string, value: string): string {
  return hasCondition(text, field, value)
    ? withoutCondition(text, field, value)
    : withCondition(withoutCondition(text, field), field, value);
}

/** The month that a text asks for: `since:2026-01 until:2026-01`; undefined for any other time. */
export function chosenMonth(text: string): string | undefined {
  const [since] = conditionValues(text, 'since');
  const [until] = conditionValues(text, 'until');
  return since !== undefined && since === until && /^\d{4}-\d{2}$/.test(since) ? since : undefined;
}

export function toggledMonth(text: string, month: string): string {
  const rest = withoutCondition(withoutCondition(text, 'since'), 'until');
  return chosenMonth(text) === month ? rest : withCondition(withCondition(rest, 'since', month), 'until', month);
}

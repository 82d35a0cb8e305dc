/**
 * The equation of a reconciliation, `seen = archived + duplicate + excluded + quarantined + pending`, in numbers and in words.
 *
 * The hard thing is that a cell of the map, its sentence for a screen reader and the line written out below it say the same; all three
 * are made here.
 */
import type { DayCell } from '../../../../src/service/api.ts';

export type Equation = Pick<DayCell, 'seen' | 'archived' | 'duplicate' | 'excluded' | 'quarantined' | 'pending' | 'listed' | 'gone'>;

/** The right side, in the order in which it is written. */
export const parts = ['archived', 'duplicate', 'excluded', 'quarantined', 'pending'] as const;
export type EquationPart = (typeof parts)[number];

export const partMeans: Readonly<Record<EquationPart, string>> = {
  archived: 'in the archive, with new bytes',
  duplicate: 'in the archive; the very same bytes were there before',
  excluded: 'older than the source’s `since`, and never fetched',
  quarantined: 'kept apart, with the reason why',
  pending: 'on the server and not in the archive: missing',
};

/** `missing` before `apart` before `complete`; `empty`: nothing was seen. */
export type Verdict = 'missing' | 'apart' | 'complete' | 'empty';

export function verdict({ seen, pending, quarantined }: Equation): Verdict {
  if (pending > 0) return 'missing';
  if (quarantined > 0) return 'apart';
  return seen === 0 ? 'empty' : 'complete';
}

export const nothing: Equation = { seen: 0, archived: 0, duplicate: 0, excluded: 0, quarantined: 0, pending: 0, listed: 0, gone: 0 };

export function sum(cells: readonly Equation[]): Equation {
  return cells.reduce<Equation>(
    (all, one) => ({
      seen: all.seen + one.seen,
      archived: all.archived + one.archived,
      duplicate: all.duplicate + one.duplicate,
      excluded: all.excluded + one.excluded,
      quarantined: all.quarantined + one.quarantined,
      pending: all.pending + one.pending,
      listed: all.listed + one.listed,
      gone: all.gone + one.gone,
    }),
    nothing,
  );
}

const figures = new Intl.NumberFormat('en');

/** `13 seen = 11 archived + 1 duplicate + 1 missing`: only what is there. */
export function equationText(one: Equation): string {
  const said = parts.filter((name) => one[name] > 0).map((name) => `${figures.format(one[name])} ${name === 'pending' ? 'missing' : name}`);
  return `${figures.format(one.seen)} seen = ${said.length === 0 ? '0' : said.join(' + ')}`;
}

/**
 * The days of a reconciliation as a map: a row for each folder of each source, a column for each day.
 *
 * The hard thing is that days without mail are days too: between the first and the last every day has its column, so that a hole shows
 * as a hole; and what has no day (`before 2026-11-17`, `unknown`) stands at the left instead of nowhere.
 */
import type { DayCell } from '../../../../src/service/api.ts';

export interface GridRow {
  readonly source: string;
  readonly folder: string;
  /** By day. */
  readonly cells: ReadonlyMap<string, DayCell>;
}

export interface Grid {
  /** Columns without a date, then each day from the first to the last. */
  readonly undated: readonly string[];
  readonly days: readonly string[];
  readonly rows: readonly GridRow[];
}

const isDay = (day: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(day);
const dayMs = 86_400_000;
/** Ten years: a date that is wrong by centuries shall not make a map of a million columns; days outside stand without their neighbours. */
const mostDays = 3660;

export function grid(cells: readonly DayCell[]): Grid {
  const rows = new Map<string, { source: string; folder: string; cells: Map<string, DayCell> }>();
  const days = new Set<string>();
  const undated = new Set<string>();
  for (const cell of cells) {
    const key = JSON.stringify([cell.source, cell.folder]);
    const row = rows.get(key) ?? { source: cell.source, folder: cell.folder, cells: new Map<string, DayCell>() };
    rows.set(key, row);
    row.cells.set(cell.day, cell);
    (isDay(cell.day) ? days : undated).add(cell.day);
  }
  return {
    undated: [...undated].sort(),
    days: filled([...days].sort()),
    rows: [...rows.values()].sort((a, b) => a.source.localeCompare(b.source) || a.folder.localeCompare(b.folder)),
  };
}

function filled(days: readonly string[]): readonly string[] {
  const [first] = days;
  const last = days.at(-1);
  if (first === undefined || last === undefined) return [];
  const from = Date.parse(`${first}T00:00:00Z`);
  const until = Date.parse(`${last}T00:00:00Z`);
  if (Number.isNaN(from) || Number.isNaN(until) || (until - from) / dayMs > mostDays) return days;
  const all: string[] = [];
  for (let at = from; at <= until; at += dayMs) all.push(new Date(at).toISOString().slice(0, 10));
  return all;
}

/** The days of a page of the map, counted from the newest: page 0 ends with the last day. */
export function pageOfDays(days: readonly string[], page: number, columns: number): readonly string[] {
  const end = Math.max(0, days.length - page * columns);
  return days.slice(Math.max(0, end - columns), end);
}

/** On which page of the map a day stands. */
export function pageOf(days: readonly string[], day: string, columns: number): number {
  const index = days.indexOf(day);
  return index < 0 ? 0 : Math.floor((days.length - 1 - index) / columns);
}

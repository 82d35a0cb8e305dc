/**
 * The equation of each day as a map: a row for each folder, a column for each day. A cell says by number, sign and colour whether that day is
 * complete, and in a sentence what it is made of.
 *
 * The hard thing is to be read without eyes and without a mouse: it is a table with headings, one cell at a time is in the order of Tab, and
 * the arrows move between the cells.
 */
import { ActionIcon, Group, Text, Tooltip } from '@mantine/core';
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { type KeyboardEvent, useRef, useState } from 'react';
import type { DayCell } from '../../../../src/service/api.ts';
import { countText } from '../../parts/figures.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import { equationText, type Verdict, verdict } from './equation.ts';
import { type Grid, type GridRow, pageOfDays } from './grid.ts';
import styles from './heat-map.module.css';

export interface Chosen {
  readonly source: string;
  readonly folder: string;
  readonly day: string;
}

const signs: Readonly<Record<Verdict, string>> = { missing: '✕', apart: '!', complete: '✓', empty: '·' };
const words: Readonly<Record<Verdict, string>> = {
  missing: 'not complete',
  apart: 'complete, with messages in quarantine',
  complete: 'complete',
  empty: 'no mail',
};

const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short', timeZone: 'UTC' });
const month = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' });

function columnWords(day: string): { readonly top: string; readonly bottom: string } {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day))
    return { top: /^before/.test(day) ? 'before' : 'no', bottom: /^before/.test(day) ? day.slice(12) : 'date' };
  return { top: weekday.format(new Date(`${day}T00:00:00Z`)), bottom: String(Number(day.slice(8))) };
}

export function HeatMap({
  grid,
  columns,
  page,
  onPage,
  chosen,
  onChoose,
}: {
  readonly grid: Grid;
  /** How many days fit. */
  readonly columns: number;
  readonly page: number;
  readonly onPage: (page: number) => void;
  readonly chosen: Chosen | undefined;
  readonly onChoose: (chosen: Chosen) => void;
}) {
  const table = useRef<HTMLTableElement>(null);
  const days = pageOfDays(grid.days, page, columns);
  const isLast = (page + 1) * columns >= grid.days.length;
  // What has no date stands at the old end.
  const shown = [...(isLast ? grid.undated : []), ...days];
  const [at, setAt] = useState({ row: 0, column: Math.max(0, shown.length - 1) });
  const row = Math.min(at.row, grid.rows.length - 1);
  const column = Math.min(at.column, shown.length - 1);

  function onKeyDown(event: KeyboardEvent): void {
    const steps: Readonly<Record<string, readonly [number, number]>> = {
      ArrowRight: [row, column + 1],
      ArrowLeft: [row, column - 1],
      ArrowDown: [row + 1, column],
      ArrowUp: [row - 1, column],
      Home: [row, 0],
      End: [row, shown.length - 1],
    };
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const [toRow, toColumn] = step;
    const next = {
      row: Math.max(0, Math.min(grid.rows.length - 1, toRow)),
      column: Math.max(0, Math.min(shown.length - 1, toColumn)),
    };
    setAt(next);
    table.current?.querySelector<HTMLElement>(`[data-cell="${next.row} ${next.column}"]`)?.focus();
  }

  return (
    <div>
      <Group justify="space-between" mb={6} wrap="nowrap">
        <Text size="sm" fw={600}>
          {span(days)}
        </Text>
        <Group gap={4} wrap="nowrap">
          <Tooltip label="Earlier days">
            <ActionIcon variant="default" aria-label="Earlier days" disabled={isLast} onClick={() => onPage(page + 1)}>
              <IconChevronLeft size={16} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Later days">
            <ActionIcon variant="default" aria-label="Later days" disabled={page === 0} onClick={() => onPage(page - 1)}>
              <IconChevronRight size={16} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </Group>
      </Group>
      <Scroller name="Map of days">
        <table ref={table} className={styles['map']} onKeyDown={onKeyDown}>
          <caption className={styles['caption']}>
            Days (UTC) by source and folder. Each cell says how many messages were seen, and its verdict.
          </caption>
          <thead>
            <tr>
              <th scope="col" className={styles['corner']}>
                Folder
              </th>
              {shown.map((day) => {
                const { top, bottom } = columnWords(day);
                return (
                  <th key={day} scope="col" abbr={day} title={day} className={styles['day']}>
                    <span>{top}</span>
                    <b>{bottom}</b>
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {grid.rows.map((one, index) => (
              <Row
                key={`${one.source} ${one.folder}`}
                row={one}
                index={index}
                days={shown}
                current={index === row ? column : undefined}
                chosen={chosen?.source === one.source && chosen.folder === one.folder ? chosen.day : undefined}
                onFocus={(place) => setAt({ row: index, column: place })}
                onChoose={onChoose}
              />
            ))}
          </tbody>
        </table>
      </Scroller>
      <Legend />
    </div>
  );
}

function span(days: readonly string[]): string {
  const [first] = days;
  const last = days.at(-1);
  if (first === undefined || last === undefined) return 'No dated messages';
  const from = month.format(new Date(`${first}T00:00:00Z`));
  const until = month.format(new Date(`${last}T00:00:00Z`));
  return from === until ? from : `${from} to ${until}`;
}

function Row({
  row,
  index,
  days,
  current,
  chosen,
  onFocus,
  onChoose,
}: {
  readonly row: GridRow;
  readonly index: number;
  readonly days: readonly string[];
  /** The column that Tab leads to, if it is in this row. */
  readonly current: number | undefined;
  readonly chosen: string | undefined;
  readonly onFocus: (column: number) => void;
  readonly onChoose: (chosen: Chosen) => void;
}) {
  return (
    <tr>
      <th scope="row" className={styles['folder']} title={`${row.source} / ${row.folder}`}>
        <span className={styles['source']}>{row.source}</span>
        <span>{row.folder}</span>
      </th>
      {days.map((day, column) => (
        <Cell
          key={day}
          cell={row.cells.get(day)}
          day={day}
          place={`${index} ${column}`}
          isCurrent={column === current}
          isChosen={day === chosen}
          onFocus={() => onFocus(column)}
          onChoose={() => onChoose({ source: row.source, folder: row.folder, day })}
        />
      ))}
    </tr>
  );
}

function Cell({
  cell,
  day,
  place,
  isCurrent,
  isChosen,
  onFocus,
  onChoose,
}: {
  readonly cell: DayCell | undefined;
  readonly day: string;
  readonly place: string;
  readonly isCurrent: boolean;
  readonly isChosen: boolean;
  readonly onFocus: () => void;
  readonly onChoose: () => void;
}) {
  const said = cell === undefined ? 'empty' : verdict(cell);
  const sentence = cell === undefined ? `${day}: no mail` : `${day}: ${words[said]}; ${equationText(cell)}`;
  return (
    <td>
      <button
        type="button"
        className={`${styles['cell'] ?? ''} ${styles[said] ?? ''} ${isChosen ? (styles['chosen'] ?? '') : ''}`}
        data-cell={place}
        tabIndex={isCurrent ? 0 : -1}
        title={sentence}
        aria-label={sentence}
        aria-pressed={isChosen}
        onFocus={onFocus}
        onClick={onChoose}
      >
        <span className={styles['sign']} aria-hidden>
          {signs[said]}
        </span>
        {cell !== undefined && (
          <span className={styles['number']} aria-hidden>
            {said === 'missing' ? `−${short(cell.pending)}` : short(cell.seen)}
          </span>
        )}
      </button>
    </td>
  );
}

/** `1200` as `1.2k`: a cell has room for four signs. */
function short(count: number): string {
  if (count < 1000) return countText(count);
  if (count < 1_000_000) return `${(count / 1000).toFixed(count < 9_950 ? 1 : 0)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}

function Legend() {
  const entries = [
    ['complete', 'complete; the number is what was seen'],
    ['apart', 'messages in quarantine'],
    ['missing', 'messages missing; the number is how many'],
    ['empty', 'no mail'],
  ] as const;
  return (
    <Group gap="md" mt={8}>
      {entries.map(([said, means]) => (
        <Group key={said} gap={6} wrap="nowrap">
          <span className={`${styles['swatch'] ?? ''} ${styles[said] ?? ''}`} aria-hidden>
            {signs[said]}
          </span>
          <Text size="sm" c="dimmed">
            {means}
          </Text>
        </Group>
      ))}
    </Group>
  );
}

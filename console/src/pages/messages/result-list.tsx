/**
 * The found messages as a list that is as long as the archive: only the rows that can be seen exist.
 *
 * The hard thing is the keyboard: an arrow leads to a row that is not there yet, so the list scrolls to it first and gives it the focus
 * when it appears; and the row that Tab leads to stays in the page even when it is scrolled out of sight.
 */
import { Loader, Text } from '@mantine/core';
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import type { MessageRow } from '../../../../src/service/api.ts';
import { countText } from '../../parts/figures.tsx';
import styles from './messages.module.css';
import { ResultRow } from './result-row.tsx';

/** Rows before the end at which the next page is asked for. */
const ahead = 60;
const pageStep = 8;

export function ResultList({
  rows,
  open,
  cameFrom,
  hrefOf,
  hasMore,
  isLoadingMore,
  more,
  onEscape,
}: {
  readonly rows: readonly MessageRow[];
  /** The id of the one in the reading pane. */
  readonly open: string | undefined;
  /** The id of the one that was read before the list came back: a phone shows one of them at a time. */
  readonly cameFrom: string | undefined;
  readonly hrefOf: (id: string) => string;
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  readonly more: () => void;
  readonly onEscape: () => void;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const opened = rows.findIndex(({ id }) => id === open);
  const [current, setCurrent] = useState(Math.max(0, opened));
  const wanted = useRef<number | undefined>(undefined);
  const at = Math.min(current, Math.max(0, rows.length - 1));
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => 92,
    overscan: 8,
    getItemKey: (index) => rows[index]?.id ?? index,
    rangeExtractor: (range) => [...new Set([...defaultRangeExtractor(range), at])].filter((one) => one < rows.length).sort((a, b) => a - b),
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;

  useEffect(() => {
    if (hasMore && last >= rows.length - ahead) more();
  }, [hasMore, last, rows.length, more]);

  const didReturn = useRef(false);
  useEffect(() => {
    if (didReturn.current) return;
    didReturn.current = true;
    const index = cameFrom === undefined || open !== undefined ? -1 : rows.findIndex(({ id }) => id === cameFrom);
    if (index < 0) return;
    wanted.current = index;
    setCurrent(index);
    virtual.scrollToIndex(index, { align: 'center' });
  }, [cameFrom, open, rows, virtual]);

  // What is opened from elsewhere (the pane's next and previous) is where the arrows go on.
  useEffect(() => {
    if (opened < 0) return;
    setCurrent(opened);
    virtual.scrollToIndex(opened, { align: 'auto' });
  }, [opened, virtual]);

  useEffect(() => {
    if (wanted.current === undefined) return;
    const row = frame.current?.querySelector<HTMLElement>(`[data-row="${wanted.current}"]`);
    if (row === null || row === undefined) return;
    wanted.current = undefined;
    row.focus({ preventScroll: true });
  });

  function go(index: number): void {
    const target = Math.max(0, Math.min(rows.length - 1, index));
    wanted.current = target;
    setCurrent(target);
    virtual.scrollToIndex(target, { align: 'auto' });
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + pageStep,
      PageUp: at - pageStep,
      Home: 0,
      End: rows.length - 1,
    };
    const target = steps[event.key];
    if (target !== undefined) {
      event.preventDefault();
      go(target);
    } else if (event.key === 'Escape') onEscape();
  }

  return (
    <div ref={frame} className={styles['list']}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the arrows move between the links within, which are what has the focus */}
      <div onKeyDown={onKeyDown}>
        <ul aria-label="Messages" className={styles['rows']} style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, key, start }) => {
            const row = rows[index];
            return row === undefined ? null : (
              <li
                key={key}
                ref={virtual.measureElement}
                data-index={index}
                aria-setsize={hasMore ? -1 : rows.length}
                aria-posinset={index + 1}
                style={{ transform: `translateY(${start}px)` }}
              >
                <ResultRow
                  row={row}
                  index={index}
                  href={hrefOf(row.id)}
                  isOpen={row.id === open}
                  isCurrent={index === at}
                  onFocus={setCurrent}
                />
              </li>
            );
          })}
        </ul>
      </div>
      <div className={styles['end']}>
        {isLoadingMore && <Loader size="xs" aria-label="Loading more messages" />}
        {!hasMore && rows.length > 10 && (
          <Text size="sm" c="dimmed">
            That is all: {countText(rows.length)} messages.
          </Text>
        )}
      </div>
    </div>
  );
}

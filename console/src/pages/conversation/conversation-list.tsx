/**
 * The items that can be seen of a conversation of any length.
 *
 * The hard thing is going back: when earlier items come in at the top, what somebody reads stays where it is on the screen.
 */
import { Button, Center, Loader } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { countText } from '../../parts/figures.tsx';
import styles from './conversation.module.css';
import { ConversationItem } from './conversation-item.tsx';
import { DayLine, startsDay } from './day-line.tsx';
import type { Item, Reading } from './use-conversation.ts';

const ahead = 15;

function keyOf(item: Item, index: number): string {
  return item.id ?? `gap ${item.missing?.nativeId ?? ''} ${item.changes[0]?.id ?? index}`;
}

function isOf(item: Item, id: string): boolean {
  return item.id === id || item.copies.includes(id) || item.changes.some((change) => change.id === id || change.copies.includes(id));
}

export function ConversationList({ reading, around }: { readonly reading: Reading; readonly around: string | undefined }) {
  const { items, earlier, later } = reading;
  const frame = useRef<HTMLDivElement>(null);
  const target = around === undefined ? -1 : items.findIndex((item) => isOf(item, around));
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => frame.current,
    estimateSize: () => 96,
    overscan: 10,
    getItemKey: (index) => {
      const item = items[index];
      return item === undefined ? index : keyOf(item, index);
    },
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;

  const didOpen = useRef(false);
  useLayoutEffect(() => {
    if (didOpen.current || items.length === 0) return;
    didOpen.current = true;
    if (target >= 0) virtual.scrollToIndex(target, { align: 'center' });
  }, [items.length, target, virtual]);

  const first = items[0] === undefined ? undefined : keyOf(items[0], 0);
  const wasFirst = useRef(first);
  useLayoutEffect(() => {
    if (wasFirst.current !== undefined && wasFirst.current !== first) {
      const moved = items.findIndex((item, index) => keyOf(item, index) === wasFirst.current);
      if (moved > 0) virtual.scrollToIndex(moved, { align: 'start' });
    }
    wasFirst.current = first;
  }, [first, items, virtual]);

  useEffect(() => {
    if (later !== undefined && last >= items.length - ahead) void later();
  }, [later, last, items.length]);

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section ref={frame} className={styles['frame']} tabIndex={0} aria-label="Conversation">
      {(earlier !== undefined || reading.isLoadingEarlier) && (
        <Center py="xs">
          <Button variant="subtle" size="compact-sm" loading={reading.isLoadingEarlier} onClick={() => void earlier?.()}>
            Earlier messages
          </Button>
        </Center>
      )}
      <div className={styles['rows']} style={{ height: virtual.getTotalSize() }}>
        {shown.map(({ index, key, start }) => {
          const item = items[index];
          return item === undefined ? null : (
            <div
              key={key}
              ref={virtual.measureElement}
              data-index={index}
              className={styles['place']}
              style={{ transform: `translateY(${start}px)` }}
            >
              {startsDay(items[index - 1], item) && <DayLine at={item.at} />}
              <ConversationItem item={item} isTarget={index === target} isWhole={false} />
            </div>
          );
        })}
      </div>
      {reading.isLoadingLater && (
        <Center py="xs">
          <Loader size="xs" aria-label="Loading later messages" />
        </Center>
      )}
      {reading.newer > 0 && later === undefined && (
        <div className={styles['news']}>
          <Button size="compact-sm" radius="xl" onClick={reading.again}>
            {countText(reading.newer)} new
          </Button>
        </div>
      )}
    </section>
  );
}

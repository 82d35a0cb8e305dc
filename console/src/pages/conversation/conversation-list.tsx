/**
 * The items that can be seen of a conversation of any length.
 *
 * The hard thing is going back: when earlier items come in at the top, what somebody reads stays where it is on the screen.
 */
import { Button, Center, Loader, Text } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react';
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

  useStill({ frame, items, isLoading: reading.isLoadingEarlier, scrollTo: (index) => virtual.scrollToIndex(index, { align: 'start' }) });
  // Its room stays when the button goes: what is read would move.
  const [beganInside] = useState(earlier !== undefined);
  const isBeginning = beganInside && earlier === undefined && !reading.isLoadingEarlier;
  useEffect(() => {
    // The button that was pressed is gone: the keyboard goes on from here.
    if (isBeginning && document.activeElement === document.body) frame.current?.focus({ preventScroll: true });
  }, [isBeginning]);

  useEffect(() => {
    if (later !== undefined && last >= items.length - ahead) void later();
  }, [later, last, items.length]);

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section ref={frame} className={styles['frame']} tabIndex={0} aria-label="Conversation">
      {beganInside && (
        <Center h={42}>
          {isBeginning ? (
            <Text size="sm" c="dimmed">
              The conversation begins here.
            </Text>
          ) : (
            <Button variant="subtle" size="compact-sm" loading={reading.isLoadingEarlier} onClick={() => void earlier?.()}>
              Earlier messages
            </Button>
          )}
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

/** So many frames it takes at most until what came in has been measured. */
const settledAfter = 20;

/**
 * Holds what somebody reads where it is on the screen while earlier items come in before it. How high those are is known only once they
 * have been shown, and the line of a day may move up to them; so it is looked where the item stands, frame by frame, until it stays.
 */
function useStill(parts: {
  readonly frame: RefObject<HTMLElement | null>;
  readonly items: readonly Item[];
  readonly isLoading: boolean;
  readonly scrollTo: (index: number) => void;
}): void {
  const { frame, items, isLoading, scrollTo } = parts;
  const first = useRef<string>(undefined);
  /** Of the items that exist, how far below the top of the content each one's words stand. */
  const places = useRef<readonly { readonly key: string; readonly top: number }[]>([]);
  const release = useRef<() => void>(undefined);
  useEffect(() => () => release.current?.(), []);
  useLayoutEffect(() => {
    const box = frame.current;
    if (box === null || items[0] === undefined) return;
    const key = keyOf(items[0], 0);
    const isMoved = first.current !== undefined && first.current !== key;
    first.current = key;
    if (isMoved) {
      const read = places.current.find(({ top }) => top >= box.scrollTop);
      const index = read === undefined ? -1 : items.findIndex((item, at) => keyOf(item, at) === read.key);
      if (read === undefined || index < 0) return;
      const y = read.top - box.scrollTop;
      release.current?.();
      scrollTo(index);
      release.current = held(box, index, y);
    } else if (isLoading) {
      places.current = placesOf(box, items);
    }
  });
}

function placesOf(box: HTMLElement, items: readonly Item[]): { readonly key: string; readonly top: number }[] {
  const above = box.getBoundingClientRect().top - box.scrollTop;
  return [...box.querySelectorAll<HTMLElement>('[data-index]')].flatMap((one) => {
    const index = Number(one.dataset['index']);
    const item = items[index];
    const words = one.querySelector('article');
    return item === undefined || words === null ? [] : [{ key: keyOf(item, index), top: words.getBoundingClientRect().top - above }];
  });
}

/** @returns lets go. So does a hand on wheel, screen or keys: who scrolls means it */
function held(box: HTMLElement, index: number, y: number): () => void {
  const over = new AbortController();
  for (const hand of ['wheel', 'touchstart', 'pointerdown', 'keydown']) {
    box.addEventListener(hand, () => over.abort(), { passive: true, signal: over.signal });
  }
  let frames = 0;
  const step = (): void => {
    if (over.signal.aborted) return;
    const words = box.querySelector(`[data-index="${index}"] article`);
    const off = words === null ? 0 : words.getBoundingClientRect().top - box.getBoundingClientRect().top - y;
    if (Math.abs(off) >= 1) box.scrollTop += off;
    frames += 1;
    if (frames < settledAfter) requestAnimationFrame(step);
    else over.abort();
  };
  requestAnimationFrame(step);
  return () => over.abort();
}

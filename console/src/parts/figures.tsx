/** Numbers and instants as a person sees them. The hard thing is time that goes on: `2 min ago` has to be right without a new answer. */
import { Tooltip } from '@mantine/core';
import { useSyncExternalStore } from 'react';
import { bytesText, exactText, relativeText } from './words.ts';

export * from './words.ts';

/** A clock for all that is shown relative to now, ticking every ten seconds while anybody looks. */
const clock = (() => {
  const listeners = new Set<() => void>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let now = Date.now();
  return {
    subscribe: (listener: () => void) => {
      if (listeners.size === 0) {
        now = Date.now();
        timer = setInterval(() => {
          now = Date.now();
          for (const one of listeners) one();
        }, 10_000);
      }
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) clearInterval(timer);
      };
    },
    now: () => now,
  };
})();

export function useNow(): number {
  return useSyncExternalStore(clock.subscribe, clock.now);
}

/** How long ago or until then; exact in local time and UTC when pointed at. `at` null: `never`. */
export function TimeAgo({ at, never = 'never' }: { readonly at: string | null; readonly never?: string }) {
  const now = useNow();
  if (at === null) return <span>{never}</span>;
  return (
    <Tooltip label={`${exactText(at)} (${at.replace('T', ' ').replace(/\.\d+Z$/, 'Z')})`}>
      <time dateTime={at}>{relativeText(at, now)}</time>
    </Tooltip>
  );
}

/** An instant in local time; in UTC when pointed at. */
export function Instant({ at }: { readonly at: string | null }) {
  if (at === null) return <span>–</span>;
  return (
    <Tooltip label={at.replace('T', ' ').replace(/\.\d+Z$/, 'Z')}>
      <time dateTime={at} className="figures">
        {exactText(at)}
      </time>
    </Tooltip>
  );
}

export function Bytes({ of }: { readonly of: number | null }) {
  return of === null ? <span>–</span> : <span className="figures">{bytesText(of)}</span>;
}

/**
 * What the page of messages asks the service: the results page by page, the counts beside them, and what has come since.
 *
 * The hard thing is a list that stands still while mail comes in: what was read is never read again by itself (`static`), and what is new
 * is counted by a question of its own, from the newest one that was known before the list was made.
 */
import { useInfiniteQuery, useQueries, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { ApiFault, MessageFacets, MessageNews, MessagePage, MessageRow } from '../../../../src/service/api.ts';
import { useLive } from '../../events.tsx';
import { useApi } from '../../session.tsx';
import { conditionValues, withoutCondition } from './query-text.ts';

export type Order = 'sent' | 'arrival';

/** The first page is there at once; those behind it are long enough for a fast finger. */
const firstRows = 60;
const furtherRows = 200;

/** The newest one that had arrived when a list was begun, beside its first page. */
type Page = MessagePage & { readonly newest: string | null | undefined };

export interface Results {
  readonly rows: readonly MessageRow[];
  /** Of the query itself: it cannot be read. */
  readonly problem: ApiFault | null;
  /** Which characters of the query are meant. */
  readonly problemAt: MessagePage['problemAt'];
  readonly lag: number;
  /** The last that had arrived when the list was made; undefined as long as there is no list. */
  readonly newest: string | null | undefined;
  readonly isLoading: boolean;
  readonly error: unknown;
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  readonly more: () => void;
  /** Asks again from the beginning. */
  readonly again: () => void;
}

export function useResults(q: string, order: Order): Results {
  const api = useApi();
  const queries = useQueryClient();
  const key = ['/messages', { q, order }] as const;
  const read = useInfiniteQuery({
    queryKey: key,
    queryFn: async ({ pageParam, signal }): Promise<Page> => {
      // Asked before the list: what arrives between the two is counted as new, though the list has it, and never lost. The list does without.
      const before = pageParam === '' ? await api.get<MessageNews>('/messages/news', { q }, signal).catch(() => undefined) : undefined;
      return {
        newest: before?.newest,
        ...(await api.get<MessagePage>(
          '/messages',
          { q, order, after: pageParam, limit: pageParam === '' ? firstRows : furtherRows },
          signal,
        )),
      };
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: 'static',
    gcTime: 60_000,
  });
  const pages = read.data?.pages ?? [];
  const rows = useMemo(() => read.data?.pages.flatMap((page) => page.rows) ?? [], [read.data]);
  return {
    rows,
    problem: pages[0]?.problem ?? null,
    problemAt: pages[0]?.problemAt ?? null,
    lag: pages.at(-1)?.lag ?? 0,
    newest: pages[0]?.newest,
    isLoading: read.isPending,
    error: read.error,
    hasMore: read.hasNextPage,
    isLoadingMore: read.isFetchingNextPage,
    more: () => {
      if (read.hasNextPage && !read.isFetchingNextPage) void read.fetchNextPage();
    },
    again: () => {
      void queries.resetQueries({ queryKey: key, exact: true });
      void queries.invalidateQueries({ queryKey: ['/messages/facets'] });
    },
  };
}

/** How many of what matches have come since the list was made; `more`: at least so many. */
export interface News {
  readonly count: number;
  readonly more: boolean;
}

const newsPauseMs = 2_000;
const noNews: News = { count: 0, more: false };

/** @param newest the last that had arrived when the list was made; undefined: there is no list yet */
export function useNews(q: string, newest: string | null | undefined): News {
  const api = useApi();
  const [seen, setSeen] = useState<{ readonly of: string | null | undefined; readonly news: News }>({ of: undefined, news: noNews });
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const latest = useRef({ q, newest });
  latest.current = { q, newest };
  /** Something came while there was no list to hold it against. */
  const missed = useRef(false);
  const looks = useRef(0);

  async function look(): Promise<void> {
    const asked = latest.current;
    missed.current = asked.newest === undefined;
    if (asked.newest === undefined) return;
    looks.current += 1;
    const mine = looks.current;
    const told = await api.get<MessageNews>('/messages/news', { q: asked.q, known: asked.newest }).catch(() => undefined);
    // The answer to a later question counts, also where it comes first.
    if (told === undefined || mine !== looks.current || latest.current.q !== asked.q || latest.current.newest !== asked.newest) return;
    // Where nothing was known, whatever there is now is new.
    const isFirst = asked.newest === null && told.newest !== null;
    setSeen({ of: asked.newest, news: isFirst ? { count: 1, more: true } : { count: told.messages, more: told.more } });
  }
  function soon(): void {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void look();
    }, newsPauseMs);
  }
  useEffect(() => () => clearTimeout(timer.current), []);
  const isRead = newest !== undefined;
  useEffect(() => {
    if (isRead && missed.current) soon();
  });
  useLive('derived', soon);
  // After a pause of the line nobody knows what was missed.
  useLive('hello', soon);
  return newest !== undefined && seen.of === newest ? seen.news : noNews;
}

/** Fields whose values are a list to choose from, in their order on the page. */
export const facetFields = ['platform', 'modality', 'direction', 'source', 'owner'] as const;
export type FacetField = (typeof facetFields)[number];

export interface Counts {
  readonly facets: MessageFacets | undefined;
  /** They are those of this search, and not of the one before. */
  readonly isExact: boolean;
  readonly error: unknown;
}

/**
 * The counts of a search. A field from which something is chosen shows what could be chosen instead: its values are counted as if the
 * query did not name the field.
 */
export function useCounts(q: string, enabled: boolean): Counts {
  const api = useApi();
  const chosen = facetFields.filter((field) => conditionValues(q, field).length > 0);
  const texts = [...new Set([q, ...chosen.map((field) => withoutCondition(q, field))])];
  const answers = useQueries({
    queries: texts.map((text) => ({
      queryKey: ['/messages/facets', { q: text }],
      queryFn: ({ signal }: { readonly signal: AbortSignal }) => api.get<MessageFacets>('/messages/facets', { q: text }, signal),
      enabled,
      staleTime: 30_000,
    })),
  });
  const byText = new Map(texts.map((text, index) => [text, answers[index]?.data]));
  const all = byText.get(q);
  // While another search is counted the lists stay, so that what somebody aims at does not jump.
  const [before, setBefore] = useState<MessageFacets | undefined>(undefined);
  useEffect(() => {
    if (all !== undefined) setBefore(all);
  }, [all]);
  const shown = all ?? before;
  const others = chosen.map((field) => [field, byText.get(withoutCondition(q, field))?.[field]] as const);
  return {
    facets: shown === undefined ? undefined : { ...shown, ...Object.fromEntries(others.filter(([, list]) => list !== undefined)) },
    isExact: all !== undefined && all.problem === null,
    error: answers[0]?.error,
  };
}

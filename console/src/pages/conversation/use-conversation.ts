/**
 * A conversation page by page, from the message that somebody came from, or from its beginning.
 *
 * The hard thing is a conversation that goes on while it is read: nothing that is shown moves by itself, and what is new is told by the
 * number of its messages.
 */
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { ConversationPage, MessageFacets } from '../../../../src/service/api.ts';
import type { Query } from '../../api.ts';
import { useLive } from '../../events.tsx';
import { useApi } from '../../session.tsx';
import { condition } from '../messages/query-text.ts';

export type Item = ConversationPage['items'][number];
/** What holds for the whole conversation; of the newest page that was read. */
export type About = Omit<ConversationPage, 'items' | 'next' | 'previous'>;

export interface Reading {
  readonly about: About | undefined;
  readonly items: readonly Item[];
  readonly error: unknown;
  readonly earlier: (() => Promise<unknown>) | undefined;
  readonly later: (() => Promise<unknown>) | undefined;
  readonly isLoadingEarlier: boolean;
  readonly isLoadingLater: boolean;
  /** Messages that have come since it was read. */
  readonly newer: number;
  readonly again: () => void;
}

const newsPauseMs = 2_000;

export function useConversation(id: string, around: string | undefined): Reading {
  const api = useApi();
  const queries = useQueryClient();
  const path = `/conversations/${encodeURIComponent(id)}`;
  const key = [path, { around }] as const;
  const first: Query = around === undefined ? {} : { around };
  const read = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => api.get<ConversationPage>(path, { ...pageParam, limit: 100 }, signal),
    initialPageParam: first,
    getNextPageParam: ({ next }): Query | undefined => (next === null ? undefined : { after: next }),
    getPreviousPageParam: ({ previous }): Query | undefined => (previous === null ? undefined : { before: previous }),
    staleTime: 'static',
    gcTime: 60_000,
  });
  const pages = read.data?.pages ?? [];
  const about = pages.at(-1);
  const newer = useNewer(about?.threadId, about?.messages);
  return {
    about,
    items: pages.flatMap(({ items }) => items),
    error: read.error,
    // Offered also while later ones come in: a button that goes and comes would move what is read.
    earlier: read.hasPreviousPage && !read.isFetchingPreviousPage ? () => read.fetchPreviousPage() : undefined,
    later: read.hasNextPage && !read.isFetching ? () => read.fetchNextPage() : undefined,
    isLoadingEarlier: read.isFetchingPreviousPage,
    isLoadingLater: read.isFetchingNextPage,
    newer,
    again: () => void queries.resetQueries({ queryKey: key, exact: true }),
  };
}

/** Counted by a question that shows nothing of the messages, so that looking at a conversation is one line of the access log. */
function useNewer(threadId: string | null | undefined, known: number | undefined): number {
  const api = useApi();
  const [now, setNow] = useState<{ readonly of: string; readonly messages: number } | undefined>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const latest = useRef(threadId);
  latest.current = threadId;
  useEffect(() => () => clearTimeout(timer.current), []);
  function soon(): void {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      const of = latest.current;
      if (of === null || of === undefined) return;
      void api
        .get<MessageFacets>('/messages/facets', { q: condition('thread', of) })
        // Nothing leaves a conversation: of two answers the larger one is the later, whichever comes first.
        .then(({ messages }) => setNow((before) => ({ of, messages: before?.of === of ? Math.max(before.messages, messages) : messages })))
        .catch(() => undefined);
    }, newsPauseMs);
  }
  useLive('derived', soon);
  // After a pause of the line nobody knows what was missed.
  useLive('hello', soon);
  return known === undefined || now === undefined || now.of !== threadId ? 0 : Math.max(0, now.messages - known);
}

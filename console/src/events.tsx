/**
 * What happens in the service, as it happens: one EventSource for the whole console. It patches what the pages show (a source's card, a
 * run) and marks the rest as to be read again.
 *
 * The hard thing is a line that breaks: EventSource gives up for good after an answer that is no 200 (the service starts again behind a
 * proxy), so it is made anew with growing pauses; the first event of each line says that everything may have changed.
 */
import { type Query, type QueryClient, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import type { LiveEvent, ReconciliationJob, SourceCard, SourceDetail } from '../../src/service/api.ts';

export type LineState = 'connecting' | 'live' | 'broken';
type Kind = LiveEvent['kind'];
type Handler = (event: LiveEvent) => void;
/** Asks for a path to be read again soon. */
type Want = (path: string) => void;
type SourceList = { readonly sources: readonly SourceCard[] };

const kinds: readonly Kind[] = [
  'hello',
  'source',
  'source-gone',
  'arrivals',
  'derived',
  'run',
  'quarantine',
  'gaps',
  'alert',
  'reconciliation',
  'export',
  'talk',
  'proxy',
  'logged-out',
];
const longestPauseMs = 15_000;
/** The service tells `beat` every 15 seconds. A line without anything for so long is dead, whatever the browser thinks. */
const silenceMs = 50_000;

interface Line {
  readonly state: LineState;
  listen(handler: Handler): () => void;
}
const LineContext = createContext<Line | undefined>(undefined);

export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const queries = useQueryClient();
  const [state, setState] = useState<LineState>('connecting');
  const handlers = useRef(new Set<Handler>());
  useEffect(() => {
    const later = refreshSoon(queries);
    const close = keepListening({
      onState: setState,
      onEvent: (event) => {
        patch(queries, event, later.want);
        for (const handler of handlers.current) handler(event);
      },
    });
    return () => {
      close();
      later.stop();
    };
  }, [queries]);
  const line = useMemo(
    (): Line => ({
      state,
      listen: (handler) => {
        handlers.current.add(handler);
        return () => handlers.current.delete(handler);
      },
    }),
    [state],
  );
  return <LineContext value={line}>{children}</LineContext>;
}

function useLine(): Line {
  const line = useContext(LineContext);
  if (line === undefined) throw new Error('useLive stands outside of LiveProvider.');
  return line;
}

/** Whether events come in. */
export function useLineState(): LineState {
  return useLine().state;
}

/** Calls the handler with each event of this kind while the component is shown. */
export function useLive<K extends Kind>(kind: K, handler: (event: Extract<LiveEvent, { readonly kind: K }>) => void): void {
  const { listen } = useLine();
  const latest = useRef(handler);
  useEffect(() => {
    latest.current = handler;
  });
  useEffect(() => listen((event) => isKind(event, kind) && latest.current(event)), [listen, kind]);
}

function isKind<K extends Kind>(event: LiveEvent, kind: K): event is Extract<LiveEvent, { readonly kind: K }> {
  return event.kind === kind;
}

/** @returns ends it */
export function keepListening(parts: { readonly onState: (state: LineState) => void; readonly onEvent: Handler }): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pauseMs = 500;
  let silence: ReturnType<typeof setTimeout> | undefined;
  function heard(): void {
    clearTimeout(silence);
    silence = setTimeout(() => {
      parts.onState('broken');
      openAnew();
    }, silenceMs);
  }
  function open(): void {
    source = new EventSource('/api/v1/events');
    heard();
    source.onopen = () => {
      parts.onState('live');
      heard();
    };
    source.addEventListener('beat', heard);
    source.onerror = () => {
      parts.onState('broken');
      if (source?.readyState !== EventSource.CLOSED) return; // It tries again by itself.
      timer = setTimeout(open, pauseMs);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    };
    for (const kind of kinds) {
      source.addEventListener(kind, (message) => {
        heard();
        pauseMs = 500;
        // The service writes it by the schema that this type comes from.
        parts.onEvent(JSON.parse(message.data) as LiveEvent);
      });
    }
  }
  function openAnew(): void {
    clearTimeout(timer);
    source?.close();
    open();
  }
  // A browser that lost its network does not close a line that is silent.
  const offline = () => parts.onState('broken');
  window.addEventListener('offline', offline);
  window.addEventListener('online', openAnew);
  open();
  return () => {
    window.removeEventListener('offline', offline);
    window.removeEventListener('online', openAnew);
    clearTimeout(timer);
    clearTimeout(silence);
    source?.close();
  };
}

/** Paths to read again are collected for a moment: a run of a thousand messages is not a thousand questions. */
function refreshSoon(queries: QueryClient): { readonly want: Want; readonly stop: () => void } {
  const wanted = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    want: (path) => {
      wanted.add(path);
      timer ??= setTimeout(() => {
        const paths = [...wanted];
        wanted.clear();
        timer = undefined;
        readAgain(queries, (key) => paths.some((one) => isBelow(key, one)));
      }, 700);
    },
    stop: () => clearTimeout(timer),
  };
}

function isBelow(key: unknown, path: string): boolean {
  return typeof key === 'string' && (key === path || key.startsWith(`${path}/`) || path === '');
}

function patch(queries: QueryClient, event: LiveEvent, want: Want): void {
  switch (event.kind) {
    case 'hello':
      readAgain(queries, (key) => key !== '/session');
      return;
    case 'source':
      putCard(queries, event.card, want);
      want('/overview');
      return;
    case 'source-gone':
      put<SourceList>(queries, '/sources', (list) => list && { sources: list.sources.filter(({ name }) => name !== event.name) }, want);
      want('/overview');
      return;
    case 'arrivals':
    case 'derived':
      want('/overview');
      return;
    case 'run':
      want('/runs');
      return;
    case 'quarantine':
      want('/quarantine');
      want('/overview');
      return;
    case 'gaps':
      want('/gaps');
      want('/overview');
      return;
    case 'alert':
      want('/alerts');
      want('/overview');
      return;
    case 'reconciliation':
      put<ReconciliationJob>(queries, '/reconciliation', () => event.job, want);
      if (event.job.state !== 'running') want('/reconciliations');
      return;
    case 'export':
      want('/exports');
      return;
    case 'proxy':
      want('/proxy');
      return;
    case 'logged-out':
      queries.setQueryData(['/session'], null);
      return;
    case 'talk':
      return;
  }
}

/** Puts a newer card wherever its source is shown. */
export function putCard(queries: QueryClient, card: SourceCard, want: Want = (path) => readAgain(queries, (key) => key === path)): void {
  const withCard = (list: SourceList): SourceList => {
    const known = list.sources.some(({ name }) => name === card.name);
    return { sources: known ? list.sources.map((one) => (one.name === card.name ? card : one)) : [...list.sources, card] };
  };
  put<SourceList>(queries, '/sources', (list) => list && withCard(list), want);
  put<SourceDetail>(queries, `/sources/${encodeURIComponent(card.name)}`, (detail) => detail && { ...detail, card }, want);
}

/**
 * Reads again what is shown below some paths. Invalidating does nothing to a first read that is on its way, whose answer may be older than
 * what was told: that one is waited for and then read once more.
 */
function readAgain(queries: QueryClient, isMeant: (path: unknown) => boolean): void {
  const predicate = ({ queryKey: [path] }: Pick<Query, 'queryKey'>): boolean => isMeant(path);
  for (const { state, promise, queryKey } of queries.getQueryCache().findAll({ predicate })) {
    if (state.data !== undefined || state.fetchStatus !== 'fetching') continue;
    void promise?.catch(() => undefined).then(() => queries.invalidateQueries({ queryKey, exact: true }));
  }
  void queries.invalidateQueries({ predicate });
}

/**
 * Puts what an event tells in the place of what was read. An answer that is on its way was given before the event and would come over it:
 * then it is read once more.
 */
function put<T>(queries: QueryClient, path: string, change: (old: T | undefined) => T | undefined, want: Want): void {
  const key = [path, {}];
  if (queries.getQueryState(key)?.fetchStatus === 'fetching') want(path);
  queries.setQueryData<T>(key, change);
}

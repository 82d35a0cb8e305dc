/**
 * A test of a source as it goes on. The service sends its whole state with every change; here is only begun, listened and ended.
 *
 * The hard thing is what ends it: the next test, leaving the page, or a line that breaks. A test that nobody listens to is ended by the
 * service itself; one whose line broke is asked for once more, so that a verdict is not lost.
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import type { SourceTest } from '../../../src/service/api.ts';
import { apiAddress } from '../api.ts';
import { useApi } from '../session.tsx';

export interface RunningTest {
  readonly test: SourceTest | undefined;
  readonly error: unknown;
  readonly running: boolean;
  begin(path: string, draft?: unknown): void;
  stop(): void;
}

export function useSourceTest(): RunningTest {
  const api = useApi();
  const [test, setTest] = useState<SourceTest>();
  const [error, setError] = useState<unknown>();
  const [running, setRunning] = useState(false);
  const current = useRef<{ id?: string; events?: EventSource; over: boolean }>(undefined);

  const leave = useCallback(() => {
    const one = current.current;
    if (one === undefined || one.over) return;
    one.over = true;
    one.events?.close();
    if (one.id !== undefined) void api.del(`/tests/${one.id}`).catch(() => undefined); // It may have ended just now.
  }, [api]);
  useEffect(() => leave, [leave]);

  function begin(path: string, draft?: unknown): void {
    leave();
    const mine: { id?: string; events?: EventSource; over: boolean } = { over: false };
    current.current = mine;
    setError(undefined);
    setRunning(true);
    function show(state: SourceTest): void {
      if (mine.over) return;
      setTest(state);
      if (!state.ended) return;
      mine.over = true;
      mine.events?.close();
      setRunning(false);
    }
    function fail(problem: unknown): void {
      if (mine.over) return;
      mine.over = true;
      mine.events?.close();
      setError(problem);
      setRunning(false);
    }
    api.post<SourceTest>(path, draft).then((started) => {
      mine.id = started.id;
      if (mine.over) {
        void api.del(`/tests/${started.id}`).catch(() => undefined);
        return;
      }
      show(started);
      if (started.ended) return;
      const events = new EventSource(apiAddress(`/tests/${started.id}/events`));
      mine.events = events;
      // The service writes it by the schema that this type comes from.
      events.addEventListener('test', (message) => show(JSON.parse(message.data) as SourceTest));
      events.onerror = () => {
        if (mine.over) return;
        api.get<SourceTest>(`/tests/${started.id}`).then(show, fail);
      };
    }, fail);
  }

  function stop(): void {
    leave();
    setRunning(false);
    setTest((state) => (state === undefined ? state : { ...state, ended: true, verdict: state.verdict ?? 'stopped' }));
  }

  return { test, error, running, begin, stop };
}

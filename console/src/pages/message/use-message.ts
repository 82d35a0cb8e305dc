/**
 * Reads what belongs to one message.
 *
 * The hard thing is the access log: each reading is a line of it. So a message is read once when it is opened, and neither the return to
 * the window nor a new line of events reads it again behind the person's back; what was read for its tabs is kept for as long as it is open.
 */
import { useQuery } from '@tanstack/react-query';
import type { MessageDetail } from '../../../../src/service/api.ts';
import { useApi } from '../../session.tsx';

const partsKeptMs = 300_000;

export function useMessage(id: string) {
  return useOnce<MessageDetail>(`/messages/${encodeURIComponent(id)}`, 0);
}

/** Its text, its source, what its HTML leaves out. */
export function useMessagePart<T>(id: string, part: 'text' | 'source' | 'html-report') {
  return useOnce<T>(`/messages/${encodeURIComponent(id)}/${part}`, partsKeptMs);
}

function useOnce<T>(path: string, keptMs: number) {
  const api = useApi();
  return useQuery({
    queryKey: [path, {}],
    queryFn: ({ signal }) => api.get<T>(path, {}, signal),
    staleTime: 'static',
    gcTime: keptMs,
  });
}

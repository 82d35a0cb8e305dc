/** One source whole, read again whenever something of it is told: its definition may be changed by somebody else while it is looked at. */
import { type UseQueryResult, useQueryClient } from '@tanstack/react-query';
import type { SourceDetail } from '../../../../src/service/api.ts';
import { useLive } from '../../events.tsx';
import { useRead } from '../../session.tsx';

export function useSourceDetail(name: string): UseQueryResult<SourceDetail> {
  const queries = useQueryClient();
  const path = `/sources/${encodeURIComponent(name)}`;
  useLive('source', ({ card }) => {
    if (card.name === name) void queries.invalidateQueries({ queryKey: [path, {}], exact: true });
  });
  return useRead<SourceDetail>(path);
}

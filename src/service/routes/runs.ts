/** `GET /runs`: passes over sources, newest first. */
import { listQuery, runList } from '../api/operation.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { shownRun } from '../shown.ts';

export function runsRoutes({ journal }: ServiceParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/runs',
      may: 'read',
      summary: 'Runs, newest first: when each began and ended, how, and its counts.',
      tag: 'operation',
      query: listQuery,
      answer: runList,
      handle: async ({ query: { source, limit } }) => ({
        runs: (await journal.runs({ limit, ...(source === undefined ? {} : { source }) })).map(shownRun),
      }),
    }),
  ];
}

/**
 * `GET /alerts`, and their acknowledgement.
 *
 * The hard thing is that an alert can end by itself between the look and the click: then there is nothing to acknowledge, and that is told.
 */
import { z } from 'zod';
import { Fault } from '../../fault/fault.ts';
import type { Alert as NotedAlert } from '../../journal/journal.ts';
import { acknowledgement, alert, alertList, listQuery } from '../api/operation.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { shownAlert } from '../shown.ts';

/** More than there are open at any time. */
const openAtMost = 10_000;

export function alertsRoutes({ journal, live }: ServiceParts): readonly Route[] {
  const openOne = async (id: number): Promise<NotedAlert> => {
    const found = (await journal.alerts({ open: true, limit: openAtMost })).find((one) => one.id === id);
    if (found === undefined) throw new Fault('watch.alert-unknown', { id });
    return found;
  };
  return [
    route({
      method: 'GET',
      path: '/alerts',
      may: 'read',
      summary: 'Alerts, newest first: open ones, those that are over, or without `open` the open ones before the others.',
      tag: 'operation',
      query: listQuery.extend({ open: z.enum(['true', 'false']).optional() }),
      answer: alertList,
      handle: async ({ query: { source, limit, open } }) => {
        const of = source === undefined ? {} : { source };
        const standing = open === 'false' ? [] : await journal.alerts({ ...of, open: true, limit });
        const over = open === 'true' || standing.length >= limit ? [] : await journal.alerts({ ...of, open: false, limit });
        return { alerts: [...standing, ...over].slice(0, limit).map(shownAlert) };
      },
    }),
    route({
      method: 'POST',
      path: '/alerts/:id/acknowledgement',
      may: 'operate',
      summary: 'Acknowledges an open alert: it is not told again unless it grows worse. The note stays with it for ever.',
      tag: 'operation',
      params: z.strictObject({ id: z.coerce.number().int().positive() }),
      body: acknowledgement,
      answer: alert,
      handle: async ({ params: { id }, body: { note }, who, log }) => {
        const { kind, source } = await openOne(id);
        await log('alert.acknowledge', String(id), `${kind}${source === undefined ? '' : ` of ${source}`}: ${note}`);
        if (!(await journal.acknowledgeAlert(id, who.name, note))) throw new Fault('watch.alert-unknown', { id });
        const now = shownAlert(await openOne(id));
        live.tell({ kind: 'alert', alert: now });
        return now;
      },
    }),
  ];
}

/**
 * `GET /gaps`: messages that a server had and the archive has not, and what a person says about one.
 *
 * The hard thing is that an explanation must not hide anything: a gap whose message never came stays in the list for ever, whoever
 * explained it, and what was said of it before stays beside what is said now.
 */
import { z } from 'zod';
import { Fault } from '../../fault/fault.ts';
import { explanation, gap, gapList, listQuery } from '../api/operation.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { shownGap } from '../shown.ts';

export function gapsRoutes({ journal, live, clock }: ServiceParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/gaps',
      may: 'read',
      summary: 'Gaps, newest first. `open`: missing now. `permanent`: closed, and the message never came. `closed`: all that are closed.',
      tag: 'operation',
      query: listQuery.extend({ state: z.enum(['open', 'permanent', 'closed']).optional() }),
      answer: gapList,
      handle: async ({ query: { source, limit, state } }) => {
        const of = { limit, ...(source === undefined ? {} : { source }), ...(state === undefined ? {} : { state }) };
        return { gaps: (await journal.gaps(of)).map(shownGap) };
      },
    }),
    route({
      method: 'POST',
      path: '/gaps/:id/explanation',
      may: 'operate',
      summary: 'Says why a message is missing. An open gap is closed as explained; a permanent one stays, with this beside what was said.',
      tag: 'operation',
      params: z.strictObject({ id: z.coerce.number().int().positive() }),
      body: explanation,
      answer: gap,
      handle: async ({ params: { id }, body, who, log }) => {
        const day = new Date(clock.now()).toISOString().slice(0, 10);
        await log('gap.explain', String(id), body.explanation);
        const now = await journal.explainGap(id, `${body.explanation} (${who.name}, ${day})`);
        if (now === undefined) throw new Fault('reconcile.gap-unknown', { id });
        live.tell({ kind: 'gaps', source: now.source });
        return shownGap(now);
      },
    }),
  ];
}

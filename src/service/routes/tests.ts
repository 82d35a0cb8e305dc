/** Tests of a source, saved or not: begun, listened to, stopped. */
import { z } from 'zod';
import { Fault } from '../../fault/fault.ts';
import { draftQuery, sourceDraft, sourceTest } from '../api/source.ts';
import { draftBytes } from '../drafts/draft-bytes.ts';
import { tried } from '../drafts/judged.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { SourceTests } from '../tests/source-tests.ts';
import { sourceName } from './source-name.ts';

const tag = 'tests';
const testId = z.object({ id: z.string().max(64) });

export function testsRoutes(parts: ServiceParts): readonly Route[] {
  const tests = new SourceTests(parts);
  return [
    route({
      method: 'POST',
      path: '/drafts/tests',
      may: 'administer',
      summary: 'Tests a draft as it stands in the form, without keeping it: every link from the ids to an opened mailbox.',
      tag,
      query: draftQuery,
      body: sourceDraft,
      bodyLimit: draftBytes,
      answer: sourceTest,
      handle: async ({ body, query, log }) => {
        const config = await tried(parts, body, query.name);
        await log('source.test', query.name ?? 'a draft', config.mailbox);
        return tests.start(config);
      },
    }),
    route({
      method: 'POST',
      path: '/sources/:name/tests',
      may: 'operate',
      summary: 'Tests a source as it is kept.',
      tag,
      params: sourceName,
      answer: sourceTest,
      handle: async ({ params: { name }, log }) => {
        const found = parts.engine.source(name);
        if (found === undefined) throw new Fault('service.not-found', { source: name });
        await log('source.test', name, found.config.mailbox);
        return tests.start(found.config);
      },
    }),
    route({
      method: 'GET',
      path: '/tests/:id',
      may: 'operate',
      summary: 'How a test goes, or went.',
      tag,
      params: testId,
      answer: sourceTest,
      handle: ({ params }) => tests.get(params.id),
    }),
    route({
      method: 'GET',
      path: '/tests/:id/events',
      may: 'operate',
      summary: 'The whole test with each change of it, as the event `test`, until it has ended.',
      tag,
      params: testId,
      answer: 'events',
      handle: ({ params, signal }) => {
        const states = tests.listen(params.id, signal);
        return { kind: 'events', events: asEvents(states) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/tests/:id',
      may: 'operate',
      summary: 'Ends a test.',
      tag,
      params: testId,
      answer: sourceTest,
      handle: ({ params }) => tests.stop(params.id),
    }),
  ];
}

async function* asEvents<T>(states: AsyncIterable<T>): AsyncGenerator<{ readonly event: string; readonly data: T }> {
  for await (const data of states) yield { event: 'test', data };
}

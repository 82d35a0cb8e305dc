/** The access log, newest first, and the proof that nobody has changed it. */
import { z } from 'zod';
import type { AccessLine } from '../../accounts/accounts.ts';
import { limit } from '../api/leaf.ts';
import { type AccessEntry, accessLog, accessProof } from '../api/session.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';

export function accessLogRoutes({ accounts }: ServiceParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/access-log',
      may: 'read-log',
      summary: 'Who saw, exported or changed what; `head` is the hash that stands for every line so far.',
      tag: 'access log',
      query: z.strictObject({
        before: z.coerce.number().int().positive().optional(),
        limit: limit.default(100),
        who: z.string().max(200).optional(),
        action: z.string().max(200).optional(),
      }),
      answer: accessLog,
      handle: async ({ query: { before, limit: most, who, action } }) => {
        const lines = await accounts.log({
          limit: most,
          ...(before === undefined ? {} : { before }),
          ...(who === undefined ? {} : { who }),
          ...(action === undefined ? {} : { action }),
        });
        const last = lines.at(-1);
        const head = (await accounts.logHead()) ?? null;
        return { entries: lines.map(shown), next: last === undefined || lines.length < most ? null : String(last.id), head };
      },
    }),
    route({
      method: 'GET',
      path: '/access-log/proof',
      may: 'read-log',
      summary: 'Reads the whole log and proves its chain of hashes.',
      tag: 'access log',
      answer: accessProof,
      handle: async ({ log }) => {
        await log('access-log.verify', '');
        const { lines, head, brokenAt } = await accounts.verifyLog();
        return { lines, head: head ?? null, brokenAt: brokenAt ?? null };
      },
    }),
  ];
}

function shown({ id, at, who, role, address, action, object, outcome, detail }: AccessLine): AccessEntry {
  return { id, at: at.toISOString(), who, role: role ?? null, address, action, object, outcome, detail };
}

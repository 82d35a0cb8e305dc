/**
 * `GET /quarantine`: messages that a server lists and did not give whole, why in words, and asking for them again.
 *
 * The hard thing is to have no second way of fetching: a wish is noted in the journal, and the next pass of the source takes it up, as it
 * does for `postern import retry`. So the answer says how many were asked for, not how many came.
 */
import { z } from 'zod';
import type { OpenQuarantine, QuarantineReason } from '../../archive/archive.ts';
import { inQuarantine, wishForRetry } from '../../import/retry.ts';
import type { RetryRequest } from '../../journal/journal.ts';
import { listQuery, type Quarantined, quarantineList, retryAnswer, retryWish } from '../api/operation.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';

const saysOf: Readonly<Record<QuarantineReason, string>> = {
  'no-data': 'The server lists this message and gave no content for it.',
  refused: 'The server lists this message and refused to hand it out.',
  cut: 'The connection ended each time that this message was asked for.',
  substitute: 'The server sent a text of its own in place of this message; that text is kept.',
};
const saysRenumbered = ' Its folder was numbered anew since, so the server knows it by another number now: there is nothing to ask for.';

export function quarantineRoutes({ archive, journal, engine, live }: ServiceParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/quarantine',
      may: 'read',
      summary: 'Messages that are kept apart and did not come whole since, oldest first, with the reason.',
      tag: 'operation',
      query: listQuery.extend({
        after: z
          .string()
          .regex(/^\d{1,15}$/)
          .optional(),
      }),
      answer: quarantineList,
      handle: async ({ query: { source, limit, after }, signal }) => {
        const asked = new Map((await journal.pendingRetries(source)).map((wish) => [placeKey(wish), wish]));
        const messages: Quarantined[] = [];
        let next: string | null = null;
        let last = 0;
        for await (const entry of archive.quarantine({ afterRow: Number(after ?? 0), ...(source === undefined ? {} : { source }) })) {
          signal.throwIfAborted();
          if (messages.length === limit) {
            next = String(last);
            break;
          }
          messages.push(told(entry, asked.get(placeKey(entry))));
          last = entry.row;
        }
        return { messages, next };
      },
    }),
    route({
      method: 'POST',
      path: '/quarantine/retry',
      may: 'operate',
      summary: 'Asks the servers for these messages again, at the next pass of their sources, which begins at once where it can.',
      tag: 'operation',
      body: retryWish,
      answer: retryAnswer,
      handle: async ({ body: { messages }, who, log }) => {
        const wanted = new Set(messages.map(placeKey));
        // A source that is imported no more has nobody who would ask.
        const sources = [...new Set(messages.map(({ source }) => source))].filter((name) => engine.importSource(name) !== undefined);
        const entries = (await inQuarantine(archive, sources)).filter((entry) => wanted.has(placeKey(entry)));
        const named = sources.length === 0 ? 'no source that is imported' : sources.join(', ');
        await log('quarantine.retry', named, `${messages.length} asked for, ${entries.length} in quarantine`);
        const asked = await wishForRetry(journal, entries, who.name);
        for (const source of new Set(entries.map((entry) => entry.source))) {
          engine.runNow(source);
          live.tell({ kind: 'quarantine', source });
        }
        return { asked };
      },
    }),
  ];
}

function told(entry: OpenQuarantine, wish: RetryRequest | undefined): Quarantined {
  const {
    source,
    folder,
    uidValidity,
    uid,
    uidl,
    reason = 'no-data',
    keptSince,
    internalDate,
    bytes,
    announcedBytes,
    sha256,
    renumbered,
  } = entry;
  return {
    source,
    folder,
    uidValidity,
    uid,
    uidl: uidl ?? null,
    reason,
    says: `${saysOf[reason]}${renumbered ? saysRenumbered : ''}`,
    keptSince: keptSince.toISOString(),
    internalDate: internalDate?.toISOString() ?? null,
    bytes: bytes ?? announcedBytes ?? null,
    sha256: sha256 ?? null,
    renumbered,
    asked: wish === undefined ? null : { at: wish.asked.toISOString(), by: wish.by },
  };
}

function placeKey(place: { readonly source: string; readonly folder: string; readonly uidValidity: number; readonly uid: number }): string {
  return JSON.stringify([place.source, place.folder, place.uidValidity, place.uid]);
}

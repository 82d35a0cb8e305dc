/** `GET /overview`: everything at a glance, for the first screen; and `GET /events`: what happens, as it happens. */
import { overview } from '../api/operation.ts';
import type { SourceCard } from '../api/source.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { shownFault } from '../shown.ts';

export function overviewRoutes(parts: ServiceParts): readonly Route[] {
  const { archive, engine, live, watch, version, started, trial } = parts;
  return [
    route({
      method: 'GET',
      path: '/overview',
      may: 'read',
      summary: 'The service at a glance: what the archive holds, how the sources are, and what is wrong with the whole.',
      tag: 'operation',
      answer: overview,
      handle: async () => {
        const snapshot = watch();
        const cards = await engine.cards();
        const [{ lag, rows }, { ledger }] = [await archive.pulse(), await archive.heads()];
        return {
          version,
          startedAt: started.toISOString(),
          // Rows are more than messages, and known at once.
          messages: engine.total?.messages ?? rows,
          bytes: engine.total?.bytes ?? 0,
          storedBytes: snapshot?.archive?.storedBytes ?? 0,
          quarantined: sum(snapshot?.quarantined),
          openGaps: sum(snapshot?.gaps),
          openAlerts: snapshot?.alerts.length ?? 0,
          lag,
          head: { rows: ledger.rows, link: ledger.link },
          disk: snapshot?.disk ?? null,
          sources: statesOf(cards),
          concerns: (snapshot?.service ?? []).map(({ fault }) => shownFault(fault)),
          empty: cards.length === 0 && ledger.rows === 0,
          trial,
        };
      },
    }),
    route({
      method: 'GET',
      path: '/events',
      may: 'read',
      summary: 'Server-sent events: what happens, as it happens. The name of an event is its `kind`, its data the event as JSON.',
      tag: 'operation',
      answer: 'events',
      handle: ({ signal }) => ({ kind: 'events', events: named(live.listen(signal)) }),
    }),
  ];
}

async function* named<E extends { readonly kind: string }>(events: AsyncIterable<E>): AsyncGenerator<{ event: string; data: E }> {
  for await (const event of events) yield { event: event.kind, data: event };
}

function sum(counts: ReadonlyMap<string, number> | undefined): number {
  return [...(counts?.values() ?? [])].reduce((all, one) => all + one, 0);
}

function statesOf(cards: readonly SourceCard[]): Partial<Record<SourceCard['state'], number>> {
  const states: Partial<Record<SourceCard['state'], number>> = {};
  for (const { state } of cards) states[state] = (states[state] ?? 0) + 1;
  return states;
}

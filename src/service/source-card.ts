/** A source at a glance: what the watch says of it, what the supervision does with it, and what the ledger counts. Pure. */
import type { SourceConfig } from '../config/config.ts';
import type { Fault } from '../fault/fault.ts';
import type { Doing } from '../import/supervise.ts';
import type { WatchSnapshot } from '../import/watch/watch.ts';
import type { SourceStatus } from '../journal/journal.ts';
import type { SourceCard } from './api/source.ts';
import { shownFault, shownInstant } from './shown.ts';

export interface CardLook {
  readonly origin: 'file' | 'console';
  readonly paused: boolean;
  readonly snapshot: WatchSnapshot | undefined;
  /** As the journal knows it: of one that is not watched, when it was seen last. */
  readonly noted: SourceStatus | undefined;
  /** Undefined for one that is not kept coming in. */
  readonly doing: Doing | undefined;
  readonly rows: number;
  readonly arrivals: number[];
  readonly lagSeconds: number | null;
}

type Seen = Pick<
  SourceCard,
  | 'state'
  | 'stateSince'
  | 'concerns'
  | 'lastPass'
  | 'lastArrival'
  | 'lagSeconds'
  | 'nextLook'
  | 'running'
  | 'messages'
  | 'quarantined'
  | 'openGaps'
  | 'arrivals'
>;

export function sourceCard(config: SourceConfig, look: CardLook): SourceCard {
  const { auth, server, format, everyMs } = config;
  return {
    name: config.name,
    origin: look.origin,
    mailbox: config.mailbox,
    protocol: config.protocol,
    server: `${server.host}:${server.port}`,
    authentication: auth.kind,
    tenant: auth.kind === 'oauth2' ? auth.tenant.name : null,
    format,
    everySeconds: everyMs / 1000,
    paused: look.paused,
    ...seen(config.name, look),
  };
}

/** One that is kept here and cannot be read, so that nothing of it can be begun. */
export function unreadableCard(
  kept: Pick<SourceCard, 'name' | 'mailbox' | 'protocol' | 'authentication'>,
  fault: Fault,
  since: Date,
  look: CardLook,
): SourceCard {
  return {
    ...kept,
    origin: look.origin,
    server: '',
    tenant: null,
    format: 'auto',
    everySeconds: 0,
    paused: look.paused,
    ...seen(kept.name, look),
    state: 'refused',
    stateSince: since.toISOString(),
    concerns: [{ kind: 'definition', since: since.toISOString(), fault: shownFault(fault), folder: null }],
  };
}

function seen(name: string, { paused, snapshot, noted, doing, rows, arrivals, lagSeconds }: CardLook): Seen {
  const verdict = snapshot?.verdicts.get(name);
  const facts = snapshot?.facts.get(name);
  const quarantined = snapshot?.quarantined.get(name) ?? 0;
  const due = doing?.kind === 'waiting' ? doing.dueMs : undefined;
  return {
    state: paused ? 'paused' : doing === undefined ? 'stopped' : (verdict?.state ?? 'new'),
    stateSince: verdict === undefined ? null : new Date(verdict.stateSince).toISOString(),
    concerns: (verdict?.concerns ?? []).map(({ kind, since, fault, folder }) => ({
      kind,
      since: new Date(since.wallMs).toISOString(),
      fault: shownFault(fault),
      folder: folder ?? null,
    })),
    lastPass: instantOf(facts?.lastPass?.wallMs) ?? shownInstant(noted?.lastPass),
    lastArrival: instantOf(facts?.lastArrival?.wallMs) ?? shownInstant(noted?.lastArrival),
    lagSeconds,
    nextLook: instantOf(due),
    running: doing?.kind === 'looking',
    messages: Math.max(0, rows - quarantined),
    quarantined,
    openGaps: snapshot?.gaps.get(name) ?? 0,
    arrivals,
  };
}

function instantOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

/**
 * Which alerts there are to be, and what changed since the last look: opened, renewed (it grew worse), cleared. Pure.
 *
 * The hard thing is to be believed. One expired secret stops a hundred sources and is one alert, its tenant's; what may pass by itself is
 * told only when it lasts; and nothing is called over before it was seen to be over, which after a restart takes until the first look.
 */
import type { Fault } from '../../fault/fault.ts';
import type { Alert, Severity } from '../../journal/journal.ts';
import { type Expiry, expiryFault, expiryStep, expirySteps, isUrgent } from './expiry.ts';
import { ageOf, type Instant, restored } from './instant.ts';
import type { ServiceConcern } from './service-state.ts';
import { type Concern, type ConcernKind, type Heard, type SourceVerdict, stopsMail } from './state.ts';

/** What may pass by itself is alerted when it lasted for so long. */
export const patienceMs = 10 * 60_000;

/** An alert as it should be now. `key` is stable: one is open for a key at a time. */
export interface WantedAlert {
  readonly key: string;
  readonly kind: string;
  readonly severity: Severity;
  /** Undefined where it is the whole service's or a tenant's. */
  readonly source: string | undefined;
  readonly tenant: string | undefined;
  /** Sources that it stops or threatens, by name. */
  readonly sources: readonly string[];
  readonly fault: Fault;
  readonly measure: number;
  readonly since: Instant;
  /** Told at its steps only, never again in between. */
  readonly once: boolean;
}

/** An alert that stands, as this process knows it; `id` is that of the journal, undefined while it could not be noted there. */
export interface OpenAlert extends WantedAlert {
  readonly opened: Instant;
  readonly id: number | undefined;
  readonly acknowledged: boolean;
}

export interface AlertChanges {
  readonly open: ReadonlyMap<string, OpenAlert>;
  readonly opened: readonly OpenAlert[];
  readonly renewed: readonly OpenAlert[];
  readonly cleared: readonly OpenAlert[];
  /** No news, and yet another thing: a credential that was renewed and ends within the steps again. */
  readonly moved: readonly OpenAlert[];
}

export interface WatchedState {
  readonly verdicts: readonly SourceVerdict[];
  readonly service: readonly ServiceConcern[];
  /** Credentials by which others than sources log in. */
  readonly beside: readonly Expiry[];
  /** Of the sources that log in with one. */
  readonly tenantOf: (source: string) => string | undefined;
}

export function wantedAlerts({ verdicts, service, beside, tenantOf }: WatchedState, now: Instant): ReadonlyMap<string, WantedAlert> {
  const wanted = new Map<string, WantedAlert>();
  for (const { source, concerns } of verdicts) {
    for (const concern of concerns) {
      if (concern.mayPass && ageOf(concern.since, now) < patienceMs) continue;
      const alert = ofSource(source, concern, tenantOf(source));
      const other = wanted.get(alert.key);
      wanted.set(alert.key, other === undefined ? alert : { ...other, sources: [...other.sources, source] });
    }
  }
  for (const expiry of beside) {
    const alert = ofTenant(expiry, now);
    if (alert !== undefined && !wanted.has(alert.key)) wanted.set(alert.key, alert);
  }
  for (const { kind, fault, since, severity, about, measure = 0 } of service) {
    const key = ['service', kind, ...(about === undefined ? [] : [about])].join(' ');
    const once = isToldOnce(kind, measure);
    wanted.set(key, { key, kind, severity, source: undefined, tenant: undefined, sources: [], fault, measure, since, once });
  }
  return wanted;
}

/** What is weeks away is told at its steps only; what is over is told until somebody acknowledges it. */
function isToldOnce(kind: string, measure: number): boolean {
  return (kind === 'expiring' || kind === 'certificate') && measure < expirySteps.length;
}

function ofTenant(expiry: Expiry, now: Instant): WantedAlert | undefined {
  const { tenant } = expiry;
  const measure = expiryStep(expiry.daysLeft);
  if (measure === 0) return undefined;
  const kind = 'expiring';
  const severity = isUrgent(measure) ? 'critical' : 'warning';
  const once = isToldOnce(kind, measure);
  return {
    key: `tenant ${tenant} ${kind}`,
    kind,
    severity,
    source: undefined,
    tenant,
    sources: [],
    fault: expiryFault(expiry),
    measure,
    since: now,
    once,
  };
}

function ofSource(source: string, concern: Concern, tenant: string | undefined): WantedAlert {
  const { kind, fault, measure, since, folder } = concern;
  const shared = tenant !== undefined && (kind === 'expiring' || fault.code.startsWith('token.'));
  const subject = shared ? `tenant ${tenant}` : `source ${source}`;
  return {
    key: [subject, kind, ...(folder === undefined ? [] : [folder])].join(' '),
    kind,
    severity: severityOf(concern),
    source: shared ? undefined : source,
    tenant: shared ? tenant : undefined,
    sources: [source],
    fault,
    measure,
    since,
    once: isToldOnce(kind, measure),
  };
}

/** `critical`: mail does not come in, or does not for sure. */
function severityOf({ kind, measure }: Concern): Severity {
  if (kind === 'refused' || kind === 'overdue' || kind === 'gap') return 'critical';
  return kind === 'expiring' && isUrgent(measure) ? 'critical' : 'warning';
}

/** Holds what should be against what stands. */
export function changesOf(
  open: ReadonlyMap<string, OpenAlert>,
  wanted: ReadonlyMap<string, WantedAlert>,
  verdicts: readonly SourceVerdict[],
  now: Instant,
): AlertChanges {
  const next = new Map<string, OpenAlert>();
  const opened: OpenAlert[] = [];
  const renewed: OpenAlert[] = [];
  const cleared: OpenAlert[] = [];
  const moved: OpenAlert[] = [];
  const bySource = new Map(verdicts.map((verdict) => [verdict.source, verdict]));
  for (const alert of wanted.values()) {
    const before = open.get(alert.key);
    if (before === undefined) {
      const made = { ...alert, opened: now, id: undefined, acknowledged: false };
      next.set(alert.key, made);
      opened.push(made);
    } else if (alert.measure > before.measure) {
      const worse = { ...alert, opened: before.opened, id: before.id, acknowledged: false };
      next.set(alert.key, worse);
      renewed.push(worse);
    } else if (endOf(alert) !== endOf(before)) {
      // The steps of the new one are still to be told.
      const other = { ...before, ...alert };
      next.set(alert.key, other);
      moved.push(other);
    } else {
      // The largest measure is kept: what shrinks and grows back to what it was is no news.
      next.set(alert.key, { ...before, ...alert, measure: before.measure });
    }
  }
  for (const alert of open.values()) {
    if (wanted.has(alert.key)) continue;
    if (isOver(alert, bySource)) cleared.push(alert);
    else next.set(alert.key, alert);
  }
  return { open: next, opened, renewed, cleared, moved };
}

/** Of what ends, when; nothing of anything else. */
function endOf({ kind, fault }: WantedAlert): unknown {
  return kind === 'expiring' || kind === 'certificate' ? fault.evidence['expires'] : undefined;
}

/** What has to be seen to work before these are over. The other kinds are looked up, and known at each look. */
const overWith: ReadonlyMap<string, readonly Heard[]> = new Map<ConcernKind, readonly Heard[]>([
  ['refused', ['progress', 'pass']],
  ['throttled', ['progress', 'pass']],
  ['overdue', ['progress', 'pass']],
  ['folder', ['pass']],
  ['missing', ['pass']],
]);

function isOver(alert: OpenAlert, verdicts: ReadonlyMap<string, SourceVerdict>): boolean {
  // Of a source that is watched no more, nobody could ever see that it is over.
  const own = alert.sources.map((source) => verdicts.get(source)).filter((verdict) => verdict !== undefined);
  if (own.length === 0 && alert.sources.length > 0) return true;
  // A source that stops working is not silent any more, and no less without mail for that.
  if (alert.kind === 'silent' || alert.kind === 'voices') {
    return own.every((verdict) => verdict.heard === 'pass' && !verdict.concerns.some(stopsMail));
  }
  const enough = overWith.get(alert.kind);
  return enough === undefined || own.every((verdict) => enough.includes(verdict.heard) || (isShared(alert) && isTold(alert, verdict)));
}

/** Of several sources: one of them that has something else by now does not keep it open, since that is told by another alert. */
function isShared({ source, sources }: OpenAlert): boolean {
  return source === undefined && sources.length > 0;
}

function isTold({ kind, fault }: OpenAlert, { concerns }: SourceVerdict): boolean {
  return concerns.some((one) => one.kind === kind && one.fault.code !== fault.code);
}

/** An alert that an earlier process left open. @param sourcesOf of what they have in common: `tenant contoso`, `server mail.example.com` */
export function reopened(alert: Alert, fault: Fault, sourcesOf: (place: string) => readonly string[], now: Instant): OpenAlert {
  const place = /^(?:tenant|server) \S+(?= )/.exec(alert.key)?.[0];
  const tenant = /^tenant (\S+) /.exec(alert.key)?.[1];
  const opened = restored(alert.opened.getTime(), now);
  return {
    key: alert.key,
    kind: alert.kind,
    severity: alert.severity,
    source: alert.source,
    tenant,
    sources: alert.source === undefined ? (place === undefined ? [] : sourcesOf(place)) : [alert.source],
    fault,
    measure: alert.measure,
    since: opened,
    once: isToldOnce(alert.kind, alert.measure),
    opened,
    id: alert.id,
    acknowledged: alert.acknowledged !== undefined,
  };
}

/** What a person reads first: `source telemessage refused: The client secret has expired.` */
export function headline({ key, source, tenant, kind, fault, sources }: WantedAlert): string {
  const server = /^server \S+(?= )/.exec(key)?.[0];
  const subject = source !== undefined ? `source ${source}` : tenant !== undefined ? `tenant ${tenant}` : (server ?? 'service');
  const others =
    source === undefined && sources.length > 0
      ? ` (${sources.length === 1 ? 'source' : `${sources.length} sources:`} ${firstOf(sources)})`
      : '';
  return `${subject}${others}: ${kind}. ${fault.entry.says}`;
}

function firstOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown}, …` : shown;
}

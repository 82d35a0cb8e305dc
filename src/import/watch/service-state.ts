/** What is wrong with the service as a whole, beside its sources: it has ended, the index, the disk, alerts that reach nobody. Pure. */
import { Fault } from '../../fault/fault.ts';
import type { Severity } from '../../journal/journal.ts';
import { type CertificateEnd, certificateFault, certificateStep } from './certificate-ends.ts';
import { isUrgent } from './expiry.ts';
import { ageOf, type Instant } from './instant.ts';

/** `ended`: a fault has ended the whole import. The next start ends the concern. `certificate`: one of Postern's own ends soon. */
export const serviceConcernKinds = ['ended', 'behind', 'disk', 'certificate', 'undelivered'] as const;
export type ServiceConcernKind = (typeof serviceConcernKinds)[number];

export interface ServiceConcern {
  readonly kind: ServiceConcernKind;
  readonly since: Instant;
  readonly fault: Fault;
  readonly severity: Severity;
  /** Tells two of a kind apart: the way by which alerts do not go, whose certificate it is. */
  readonly about?: string;
  /** How bad, where it can grow: the step of an end. Such a concern is told at its steps only. */
  readonly measure?: number;
}

export interface Disk {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** How many messages are durable and not derived, and since when that number has not come down. */
export interface Lag {
  readonly messages: number;
  readonly stuckSince: Instant;
}

export interface ServiceLook {
  /** What ended the import. */
  readonly ended: Fault | undefined;
  readonly lag: Lag | undefined;
  readonly derivingFault: Fault | undefined;
  readonly disk: Disk | undefined;
  readonly certificates: readonly CertificateEnd[];
  /** Ways whose last attempts failed, since when. */
  readonly undelivered: readonly { readonly way: string; readonly fault: Fault; readonly since: Instant }[];
}

/** Deriving that has not got on for so long is behind. */
export const behindAfterMs = 15 * 60_000;
/** Of the disk's size; on large disks the absolute number counts. */
const leastFreeShare = 0.05;
const leastFreeBytes = 10e9;

/** The lag after a look: its clock starts anew whenever the number comes down, or is zero. */
export function nextLag(before: Lag | undefined, messages: number, now: Instant): Lag {
  const stuck = before !== undefined && messages > 0 && messages >= before.messages && before.messages > 0;
  return { messages, stuckSince: stuck ? before.stuckSince : now };
}

export function isNearlyFull({ freeBytes, sizeBytes }: Disk): boolean {
  return freeBytes < Math.min(sizeBytes * leastFreeShare, leastFreeBytes);
}

export function judgeService(look: ServiceLook, now: Instant, before: readonly ServiceConcern[] = []): readonly ServiceConcern[] {
  const { ended, lag, derivingFault, disk, certificates, undelivered } = look;
  const found: ServiceConcern[] = [];
  if (ended !== undefined) found.push({ kind: 'ended', since: now, fault: ended, severity: 'critical' });
  if (derivingFault !== undefined) found.push({ kind: 'behind', since: now, fault: derivingFault, severity: 'critical' });
  else if (lag !== undefined && ageOf(lag.stuckSince, now) >= behindAfterMs) {
    found.push({
      kind: 'behind',
      since: lag.stuckSince,
      fault: new Fault('watch.behind', { messages: lag.messages }),
      severity: 'warning',
    });
  }
  if (disk !== undefined && isNearlyFull(disk)) {
    const fault = new Fault('watch.disk-nearly-full', { freeBytes: disk.freeBytes, sizeBytes: disk.sizeBytes });
    found.push({ kind: 'disk', since: now, fault, severity: 'critical' });
  }
  for (const one of certificates) {
    const measure = certificateStep(one, now.wallMs);
    if (measure === 0) continue;
    const severity = isUrgent(measure) ? 'critical' : 'warning';
    found.push({ kind: 'certificate', since: now, fault: certificateFault(one, now.wallMs), severity, about: one.of, measure });
  }
  for (const { way, fault, since } of undelivered) {
    const told = new Fault('watch.alert-undelivered', { way, fault: fault.code, ...fault.evidence });
    found.push({ kind: 'undelivered', since, fault: told, severity: 'warning', about: way });
  }
  return found.map((one) => {
    const same = before.find(({ kind, about }) => kind === one.kind && about === one.about);
    return same === undefined ? one : { ...one, since: same.since };
  });
}

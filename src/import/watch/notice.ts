/**
 * What is told of an alert, in the shape that leaves the machine: `postern.alert/1`. docs/monitoring.md describes it field by field.
 *
 * The shape is a promise: fields may be added, none is renamed or given another meaning without another number. No content of a
 * message and no participant's address is in it; a source's name and what a server answered are.
 */
import type { FaultEntry } from '../../fault/entry.ts';
import type { Evidence, Fault } from '../../fault/fault.ts';
import type { Severity } from '../../journal/journal.ts';
import { headline, type OpenAlert } from './alerts.ts';

/** `renewed`: it grew worse. `reminder`: it stands, and nobody has acknowledged it. `cleared`: it is over. */
export type NoticeEvent = 'opened' | 'renewed' | 'reminder' | 'cleared';

export interface Notice {
  readonly schema: 'postern.alert/1';
  readonly event: NoticeEvent;
  /** Different for each event of an alert, the same when one is delivered again: receivers may drop repeats by it. */
  readonly deliveryId: string;
  /** When this was written, RFC 3339. */
  readonly at: string;
  /** The machine that it comes from. */
  readonly host: string;
  readonly alert: {
    /** For `postern import alerts --ack`; null while the journal cannot be written. */
    readonly id: number | null;
    /** One alert is open for a key at a time. */
    readonly key: string;
    readonly kind: string;
    readonly severity: Severity;
    /** The source that it is about; null where it is a tenant's or the whole service's. */
    readonly source: string | null;
    readonly tenant: string | null;
    /** Every source that it stops or threatens. */
    readonly sources: readonly string[];
    /** One line for a person. */
    readonly text: string;
    /** How bad, where it can grow; else 0. */
    readonly measure: number;
    readonly opened: string;
    readonly acknowledged: boolean;
    readonly fault: { readonly code: string } & Pick<FaultEntry, 'says' | 'cause' | 'fix' | 'retry'> & { readonly evidence: Evidence };
  };
}

export function noticeOf(event: NoticeEvent, alert: OpenAlert, host: string, now: number, deliveryId: string): Notice {
  const { key, kind, severity, sources, measure, acknowledged } = alert;
  return {
    schema: 'postern.alert/1',
    event,
    deliveryId,
    at: new Date(now).toISOString(),
    host,
    alert: {
      id: alert.id ?? null,
      key,
      kind,
      severity,
      source: alert.source ?? null,
      tenant: alert.tenant ?? null,
      sources,
      text: headline(alert),
      measure,
      opened: new Date(alert.opened.wallMs).toISOString(),
      acknowledged,
      fault: faultOf(alert.fault),
    },
  };
}

function faultOf(fault: Fault): Notice['alert']['fault'] {
  const { says, cause, fix, retry } = fault.entry;
  return { code: fault.code, says, cause, fix, retry, evidence: fault.evidence };
}

/** A way on which notices leave the machine. */
export interface AlertWay {
  readonly name: 'webhook' | 'mail';
  /** How many notices it takes at a time; a delivery that failed is repeated whole. */
  readonly atOnce: number;
  /** Delivers all or says why not, within a deadline. @throws Fault; the signal's reason */
  deliver(notices: readonly Notice[], signal: AbortSignal): Promise<void>;
}

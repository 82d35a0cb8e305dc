/**
 * What the journal and the code know, in the shapes of the API: faults, runs, alerts, gaps. Routes and live events show the same.
 *
 * The hard thing is what is left out: nothing here holds a secret or a word of a message, and whoever adds to it keeps it so.
 */
import type { FaultCode } from '../fault/catalog.ts';
import { type Evidence, Fault } from '../fault/fault.ts';
import type { Alert as NotedAlert, Gap as NotedGap, Run as NotedRun } from '../journal/journal.ts';
import type { ApiFault } from './api/leaf.ts';
import type { Alert, Gap, Run } from './api/operation.ts';

/** Takes a fault as it is thrown and as the journal remembers it. */
export function shownFault({ code, evidence }: { readonly code: FaultCode; readonly evidence: Evidence }): ApiFault {
  const { says, cause, fix, retry } = new Fault(code, evidence).entry;
  return { code, says, cause, fix, retry, evidence: { ...evidence } };
}

export function shownRun({ id, source, started, ended, outcome, counts, fault }: NotedRun): Run {
  return {
    id,
    source,
    started: started.toISOString(),
    ended: shownInstant(ended),
    outcome: outcome ?? null,
    counts: counts === undefined ? null : { ...counts },
    fault: fault === undefined ? null : shownFault(fault),
  };
}

export function shownAlert(alert: NotedAlert): Alert {
  const { id, kind, severity, source, text, fault, opened, lastSeen, lastTold, acknowledged, cleared } = alert;
  return {
    id,
    kind,
    severity,
    source: source ?? null,
    text,
    fault: fault === undefined ? null : shownFault(fault),
    opened: opened.toISOString(),
    lastSeen: lastSeen.toISOString(),
    lastTold: shownInstant(lastTold),
    acknowledged: acknowledged === undefined ? null : { ...acknowledged, at: acknowledged.at.toISOString() },
    cleared: shownInstant(cleared),
  };
}

export function shownGap(gap: NotedGap): Gap {
  const { id, source, folder, uidValidity, uid, uidl, openedBy, opened, lastSeen } = gap;
  return {
    id,
    source,
    folder,
    uidValidity: uidl === undefined ? uidValidity : null,
    uid: uidl === undefined ? uid : null,
    uidl: uidl ?? null,
    internalDate: shownInstant(gap.internalDate),
    messageId: gap.messageId ?? null,
    bytes: gap.announcedBytes ?? null,
    openedBy,
    opened: opened.toISOString(),
    lastSeen: lastSeen.toISOString(),
    closed: shownInstant(gap.closed),
    closure: gap.closure ?? null,
    explanation: gap.explanation ?? null,
  };
}

export function shownInstant(at: Date | undefined): string | null {
  return at?.toISOString() ?? null;
}

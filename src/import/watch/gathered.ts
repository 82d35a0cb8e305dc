/**
 * One alert for what many sources have at once: an outage of a tenant or of a server is one thing to mend, and one to be told of. Pure.
 *
 * The hard thing is that an outage is not seen at once: source after source is late. The first few are told one by one, for they may be all
 * there is; from then on those that join are in one alert, which stands until the last of them works. Once somebody has acknowledged
 * it, it holds no others unnoticed: a few are told by themselves, many tell it anew.
 */
import { Fault } from '../../fault/fault.ts';
import type { OpenAlert, WantedAlert } from './alerts.ts';
import type { ConcernKind } from './state.ts';

/** With so many it is no matter of single mailboxes any more. */
export const manyFrom = 5;

const spreading: ReadonlySet<string> = new Set<ConcernKind>(['refused', 'throttled', 'overdue']);

/** @param placeOf what a source has in common with others: `tenant contoso`, `server mail.example.com` */
export function gathered(
  wanted: ReadonlyMap<string, WantedAlert>,
  placeOf: (source: string) => string | undefined,
  open: ReadonlyMap<string, OpenAlert>,
): ReadonlyMap<string, WantedAlert> {
  const alike = new Map<string, WantedAlert[]>();
  for (const alert of wanted.values()) {
    const place = alert.source === undefined || !spreading.has(alert.kind) ? undefined : placeOf(alert.source);
    if (place === undefined) continue;
    const key = `${place} ${alert.kind} ${alert.fault.code}`;
    alike.set(key, [...(alike.get(key) ?? []), alert]);
  }
  const next = new Map(wanted);
  for (const [key, alerts] of alike) {
    const standing = open.get(key);
    if (standing === undefined && alerts.length < manyFrom) continue;
    // What was told by itself stays by itself.
    const untold = alerts.filter((one) => !open.has(one.key));
    const known = untold.filter(({ sources: [name] }) => standing?.sources.includes(name ?? '') ?? false);
    const others = untold.filter((one) => !known.includes(one));
    const isMore = standing?.acknowledged === true && others.length >= manyFrom;
    const members = standing?.acknowledged === true && !isMore ? known : untold;
    const [first] = members;
    if (first === undefined) continue;
    for (const one of members) next.delete(one.key);
    next.set(key, asOne(key, first, members, (standing?.measure ?? 0) + (isMore ? 1 : 0)));
  }
  return next;
}

function asOne(key: string, first: WantedAlert, members: readonly WantedAlert[], measure: number): WantedAlert {
  const tenant = /^tenant (\S+) /.exec(key)?.[1];
  const sources = members.flatMap((one) => one.sources);
  // As it was seen with one of them.
  const fault = new Fault(first.fault.code, { ...first.fault.evidence, source: sources[0] ?? '', sources: sources.length });
  return { ...first, key, source: undefined, tenant, sources, fault, measure };
}

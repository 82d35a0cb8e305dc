/**
 * Takes over what the configuration file says now, while the service runs.
 *
 * The hard thing is that nothing may be half done. Everything that can be refused (the file, an address of the proxy, a name under which
 * another mailbox came in) is asked before anything changes; after that, what is the same is not touched, what is gone ends before anything
 * begins, and each source is replaced by its own turn.
 */
import type { Config } from '../config/config.ts';
import type { Definitions } from '../definitions/definitions.ts';
import type { ProxyPort } from '../proxy/port.ts';
import { Turns } from '../runtime/turns.ts';
import type { TakenOver } from './api/configuration.ts';
import type { ImportEngine } from './import-engine.ts';
import { type LiveConfig, saysTheSame } from './live-config.ts';
import { shownFault } from './shown.ts';

export interface TakeOverParts {
  readonly live: LiveConfig;
  /** Reads the file. @throws Fault config.* */
  readonly read: () => Promise<Config>;
  readonly engine: ImportEngine;
  readonly definitions: Pick<Definitions, 'findAll' | 'paused'>;
  readonly proxy: ProxyPort | undefined;
  /** The ways of the alerts, where they are of the same kinds as before. @returns false: they count after a restart only */
  readonly setAlerts: (alerts: Config['alerts']) => boolean;
  /** The tenant is another one now: what its token said means nothing any more. */
  readonly onTenantChanged: (name: string) => void;
}

/** @returns takes the file over, one after the other. @throws Fault config.*, import.other-mailbox, proxy.*; then nothing has changed */
export function takingOver(parts: TakeOverParts): () => Promise<TakenOver> {
  const turns = new Turns();
  const state: State = { alertsWait: false };
  return () => turns.take('file', () => takeOver(parts, state));
}

interface State {
  /** What the file says of alerts is not in force before a restart. */
  alertsWait: boolean;
}

async function takeOver(parts: TakeOverParts, state: State): Promise<TakenOver> {
  const { live, read, engine, definitions, proxy, setAlerts, onTenantChanged } = parts;
  const next = await read();
  const before = { ...live.config };
  for (const source of next.sources) {
    if (saysTheSame(before.sources.find(({ name }) => name === source.name)?.mailbox, source.mailbox)) continue;
    const objection = await engine.objection(source);
    if (objection !== undefined) throw objection;
  }
  const takesProxy = proxy !== undefined && next.proxy !== undefined && !saysTheSame(before.proxy, next.proxy);
  const afterRestart = changedForGood(before, next, proxy !== undefined);
  const paused = await definitions.paused();
  if (takesProxy) await proxy.reload(next.proxy);
  live.take({ ...next, proxy: takesProxy ? next.proxy : before.proxy });
  for (const [name, tenant] of before.tenants) if (live.config.tenants.get(name) !== tenant) onTenantChanged(name);
  const found = await definitions.findAll();
  const { began, changed, ended, faults } = await engine.takeOver(live.config.sources, found, paused);
  const newAlerts = live.config.alerts !== before.alerts;
  const takesAlerts = newAlerts && setAlerts(live.config.alerts);
  if (newAlerts) state.alertsWait = !takesAlerts;
  return {
    began,
    changed,
    ended,
    notBegun: faults.map(({ name, fault }) => ({ source: name, fault: shownFault(fault) })),
    alerts: takesAlerts,
    proxy: takesProxy,
    afterRestart: state.alertsWait ? [...afterRestart, 'alerts'] : afterRestart,
  };
}

function changedForGood(before: Config, next: Config, hasProxy: boolean): string[] {
  const keys = ['service', 'import'] as const;
  return [
    ...(before.dataFolder === next.dataFolder ? [] : ['data']),
    ...keys.filter((key) => !saysTheSame(before[key], next[key])),
    ...(hasProxy === (next.proxy !== undefined) ? [] : ['proxy']),
  ];
}

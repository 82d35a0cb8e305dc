/** The plan of this moment, and the ports to apply it. */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../runtime/clock.ts';
import { type ApplyPorts, observeOptions } from '../setup/apply.ts';
import { observe, observedHash } from '../setup/observed.ts';
import { desiredText, makePlan } from '../setup/plan.ts';
import type { Plan, Step } from '../setup/step.ts';
import type { AdminClients, SetupTenant } from './setup-wiring.ts';

/** @throws Fault graph.*, exchange.*, signin.*, setup.* */
export async function planNow(tenant: SetupTenant, clients: AdminClients, onProgress: (what: string) => void): Promise<Plan> {
  const { desired, notes, store } = tenant;
  const options = await observeOptions({ ...clients, notes, store });
  const observed = await observe(desired, { ...options, onProgress });
  return makePlan(desired, observed, observedHash(observed), desiredText(desired), systemClock.now());
}

/** M365 (recorded): a change is seen everywhere after seconds to some minutes; up to 90 minutes until a mailbox opens, which is verify's. */
const waitMs = 15 * 60_000;
const reads = 3;

/** @param onStep told of each step; `onWait` of a change that is not seen yet */
export function applyPorts(
  { notes, store }: SetupTenant,
  { graph, exchange, actor }: AdminClients,
  signal: AbortSignal,
  told: { readonly onStep: (step: Step, phase: 'begin' | 'done') => void; readonly onWait: (what: string, waitedMs: number) => void },
): ApplyPorts {
  return { graph, exchange, actor, notes, store, signal, run: randomUUID().slice(0, 8), clock: systemClock, waitMs, reads, ...told };
}

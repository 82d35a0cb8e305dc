/**
 * Sign-ins of administrators, so that a tenant can be looked at from the console: by a code on another page, for reading only.
 *
 * The hard thing is what an administrator's token could do in other hands: it asks for reading, it stays in memory for one look, it is
 * never handed out, and it is forgotten with the end of the look. A browser that is closed says nothing, so a sign-in that nobody asks for
 * any more is ended.
 */
import { randomUUID } from 'node:crypto';
import { invokeCommand } from '../../admin/exchange/invoke-command.ts';
import { graphClient } from '../../admin/graph/client.ts';
import { deviceCodeSignIn } from '../../admin/sign-in/device-code.ts';
import type { SignInPlace, SignInPorts } from '../../admin/sign-in/oauth.ts';
import { publicClients, signInSession } from '../../admin/sign-in/session.ts';
import { resolveTenantId } from '../../admin/tenant-id.ts';
import { Fault, isFault } from '../../fault/fault.ts';
import { observeOptions } from '../../setup/apply.ts';
import { setupNotes } from '../../setup/notes.ts';
import { observe, observedHash } from '../../setup/observed.ts';
import { desiredText, makePlan } from '../../setup/plan.ts';
import type { Plan } from '../../setup/step.ts';
import type { PlanSignIn } from '../api/tenant.ts';
import type { ServiceParts } from '../parts.ts';
import { shownFault } from '../shown.ts';
import { type DesiredAccess, desiredAccess } from './desired-access.ts';
import { planView } from './plan-view.ts';
import type { KnownTenant } from './tenants.ts';

/** Two administrators and a second try of each. */
const atOnce = 4;
/** What has ended can be asked for so long. */
const keptMs = 15 * 60_000;
/** A page in the background (the person is on Microsoft's) is allowed by browsers to ask once a minute. */
const unheardMs = 180_000;

interface Entry {
  state: PlanSignIn;
  readonly stop: AbortController;
  /** Ends it when nobody has asked for long. */
  unheard: NodeJS.Timeout | undefined;
}

export class SignIns {
  readonly #parts: ServiceParts;
  readonly #unheardMs: number;
  readonly #signIns = new Map<string, Entry>();

  constructor(parts: ServiceParts, options: { readonly unheardMs?: number } = {}) {
    this.#parts = parts;
    this.#unheardMs = options.unheardMs ?? unheardMs;
  }

  /** @throws Fault tests.too-many, setup.no-graph */
  start(known: KnownTenant, oid: string | undefined): PlanSignIn {
    graphOf(known);
    const running = [...this.#signIns.values()].filter(({ state }) => state.state === 'waiting' || state.state === 'looking').length;
    if (running >= atOnce) throw new Fault('tests.too-many', { running });
    const id = randomUUID();
    const stop = new AbortController();
    const state: PlanSignIn = {
      id,
      state: 'waiting',
      says: 'Asking for a code …',
      page: null,
      code: null,
      expires: null,
      plan: null,
      fault: null,
    };
    const entry: Entry = { state, stop, unheard: undefined };
    this.#signIns.set(id, entry);
    this.#heard(entry);
    const change = (part: Partial<PlanSignIn>): void => {
      entry.state = { ...entry.state, ...part };
    };
    const over = { page: null, code: null, expires: null } as const;
    const access = desiredAccess(known);
    this.#look(known, access, AbortSignal.any([stop.signal, this.#parts.signal]), change)
      .then((plan) =>
        change({ ...over, state: 'done', says: 'Looked at.', plan: planView(known, access, plan, plan.ids.principalId ?? oid) }),
      )
      .catch((error: unknown) => {
        if (stop.signal.aborted || this.#parts.signal.aborted) return change({ ...over, state: 'failed', says: 'It was stopped.' });
        if (!isFault(error)) this.#parts.onBug(error);
        const fault = isFault(error) ? error : new Fault('service.broken', {});
        change({ ...over, state: 'failed', says: fault.entry.says, fault: shownFault(fault) });
      })
      .finally(() => {
        clearTimeout(entry.unheard);
        setTimeout(() => this.#signIns.delete(id), keptMs).unref();
      });
    return entry.state;
  }

  /** @throws Fault service.not-found */
  get(id: string): PlanSignIn {
    const entry = this.#of(id);
    this.#heard(entry);
    return entry.state;
  }

  stop(id: string): void {
    this.#of(id).stop.abort(new Error('stopped by the asker'));
  }

  #heard(entry: Entry): void {
    clearTimeout(entry.unheard);
    entry.unheard = setTimeout(() => entry.stop.abort(new Error('nobody asks for it')), this.#unheardMs).unref();
  }

  #of(id: string): Entry {
    const found = this.#signIns.get(id);
    if (found === undefined) throw new Fault('service.not-found', { signIn: id });
    return found;
  }

  async #look(
    known: KnownTenant,
    { desired, store }: DesiredAccess,
    signal: AbortSignal,
    change: (part: Partial<PlanSignIn>) => void,
  ): Promise<Plan> {
    const { tenant } = known;
    const { clock, request, random, config } = this.#parts;
    const { cloud, ca } = tenant;
    const origin = graphOf(known);
    const tenantId = await resolveTenantId(cloud.authority, tenant.tenantId, ca, { request, signal });
    const exchange = new URL(cloud.scope.replace(/\/\.default$/, '')).origin;
    const place: SignInPlace = {
      authority: cloud.authority,
      tenantId,
      origins: { graph: cloud.graphResource ?? origin, exchange },
      ca,
    };
    const ports: SignInPorts = { request, clock, tell: () => undefined };
    const signIn = deviceCodeSignIn(place, ports, ({ page, userCode, resource, lifeMs }) =>
      change({
        state: 'waiting',
        says: resource === 'graph' ? 'Sign in for Entra.' : 'Sign in once more, for Exchange.',
        page,
        code: userCode,
        expires: new Date(clock.now() + lifeMs).toISOString(),
      }),
    );
    const tokens = signInSession({ place, purpose: 'look', clients: publicClients }, ports, signIn);
    // Both before anything is looked at, so that nobody has to come back in the middle.
    await tokens.token('graph', signal);
    if (cloud.exchangeAdmin !== undefined) await tokens.token('exchange', signal);
    change({ state: 'looking', says: 'Looking at the tenant …', page: null, code: null, expires: null });
    const shared = { request, clock, random, tokens, signal };
    const graph = graphClient(origin, ca, shared);
    const admin = cloud.exchangeAdmin === undefined ? undefined : invokeCommand({ origin: cloud.exchangeAdmin, tenantId, ca }, shared);
    try {
      const options = await observeOptions({ graph, exchange: admin, notes: setupNotes(config.dataFolder, tenant.name), store });
      const observed = await observe(desired, { ...options, onProgress: (what) => change({ says: `${what} …` }) });
      return makePlan(desired, observed, observedHash(observed), desiredText(desired), clock.now());
    } finally {
      await admin?.close();
    }
  }
}

/** Where Graph is asked. */
function graphOf({ tenant: { name, cloud } }: KnownTenant): string {
  if (cloud.graph === undefined) throw new Fault('setup.no-graph', { tenant: name, authority: cloud.authority });
  return cloud.graph;
}

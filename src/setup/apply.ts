/**
 * Does the steps of a plan, one by one: looks first, does, and reads back until the tenant agrees; notes each before and after.
 *
 * The hard thing is to be cut off anywhere. Each step but the credential's can be repeated, because it is looked for before it is made.
 * A secret cannot: so its name is used once and noted before it is asked for; one that was asked for and never stored is removed.
 */
import type { ExchangeAdmin } from '../admin/exchange/admin.ts';
import {
  addFullAccess,
  addSendAs,
  type ClientAccess,
  getClientAccess,
  getPointers,
  getScope,
  hasFullAccess,
  isInScope,
  listRoleAssignments,
  newPointer,
  newRoleAssignment,
  newScope,
  type Pointer,
  removeFullAccess,
  removePointer,
  removeSendAs,
  rightsOf,
  setClientAccess,
  setScope,
} from '../admin/exchange/cmdlets.ts';
import { addFederated, changeApplication, getApplication, listFederated, putApplication } from '../admin/graph/applications.ts';
import type { GraphClient } from '../admin/graph/client.ts';
import {
  assignRole,
  enableServicePrincipal,
  getServicePrincipal,
  listAssignments,
  listDelegatedGrants,
  putServicePrincipal,
  removeDelegatedScope,
} from '../admin/graph/service-principals.ts';
import type { Application, SecretInfo } from '../admin/graph/shapes.ts';
import { Fault, isFault } from '../fault/fault.ts';
import { addCertificate, addSecret, lostSecrets, noteInUse, removeNamed, retireStrays } from './credential.ts';
import type { CredentialStore } from './credential-store.ts';
import { type Desired, newAppName, ourNote, ourPrefix, sendRole } from './desired.ts';
import { type Kept, keptOf, nothingKept, type SetupNotes } from './notes.ts';
import { canonical, type Observed, type ObserveOptions, observe, observedHash } from './observed.ts';
import { isThereAlready, isTooEarly, isUnknown, onceKnown, type Patience, untilSeen } from './patience.ts';
import { makePlan } from './plan.ts';
import type { Plan, Step } from './step.ts';

export interface ApplyPorts extends Patience {
  readonly graph: GraphClient;
  /** Undefined: only the steps of Entra are done. */
  readonly exchange: ExchangeAdmin | undefined;
  readonly notes: SetupNotes;
  readonly store: CredentialStore;
  /** Names this run in the journal and in the name of its secret. */
  readonly run: string;
  /** Who signed in, for the journal. */
  readonly actor: string;
  readonly onStep: (step: Step, phase: 'begin' | 'done') => void;
}

/**
 * @returns the number of steps that were done
 * @throws Fault setup.plan-stale before anything is done; setup.blocked; whatever stopped a step, with the steps before it done
 */
export async function apply(desired: Desired, plan: Plan, ports: ApplyPorts): Promise<number> {
  const observed = await observe(desired, await observeOptions(ports));
  const hash = observedHash(observed);
  // The same wish and the same tenant give the same plan: what a file says besides that is not done.
  const now = makePlan(desired, observed, hash, plan.desired, ports.clock.now());
  if (hash !== plan.observed || canonical(now.steps) !== canonical(plan.steps))
    throw new Fault('setup.plan-stale', { tenant: desired.tenant });
  const blocked = now.remarks.filter((remark) => remark.kind === 'blocked');
  if (blocked.length > 0) throw new Fault('setup.blocked', { remarks: blocked.map((one) => one.text).join(' ') });
  const run = new Run(desired, observed, ports);
  // Also where nothing is to be done: notes that were lost would otherwise stay so, and the app with them.
  if (observed.entra.app !== undefined) {
    run.keepIds();
    noteInUse(observed.entra.app, observed.entra, ports);
  }
  for (const step of plan.steps) {
    ports.signal.throwIfAborted();
    await run.step(step);
  }
  return plan.steps.length;
}

/** What a plan is made from, and looked at again before it is applied. */
export async function observeOptions(ports: Pick<ApplyPorts, 'graph' | 'exchange' | 'notes' | 'store'>): Promise<ObserveOptions> {
  const { graph, exchange, notes, store } = ports;
  return { graph, exchange, lost: lostSecrets(notes), storedHint: await store.hint(), kept: notes.read() };
}

class Run {
  readonly #desired: Desired;
  readonly #ports: ApplyPorts;
  readonly #resourceId: string;
  #app: Application | undefined;
  #principalId: string | undefined;
  #sid: string | undefined;
  readonly #secretsBefore: readonly SecretInfo[];

  constructor(desired: Desired, { entra, exchange }: Observed, ports: ApplyPorts) {
    this.#desired = desired;
    this.#ports = ports;
    this.#resourceId = entra.resource.id;
    this.#app = entra.app;
    this.#principalId = entra.principal?.id;
    this.#secretsBefore = entra.app?.passwordCredentials ?? [];
    this.#sid = exchange?.pointers.find((one) => one.objectId === entra.principal?.id)?.sid || undefined;
  }

  async step(step: Step): Promise<void> {
    const { notes, run, actor, clock, onStep } = this.#ports;
    const note = (event: string, more: Readonly<Record<string, unknown>> = {}): void =>
      notes.note({ at: new Date(clock.now()).toISOString(), run, actor, event, step: step.id, ...more });
    note('begin');
    onStep(step, 'begin');
    try {
      await this.#do(step);
    } catch (error) {
      if (error instanceof Fault) note('failed', { code: error.code });
      throw error;
    }
    note('done');
    this.keepIds();
    onStep(step, 'done');
  }

  /** Notes the ids, as far as they are known. */
  keepIds(): void {
    this.#keep();
  }

  async #do({ act, key }: Step): Promise<void> {
    const { graph } = this.#ports;
    const { uniqueName, displayName, audience } = this.#desired.app;
    switch (act.kind) {
      case 'create-app': {
        await this.#settled(() =>
          putApplication(graph, uniqueName, { displayName: displayName ?? newAppName, signInAudience: audience, notes: ourNote }),
        );
        await this.#seen('the app registration', async () => {
          this.#app = await getApplication(graph, { by: 'uniqueName', value: uniqueName });
          return this.#app !== undefined;
        });
        return;
      }
      case 'adopt-app':
        return await changeApplication(graph, act.appObjectId, { uniqueName: act.uniqueName });
      case 'change-app':
        return await changeApplication(graph, act.appObjectId, act.change);
      case 'request-roles':
        return await this.#early('the app registration', () =>
          changeApplication(graph, this.#appNow.id, { requiredResourceAccess: act.requiredResourceAccess }),
        );
      case 'create-principal': {
        const { appId } = this.#appNow;
        await this.#early('the app registration', () => this.#settled(() => putServicePrincipal(graph, appId)));
        await this.#seen('the service principal', async () => {
          this.#principalId = (await getServicePrincipal(graph, appId))?.id;
          return this.#principalId !== undefined;
        });
        return;
      }
      case 'enable-principal':
        return await enableServicePrincipal(graph, this.#principalNow);
      case 'consent': {
        const wanted = { principalId: this.#principalNow, resourceId: this.#resourceId, appRoleId: act.roleId };
        await this.#early('the service principal', () => this.#settled(() => assignRole(graph, wanted)));
        return await this.#seen(`the consent to ${act.role}`, async () =>
          (await listAssignments(graph, this.#principalNow)).some(
            (one) => one.appRoleId === act.roleId && one.resourceId === this.#resourceId,
          ),
        );
      }
      case 'remove-delegated': {
        const grant = (await listDelegatedGrants(graph, this.#principalNow)).find((one) => one.id === act.grantId);
        if (grant !== undefined) await removeDelegatedScope(graph, grant, act.scope);
        return;
      }
      case 'remove-secret':
        return await removeNamed(this.#appNow.id, act.name, this.#ports);
      case 'add-secret':
        await this.#noneMeanwhile();
        await addSecret(this.#appNow, act.days, this.#ports);
        return await retireStrays(this.#appNow, this.#overlapDays, this.#ports);
      case 'add-certificate':
        return await addCertificate(this.#appNow, uniqueName, act.days, this.#ports);
      case 'add-federated': {
        const { kind: _, audience: forWhom, ...rest } = act;
        const known = async (): Promise<boolean> =>
          (await listFederated(graph, this.#appNow.id)).some((one) => one.issuer === act.issuer && one.subject === act.subject);
        await this.#early('the app registration', () =>
          this.#settled(() => addFederated(graph, this.#appNow.id, { ...rest, audiences: [forWhom] })),
        );
        return await this.#seen(`the federated credential ${key}`, known);
      }
      default:
        return await this.#doInExchange(act);
    }
  }

  async #doInExchange(
    act: Extract<
      Step['act'],
      {
        kind:
          | 'create-pointer'
          | 'remove-pointer'
          | 'grant'
          | 'send-as'
          | 'revoke'
          | 'client-access'
          | 'create-scope'
          | 'change-scope'
          | 'assign-sending';
      }
    >,
  ): Promise<void> {
    const { exchange } = this.#ports;
    const { appId, displayName } = this.#appNow;
    if (exchange === undefined) throw new Error('a step of Exchange in a plan for Entra only');
    switch (act.kind) {
      case 'remove-pointer':
        await this.#settled(() => removePointer(exchange, act.objectId));
        return await this.#seen(
          'the removal of the pointer',
          async () => !(await getPointers(exchange, appId)).some((one) => one.objectId === act.objectId),
        );
      case 'create-pointer': {
        await this.#early('the service principal, in Exchange', () =>
          this.#settled(() => newPointer(exchange, appId, this.#principalNow, displayName ?? newAppName)),
        );
        return await this.#seen('the pointer', async () => (await this.#pointer()) !== undefined);
      }
      case 'revoke': {
        const { address, trustee, right } = act;
        await this.#settled(() =>
          right === 'full-access' ? removeFullAccess(exchange, address, trustee) : removeSendAs(exchange, address, trustee),
        );
        await this.#seen(`the removal on ${address}`, async () => {
          const pointer = (await getPointers(exchange, appId)).find((one) => one.objectId === trustee);
          return pointer === undefined || (await rightsOf(exchange, address, pointer, right)).every((one) => one.inherited);
        });
        // What a wrong pointer had was not noted; what the right one has stays noted.
        if (trustee === this.#principalId) this.#keep((kept) => ({ granted: withoutGrant(kept.granted, address, right) }));
        return;
      }
      case 'create-scope':
      case 'change-scope':
        await this.#settled(() => (act.kind === 'create-scope' ? newScope(exchange, act) : setScope(exchange, act)));
        return await this.#seen('the management scope', async () => (await getScope(exchange, act.name))?.filter === act.filter);
      case 'assign-sending': {
        const objectId = this.#principalNow;
        await this.#early('the pointer', () =>
          this.#settled(() => newRoleAssignment(exchange, { name: act.name, role: sendRole, scope: act.scope }, objectId)),
        );
        return await this.#seen('the role assignment', async () => {
          const mine = await listRoleAssignments(exchange, sendRole, { appId, objectId });
          if (!mine.some((one) => one.name === act.name && one.scope === act.scope)) return false;
          for (const mailbox of act.mailboxes) if (!(await isInScope(exchange, sendRole, objectId, mailbox))) return false;
          return true;
        });
      }
      case 'grant':
        // Noted first: what is noted and not there does no harm, what is there and not noted would stay.
        this.#keep((kept) => ({ granted: withGrant(kept.granted, act.address, 'full-access') }));
        await this.#early('the pointer', () => this.#settled(() => addFullAccess(exchange, act.address, this.#principalNow)));
        return await this.#seen(`FullAccess on ${act.address}`, async () => {
          const pointer = await this.#pointer();
          return pointer !== undefined && hasFullAccess(await rightsOf(exchange, act.address, pointer, 'full-access'), pointer);
        });
      case 'send-as':
        this.#keep((kept) => ({ granted: withGrant(kept.granted, act.address, 'send-as') }));
        await this.#early('the pointer', () => this.#settled(() => addSendAs(exchange, act.address, this.#principalNow)));
        return await this.#seen(`SendAs for ${act.address}`, async () => {
          const pointer = await this.#pointer();
          return pointer !== undefined && (await rightsOf(exchange, act.address, pointer, 'send-as')).length > 0;
        });
      case 'client-access': {
        const before = await getClientAccess(exchange, act.address);
        if (before !== undefined) this.#keepSwitches(act.address, act.change, before);
        await this.#settled(() => setClientAccess(exchange, act.address, act.change));
        await this.#seen(`the switches of ${act.address}`, async () => {
          const access = await getClientAccess(exchange, act.address);
          return access !== undefined && Object.entries(act.change).every(([name, value]) => Reflect.get(access, name) === value);
        });
        return;
      }
      default:
        act satisfies never;
    }
  }

  /** Two who apply at once would each make a secret, and only one of the two could stay stored. @throws Fault setup.plan-stale */
  async #noneMeanwhile(): Promise<void> {
    const app = await getApplication(this.#ports.graph, { by: 'id', value: this.#appNow.id });
    const isNew = ({ keyId, displayName }: SecretInfo): boolean =>
      displayName?.startsWith(ourPrefix) === true && !this.#secretsBefore.some((one) => one.keyId === keyId);
    if (app?.passwordCredentials.some(isNew) === true) throw new Fault('setup.plan-stale', { tenant: this.#desired.tenant });
  }

  async #pointer(): Promise<Pointer | undefined> {
    const { exchange } = this.#ports;
    if (exchange === undefined) return undefined;
    const found = (await getPointers(exchange, this.#appNow.appId)).find((one) => one.objectId === this.#principalId);
    if (found !== undefined && found.sid !== '') this.#sid = found.sid;
    return found;
  }

  /** What is there already, and what may have been done, is settled by reading it back. */
  async #settled(act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!isThereAlready(error) && !isUnknown(error) && !isFault(error, 'graph.conflict')) throw error;
    }
  }

  async #early(what: string, act: () => Promise<void>): Promise<void> {
    await onceKnown(what, this.#ports, isTooEarly, act);
  }

  async #seen(what: string, isSeen: () => Promise<boolean>): Promise<void> {
    await untilSeen(what, this.#ports, isSeen);
  }

  get #appNow(): Application {
    if (this.#app === undefined) throw new Error('a step that wants the app comes before the one that makes it');
    return this.#app;
  }

  get #principalNow(): string {
    if (this.#principalId === undefined) throw new Error('a step that wants the service principal comes before the one that makes it');
    return this.#principalId;
  }

  get #overlapDays(): number {
    const { credential } = this.#desired;
    return credential.kind === 'federated' ? 0 : credential.overlapDays;
  }

  /** Noted first: destroy sets back what stands here, and a switch that was never turned is set back to what it is. */
  #keepSwitches(address: string, change: object, before: ClientAccess): void {
    const known = this.#ports.notes.read()?.switched.find((one) => one.address === address)?.was ?? {};
    // What was noted first is how it was before the setup; a switch that is turned only now is added.
    const was = { ...Object.fromEntries(Object.keys(change).map((name) => [name, Reflect.get(before, name)])), ...known };
    this.#keep(({ switched }) => ({ switched: [...switched.filter((one) => one.address !== address), { address, was }] }));
  }

  #keep(change: (kept: Kept) => Partial<Kept> = () => ({})): void {
    if (this.#app === undefined) return;
    const { notes } = this.#ports;
    const ids = { appId: this.#app.appId, appObjectId: this.#app.id };
    const known: Kept = { ...nothingKept, ...keptOf(notes.read(), ids.appId), ...ids };
    const principal = this.#principalId === undefined ? {} : { principalId: this.#principalId };
    const sid = this.#sid === undefined ? {} : { sid: this.#sid };
    notes.keep({ ...known, ...principal, ...sid, ...change(known) });
  }
}

function withGrant(granted: Kept['granted'], address: string, right: Kept['granted'][number]['right']): Kept['granted'] {
  return [...withoutGrant(granted, address, right), { address, right }];
}

function withoutGrant(granted: Kept['granted'], address: string, right: Kept['granted'][number]['right']): Kept['granted'] {
  return granted.filter((one) => one.address.toLowerCase() !== address.toLowerCase() || one.right !== right);
}

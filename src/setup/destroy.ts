/**
 * Takes away what the setup made, in the order in which nothing is left dangling: rights on mailboxes first, the app last.
 *
 * The hard thing is to take no more than that: only grants of this app's own pointer, only switches that the setup turned on, and an app
 * that was made by hand keeps what others gave it. The app goes softly: for 30 days it can be restored.
 */
import type { ExchangeAdmin } from '../admin/exchange/admin.ts';
import {
  type ClientAccess,
  getClientAccess,
  getMailboxPermissions,
  getPointers,
  getSendAs,
  isOf,
  listMailboxes,
  type Pointer,
  removeFullAccess,
  removePointer,
  removeSendAs,
  setClientAccess,
} from '../admin/exchange/cmdlets.ts';
import { deleteApplication, getApplication, purgeDeleted } from '../admin/graph/applications.ts';
import type { GraphClient } from '../admin/graph/client.ts';
import { deleteServicePrincipal, removeAssignment } from '../admin/graph/service-principals.ts';
import { isFault } from '../fault/fault.ts';
import type { Desired } from './desired.ts';
import type { Kept, SetupNotes } from './notes.ts';
import type { Observed } from './observed.ts';
import { type Patience, untilSeen } from './patience.ts';

export type DestroyAct =
  | { readonly kind: 'revoke'; readonly address: string; readonly trustee: string }
  | { readonly kind: 'revoke-send-as'; readonly address: string; readonly trustee: string }
  | { readonly kind: 'switch-back'; readonly address: string; readonly was: Kept['switched'][number]['was'] }
  | { readonly kind: 'remove-pointer'; readonly objectId: string }
  | { readonly kind: 'remove-consent'; readonly id: string; readonly resourceId: string }
  | { readonly kind: 'delete-principal'; readonly principalId: string }
  | { readonly kind: 'delete-app'; readonly appObjectId: string };

export interface DestroyStep {
  readonly plane: 'entra' | 'exchange';
  readonly object: string;
  readonly key: string;
  readonly act: DestroyAct;
}

export interface DestroyLook {
  readonly exchange: ExchangeAdmin | undefined;
  /** Looks at every mailbox of the organisation for grants of this app, not only at those that are listed. */
  readonly allMailboxes: boolean;
  readonly onProgress: (what: string) => void;
}

/** What there is to take away, in the order in which it is. Changes nothing. */
export async function planDestroy(
  desired: Desired,
  { entra }: Observed,
  kept: Kept | undefined,
  look: DestroyLook,
): Promise<readonly DestroyStep[]> {
  const steps: DestroyStep[] = [];
  if (look.exchange !== undefined && entra.app !== undefined) {
    steps.push(...(await inExchange(look.exchange, entra.app.appId, desired, kept, look)));
  }
  for (const { id, resourceId, role } of entra.principal?.assignments ?? []) {
    steps.push({ plane: 'entra', object: 'admin consent', key: role, act: { kind: 'remove-consent', id, resourceId } });
  }
  if (entra.principal !== undefined) {
    const { id } = entra.principal;
    steps.push({
      plane: 'entra',
      object: 'service principal (Enterprise application)',
      key: id,
      act: { kind: 'delete-principal', principalId: id },
    });
  }
  if (entra.app !== undefined) {
    const { id, appId } = entra.app;
    steps.push({
      plane: 'entra',
      object: 'app registration with its credentials (restorable for 30 days)',
      key: appId,
      act: { kind: 'delete-app', appObjectId: id },
    });
  }
  return steps;
}

async function inExchange(
  exchange: ExchangeAdmin,
  appId: string,
  desired: Desired,
  kept: Kept | undefined,
  { allMailboxes, onProgress }: DestroyLook,
): Promise<readonly DestroyStep[]> {
  const steps: DestroyStep[] = [];
  const pointers = await getPointers(exchange, appId);
  const named = desired.mailboxes.flatMap(({ address, sendAs }) => [address, ...sendAs]);
  const addresses = allMailboxes ? await listMailboxes(exchange) : named;
  for (const [index, address] of [...new Set(addresses.map((one) => one.toLowerCase()))].entries()) {
    onProgress(`looking at mailbox ${index + 1} of ${addresses.length}`);
    for (const pointer of pointers) steps.push(...(await rightsOn(exchange, address, pointer)));
  }
  for (const { address, was } of kept?.switched ?? []) {
    steps.push({
      plane: 'exchange',
      object: 'client access of the mailbox, as it was',
      key: address,
      act: { kind: 'switch-back', address, was },
    });
  }
  for (const { objectId } of pointers) {
    steps.push({
      plane: 'exchange',
      object: 'pointer (service principal in Exchange)',
      key: objectId,
      act: { kind: 'remove-pointer', objectId },
    });
  }
  return steps;
}

async function rightsOn(exchange: ExchangeAdmin, address: string, pointer: Pointer): Promise<readonly DestroyStep[]> {
  const trustee = pointer.objectId;
  try {
    const permissions = await getMailboxPermissions(exchange, address);
    const sendAs = await getSendAs(exchange, address);
    const has = permissions.some((one) => isOf(one, pointer) && !one.inherited && one.rights.includes('FullAccess'));
    return [
      ...(has
        ? [{ plane: 'exchange', object: 'FullAccess of the pointer', key: address, act: { kind: 'revoke', address, trustee } } as const]
        : []),
      ...(sendAs.some((one) => isOf(one, pointer))
        ? [{ plane: 'exchange', object: 'SendAs of the pointer', key: address, act: { kind: 'revoke-send-as', address, trustee } } as const]
        : []),
    ];
  } catch (error) {
    // A mailbox that is gone has no rights on it.
    if (isFault(error, 'exchange.not-found')) return [];
    throw error;
  }
}

export interface DestroyPorts extends Patience {
  readonly graph: GraphClient;
  readonly exchange: ExchangeAdmin | undefined;
  readonly notes: SetupNotes;
  readonly run: string;
  readonly actor: string;
  readonly onStep: (step: DestroyStep, phase: 'begin' | 'done') => void;
}

/** Does these steps in their order. Can be repeated: what is gone is gone. @param purge also out of the deleted items, for good */
export async function destroy(steps: readonly DestroyStep[], purge: boolean, ports: DestroyPorts): Promise<void> {
  const { notes, clock, run, actor, signal, onStep } = ports;
  for (const step of steps) {
    signal.throwIfAborted();
    const say = (event: string): void =>
      notes.note({ at: new Date(clock.now()).toISOString(), run, actor, event, step: `${step.act.kind} ${step.key}` });
    say('begin');
    onStep(step, 'begin');
    await perform(step.act, purge, ports);
    say('done');
    onStep(step, 'done');
  }
}

async function perform(act: DestroyAct, purge: boolean, ports: DestroyPorts): Promise<void> {
  const { graph, exchange, notes } = ports;
  switch (act.kind) {
    case 'remove-consent':
      return await removeAssignment(graph, { ...act, appRoleId: '', principalId: '' });
    case 'delete-principal':
      await deleteServicePrincipal(graph, act.principalId);
      if (purge) await purgeDeleted(graph, act.principalId);
      return;
    case 'delete-app':
      await deleteApplication(graph, act.appObjectId);
      await untilSeen(
        'the deletion of the app',
        ports,
        async () => (await getApplication(graph, { by: 'id', value: act.appObjectId })) === undefined,
      );
      if (purge) await purgeDeleted(graph, act.appObjectId);
      return;
    default:
      break;
  }
  if (exchange === undefined) throw new Error('a step of Exchange where Exchange was not looked at');
  switch (act.kind) {
    case 'revoke':
      return await removeFullAccess(exchange, act.address, act.trustee);
    case 'revoke-send-as':
      return await removeSendAs(exchange, act.address, act.trustee);
    case 'remove-pointer':
      return await removePointer(exchange, act.objectId);
    case 'switch-back': {
      if ((await getClientAccess(exchange, act.address)) !== undefined)
        await setClientAccess(exchange, act.address, withoutUndefined(act.was));
      const kept = notes.read();
      if (kept !== undefined) notes.keep({ ...kept, switched: kept.switched.filter((one) => one.address !== act.address) });
      return;
    }
    default:
      act satisfies never;
  }
}

function withoutUndefined({ imap, pop, smtpDisabled }: Kept['switched'][number]['was']): Partial<ClientAccess> {
  return {
    ...(imap === undefined ? {} : { imap }),
    ...(pop === undefined ? {} : { pop }),
    ...(smtpDisabled === undefined ? {} : { smtpDisabled }),
  };
}

/**
 * Does the steps of a destroy: each is settled by reading it back, and each can be repeated, because what is gone is gone.
 */

import type { ExchangeAdmin } from '../admin/exchange/admin.ts';
import {
  type ClientAccess,
  getClientAccess,
  getPointers,
  getScope,
  listRoleAssignments,
  removeFullAccess,
  removePointer,
  removeRoleAssignment,
  removeScope,
  removeSendAs,
  setClientAccess,
} from '../admin/exchange/cmdlets.ts';
import { changeApplication, deleteApplication, getApplication, purgeDeleted, removeFederated } from '../admin/graph/applications.ts';
import { deleteServicePrincipal, getServicePrincipal, listAssignments, removeAssignment } from '../admin/graph/service-principals.ts';
import { Fault } from '../fault/fault.ts';
import { type CredentialPorts, removeSecret } from './credential.ts';
import { sendRole } from './desired.ts';
import { type DestroyStep, hasOwn } from './destroy.ts';
import type { Kept } from './notes.ts';
import { isUnknown, untilSeen } from './patience.ts';

export interface DestroyPorts extends CredentialPorts {
  readonly exchange: ExchangeAdmin | undefined;
  readonly onStep: (step: DestroyStep, phase: 'begin' | 'done') => void;
}

/** Does these steps in their order. @throws whatever stopped a step, with the steps before it done */
export async function destroy(steps: readonly DestroyStep[], ports: DestroyPorts): Promise<void> {
  const { notes, clock, run, actor, signal, onStep } = ports;
  for (const step of steps) {
    signal.throwIfAborted();
    const say = (event: string, more: Readonly<Record<string, unknown>> = {}): void =>
      notes.note({ at: new Date(clock.now()).toISOString(), run, actor, event, step: `${step.act.kind} ${step.key}`, ...more });
    say('begin');
    onStep(step, 'begin');
    try {
      await perform(step, ports);
    } catch (error) {
      if (error instanceof Fault) say('failed', { code: error.code });
      throw error;
    }
    say('done');
    onStep(step, 'done');
  }
}

async function perform({ act, key }: DestroyStep, ports: DestroyPorts): Promise<void> {
  const { graph, notes } = ports;
  const gone = (isGone: () => Promise<boolean>): Promise<void> => untilSeen(`the removal of ${key}`, ports, isGone);
  switch (act.kind) {
    case 'remove-consent':
      await settled(() => removeAssignment(graph, { ...act, appRoleId: '' }));
      return await gone(async () => !(await listAssignments(graph, act.principalId)).some((one) => one.id === act.id));
    case 'remove-secret':
      return await removeSecret(act.appObjectId, act, ports);
    case 'remove-certificate': {
      const app = await getApplication(graph, { by: 'id', value: act.appObjectId });
      const left = (app?.keyCredentials ?? []).filter((one) => one.keyId !== act.keyId);
      return await changeApplication(graph, act.appObjectId, { keyCredentials: left });
    }
    case 'remove-federated':
      return await removeFederated(graph, act.appObjectId, act.credentialId);
    case 'delete-principal':
      await deleteServicePrincipal(graph, act.principalId);
      return await gone(async () => (await getServicePrincipal(graph, act.appId)) === undefined);
    case 'delete-app':
      await deleteApplication(graph, act.appObjectId);
      return await gone(async () => (await getApplication(graph, { by: 'id', value: act.appObjectId })) === undefined);
    case 'purge':
      return await purgeDeleted(graph, act.objectId);
    default:
      break;
  }
  const { exchange } = ports;
  if (exchange === undefined) throw new Error('a step of Exchange where Exchange was not looked at');
  switch (act.kind) {
    case 'revoke': {
      const { address, pointer, right } = act;
      const remove = right === 'full-access' ? removeFullAccess : removeSendAs;
      await settled(() => remove(exchange, address, pointer.objectId));
      return await gone(async () => !(await hasOwn(exchange, address, pointer, right)));
    }
    case 'remove-assignment':
      await settled(() => removeRoleAssignment(exchange, act.name));
      return await gone(async () => !(await listRoleAssignments(exchange, sendRole, act.pointer)).some((one) => one.name === act.name));
    case 'remove-scope':
      await settled(() => removeScope(exchange, act.name));
      return await gone(async () => (await getScope(exchange, act.name)) === undefined);
    case 'remove-pointer':
      await settled(() => removePointer(exchange, act.objectId));
      return await gone(async () => !(await getPointers(exchange, act.appId)).some((one) => one.objectId === act.objectId));
    case 'switch-back': {
      const was = withoutUndefined(act.was);
      // The mailbox may be gone by now.
      if ((await getClientAccess(exchange, act.address)) !== undefined) await settled(() => setClientAccess(exchange, act.address, was));
      const kept = notes.read();
      if (kept !== undefined) notes.keep({ ...kept, switched: kept.switched.filter((one) => one.address !== act.address) });
      return;
    }
    default:
      act satisfies never;
  }
}

/** Whether it was done although its answer is lost is told by reading it back. */
async function settled(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!isUnknown(error)) throw error;
  }
}

function withoutUndefined({ imap, pop, smtpDisabled }: Kept['switched'][number]['was']): Partial<ClientAccess> {
  return {
    ...(imap === undefined ? {} : { imap }),
    ...(pop === undefined ? {} : { pop }),
    ...(smtpDisabled === undefined ? {} : { smtpDisabled }),
  };
}

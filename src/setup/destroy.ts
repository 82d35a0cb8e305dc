/**
 * Takes away what the setup made, in the order in which nothing is left dangling: rights on mailboxes first, the app last.
 *
 * The hard thing is to take no more than that: only rights of this app's own pointers, only switches that the setup turned on, and of an
 * app that was made by hand nothing but what the setup gave it. The app goes softly: for 30 days it can be restored.
 */
import type { ExchangeAdmin } from '../admin/exchange/admin.ts';
import { getPointers, getScope, listMailboxes, listRoleAssignments, type Pointer, rightsOf } from '../admin/exchange/cmdlets.ts';
import { isFault } from '../fault/fault.ts';
import { type Desired, ourNote, ourPrefix, rbacName, rolesWanted, sendRole } from './desired.ts';
import { certificateName } from './draft.ts';
import type { Kept } from './notes.ts';
import type { Observed } from './observed.ts';

export type DestroyAct =
  | { readonly kind: 'revoke'; readonly address: string; readonly pointer: Pointer; readonly right: 'full-access' | 'send-as' }
  | { readonly kind: 'switch-back'; readonly address: string; readonly was: Kept['switched'][number]['was'] }
  | { readonly kind: 'remove-assignment'; readonly name: string; readonly pointer: Pointer }
  | { readonly kind: 'remove-scope'; readonly name: string }
  | { readonly kind: 'remove-pointer'; readonly objectId: string; readonly appId: string }
  | { readonly kind: 'remove-consent'; readonly id: string; readonly resourceId: string; readonly principalId: string }
  | { readonly kind: 'remove-secret'; readonly appObjectId: string; readonly keyId: string }
  | { readonly kind: 'remove-certificate'; readonly appObjectId: string; readonly keyId: string }
  | { readonly kind: 'remove-federated'; readonly appObjectId: string; readonly credentialId: string }
  | { readonly kind: 'delete-principal'; readonly principalId: string; readonly appId: string }
  | { readonly kind: 'delete-app'; readonly appObjectId: string }
  | { readonly kind: 'purge'; readonly objectId: string };

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
  /** Also out of the deleted items, for good. */
  readonly purge: boolean;
  readonly onProgress: (what: string) => void;
}

export interface DestroyPlan {
  readonly steps: readonly DestroyStep[];
  /** What stays, and why. */
  readonly stays: readonly string[];
}

/** What there is to take away, in the order in which it is. Changes nothing. @throws Fault exchange.* */
export async function planDestroy(desired: Desired, { entra }: Observed, kept: Kept | undefined, look: DestroyLook): Promise<DestroyPlan> {
  const steps: DestroyStep[] = [];
  const { app, principal } = entra;
  // An app that was deleted by hand leaves in Exchange what the setup turned on and gave, and only the notes know of it.
  const appId = app?.appId ?? kept?.appId;
  if (look.exchange !== undefined && appId !== undefined) steps.push(...(await inExchange(look.exchange, appId, desired, kept, look)));
  const isMade = app === undefined || app.notes?.includes(ourNote) === true;
  const isOurs = (one: { readonly role: string; readonly onExchange: boolean }): boolean =>
    isMade || (one.onExchange && rolesWanted(desired).includes(one.role));
  for (const one of (principal?.assignments ?? []).filter(isOurs)) {
    const { id, resourceId, role } = one;
    const act = { kind: 'remove-consent', id, resourceId, principalId: principal?.id ?? '' } as const;
    steps.push({ plane: 'entra', object: 'admin consent', key: role, act });
  }
  if (app !== undefined && !isMade) steps.push(...ourCredentials(desired, entra));
  if (isMade) steps.push(...theApp(entra, kept, look.purge));
  const stays = [
    ...(isMade
      ? []
      : ['The app registration and its service principal stay: the setup did not make them. Delete them in the Entra admin centre.']),
    ...(look.exchange === undefined
      ? [
          'Exchange was not looked at. Rights on mailboxes stay as bare SIDs when the app goes: let an Exchange administrator run this first, or else afterwards.',
        ]
      : []),
  ];
  return { steps, stays };
}

/** Of an app that others made: what bears our name. */
function ourCredentials(desired: Desired, { app, federated }: Observed['entra']): readonly DestroyStep[] {
  if (app === undefined) return [];
  const { credential } = desired;
  const isMine = (one: (typeof federated)[number]): boolean =>
    credential.kind === 'federated' && one.issuer === credential.issuer && one.subject === credential.subject;
  return [
    ...app.passwordCredentials
      .filter((one) => one.displayName?.startsWith(ourPrefix))
      .map(({ keyId, displayName }) => ({
        plane: 'entra' as const,
        object: 'client secret',
        key: displayName ?? keyId,
        act: { kind: 'remove-secret' as const, appObjectId: app.id, keyId },
      })),
    ...app.keyCredentials
      .filter((one) => one.displayName?.startsWith(certificateName(desired.app.uniqueName)))
      .map(({ keyId, displayName }) => ({
        plane: 'entra' as const,
        object: 'certificate',
        key: displayName ?? keyId,
        act: { kind: 'remove-certificate' as const, appObjectId: app.id, keyId },
      })),
    ...federated.filter(isMine).map(({ id, name }) => ({
      plane: 'entra' as const,
      object: 'federated credential',
      key: name,
      act: { kind: 'remove-federated' as const, appObjectId: app.id, credentialId: id },
    })),
  ];
}

/** The pair of them: each is deleted, and purged, by itself. M365 (doc). */
function theApp({ app, principal, deletedAppId }: Observed['entra'], kept: Kept | undefined, purge: boolean): readonly DestroyStep[] {
  const steps: DestroyStep[] = [];
  const principalId = principal?.id;
  if (principalId !== undefined && app !== undefined) {
    const act = { kind: 'delete-principal', principalId, appId: app.appId } as const;
    steps.push({ plane: 'entra', object: 'service principal (Enterprise application)', key: principalId, act });
  }
  if (app !== undefined) {
    const object = `app registration with its credentials${purge ? '' : ' (restorable for 30 days)'}`;
    steps.push({ plane: 'entra', object, key: app.appId, act: { kind: 'delete-app', appObjectId: app.id } });
  }
  if (!purge) return steps;
  // Also what an earlier run has deleted and not purged.
  const left = [app?.id ?? deletedAppId ?? kept?.appObjectId, principalId ?? kept?.principalId].filter((one) => one !== undefined);
  const none = app === undefined && deletedAppId === undefined && kept === undefined;
  if (!none) {
    for (const objectId of left)
      steps.push({ plane: 'entra', object: 'deleted item, for good', key: objectId, act: { kind: 'purge', objectId } });
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
  // M365 (doc): a pointer vanishes with its service principal. M365 (assumed): its rights stay, as bare SIDs, and are removed by them.
  const sid = kept?.sid;
  const isGone = sid !== undefined && !pointers.some((one) => one.sid === sid);
  const vanished: readonly Pointer[] = isGone ? [{ appId, objectId: sid, sid, displayName: '' }] : [];
  const named = [
    ...desired.mailboxes.flatMap(({ address, sendAs }) => [address, ...sendAs]),
    ...(kept?.granted ?? []).map((one) => one.address),
  ];
  const addresses = new Set((allMailboxes ? [...named, ...(await listMailboxes(exchange))] : named).map((one) => one.toLowerCase()));
  for (const [index, address] of [...addresses].entries()) {
    onProgress(`looking at mailbox ${index + 1} of ${addresses.size}`);
    for (const one of [...pointers, ...vanished]) steps.push(...(await rightsOn(exchange, address, one)));
  }
  for (const { address, was } of kept?.switched ?? []) {
    const act = { kind: 'switch-back', address, was } as const;
    steps.push({ plane: 'exchange', object: 'client access of the mailbox, as it was', key: address, act });
  }
  if (desired.smtp.mode === 'rbac') steps.push(...(await sending(exchange, pointers, rbacName(desired))));
  for (const { objectId } of pointers) {
    const act = { kind: 'remove-pointer', objectId, appId } as const;
    steps.push({ plane: 'exchange', object: 'pointer (service principal in Exchange)', key: objectId, act });
  }
  return steps;
}

/** The assignment first: a scope that is named by one is not removed. M365 (doc). */
async function sending(exchange: ExchangeAdmin, pointers: readonly Pointer[], name: string): Promise<readonly DestroyStep[]> {
  const steps: DestroyStep[] = [];
  for (const pointer of pointers) {
    const mine = await listRoleAssignments(exchange, sendRole, pointer);
    for (const one of mine.filter((assignment) => assignment.name === name)) {
      steps.push({
        plane: 'exchange',
        object: 'role assignment',
        key: sendRole,
        act: { kind: 'remove-assignment', name: one.name, pointer },
      });
    }
  }
  if ((await getScope(exchange, name)) !== undefined) {
    steps.push({ plane: 'exchange', object: 'management scope', key: name, act: { kind: 'remove-scope', name } });
  }
  return steps;
}

async function rightsOn(exchange: ExchangeAdmin, address: string, pointer: Pointer): Promise<readonly DestroyStep[]> {
  const steps: DestroyStep[] = [];
  for (const right of ['full-access', 'send-as'] as const) {
    if (!(await hasOwn(exchange, address, pointer, right))) continue;
    const object = right === 'full-access' ? 'FullAccess of the pointer' : 'SendAs of the pointer';
    steps.push({ plane: 'exchange', object, key: address, act: { kind: 'revoke', address, pointer, right } });
  }
  return steps;
}

/** A mailbox that is gone has no rights on it. What it has from elsewhere is not the app's own. */
export async function hasOwn(
  exchange: ExchangeAdmin,
  address: string,
  pointer: Pointer,
  right: 'full-access' | 'send-as',
): Promise<boolean> {
  try {
    return (await rightsOf(exchange, address, pointer, right)).some((one) => !one.inherited);
  } catch (error) {
    if (isFault(error, 'exchange.not-found')) return false;
    throw error;
  }
}

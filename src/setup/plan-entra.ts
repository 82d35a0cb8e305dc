/** What is to be done in Entra: the registration, its service principal, what it asks for, what is consented, how it proves itself. */
import type { Application, RequiredResourceAccess } from '../admin/graph/shapes.ts';
import { knownRoleIds, ourPrefix, roleOf } from './desired.ts';
import { certificateName, type Draft, entraAdmin, isGood } from './draft.ts';

/** M365 (doc): ids of the resource and of the delegated permission of Graph that the portal adds to each app. */
const exchangeResource = '00000002-0000-0ff1-ce00-000000000000';
const userReadId = 'e1fe6dd8-ba31-4d61-89e7-88639da4683d';

export function app(draft: Draft): void {
  const { app: wanted } = draft.desired;
  const { app, deletedAppId } = draft.observed.entra;
  if (app === undefined) {
    if (deletedAppId !== undefined) {
      draft.remark(
        'blocked',
        `A deleted app (object id ${deletedAppId}) holds the unique name ${wanted.uniqueName} for 30 days: restore it in the Entra admin centre, or choose another name.`,
      );
    }
    draft.step({
      plane: 'entra',
      sign: '+',
      object: 'app registration',
      key: wanted.uniqueName,
      to: `${wanted.displayName}, ${audienceText(wanted.audience)}`,
      reason: 'nothing can be granted without it',
      needs: entraAdmin,
      undo: 'setup destroy; it can be restored for 30 days',
      act: { kind: 'create-app' },
    });
    return;
  }
  if (wanted.adopt !== undefined && app.uniqueName !== wanted.uniqueName) {
    if (app.uniqueName) {
      draft.remark('note', `The app has the unique name ${app.uniqueName}, which cannot be changed: it is found by its application id.`);
    } else {
      draft.step({
        plane: 'entra',
        sign: '~',
        object: 'unique name of the app',
        key: app.appId,
        from: 'none',
        to: wanted.uniqueName,
        reason: 'an app that was made by hand is found again by it; a display name is not unique',
        needs: entraAdmin,
        undo: 'it cannot be taken away or changed',
        act: { kind: 'adopt-app', appObjectId: app.id, uniqueName: wanted.uniqueName },
      });
    }
  }
  appProperties(draft, app);
}

function appProperties(draft: Draft, app: Application): void {
  const { displayName, audience } = draft.desired.app;
  const change = {
    ...(app.displayName === displayName ? {} : { displayName }),
    ...(app.signInAudience === audience ? {} : { signInAudience: audience }),
  };
  if (Object.keys(change).length === 0) return;
  draft.step({
    plane: 'entra',
    sign: '~',
    object: 'app registration',
    key: app.appId,
    from: `${app.displayName ?? ''}, ${audienceText(app.signInAudience ?? '')}`,
    to: `${displayName}, ${audienceText(audience)}`,
    reason: 'as the configuration says',
    needs: entraAdmin,
    undo: 'the same with the old values',
    act: { kind: 'change-app', appObjectId: app.id, change },
  });
}

export function principal(draft: Draft): void {
  const { app, principal } = draft.observed.entra;
  const key = app?.appId ?? draft.desired.app.uniqueName;
  if (principal === undefined) {
    draft.step({
      plane: 'entra',
      sign: '+',
      object: 'service principal (Enterprise application)',
      key,
      reason: 'consent and Exchange mean it, not the registration',
      needs: entraAdmin,
      undo: 'setup destroy',
      act: { kind: 'create-principal' },
    });
  } else if (!principal.enabled) {
    draft.step({
      plane: 'entra',
      sign: '~',
      object: 'service principal (Enterprise application)',
      key,
      from: 'disabled for sign-in',
      to: 'enabled',
      reason: 'a disabled one gets no token',
      needs: entraAdmin,
      undo: 'disable it in the Entra admin centre',
      act: { kind: 'enable-principal' },
    });
  }
}

/** What the registration asks for and what is consented are two things: both are wanted, and each is told apart. */
export function roles(draft: Draft): void {
  const { app, principal, resource } = draft.observed.entra;
  const wanted = draft.desired.protocols.map((protocol) => roleOf[protocol]);
  const ids = wanted.map((role) => ({ role, id: resource.roles[role] ?? knownRoleIds[role] ?? '' }));
  for (const { role, id } of ids) {
    const known = knownRoleIds[role];
    if (resource.roles[role] === undefined) draft.remark('blocked', `Office 365 Exchange Online of this tenant tells of no role ${role}.`);
    else if (known !== undefined && known !== id)
      draft.remark('note', `${role} has the id ${id} in this tenant; elsewhere it is ${known}.`);
  }
  const asked = app?.requiredResourceAccess ?? [];
  const missing = ids.filter(
    ({ id }) => !asked.some((one) => one.resourceAppId === exchangeResource && one.resourceAccess.some((access) => access.id === id)),
  );
  const userRead = asked.some((one) => one.resourceAccess.some((access) => access.id === userReadId));
  if (missing.length > 0 || userRead) {
    draft.step({
      plane: 'entra',
      sign: app === undefined ? '+' : '~',
      object: 'API permissions that the registration asks for',
      key: app?.appId ?? draft.desired.app.uniqueName,
      from: app === undefined ? undefined : `${asked.flatMap((one) => one.resourceAccess).length} permissions`,
      to: [...missing.map(({ role }) => `+ ${role}`), ...(userRead ? ['- User.Read'] : [])].join(', '),
      reason: 'the portal shows what is asked for; it grants nothing by itself',
      needs: entraAdmin,
      undo: 'setup destroy',
      act: { kind: 'request-roles', requiredResourceAccess: merged(asked, ids) },
    });
  }
  for (const { role, id } of ids) {
    if (principal?.assignments.some((one) => one.onExchange && one.role === role)) continue;
    draft.step({
      plane: 'entra',
      sign: '+',
      object: 'admin consent',
      key: role,
      reason: `tokens for ${draft.desired.protocols.find((one) => roleOf[one] === role)} carry it; it opens no mailbox by itself`,
      needs: entraAdmin,
      undo: 'setup destroy, or revoke it in the Entra admin centre',
      act: { kind: 'consent', role, roleId: id },
    });
  }
}

/** The portal gives each app User.Read, which an app without a person has no use for. */
export function delegated(draft: Draft): void {
  for (const grant of draft.observed.entra.principal?.delegated ?? []) {
    const scopes = (grant.scope ?? '').split(' ').filter((one) => one !== '');
    if (scopes.includes('User.Read')) {
      draft.step({
        plane: 'entra',
        sign: '-',
        object: 'delegated consent',
        key: 'User.Read',
        reason: 'left by the portal; the app acts without a person',
        needs: entraAdmin,
        undo: 'consent to it again',
        act: { kind: 'remove-delegated', grantId: grant.id, scope: 'User.Read' },
      });
    }
    const others = scopes.filter((one) => one !== 'User.Read');
    if (others.length > 0) draft.remark('drift', `Delegated permissions that the app has no use for: ${others.join(', ')}.`);
  }
}

export function credential(draft: Draft): void {
  const { credential } = draft.desired;
  const { app, federated } = draft.observed.entra;
  switch (credential.kind) {
    case 'secret': {
      const ours = (app?.passwordCredentials ?? []).filter((one) => one.displayName?.startsWith(ourPrefix));
      const lost = ours.filter((one) => draft.observed.entra.lost.includes(one.displayName ?? ''));
      for (const one of lost) {
        draft.step({
          plane: 'entra',
          sign: '-',
          object: 'client secret',
          key: one.displayName ?? one.keyId,
          reason: 'it was made and never stored: nobody has its value',
          needs: entraAdmin,
          undo: 'nothing is lost with it',
          act: { kind: 'remove-secret', keyId: one.keyId, name: one.displayName ?? '' },
        });
      }
      const good = ours.filter((one) => !lost.includes(one) && isGood(one.endDateTime, draft.nowMs));
      if (good.some((one) => isStored(one.hint, draft.observed.entra.storedHint))) return;
      draft.step({
        plane: 'entra',
        sign: '+',
        object: 'client secret',
        key: `for ${credential.lifetimeDays} days`,
        reason: good.length > 0 ? 'the one that is stored here is none of this app' : 'the app proves itself by it',
        needs: entraAdmin,
        undo: 'setup destroy; setup rotate replaces it',
        act: { kind: 'add-secret', days: credential.lifetimeDays },
      });
      return;
    }
    case 'certificate': {
      const ours = (app?.keyCredentials ?? []).filter((one) => one.displayName?.startsWith(certificateName(draft.desired.app.uniqueName)));
      if (ours.some((one) => isGood(one.endDateTime, draft.nowMs))) return;
      draft.step({
        plane: 'entra',
        sign: '+',
        object: 'certificate',
        key: `for ${credential.lifetimeDays} days`,
        reason: ours.length === 0 ? 'the app proves itself by it; its key is made here and never leaves' : 'ours have expired',
        needs: entraAdmin,
        undo: 'setup destroy; setup rotate replaces it',
        act: { kind: 'add-certificate', days: credential.lifetimeDays },
      });
      return;
    }
    case 'federated': {
      const { kind: _, ...wanted } = credential;
      if (
        federated.some((one) => one.issuer === wanted.issuer && one.subject === wanted.subject && one.audiences.includes(wanted.audience))
      )
        return;
      draft.step({
        plane: 'entra',
        sign: '+',
        object: 'federated credential',
        key: wanted.name,
        to: `${wanted.subject} of ${wanted.issuer}`,
        reason: 'the app proves itself by the identity of where it runs; nothing expires',
        needs: entraAdmin,
        undo: 'setup destroy',
        act: { kind: 'add-federated', ...wanted },
      });
      return;
    }
    default:
      credential satisfies never;
  }
}

/** Where the store cannot be looked at, a secret that is there is taken for the one that is stored. */
function isStored(hint: string | null | undefined, storedHint: string | undefined): boolean {
  return storedHint === undefined || hint === undefined || hint === null || hint === storedHint;
}

/** PATCH replaces the list whole: what others ask for stays, ours is added, User.Read goes. */
function merged(asked: readonly RequiredResourceAccess[], wanted: readonly { readonly id: string }[]): readonly RequiredResourceAccess[] {
  const kept = asked
    .map((one) => ({ ...one, resourceAccess: one.resourceAccess.filter((access) => access.id !== userReadId) }))
    .filter((one) => one.resourceAccess.length > 0);
  const ours = kept.find((one) => one.resourceAppId === exchangeResource) ?? { resourceAppId: exchangeResource, resourceAccess: [] };
  const added = wanted.filter(({ id }) => !ours.resourceAccess.some((access) => access.id === id)).map(({ id }) => ({ id, type: 'Role' }));
  return [...kept.filter((one) => one !== ours), { ...ours, resourceAccess: [...ours.resourceAccess, ...added] }];
}

function audienceText(audience: string): string {
  return audience === 'AzureADMyOrg' ? 'this tenant only' : audience === 'AzureADMultipleOrgs' ? 'any organisation' : audience;
}

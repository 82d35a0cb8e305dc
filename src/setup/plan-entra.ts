/** What is to be done in Entra: the registration, its service principal, what it asks for, what is consented, how it proves itself. */
import type { Application, RequiredResourceAccess } from '../admin/graph/shapes.ts';
import { knownRoleIds, newAppName, roleOf, rolesWanted } from './desired.ts';
import { type Draft, entraAdmin } from './draft.ts';

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
        `A deleted app (object id ${deletedAppId}) holds the unique name ${wanted.uniqueName} for 30 days: restore it in the Entra admin centre, choose another name, or remove it for good with \`postern setup destroy --purge --yes-destroy\`.`,
      );
    }
    draft.step({
      plane: 'entra',
      sign: '+',
      object: 'app registration',
      key: wanted.uniqueName,
      to: `${wanted.displayName ?? newAppName}, ${audienceText(wanted.audience)}`,
      reason: 'nothing can be granted without it',
      needs: entraAdmin,
      undo: 'setup destroy, and restored within 30 days',
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
    ...(displayName === undefined || app.displayName === displayName ? {} : { displayName }),
    ...(app.signInAudience === audience ? {} : { signInAudience: audience }),
  };
  if (Object.keys(change).length === 0) return;
  draft.step({
    plane: 'entra',
    sign: '~',
    object: 'app registration',
    key: app.appId,
    from: `${app.displayName ?? ''}, ${audienceText(app.signInAudience ?? '')}`,
    to: `${displayName ?? app.displayName ?? ''}, ${audienceText(audience)}`,
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
  const ids = rolesWanted(draft.desired).map((role) => ({ role, id: resource.roles[role] ?? knownRoleIds[role] ?? '' }));
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
      object: 'API permissions asked for by',
      key: app?.appId ?? draft.desired.app.uniqueName,
      from: undefined,
      to: [...missing.map(({ role }) => role), ...(userRead ? ['without User.Read'] : [])].join(', '),
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
      undo: 'setup destroy',
      act: { kind: 'consent', role, roleId: id },
    });
  }
}

/** The portal gives each app User.Read, which an app without a person has no use for. */
export function delegated(draft: Draft): void {
  const { principal } = draft.observed.entra;
  if (principal !== undefined && principal.delegated === undefined) {
    draft.remark('note', 'Delegated permissions could not be looked at: whoever signed in may not read them.');
  }
  for (const grant of principal?.delegated ?? []) {
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
    // What others consented to is theirs to take back.
    const others = scopes.filter((one) => one !== 'User.Read');
    if (others.length > 0) draft.remark('drift', `Delegated permissions that the app has no use for: ${others.join(', ')}.`);
  }
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

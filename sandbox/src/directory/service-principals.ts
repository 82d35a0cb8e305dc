/**
 * Graph's `servicePrincipals`, app role assignments and delegated grants.
 *
 * The hard thing is that a consent takes effect in the next token: an assignment is nothing but a role of `Principal`, so the token
 * endpoint and Exchange see it at once. Ids of assignments are made from what they join, as nothing else keeps them.
 */

import { randomUUID } from 'node:crypto';
import { type App, exchangeResource, graphResource, type Principal, type Tenant } from '../tenant.ts';
import { badRequest, GraphError, notFound } from './graph-answer.ts';
import { exchangeRoles, exchangeScopes, graphRoles, graphScopes, type Permission } from './permissions.ts';
import { guidOf, strikes } from './state.ts';

interface Resource {
  readonly id: string;
  readonly appId: string;
  readonly displayName: string;
  readonly roles: readonly Permission[];
  readonly scopes: readonly Permission[];
}

/** The two resources that an app can ask. Their object ids differ in every tenant. */
export function resources(tenant: Tenant): readonly Resource[] {
  return [
    {
      id: guidOf(tenant.id, exchangeResource.appId),
      appId: exchangeResource.appId,
      displayName: 'Office 365 Exchange Online',
      roles: exchangeRoles,
      scopes: exchangeScopes,
    },
    {
      id: guidOf(tenant.id, graphResource.appId),
      appId: graphResource.appId,
      displayName: 'Microsoft Graph',
      roles: graphRoles,
      scopes: graphScopes,
    },
  ];
}

export function resourceShape(resource: Resource): Record<string, unknown> {
  return {
    id: resource.id,
    appId: resource.appId,
    displayName: resource.displayName,
    accountEnabled: true,
    appRoles: resource.roles.map(({ id, value }) => ({
      id,
      value,
      displayName: value,
      isEnabled: true,
      allowedMemberTypes: ['Application'],
    })),
    oauth2PermissionScopes: resource.scopes.map(({ id, value }) => ({ id, value, isEnabled: true, type: 'Admin' })),
    tags: [],
  };
}

export function principalShape(app: App, principal: Principal): Record<string, unknown> {
  return {
    id: principal.oid,
    appId: app.clientId,
    displayName: app.registration.displayName,
    accountEnabled: principal.enabled,
    appRoles: [],
    oauth2PermissionScopes: [],
    servicePrincipalType: 'Application',
    tags: app.registration.tags,
  };
}

export interface FoundPrincipal {
  readonly app: App;
  readonly principal: Principal;
}

export function principals(tenant: Tenant): readonly FoundPrincipal[] {
  return [...tenant.apps.values()].flatMap((app) => (app.principal ? [{ app, principal: app.principal }] : []));
}

/** M365 (recorded): straight after the app is made this can be refused for a while. @throws GraphError 400, 409 */
export function createPrincipal(tenant: Tenant, appId: string): FoundPrincipal {
  const app = tenant.apps.get(appId.toLowerCase());
  if (!app || strikes(tenant.directory.quirks, 'principalTooEarly')) {
    throw badRequest(`The appId '${appId}' of the service principal does not reference a valid application object.`);
  }
  if (app.principal) {
    throw new GraphError(
      409,
      'Request_MultipleObjectsWithSameKeyValue',
      `The service principal cannot be created because the service principal name ${appId} is already in use.`,
    );
  }
  const principal: Principal = { oid: randomUUID(), enabled: true, roles: [] };
  app.principal = principal;
  return { app, principal };
}

export function assignments(tenant: Tenant, { app, principal }: FoundPrincipal): readonly Record<string, unknown>[] {
  return resources(tenant).flatMap((resource) =>
    rolesOf(principal, resource).flatMap((value) => {
      const role = resource.roles.find((one) => one.value === value);
      return role === undefined
        ? []
        : [
            {
              id: guidOf('assignment', principal.oid, resource.id, role.id),
              appRoleId: role.id,
              principalId: principal.oid,
              principalDisplayName: app.registration.displayName,
              principalType: 'ServicePrincipal',
              resourceId: resource.id,
              resourceDisplayName: resource.displayName,
              createdDateTime: app.registration.created.toISOString(),
            },
          ];
    }),
  );
}

function rolesOf(principal: Principal, resource: Resource): string[] {
  if (resource.appId === exchangeResource.appId) return principal.roles;
  principal.graphRoles ??= [];
  return principal.graphRoles;
}

/** @throws GraphError 400, 404 */
export function assign(tenant: Tenant, resourceId: string, wanted: unknown): Record<string, unknown> {
  const { principalId, appRoleId, resourceId: named } = Object(wanted) as Record<string, unknown>;
  const resource = resources(tenant).find((one) => one.id === resourceId);
  const found = principals(tenant).find((one) => one.principal.oid === principalId);
  const role = resource?.roles.find((one) => one.id === appRoleId);
  if (!resource || named !== resourceId) throw notFound(resourceId);
  if (!found || strikes(tenant.directory.quirks, 'consentTooEarly')) throw badRequest('Not a valid reference update.');
  if (!role) throw badRequest('Permission being assigned was not found on application.');
  const roles = rolesOf(found.principal, resource);
  if (roles.includes(role.value)) throw badRequest('Permission being assigned already exists on the object.');
  roles.push(role.value);
  const id = guidOf('assignment', found.principal.oid, resource.id, role.id);
  return assignments(tenant, found).find((one) => one['id'] === id) ?? {};
}

/** @throws GraphError 404 */
export function unassign(tenant: Tenant, id: string): void {
  for (const found of principals(tenant)) {
    const assignment = assignments(tenant, found).find((one) => one['id'] === id);
    const resource = resources(tenant).find((one) => one.id === assignment?.['resourceId']);
    const role = resource?.roles.find((one) => one.id === assignment?.['appRoleId']);
    if (!resource || !role) continue;
    const roles = rolesOf(found.principal, resource);
    roles.splice(roles.indexOf(role.value), 1);
    return;
  }
  throw notFound(id);
}

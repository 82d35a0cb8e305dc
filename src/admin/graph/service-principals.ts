/** Service principals, consents and the tenant itself: one function a call of Graph. M365 (doc): API pages of Graph v1.0. */
import { filter, type GraphClient, key } from './client.ts';
import {
  type Assignment,
  type DelegatedGrant,
  type Organization,
  readAssignment,
  readDelegatedGrant,
  readOrganization,
  readServicePrincipal,
  type ServicePrincipal,
} from './shapes.ts';

/** Office 365 Exchange Online, in every tenant under this application id. M365 (doc). */
export const exchangeAppId = '00000002-0000-0ff1-ce00-000000000000';

/** By application id. Undefined where there is none, or none yet on the server that was asked. */
export async function getServicePrincipal(graph: GraphClient, appId: string): Promise<ServicePrincipal | undefined> {
  const select = '$select=id,appId,displayName,accountEnabled,appRoles,oauth2PermissionScopes';
  const found = await graph.get(`${key('servicePrincipals', 'appId', appId)}?${select}`);
  return found === undefined ? undefined : readServicePrincipal(found);
}

/** Makes it where it is not there, so that it can be repeated. @returns it, where it was made now */
export async function putServicePrincipal(graph: GraphClient, appId: string): Promise<ServicePrincipal | undefined> {
  const { made, object } = await graph.patch(key('servicePrincipals', 'appId', appId), {}, { createIfMissing: true });
  return made ? readServicePrincipal(object) : undefined;
}

export async function enableServicePrincipal(graph: GraphClient, id: string): Promise<void> {
  await graph.patch(`servicePrincipals/${encodeURIComponent(id)}`, { accountEnabled: true });
}

export async function deleteServicePrincipal(graph: GraphClient, id: string): Promise<void> {
  await graph.delete(`servicePrincipals/${encodeURIComponent(id)}`);
}

/** App roles that were consented to for this service principal, on all resources. */
export async function listAssignments(graph: GraphClient, principalId: string): Promise<readonly Assignment[]> {
  const found: Assignment[] = [];
  for await (const one of graph.list(`servicePrincipals/${encodeURIComponent(principalId)}/appRoleAssignments`))
    found.push(readAssignment(one));
  return found;
}

/** Consent to one app role. Effective at once, without the review page. */
export async function assignRole(graph: GraphClient, wanted: Omit<Assignment, 'id'>): Promise<Assignment> {
  return readAssignment(await graph.post(`servicePrincipals/${encodeURIComponent(wanted.resourceId)}/appRoleAssignedTo`, wanted));
}

export async function removeAssignment(graph: GraphClient, { resourceId, id }: Assignment): Promise<void> {
  await graph.delete(`servicePrincipals/${encodeURIComponent(resourceId)}/appRoleAssignedTo/${encodeURIComponent(id)}`);
}

/** Delegated permissions that were consented to, such as the User.Read of apps that the portal made. */
export async function listDelegatedGrants(graph: GraphClient, principalId: string): Promise<readonly DelegatedGrant[]> {
  const found: DelegatedGrant[] = [];
  for await (const one of graph.list(`oauth2PermissionGrants?${filter('clientId', principalId)}`)) found.push(readDelegatedGrant(one));
  return found;
}

/** Takes one permission out of a grant; the grant goes with its last one. */
export async function removeDelegatedScope(graph: GraphClient, grant: DelegatedGrant, scope: string): Promise<void> {
  const left = (grant.scope ?? '').split(' ').filter((one) => one !== '' && one !== scope);
  const path = `oauth2PermissionGrants/${encodeURIComponent(grant.id)}`;
  if (left.length === 0) await graph.delete(path);
  else await graph.patch(path, { scope: left.join(' ') });
}

export async function getOrganization(graph: GraphClient): Promise<Organization | undefined> {
  for await (const one of graph.list('organization?$select=id,displayName,verifiedDomains')) return readOrganization(one);
  return undefined;
}

/** Directory roles of a service principal: it should have none. */
export async function listMemberships(graph: GraphClient, principalId: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const one of graph.list(`servicePrincipals/${encodeURIComponent(principalId)}/memberOf`)) {
    found.push(String(one['displayName'] ?? one['id']));
  }
  return found;
}

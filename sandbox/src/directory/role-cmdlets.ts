/**
 * RBAC for Applications: groups, management scopes and role assignments, as far as sending by SMTP goes.
 *
 * The hard thing is what a scope reaches: the filter is evaluated when it is asked for, by direct members only, and an empty one is the
 * whole organisation. M365 (doc): pages on RBAC for Applications. M365 (assumed): texts of the refusals.
 */

import type { Tenant } from '../tenant.ts';
import { CmdletError, type CmdletResult, type Parameters } from './cmdlet-shape.ts';
import { type Group, guidOf, type RoleAssignment } from './state.ts';

export const sendRole = 'Application SMTP.SendAsApp';

function missing(what: string): CmdletError {
  return new CmdletError(
    'Ex6F9304',
    'Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException',
    `The operation couldn't be performed because object '${what}' couldn't be found on 'AMSPR01A00DC001.EURPR01A000.PROD.OUTLOOK.COM'.`,
  );
}

function refused(text: string): CmdletError {
  return new CmdletError('Ex1C4B7A', 'Microsoft.Exchange.Configuration.Tasks.TaskArgumentException', text);
}

function taken(text: string): CmdletError {
  return new CmdletError('ExE1B0C4', 'Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException', text);
}

function dnOf({ name }: Group, { domain }: Tenant): string {
  return `CN=${name},OU=${domain},OU=Microsoft Exchange Hosted Organizations,DC=EURPR01A000,DC=PROD,DC=OUTLOOK,DC=COM`;
}

function groupNamed(tenant: Tenant, identity: unknown): Group {
  const group = tenant.directory.groups.get(String(identity ?? '').toLowerCase());
  if (!group) throw missing(String(identity));
  return group;
}

export function getDistributionGroup(tenant: Tenant, { Identity }: Parameters): CmdletResult {
  const found = Identity === undefined ? [...tenant.directory.groups.values()] : [groupNamed(tenant, Identity)];
  return {
    rows: found.map((group) => ({
      Name: group.name,
      PrimarySmtpAddress: group.address,
      DistinguishedName: dnOf(group, tenant),
      RecipientTypeDetails: 'MailUniversalSecurityGroup',
      Guid: guidOf('group', group.address),
    })),
  };
}

export function getDistributionGroupMember(tenant: Tenant, { Identity }: Parameters): CmdletResult {
  return {
    rows: [...groupNamed(tenant, Identity).members].map((address) => ({
      Name: address.split('@')[0],
      PrimarySmtpAddress: address,
      RecipientTypeDetails: tenant.directory.groups.has(address) ? 'MailUniversalSecurityGroup' : 'UserMailbox',
    })),
  };
}

/** Addresses that a filter reaches; undefined: all of the organisation. */
function reachOf(tenant: Tenant, filter: string): ReadonlySet<string> | undefined {
  if (filter.trim() === '') return undefined;
  const dn = /^MemberOfGroup -eq '((?:[^']|'')*)'$/.exec(filter)?.[1]?.replaceAll("''", "'");
  if (dn === undefined) throw refused(`The sandbox reads filters of the form MemberOfGroup -eq 'DN' only, not ${filter}.`);
  return [...tenant.directory.groups.values()].find((group) => dnOf(group, tenant) === dn)?.members ?? new Set();
}

/** M365 (assumed): an identity that is not there is refused here. */
export function getManagementScope({ directory }: Tenant, { Identity }: Parameters): CmdletResult {
  const found = directory.scopes.filter((one) => Identity === undefined || one.name === Identity);
  if (Identity !== undefined && found.length === 0) throw missing(String(Identity));
  return { rows: found.map(({ name, filter }) => ({ Name: name, RecipientFilter: filter, ScopeRestrictionType: 'RecipientScope' })) };
}

export function newManagementScope(tenant: Tenant, { Name, RecipientRestrictionFilter }: Parameters): CmdletResult {
  const { scopes } = tenant.directory;
  const scope = { name: String(Name), filter: String(RecipientRestrictionFilter ?? '') };
  reachOf(tenant, scope.filter);
  if (scopes.some((one) => one.name === scope.name)) throw taken(`The management scope "${scope.name}" already exists.`);
  scopes.push(scope);
  return { rows: [{ Name: scope.name, RecipientFilter: scope.filter }] };
}

export function setManagementScope(tenant: Tenant, { Identity, RecipientRestrictionFilter }: Parameters): CmdletResult {
  const scope = tenant.directory.scopes.find((one) => one.name === Identity);
  if (!scope) throw missing(String(Identity));
  reachOf(tenant, String(RecipientRestrictionFilter ?? ''));
  scope.filter = String(RecipientRestrictionFilter ?? '');
  effect(tenant);
  return { rows: [] };
}

/** M365 (doc): refused while an assignment names it. */
export function removeManagementScope({ directory }: Tenant, { Identity }: Parameters): CmdletResult {
  const at = directory.scopes.findIndex((one) => one.name === Identity);
  if (at < 0) throw missing(String(Identity));
  const user = directory.roleAssignments.find((one) => one.scope === Identity);
  if (user) throw refused(`The management scope "${Identity}" can't be removed because the role assignment "${user.name}" uses it.`);
  directory.scopes.splice(at, 1);
  return { rows: [] };
}

export function getManagementRoleAssignment({ directory, pointers }: Tenant, { Identity, Role }: Parameters): CmdletResult {
  const found = directory.roleAssignments.filter(
    (one) => (Identity === undefined || one.name === Identity) && (Role === undefined || one.role === Role),
  );
  return {
    rows: found.map((one) => ({
      Name: one.name,
      Role: one.role,
      RoleAssigneeType: 'ServicePrincipal',
      RoleAssignee: one.objectId,
      App: pointers.find((pointer) => pointer.objectId === one.objectId)?.appId ?? '',
      CustomResourceScope: one.scope ?? '',
    })),
  };
}

export function newManagementRoleAssignment(tenant: Tenant, { Name, Role, App, CustomResourceScope }: Parameters): CmdletResult {
  const { directory, pointers } = tenant;
  const named = String(App ?? '').toLowerCase();
  const pointer = pointers.find((one) => one.appId === named || one.objectId === named);
  if (!pointer) throw missing(named);
  if (Role !== sendRole) throw missing(String(Role));
  const scope = CustomResourceScope === undefined ? undefined : String(CustomResourceScope);
  if (scope !== undefined && !directory.scopes.some((one) => one.name === scope)) throw missing(scope);
  if (directory.roleAssignments.some((one) => one.name === Name)) throw taken(`The role assignment "${Name}" already exists.`);
  const made: RoleAssignment = { name: String(Name), role: sendRole, objectId: pointer.objectId, scope };
  directory.roleAssignments.push(made);
  effect(tenant);
  return { rows: [{ Name: made.name, Role: made.role, CustomResourceScope: scope ?? '' }] };
}

export function removeManagementRoleAssignment(tenant: Tenant, { Identity }: Parameters): CmdletResult {
  const { roleAssignments } = tenant.directory;
  const at = roleAssignments.findIndex((one) => one.name === Identity);
  if (at < 0) throw missing(String(Identity));
  roleAssignments.splice(at, 1);
  effect(tenant);
  return { rows: [] };
}

export function testAuthorization(tenant: Tenant, { Identity, Resource }: Parameters): CmdletResult {
  const named = String(Identity ?? '').toLowerCase();
  const pointer = tenant.pointers.find((one) => one.appId === named || one.objectId === named);
  if (!pointer) throw missing(named);
  const mine = tenant.directory.roleAssignments.filter((one) => one.objectId === pointer.objectId);
  return {
    rows: mine.map((one) => ({
      RoleName: one.role,
      GrantedPermissions: 'SMTP.SendAsApp',
      AllowedResourceScope: one.scope ?? 'Organization',
      ScopeType: one.scope === undefined ? 'Organization' : 'CustomRecipientScope',
      InScope: membersIn(tenant, one)?.has(String(Resource).toLowerCase()) ?? true,
    })),
  };
}

function membersIn(tenant: Tenant, { scope }: RoleAssignment): ReadonlySet<string> | undefined {
  const filter = tenant.directory.scopes.find((one) => one.name === scope)?.filter;
  return filter === undefined ? undefined : reachOf(tenant, filter);
}

/** What was assigned here is what the submission server looks at. */
function effect(tenant: Tenant): void {
  const mine = new Set(tenant.directory.roleAssignments.map((one) => one.objectId));
  const others = tenant.sendAssignments.filter((one) => one.members === undefined && !mine.has(one.objectId));
  const made = tenant.directory.roleAssignments.map((one) => ({
    objectId: one.objectId,
    members: membersIn(tenant, one) ?? new Set(tenant.mailboxes.keys()),
  }));
  tenant.sendAssignments.splice(0, tenant.sendAssignments.length, ...others, ...made);
}

/**
 * Who may do what: app roles and scopes of the resources, and what a directory role lets a person do.
 *
 * The hard thing is that a delegated call needs both: the scope in the client's token, and the person's own role.
 */

import { guidOf } from './state.ts';

export interface Permission {
  readonly value: string;
  readonly id: string;
}

/** M365 (doc): ids of the application permissions of Office 365 Exchange Online; that of SMTP.SendAsApp is M365 (assumed): none of its two sources is Microsoft's. */
export const exchangeRoles: readonly Permission[] = [
  { value: 'IMAP.AccessAsApp', id: '5e5addcd-3e8d-4e90-baf5-964efab2b20a' },
  { value: 'POP.AccessAsApp', id: 'cb842b43-da6e-4506-86fe-bb12199c656d' },
  { value: 'SMTP.SendAsApp', id: '7146a1f0-8703-45b3-9eae-527a64c00995' },
  { value: 'full_access_as_app', id: 'dc890d15-9560-4a4c-9b7f-a736ec74ec40' },
  { value: 'Exchange.ManageAsApp', id: 'dc50a0fb-09a3-484d-be87-e023b12c6440' },
];

export const exchangeScopes: readonly Permission[] = [{ value: 'Exchange.Manage', id: 'ab4f2b77-0b06-4fc1-a9de-02113fc2ab7c' }];

/** Of Graph only what the way of an app there can touch. The first id is M365 (doc); the others are made up. */
export const graphScopes: readonly Permission[] = [
  { value: 'User.Read', id: 'e1fe6dd8-ba31-4d61-89e7-88639da4683d' },
  ...[
    'Application.Read.All',
    'Application.ReadWrite.All',
    'AppRoleAssignment.ReadWrite.All',
    'DelegatedPermissionGrant.ReadWrite.All',
    'Directory.Read.All',
    'Policy.Read.All',
    'AuditLog.Read.All',
  ].map((value) => ({ value, id: guidOf('scope', value) })),
];
export const graphRoles: readonly Permission[] = [
  'Mail.Read',
  'Mail.ReadWrite',
  'Mail.Send',
  'Application.Read.All',
  'Application.ReadWrite.OwnedBy',
].map((value) => ({
  value,
  id: guidOf('role', value),
}));

/** M365 (doc): least privileged roles by task; application administrators manage apps and consent for other APIs than Graph. */
const appManagers = ['Application Administrator', 'Cloud Application Administrator', 'Global Administrator'];
const readers = [...appManagers, 'Global Reader', 'Exchange Administrator', 'Exchange Recipient Administrator'];

export function mayReadDirectory(roles: readonly string[]): boolean {
  return roles.some((role) => readers.includes(role));
}

export function mayManageApps(roles: readonly string[]): boolean {
  return roles.some((role) => appManagers.includes(role));
}

const organizationCmdlets = [
  'Get-ServicePrincipal',
  'New-ServicePrincipal',
  'Set-ServicePrincipal',
  'Remove-ServicePrincipal',
  'Get-TransportConfig',
  'Get-ManagementRoleAssignment',
  'New-ManagementRoleAssignment',
  'Remove-ManagementRoleAssignment',
  'Get-ManagementScope',
  'New-ManagementScope',
  'Set-ManagementScope',
  'Remove-ManagementScope',
  'Test-ServicePrincipalAuthorization',
  'Get-OrganizationConfig',
];
const recipientCmdlets = [
  'Get-Mailbox',
  'Get-EXOMailbox',
  'Get-MailboxPermission',
  'Add-MailboxPermission',
  'Remove-MailboxPermission',
  'Get-RecipientPermission',
  'Add-RecipientPermission',
  'Remove-RecipientPermission',
  'Get-CASMailbox',
  'Set-CASMailbox',
  'Get-DistributionGroup',
  'Get-DistributionGroupMember',
];

/** M365 (doc): pointers and role assignments are Role Management's, permissions and switches of mailboxes are Mail Recipients'. */
export function cmdletsOf(roles: readonly string[]): readonly string[] {
  if (roles.includes('Exchange Administrator') || roles.includes('Global Administrator'))
    return [...organizationCmdlets, ...recipientCmdlets];
  if (roles.includes('Exchange Recipient Administrator')) return [...recipientCmdlets, 'Get-TransportConfig'];
  if (roles.includes('Global Reader')) return [...organizationCmdlets, ...recipientCmdlets].filter((name) => name.startsWith('Get-'));
  return [];
}

/**
 * The cmdlets of Exchange that a mail app's way needs, on the tenant's state. Names, parameters and texts as in Microsoft's reference.
 *
 * The hard thing is what they do otherwise than one expects: an identity that is not there may list everything, a permission that is
 * there already is a warning and no error, and orphaned permissions stay when the pointer goes. M365 (doc) unless a line says otherwise.
 */

import { type Mailbox, mailboxOf, type Pointer, type Tenant } from '../tenant.ts';
import { CmdletError, type CmdletResult, type Parameters } from './cmdlet-shape.ts';
import {
  getDistributionGroup,
  getDistributionGroupMember,
  getManagementRoleAssignment,
  getManagementScope,
  newManagementRoleAssignment,
  newManagementScope,
  removeManagementRoleAssignment,
  removeManagementScope,
  setManagementScope,
  testAuthorization,
} from './role-cmdlets.ts';
import { guidOf, sidOf, strikes } from './state.ts';

type Cmdlet = (tenant: Tenant, parameters: Parameters) => CmdletResult;

/** Parameters that each cmdlet knows; another one is AmbiguousParameterSetException. */
const cmdlets: Readonly<Record<string, { readonly knows: readonly string[]; readonly run: Cmdlet }>> = {
  'Get-ServicePrincipal': { knows: ['Identity', 'ResultSize'], run: getServicePrincipal },
  'New-ServicePrincipal': { knows: ['AppId', 'ObjectId', 'DisplayName', 'ServiceId'], run: newServicePrincipal },
  'Set-ServicePrincipal': { knows: ['Identity', 'DisplayName'], run: setServicePrincipal },
  'Remove-ServicePrincipal': { knows: ['Identity'], run: removeServicePrincipal },
  'Get-Mailbox': { knows: ['Identity', 'ResultSize'], run: getMailbox },
  'Get-EXOMailbox': { knows: ['Identity', 'ResultSize', 'Properties'], run: getMailbox },
  'Get-MailboxPermission': { knows: ['Identity', 'User', 'ResultSize'], run: getMailboxPermission },
  'Add-MailboxPermission': { knows: ['Identity', 'User', 'AccessRights', 'InheritanceType', 'AutoMapping'], run: addMailboxPermission },
  'Remove-MailboxPermission': { knows: ['Identity', 'User', 'AccessRights', 'InheritanceType'], run: removeMailboxPermission },
  'Get-RecipientPermission': { knows: ['Identity', 'Trustee', 'ResultSize'], run: getRecipientPermission },
  'Add-RecipientPermission': { knows: ['Identity', 'Trustee', 'AccessRights'], run: (tenant, given) => sendAs(tenant, given, true) },
  'Remove-RecipientPermission': { knows: ['Identity', 'Trustee', 'AccessRights'], run: (tenant, given) => sendAs(tenant, given, false) },
  'Get-CASMailbox': {
    knows: ['Identity', 'ResultSize'],
    run: (tenant, given) => ({ rows: [casShape(mailboxNamed(tenant, given['Identity']))] }),
  },
  'Set-CASMailbox': { knows: ['Identity', 'ImapEnabled', 'PopEnabled', 'SmtpClientAuthenticationDisabled'], run: setCasMailbox },
  'Get-TransportConfig': {
    knows: [],
    run: (tenant) => ({ rows: [{ SmtpClientAuthenticationDisabled: tenant.smtpClientAuthenticationDisabled }] }),
  },
  'Get-DistributionGroup': { knows: ['Identity', 'ResultSize'], run: getDistributionGroup },
  'Get-DistributionGroupMember': { knows: ['Identity', 'ResultSize'], run: getDistributionGroupMember },
  'Get-ManagementScope': { knows: ['Identity'], run: getManagementScope },
  'New-ManagementScope': { knows: ['Name', 'RecipientRestrictionFilter'], run: newManagementScope },
  'Set-ManagementScope': { knows: ['Identity', 'RecipientRestrictionFilter'], run: setManagementScope },
  'Remove-ManagementScope': { knows: ['Identity'], run: removeManagementScope },
  'Get-ManagementRoleAssignment': { knows: ['Identity', 'Role'], run: getManagementRoleAssignment },
  'New-ManagementRoleAssignment': { knows: ['Name', 'Role', 'App', 'CustomResourceScope'], run: newManagementRoleAssignment },
  'Remove-ManagementRoleAssignment': { knows: ['Identity'], run: removeManagementRoleAssignment },
  'Test-ServicePrincipalAuthorization': { knows: ['Identity', 'Resource'], run: testAuthorization },
  'Get-OrganizationConfig': { knows: [], run: (tenant) => ({ rows: [{ Name: tenant.domain, Guid: guidOf('organization', tenant.id) }] }) },
};

export function isCmdlet(name: string): boolean {
  return Object.hasOwn(cmdlets, name);
}

/** @throws CmdletError */
export function runCmdlet(tenant: Tenant, name: string, given: Parameters): CmdletResult {
  const cmdlet = cmdlets[name];
  if (!cmdlet) throw notRecognized(name);
  const { Confirm: _, ErrorAction: __, WarningAction: ___, ...parameters } = given;
  const unknown = Object.keys(parameters).find((one) => !cmdlet.knows.includes(one));
  if (unknown !== undefined) {
    throw new CmdletError(
      'ExA0EF2B',
      'System.Management.Automation.ParameterBindingException',
      `AmbiguousParameterSetException: a parameter cannot be found that matches parameter name '${unknown}'.`,
    );
  }
  return cmdlet.run(tenant, parameters);
}

export function notRecognized(name: string): CmdletError {
  return new CmdletError(
    'Ex2C8A1F',
    'System.Management.Automation.CommandNotFoundException',
    `The term '${name}' is not recognized as the name of a cmdlet, function, script file, or operable program.`,
  );
}

function missing(what: string, where: string): CmdletError {
  return new CmdletError(
    'Ex6F9304',
    'Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException',
    `The operation couldn't be performed because object '${what}' couldn't be found on '${where}'.`,
  );
}

const domainController = 'AMSPR01A00DC001.EURPR01A000.PROD.OUTLOOK.COM';

function pointerShape(pointer: Pointer): Record<string, unknown> {
  return {
    DisplayName: pointer.displayName ?? '',
    AppId: pointer.appId,
    ObjectId: pointer.objectId,
    Sid: sidOf(pointer.objectId),
    Identity: pointer.objectId,
    Guid: guidOf('pointer', pointer.objectId),
  };
}

function pointerNamed(tenant: Tenant, identity: unknown): Pointer | undefined {
  const wanted = String(identity ?? '').toLowerCase();
  return tenant.pointers.find((one) => [one.appId, one.objectId, sidOf(one.objectId).toLowerCase()].includes(wanted));
}

/** M365 (doc): an identity that is missing or unknown may give all. */
function getServicePrincipal(tenant: Tenant, { Identity }: Parameters): CmdletResult {
  const found = pointerNamed(tenant, Identity);
  if (found && strikes(tenant.directory.quirks, 'unseenPointer')) return { rows: [] };
  return { rows: (found ? [found] : tenant.pointers).map(pointerShape) };
}

/** M365 (doc): the pair is checked, but the app registration's object id is taken as well (assumed: seen in field reports). */
function newServicePrincipal(tenant: Tenant, { AppId, ObjectId, ServiceId, DisplayName }: Parameters): CmdletResult {
  const objectId = String(ObjectId ?? ServiceId ?? '').toLowerCase();
  const appId = String(AppId ?? '').toLowerCase();
  const app = tenant.apps.get(appId);
  if (!app || ![app.principal?.oid, app.objectId].includes(objectId)) {
    throw new CmdletError(
      'Ex98D1B2',
      'Microsoft.Exchange.Management.Tasks.InvalidServicePrincipalException',
      `The service principal with AppId '${appId}' and ObjectId '${objectId}' is not valid in this organization.`,
    );
  }
  // M365 (recorded): the words of which CIPP takes a part for "it is there".
  if (tenant.pointers.some((one) => one.appId === appId)) {
    throw new CmdletError(
      'ExE1B0C4',
      'Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException',
      `The service principal with AppId '${appId}' already exists.`,
    );
  }
  const pointer: Pointer = {
    appId,
    objectId,
    displayName: String(DisplayName ?? ''),
    refusesLogins: tenant.directory.quirks.pointerRefusesLogins ?? 0,
  };
  tenant.pointers.push(pointer);
  return {
    rows: [pointerShape(pointer)],
    ...(ServiceId === undefined ? {} : { warnings: ['The ServiceId parameter is deprecated. Use the ObjectId parameter.'] }),
  };
}

function setServicePrincipal(tenant: Tenant, { Identity, DisplayName }: Parameters): CmdletResult {
  const pointer = pointerNamed(tenant, Identity);
  if (!pointer) throw missing(String(Identity), domainController);
  pointer.displayName = String(DisplayName ?? '');
  return { rows: [] };
}

function removeServicePrincipal(tenant: Tenant, { Identity }: Parameters): CmdletResult {
  const pointer = pointerNamed(tenant, Identity);
  if (!pointer) throw missing(String(Identity), domainController);
  tenant.pointers.splice(tenant.pointers.indexOf(pointer), 1);
  return { rows: [] };
}

function mailboxNamed(tenant: Tenant, identity: unknown): Mailbox {
  const wanted = String(identity ?? '').toLowerCase();
  const mailbox = mailboxOf(tenant, wanted) ?? [...tenant.mailboxes.values()].find((one) => guidOf('mailbox', one.address) === wanted);
  if (!mailbox) throw missing(String(identity), domainController);
  return mailbox;
}

function getMailbox(tenant: Tenant, { Identity }: Parameters): CmdletResult {
  const found = Identity === undefined ? [...tenant.mailboxes.values()] : [mailboxNamed(tenant, Identity)];
  return {
    rows: found.map((mailbox) => ({
      Identity: mailbox.address.split('@')[0],
      PrimarySmtpAddress: mailbox.address,
      UserPrincipalName: mailbox.address,
      RecipientTypeDetails: 'UserMailbox',
      ExternalDirectoryObjectId: guidOf('user', mailbox.address),
      ExchangeGuid: guidOf('mailbox', mailbox.address),
    })),
  };
}

/** Rows show the pointer's name while there is one, and its bare SID afterwards. */
function trusteeShown({ pointers, directory }: Tenant, objectId: string): string {
  const pointer = pointers.find((one) => one.objectId === objectId);
  if (!pointer) return sidOf(objectId);
  return directory.quirks.namesOnly ? (pointer.displayName ?? '') : objectId;
}

/** The SID's own column, which not every row has. */
function sidShown({ directory }: Tenant, objectId: string): string {
  return directory.quirks.namesOnly ? '' : sidOf(objectId);
}

function getMailboxPermission(tenant: Tenant, { Identity, User }: Parameters): CmdletResult {
  const mailbox = mailboxNamed(tenant, Identity);
  const all = [
    {
      Identity: mailbox.address,
      User: 'NT AUTHORITY\\SELF',
      UserSid: 'S-1-5-10',
      AccessRights: ['FullAccess', 'ReadPermission'],
      IsInherited: false,
      Deny: false,
    },
  ];
  const pointer = User === undefined ? undefined : trusteeNamed(tenant, User);
  const grants = [...mailbox.grants]
    .filter((objectId) => pointer === undefined || objectId === pointer)
    .map((objectId) => ({
      Identity: mailbox.address,
      User: trusteeShown(tenant, objectId),
      UserSid: sidShown(tenant, objectId),
      AccessRights: ['FullAccess'],
      IsInherited: false,
      Deny: false,
    }));
  return { rows: pointer === undefined ? [...all, ...grants] : grants };
}

/** @returns the object id of a pointer, or the one behind an orphaned SID */
function trusteeNamed(tenant: Tenant, name: unknown): string {
  const pointer = pointerNamed(tenant, name);
  if (pointer) return pointer.objectId;
  const orphans = [...tenant.mailboxes.values()].flatMap((one) => [...one.grants, ...one.sendAs]);
  const orphan = orphans.find((one) => sidOf(one).toLowerCase() === String(name).toLowerCase());
  if (orphan !== undefined) return orphan;
  throw missing(String(name), domainController);
}

function addMailboxPermission(tenant: Tenant, { Identity, User, AccessRights }: Parameters): CmdletResult {
  const mailbox = mailboxNamed(tenant, Identity);
  const objectId = trusteeNamed(tenant, User);
  if (![AccessRights].flat().includes('FullAccess')) return { rows: [] };
  const row = {
    Identity: mailbox.address,
    User: trusteeShown(tenant, objectId),
    AccessRights: ['FullAccess'],
    IsInherited: false,
    Deny: false,
  };
  if (mailbox.grants.has(objectId)) {
    return {
      rows: [row],
      warnings: [`The appropriate access control entry is already present on the object "${mailbox.address}" for account "${objectId}".`],
    };
  }
  mailbox.grants.add(objectId);
  return { rows: [row] };
}

function removeMailboxPermission(tenant: Tenant, { Identity, User }: Parameters): CmdletResult {
  const mailbox = mailboxNamed(tenant, Identity);
  const objectId = trusteeNamed(tenant, User);
  if (mailbox.grants.delete(objectId)) return { rows: [] };
  const text = `Can't remove the access control entry on the object "${mailbox.address}" for account "${objectId}" because the ACE doesn't exist on the object.`;
  return { rows: [], warnings: [text] };
}

function getRecipientPermission(tenant: Tenant, { Identity, Trustee }: Parameters): CmdletResult {
  const mailbox = mailboxNamed(tenant, Identity);
  const trustee = Trustee === undefined ? undefined : trusteeNamed(tenant, Trustee);
  return {
    rows: [...mailbox.sendAs]
      .filter((objectId) => trustee === undefined || objectId === trustee)
      .map((objectId) => ({
        Identity: mailbox.address,
        Trustee: trusteeShown(tenant, objectId),
        TrusteeSid: sidShown(tenant, objectId),
        AccessControlType: 'Allow',
        AccessRights: ['SendAs'],
      })),
  };
}

function sendAs(tenant: Tenant, { Identity, Trustee }: Parameters, isGranted: boolean): CmdletResult {
  const mailbox = mailboxNamed(tenant, Identity);
  const objectId = trusteeNamed(tenant, Trustee);
  if (isGranted) mailbox.sendAs.add(objectId);
  else mailbox.sendAs.delete(objectId);
  return { rows: [] };
}

function casShape(mailbox: Mailbox): Record<string, unknown> {
  return {
    Identity: mailbox.address,
    PrimarySmtpAddress: mailbox.address,
    ImapEnabled: mailbox.imapEnabled,
    PopEnabled: mailbox.popEnabled,
    SmtpClientAuthenticationDisabled: mailbox.smtpClientAuthenticationDisabled,
  };
}

function setCasMailbox(tenant: Tenant, given: Parameters): CmdletResult {
  const mailbox = mailboxNamed(tenant, given['Identity']);
  if (typeof given['ImapEnabled'] === 'boolean') mailbox.imapEnabled = given['ImapEnabled'];
  if (typeof given['PopEnabled'] === 'boolean') mailbox.popEnabled = given['PopEnabled'];
  const isDisabled = given['SmtpClientAuthenticationDisabled'];
  if (typeof isDisabled === 'boolean' || isDisabled === null) mailbox.smtpClientAuthenticationDisabled = isDisabled;
  return { rows: [] };
}

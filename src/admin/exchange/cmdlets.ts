/**
 * The cmdlets that the setup runs, one function each, with what is odd about them taken care of here.
 *
 * M365 (doc): parameters and outputs from Microsoft's reference of Exchange PowerShell. The hard thing is trusting no filter: a read by an
 * identity that is not there may list everything, and permissions are compared by SID, because names change.
 */
import { isFault } from '../../fault/fault.ts';
import type { CmdletRow, ExchangeAdmin } from './admin.ts';

/** The service principal's record in Exchange. */
export interface Pointer {
  readonly appId: string;
  readonly objectId: string;
  readonly sid: string;
  readonly displayName: string;
}

/** Pointers of this app: none, one, or by somebody's mistake more. */
export async function getPointers(exchange: ExchangeAdmin, appId: string): Promise<readonly Pointer[]> {
  const { rows } = await nothingIfMissing(() => exchange.run('Get-ServicePrincipal', { Identity: appId }));
  return rows.map(pointerIn).filter((pointer) => pointer.appId.toLowerCase() === appId.toLowerCase());
}

/** @param objectId that of the service principal (the Enterprise application), not of the app registration */
export async function newPointer(exchange: ExchangeAdmin, appId: string, objectId: string, displayName: string): Promise<void> {
  await exchange.run('New-ServicePrincipal', { AppId: appId, ObjectId: objectId, DisplayName: displayName });
}

export async function removePointer(exchange: ExchangeAdmin, objectId: string): Promise<void> {
  await nothingIfMissing(() => exchange.run('Remove-ServicePrincipal', { Identity: objectId, Confirm: false }));
}

export interface MailboxInfo {
  readonly address: string;
  readonly upn: string;
  readonly kind: string;
  /** Does not change when the address does. */
  readonly exchangeGuid: string;
}

/** Undefined where there is none of this address. */
export async function getMailbox(exchange: ExchangeAdmin, address: string): Promise<MailboxInfo | undefined> {
  const { rows } = await nothingIfMissing(() => exchange.run('Get-Mailbox', { Identity: address }));
  const [row, another] = rows;
  if (row === undefined || another !== undefined) return undefined;
  return {
    address: textOf(row, 'PrimarySmtpAddress'),
    upn: textOf(row, 'UserPrincipalName'),
    kind: textOf(row, 'RecipientTypeDetails'),
    exchangeGuid: textOf(row, 'ExchangeGuid'),
  };
}

/** All mailboxes' addresses: a long list in a large organisation. */
export async function listMailboxes(exchange: ExchangeAdmin): Promise<readonly string[]> {
  const { rows } = await exchange.run('Get-Mailbox', { ResultSize: 'Unlimited' });
  return rows.map((row) => textOf(row, 'PrimarySmtpAddress'));
}

/** Who has a permission on a mailbox: a SID, or the name that Exchange shows. */
export interface Permission {
  readonly trustee: string;
  readonly sid: string;
  readonly rights: readonly string[];
  readonly inherited: boolean;
  readonly deny: boolean;
}

export async function getMailboxPermissions(exchange: ExchangeAdmin, address: string): Promise<readonly Permission[]> {
  const { rows } = await exchange.run('Get-MailboxPermission', { Identity: address });
  return rows.map((row) => permissionIn(row, 'User'));
}

/**
 * Rights of this pointer's own on a mailbox: its FullAccess, or its SendAs.
 *
 * M365 (doc): rows are compared by SID. M365 (assumed): a row may show nothing but a display name, which is no identity; then Exchange itself
 * is asked for the rows of this trustee.
 * @throws Fault exchange.not-found where there is no such mailbox
 */
export async function rightsOf(
  exchange: ExchangeAdmin,
  address: string,
  pointer: Pointer,
  right: 'full-access' | 'send-as',
): Promise<readonly Permission[]> {
  const all = right === 'full-access' ? await getMailboxPermissions(exchange, address) : await getSendAs(exchange, address);
  const mine = all.filter((one) => isOf(one, pointer));
  if (mine.length > 0 || !all.some((one) => one.sid === '' && one.trustee === pointer.displayName)) return mine;
  const [cmdlet, column] =
    right === 'full-access' ? (['Get-MailboxPermission', 'User'] as const) : (['Get-RecipientPermission', 'Trustee'] as const);
  const { rows } = await nothingIfMissing(() => exchange.run(cmdlet, { Identity: address, [column]: pointer.objectId }));
  return rows
    .map((row) => permissionIn(row, column))
    .filter((one) => one.trustee === pointer.displayName)
    .map((one) => ({ ...one, trustee: pointer.objectId, sid: pointer.sid }));
}

/** Whether the pointer has FullAccess of its own: not inherited, not denied. Compared by SID, and by object id where Exchange shows that. */
export function hasFullAccess(permissions: readonly Permission[], pointer: Pointer): boolean {
  const mine = permissions.filter((one) => isOf(one, pointer) && one.rights.includes('FullAccess') && !one.inherited);
  return mine.length > 0 && mine.every((one) => !one.deny);
}

export function isOf(permission: Permission, { sid, objectId }: Pointer): boolean {
  // Nothing is nobody's: two rows without a SID are not the same person.
  return [permission.sid, permission.trustee].some((one) => one !== '' && (one === sid || one.toLowerCase() === objectId.toLowerCase()));
}

/** `AutoMapping` is on unless it is said: it would offer the mailbox to a person's Outlook, which an app does not have. */
export async function addFullAccess(exchange: ExchangeAdmin, address: string, objectId: string): Promise<void> {
  await exchange.run('Add-MailboxPermission', {
    Identity: address,
    User: objectId,
    AccessRights: ['FullAccess'],
    InheritanceType: 'All',
    AutoMapping: false,
    Confirm: false,
  });
}

/** @param trustee object id of the pointer, or a SID that no pointer has any more */
export async function removeFullAccess(exchange: ExchangeAdmin, address: string, trustee: string): Promise<void> {
  await nothingIfMissing(() =>
    exchange.run('Remove-MailboxPermission', {
      Identity: address,
      User: trustee,
      AccessRights: ['FullAccess'],
      InheritanceType: 'All',
      Confirm: false,
    }),
  );
}

export async function getSendAs(exchange: ExchangeAdmin, address: string): Promise<readonly Permission[]> {
  const { rows } = await exchange.run('Get-RecipientPermission', { Identity: address });
  return rows.map((row) => permissionIn(row, 'Trustee'));
}

export async function addSendAs(exchange: ExchangeAdmin, address: string, objectId: string): Promise<void> {
  await exchange.run('Add-RecipientPermission', { Identity: address, Trustee: objectId, AccessRights: ['SendAs'], Confirm: false });
}

export async function removeSendAs(exchange: ExchangeAdmin, address: string, objectId: string): Promise<void> {
  await nothingIfMissing(() =>
    exchange.run('Remove-RecipientPermission', { Identity: address, Trustee: objectId, AccessRights: ['SendAs'], Confirm: false }),
  );
}

/** The switches of a mailbox. `smtpDisabled`: null follows the organisation, false is on whatever the organisation says. */
export interface ClientAccess {
  readonly imap: boolean;
  readonly pop: boolean;
  readonly smtpDisabled: boolean | null;
}

export async function getClientAccess(exchange: ExchangeAdmin, address: string): Promise<ClientAccess | undefined> {
  const { rows } = await nothingIfMissing(() => exchange.run('Get-CASMailbox', { Identity: address }));
  const [row] = rows;
  if (row === undefined) return undefined;
  const disabled = row['SmtpClientAuthenticationDisabled'];
  return {
    imap: row['ImapEnabled'] === true,
    pop: row['PopEnabled'] === true,
    smtpDisabled: typeof disabled === 'boolean' ? disabled : null,
  };
}

export async function setClientAccess(exchange: ExchangeAdmin, address: string, change: Partial<ClientAccess>): Promise<void> {
  await exchange.run('Set-CASMailbox', {
    Identity: address,
    ...(change.imap === undefined ? {} : { ImapEnabled: change.imap }),
    ...(change.pop === undefined ? {} : { PopEnabled: change.pop }),
    ...(change.smtpDisabled === undefined ? {} : { SmtpClientAuthenticationDisabled: change.smtpDisabled }),
    Confirm: false,
  });
}

/** Whether SMTP AUTH is off for the organisation; undefined where it is not told. */
export async function isSmtpDisabledForAll(exchange: ExchangeAdmin): Promise<boolean | undefined> {
  const { rows } = await exchange.run('Get-TransportConfig', {});
  const disabled = rows[0]?.['SmtpClientAuthenticationDisabled'];
  return typeof disabled === 'boolean' ? disabled : undefined;
}

export interface Group {
  readonly address: string;
  readonly dn: string;
}

/** Undefined where there is none of this address. */
export async function getGroup(exchange: ExchangeAdmin, address: string): Promise<Group | undefined> {
  const { rows } = await nothingIfMissing(() => exchange.run('Get-DistributionGroup', { Identity: address }));
  const [row, another] = rows;
  if (row === undefined || another !== undefined) return undefined;
  return { address: textOf(row, 'PrimarySmtpAddress'), dn: textOf(row, 'DistinguishedName') };
}

/** Addresses of the direct members; those of groups in it are not asked for, because they do not count for a scope. */
export async function getGroupMembers(exchange: ExchangeAdmin, address: string): Promise<readonly string[]> {
  const { rows } = await nothingIfMissing(() =>
    exchange.run('Get-DistributionGroupMember', { Identity: address, ResultSize: 'Unlimited' }),
  );
  return rows.map((row) => textOf(row, 'PrimarySmtpAddress').toLowerCase()).filter((one) => one !== '');
}

export interface ManagementScope {
  readonly name: string;
  readonly filter: string;
}

export async function getScope(exchange: ExchangeAdmin, name: string): Promise<ManagementScope | undefined> {
  const { rows } = await nothingIfMissing(() => exchange.run('Get-ManagementScope', { Identity: name }));
  // An identity that is not there may list everything.
  return rows
    .map((row) => ({ name: textOf(row, 'Name'), filter: textOf(row, 'RecipientFilter') || textOf(row, 'RecipientRestrictionFilter') }))
    .find((one) => one.name === name);
}

export async function newScope(exchange: ExchangeAdmin, { name, filter }: ManagementScope): Promise<void> {
  await exchange.run('New-ManagementScope', { Name: name, RecipientRestrictionFilter: filter, Confirm: false });
}

export async function setScope(exchange: ExchangeAdmin, { name, filter }: ManagementScope): Promise<void> {
  await exchange.run('Set-ManagementScope', { Identity: name, RecipientRestrictionFilter: filter, Confirm: false });
}

export async function removeScope(exchange: ExchangeAdmin, name: string): Promise<void> {
  await nothingIfMissing(() => exchange.run('Remove-ManagementScope', { Identity: name, Confirm: false }));
}

/** A management role that an app has in Exchange. */
export interface RoleAssignment {
  readonly name: string;
  readonly role: string;
  /** Name of its scope; empty: the whole organisation. */
  readonly scope: string;
}

/** M365 (assumed): the column that names the app; its object id and its application id are both taken. */
export async function listRoleAssignments(
  exchange: ExchangeAdmin,
  role: string,
  app: Pick<Pointer, 'appId' | 'objectId'>,
): Promise<readonly RoleAssignment[]> {
  const { rows } = await nothingIfMissing(() => exchange.run('Get-ManagementRoleAssignment', { Role: role }));
  const mine = new Set([app.appId.toLowerCase(), app.objectId.toLowerCase()]);
  return rows
    .filter((row) => ['App', 'RoleAssignee', 'RoleAssigneeName'].some((column) => mine.has(textOf(row, column).toLowerCase())))
    .map((row) => ({ name: textOf(row, 'Name'), role: textOf(row, 'Role'), scope: textOf(row, 'CustomResourceScope') }));
}

export async function newRoleAssignment(exchange: ExchangeAdmin, wanted: RoleAssignment, objectId: string): Promise<void> {
  await exchange.run('New-ManagementRoleAssignment', {
    Name: wanted.name,
    Role: wanted.role,
    App: objectId,
    CustomResourceScope: wanted.scope,
    Confirm: false,
  });
}

export async function removeRoleAssignment(exchange: ExchangeAdmin, name: string): Promise<void> {
  await nothingIfMissing(() => exchange.run('Remove-ManagementRoleAssignment', { Identity: name, Confirm: false }));
}

/** M365 (doc): looks past the cache, which keeps the old answer for up to two hours, and past what Entra grants. */
export async function isInScope(exchange: ExchangeAdmin, role: string, objectId: string, mailbox: string): Promise<boolean> {
  const { rows } = await nothingIfMissing(() =>
    exchange.run('Test-ServicePrincipalAuthorization', { Identity: objectId, Resource: mailbox }),
  );
  return rows.some((row) => textOf(row, 'RoleName') === role && (row['InScope'] === true || textOf(row, 'InScope') === 'True'));
}

function pointerIn(row: CmdletRow): Pointer {
  return {
    // Graph writes ids in small letters; they are compared with those.
    appId: textOf(row, 'AppId').toLowerCase(),
    objectId: textOf(row, 'ObjectId').toLowerCase(),
    sid: textOf(row, 'Sid'),
    displayName: textOf(row, 'DisplayName'),
  };
}

function permissionIn(row: CmdletRow, trustee: 'User' | 'Trustee'): Permission {
  const rights = row['AccessRights'];
  const name = textOf(row, trustee);
  return {
    trustee: name,
    // M365 (doc): a SID stands in the column of its own, or as the name where the name cannot be told.
    sid: textOf(row, `${trustee}Sid`) || (name.startsWith('S-1-') ? name : ''),
    rights: (Array.isArray(rights) ? rights.map(String) : String(rights ?? '').split(',')).map((one) => one.trim()),
    inherited: row['IsInherited'] === true,
    deny: row['Deny'] === true || row['AccessControlType'] === 'Deny',
  };
}

/** A row over HTTPS has texts; PowerShell may give an object with the text in it. */
function textOf(row: CmdletRow, name: string): string {
  const value = row[name];
  if (typeof value === 'string') return value;
  const inner: unknown = Object(value)['Guid'] ?? Object(value)['Value'] ?? Object(value)['Address'];
  return typeof inner === 'string' ? inner : '';
}

async function nothingIfMissing<T extends { readonly rows: readonly CmdletRow[] }>(
  ask: () => Promise<T>,
): Promise<{ readonly rows: readonly CmdletRow[] }> {
  try {
    return await ask();
  } catch (error) {
    if (isFault(error, 'exchange.not-found')) return { rows: [] };
    throw error;
  }
}

/**
 * What there is in Exchange: pointers, rights and switches of mailboxes, and the scope of sending where that is by role assignment.
 *
 * The hard thing is whose rights are read: those of the right pointer, and those of a wrong one, which stay behind as bare SIDs when it goes.
 */
import type { ExchangeAdmin } from '../admin/exchange/admin.ts';
import {
  type ClientAccess,
  type Group,
  getClientAccess,
  getGroup,
  getGroupMembers,
  getMailbox,
  getPointers,
  getScope,
  hasFullAccess,
  isSmtpDisabledForAll,
  listRoleAssignments,
  type MailboxInfo,
  type Pointer,
  type RoleAssignment,
  rightsOf,
} from '../admin/exchange/cmdlets.ts';
import { type Desired, rbacName, sendRole } from './desired.ts';
import type { Kept } from './notes.ts';

export interface ObservedExchange {
  /** Cmdlets that the person who signed in may run, of those that the setup may want. */
  readonly cmdlets: readonly string[];
  readonly pointers: readonly Pointer[];
  readonly smtpDisabledForAll: boolean | undefined;
  /** Of each wanted mailbox, each address in `sendAs` and each that the setup has given a right on, by its address in lower case. */
  readonly mailboxes: Readonly<Record<string, ObservedMailbox>>;
  /** Undefined: sending is not by role assignment. */
  readonly sending: ObservedSending | undefined;
  /** What the setup noted that it gave. */
  readonly granted: Kept['granted'];
}

export interface ObservedMailbox {
  /** Undefined: there is none of this address. */
  readonly info: MailboxInfo | undefined;
  /** Whether the service principal's pointer has FullAccess. False where there is no pointer. */
  readonly fullAccess: boolean;
  readonly sendAs: boolean;
  readonly access: ClientAccess | undefined;
  /** Object ids of this app's other pointers that have FullAccess. */
  readonly wrong: readonly string[];
}

/** Sending by RBAC for Applications. */
export interface ObservedSending {
  /** Undefined: there is no group of this address. */
  readonly group: Group | undefined;
  /** Addresses of its direct members, in lower case, in order. */
  readonly members: readonly string[];
  /** Filter of our management scope; undefined: there is none. */
  readonly filter: string | undefined;
  /** All assignments of the role to this app. */
  readonly assignments: readonly RoleAssignment[];
}

/** Cmdlets that some step of a plan may want. */
const neededCmdlets: ReadonlySet<string> = new Set([
  'Get-ServicePrincipal',
  'New-ServicePrincipal',
  'Remove-ServicePrincipal',
  'Get-Mailbox',
  'Get-MailboxPermission',
  'Add-MailboxPermission',
  'Remove-MailboxPermission',
  'Get-RecipientPermission',
  'Add-RecipientPermission',
  'Remove-RecipientPermission',
  'Get-CASMailbox',
  'Set-CASMailbox',
  'Get-TransportConfig',
  'Get-DistributionGroup',
  'Get-DistributionGroupMember',
  'Get-ManagementScope',
  'New-ManagementScope',
  'Set-ManagementScope',
  'Remove-ManagementScope',
  'Get-ManagementRoleAssignment',
  'New-ManagementRoleAssignment',
  'Remove-ManagementRoleAssignment',
  'Test-ServicePrincipalAuthorization',
]);

interface Ids {
  readonly appId: string | undefined;
  readonly principalId: string | undefined;
}

/** @param granted rights that the setup gave before @throws Fault exchange.*, signin.*, network.* */
export async function observeExchange(
  exchange: ExchangeAdmin,
  desired: Desired,
  { appId, principalId }: Ids,
  granted: Kept['granted'],
  onProgress: (what: string) => void,
): Promise<ObservedExchange> {
  onProgress('reading what you may do in Exchange');
  const cmdlets = [...(await exchange.allowedCmdlets())].filter((name) => neededCmdlets.has(name)).sort();
  const pointers = appId === undefined ? [] : await getPointers(exchange, appId);
  const sends = desired.protocols.includes('smtp');
  const smtpDisabledForAll = sends ? await isSmtpDisabledForAll(exchange) : undefined;
  const pointer = pointers.find((one) => one.objectId === principalId);
  const others = pointers.filter((one) => one !== pointer);
  const mailboxes: Record<string, ObservedMailbox> = {};
  const wanted = desired.mailboxes.flatMap(({ address, sendAs }) => [address, ...sendAs]);
  const addresses = new Set([...wanted, ...granted.map((one) => one.address)].map((one) => one.toLowerCase()));
  for (const [index, address] of [...addresses].entries()) {
    onProgress(`reading mailbox ${index + 1} of ${addresses.size}`);
    mailboxes[address] = await observeMailbox(exchange, address, pointer, others, sends);
  }
  const sending = await observeSending(exchange, desired, { appId: appId ?? '', objectId: principalId ?? '' }, onProgress);
  return { cmdlets, pointers, smtpDisabledForAll, mailboxes, sending, granted };
}

async function observeMailbox(
  exchange: ExchangeAdmin,
  address: string,
  pointer: Pointer | undefined,
  others: readonly Pointer[],
  sends: boolean,
): Promise<ObservedMailbox> {
  const info = await getMailbox(exchange, address);
  if (info === undefined) return { info, fullAccess: false, sendAs: false, access: undefined, wrong: [] };
  const has = async (one: Pointer): Promise<boolean> => hasFullAccess(await rightsOf(exchange, address, one, 'full-access'), one);
  const wrong: string[] = [];
  for (const one of others) if (await has(one)) wrong.push(one.objectId);
  return {
    info,
    fullAccess: pointer !== undefined && (await has(pointer)),
    sendAs: pointer !== undefined && sends && (await rightsOf(exchange, address, pointer, 'send-as')).length > 0,
    access: await getClientAccess(exchange, address),
    wrong,
  };
}

async function observeSending(
  exchange: ExchangeAdmin,
  desired: Desired,
  app: { readonly appId: string; readonly objectId: string },
  onProgress: (what: string) => void,
): Promise<ObservedSending | undefined> {
  const { smtp } = desired;
  if (smtp.mode === 'claims' || !desired.protocols.includes('smtp')) return undefined;
  onProgress('reading the scope of sending');
  const group = await getGroup(exchange, smtp.group);
  return {
    group,
    members: group === undefined ? [] : [...(await getGroupMembers(exchange, smtp.group))].sort(),
    filter: (await getScope(exchange, rbacName(desired)))?.filter,
    assignments: app.objectId === '' ? [] : await listRoleAssignments(exchange, sendRole, app),
  };
}

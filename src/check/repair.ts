/**
 * What to type or open, filled in with the ids of this tenant, this app and this mailbox. Pure text; nothing here is run by Postern.
 *
 * The hard thing: these lines are pasted into a shell by somebody who trusts them, and mailboxes come from a file. So whatever is not
 * plainly an id or an address stands in single quotes, which PowerShell leaves alone, with each inner one doubled.
 */
import type { TenantConfig } from '../config/config.ts';
import type { Evidence } from '../fault/fault.ts';
import { exchangeOnlineAppId, lookAlikes, protocolPermission } from '../tenant/permission.ts';
import type { Protocol } from './observation.ts';

/** A PowerShell argument. about_Quoting_Rules: nothing is expanded in single quotes; a doubled one stands for one. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9][A-Za-z0-9@._-]*$/.test(text) ? text : `'${text.replaceAll(/['‘’‚‛]/g, (sign) => sign + sign)}'`;
}

/** Opens Exchange Online PowerShell in the tenant's cloud. */
export function connectExchange(tenant: TenantConfig): string {
  const environment = tenant.cloud.exchangeEnvironment;
  return environment === undefined ? 'Connect-ExchangeOnline' : `Connect-ExchangeOnline -ExchangeEnvironmentName ${environment}`;
}

/** M365 (doc): asked without an identity and compared here, because an unknown identity may return all of them. */
export function showPointer(tenant: TenantConfig): string {
  return `Get-ServicePrincipal | Where-Object AppId -eq ${quoted(tenant.clientId)} | Format-List DisplayName,AppId,ObjectId`;
}

/** M365 (doc): a pointer's object id cannot be changed; it is removed and made again, and its grants go with it. */
export function replacePointer(tenant: TenantConfig, oid: string, mailboxes: readonly string[]): readonly string[] {
  return [
    connectExchange(tenant),
    showPointer(tenant),
    `# only if it shows another ObjectId than ${oid}:`,
    `Get-ServicePrincipal | Where-Object { $_.AppId -eq '${tenant.clientId}' -and $_.ObjectId -ne '${oid}' } | ForEach-Object { Remove-ServicePrincipal -Identity $_.Identity }`,
    `New-ServicePrincipal -AppId ${quoted(tenant.clientId)} -ObjectId ${quoted(oid)} -DisplayName Postern`,
    ...mailboxes.map((mailbox) => grantLine(mailbox, oid)),
  ];
}

export function grantLine(mailbox: string, oid: string): string {
  return `Add-MailboxPermission -Identity ${quoted(mailbox)} -User ${quoted(oid)} -AccessRights FullAccess`;
}

export function showGrants(mailbox: string): string {
  return `Get-MailboxPermission -Identity ${quoted(mailbox)} | Format-Table User,AccessRights`;
}

export function takeGrant(mailbox: string, oid: string): string {
  return `Remove-MailboxPermission -Identity ${quoted(mailbox)} -User ${quoted(oid)} -AccessRights FullAccess`;
}

export function showMailbox(mailbox: string): string {
  return `Get-Mailbox -Identity ${quoted(mailbox)} | Format-List PrimarySmtpAddress,RecipientTypeDetails,IsShared`;
}

export function showSwitches(mailbox: string): string {
  return `Get-CASMailbox -Identity ${quoted(mailbox)} | Format-List ImapEnabled,PopEnabled,SmtpClientAuthenticationDisabled`;
}

const switches: Readonly<Record<Protocol, string>> = {
  imap: '-ImapEnabled $true',
  pop3: '-PopEnabled $true',
  // M365 (doc): tri-state; $false wins over the organisation's setting.
  smtp: '-SmtpClientAuthenticationDisabled $false',
};

export function turnOn(mailbox: string, protocol: Protocol): string {
  return `Set-CASMailbox -Identity ${quoted(mailbox)} ${switches[protocol]}`;
}

/** Adds the application permissions to the app and consents to them, by Azure CLI. M365 (doc). */
export function permit(tenant: TenantConfig, wanted: readonly Protocol[]): readonly string[] {
  return permitRoles(
    tenant,
    wanted.map((protocol) => protocolPermission[protocol].id),
  );
}

/** What High Volume Email asks for. M365 (doc). */
export function permitMailSend(tenant: TenantConfig): readonly string[] {
  return permitRoles(
    tenant,
    lookAlikes.filter(({ name }) => name === 'Mail.Send').map(({ id }) => id),
  );
}

function permitRoles(tenant: TenantConfig, ids: readonly string[]): readonly string[] {
  const roles = ids.map((id) => `${id}=Role`).join(' ');
  return [
    `az ad app permission add --id ${tenant.clientId} --api ${exchangeOnlineAppId} --api-permissions ${roles}`,
    `az ad app permission admin-consent --id ${tenant.clientId}`,
    `# or by hand: ${registrationPage(tenant, 'CallAnAPI')}`,
  ];
}

/** RBAC for Applications, SMTP only. M365 (doc): `-App` takes the object id that `Get-ServicePrincipal` shows. */
export function permitByRbac(oid: string): readonly string[] {
  return [
    "New-ManagementScope -Name 'Postern SMTP' -RecipientRestrictionFilter \"MemberOfGroup -eq 'GROUP-DN'\"",
    `New-ManagementRoleAssignment -Name 'Postern SMTP' -Role 'Application SMTP.SendAsApp' -App ${quoted(oid)} -CustomResourceScope 'Postern SMTP'`,
  ];
}

/** Shows whether the mailbox is in the scope of an assignment. M365 (doc): tests RBAC for Applications only. */
export function testAssignment(oid: string, mailbox: string): string {
  return `Test-ServicePrincipalAuthorization -Identity ${quoted(oid)} -Resource ${quoted(mailbox)}`;
}

/** Shows what the app trusts, to be compared with the assertion. M365 (doc). */
export function listFederated(tenant: TenantConfig): string {
  return `az ad app federated-credential list --id ${tenant.clientId} --query "[].{name:name, issuer:issuer, subject:subject, audiences:audiences}"`;
}

/**
 * Adds a federated credential for the assertion that was refused. M365 (doc). Nothing is given where a claim holds what a shell would
 * read: the assertion comes from outside, and the line is pasted.
 */
export function trustAssertion(tenant: TenantConfig, { issuer, subject, audience }: Evidence): readonly string[] {
  const plain = [issuer, subject, audience].every((claim) => typeof claim === 'string' && /^[A-Za-z0-9:/._@#*+=-]+$/.test(claim));
  if (!plain) return [];
  const record = JSON.stringify({ name: 'postern', issuer, subject, audiences: [audience] });
  return [
    '# only if the assertion is the right one; whoever can get another like it can then act as the app:',
    `az ad app federated-credential create --id ${tenant.clientId} --parameters '${record}'`,
  ];
}

/** A page of the app registration in the portal of its cloud. */
export function registrationPage(tenant: TenantConfig, page: 'Overview' | 'Credentials' | 'CallAnAPI' | 'Authentication'): string {
  return `${portal(tenant)}/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/${page}/appId/${tenant.clientId}`;
}

/** The list of service principal sign-ins. */
export function signInLogs(tenant: TenantConfig): string {
  return `${portal(tenant)}/#view/Microsoft_AAD_IAM/SignInEventsV3Blade`;
}

/** M365 (doc) for the global one; M365 (assumed) for the others, which no page at hand lists together. */
function portal(tenant: TenantConfig): string {
  const portals: Readonly<Record<string, string>> = {
    'gcc-high': 'https://entra.microsoft.us',
    dod: 'https://entra.microsoft.us',
    china: 'https://entra.microsoftonline.cn',
  };
  return portals[tenant.cloud.name] ?? 'https://entra.microsoft.com';
}

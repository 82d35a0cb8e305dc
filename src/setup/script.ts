/**
 * A plan as a PowerShell script, for an administrator who reads before he runs.
 *
 * The hard thing is that the script meets a tenant nobody has looked at: it is made from the plan for an empty one, and each step in it
 * looks first and does nothing where nothing is to be done. No value becomes code: names stand in single quotes, doubled where they have
 * one. PowerShell 7, Microsoft.Graph 2, ExchangeOnlineManagement 3; `-ObjectId`, not `-ServiceId`; `-AutoMapping $false`. M365 (doc).
 */

import { isGuid } from '../tenant/ids.ts';
import { type Desired, knownRoleIds, newAppName, ourNote, ourPrefix, sendersInScope, sendRole } from './desired.ts';
import { certificateName } from './draft.ts';
import type { Observed } from './observed.ts';
import { desiredText, makePlan } from './plan.ts';
import type { Plan, Step, StepAct } from './step.ts';

export interface ScriptOptions {
  readonly part: 'entra' | 'exchange' | 'both';
  readonly tenantId: string;
  /** Of the tenant's cloud. */
  readonly cloud: string;
  /** Value of `-ExchangeEnvironmentName`; undefined where the default serves. */
  readonly exchangeEnvironment: string | undefined;
}

/** M365 (doc): names of the clouds for Connect-MgGraph. */
const graphEnvironments: Readonly<Record<string, string>> = { 'gcc-high': 'USGov', dod: 'USGovDoD', china: 'China' };

/** The plan for a tenant that has nothing yet. */
export function emptyTenantPlan(desired: Desired): Plan {
  const mailbox = (address: string) => ({
    info: { address, upn: address, kind: '', exchangeGuid: '' },
    fullAccess: false,
    sendAs: false,
    // Whether a switch is off is looked at by the script itself.
    access: { imap: false, pop: false, smtpDisabled: true },
    wrong: [],
  });
  const addresses = desired.mailboxes.flatMap(({ address, sendAs }) => [address, ...sendAs]);
  const observed: Observed = {
    entra: {
      organization: { id: '', name: '', initialDomain: '' },
      resource: { id: '', roles: knownRoleIds },
      app: undefined,
      federated: [],
      deletedAppId: undefined,
      owners: [],
      principal: undefined,
      lost: [],
      storedHint: undefined,
      retired: [],
      secretPolicy: undefined,
    },
    exchange: {
      cmdlets: [],
      pointers: [],
      smtpDisabledForAll: true,
      mailboxes: Object.fromEntries(addresses.map((address) => [address.toLowerCase(), mailbox(address)])),
      granted: [],
      // The script looks the group up; its members are a person's matter.
      sending:
        desired.smtp.mode === 'claims'
          ? undefined
          : {
              group: { address: desired.smtp.group, dn: desired.smtp.group },
              members: sendersInScope(desired).map((one) => one.toLowerCase()),
              filter: undefined,
              assignments: [],
            },
    },
  };
  return makePlan(
    { ...desired, enableClientAccess: true, app: { ...desired.app, adopt: undefined } },
    observed,
    '',
    desiredText(desired),
    0,
  );
}

export function script(desired: Desired, options: ScriptOptions): string {
  const plan = emptyTenantPlan(desired);
  const parts = [
    head(desired, options),
    ...(options.part === 'exchange' ? [idsAsked()] : [entraPart(desired, plan, options)]),
    ...(options.part === 'entra' ? [] : [exchangePart(desired, plan, options)]),
    closing(options.part),
  ];
  return parts.join('\n');
}

/** A text as PowerShell reads it and takes no part of it for code: straight and typographic single quotes are doubled. */
export function quoted(text: string): string {
  return `'${text.replace(/['\u2018\u2019\u201a\u201b]/g, '$&$&').replace(/\p{Cc}/gu, ' ')}'`;
}

function head(desired: Desired, { part }: ScriptOptions): string {
  const modules = [
    ...(part === 'exchange' ? [] : ['Microsoft.Graph.Authentication', 'Microsoft.Graph.Applications']),
    ...(part === 'exchange' || desired.app.adopt === undefined ? [] : ['Microsoft.Graph.Identity.SignIns']),
    ...(part === 'entra' ? [] : ['ExchangeOnlineManagement']),
  ];
  return `#Requires -Version 7.0
${modules.map((name) => `#Requires -Modules ${name}\n`).join('')}
# Made by \`postern setup script\` for the tenant ${desired.tenant.replace(/[^\w.-]/g, '')}. Read it, then run it with -WhatIf, then without.
# It looks before each change and can be run again. No secret is printed.
[CmdletBinding(SupportsShouldProcess)]
param(
${parametersOf(desired, part).join(',\n')}
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 3

# What was just made is not known everywhere at once: tries again for up to ten minutes, and says why.
function Wait-Until([scriptblock] $Do, [string] $What) {
  for ($attempt = 1; ; $attempt++) {
    $because = 'it is not seen yet'
    try { $found = & $Do; if ($found) { return $found } } catch { $because = $_.Exception.Message; if ($attempt -ge 40) { throw } }
    if ($attempt -ge 40) { throw "$What is not seen after ten minutes. Run the script again." }
    Write-Host "Waiting for $What ($because)"
    Start-Sleep -Seconds 15
  }
}
`;
}

function parametersOf({ credential }: Desired, part: ScriptOptions['part']): readonly string[] {
  if (part === 'exchange') return ['  [Parameter(Mandatory)] [guid] $AppId', '  [Parameter(Mandatory)] [guid] $PrincipalId'];
  switch (credential.kind) {
    case 'secret':
      return [`  # File that the client secret is written into.\n  [string] $SecretFile = (Join-Path (Get-Location) 'postern-secret')`];
    case 'certificate':
      return [
        '  # Certificate of the app (its public half only, PEM or DER): made where its key stays.\n  [Parameter(Mandatory)] [string] $CertificateFile',
      ];
    case 'federated':
      return [];
  }
}

function idsAsked(): string {
  return `$ids = [ordered]@{ schema = 'postern.setup-result/1'; appId = "$AppId"; appObjectId = ''; principalId = "$PrincipalId" }
`;
}

function entraPart(desired: Desired, plan: Plan, { tenantId, cloud }: ScriptOptions): string {
  const environment = graphEnvironments[cloud];
  const steps = plan.steps.filter((step) => step.plane === 'entra');
  const scopes = [
    'Application.ReadWrite.All',
    'AppRoleAssignment.ReadWrite.All',
    ...(desired.app.adopt === undefined ? [] : ['DelegatedPermissionGrant.ReadWrite.All']),
  ];
  return `# ---- Part 1: Entra. Needs Cloud Application Administrator. ----
Connect-MgGraph -TenantId ${quoted(tenantId)} -Scopes ${scopes.map(quoted).join(', ')} -NoWelcome${environment === undefined ? '' : ` -Environment ${quoted(environment)}`}
$exchange = Get-MgServicePrincipal -Filter "appId eq '00000002-0000-0ff1-ce00-000000000000'" -Property 'Id', 'AppRoles'
if (-not $exchange) { throw 'This tenant has no Office 365 Exchange Online.' }
$ids = [ordered]@{ schema = 'postern.setup-result/1' }

${steps.map((step) => entraStep(step, desired)).join('\n')}${desired.app.adopt === undefined ? '' : withoutUserRead}
Disconnect-MgGraph | Out-Null
`;
}

/** Only the portal gives it, so only an app that was made by hand has it. */
const withoutUserRead = `
# delegated consent: User.Read. Left by the portal; the app acts without a person. Undone by: consent to it again.
foreach ($grant in @(Get-MgServicePrincipalOauth2PermissionGrant -ServicePrincipalId $principal.Id -All)) {
  $scopes = @("$($grant.Scope)".Split(' ') | Where-Object { $_ })
  if ('User.Read' -notin $scopes -or -not $PSCmdlet.ShouldProcess($grant.Id, 'remove User.Read')) { continue }
  $left = @($scopes | Where-Object { $_ -ne 'User.Read' })
  $which = @{ OAuth2PermissionGrantId = $grant.Id }
  if ($left.Count -eq 0) { Remove-MgOauth2PermissionGrant @which }
  else { Update-MgOauth2PermissionGrant @which -Scope ($left -join ' ') }
}
`;

function explained({ object, key, reason, undo }: Step): string {
  const line = `# ${object} ${key}: ${reason}. Undone by: ${undo}.`;
  return line.replace(/\p{Cc}+/gu, ' ');
}

function entraStep(step: Step, desired: Desired): string {
  return `${explained(step)}\n${entraLines(step.act, desired)}\n`;
}

function entraLines(act: StepAct, { app }: Desired): string {
  const { uniqueName, audience } = app;
  const displayName = app.displayName ?? newAppName;
  switch (act.kind) {
    case 'create-app': {
      const find =
        app.adopt === undefined
          ? `Get-MgApplicationByUniqueName -UniqueName ${quoted(uniqueName)} -ErrorAction SilentlyContinue`
          : `Get-MgApplication -Filter ${quoted(`appId eq '${app.adopt}'`)}`;
      const make =
        app.adopt === undefined
          ? `if (-not $app -and $PSCmdlet.ShouldProcess(${quoted(displayName)}, 'New-MgApplication')) {
  New-MgApplication -DisplayName ${quoted(displayName)} -UniqueName ${quoted(uniqueName)} -SignInAudience ${quoted(audience)} -Notes ${quoted(ourNote)} | Out-Null
  $app = Wait-Until { ${find} } 'the app registration'
}
if (-not $app) { Write-Host 'Without the app the rest cannot be shown.'; return }`
          : `if (-not $app) { throw 'There is no app of this id in the tenant.' }
if (-not $app.UniqueName -and $PSCmdlet.ShouldProcess($app.AppId, 'Update-MgApplication -UniqueName')) {
  Update-MgApplication -ApplicationId $app.Id -UniqueName ${quoted(uniqueName)}
}`;
      return `$app = ${find}
${make}
$ids.appId = $app.AppId
$ids.appObjectId = $app.Id`;
    }
    case 'create-principal':
      return `$principal = Get-MgServicePrincipal -Filter "appId eq '$($app.AppId)'"
if (-not $principal -and $PSCmdlet.ShouldProcess($app.AppId, 'New-MgServicePrincipal')) {
  Wait-Until { New-MgServicePrincipal -AppId $app.AppId } 'the app registration' | Out-Null
  $principal = Wait-Until { Get-MgServicePrincipal -Filter "appId eq '$($app.AppId)'" } 'the service principal'
}
if (-not $principal) { Write-Host 'Without the service principal the rest cannot be shown.'; return }
$ids.principalId = $principal.Id`;
    case 'request-roles': {
      const roles = act.requiredResourceAccess.flatMap((one) => one.resourceAccess.map(({ id }) => id));
      const names = Object.entries(knownRoleIds).flatMap(([name, id]) => (roles.includes(id) ? [quoted(name)] : []));
      return `$wanted = @($exchange.AppRoles | Where-Object { $_.Value -in ${names.join(', ')} })
$access = @($app.RequiredResourceAccess | Where-Object { $_.ResourceAppId -ne '00000002-0000-0ff1-ce00-000000000000' })
$mine = @($app.RequiredResourceAccess | Where-Object { $_.ResourceAppId -eq '00000002-0000-0ff1-ce00-000000000000' } | ForEach-Object { $_.ResourceAccess })
$known = @($mine | ForEach-Object { $_.Id })
$missing = @($wanted | Where-Object { $_.Id -notin $known } | ForEach-Object { @{ Id = $_.Id; Type = 'Role' } })
if ($missing.Count -gt 0 -and $PSCmdlet.ShouldProcess($app.AppId, 'Update-MgApplication -RequiredResourceAccess')) {
  $access += @{ ResourceAppId = '00000002-0000-0ff1-ce00-000000000000'; ResourceAccess = @($mine) + $missing }
  Update-MgApplication -ApplicationId $app.Id -RequiredResourceAccess $access
}`;
    }
    case 'consent':
      return `$role = $exchange.AppRoles | Where-Object { $_.Value -eq ${quoted(act.role)} }
if (-not $role) { throw ${quoted(`This tenant has no role ${act.role}.`)} }
$granted = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $principal.Id -All | Where-Object { $_.AppRoleId -eq $role.Id -and $_.ResourceId -eq $exchange.Id }
if (-not $granted -and $PSCmdlet.ShouldProcess(${quoted(act.role)}, 'New-MgServicePrincipalAppRoleAssignedTo')) {
  Wait-Until { New-MgServicePrincipalAppRoleAssignedTo -ServicePrincipalId $exchange.Id -PrincipalId $principal.Id -ResourceId $exchange.Id -AppRoleId $role.Id } 'the service principal' | Out-Null
}`;
    case 'add-secret':
      return `$ours = @($app.PasswordCredentials | Where-Object { $_.DisplayName -like ${quoted(`${ourPrefix}*`)} -and $_.EndDateTime -gt (Get-Date) })
if ($ours.Count -gt 0) {
  Write-Host "There is a secret already: $($ours[0].DisplayName), until $($ours[0].EndDateTime.ToString('yyyy-MM-dd')). None is made. Where nobody has its value any more, remove it from the app and run this again."
} elseif ($PSCmdlet.ShouldProcess($app.AppId, 'Add-MgApplicationPassword')) {
  if (Test-Path -LiteralPath $SecretFile) { throw "$SecretFile exists; name another file with -SecretFile." }
  # Made before the secret is, so that it can never be lost for want of a place, and closed to others from the beginning.
  New-Item -ItemType File -Path $SecretFile | Out-Null
  try {
    if (-not $IsWindows) { chmod 600 -- $SecretFile } else { icacls $SecretFile /inheritance:r /grant:r "$($env:USERNAME):F" | Out-Null }
    if ($LASTEXITCODE -ne 0) { throw "$SecretFile cannot be closed to others." }
    $secret = Add-MgApplicationPassword -ApplicationId $app.Id -PasswordCredential @{ DisplayName = ${quoted(`${ourPrefix}script-`)} + (Get-Date -Format 'yyyyMMddHHmmss'); EndDateTime = (Get-Date).ToUniversalTime().AddDays(${act.days}) }
    try { Set-Content -LiteralPath $SecretFile -Value $secret.SecretText -NoNewline }
    catch { Remove-MgApplicationPassword -ApplicationId $app.Id -KeyId $secret.KeyId; throw }
  } catch {
    # An empty file would stand in the way of the next run.
    Remove-Item -LiteralPath $SecretFile
    throw
  }
  $ids.keyId = "$($secret.KeyId)"
  $ids.credentialEnds = $secret.EndDateTime.ToUniversalTime().ToString('o')
  $secret = $null
  Write-Host "The secret is in $SecretFile."
}`;
    case 'add-certificate':
      return `$certificate = [System.Security.Cryptography.X509Certificates.X509Certificate2]::new((Convert-Path -LiteralPath $CertificateFile))
$shown = @($app.KeyCredentials | Where-Object { [Convert]::ToHexString($_.CustomKeyIdentifier) -eq $certificate.Thumbprint })
if ($shown.Count -eq 0 -and $PSCmdlet.ShouldProcess($certificate.Thumbprint, 'Update-MgApplication -KeyCredentials')) {
  # The list is replaced whole: what is there goes back with it.
  $key = @{ Type = 'AsymmetricX509Cert'; Usage = 'Verify'; Key = $certificate.RawData; DisplayName = ${quoted(certificateName(uniqueName))} }
  Update-MgApplication -ApplicationId $app.Id -KeyCredentials (@($app.KeyCredentials) + $key)
}
$ids.credentialEnds = $certificate.NotAfter.ToUniversalTime().ToString('o')`;
    case 'add-federated':
      return `$trusted = @(Get-MgApplicationFederatedIdentityCredential -ApplicationId $app.Id | Where-Object { $_.Issuer -eq ${quoted(act.issuer)} -and $_.Subject -eq ${quoted(act.subject)} })
if ($trusted.Count -eq 0 -and $PSCmdlet.ShouldProcess(${quoted(act.name)}, 'New-MgApplicationFederatedIdentityCredential')) {
  New-MgApplicationFederatedIdentityCredential -ApplicationId $app.Id -BodyParameter @{ Name = ${quoted(act.name)}; Issuer = ${quoted(act.issuer)}; Subject = ${quoted(act.subject)}; Audiences = @(${quoted(act.audience)}) } | Out-Null
}`;
    default:
      // The plan for an empty tenant has no other step of Entra.
      throw new Error(`no script for a step ${act.kind}`);
  }
}

function exchangePart(desired: Desired, plan: Plan, { exchangeEnvironment, tenantId }: ScriptOptions): string {
  const steps = plan.steps.filter((step) => step.plane === 'exchange');
  return `# ---- Part 2: Exchange. Needs Exchange Administrator (Role Management and Mail Recipients). ----
Connect-ExchangeOnline -ShowBanner:$false${exchangeEnvironment === undefined ? '' : ` -ExchangeEnvironmentName ${quoted(exchangeEnvironment)}`} # of the tenant ${tenantId.replace(/[^\w.-]/g, '')}
${isGuid(tenantId) ? `if ((Get-ConnectionInformation | Select-Object -Last 1).TenantID -ne ${quoted(tenantId)}) { throw 'Signed in to another tenant.' }\n` : ''}
${steps.map((step) => `${explained(step)}\n${exchangeLines(step.act, desired)}\n`).join('\n')}
Disconnect-ExchangeOnline -Confirm:$false
`;
}

function exchangeLines(act: StepAct, desired: Desired): string {
  switch (act.kind) {
    case 'create-pointer':
      return `# The object id is that of the Enterprise application, not of the app registration: the most common mistake.
$pointers = @(Get-ServicePrincipal -ErrorAction SilentlyContinue | Where-Object { $_.AppId -eq $ids.appId })
foreach ($wrong in @($pointers | Where-Object { $_.ObjectId -ne $ids.principalId })) {
  if (-not $PSCmdlet.ShouldProcess($wrong.ObjectId, 'Remove-ServicePrincipal')) { continue }
  # Its rights first: what is left of them afterwards is a bare SID.
  foreach ($mailbox in ${desired.mailboxes.map((one) => quoted(one.address)).join(', ')}) {
    Remove-MailboxPermission -Identity $mailbox -User $wrong.ObjectId -AccessRights FullAccess -InheritanceType All -Confirm:$false -ErrorAction SilentlyContinue
  }
  Remove-ServicePrincipal -Identity $wrong.ObjectId -Confirm:$false
}
if (@($pointers | Where-Object { $_.ObjectId -eq $ids.principalId }).Count -eq 0 -and $PSCmdlet.ShouldProcess($ids.appId, 'New-ServicePrincipal')) {
  Wait-Until { New-ServicePrincipal -AppId $ids.appId -ObjectId $ids.principalId -DisplayName ${quoted(desired.app.displayName ?? newAppName)} } 'the service principal, in Exchange' | Out-Null
}`;
    case 'grant':
      return `$names = @(Get-ServicePrincipal | Where-Object { $_.ObjectId -eq $ids.principalId } | ForEach-Object { "$($_.Sid)"; $ids.principalId })
$has = @(Get-MailboxPermission -Identity ${quoted(act.address)} | Where-Object { "$($_.User)" -in $names -and $_.AccessRights -contains 'FullAccess' -and -not $_.Deny -and -not $_.IsInherited })
if ($has.Count -eq 0 -and $PSCmdlet.ShouldProcess(${quoted(act.address)}, 'Add-MailboxPermission')) {
  Add-MailboxPermission -Identity ${quoted(act.address)} -User $ids.principalId -AccessRights FullAccess -InheritanceType All -AutoMapping $false -Confirm:$false | Out-Null
}`;
    case 'send-as':
      return `$names = @(Get-ServicePrincipal | Where-Object { $_.ObjectId -eq $ids.principalId } | ForEach-Object { "$($_.Sid)"; $ids.principalId })
$may = @(Get-RecipientPermission -Identity ${quoted(act.address)} | Where-Object { "$($_.Trustee)" -in $names })
if ($may.Count -eq 0 -and $PSCmdlet.ShouldProcess(${quoted(act.address)}, 'Add-RecipientPermission')) {
  Add-RecipientPermission -Identity ${quoted(act.address)} -Trustee $ids.principalId -AccessRights SendAs -Confirm:$false | Out-Null
}`;
    case 'client-access': {
      const switches = [
        ...(act.change.imap === undefined ? [] : ['if (-not $access.ImapEnabled) { $change.ImapEnabled = $true }']),
        ...(act.change.pop === undefined ? [] : ['if (-not $access.PopEnabled) { $change.PopEnabled = $true }']),
        ...(act.change.smtpDisabled === undefined
          ? []
          : [
              'if ($access.SmtpClientAuthenticationDisabled -or ($null -eq $access.SmtpClientAuthenticationDisabled -and (Get-TransportConfig).SmtpClientAuthenticationDisabled)) { $change.SmtpClientAuthenticationDisabled = $false }',
            ]),
      ];
      const act2 = desired.enableClientAccess
        ? `if ($change.Count -gt 0 -and $PSCmdlet.ShouldProcess(${quoted(act.address)}, "Set-CASMailbox $($change.Keys -join ', ')")) {
  Set-CASMailbox -Identity ${quoted(act.address)} @change
}`
        : `if ($change.Count -gt 0) { Write-Warning (${quoted(`Off for ${act.address}: `)} + ($change.Keys -join ', ') + '. The mailbox does not open by these until somebody turns them on.') }`;
      return `$access = Get-CASMailbox -Identity ${quoted(act.address)}
$change = @{}
${switches.join('\n')}
${act2}`;
    }
    case 'create-scope':
      return `# An empty filter would be the whole organisation: without the group nothing is made.
$group = Get-DistributionGroup -Identity ${quoted(desired.smtp.mode === 'rbac' ? desired.smtp.group : '')}
if (-not $group.DistinguishedName) { throw 'The group has no distinguished name.' }
$filter = "MemberOfGroup -eq '" + $group.DistinguishedName.Replace("'", "''") + "'"
$scope = @(Get-ManagementScope | Where-Object { $_.Name -eq ${quoted(act.name)} })
if ($scope.Count -eq 0 -and $PSCmdlet.ShouldProcess(${quoted(act.name)}, 'New-ManagementScope')) {
  New-ManagementScope -Name ${quoted(act.name)} -RecipientRestrictionFilter $filter | Out-Null
} elseif ($scope.Count -gt 0 -and $scope[0].RecipientFilter -ne $filter -and $PSCmdlet.ShouldProcess(${quoted(act.name)}, 'Set-ManagementScope')) {
  Set-ManagementScope -Identity ${quoted(act.name)} -RecipientRestrictionFilter $filter
}`;
    case 'assign-sending':
      return `$assigned = @(Get-ManagementRoleAssignment -Role ${quoted(sendRole)} | Where-Object { $_.Name -eq ${quoted(act.name)} })
if ($assigned.Count -eq 0 -and $PSCmdlet.ShouldProcess(${quoted(act.name)}, 'New-ManagementRoleAssignment')) {
  New-ManagementRoleAssignment -Name ${quoted(act.name)} -Role ${quoted(sendRole)} -App $ids.principalId -CustomResourceScope ${quoted(act.scope)} | Out-Null
}
# With -WhatIf there may be no pointer yet that could be asked for.
if (-not $WhatIfPreference) {
${act.mailboxes.map((one) => `  Test-ServicePrincipalAuthorization -Identity $ids.principalId -Resource ${quoted(one)} | Format-Table 'RoleName', 'AllowedResourceScope', 'InScope'`).join('\n')}
}`;
    default:
      throw new Error(`no script for a step ${act.kind}`);
  }
}

function closing(part: ScriptOptions['part']): string {
  const next =
    part === 'entra'
      ? 'Hand these lines to whoever runs the part for Exchange (-AppId, -PrincipalId), and keep them for `postern setup import FILE`:'
      : 'Keep these lines for `postern setup import FILE`:';
  return part === 'exchange'
    ? "Write-Host 'Done. Next: postern setup verify --wait 90m'\n"
    : `Write-Host ${quoted(next)}\n$ids | ConvertTo-Json\n`;
}

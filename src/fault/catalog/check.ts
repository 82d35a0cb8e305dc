/**
 * Faults that only a comparison finds: of a token with the configuration, of one mailbox with another, of what opened with what should.
 *
 * The hard thing is the difference between seen and supposed. Exchange answers many causes with one line; so `cause` here says by
 * which comparison a cause is held to be likely, and the finding that carries the code says whether it is sure.
 */
import type { FaultEntry } from '../entry.ts';

export const checkFaults = {
  'check.pointer-wrong': {
    says: 'Exchange does not know the service principal of this app, or knows it by another object id.',
    cause:
      'The token is good by its claims, and yet every login with it was refused. Supposed, because Exchange gives no reason: a pointer that is missing, or that was made with the object id of the app registration, looks exactly so.',
    fix: 'Compare what `Get-ServicePrincipal` shows for this app with the object id below, which is the `oid` of the token. If it shows another one, take that pointer away; then make it anew and grant the mailboxes again.',
    retry: 'never',
  },
  'check.mailbox-closed': {
    says: 'This mailbox is closed to the app, or there is no mailbox of this address.',
    cause:
      'The login to this address was refused. Where others open with the same token the pointer is right, and only the grant or the address is left.',
    fix: 'Run `Get-Mailbox` for the address: if nothing is found, use the PrimarySmtpAddress of the mailbox that was meant. If it is found, grant it to the service principal.',
    retry: 'never',
  },
  'check.grant-missing': {
    says: 'The app has no grant on this mailbox.',
    cause:
      'The server took the token, then would not connect the mailbox. Supposed, because the same answer stands for a protocol that is off, an alias, a missing licence, and for throttling.',
    fix: 'Look with `Get-MailboxPermission` whether the service principal is listed with FullAccess, and add it if it is not.',
    retry: 'never',
  },
  'check.protocol-off': {
    says: 'The protocol is switched off for this mailbox.',
    cause: 'The server answered as it does for a disabled protocol. Where the mailbox opens by another protocol, the grant is there.',
    fix: 'Look at the switches with `Get-CASMailbox` and turn on the one that is needed. Some plans (`Get-CASMailboxPlan`) set it to off for every new mailbox.',
    retry: 'never',
  },
  'check.roles-none': {
    says: 'The token carries no permission at all.',
    cause:
      'The claim `roles` is absent. Entra issues the token all the same, when no application permission of the resource has been consented to.',
    fix: 'Add the application permission (not the delegated one) of "Office 365 Exchange Online" (not of Microsoft Graph) under API permissions of the app registration, then press "Grant admin consent". A token that is older than the consent does not have it.',
    retry: 'never',
  },
  'check.role-missing': {
    says: 'The token lacks the permission for this protocol.',
    cause: 'The claim `roles` has other permissions (in the evidence), but not the one that this protocol asks for.',
    fix: 'Add it under API permissions of the app registration: "Office 365 Exchange Online", application permissions; then press "Grant admin consent".',
    retry: 'never',
  },
  'check.smtp-role-missing': {
    says: 'The token has no role for SMTP; then only RBAC for Applications can allow sending.',
    cause:
      'The claim `roles` lacks `SMTP.SendAsApp`. With a role assignment in Exchange that is as it should be, so by itself it is no fault.',
    fix: 'Choose one way: consent to `SMTP.SendAsApp` and grant the mailbox, or leave the role out and assign "Application SMTP.SendAsApp" over a management scope (`New-ManagementRoleAssignment`).',
    retry: 'never',
  },
  'check.token-audience': {
    says: 'The token is for another service than Exchange Online.',
    cause: 'The claim `aud` (in the evidence) names none of the hosts of Exchange Online.',
    fix: 'Remove `scope` from the tenant in the configuration, or set it to that of the cloud: https://outlook.office365.com/.default for the global one. Microsoft Graph is another resource and opens no mailbox here.',
    retry: 'never',
  },
  'check.token-delegated': {
    says: 'The token belongs to a person and not to the app alone.',
    cause: 'It has the claim `scp`, which an app-only token never has.',
    fix: 'Find out what stands between Postern and the authority, for Postern asks for app-only tokens only: `curl -v AUTHORITY`.',
    retry: 'never',
  },
  'check.token-foreign': {
    says: 'The token is not the one that the configuration describes.',
    cause: 'Its claim `tid` or `appid` differs from `tenantId` or `clientId` (both in the evidence).',
    fix: 'Correct `tenantId` and `clientId`; if they are right, see which program answers at the configured `authority`.',
    retry: 'never',
  },
  'check.token-unreadable': {
    says: 'What the token says about itself cannot be read.',
    cause: 'It is no JSON Web Token. It may work all the same: clients are not meant to read it.',
    fix: 'Use the result of the logins; nothing can be said about roles and audience. If the logins fail too, check that `authority` is the one of Microsoft.',
    retry: 'never',
  },
  'check.token-expired': {
    says: 'The token had already expired when it arrived.',
    cause: 'Its claim `exp` lies before the time of this machine.',
    fix: 'Set the clock of this machine (`timedatectl status` must say that it is synchronised) and check again.',
    retry: 'never',
  },
  'check.token-short-lived': {
    says: 'Tokens of this app live only for minutes.',
    cause: 'The time between now and the claim `exp` is under ten minutes, the least that a policy of the tenant can set.',
    fix: 'Look at the token lifetime policies of the tenant (`Get-MgPolicyTokenLifetimePolicy`). Sessions end with their token, so long ones will be cut often.',
    retry: 'never',
  },
  'check.clock-off': {
    says: 'The clock of this machine and that of Entra differ.',
    cause: 'The header `Date` of the answer was compared with the time at which it arrived.',
    fix: 'Set the clock: `timedatectl status` must say that it is synchronised. Signed assertions fail from five minutes on.',
    retry: 'never',
  },
  'check.certificate-ends-soon': {
    says: 'The certificate of the app ends within a month.',
    cause: 'Its end date (in the evidence) is near.',
    fix: 'Make a new one now, upload it beside the old one, then point `certificate.file` and `certificate.key` to it: both are valid in between.',
    retry: 'never',
  },
  'check.secret-ends-soon': {
    says: 'The client secret of the app ends within a month.',
    cause:
      'Its end (in the evidence, with where it is known from: Graph, the notes of `setup`, or `expires:` of the configuration) is near or past.',
    fix: '`postern setup rotate` replaces one that the setup made. Else add a new one in the app registration beside the old one, store it where `credential.secret` points, and remove the old one later.',
    retry: 'never',
  },
  'check.tls-intercepted': {
    says: 'Somebody between this machine and Microsoft opens the TLS connection.',
    cause: 'The certificate of a Microsoft host is trusted here, but was issued by none of the authorities that Microsoft is known to use.',
    fix: 'Ask who runs the TLS inspection of this network to leave these hosts out: tokens and mail pass through it in the clear.',
    retry: 'never',
  },
  'check.no-server': {
    says: 'The configuration names no server for this protocol.',
    cause: 'The cloud of the tenant is given by hand, without a host for the protocol that was asked for.',
    fix: 'Add it under `cloud:` (`imap`, `pop3` or `smtp`, each with host and port), or leave the protocol out of `--protocol`.',
    retry: 'never',
  },
  'check.mailbox-open': {
    says: 'A mailbox that must be closed to the app is open to it.',
    cause: 'It was named with `--refused`, and the login over the named protocol was accepted.',
    fix: 'Take the grant away, and see who else holds one (`Get-MailboxPermission`). Application permissions alone open nothing; what opens a mailbox is a grant on it.',
    retry: 'never',
  },
  'check.refusal-unproven': {
    says: 'That this mailbox is closed proves nothing yet.',
    cause: 'The app was kept out of it, but it did not get into any other one either, or the try did not come so far.',
    fix: 'Repair what keeps the others closed, or name one that must open beside it: `postern check OPEN-MAILBOX --refused CLOSED-MAILBOX`.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;

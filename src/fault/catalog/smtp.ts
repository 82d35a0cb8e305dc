/**
 * Faults of SMTP submission, up to the login and for one small message.
 *
 * The hard thing: the same numbers mean different things. 5.2.252 under 554 is a missing right, under 550 a punishment for too many
 * errors; 5.7.139 is a switch of the tenant, one of the mailbox or a policy, by its wording only. Literals: M365 (doc).
 */
import type { FaultEntry } from '../entry.ts';

export const smtpFaults = {
  'smtp.authenticate-refused': {
    says: 'The SMTP server refused the login.',
    cause:
      'The server answered AUTH with 535 or another 5yz (in the evidence, with its bracket text for support, and the decoded challenge where one was sent). It does not say why.',
    fix: 'At Exchange most often, in this order: the service principal is missing or was made with the object id of the app registration (compare the `oid` of `postern token` with `Get-ServicePrincipal`); the role `SMTP.SendAsApp` is missing, and no RBAC assignment for applications covers the mailbox; the audience is another one; the mailbox has no grant (`Add-MailboxPermission MAILBOX -User OBJECT-ID -AccessRights FullAccess`). The SMTP AUTH switch is on: that check comes before this one. Fresh grants need minutes to two hours to work.',
    retry: 'never',
  },
  'smtp.disabled-for-tenant': {
    says: 'SMTP AUTH is switched off for the whole tenant.',
    cause: 'The server answered 5.7.139 "SmtpClientAuthentication is disabled for the Tenant". The switch holds for OAuth 2.0 too.',
    fix: 'Allow it for this mailbox alone, which wins over the setting of the organisation: `Set-CASMailbox MAILBOX -SmtpClientAuthenticationDisabled $false`. For all mailboxes: `Set-TransportConfig -SmtpClientAuthenticationDisabled $false`.',
    retry: 'never',
  },
  'smtp.disabled-for-mailbox': {
    says: 'SMTP AUTH is switched off for this mailbox.',
    cause: 'The server answered 5.7.139 "SmtpClientAuthentication is disabled for the Mailbox".',
    fix: 'Run `Set-CASMailbox MAILBOX -SmtpClientAuthenticationDisabled $false`, then wait some minutes.',
    retry: 'never',
  },
  'smtp.policy-refused': {
    says: 'A policy of the organisation forbids this SMTP login.',
    cause:
      'The server answered 5.7.139 that the request did not meet the criteria, or that the organization configuration or security defaults do not allow it.',
    fix: 'Look in Entra at security defaults and at the conditional access policies for workload identities, and in Exchange at `Get-AuthenticationPolicy`; the sign-in logs of the service principal name the one that acted.',
    retry: 'never',
  },
  'smtp.basic-auth-off': {
    says: 'Exchange takes no passwords over SMTP any more.',
    cause: 'The server answered 550 5.7.30 or 5.7.139 that basic authentication is not supported or disabled.',
    fix: 'Name a `tenant:` with OAuth 2.0 instead of `auth:` with a password.',
    retry: 'never',
  },
  'smtp.xoauth2-malformed': {
    says: 'The SMTP server could not take the XOAUTH2 string apart.',
    cause: 'The server answered 501 5.5.121 to 5.5.126: user, scheme or token are missing or invalid (its text says which).',
    fix: 'Check that the mailbox is a plain address such as user@contoso.com. If it is, report it with `postern check MAILBOX --transcript`.',
    retry: 'never',
  },
  'smtp.token-expired': {
    says: 'The access token is no longer good for SMTP.',
    cause: 'The server answered 535 5.7.142 (token will expire soon) or 5.7.143 (expired token).',
    fix: 'Nothing: Postern fetches a fresh one and logs in again. If it repeats, compare the clock of this machine with the real time.',
    retry: 'soon',
  },
  'smtp.not-authenticated': {
    says: 'The SMTP server wants a login before it takes mail.',
    cause: 'The server answered 5.7.57, 530 or "authentication required" to the mail.',
    fix: 'Check that host and port are those of client submission (smtp.office365.com, 587). If they are, report it with `postern check MAILBOX --send-test --transcript`.',
    retry: 'never',
  },
  'smtp.send-as-denied': {
    says: 'The login may not send as this sender.',
    cause: 'The server answered 554 5.2.252 SendAsDenied, or 550 5.7.60.',
    fix: 'Send as the mailbox that logs in, or grant the other address: `Add-RecipientPermission SENDER -Trustee OBJECT-ID -AccessRights SendAs`. Stop sending until then: repeated refusals block the mailbox.',
    retry: 'never',
  },
  'smtp.throttled-by-errors': {
    says: 'Microsoft has blocked sending from this mailbox because of repeated errors.',
    cause: 'The server answered 550 5.2.251 to 5.2.255, "Sender throttled due to continuous … errors".',
    fix: 'Stop sending, end the errors that the text names (full mailbox, missing right to send as, licence, recipients), then wait: Microsoft sets the length, a day was seen, and its support cannot shorten it.',
    retry: 'after-wait',
  },
  'smtp.too-many-connections': {
    says: 'Too many SMTP connections send from this mailbox at once.',
    cause: 'The server answered 432 4.3.2 that the sender thread limit or the concurrent connections limit is exceeded.',
    fix: 'Use fewer connections: three may submit for one mailbox. End other programs that send from it, or give them another mailbox.',
    retry: 'after-wait',
  },
  'smtp.recipient-busy': {
    says: 'The recipient gets too much mail at this moment.',
    cause: 'The server answered 432 4.3.2 that the recipient thread limit is exceeded.',
    fix: 'Nothing: later it goes through. If it stays, look at what else floods that address.',
    retry: 'after-wait',
  },
  'smtp.rate': {
    says: 'This mailbox sends faster than it may.',
    cause: 'The server answered 421 4.4.2 that the message submission rate of this client has exceeded the configured limit.',
    fix: 'Send fewer than 30 messages a minute from one mailbox.',
    retry: 'after-wait',
  },
  'smtp.mailbox-logon-failed': {
    says: 'The login was accepted, but the mailbox to send from did not open.',
    cause: 'The server answered 430 4.2.0 STOREDRV with a mailbox logon failure.',
    fix: 'Grant the mailbox: `Add-MailboxPermission MAILBOX -User OBJECT-ID -AccessRights FullAccess`. The answer looks like a passing one, but does not pass by itself.',
    retry: 'never',
  },
  'smtp.service-unavailable': {
    says: 'The SMTP server is unavailable for the moment.',
    cause: 'The server answered 421, 451, 454 or 4.7.5xx to 4.7.6xx (its text is in the evidence).',
    fix: 'Nothing at first, it is tried again. If it lasts longer than an hour, look at the service health page of the Microsoft 365 admin center.',
    retry: 'soon',
  },
  'smtp.quota': {
    says: 'The mailbox has reached its recipients for today.',
    cause: 'The server answered SubmissionQuotaExceeded or 5.1.90: 10,000 recipients in 24 hours.',
    fix: 'Wait until the rolling 24 hours are over, or spread what is sent over several mailboxes.',
    retry: 'after-wait',
  },
  'smtp.mailbox-full': {
    says: 'The sending mailbox is full.',
    cause: 'The server answered 554 5.2.2 with a quota failure of the store: it keeps a copy of each sent mail.',
    fix: 'Empty the folder Sent Items of the sender, and set a retention policy on it that keeps it small.',
    retry: 'never',
  },
  'smtp.external-limit': {
    says: 'The tenant has reached its daily limit of external recipients.',
    cause: 'The server answered 550 5.7.232 or 5.7.233.',
    fix: 'Wait until the 24 hours are over; `Get-LimitsEnforcementStatus` shows limit and use. Move bulk mail to a service that is made for it.',
    retry: 'after-wait',
  },
  'smtp.spam-blocked': {
    says: 'Microsoft blocks outgoing mail of this sender as spam.',
    cause: 'The server answered OutboundSpamException or 5.7.705.',
    fix: 'Find out what was sent, then release the sender on the page "Restricted entities" of the Microsoft Defender portal.',
    retry: 'never',
  },
  'smtp.high-volume-rule': {
    says: 'A rule of High Volume Email forbids this mail.',
    cause: 'The server answered 5.5.105, 5.7.240, 5.7.62, 5.6.241 or 5.2.240 (its text says which rule).',
    fix: 'Send as the High Volume Email account itself, in envelope and header, to addresses inside the organisation; or use smtp.office365.com with an ordinary mailbox.',
    retry: 'never',
  },
  'smtp.no-auth-offered': {
    says: 'The SMTP server offers no login that fits.',
    cause: 'EHLO (in the evidence) lists no AUTH, or, for a password, neither PLAIN nor LOGIN.',
    fix: 'Use `tls: starttls` with port 587: Exchange offers AUTH only inside TLS, and never on port 25. If it is set so, something in between removes AUTH.',
    retry: 'never',
  },
  'smtp.no-xoauth2': {
    says: 'The SMTP server does not offer XOAUTH2.',
    cause: 'The AUTH line of EHLO (in the evidence) lists other mechanisms only.',
    fix: 'Check host and port: Exchange Online is smtp.office365.com, port 587. A server without OAuth 2.0 wants `auth:` with user and password.',
    retry: 'never',
  },
  'smtp.starttls-missing': {
    says: 'The SMTP connection cannot be encrypted safely with STARTTLS.',
    cause:
      'EHLO does not list STARTTLS, the server refused it, or more text followed its agreement (`reason` in the evidence), which an attacker in between would send.',
    fix: 'Look for a firewall or virus scanner that takes STARTTLS out of port 587, and have it stop. Where the server has TLS on connect, use `tls: implicit` with port 465. Postern never goes on in plain text where `starttls` was asked for.',
    retry: 'never',
  },
  'smtp.refused': {
    says: 'The SMTP server refused a command.',
    cause: 'The server answered 5yz with a text that Postern has no rule for (in the evidence, as it came, with the command).',
    fix: 'Read what the other side wrote. If it does not help, repeat with `postern check MAILBOX --transcript` and report it.',
    retry: 'never',
  },
  'smtp.refused-for-now': {
    says: 'The SMTP server refused a command for the moment.',
    cause: 'The server answered 4yz with a text that Postern has no rule for (in the evidence, as it came, with the command).',
    fix: 'Nothing at first, it is tried again. If it stays, read what the other side wrote.',
    retry: 'soon',
  },
  'smtp.closed-by-server': {
    says: 'The SMTP server ended the session.',
    cause: 'The server refused in place of a greeting, or said goodbye unasked (its text is in the evidence).',
    fix: 'Nothing at first: Postern connects again. If it comes at once each time, check that the address of this machine is allowed to submit mail there.',
    retry: 'soon',
  },
  'smtp.protocol': {
    says: 'The answer of the SMTP server cannot be read.',
    cause: 'What arrived is not SMTP, or is larger than a named limit (`reason` in the evidence).',
    fix: 'Check that host and port belong to an SMTP server and that nothing in between rewrites the connection. If they do, report it with `postern check MAILBOX --transcript`.',
    retry: 'soon',
  },
} as const satisfies Record<string, FaultEntry>;

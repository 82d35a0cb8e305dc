/**
 * Faults of IMAP: what a server says no to, and what it does instead of answering.
 *
 * The hard thing: Exchange uses few words for many causes. `cause` says what was seen; what usually lies behind it stands in `fix`,
 * likeliest first, as a supposition. Literals and causes: M365 (doc), by the failure lines that Microsoft and many threads show.
 */
import type { FaultEntry } from '../entry.ts';

export const imapFaults = {
  'imap.authenticate-refused': {
    says: 'The server refused the login.',
    cause:
      'The server answered NO to the login (its text is in the evidence, and the decoded challenge where one was sent). It does not say why.',
    fix: 'At Exchange most often, in this order: the service principal is missing in Exchange or was made with the object id of the app registration (compare the `oid` of `postern token` with `Get-ServicePrincipal`); the token has no role `IMAP.AccessAsApp` (add the application permission, grant admin consent); the token has another audience; the mailbox has no grant (`Add-MailboxPermission MAILBOX -User OBJECT-ID -AccessRights FullAccess`); the address is not a mailbox of this tenant. A password is refused by Exchange Online always: use OAuth 2.0. Fresh grants need minutes to two hours to work.',
    retry: 'never',
  },
  'imap.not-connected': {
    says: 'The login was accepted, but the mailbox did not open.',
    cause: 'The server answered a command after the login with "User is authenticated but not connected".',
    fix: 'Most often, in this order: no grant on this mailbox (`Add-MailboxPermission MAILBOX -User OBJECT-ID -AccessRights FullAccess`); IMAP is off for it (`Set-CASMailbox MAILBOX -ImapEnabled $true`); the address is an alias, has no licence or lies outside Exchange Online (use PrimarySmtpAddress of `Get-Mailbox`).',
    retry: 'never',
  },
  'imap.token-expired': {
    says: 'The session has outlived its access token.',
    cause: 'The server ended the session with "AccessTokenExpired".',
    fix: 'Nothing: this is normal about once an hour. Postern connects again with a fresh token.',
    retry: 'soon',
  },
  'imap.throttled': {
    says: 'The server asks for a pause.',
    cause: 'The server answered that the request is throttled; `backoffMs` in the evidence is the wait it suggested, where it named one.',
    fix: 'Nothing at first: the wait is kept. If it comes often, use fewer connections for this mailbox (`postern status` shows them) and see whether another program reads it too.',
    retry: 'after-wait',
  },
  'imap.server-unavailable': {
    says: 'The mail server is unavailable for the moment.',
    cause: 'The server answered "Server Unavailable" or the response code UNAVAILABLE.',
    fix: 'Nothing at first, it is tried again. If it lasts longer than an hour, look at the service health page of the Microsoft 365 admin center.',
    retry: 'soon',
  },
  'imap.login-disabled': {
    says: 'The server takes no password.',
    cause: 'The server offers no password login (LOGINDISABLED without AUTH=PLAIN), or answered that basic authentication is blocked.',
    fix: 'For Microsoft 365 name a `tenant:` with OAuth 2.0 instead of `auth:`. For other servers use TLS (`tls: implicit` or `starttls`), since many switch passwords off in plain text only.',
    retry: 'never',
  },
  'imap.no-xoauth2': {
    says: 'The server does not offer XOAUTH2.',
    cause: 'AUTH=XOAUTH2 is not among the capabilities (in the evidence).',
    fix: 'Check host and port: Exchange Online is outlook.office365.com, port 993. A server without OAuth 2.0 wants `auth:` with user and password.',
    retry: 'never',
  },
  'imap.folder-unknown': {
    says: 'The mailbox has no such folder.',
    cause: 'The server answered NO to opening the folder, and that it does not exist.',
    fix: 'Compare `folders:` with the list of the mailbox (`postern check MAILBOX` prints it): names are in the language of the mailbox, with its separator.',
    retry: 'never',
  },
  'imap.refused': {
    says: 'The server refused a command.',
    cause: 'The server answered NO with a text that Postern has no rule for (in the evidence, as it came).',
    fix: 'Read the text of the server. If it does not help, repeat with `postern check MAILBOX --transcript` and report it.',
    retry: 'soon',
  },
  'imap.bad-command': {
    says: 'The server did not understand a command.',
    cause: 'The server answered BAD (its text and the command are in the evidence).',
    fix: 'Report it with `postern check MAILBOX --transcript`: either the server lacks something it should have, or Postern wrote it wrongly.',
    retry: 'never',
  },
  'imap.cannot-change': {
    says: 'The server cannot change single messages.',
    cause:
      'It offers neither UIDPLUS nor, where messages are to be moved, MOVE (`capabilities` in the evidence). The only other way would remove every message that anybody has marked as deleted.',
    fix: 'Set `onCompletion: leave` or `seen` for this source, or ask whoever runs the server for UIDPLUS (RFC 4315).',
    retry: 'never',
  },
  'imap.closed-by-server': {
    says: 'The server ended the session.',
    cause: 'The server sent BYE (its text is in the evidence).',
    fix: 'Nothing at first: Postern connects again. If it comes at once each time, most often too many connections are open for this mailbox: lower the number, or end other programs that read it.',
    retry: 'soon',
  },
  'imap.protocol': {
    says: 'The answer of the server cannot be read.',
    cause: 'What arrived is not IMAP, or is larger than a named limit (`reason` in the evidence).',
    fix: 'Check that host and port belong to an IMAP server and that nothing in between rewrites the connection. If they do, report it with `postern check MAILBOX --transcript`.',
    retry: 'soon',
  },
  'imap.starttls-missing': {
    says: 'The connection cannot be encrypted safely with STARTTLS.',
    cause:
      'The server does not offer STARTTLS, refused it, or sent more text behind its agreement (`reason` in the evidence), which an attacker in between would do.',
    fix: 'Use `tls: implicit` with port 993. Postern never goes on in plain text where `starttls` was asked for.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;

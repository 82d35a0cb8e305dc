/**
 * Faults of POP3: what a server says -ERR to, and what it does instead of answering.
 *
 * The hard thing: -ERR is all there is, and most servers send text only. `cause` says what was seen; what usually lies behind it
 * stands in `fix`, likeliest first, as a supposition. Exchange's literals: M365 (doc).
 */
import type { FaultEntry } from '../entry.ts';

export const popFaults = {
  'pop.authenticate-refused': {
    says: 'The POP3 server refused the token.',
    cause:
      'The server answered -ERR to AUTH XOAUTH2 after it had the token (its text is in the evidence, and the decoded challenge where one was sent). It does not say why.',
    fix: 'At Exchange most often, in this order: the service principal is missing in Exchange or was made with the object id of the app registration (compare the `oid` of `postern token` with `Get-ServicePrincipal`); the role `POP.AccessAsApp` is missing (add the application permission, grant admin consent); the audience is another one; the mailbox has no grant (`Add-MailboxPermission MAILBOX -User OBJECT-ID -AccessRights FullAccess`); POP is off for it (`Set-CASMailbox MAILBOX -PopEnabled $true`); the address is not a mailbox of this tenant. Fresh grants need minutes to two hours to work.',
    retry: 'never',
  },
  'pop.logon-refused': {
    says: 'The POP3 server refused user name and password.',
    cause: 'The server answered -ERR to USER and PASS, or to AUTH PLAIN (its text is in the evidence).',
    fix: 'Exchange Online takes no password at all any more: name a `tenant:` with OAuth 2.0 instead of `auth:`. At another server check the user name (often the whole address) and what `auth:` refers to.',
    retry: 'never',
  },
  'pop.protocol-error-closed': {
    says: 'The POP3 server did not understand the login and hung up.',
    cause: 'The server answered "Protocol error. Connection is closed".',
    fix: 'Check that nothing between Postern and the server rewrites the connection: Exchange answers so when the token comes on the same line as AUTH, and Postern sends it on a line of its own. Report it with `postern check MAILBOX --transcript` if there is no such proxy.',
    retry: 'never',
  },
  'pop.no-xoauth2': {
    says: 'The POP3 server does not offer XOAUTH2.',
    cause: 'XOAUTH2 is not in the SASL line of CAPA (in the evidence), or the server refused AUTH XOAUTH2 before any token was sent.',
    fix: 'Check host and port: Exchange Online is outlook.office365.com, port 995. A server without OAuth 2.0 wants `auth:` with user and password.',
    retry: 'never',
  },
  'pop.login-disabled': {
    says: 'The POP3 server takes no password in this way.',
    cause: 'CAPA offers neither USER nor SASL PLAIN, or user or password hold a line end, which USER and PASS cannot carry (`reason`).',
    fix: 'For Microsoft 365 name a `tenant:` with OAuth 2.0 instead of `auth:`. For other servers use TLS (`tls: implicit` or `starttls`), since many switch passwords off in plain text only; and see that the secret is a single line.',
    retry: 'never',
  },
  'pop.mailbox-locked': {
    says: 'Another program has this mailbox open over POP3.',
    cause: 'The server answered [IN-USE], or that the maildrop is locked.',
    fix: 'Nothing at first, it is tried again. If it stays, find the other program that reads this mailbox and end it, or read over IMAP, which has no such lock.',
    retry: 'soon',
  },
  'pop.login-delay': {
    says: 'The POP3 server wants a pause between two logins.',
    cause: 'The server answered [LOGIN-DELAY]; `backoffMs` in the evidence is the pause that CAPA names, where it does.',
    fix: 'Nothing at first: the wait is kept. If it comes often, lengthen the interval between two runs for this mailbox.',
    retry: 'after-wait',
  },
  'pop.token-expired': {
    says: 'The POP3 session has outlived its access token.',
    cause: 'The server answered with "AccessTokenExpired".',
    fix: 'Nothing: a session that lasts an hour meets it. Postern connects again with a fresh token.',
    retry: 'soon',
  },
  'pop.throttled': {
    says: 'The POP3 server asks for a pause.',
    cause: 'The answer was that the request is throttled; `backoffMs` in the evidence is the suggested wait, where one was named.',
    fix: 'Nothing at first: the wait is kept. If it comes often, see whether another program reads this mailbox too.',
    retry: 'after-wait',
  },
  'pop.server-unavailable': {
    says: 'The POP3 server is unavailable for the moment.',
    cause: 'The answer was "Server Unavailable" or the response code [SYS/TEMP].',
    fix: 'Nothing at first, it is tried again. If it lasts longer than an hour, look at the service health page of the Microsoft 365 admin center.',
    retry: 'soon',
  },
  'pop.refused': {
    says: 'The POP3 server refused a command.',
    cause: 'The server answered -ERR with a text that Postern has no rule for (in the evidence, as it came, with the command).',
    fix: 'Read what the other side wrote. If it does not help, repeat with `postern check MAILBOX --transcript` and report it.',
    retry: 'soon',
  },
  'pop.uidl-missing': {
    says: 'The POP3 server gives its messages no lasting names (UIDL).',
    cause:
      'The server refused UIDL (its text is in the evidence), but not LIST. Without such names nobody can tell which messages are new.',
    fix: 'Read this mailbox over IMAP (`protocol: imap`), or ask whoever runs the server to switch UIDL on.',
    retry: 'never',
  },
  'pop.removal-unconfirmed': {
    says: 'The POP3 server did not confirm that it removed what was to be removed.',
    cause:
      'Messages were marked with DELE, and QUIT, which removes them, was refused or not answered (the fault behind it is in the evidence).',
    fix: 'Nothing: the next look at the mailbox shows what is still there, and that is asked for again. If it comes often, read what the server says in the evidence.',
    retry: 'soon',
  },
  'pop.closed-by-server': {
    says: 'The POP3 server ended the session.',
    cause: 'The server said -ERR in place of a greeting or unasked, or said that it closes the connection (its text is in the evidence).',
    fix: 'Nothing at first: Postern connects again. If it comes at once each time, most often too many connections are open for this mailbox or from this address: end other programs that read it.',
    retry: 'soon',
  },
  'pop.protocol': {
    says: 'The answer of the POP3 server cannot be read.',
    cause: 'What arrived is not POP3, or is larger than a named limit (`reason` in the evidence).',
    fix: 'Check that host and port belong to a POP3 server and that nothing in between rewrites the connection. If they do, report it with `postern check MAILBOX --transcript`.',
    retry: 'soon',
  },
  'pop.starttls-missing': {
    says: 'The POP3 connection cannot be encrypted safely with STLS.',
    cause:
      'CAPA does not list STLS, the server refused it, or more text followed its agreement (`reason` in the evidence), which an attacker in between would send.',
    fix: 'Use `tls: implicit` with port 995. Postern never goes on in plain text where `starttls` was asked for.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;

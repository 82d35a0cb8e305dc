/**
 * What goes wrong with submission. Most are one reply at one stage, so the table is made from rows.
 *
 * The hard thing is that one enhanced code means different things: 550 5.2.252 is a block by Microsoft, 554 5.2.252 one message refused.
 */

import type { SmtpAnswer } from '../tenant.ts';
import type { Grade, MailboxScenario, SaidScenario } from './shape.ts';

const switches = "Microsoft's pages on Set-CASMailbox and Set-TransportConfig, and https://aka.ms/smtp_auth_disabled";
const blocks =
  "Microsoft's page on continuous error throttling for SMTP AUTH submissions; the words between `continuous` and `errors` are assumed";
const limits = "Microsoft's pages on improvements of SMTP submission and on non-delivery reports";
const highVolume = "Microsoft's page on High Volume Email; not confirmed on smtp.office365.com";

type Row = readonly [name: string, at: SmtpAnswer['at'], reply: string, says: string, grade: Grade, source: string, times?: number];

const rows: readonly Row[] = [
  [
    'smtp-criteria',
    'login',
    '535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.',
    'security defaults, Conditional Access or an authentication policy stand in the way',
    'recorded',
    'reports of mail clients',
  ],
  [
    'smtp-organization',
    'login',
    "535 5.7.139 Authentication unsuccessful, the organization configuration doesn't allow this authentication request.",
    'security defaults or an authentication policy stand in the way',
    'doc',
    highVolume,
  ],
  [
    'smtp-basic-gone',
    'password',
    '550 5.7.30 Basic authentication is not supported for Client Submission.',
    'a password, after basic authentication was shut off (other mailboxes: 535 5.7.139)',
    'doc',
    "Microsoft's announcements on basic authentication for SMTP",
  ],
  [
    'smtp-blocked-mailbox-full',
    'message',
    '550 5.2.251 Sender throttled due to continuous mailbox full errors.',
    'Microsoft blocks the mailbox',
    'doc',
    blocks,
  ],
  [
    'smtp-blocked-send-as',
    'message',
    '550 5.2.252 Sender throttled due to continuous send as denied errors.',
    'Microsoft blocks the mailbox',
    'doc',
    blocks,
  ],
  [
    'smtp-blocked-license',
    'message',
    '550 5.2.253 Sender throttled due to continuous invalid license errors.',
    'Microsoft blocks the mailbox',
    'doc',
    blocks,
  ],
  [
    'smtp-blocked-many-recipients',
    'message',
    '550 5.2.254 Sender throttled due to continuous too many recipients errors.',
    'Microsoft blocks the mailbox',
    'doc',
    blocks,
  ],
  [
    'smtp-blocked-recipients',
    'message',
    '550 5.2.255 Sender throttled due to continuous invalid recipients errors.',
    'Microsoft blocks the mailbox',
    'doc',
    blocks,
  ],
  [
    'smtp-thread-limit',
    'message',
    '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded',
    'more than three messages of the mailbox at once; twice',
    'doc',
    limits,
    2,
  ],
  [
    'smtp-recipient-flooded',
    'message',
    '432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded',
    'too much comes for the recipient; once',
    'doc',
    limits,
    1,
  ],
  [
    'smtp-quota',
    'message',
    '554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException',
    '10,000 recipients of the day are used up',
    'doc',
    limits,
  ],
  [
    'smtp-outbound-spam',
    'message',
    '554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException',
    'the mailbox is blocked for spam',
    'recorded',
    'reports of mail clients',
  ],
  [
    'smtp-mailbox-full',
    'message',
    '554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException',
    'Sent Items have filled the mailbox',
    'doc',
    limits,
  ],
  [
    'smtp-tenant-limit',
    'message',
    "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)",
    'the tenant has sent too much to the outside',
    'doc',
    limits,
  ],
  [
    'smtp-trial-limit',
    'message',
    "550 5.7.232 Your message can't be sent because your trial tenant exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)",
    'the same for a trial tenant; its words are assumed',
    'doc',
    limits,
  ],
  [
    'smtp-old-send-as',
    'message',
    '550 5.7.60 SMTP; Client does not have permissions to send as this sender',
    'older words for SendAs denied',
    'doc',
    limits,
  ],
  ['smtp-temporary', 'message', '451 4.7.0 Temporary server error. Please try again later.', 'a passing fault; once', 'doc', limits, 1],
  ['smtp-unavailable', 'mail', '421 4.3.2 Service not available', 'a passing fault that ends the connection; once', 'doc', limits, 1],
  [
    'smtp-access-denied',
    'mail',
    '451 4.7.500 Access denied, please try again later',
    'a passing refusal; the first number is assumed; once',
    'doc',
    limits,
    1,
  ],
  [
    'hve-bad-login',
    'login',
    '501 5.5.124 Invalid XOAUTH2 auth data - User address provided is not valid. Please ensure the auth data is correct.',
    'as at High Volume Email; its last words are assumed',
    'recorded',
    highVolume,
  ],
  ['hve-refused', 'login', '535 5.7.127 XOAUTH2 authentication failed', 'as at High Volume Email', 'doc', highVolume],
  ['hve-token-ends-soon', 'login', '535 5.7.142 Token will expire soon', 'as at High Volume Email', 'doc', highVolume],
  ['hve-token-expired', 'login', '535 5.7.143 Expired token', 'as at High Volume Email', 'doc', highVolume],
  [
    'hve-permission',
    'login',
    '535 5.7.144 XOAUTH2 authentication failed. Invalid API permissions.',
    'as at High Volume Email, which wants Mail.Send',
    'doc',
    highVolume,
  ],
  [
    'hve-external',
    'message',
    '550 5.5.105 External sending is not supported for High Volume Email accounts',
    'as at High Volume Email',
    'doc',
    highVolume,
  ],
  [
    'hve-app-not-allowed',
    'message',
    '550 5.7.240 App is not allowed for this High Volume Email account',
    'as at High Volume Email; its words are assumed',
    'doc',
    highVolume,
  ],
  [
    'hve-mail-from',
    'message',
    '550 5.7.62 MAIL FROM is not the High Volume Email account',
    'as at High Volume Email; its words are assumed',
    'doc',
    highVolume,
  ],
  [
    'hve-header-from',
    'message',
    '550 5.6.241 From is not the High Volume Email account',
    'as at High Volume Email; its words are assumed',
    'doc',
    highVolume,
  ],
  [
    'hve-no-account',
    'message',
    '550 5.2.240 User is not a High Volume Email account',
    'as at High Volume Email; its words are assumed',
    'doc',
    highVolume,
  ],
];

const stages: Readonly<Record<SmtpAnswer['at'], string>> = {
  login: 'the login',
  password: 'AUTH LOGIN',
  mail: 'MAIL FROM',
  message: 'the end of the message',
};

function scenarioOf([name, at, reply, says, grade, source, times]: Row): MailboxScenario {
  return {
    reach: 'mailbox',
    name,
    does: `SMTP answers ${stages[at]} with "${reply}": ${says}.`,
    grade,
    source,
    quirks: { smtpAnswer: { at, reply, ...(times === undefined ? {} : { times }) } },
    messages: 2,
  };
}

export const smtpMailboxes: readonly MailboxScenario[] = [
  {
    reach: 'mailbox',
    name: 'smtp-off',
    does: 'SMTP refuses the login with "535 5.7.139 … SmtpClientAuthentication is disabled for the Mailbox.", whatever the tenant says.',
    grade: 'doc',
    source: switches,
    smtpClientAuthenticationDisabled: true,
    messages: 2,
  },
  {
    reach: 'mailbox',
    name: 'smtp-off-tenant',
    does: 'SMTP refuses the login with "535 5.7.139 … SmtpClientAuthentication is disabled for the Tenant.", because the mailbox says nothing of its own.',
    grade: 'doc',
    source: switches,
    smtpClientAuthenticationDisabled: null,
    messages: 2,
  },
  {
    reach: 'mailbox',
    name: 'outside-scope',
    does: 'The app smtp-rbac is refused with "535 5.7.3": its role assignment does not cover this mailbox. Apps with a role in the token are not concerned.',
    grade: 'doc',
    source: "Microsoft's page on SMTP and RBAC for Applications",
    isInSendScope: false,
    messages: 2,
  },
  {
    reach: 'mailbox',
    name: 'smtp-rate',
    does: 'SMTP takes two messages a minute (30 elsewhere), then answers MAIL FROM with "421 4.4.2 Message submission rate for this client has exceeded the configured limit" and closes.',
    grade: 'recorded',
    source: 'reports of mail clients; the stage is assumed, the number is ours',
    quirks: { smtpPerMinute: 2 },
    messages: 2,
  },
  ...rows.map(scenarioOf),
];

export const smtpSaid: readonly SaidScenario[] = [
  {
    reach: 'said',
    name: 'smtp-without-tls',
    how: 'MAIL FROM without STARTTLS',
    does: 'SMTP answers "451 5.7.3 STARTTLS is required to send mail".',
    grade: 'recorded',
    source: 'apache/hertzbeat issue 2365',
  },
  {
    reach: 'said',
    name: 'smtp-without-login',
    how: 'MAIL FROM without AUTH',
    does: 'SMTP answers "530 5.7.57 Client not authenticated to send mail."',
    grade: 'doc',
    source: limits,
  },
  {
    reach: 'said',
    name: 'smtp-password',
    how: 'AUTH LOGIN',
    does: 'SMTP answers "535 5.7.139 Authentication unsuccessful, basic authentication is disabled."',
    grade: 'recorded',
    source: 'reports of mail clients',
  },
  {
    reach: 'said',
    name: 'send-as-denied',
    how: 'MAIL FROM or From with another address than the mailbox, without SendAs on it',
    does: 'SMTP answers the end of the message with "554 5.2.252 SendAsDenied; …".',
    grade: 'doc',
    source: limits,
  },
  {
    reach: 'said',
    name: 'smtp-fourth-connection',
    how: 'a message over a fourth connection while three are logged in for the mailbox',
    does: 'SMTP answers the end of the message with "432 4.3.2 Concurrent connections limit exceeded."',
    grade: 'recorded',
    source: 'sabuhish/fastapi-mail issue 75',
  },
];

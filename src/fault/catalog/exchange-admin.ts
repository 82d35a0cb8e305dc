/** Faults of Exchange's administrative interface: pointers, permissions and switches of mailboxes. */
import type { FaultEntry } from '../entry.ts';

export const exchangeAdminFaults = {
  'exchange.token-refused': {
    says: 'Exchange does not take the token of the person who signed in.',
    cause: 'Its administrative interface answered 401 (the diagnostics that it sent are in the evidence).',
    fix: 'Sign in again. With a token of your own: ask for one for https://outlook.office365.com.',
    retry: 'never',
  },
  'exchange.not-allowed': {
    says: 'Exchange does not let the person who signed in administer it.',
    cause:
      'Its administrative interface answered 403. Either the token lacks Exchange.Manage (what it has is in the evidence as `scopes`), or the person has no role in Exchange, or one that is not active yet; without diagnostics in the answer these look the same.',
    fix: 'Activate Exchange Administrator (in Privileged Identity Management where it is used), wait some minutes, and sign in again: a token from before does not know of it.',
    retry: 'never',
  },
  'exchange.cmdlet-not-allowed': {
    says: 'The roles of the person who signed in do not include a command that is needed.',
    cause: 'Exchange does not know the command (in the evidence) for this person: what one has no right to is not there.',
    fix: 'Give the person the role: Role Management for `*-ServicePrincipal` (in Organization Management and Exchange Administrator), Mail Recipients for `*-MailboxPermission` and `*-CASMailbox` (also in Recipient Management); or let somebody with it run the script: `postern setup script`.',
    retry: 'never',
  },
  'exchange.not-found': {
    says: 'Exchange does not know this mailbox or service principal.',
    cause: 'It answered that the object (in the evidence) could not be found.',
    fix: 'Check the address with `Get-Mailbox ADDRESS`: the primary address is wanted. What was just made may need some minutes.',
    retry: 'soon',
  },
  'exchange.refused': {
    says: 'Exchange refused a command.',
    cause: 'It answered with an error for which Postern has no rule (command, type and text are in the evidence).',
    fix: 'Read its text. Try the same command in Exchange Online PowerShell; if it works there, report it.',
    retry: 'never',
  },
  'exchange.already-there': {
    says: 'What is to be made is there already.',
    cause: 'Exchange answered that an object of this kind exists.',
    fix: 'Make a new plan: it shows what there is now.',
    retry: 'never',
  },
  'exchange.busy': {
    says: 'Exchange is too busy.',
    cause: 'It answered with a passing error (its type is in the evidence), again and again.',
    fix: 'Wait some minutes and do the same again: what is done is not done twice.',
    retry: 'soon',
  },
  'exchange.outcome-unknown': {
    says: 'It is not known whether Exchange did what it was asked.',
    cause: 'The connection ended after the command had been sent.',
    fix: 'Run the same command again: Postern looks first whether it was done.',
    retry: 'soon',
  },
  'exchange.answer-unreadable': {
    says: 'The answer of Exchange’s administrative interface cannot be read.',
    cause: 'It is no JSON, or lacks what such answers have (what is in the evidence).',
    fix: 'See whether a proxy stands in between (`postern check` shows who signed the certificate). If not, report it: the interface is not documented and may have changed; `postern setup script` does without it.',
    retry: 'never',
  },
  'exchange.powershell-missing': {
    says: 'PowerShell with the Exchange module is not there.',
    cause: '`pwsh` could not be started, or has no module ExchangeOnlineManagement of version 3 (what was seen is in the evidence).',
    fix: 'Install PowerShell 7, then `Install-Module ExchangeOnlineManagement -Scope CurrentUser`; or leave out `--exchange pwsh`.',
    retry: 'never',
  },
  'exchange.powershell-ended': {
    says: 'PowerShell ended in the middle of the work.',
    cause: 'The `pwsh` that Postern had started and connected is gone (how it ended is in the evidence).',
    fix: 'Run the same command again: what is done is not done twice. If it ends again, try without `--exchange pwsh`.',
    retry: 'soon',
  },
} as const satisfies Record<string, FaultEntry>;

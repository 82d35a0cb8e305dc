/** Faults of Microsoft Graph: what it answers when an app is set up, looked at or taken away. */
import type { FaultEntry } from '../entry.ts';

export const graphFaults = {
  'graph.token-refused': {
    says: 'Microsoft Graph does not take the token of the person who signed in.',
    cause: 'It answered 401: the token is for another resource, has run out, or was taken back (its text is in the evidence).',
    fix: 'Sign in again. With a token of your own: ask for one for https://graph.microsoft.com.',
    retry: 'never',
  },
  'graph.not-allowed': {
    says: 'Microsoft Graph does not let the person who signed in do this.',
    cause:
      'It answered 403: the token lacks a permission (those it has are in the evidence as `scopes`), or the person has no role for it, or one that is not active yet.',
    fix: 'Activate Cloud Application Administrator (in Privileged Identity Management where it is used), then run the command again: a token from before does not know of it. Permissions needed: Application.ReadWrite.All and AppRoleAssignment.ReadWrite.All; to look only: Application.Read.All.',
    retry: 'never',
  },
  'graph.not-found': {
    says: 'Microsoft Graph does not know this object.',
    cause: 'It answered 404. Straight after something was made, most often not every server knows of it yet.',
    fix: 'Try again in a minute. If it stays so, see in the Entra admin centre whether somebody deleted it, and make a new plan.',
    retry: 'soon',
  },
  'graph.refused': {
    says: 'Microsoft Graph refused a request.',
    cause: 'It answered with an error for which Postern has no rule (status, code and text are in the evidence).',
    fix: 'Read its text. Give the `requestId` in the evidence to Microsoft’s support; report it if it looks like a mistake of Postern.',
    retry: 'never',
  },
  'graph.conflict': {
    says: 'Somebody else changed this at the same moment.',
    cause: 'Microsoft Graph answered 409.',
    fix: 'Make a new plan: it shows what there is now.',
    retry: 'soon',
  },
  'graph.name-taken': {
    says: 'The unique name of the app is taken.',
    cause: 'Microsoft Graph answered that another object has this `uniqueName`. A deleted app keeps its name for 30 days.',
    fix: 'Look for it among the deleted applications in the Entra admin centre and restore it there, or choose another `uniqueName`.',
    retry: 'never',
  },
  'graph.credential-policy': {
    says: 'A policy of the tenant does not allow this credential.',
    cause:
      'Microsoft Graph answered that the life of the secret is too long, or that secrets are not allowed at all (its text is in the evidence).',
    fix: 'Choose a shorter `lifetime` under `setup`, or a certificate or a federated credential instead of a secret.',
    retry: 'never',
  },
  'graph.throttled': {
    says: 'Microsoft Graph asks for a pause.',
    cause: 'It answered 429 more often than there was patience for.',
    fix: 'Wait some minutes and do the same again: what is done is not done twice.',
    retry: 'after-wait',
  },
  'graph.unavailable': {
    says: 'Microsoft Graph is not available.',
    cause: 'It answered with a status of 500 or above (in the evidence), again and again.',
    fix: 'Wait some minutes and do the same again; see the service health page of the Microsoft 365 admin centre.',
    retry: 'soon',
  },
  'graph.outcome-unknown': {
    says: 'It is not known whether Microsoft Graph did what it was asked.',
    cause: 'The connection ended, or the service failed, after a request that makes something had been sent.',
    fix: 'Run the same command again: Postern looks first whether it was done.',
    retry: 'soon',
  },
  'graph.answer-unreadable': {
    says: 'The answer of Microsoft Graph cannot be read.',
    cause: 'It is no JSON, or lacks what the documented answer has (what is in the evidence).',
    fix: 'See whether a proxy stands in between (`postern check` shows who signed the certificate). If not, report it.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;

/** Faults of the sign-in of an administrator. */
import type { FaultEntry } from '../entry.ts';

export const signInFaults = {
  'signin.declined': {
    says: 'The sign-in was declined.',
    cause: 'Entra answered that the person, or a policy, said no (its text is in the evidence).',
    fix: 'Sign in again and accept. Where a policy forbids this way of signing in, choose another: `--sign-in browser`, `device`, `az` or `token`.',
    retry: 'never',
  },
  'signin.timed-out': {
    says: 'Nobody signed in.',
    cause: 'The time for it was over (how long is in the evidence).',
    fix: 'Run the command again and finish the sign-in within that time.',
    retry: 'never',
  },
  'signin.blocked': {
    says: 'A policy of the tenant blocks this way of signing in.',
    cause: 'Entra refused it by Conditional Access (its text is in the evidence). Many tenants block the device code.',
    fix: 'Use `--sign-in browser` on a desktop, `--sign-in az` after `az login`, or hand over tokens: `--sign-in token`.',
    retry: 'never',
  },
  'signin.refused': {
    says: 'Entra refused the sign-in.',
    cause: 'It answered with an error for which Postern has no rule (in the evidence).',
    fix: 'Look the AADSTS number up at https://login.microsoftonline.com/error. An own client id can be given: `--sign-in-client ID`.',
    retry: 'never',
  },
  'signin.token-unfit': {
    says: 'This token cannot be used for the setup.',
    cause: 'It is no token, is for another resource or another tenant, or has run out (which is in the evidence).',
    fix: 'Get a new one for the named resource and tenant, e.g. `az account get-access-token --tenant TENANT --resource RESOURCE`.',
    retry: 'never',
  },
  'signin.token-missing': {
    says: 'No token was handed over.',
    cause: 'The environment variable (in the evidence) is not set or empty.',
    fix: 'Set it (for `--sign-in app`: id and secret of the administering app), e.g. `export POSTERN_GRAPH_TOKEN=$(az account get-access-token --resource https://graph.microsoft.com --query accessToken -o tsv)`.',
    retry: 'never',
  },
  'signin.az-failed': {
    says: 'The Azure CLI gave no token.',
    cause:
      '`az account get-access-token` could not be run (ENOENT: there is no `az` on this machine), or ended with an error (the beginning of its text is in the evidence).',
    fix: 'Install the Azure CLI where it is missing, run `az login --allow-no-subscriptions --tenant TENANT` first, or choose another way of signing in.',
    retry: 'never',
  },
} as const satisfies Record<string, FaultEntry>;

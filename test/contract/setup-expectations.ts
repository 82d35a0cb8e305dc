/**
 * What `setup` comes to in each scenario of administration: a table that a test proves and docs/faults.md shows.
 */
import type { FaultCode } from '../../src/fault/catalog.ts';

export type SetupOutcome =
  /** All is done in the end; `why` says what Postern does about it. */
  | { readonly comesTo: 'applied'; readonly why: string }
  /** The plan says that something stands in the way, and nothing is begun. */
  | { readonly comesTo: 'blocked'; readonly remark: RegExp; readonly why: string }
  | { readonly comesTo: 'fault'; readonly code: FaultCode; readonly why: string };

const waits = 'it waits as long as it is told, else with growing pauses';
const reads = 'it reads until the tenant agrees with itself';

export const setupExpectations: Readonly<Record<string, SetupOutcome>> = {
  'graph-throttled': { comesTo: 'applied', why: waits },
  'graph-throttled-silently': { comesTo: 'applied', why: waits },
  'graph-unavailable': { comesTo: 'applied', why: waits },
  'graph-down': { comesTo: 'fault', code: 'graph.unavailable', why: 'nothing is begun' },
  'graph-conflict': { comesTo: 'applied', why: 'it sends the change again' },
  'graph-lost-reply': { comesTo: 'applied', why: 'it looks whether it was done; a secret whose value was lost with the answer is removed' },
  'graph-unseen': { comesTo: 'applied', why: reads },
  'principal-too-early': { comesTo: 'applied', why: reads },
  'consent-too-early': { comesTo: 'applied', why: reads },
  'secret-unseen': { comesTo: 'applied', why: reads },
  'secret-too-early': { comesTo: 'applied', why: '`setup verify --wait` and `setup rotate` ask until it is taken' },
  'secret-policy': {
    comesTo: 'blocked',
    remark: /allows secrets for 30 days: write `lifetime: 30d`/,
    why: 'the plan names the longest life, where the policy may be read; else the step ends with `graph.credential-policy`',
  },
  'secrets-forbidden': { comesTo: 'blocked', remark: /allows no secrets/, why: 'the plan names the other kinds of credential' },
  'small-pages': { comesTo: 'applied', why: 'it reads every page' },
  'device-blocked': { comesTo: 'fault', code: 'signin.blocked', why: 'it names the other ways of signing in' },
  'device-declined': { comesTo: 'fault', code: 'signin.declined', why: 'nothing is begun' },
  'exchange-busy': { comesTo: 'applied', why: waits },
  'exchange-forbidden': { comesTo: 'fault', code: 'exchange.not-allowed', why: 'nothing is begun' },
  'exchange-half-role': {
    comesTo: 'blocked',
    remark: /may not run New-ServicePrincipal: it needs Exchange Administrator/,
    why: 'the plan names the command and the role, before the first change',
  },
  'exchange-lost-reply': { comesTo: 'applied', why: 'it looks whether it was done' },
  'pointer-unseen': { comesTo: 'applied', why: reads },
  'pointer-in-effect-later': { comesTo: 'applied', why: '`setup verify --wait` looks again until the mailbox opens' },
  'permission-by-name': { comesTo: 'applied', why: 'a name is no identity: it asks for the rows of this trustee' },
};

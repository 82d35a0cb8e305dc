/**
 * The words of a plan: steps, which are done, and remarks, which are read.
 *
 * A step is data: it is printed, saved, applied, undone and turned into a script, always the same one.
 */
import type { RequiredResourceAccess } from '../admin/graph/shapes.ts';
import type { Observed } from './observed.ts';

export type StepAct =
  | { readonly kind: 'create-app' }
  | { readonly kind: 'adopt-app'; readonly appObjectId: string; readonly uniqueName: string }
  | {
      readonly kind: 'change-app';
      readonly appObjectId: string;
      readonly change: { readonly displayName?: string; readonly signInAudience?: string };
    }
  | { readonly kind: 'request-roles'; readonly requiredResourceAccess: readonly RequiredResourceAccess[] }
  | { readonly kind: 'create-principal' }
  | { readonly kind: 'enable-principal' }
  | { readonly kind: 'consent'; readonly role: string; readonly roleId: string }
  | { readonly kind: 'remove-delegated'; readonly grantId: string; readonly scope: string }
  | { readonly kind: 'create-pointer' }
  | { readonly kind: 'remove-pointer'; readonly objectId: string }
  | { readonly kind: 'grant'; readonly address: string }
  | { readonly kind: 'send-as'; readonly address: string }
  /** @param trustee object id of a pointer */
  | { readonly kind: 'revoke'; readonly address: string; readonly trustee: string; readonly right: 'full-access' | 'send-as' }
  | { readonly kind: 'create-scope'; readonly name: string; readonly filter: string }
  | { readonly kind: 'change-scope'; readonly name: string; readonly filter: string }
  | { readonly kind: 'assign-sending'; readonly name: string; readonly scope: string; readonly mailboxes: readonly string[] }
  | {
      readonly kind: 'client-access';
      readonly address: string;
      readonly change: { readonly imap?: true; readonly pop?: true; readonly smtpDisabled?: false };
    }
  | { readonly kind: 'remove-secret'; readonly keyId: string; readonly name: string }
  | { readonly kind: 'add-secret'; readonly days: number }
  | { readonly kind: 'add-certificate'; readonly days: number }
  | { readonly kind: 'add-federated'; readonly name: string; readonly issuer: string; readonly subject: string; readonly audience: string };

/** Sign in front of a step: made, changed, taken away, replaced. */
export type StepSign = '+' | '~' | '-' | '-/+';

export interface Step {
  /** Stable within a plan: kind and key. */
  readonly id: string;
  readonly plane: 'entra' | 'exchange';
  readonly sign: StepSign;
  /** What kind of thing, in the field's words. */
  readonly object: string;
  /** Which one: a name, a role, an address. */
  readonly key: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly reason: string;
  /** The role that whoever does it needs, active. */
  readonly needs: string;
  /** How it is undone. */
  readonly undo: string;
  readonly destructive: boolean;
  readonly act: StepAct;
}

/** Something that no step of this plan changes and that a person should know. */
export interface Remark {
  /** `drift`: there, and not wanted. `blocked`: stands in the way. `expiring`: ends soon. `note`: good to know. */
  readonly kind: 'drift' | 'blocked' | 'expiring' | 'note';
  readonly text: string;
}

export interface Plan {
  readonly schema: 'postern.plan/1';
  readonly tenant: string;
  readonly organization: Observed['entra']['organization'];
  /** The three ids that are mixed up most often; undefined: known after apply. */
  readonly ids: { readonly appId: string | undefined; readonly appObjectId: string | undefined; readonly principalId: string | undefined };
  readonly steps: readonly Step[];
  readonly remarks: readonly Remark[];
  /** What the app will be able to reach when all is done. */
  readonly reach: readonly string[];
  /** Hash of the observation that it was made from. */
  readonly observed: string;
  readonly desired: string;
}

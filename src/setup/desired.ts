/**
 * What a tenant should have for Postern's app: said in the configuration, complete, and free of secrets.
 *
 * Everything below is a value: a plan is computed from it and from what was observed, and from nothing else.
 */

export type SetupProtocol = 'imap' | 'pop3' | 'smtp';

/** App role on Office 365 Exchange Online for each protocol. M365 (doc): `SMTP.SendAsApp` since 2023. */
export const roleOf: Readonly<Record<SetupProtocol, string>> = {
  imap: 'IMAP.AccessAsApp',
  pop3: 'POP.AccessAsApp',
  smtp: 'SMTP.SendAsApp',
};

/**
 * Ids of these roles, to hold those against that the tenant tells, and for a plan without a tenant. M365 (doc), but for SMTP.SendAsApp:
 * M365 (assumed), two sources and none of them Microsoft's; it is always taken from the tenant.
 */
export const knownRoleIds: Readonly<Record<string, string>> = {
  'IMAP.AccessAsApp': '5e5addcd-3e8d-4e90-baf5-964efab2b20a',
  'POP.AccessAsApp': 'cb842b43-da6e-4506-86fe-bb12199c656d',
  'SMTP.SendAsApp': '7146a1f0-8703-45b3-9eae-527a64c00995',
};

export interface DesiredMailbox {
  /** The primary address. */
  readonly address: string;
  readonly protocols: readonly SetupProtocol[];
  /** Other addresses that this app sends as, besides the one that it logs in to. */
  readonly sendAs: readonly string[];
}

export type DesiredCredential =
  | { readonly kind: 'secret'; readonly lifetimeDays: number; readonly overlapDays: number }
  | { readonly kind: 'certificate'; readonly lifetimeDays: number; readonly overlapDays: number }
  | { readonly kind: 'federated'; readonly name: string; readonly issuer: string; readonly subject: string; readonly audience: string };

export interface Desired {
  /** The name of the tenant in the configuration. */
  readonly tenant: string;
  readonly app: {
    /** Alternate key of the registration: cannot be changed once it is set. Finds the app again. */
    readonly uniqueName: string;
    readonly displayName: string;
    readonly audience: 'AzureADMyOrg' | 'AzureADMultipleOrgs';
    /** The app that was made by hand and is to be taken over; undefined where it is found by its unique name. */
    readonly adopt: string | undefined;
  };
  /** Union of those of the mailboxes. */
  readonly protocols: readonly SetupProtocol[];
  readonly mailboxes: readonly DesiredMailbox[];
  readonly credential: DesiredCredential;
  /** Whether switches of mailboxes that are off (IMAP, POP, SMTP AUTH) are turned on; otherwise they are only told. */
  readonly enableClientAccess: boolean;
  /** Whether grants of the app on mailboxes that are not listed are taken away where they are found. */
  readonly prune: boolean;
}

/** Names that the app's secrets are given, so that ours are told from others': `postern/RUN`. */
export const ourPrefix = 'postern/';

/** Prefix that the app's name needs as our mark in its notes. */
export const ourNote = 'Managed by Postern (setup).';

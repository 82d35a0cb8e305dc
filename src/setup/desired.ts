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

/**
 * How sending is permitted. M365 (doc): `claims` by the app role and FullAccess on each mailbox; `rbac` by a role assignment in Exchange
 * whose scope is a group, without any role in the token. They are not mixed: with the role in the token the permission is asked for.
 */
export type SmtpMode = { readonly mode: 'claims' } | { readonly mode: 'rbac'; readonly group: string };

export interface Desired {
  /** The name of the tenant in the configuration. */
  readonly tenant: string;
  /** Origin of the token endpoint of its cloud. */
  readonly authority: string;
  readonly app: {
    /** Alternate key of the registration: cannot be changed once it is set. Finds the app again. */
    readonly uniqueName: string;
    /** Undefined: the name of an app that is there stays, a new one gets {@link newAppName}. */
    readonly displayName: string | undefined;
    readonly audience: 'AzureADMyOrg' | 'AzureADMultipleOrgs';
    /** The app that was made by hand and is to be taken over; undefined where it is found by its unique name. */
    readonly adopt: string | undefined;
  };
  /** Union of those of the mailboxes. */
  readonly protocols: readonly SetupProtocol[];
  readonly mailboxes: readonly DesiredMailbox[];
  readonly credential: DesiredCredential;
  readonly smtp: SmtpMode;
  /** Whether switches of mailboxes that are off (IMAP, POP, SMTP AUTH) are turned on; otherwise they are only told. */
  readonly enableClientAccess: boolean;
}

/** App roles that are to be consented to. */
export function rolesWanted({ protocols, smtp }: Desired): readonly string[] {
  return protocols.filter((protocol) => protocol !== 'smtp' || smtp.mode === 'claims').map((protocol) => roleOf[protocol]);
}

/** Whether the app needs FullAccess on this mailbox: not where it only sends, in the scope of a role assignment. */
export function wantsFullAccess({ protocols }: DesiredMailbox, { smtp }: Desired): boolean {
  return smtp.mode === 'claims' || protocols.some((protocol) => protocol !== 'smtp');
}

/** Mailboxes that the app sends from in the scope of a role assignment, and the addresses that it sends as. */
export function sendersInScope({ mailboxes, smtp }: Desired): readonly string[] {
  if (smtp.mode === 'claims') return [];
  return [...new Set(mailboxes.filter((one) => one.protocols.includes('smtp')).flatMap((one) => [one.address, ...one.sendAs]))];
}

/** M365 (doc): the management role by which an app sends without a role in its token. */
export const sendRole = 'Application SMTP.SendAsApp';

/** Name of our management scope and of our role assignment. M365 (doc): 64 characters at most. */
export function rbacName({ app: { uniqueName } }: Desired): string {
  return `postern-${uniqueName}-smtp`.slice(0, 64);
}

/** M365 (doc): only direct members count. Never empty: an empty filter is the whole organisation. */
export function scopeFilter(groupDn: string): string {
  if (groupDn === '') throw new Error('a scope without a group would be the whole organisation');
  return `MemberOfGroup -eq '${groupDn.replaceAll("'", "''")}'`;
}

/** Name of an app that is made without another one being wished. */
export const newAppName = 'Postern mail';

/** Names that the app's secrets are given, so that ours are told from others': `postern/RUN`. */
export const ourPrefix = 'postern/';

/** Our mark in the notes of an app that the setup made: only such an app is deleted again. */
export const ourNote = 'Managed by Postern (setup).';

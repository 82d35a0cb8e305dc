/**
 * What an administrator sees and changes of the tenant: the parts of the directory that no mail client meets.
 *
 * The hard thing is that there is one truth: apps, service principals, pointers and grants live in `Tenant`, so that what is granted here
 * opens a mailbox there. Only what has no meaning for a login is kept here.
 */

import { createHash, randomUUID } from 'node:crypto';
import type { App, Principal } from '../app.ts';

/** A person who may sign in to administer. */
export interface Admin {
  readonly upn: string;
  readonly oid: string;
  readonly name: string;
  /** Display names of directory roles; what each of them may do is in `permissions.ts`. */
  roles: string[];
}

/** A consent for delegated permissions (`oauth2PermissionGrant`). */
export interface DelegatedGrant {
  readonly id: string;
  /** Object id of the client's service principal. */
  readonly clientId: string;
  readonly consentType: 'AllPrincipals' | 'Principal';
  readonly principalId: string | null;
  readonly resourceId: string;
  scope: string;
}

/** An app or the service principal of one, for 30 days after its deletion. M365 (doc). */
export interface DeletedApp {
  readonly app: App;
  readonly deletedAt: Date;
}
export interface DeletedPrincipal {
  readonly app: App;
  readonly principal: Principal;
  readonly deletedAt: Date;
}

/** A mail-enabled security group. Members are addresses in lower case; a group among them does not pass its own on. */
export interface Group {
  readonly address: string;
  readonly name: string;
  readonly members: Set<string>;
}

/** A management scope for recipients. */
export interface ManagementScope {
  readonly name: string;
  filter: string;
}

/** A management role that an app has; `scope` undefined: for the whole organisation. */
export interface RoleAssignment {
  readonly name: string;
  readonly role: string;
  readonly objectId: string;
  readonly scope: string | undefined;
}

/** How administration misbehaves. Every key is optional; counted ones go down as they strike. */
export interface DirectoryQuirks {
  /** So many requests to Graph are answered 429 with `Retry-After: 1`. */
  throttled?: number;
  /** The same without `Retry-After`. */
  throttledSilently?: number;
  /** So many requests to Graph are answered 503. */
  unavailable?: number;
  /** So many reads of an app or a service principal that was just made are answered 404. */
  unseenReads?: number;
  /** So many attempts to make a service principal of a new app are refused: the app has not got there yet. */
  principalTooEarly?: number;
  /** So many consents to a new service principal are refused: it has not got there yet. */
  consentTooEarly?: number;
  /** So many of the next writes to Graph are done, and the connection is cut before the answer. */
  lostReplies?: number;
  /** Longest life of a secret that the tenant's policy allows, in days. */
  maxSecretDays?: number;
  /** The tenant's policy allows no secrets. */
  noSecrets?: boolean;
  /** Objects a page of a list; 100 without it. */
  pageSize?: number;
  /** Sign-in by device code is refused by a Conditional Access policy. */
  noDeviceCode?: boolean;
  /** The person at the device page says no. */
  deviceDeclined?: boolean;
  /** So many calls of the Exchange plane fail in passing. */
  exchangeBusy?: number;
  /** The Exchange plane answers 403 without body and without diagnostics: no role, or one not active yet. */
  exchangeForbidden?: boolean;
  /** Cmdlets that the person may not run. */
  withoutCmdlets?: string[];
  /** So many reads do not see a pointer that was just made. */
  unseenPointer?: number;
  /** So many logins are refused before a new pointer is in effect. */
  pointerRefusesLogins?: number;
  /** So many of the next writes to Exchange are done, and the connection is cut before the answer. */
  lostExchangeReplies?: number;
  /** Rows of permissions show a trustee by its display name alone, without a SID. */
  namesOnly?: boolean;
  /** So many reads of an app do not show a secret that was just added. */
  unseenSecret?: number;
  /** So many token requests do not know a secret that was just added. */
  newSecretUnknown?: number;
  /** So many of the next changes to an object of Graph are answered 409. */
  conflicts?: number;
}

export interface Directory {
  readonly admins: Map<string, Admin>;
  readonly delegatedGrants: DelegatedGrant[];
  readonly deletedApps: DeletedApp[];
  readonly deletedPrincipals: DeletedPrincipal[];
  /** Object ids of the owners of a registration, by its object id, and display names of the roles of a service principal, by its. */
  readonly owners: Map<string, string[]>;
  readonly memberships: Map<string, string[]>;
  readonly groups: Map<string, Group>;
  readonly scopes: ManagementScope[];
  readonly roleAssignments: RoleAssignment[];
  readonly quirks: DirectoryQuirks;
  /** What was changed, by whom: as the directory's audit log tells. No secret. */
  readonly audit: { readonly at: Date; readonly actor: string; readonly what: string }[];
  /** Codes that were handed out and not redeemed. */
  readonly codes: Map<string, PendingCode>;
  readonly devices: Map<string, PendingDevice>;
  readonly refreshTokens: Map<string, Session>;
}

/** A person's sign-in to a client. */
export interface Session {
  readonly admin: Admin;
  readonly clientId: string;
}

export interface PendingCode extends Session {
  readonly redirectUri: string;
  readonly challenge: string | undefined;
  readonly scope: string;
}

export interface PendingDevice {
  readonly clientId: string;
  readonly scope: string;
  readonly userCode: string;
  /** Polls that are still answered `authorization_pending`. */
  pendingPolls: number;
  admin: Admin | undefined;
}

export function makeDirectory(domain: string): Directory {
  const admin = (name: string, roles: string[]): Admin => ({ upn: `${name}@${domain}`, oid: randomUUID(), name, roles });
  const admins = [
    admin('admin', ['Cloud Application Administrator', 'Exchange Administrator']),
    admin('entra-admin', ['Cloud Application Administrator']),
    admin('exchange-admin', ['Exchange Administrator']),
    admin('recipient-admin', ['Exchange Recipient Administrator']),
    admin('reader', ['Global Reader']),
    admin('nobody', []),
  ];
  return {
    admins: new Map(admins.map((one) => [one.upn, one])),
    delegatedGrants: [],
    deletedApps: [],
    deletedPrincipals: [],
    owners: new Map(),
    memberships: new Map(),
    groups: new Map([[`senders@${domain}`, { address: `senders@${domain}`, name: 'senders', members: new Set<string>() }]]),
    scopes: [],
    roleAssignments: [],
    quirks: {},
    audit: [],
    codes: new Map(),
    devices: new Map(),
    refreshTokens: new Map(),
  };
}

/** Switches quirks on, or off again where the value is null. */
export function setQuirks(quirks: DirectoryQuirks, wanted: object): void {
  for (const [name, value] of Object.entries(wanted)) {
    if (value === null) Reflect.deleteProperty(quirks, name);
    else Reflect.set(quirks, name, structuredClone(value));
  }
}

/** Counts a quirk down. @returns whether it strikes now */
export function strikes(quirks: DirectoryQuirks, name: keyof DirectoryQuirks): boolean {
  const left = quirks[name];
  if (typeof left !== 'number' || left <= 0) return false;
  Reflect.set(quirks, name, left - 1);
  return true;
}

/** A GUID that is always the same for the same words. */
export function guidOf(...words: readonly string[]): string {
  const hex = createHash('sha256').update(words.join('\0')).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The security identifier by which Exchange writes a pointer into a mailbox's permissions. */
export function sidOf(objectId: string): string {
  const digest = createHash('sha256').update(objectId).digest();
  return `S-1-5-21-${[0, 4, 8, 12].map((at) => digest.readUInt32BE(at)).join('-')}`;
}

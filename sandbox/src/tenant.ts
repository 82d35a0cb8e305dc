/**
 * The whole state of the offline tenant, in memory: apps and their service principals (Entra), pointers, mailboxes and grants (Exchange).
 *
 * The hard thing is that the two halves do not know each other, as in the real one: an app may have its role and no pointer, a pointer
 * may carry the wrong object id, a mailbox may have no grant. Every misbehaviour is plain data here (`MailboxQuirks`, `AppQuirks`).
 */

import { randomBytes, randomUUID } from 'node:crypto';
import type { App, AppQuirks, AppSecret, FederatedRecord, Principal } from './app.ts';
import type { Identity } from './certificates.ts';
import type { Directory } from './directory/state.ts';
import { Folder } from './folder.ts';

export type { App, AppQuirks, AppSecret, FederatedRecord, Principal } from './app.ts';

/** A service principal's record in Exchange, made by `New-ServicePrincipal -AppId … -ObjectId …`. The object id is not checked when it is made. */
export interface Pointer {
  readonly appId: string;
  readonly objectId: string;
  displayName?: string;
  /** So many of the next logins are refused as if it were not there yet. */
  refusesLogins: number;
}

/**
 * A management role assignment of `Application SMTP.SendAsApp`: it covers the members, in lower case, where a scope names them, and the
 * mailboxes with `isInSendScope` where it was made without one.
 */
export interface SendAssignment {
  readonly objectId: string;
  readonly members?: ReadonlySet<string>;
}

/** One answer of the submission server in the place of its own. */
export interface SmtpAnswer {
  readonly at: 'login' | 'password' | 'mail' | 'message';
  /** Code, enhanced code and text; the server's bracket comes behind it. */
  readonly reply: string;
  /** So many times, then all is well. Without it: always. */
  times?: number;
}

/** How a mailbox misbehaves. Every key is optional; none of them is a healthy mailbox. */
/** What goes wrong over POP3 only. */
export interface PopQuirks {
  /** These UIDs: RETR is refused. */
  refuse?: number[];
  /** A session locks the mailbox: a login beside it is refused. */
  exclusive?: boolean;
  /** So many of the next logins find it locked by somebody else. */
  lockedFor?: number;
  /** These UIDs have the name of the first of them. */
  sameName?: number[];
  /** UIDL is refused. */
  unnamed?: boolean;
  /** The connection is cut instead of an answer to QUIT, before or after what was marked is removed. */
  cutAtQuit?: 'before' | 'after';
}

export interface MailboxQuirks {
  /** This many of the next sessions log in and find the mailbox not connected, beginning after `connectsFirst` good ones. */
  notConnected?: { connectsFirst: number; times: number };
  /** Sessions at the same time; those above it are not connected. */
  maxSessions?: number;
  /** Every n-th SELECT, SEARCH or FETCH is refused, and all that come within the time named in the refusal. */
  throttle?: { everyNth: number; backoffMs: number };
  /** The session ends with AccessTokenExpired after so many commands after login, and after so long in IDLE. */
  expires?: { afterCommands: number; afterIdleMs: number };
  /** The connection is cut inside a literal once it has carried so many bytes of literals. */
  cutAfterBytes?: number;
  /** These UIDs: FETCH of a body ends OK without any data. */
  emptyFetch?: number[];
  /** These UIDs: the body is the text by which Exchange says that it cannot convert the item. */
  substitute?: number[];
  /** New messages are announced by EXISTS but missed by so many queries. */
  lateUid?: number;
  /** Every n-th login finds INBOX under a new UIDVALIDITY. */
  uidValidityChangesEvery?: number;
  /** Milliseconds before every answer, and bytes per second of what is sent. */
  slow?: { commandMs: number };
  /** Milliseconds before the answer to a login, on every protocol. */
  slowLoginMs?: number;
  /** So many of the next logins find the grant not in effect yet. */
  grantAfterLogins?: number;
  /** CAPA after the login offers PIPELINING. */
  popPipelining?: boolean;
  pop?: PopQuirks;
  /** SMTP answers this at one stage. */
  smtpAnswer?: SmtpAnswer;
  /** Messages a minute that SMTP takes; 30 without it. */
  smtpPerMinute?: number;
  /** So many of the next sessions are told that the server is unavailable when they open a folder, and are closed. */
  unavailable?: number;
  /** RFC822.SIZE: the real size is multiplied by this. Without it the size is only a few bytes off. */
  sizeFactor?: number;
  /** COPYUID comes without its UIDs. */
  emptyCopyUid?: boolean;
  /** LIST shows `Inbox` and not `INBOX`. */
  mixedCaseInbox?: boolean;
}

export interface Mailbox {
  readonly address: string;
  imapEnabled: boolean;
  popEnabled: boolean;
  /** The mailbox's switch for SMTP AUTH. M365 (doc): true is off, false is on whatever the tenant says, null takes what the tenant says. */
  smtpClientAuthenticationDisabled: boolean | null;
  /** Covered by the scope of the role assignments for SMTP. */
  isInSendScope: boolean;
  /** Object ids of the pointers with FullAccess. */
  readonly grants: Set<string>;
  /** Object ids of the pointers that may send as this address without opening the mailbox. */
  readonly sendAs: Set<string>;
  readonly folders: Folder[];
  readonly quirks: MailboxQuirks;
  /** Counters for tests: what this mailbox has lived through. */
  readonly seen: {
    logins: number;
    commands: number;
    sessions: number;
    /** Open SMTP sessions. */
    senders: number;
    /** POP3 commands that came before the answer to the one before, although PIPELINING was not offered. */
    pipelined: number;
  };
}

/** A message that was submitted, for the control port. */
export interface Submitted {
  readonly at: Date;
  readonly mailbox: string;
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  /** Those of them that are mailboxes here. */
  readonly delivered: readonly string[];
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface Tenant {
  readonly id: string;
  readonly domain: string;
  readonly apps: Map<string, App>;
  readonly pointers: Pointer[];
  readonly sendAssignments: SendAssignment[];
  /** The organisation's switch for SMTP AUTH. M365 (doc): true in tenants made since 2020. */
  smtpClientAuthenticationDisabled: boolean;
  /** CAPA offers PIPELINING, which Exchange does not. */
  popPipelining: boolean;
  /** The last messages that were submitted. */
  readonly submitted: Submitted[];
  readonly mailboxes: Map<string, Mailbox>;
  readonly directory: Directory;
  readonly signingKey: Identity;
  readonly foreignKey: Identity;
  /** The outside issuers whose keys can be had, by their URL. */
  readonly issuers: ReadonlyMap<string, Identity>;
  /** Tokens with a serial below this are no longer taken, and sessions opened with one end. */
  tokensTakenFrom: number;
  nextTokenSerial: number;
  /** Hooks of open sessions, so that the control port can end them. */
  readonly sessions: Set<OpenSession>;
  /** The last things that happened and why, for the person at the control port: no secret, no token. */
  readonly journal: string[];
  note(text: string): void;
  now(): Date;
}

export interface OpenSession {
  readonly mailbox: string;
  /** Ends it as an expired token does. */
  expire(): void;
  /** Cuts the connection without a word. */
  cut(): void;
}

/** The resource whose roles open a mailbox, and every URI by which it is named in a scope. M365 (doc): the page on OAuth for IMAP, POP and SMTP. */
export const exchangeResource = {
  appId: '00000002-0000-0ff1-ce00-000000000000',
  uris: ['https://outlook.office365.com', 'https://outlook.office.com', 'https://ps.outlook.com'],
} as const;
export const graphResource = { appId: '00000003-0000-0000-c000-000000000000', uris: ['https://graph.microsoft.com'] } as const;

export const allRoles = ['IMAP.AccessAsApp', 'POP.AccessAsApp', 'SMTP.SendAsApp'] as const;

/** A secret shaped like Entra's: forty characters, with some that break when they are not form-encoded. */
export function makeSecret(): string {
  const text = randomBytes(30).toString('base64').replace(/\//g, '~').replace(/\+/g, '.');
  return `${text.slice(0, 3)}8Q~${text.slice(6)}`;
}

export interface AppShape {
  readonly clientId: string;
  readonly name: string;
  readonly secrets: readonly AppSecret[];
  readonly certificates?: readonly Identity['certificate'][];
  readonly federated?: readonly FederatedRecord[];
  readonly roles?: readonly string[];
  readonly enabled?: boolean;
  readonly withoutPrincipal?: boolean;
  readonly publicClient?: boolean;
  readonly tokenLifetimeSeconds?: number;
  readonly quirks?: AppQuirks;
  readonly uniqueName?: string;
  readonly created?: Date;
}

export function makeApp(shape: AppShape): App {
  const principal: Principal = { oid: randomUUID(), enabled: shape.enabled ?? true, roles: [...(shape.roles ?? allRoles)] };
  return {
    clientId: shape.clientId,
    objectId: randomUUID(),
    name: shape.name,
    registration: {
      displayName: shape.name,
      uniqueName: shape.uniqueName ?? null,
      signInAudience: 'AzureADMyOrg',
      requiredResourceAccess: [],
      tags: [],
      notes: null,
      created: shape.created ?? new Date(0),
    },
    secrets: [...shape.secrets],
    certificates: [...(shape.certificates ?? [])],
    federated: [...(shape.federated ?? [])],
    principal: shape.withoutPrincipal ? undefined : principal,
    publicClient: shape.publicClient ?? false,
    tokenLifetimeSeconds: shape.tokenLifetimeSeconds ?? 3599,
    quirks: { ...shape.quirks },
    tokenRequests: 0,
  };
}

/** The folders of a new Exchange mailbox. M365 (recorded): attributes without a SPECIAL-USE capability, and folders that hold no mail. */
const usualFolders: readonly (readonly [name: string, german: string, attribute: string])[] = [
  ['INBOX', 'INBOX', '\\Marked'],
  ['Archive', 'Archiv', ''],
  ['Calendar', 'Kalender', ''],
  ['Contacts', 'Kontakte', ''],
  ['Conversation History', 'Aufgezeichnete Unterhaltungen', ''],
  ['Deleted Items', 'Gelöschte Elemente', '\\Trash'],
  ['Drafts', 'Entwürfe', '\\Drafts'],
  ['Journal', 'Journal', ''],
  ['Junk Email', 'Junk-E-Mail', '\\Junk'],
  ['Notes', 'Notizen', ''],
  ['Outbox', 'Postausgang', ''],
  ['Sent Items', 'Gesendete Elemente', '\\Sent'],
  ['Tasks', 'Aufgaben', ''],
];

export function makeMailbox(address: string, language: 'en' | 'de' = 'en', quirks: MailboxQuirks = {}): Mailbox {
  const folders = usualFolders.map(
    ([english, german, attribute], index) =>
      new Folder({ name: language === 'de' ? german : english, attribute, uidValidity: index === 0 ? 14 : 14 + index }),
  );
  return {
    address,
    imapEnabled: true,
    popEnabled: true,
    // M365 (doc): the way that Microsoft prefers: off for the tenant, on for the mailboxes that need it.
    smtpClientAuthenticationDisabled: false,
    isInSendScope: true,
    grants: new Set(),
    sendAs: new Set(),
    folders,
    quirks: { ...quirks },
    seen: { logins: 0, commands: 0, sessions: 0, senders: 0, pipelined: 0 },
  };
}

/** Finds a folder; INBOX in any case, the others as they are written. RFC 3501 §5.1. */
export function folderOf(mailbox: Mailbox, name: string): Folder | undefined {
  const wanted = name.toUpperCase() === 'INBOX' ? 'INBOX' : name;
  return mailbox.folders.find((folder) => folder.name === wanted);
}

export function mailboxOf(tenant: Tenant, address: string): Mailbox | undefined {
  return tenant.mailboxes.get(address.toLowerCase());
}

export type PointerState = 'right' | 'wrong-object-id' | 'late' | 'none';

/** How many logins a pointer refuses that is made `late`. */
const lateLogins = 2;

/** Registers the app's service principal in Exchange. `wrong-object-id` takes the app registration's, the classic mistake. */
export function registerPointer(tenant: Tenant, app: App, state: PointerState = 'right'): void {
  if (!app.principal || state === 'none') return;
  tenant.pointers.push({
    appId: app.clientId,
    objectId: state === 'wrong-object-id' ? app.objectId : app.principal.oid,
    refusesLogins: state === 'late' ? lateLogins : 0,
  });
}

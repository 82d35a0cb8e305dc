/**
 * The one table of named misbehaviour: what each does, how it is reached, and how well it is known.
 *
 * The hard thing is honesty: `doc` stands for Microsoft's own pages or an RFC, `recorded` for traces and reports of the real service,
 * `assumed` for our own filling of a gap. `docs/sandbox-differences.md` is made from this table and from `differences.ts`.
 * Long because it is one table: every misbehaviour is found by reading one file.
 */

import type { AppQuirks, MailboxQuirks } from './tenant.ts';

export type Grade = 'doc' | 'recorded' | 'assumed';

interface Described {
  readonly name: string;
  /** One sentence: what a client meets. */
  readonly does: string;
  readonly grade: Grade;
  readonly source: string;
}

/** Reached by logging in to `<name>@<domain>`. */
export interface MailboxScenario extends Described {
  readonly reach: 'mailbox';
  readonly quirks?: MailboxQuirks;
  readonly imapEnabled?: boolean;
  readonly granted?: boolean;
  readonly language?: 'en' | 'de';
  /** Synthetic messages in INBOX at start; 12 if it does not say. */
  readonly messages?: number;
}

/** Reached by using the app's client id. The usual secret fits unless it says otherwise. */
export interface AppScenario extends Described {
  readonly reach: 'app';
  /** The last digits of the client id; never given to another app. */
  readonly number: number;
  readonly secret?: 'usual' | 'expired' | 'none';
  readonly certificate?: 'good' | 'expired';
  readonly roles?: readonly string[];
  readonly enabled?: boolean;
  readonly withoutPrincipal?: boolean;
  readonly publicClient?: boolean;
  readonly tokenLifetimeSeconds?: number;
  readonly pointer?: 'right' | 'wrong-object-id' | 'none';
  readonly quirks?: AppQuirks;
}

/** Reached by something that the client says: no state stands behind it. */
export interface SaidScenario extends Described {
  readonly reach: 'said';
  readonly how: string;
}

export type Scenario = MailboxScenario | AppScenario | SaidScenario;

export const tenantId = '5a000000-7e4a-4000-8000-000000000000';
export const domain = 'contoso.test';
export const seededMailbox = `telemessage@${domain}`;
export const bulkMailbox = `bulk@${domain}`;

/** The client id of the app with this number. */
export function clientIdOf(number: number): string {
  return `5a000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export const healthyClientId = clientIdOf(1);

const refusedFacts = "Microsoft's page on OAuth for IMAP, POP and SMTP; CiviCRM dev/core issue 3601";
const notConnectedFacts = 'email-oauth2-proxy issues 74 and 275; MailKit issues 1494 and 1496';
const claimsFacts = "Microsoft's page on access token claims";
const tokenFacts = "Microsoft's table of AADSTS codes";

const mailboxScenarios: readonly MailboxScenario[] = [
  {
    reach: 'mailbox',
    name: 'imap-off',
    does: 'The login is accepted, then every command is answered "User is authenticated but not connected", because ImapEnabled is false.',
    grade: 'recorded',
    source: notConnectedFacts,
    imapEnabled: false,
  },
  {
    reach: 'mailbox',
    name: 'no-grant',
    does: 'The same answer, because the service principal has no FullAccess on this mailbox.',
    grade: 'recorded',
    source: notConnectedFacts,
    granted: false,
  },
  {
    reach: 'mailbox',
    name: 'busy-then-connected',
    does: 'The first session works, the next two are "not connected" although nothing changed, then all is well.',
    grade: 'recorded',
    source: notConnectedFacts,
    quirks: { notConnected: { connectsFirst: 1, times: 2 } },
  },
  {
    reach: 'mailbox',
    name: 'too-many-sessions',
    does: 'More than two sessions at the same time are "not connected". The real limit is not public.',
    grade: 'assumed',
    source: 'a Microsoft page for Exchange 2013 and an FAQ of 2011 give old figures only',
    quirks: { maxSessions: 2 },
  },
  {
    reach: 'mailbox',
    name: 'throttled',
    does: 'Every third SELECT, SEARCH or FETCH is refused with "Request is throttled. Suggested Backoff Time: 300 milliseconds"; whoever returns earlier is refused again.',
    grade: 'recorded',
    source: 'imapflow issues and the imapsync FAQ for Office 365; which commands count is assumed',
    quirks: { throttle: { everyNth: 3, backoffMs: 300 } },
  },
  {
    reach: 'mailbox',
    name: 'expires',
    does: 'The session ends with "BYE Session invalidated - AccessTokenExpired" after ten commands, or after half a second in IDLE.',
    grade: 'recorded',
    source: 'aioimaplib issue 83; the numbers are ours',
    quirks: { expires: { afterCommands: 10, afterIdleMs: 500 } },
    messages: 40,
  },
  {
    reach: 'mailbox',
    name: 'drops',
    does: 'The connection is cut inside a literal after 100 KB of literals; the next connection gets as far again.',
    grade: 'recorded',
    source: 'dropped connections are common; the number is ours',
    quirks: { cutAfterBytes: 100_000 },
    messages: 60,
  },
  {
    reach: 'mailbox',
    name: 'empty-fetch',
    does: 'UID FETCH of the body of UID 3 ends OK without any data.',
    grade: 'recorded',
    source: 'MailKit issues 908, 1275 and 1615',
    quirks: { emptyFetch: [3] },
  },
  {
    reach: 'mailbox',
    name: 'substitute',
    does: 'The body of UID 3 is the text "Retrieval using the IMAP4 protocol failed for the following message".',
    grade: 'recorded',
    source: 'MailKit issues 908, 1275 and 1615; the text after the first words is assumed',
    quirks: { substitute: [3] },
  },
  {
    reach: 'mailbox',
    name: 'late-uid',
    does: 'EXISTS counts the newest message before FETCH and SEARCH find it: they miss it twice.',
    grade: 'recorded',
    source: 'imapclient issue 441; the number is ours',
    quirks: { lateUid: 2 },
  },
  {
    reach: 'mailbox',
    name: 'repeats-last',
    does: '`n:*` returns the last message also when n lies behind it, as in every mailbox: standard IMAP that clients forget.',
    grade: 'doc',
    source: 'RFC 3501 section 9, seq-range',
    messages: 3,
  },
  {
    reach: 'mailbox',
    name: 'uidvalidity-changes',
    does: 'Every fourth login finds INBOX re-created: a new UIDVALIDITY, UIDs from 1.',
    grade: 'doc',
    source: 'MS-OXIMAP4 and RFC 3501 section 2.3.1.1; how often is ours',
    quirks: { uidValidityChangesEvery: 4 },
  },
  {
    reach: 'mailbox',
    name: 'slow',
    does: 'Every command takes 200 milliseconds.',
    grade: 'assumed',
    source: 'the number is ours',
    quirks: { slow: { commandMs: 200 } },
  },
  {
    reach: 'mailbox',
    name: 'slow-login',
    does: 'The answer to AUTHENTICATE takes three seconds.',
    grade: 'recorded',
    source: 'reports of logins and refusals that take several seconds; the number is ours',
    quirks: { slowLoginMs: 3000 },
  },
  {
    reach: 'mailbox',
    name: 'server-unavailable',
    does: 'The first two sessions are told "Server Unavailable. 15" when they open a folder, and are closed; then all is well.',
    grade: 'recorded',
    source: 'reports of mail clients; how often is ours',
    quirks: { unavailable: 2 },
  },
  {
    reach: 'mailbox',
    name: 'wrong-size',
    does: 'RFC822.SIZE is a third of the real size (in all other mailboxes it is up to four bytes off).',
    grade: 'doc',
    source: 'MS-OXIMAP4: sizes are estimates; the factor is ours',
    quirks: { sizeFactor: 1 / 3 },
  },
  {
    reach: 'mailbox',
    name: 'empty-copyuid',
    does: 'COPY and MOVE answer with a COPYUID that has no UIDs.',
    grade: 'recorded',
    source: 'offlineimap issue 62',
    quirks: { emptyCopyUid: true },
  },
  {
    reach: 'mailbox',
    name: 'localised',
    does: 'Folder names are German with special-use attributes, and LIST shows "Inbox".',
    grade: 'recorded',
    source: 'LIST trace in MailKit issue 1282',
    language: 'de',
    quirks: { mixedCaseInbox: true },
  },
];

const appScenarios: readonly AppScenario[] = [
  {
    reach: 'app',
    number: 1,
    name: 'healthy',
    does: 'Everything is in order: the app of the printed configuration.',
    grade: 'doc',
    source: "Microsoft's pages on the client credentials flow and on access token claims",
    certificate: 'good',
  },
  {
    reach: 'app',
    number: 2,
    name: 'expired-secret',
    does: 'AADSTS7000222: the only secret is expired.',
    grade: 'recorded',
    source: tokenFacts,
    secret: 'expired',
  },
  {
    reach: 'app',
    number: 3,
    name: 'not-consented',
    does: 'A token is issued without `roles`; Exchange answers "NO AUTHENTICATE failed."',
    grade: 'doc',
    source: claimsFacts,
    roles: [],
  },
  {
    reach: 'app',
    number: 4,
    name: 'wrong-role',
    does: 'The token carries `full_access_as_app` only, the role for EWS; Exchange refuses it.',
    grade: 'recorded',
    source: refusedFacts,
    roles: ['full_access_as_app'],
  },
  {
    reach: 'app',
    number: 5,
    name: 'throttled-token',
    does: 'The token endpoint answers 429 in plain text with Retry-After twice, then gives a token.',
    grade: 'doc',
    source: "Microsoft's page on throttling; Retry-After is 1 here and 60 there",
    quirks: { busy: { kind: 'too-many-requests', times: 2 } },
  },
  {
    reach: 'app',
    number: 6,
    name: 'token-5xx',
    does: 'The token endpoint answers 503 in HTML without Retry-After twice, then gives a token.',
    grade: 'doc',
    source: "Microsoft's page on throttling; the page's text is assumed",
    quirks: { busy: { kind: 'unavailable', times: 2 } },
  },
  {
    reach: 'app',
    number: 7,
    name: 'token-down',
    does: 'The token endpoint always answers 503.',
    grade: 'doc',
    source: 'as token-5xx',
    quirks: { busy: { kind: 'unavailable', times: Number.POSITIVE_INFINITY } },
  },
  {
    reach: 'app',
    number: 8,
    name: 'transient',
    does: 'AADSTS90033 (temporarily_unavailable) once, then a token.',
    grade: 'doc',
    source: tokenFacts,
    quirks: { busy: { kind: 'unavailable-json', times: 1 } },
  },
  {
    reach: 'app',
    number: 9,
    name: 'captive-portal',
    does: 'The token endpoint answers 200 with an HTML page, as a network gate does.',
    grade: 'assumed',
    source: 'not of Microsoft at all',
    quirks: { busy: { kind: 'captive-portal', times: Number.POSITIVE_INFINITY } },
  },
  {
    reach: 'app',
    number: 10,
    name: 'token-cut',
    does: 'The token endpoint closes the connection without an answer once, then gives a token.',
    grade: 'assumed',
    source: 'networks do this',
    quirks: { busy: { kind: 'cut', times: 1 } },
  },
  {
    reach: 'app',
    number: 11,
    name: 'token-silent',
    does: 'The token endpoint never answers.',
    grade: 'assumed',
    source: 'networks do this',
    quirks: { busy: { kind: 'silent', times: Number.POSITIVE_INFINITY } },
  },
  {
    reach: 'app',
    number: 12,
    name: 'conditional-access',
    does: 'AADSTS53003 with suberror and claims.',
    grade: 'recorded',
    source: tokenFacts,
    quirks: { aadsts: 53003 },
  },
  {
    reach: 'app',
    number: 13,
    name: 'disabled-app',
    does: 'AADSTS7000112: sign-in is switched off in the Enterprise application.',
    grade: 'recorded',
    source: tokenFacts,
    enabled: false,
  },
  {
    reach: 'app',
    number: 14,
    name: 'missing-principal',
    does: 'AADSTS7000229: the Enterprise application was deleted.',
    grade: 'recorded',
    source: tokenFacts,
    withoutPrincipal: true,
  },
  {
    reach: 'app',
    number: 15,
    name: 'public-client',
    does: 'AADSTS700025: the app is registered as a public client.',
    grade: 'recorded',
    source: tokenFacts,
    publicClient: true,
  },
  {
    reach: 'app',
    number: 16,
    name: 'wrong-audience',
    does: 'The token is for Graph whatever the scope; Exchange refuses it.',
    grade: 'recorded',
    source: refusedFacts,
    quirks: { audience: 'https://graph.microsoft.com' },
  },
  {
    reach: 'app',
    number: 17,
    name: 'no-pointer',
    does: 'The service principal was never registered in Exchange; the token is good, the login is refused.',
    grade: 'recorded',
    source: refusedFacts,
    pointer: 'none',
  },
  {
    reach: 'app',
    number: 18,
    name: 'wrong-pointer',
    does: "The service principal was registered in Exchange with the app registration's object id; the token is good, the login is refused.",
    grade: 'recorded',
    source: refusedFacts,
    pointer: 'wrong-object-id',
  },
  {
    reach: 'app',
    number: 19,
    name: 'expired-token',
    does: 'Tokens have expired when they arrive; Exchange refuses them.',
    grade: 'assumed',
    source: 'stands for a clock that is wrong',
    quirks: { tokenAlreadyExpired: true },
  },
  {
    reach: 'app',
    number: 20,
    name: 'foreign-signature',
    does: 'Tokens are signed with a key that is not in the key set; Exchange refuses them.',
    grade: 'assumed',
    source: 'a token of another cloud would look so',
    quirks: { foreignSignature: true },
  },
  {
    reach: 'app',
    number: 21,
    name: 'short-token',
    does: 'Tokens live for five seconds; sessions opened with them end with AccessTokenExpired.',
    grade: 'doc',
    source: 'token lifetime policies go down to ten minutes; the number is ours',
    tokenLifetimeSeconds: 5,
  },
  {
    reach: 'app',
    number: 22,
    name: 'expired-certificate',
    does: 'AADSTS700027, "The key used is expired": the only credential is an expired certificate.',
    grade: 'recorded',
    source: tokenFacts,
    secret: 'none',
    certificate: 'expired',
  },
  {
    reach: 'app',
    number: 23,
    name: 'slow-token',
    does: 'The token endpoint takes two seconds.',
    grade: 'assumed',
    source: 'the number is ours',
    quirks: { answerAfterMs: 2000 },
  },
  {
    reach: 'app',
    number: 24,
    name: 'pop-only',
    does: 'The token carries `POP.AccessAsApp` only; IMAP is refused.',
    grade: 'recorded',
    source: refusedFacts,
    roles: ['POP.AccessAsApp'],
  },
];

const saidScenarios: readonly SaidScenario[] = [
  {
    reach: 'said',
    name: 'any-aadsts',
    how: 'client id aad57500-0000-4000-8000- and the number in twelve digits, such as …-000000053003',
    does: 'Any AADSTS answer of the table in entra/aadsts.ts.',
    grade: 'doc',
    source: `${tokenFacts}; texts that are not recorded are ours`,
  },
  { reach: 'said', name: 'unknown-app', how: 'any other client id', does: 'AADSTS700016.', grade: 'recorded', source: tokenFacts },
  {
    reach: 'said',
    name: 'wrong-secret',
    how: "the healthy app with another secret, or with the secret's id",
    does: 'AADSTS7000215.',
    grade: 'recorded',
    source: tokenFacts,
  },
  {
    reach: 'said',
    name: 'unknown-tenant',
    how: 'another GUID or domain in the path',
    does: 'AADSTS90002.',
    grade: 'recorded',
    source: tokenFacts,
  },
  {
    reach: 'said',
    name: 'no-tenant-name',
    how: 'a word that is no GUID and no domain in the path',
    does: 'AADSTS900023.',
    grade: 'recorded',
    source: tokenFacts,
  },
  {
    reach: 'said',
    name: 'common',
    how: '/common, /organizations or /consumers in the path',
    does: 'AADSTS50059.',
    grade: 'doc',
    source: tokenFacts,
  },
  {
    reach: 'said',
    name: 'other-cloud',
    how: 'a tenant that ends in .cn.test or .us.test',
    does: 'AADSTS90038.',
    grade: 'doc',
    source: tokenFacts,
  },
  {
    reach: 'said',
    name: 'delegated-scope',
    how: 'scope https://outlook.office365.com/IMAP.AccessAsUser.All',
    does: 'AADSTS70011.',
    grade: 'recorded',
    source: tokenFacts,
  },
  {
    reach: 'said',
    name: 'scope-without-default',
    how: 'scope https://outlook.office365.com',
    does: 'AADSTS1002012.',
    grade: 'recorded',
    source: tokenFacts,
  },
  {
    reach: 'said',
    name: 'wrong-resource',
    how: 'scope of a resource that is not Exchange or Graph',
    does: 'AADSTS500011.',
    grade: 'recorded',
    source: tokenFacts,
  },
  {
    reach: 'said',
    name: 'graph-scope',
    how: 'scope https://graph.microsoft.com/.default',
    does: 'A token for Graph, which Exchange refuses.',
    grade: 'recorded',
    source: refusedFacts,
  },
  {
    reach: 'said',
    name: 'unknown-mailbox',
    how: 'any address that is no mailbox, such as nobody@contoso.test',
    does: 'Exchange answers "NO AUTHENTICATE failed."',
    grade: 'recorded',
    source: refusedFacts,
  },
  {
    reach: 'said',
    name: 'password',
    how: 'LOGIN, or AUTHENTICATE PLAIN',
    does: 'Exchange answers "NO LOGIN failed." or "NO AUTHENTICATE failed."',
    grade: 'recorded',
    source: refusedFacts,
  },
];

export const scenarios: readonly Scenario[] = [...appScenarios, ...mailboxScenarios, ...saidScenarios];
export { appScenarios, mailboxScenarios };

export function scenarioNamed(name: string): Scenario | undefined {
  return scenarios.find((scenario) => scenario.name === name);
}

/** How to reach a scenario, in words. */
export function howToReach(scenario: Scenario): string {
  if (scenario.reach === 'app') return `client id ${clientIdOf(scenario.number)}`;
  return scenario.reach === 'mailbox' ? `mailbox ${scenario.name}@${domain}` : scenario.how;
}

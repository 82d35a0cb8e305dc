/**
 * What goes wrong while a tenant is administered: Graph, Exchange's cmdlets, the sign-in of the person.
 *
 * The hard thing is that it has no address: it holds for whoever administers the tenant, so it is switched on for the whole of it.
 */

import type { DirectoryQuirks } from '../directory/state.ts';
import type { Described } from './shape.ts';

/** Switched on by `--scenario`, or at the control port. */
export interface DirectoryScenario extends Described {
  readonly reach: 'directory';
  readonly quirks: DirectoryQuirks;
}

const graphFacts = "Microsoft's pages on errors, throttling and paging of Graph";
const cmdletFacts = 'CIPP-API, ExoHelper and azapptoolkit read it so';

/** Not among the scenarios of `check`: no mail client meets them. */
export const directoryScenarios: readonly DirectoryScenario[] = [
  {
    reach: 'directory',
    name: 'graph-throttled',
    does: 'Graph answers 429 with `Retry-After: 1` three times, then does what it is asked.',
    grade: 'doc',
    source: `${graphFacts}; the number is ours`,
    quirks: { throttled: 3 },
  },
  {
    reach: 'directory',
    name: 'graph-throttled-silently',
    does: 'Graph answers 429 without `Retry-After` twice.',
    grade: 'doc',
    source: graphFacts,
    quirks: { throttledSilently: 2 },
  },
  {
    reach: 'directory',
    name: 'graph-unavailable',
    does: 'Graph answers 503 in HTML twice.',
    grade: 'doc',
    source: graphFacts,
    quirks: { unavailable: 2 },
  },
  {
    reach: 'directory',
    name: 'graph-down',
    does: 'Graph always answers 503.',
    grade: 'doc',
    source: graphFacts,
    quirks: { unavailable: Number.POSITIVE_INFINITY },
  },
  {
    reach: 'directory',
    name: 'graph-conflict',
    does: 'Graph answers the next two changes with 409, as it does when somebody else changes the same object.',
    grade: 'recorded',
    source: 'hashicorp/terraform-provider-azuread issue 1764',
    quirks: { conflicts: 2 },
  },
  {
    reach: 'directory',
    name: 'graph-lost-reply',
    does: 'The next write to Graph is done, and the connection ends before the answer.',
    grade: 'assumed',
    source: 'networks do this',
    quirks: { lostReplies: 1 },
  },
  {
    reach: 'directory',
    name: 'graph-unseen',
    does: 'An app or a service principal that was just made is not found by three reads.',
    grade: 'recorded',
    source: 'byte5ai/omadia issue 916; Terraform reads until it is seen',
    quirks: { unseenReads: 3 },
  },
  {
    reach: 'directory',
    name: 'principal-too-early',
    does: 'A service principal for a new app is refused twice: "does not reference a valid application object".',
    grade: 'recorded',
    source: 'microsoftgraph/msgraph-sdk-dotnet issue 3108; terraform-provider-azuread issue 581',
    quirks: { principalTooEarly: 2 },
  },
  {
    reach: 'directory',
    name: 'consent-too-early',
    does: 'Consent for a new service principal is refused twice: "Not a valid reference update".',
    grade: 'recorded',
    source: 'microsoftgraph/msgraph-bicep-types issue 193',
    quirks: { consentTooEarly: 2 },
  },
  {
    reach: 'directory',
    name: 'secret-unseen',
    does: 'A secret that was just added is not shown by the next two reads of the app.',
    grade: 'recorded',
    source: 'Terraform reads a new secret five times in a row',
    quirks: { unseenSecret: 2 },
  },
  {
    reach: 'directory',
    name: 'secret-too-early',
    does: 'A secret that was just added is not known at the token endpoint for two requests: AADSTS7000215.',
    grade: 'recorded',
    source: 'reports of users: seconds to minutes',
    quirks: { newSecretUnknown: 2 },
  },
  {
    reach: 'directory',
    name: 'secret-policy',
    does: 'A policy of the tenant allows secrets for 30 days at most.',
    grade: 'doc',
    source: "Microsoft's page on app management policies; CIPP-API PR 1970",
    quirks: { maxSecretDays: 30 },
  },
  {
    reach: 'directory',
    name: 'secrets-forbidden',
    does: 'A policy of the tenant allows no secrets.',
    grade: 'doc',
    source: "Microsoft's page on app management policies",
    quirks: { noSecrets: true },
  },
  {
    reach: 'directory',
    name: 'small-pages',
    does: 'Every list comes in pages of one.',
    grade: 'doc',
    source: `${graphFacts}: pages may be short`,
    quirks: { pageSize: 1 },
  },
  {
    reach: 'directory',
    name: 'device-blocked',
    does: 'Conditional Access refuses the device code.',
    grade: 'assumed',
    source: 'Microsoft advises to block it; the AADSTS number is not known',
    quirks: { noDeviceCode: true },
  },
  {
    reach: 'directory',
    name: 'device-declined',
    does: 'The person at the device page says no.',
    grade: 'doc',
    source: 'RFC 8628 §3.5',
    quirks: { deviceDeclined: true },
  },
  {
    reach: 'directory',
    name: 'exchange-busy',
    does: 'The Exchange plane answers ServerBusyException three times.',
    grade: 'recorded',
    source: cmdletFacts,
    quirks: { exchangeBusy: 3 },
  },
  {
    reach: 'directory',
    name: 'exchange-forbidden',
    does: 'The Exchange plane answers 403 without a body: no role, or one that is not active yet.',
    grade: 'recorded',
    source: cmdletFacts,
    quirks: { exchangeForbidden: true },
  },
  {
    reach: 'directory',
    name: 'exchange-half-role',
    does: 'The person may not run New-ServicePrincipal: recipients only.',
    grade: 'recorded',
    source: 'azapptoolkit, operator roles',
    quirks: { withoutCmdlets: ['New-ServicePrincipal', 'Set-ServicePrincipal', 'Remove-ServicePrincipal'] },
  },
  {
    reach: 'directory',
    name: 'exchange-lost-reply',
    does: 'The next two writes to Exchange are done, and the connection ends before the answer.',
    grade: 'assumed',
    source: 'networks do this',
    quirks: { lostExchangeReplies: 2 },
  },
  {
    reach: 'directory',
    name: 'pointer-unseen',
    does: 'A pointer that was just made is not shown by three reads.',
    grade: 'recorded',
    source: 'field reports of minutes',
    quirks: { unseenPointer: 3 },
  },
  {
    reach: 'directory',
    name: 'pointer-in-effect-later',
    does: 'A new pointer is in effect after two refused logins.',
    grade: 'recorded',
    source: 'users of the OAuth page: minutes to two hours; how often is ours',
    quirks: { pointerRefusesLogins: 2 },
  },
  {
    reach: 'directory',
    name: 'permission-by-name',
    does: 'Rows of mailbox permissions show a display name and no SID.',
    grade: 'assumed',
    source: "Microsoft's page on Get-MailboxPermission shows names; which column has the SID is not said",
    quirks: { namesOnly: true },
  },
];

export function directoryScenarioNamed(name: string): DirectoryScenario | undefined {
  return directoryScenarios.find((one) => one.name === name);
}

/**
 * docs/sandbox-differences.md and the table of `--list`, both made from the scenario table.
 *
 * The hard thing is to name what is NOT like the real service; that list stands here, because no code can know what it leaves out.
 */

import { refusals } from './entra/aadsts.ts';
import { directoryScenarios } from './scenario/directory.ts';
import { howToReach, type Scenario, scenarios } from './scenario.ts';

/** What a test against the sandbox does not prove. */
const notLikeTheRealOne: readonly string[] = [
  'Nothing here was recorded by us against a live tenant. `recorded` means that others published what they saw.',
  'Mail comes back byte for byte as it was delivered. Exchange rebuilds MIME from its store, so its bytes differ from what was sent.',
  'Entra waits of `Retry-After: 60` are one second here. No request is ever throttled unless a scenario says so.',
  'A change of grant, consent or switch takes effect at once. There it takes minutes to two hours.',
  'The order in which the token endpoint finds mistakes is ours, and texts marked `assumed` are ours too.',
  'Tokens carry the claims that a client or a diagnosis reads; real ones carry more, are longer, and are not made for reading.',
  '`/common` is always refused, and there is one tenant. Its only people are those who administer it.',
  'Federated credentials: the keys of the outside issuer are known here and are not fetched; of matching expressions only a star at the end is understood. The token of a managed identity names the audience as it was asked for; the real one may name its application id.',
  'A command line of more than 10,240 bytes is refused, the default of Exchange on premises; the limit online is not public.',
  'SEARCH looks at raw bytes: text in base64, quoted-printable or RFC 2047 form is not found. Exchange searches an index of decoded text.',
  'Folders for calendar, contacts and the like are there and empty. No item is ever turned into iCalendar or winmail.dat.',
  'Words of success answers ("OK FETCH completed.") follow published traces where there are some. Match on the tag and on OK, NO or BAD.',
  'IPv6 is not listened on, though the certificate names ::1.',
  'Graph has what the way of an app for mail touches: applications, service principals, consents, deleted items, the organisation, one policy, the audit. Permissions are looked at, `$filter` reads `eq` only, nothing is ever changed by somebody else.',
  'The cmdlets of Exchange come by the interface of its PowerShell module, which is not documented: shapes and texts are those that open clients read. The batch form, `Get-…` output beyond what is read here, and every text that is not quoted by others are assumed.',
  'A management scope knows the filter `MemberOfGroup` only; what is assigned is in effect at once, there after up to two hours.',
  'Sign-in of people: nobody sits in front of it. Who signs in is the `login_hint`, else `admin@contoso.test`; a device code is accepted after one poll. No consent page, no multi-factor, no Conditional Access but by its scenario.',
  'Which cmdlets a role of the directory gives is a table of three roles; the real one is configurable.',
  'The tenant has SMTP AUTH switched off and each mailbox switched on, the way that Microsoft prefers; the mailboxes of `smtp-off` and `smtp-off-tenant` have not.',
  'POP3: a login takes a snapshot of INBOX and locks nothing. RETR leaves every flag as it is. The form of unique ids, what CAPA offers before STLS, and the answers to a throttled, expired or busy session are assumed from IMAP.',
  'POP3: a mailbox without a grant refuses the login. The real one may refuse or connect nothing; traces of it were not found.',
  'POP3 takes commands that were sent ahead although PIPELINING is not offered, and counts them; what Exchange does with them is not known.',
  'SMTP: a missing FullAccess shows at the end of the message ("430 4.2.0 STOREDRV…"), not at the login: the report names STOREDRV.Submission, its stage is inferred from that. The same holds for SendAs, limits and blocks.',
  'SMTP: a message is kept as it came. Exchange adds headers, may rewrite addresses, and has more limits than are here. Nothing leaves the machine: recipients that are no mailbox here are only listed.',
  'SMTP: a block of a mailbox ("550 5.2.25x") comes by its scenario, never from errors that were counted. A session outlives its token.',
  'IMAP and POP3 have no limit of sessions unless a scenario sets one. Four SMTP sessions of a mailbox are one too many.',
];

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replace(/\|/g, '\\|')).join(' | ')} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

function scenarioTable(reach: Scenario['reach']): string {
  const rows = scenarios
    .filter((one) => one.reach === reach)
    .map((one) => [`\`${one.name}\``, howToReach(one), one.does, one.grade, one.source]);
  return table(['name', 'reached by', 'what a client meets', 'evidence', 'source'], rows);
}

/** The page, as Markdown. A test compares it with the file. */
export function differences(): string {
  const texts = Object.entries(refusals).map(([number, { error, text_is }]) => [number, error, text_is]);
  return `<!-- Made by sandbox/src/differences.ts; change it there and run \`bin/postern-sandbox --differences > docs/sandbox-differences.md\`. -->

# The sandbox and the real service

The sandbox stands in for Entra's token endpoint and for Exchange Online's IMAP, POP3 and SMTP submission servers, and for as much of Microsoft Graph
and of Exchange's administration as an app for mail needs. What it does is simulated from
published facts, each with its evidence: **doc** is Microsoft's own documentation or an RFC, **recorded** is a trace or report of the real service that others
published, **assumed** is our own filling of a gap.

## What is not like the real one

${notLikeTheRealOne.map((line) => `- ${line}`).join('\n')}

## Scenarios by app

The client id chooses the scenario; tenant, scope and, unless it says otherwise, the secret are the healthy app's.

${scenarioTable('app')}

## Scenarios by mailbox

The address chooses the scenario; the healthy app has a grant on each unless it says otherwise.

${scenarioTable('mailbox')}

## Scenarios by what the client says

${scenarioTable('said')}

## Scenarios of the network

The same tenant behind other hosts and ports, so that the healthy servers can be reached beside them.

${scenarioTable('place')}

## Scenarios of administration

Switched on for the whole tenant: \`--scenario NAME\`, or \`PUT /directory/scenarios/NAME\` at the control port. Counted ones are used up.

${table(
  ['name', 'what whoever administers meets', 'evidence', 'source'],
  directoryScenarios.map((one) => [`\`${one.name}\``, one.does, one.grade, one.source]),
)}

## AADSTS answers

Number, \`error\` and HTTP status follow Microsoft's table; the text is as recorded, or a sentence of ours.

${table(['number', '`error`', 'text'], texts)}
`;
}

/** The table of \`--list\`, for a terminal. */
export function scenarioList(): string {
  const groups: readonly (readonly [Scenario['reach'], string])[] = [
    ['app', 'By app (client id)'],
    ['mailbox', 'By mailbox'],
    ['said', 'By what the client says'],
    ['place', 'Of the network'],
  ];
  return groups
    .map(([reach, title]) => {
      const rows = scenarios
        .filter((one) => one.reach === reach)
        .map((one) => `  ${one.name.padEnd(22)} ${howToReach(one)}\n  ${''.padEnd(22)} ${one.does} [${one.grade}]\n`);
      return `${title}\n\n${rows.join('')}`;
    })
    .join('\n')
    .concat(`\nOf administration\n\n${directoryScenarios.map(listed).join('')}`);
}

function listed({ name, does, grade }: (typeof directoryScenarios)[number]): string {
  return `  ${name.padEnd(22)} --scenario ${name}\n  ${''.padEnd(22)} ${does} [${grade}]\n`;
}

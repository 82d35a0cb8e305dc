/**
 * Makes docs/faults.md out of the fault catalogue and of the sandbox's scenarios: prints it, or with `--write` puts it in its place.
 * test/house/faults.test.ts fails while the page and what it is made of differ.
 *
 * The hard thing is that the page may promise nothing that nobody has seen: what a scenario's row says is what
 * test/contract/check-scenarios.test.ts and setup-scenarios.test.ts prove, out of the same lines.
 */
import { writeFileSync } from 'node:fs';
import { directoryScenarios } from '../sandbox/src/scenario/directory.ts';
import { type Scenario, scenarios } from '../sandbox/src/scenario.ts';
import { catalog } from '../src/fault/catalog.ts';
import type { FaultEntry } from '../src/fault/entry.ts';
import { type Expected, expectations } from '../test/contract/check-expectations.ts';
import { type SetupOutcome, setupExpectations } from '../test/contract/setup-expectations.ts';

const again: Readonly<Record<FaultEntry['retry'], string>> = {
  soon: 'by itself, soon and then with growing pauses',
  'after-wait': 'by itself, after the wait that the server named',
  never: 'not before a person has acted',
};

const kinds: readonly (readonly [reach: Scenario['reach'], title: string, about: string])[] = [
  ['app', 'The app, its secret, its token', 'The written configuration names another app, or another credential.'],
  ['mailbox', 'The mailbox and its servers', 'The written configuration names another mailbox.'],
  ['said', 'What the client says', 'The written configuration says something wrong, or the command line has to.'],
  ['place', 'The network', 'The written configuration leads to other hosts and ports.'],
];

/** Scenarios in which something that must work does not, and `check` says why. Warnings do not count, nor what Postern gets along with. */
export const explainedFailures = scenarios.filter(({ name }) => {
  const expected = expectations[name];
  return expected?.first !== undefined && expected.level !== 'warning';
}).length;

/** The whole page. Codes are grouped by their plane, the part before the dot, in the order of the catalogue. */
export function faultsPage(entries: Readonly<Record<string, FaultEntry>>): string {
  return `<!-- Generated from src/fault/catalog and test/contract/check-expectations.ts by tools/faults-doc.ts. Change it there, then run tools/faults-doc.ts --write. -->

# Faults

Every failure that Postern knows has a code, which never changes its meaning. The code stands first in the message, in \`--json\` output and in the log.
What was seen and what is supposed are kept apart: the evidence printed beside the code is what the server really said.

To find what a failure of yours means, run \`postern check\`, and look its first code up in [the catalogue](#the-catalogue) below. To see a failure before you have it,
let the sandbox make it: \`bin/postern-sandbox --scenario NAME --out DIR\` in one terminal, \`bin/postern check --config DIR/postern.yaml\` in another, with the options of the row if it names some.

## Scenarios

${scenarios.length} scenarios, ${explainedFailures} of them explained failures. The others are oddities of the servers with which all is well, or warnings.
Where the finding is *supposed*, the server gives the same answer for several causes; the likeliest comes first, and \`check\` lists the others behind it.

${kinds.map(([reach, title, about]) => `### ${title}\n\n${about}\n\n${scenarioTable(reach, entries)}`).join('\n')}
### Administration of the tenant

What \`postern setup apply\` meets and comes to. The written configuration is one for it: \`bin/postern-sandbox --scenario NAME --out DIR\`, then
\`bin/postern setup apply --yes --sign-in device --config DIR/postern.yaml\`.

${setupTable(entries)}
## The catalogue

${planes(entries)}`;
}

function scenarioTable(reach: Scenario['reach'], entries: Readonly<Record<string, FaultEntry>>): string {
  const rows = scenarios.filter((one) => one.reach === reach).map((one) => scenarioRow(one, expectations[one.name], entries));
  return ['| scenario | options of `check` | what Postern says first | fix |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}

function setupTable(entries: Readonly<Record<string, FaultEntry>>): string {
  const rows = directoryScenarios.map(({ name, does }) => {
    const cells = [`\`${name}\`<br>${does}`, outcomeOf(setupExpectations[name], entries), setupExpectations[name]?.why ?? ''];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| scenario | what `setup` comes to | because |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

function outcomeOf(outcome: SetupOutcome | undefined, entries: Readonly<Record<string, FaultEntry>>): string {
  switch (outcome?.comesTo) {
    case 'applied':
      return 'all is done';
    case 'blocked':
      return '[`setup.blocked`](#setupblocked), told by the plan';
    case 'fault':
      return `[\`${outcome.code}\`](#${outcome.code.replaceAll('.', '')}): ${entries[outcome.code]?.says ?? ''}`;
    default:
      return 'not tried';
  }
}

/** Without an expectation (a test fails then) the row says so. */
function scenarioRow({ name, does }: Scenario, expected: Expected | undefined, entries: Readonly<Record<string, FaultEntry>>): string {
  const entry = expected?.first === undefined ? undefined : entries[expected.first];
  const cells = [
    `\`${name}\`<br>${does}`,
    expected === undefined ? '' : optionsOf(expected),
    expected === undefined ? 'not tried' : saysOf(expected, entry),
    entry?.fix ?? '',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function saysOf({ first, certainty, level }: Expected, entry: FaultEntry | undefined): string {
  if (first === undefined || entry === undefined) return 'all is well';
  const how = [certainty ?? '', level === undefined ? '' : `a ${level}`].filter((word) => word !== '').join(', ');
  // GitHub's anchor of a heading: without the dot.
  return `[\`${first}\`](#${first.replaceAll('.', '')})${how === '' ? '' : ` (${how})`}: ${entry.says}`;
}

/** What is typed behind `postern check`, and what has to be changed beside the scenario. */
function optionsOf({ wish = {}, also }: Expected): string {
  const words = [
    ...(wish.mailboxes ?? []),
    ...(wish.protocols === undefined || wish.accounts !== undefined ? [] : [`--protocol ${wish.protocols.join(',')}`]),
    ...(wish.sendTest === true ? ['--send-test'] : []),
  ];
  return [words.length === 0 ? '' : `\`${words.join(' ')}\``, also ?? ''].filter((text) => text !== '').join('; ');
}

function planes(entries: Readonly<Record<string, FaultEntry>>): string {
  const byPlane = Map.groupBy(Object.entries(entries), ([code]) => code.split('.')[0] ?? '');
  return [...byPlane]
    .map(([plane, faults]) => {
      const texts = faults.map(
        ([code, { says, cause, fix, retry }]) =>
          `#### ${code}\n\n${says}\n\n- **What was seen:** ${cause}\n- **What to do:** ${fix}\n- **Tried again:** ${again[retry]}.\n`,
      );
      return `### ${plane}\n\n${texts.join('\n')}`;
    })
    .join('\n');
}

if (import.meta.main) {
  const page = faultsPage(catalog);
  if (process.argv.includes('--write')) writeFileSync(new URL('../docs/faults.md', import.meta.url), page);
  else process.stdout.write(page);
}

/** A plan, and what was done of it, as a person reads it. */
import type { DestroyStep } from '../setup/destroy.ts';
import type { Plan, Remark, Step } from '../setup/step.ts';
import { count, printable, table } from './print.ts';

const unknown = '(known after apply)';

export function planText(plan: Plan, colour: boolean): string {
  const { ids, organization } = plan;
  const parts = [
    `Tenant ${plan.tenant}: ${organization.name} (${organization.initialDomain}, ${organization.id})\n`,
    table(
      [{ title: 'id' }, { title: 'value' }, { title: 'what it is for' }],
      [
        ['Application (client) ID', ids.appId ?? unknown, 'clientId; what the app calls itself'],
        ['Object ID of the app registration', ids.appObjectId ?? unknown, 'Graph only; never for Exchange'],
        ['Object ID of the Enterprise application', ids.principalId ?? unknown, 'Exchange; `oid` of the token'],
      ],
    ),
    ...(['entra', 'exchange'] as const).flatMap((plane) => planeText(plane, plan.steps, colour)),
    remarksText('In the way', 'blocked', plan.remarks),
    remarksText('There besides, and left as it is', 'drift', plan.remarks),
    remarksText('Good to know', 'note', plan.remarks),
    `What the app will reach:\n${plan.reach.map((line) => `  ${line}\n`).join('')}`,
    totals(plan.steps),
  ];
  return printableLines(parts.filter((part) => part !== '').join('\n'), colour);
}

function planeText(plane: Step['plane'], steps: readonly Step[], colour: boolean): string[] {
  const mine = steps.filter((step) => step.plane === plane);
  if (mine.length === 0) return [];
  return [`${plane === 'entra' ? 'Entra' : 'Exchange'}:\n${mine.map((step) => stepText(step, colour)).join('')}`];
}

function stepText({ sign, object, key, from, to, reason, needs, undo, destructive }: Step, colour: boolean): string {
  const change = from === undefined ? (to === undefined ? '' : `: ${to}`) : `: ${from} → ${to ?? ''}`;
  const lead = coloured(sign.padStart(3), sign, colour);
  const lines = [`${lead} ${object} ${key}${change}`, `      ${reason}`, `      needs ${needs}; undone by: ${undo}`];
  if (destructive) lines.push('      takes something away: wants --yes-destroy');
  return lines.map((line) => `${line}\n`).join('');
}

function coloured(text: string, sign: Step['sign'], colour: boolean): string {
  if (!colour) return text;
  const code = { '+': 32, '~': 33, '-': 31, '-/+': 31 }[sign];
  return `\x1b[${code}m${text}\x1b[39m`;
}

function remarksText(title: string, kind: Remark['kind'], remarks: readonly Remark[]): string {
  const mine = remarks.filter((remark) => remark.kind === kind);
  return mine.length === 0 ? '' : `${title}:\n${mine.map(({ text }) => `  ! ${text}\n`).join('')}`;
}

function totals(steps: readonly Step[]): string {
  if (steps.length === 0) return 'Nothing to do: the tenant has what the configuration says.\n';
  const of = (...signs: readonly Step['sign'][]): number => steps.filter((step) => signs.includes(step.sign)).length;
  const waits = steps.some((step) => ['create-pointer', 'grant'].includes(step.act.kind))
    ? 'A new pointer or grant opens a mailbox after minutes, at times up to 90 of them: `postern setup verify --wait 90m`.\n'
    : '';
  return `${count(steps.length, 'step')}: ${of('+')} to add, ${of('~')} to change, ${of('-', '-/+')} to take away or replace.\n${waits}`;
}

export function destroyText(steps: readonly DestroyStep[]): string {
  if (steps.length === 0) return 'Nothing is left to take away.\n';
  const lines = steps.map(({ plane, object, key }) => `  - ${plane === 'entra' ? 'Entra' : 'Exchange'}: ${object} ${key}\n`);
  return printableLines(`${lines.join('')}\n${count(steps.length, 'thing')} to take away.\n`, false);
}

/** Names come from a tenant: no control character of theirs reaches the terminal; our own colours do. */
function printableLines(text: string, colour: boolean): string {
  const safe = (line: string): string =>
    line
      .split(colour ? /(\x1b\[\d+m)/ : /(?!)/)
      .map((part, index) => (index % 2 === 1 ? part : printable(part)))
      .join('');
  return text.split('\n').map(safe).join('\n');
}

/** A plan, and what was done of it, as a person reads it: 80 columns, so that it can be read beside the script or in a ticket. */
import type { DestroyStep } from '../setup/destroy.ts';
import type { Plan, Remark, Step } from '../setup/step.ts';
import { wrapped } from './check-text.ts';
import { count, printable } from './print.ts';

const lineWidth = 80;
const unknown = '(known after apply)';
/** What undoes most of it, said once. */
const usualUndo = 'setup destroy';

export function planText(plan: Plan, colour: boolean): string {
  const { ids, organization, steps, remarks } = plan;
  const head = `Tenant ${plan.tenant}: ${organization.name}, ${organization.initialDomain}\n${' '.repeat(plan.tenant.length + 9)}${organization.id}\n`;
  // Side by side: the second is taken for the third more often than anything else goes wrong.
  const known = [
    ['Application (client) ID', ids.appId, 'clientId'],
    ['App registration object ID', ids.appObjectId, 'not Exchange'],
    ['Enterprise app object ID', ids.principalId, 'Exchange, oid'],
  ] as const;
  const parts = [
    head,
    known.map(([title, id, use]) => `${title.padEnd(26)}  ${(id ?? unknown).padEnd(36)}  ${use}\n`).join(''),
    ...byRole(steps).map((group) => groupText(group, colour)),
    remarksText('In the way', 'blocked', remarks),
    remarksText('There besides, and left as it is', 'drift', remarks),
    remarksText('Ends soon', 'expiring', remarks),
    remarksText('Good to know', 'note', remarks),
    `What the app will reach:\n${plan.reach.map((line) => paragraph(line.trimStart(), line.startsWith(' ') ? 4 : 2)).join('')}`,
    totals(steps),
  ];
  return printableLines(parts.filter((part) => part !== '').join('\n'), colour);
}

/** Steps that follow each other and that the same person can do. */
function byRole(steps: readonly Step[]): readonly (readonly Step[])[] {
  const groups: Step[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (last?.[0]?.needs === step.needs) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

function groupText(steps: readonly Step[], colour: boolean): string {
  const [first] = steps;
  if (first === undefined) return '';
  const where = first.plane === 'entra' ? 'Entra' : 'Exchange';
  return `${where}, as ${first.needs}:\n${steps.map((step) => stepText(step, colour)).join('')}`;
}

function stepText({ sign, object, key, from, to, reason, undo, destructive }: Step, colour: boolean): string {
  const change = from === undefined ? (to === undefined ? '' : `: ${to}`) : `: ${from} → ${to ?? ''}`;
  const [first = '', ...more] = wrapped(`${object} ${key}${change}`.split(' '), lineWidth - 6);
  const why = [
    `${reason[0]?.toUpperCase()}${reason.slice(1)}.`,
    ...(undo === usualUndo ? [] : [`Undone by: ${undo}.`]),
    ...(destructive ? ['Wants --yes-destroy.'] : []),
  ];
  const lead = coloured(sign.padStart(4), sign, colour);
  return `${lead}  ${first}\n${more.map((line) => `      ${line}\n`).join('')}${paragraph(why.join(' '), 8)}`;
}

function paragraph(text: string, indent: number): string {
  return wrapped(text.split(' '), lineWidth - indent)
    .map((line) => `${' '.repeat(indent)}${line}\n`)
    .join('');
}

function coloured(text: string, sign: Step['sign'], colour: boolean): string {
  if (!colour) return text;
  const code = { '+': 32, '~': 33, '-': 31, '-/+': 31 }[sign];
  return `\x1b[${code}m${text}\x1b[39m`;
}

function remarksText(title: string, kind: Remark['kind'], remarks: readonly Remark[]): string {
  const mine = remarks.filter((remark) => remark.kind === kind);
  return mine.length === 0 ? '' : `${title}:\n${mine.map(({ text }) => paragraph(text, 6).replace(/^ {6}/, '   !  ')).join('')}`;
}

function totals(steps: readonly Step[]): string {
  if (steps.length === 0) return 'Nothing to do: the tenant has what the configuration says.\n';
  const of = (...signs: readonly Step['sign'][]): number => steps.filter((step) => signs.includes(step.sign)).length;
  const kinds = new Set(steps.map((step) => step.act.kind));
  const opens = kinds.has('create-pointer') || kinds.has('grant');
  const waits = [
    'Undone by `postern setup destroy`, unless a line says otherwise.',
    ...(opens
      ? ['A new pointer or grant opens a mailbox after minutes, at times up to 90 of them: `postern setup verify --wait 90m`.']
      : []),
    ...(kinds.has('assign-sending') ? ['A role assignment is in effect after 30 minutes to 2 hours.'] : []),
  ];
  return `${count(steps.length, 'step')}: ${of('+')} to add, ${of('~')} to change, ${of('-', '-/+')} to take away or replace.\n${paragraph(waits.join(' '), 0)}`;
}

export function destroyText(steps: readonly DestroyStep[], stays: readonly string[]): string {
  if (steps.length === 0) return 'Nothing is left to take away.\n';
  const lines = steps.map(({ plane, object, key }) => `  - ${plane === 'entra' ? 'Entra' : 'Exchange'}: ${object} ${key}\n`);
  return printableLines(
    `${lines.join('')}\n${count(steps.length, 'thing')} to take away.\n${stays.map((one) => `${one}\n`).join('')}`,
    false,
  );
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

/** A plan of the setup in the shape of the API, with the script and the commands beside it. Pure but for the notes that it is given. */
import { connectExchange, grantLine, permit, quoted, showPointer } from '../../check/repair.ts';
import { emptyTenantPlan, script } from '../../setup/script.ts';
import type { Plan, Step, StepSign } from '../../setup/step.ts';
import type { SetupPlan } from '../api/tenant.ts';
import type { DesiredAccess } from './desired-access.ts';
import type { KnownTenant } from './tenants.ts';

type ApiStep = SetupPlan['steps'][number];

const signs: Readonly<Record<StepSign, string>> = { '+': 'make', '~': 'change', '-': 'take away', '-/+': 'replace' };

/** @param observed undefined: nobody has looked, so it is the plan for a tenant that has nothing */
export function planView(known: KnownTenant, access: DesiredAccess, observed: Plan | undefined, oid: string | undefined): SetupPlan {
  const { tenant } = known;
  const { desired, isConfigured } = access;
  if (desired.mailboxes.length === 0) {
    return {
      ...bare(known),
      remarks: ['No source uses this tenant yet, and nothing in the configuration says which mailboxes are wanted.'],
    };
  }
  const plan = observed ?? emptyTenantPlan(desired);
  const { exchangeEnvironment, name } = tenant.cloud;
  return {
    tenant: tenant.name,
    observed: observed !== undefined,
    steps: plan.steps.map(shownStep),
    // What stands in the way is seen by looking only.
    remarks: [
      ...remarksOf(known, access, observed),
      ...plan.remarks.filter(({ kind }) => observed !== undefined || kind !== 'blocked').map(({ text }) => text),
    ],
    reach: plan.reach.map((line) => line.trim()),
    script: script(desired, { part: 'both', tenantId: tenant.tenantId, cloud: name, exchangeEnvironment }),
    commands: isConfigured ? postern(tenant.name) : [...byHand(known, oid)],
    problem: null,
  };
}

function bare({ tenant }: KnownTenant): SetupPlan {
  return { tenant: tenant.name, observed: false, steps: [], remarks: [], reach: [], script: '', commands: [], problem: null };
}

function shownStep({ sign, object, key, from, to, reason, undo, plane, needs, destructive }: Step): ApiStep {
  const detail = (name: string, value: string | undefined): ApiStep['details'] => (value === undefined ? [] : [{ name, value }]);
  return {
    does: signs[sign],
    title: `${object} ${key}`,
    why: `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`,
    undo,
    where: plane,
    role: needs,
    details: [...detail('from', from), ...detail('to', to), ...(destructive ? detail('destructive', 'wants --yes-destroy') : [])],
  };
}

function remarksOf({ origin }: KnownTenant, { isConfigured }: DesiredAccess, observed: Plan | undefined): readonly string[] {
  return [
    'Nothing is changed from here: an administrator runs the script, or the commands, and reads them first.',
    ...(observed === undefined
      ? ['Nobody has looked into the tenant yet: these are the steps for one that has nothing. What is there already is left as it is.']
      : []),
    ...(isConfigured ? [] : ['The app has a credential already: the step that adds one can be left out while that one serves.']),
    ...(origin === 'console'
      ? ['This app was named in the console, so `postern setup` on the command line does not know it; the script does the same.']
      : []),
  ];
}

function postern(tenant: string): SetupPlan['commands'] {
  return [
    { title: 'Look at the tenant and show what would be done', command: `postern setup plan ${tenant}` },
    { title: 'Do it', command: `postern setup apply ${tenant}` },
    { title: 'Prove that it works; new grants need up to 90 minutes', command: `postern setup verify ${tenant} --wait 90m` },
    { title: 'Print the script for an administrator', command: `postern setup script ${tenant}` },
    { title: 'Make a new credential; the old one stays for a while', command: `postern setup rotate ${tenant}` },
    { title: 'Find what has drifted', command: `postern setup audit ${tenant}` },
  ];
}

/** The lines of an administrator who has the app and lacks the rest. */
function byHand({ tenant, sources }: KnownTenant, oid: string | undefined): SetupPlan['commands'] {
  const id = oid ?? 'OBJECT-ID-OF-THE-ENTERPRISE-APPLICATION';
  const protocols = [...new Set(sources.map(({ protocol }) => protocol))];
  const mailboxes = [...new Set(sources.map(({ mailbox }) => mailbox))];
  return [
    { title: 'Permissions and consent (Azure CLI)', command: permit(tenant, protocols).join('\n') },
    { title: 'Sign in to Exchange Online PowerShell', command: connectExchange(tenant) },
    { title: 'Is the app known to Exchange?', command: showPointer(tenant) },
    {
      title: 'Make it known to Exchange, by the Object ID of the Enterprise application',
      command: `New-ServicePrincipal -AppId ${quoted(tenant.clientId)} -ObjectId ${quoted(id)} -DisplayName Postern`,
    },
    ...mailboxes.map((mailbox) => ({ title: `Let it into ${mailbox}, and into no other`, command: grantLine(mailbox, id) })),
  ];
}

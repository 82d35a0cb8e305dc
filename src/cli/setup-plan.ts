/** `postern setup plan`, `postern setup audit`: look at the tenant and say what differs; change nothing. */
import type { Plan } from '../setup/step.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { json, progress, wantsColour } from './print.ts';
import { lookHelp, lookOptions } from './setup-options.ts';

export const setupPlan: Command = {
  name: 'setup plan',
  summary: 'Show what would be done in Entra and Exchange for the app and its mailboxes; change nothing.',
  usage: '[TENANT] [--out FILE] [--sign-in WAY] [--exchange WAY] [--json]',
  details: `Compares \`setup:\` of the tenant in the configuration with what the tenant has: app registration, service principal,
permissions and consent, the pointer in Exchange, FullAccess on the named mailboxes, their switches, the credential.
${lookHelp}

The exit code is 0 when nothing is to be done and 4 when there are steps. With --out the plan is saved; \`setup apply
--plan FILE\` applies just that, and refuses when the tenant has changed since.`,
  options: { ...lookOptions, out: { type: 'string', value: 'FILE', help: 'Save the plan into FILE, for `setup apply --plan`.' } },
  run: async (args, terminal) => {
    const { plan } = await looked(args, terminal);
    const out = args.values['out'];
    if (typeof out === 'string') await save(out, plan);
    if (args.values['json'] === true) json(terminal, plan);
    else {
      const { planText } = await import('./setup-text.ts');
      terminal.stdout.write(planText(plan, wantsColour(terminal)));
    }
    return plan.steps.length === 0 ? exit.done : exit.planHasSteps;
  },
};

/** @throws Fault cli.wrong-use */
async function save(file: string, plan: Plan): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  try {
    await writeFile(file, `${JSON.stringify(plan, undefined, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    const { Fault } = await import('../fault/fault.ts');
    const seen = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Fault('cli.wrong-use', {
      command: 'setup plan',
      option: '--out',
      expected: 'a file that can be written',
      found: `${file} (${seen})`,
    });
  }
}

export const setupAudit: Command = {
  name: 'setup audit',
  summary: 'Find what in the tenant has drifted from the configuration, and what is there besides.',
  usage: '[TENANT] [--all-mailboxes] [--sign-in WAY] [--exchange WAY] [--json]',
  details: `Like \`setup plan\`, but what was not made by the setup counts too: permissions, owners, directory roles, credentials
of others; and with --all-mailboxes every mailbox of the organisation that the app may open and that is not listed.
The exit code is 0 when all is as the configuration says, else 3.
${lookHelp}`,
  options: {
    ...lookOptions,
    'all-mailboxes': { type: 'boolean', help: 'Look at every mailbox of the organisation; takes long in a large one.' },
  },
  run: async (args, terminal): Promise<ExitCode> => {
    const { plan, unlisted } = await looked(args, terminal, args.values['all-mailboxes'] === true);
    const drift = (unlisted ?? []).map(
      (address) => ({ kind: 'drift', text: `FullAccess on a mailbox that is not listed: ${address}.` }) as const,
    );
    const { reachAfterSweep } = await import('../setup/plan.ts');
    const reach = unlisted === undefined ? plan.reach : reachAfterSweep(plan.reach, unlisted.length);
    const whole = { ...plan, reach, remarks: [...plan.remarks, ...drift] };
    if (args.values['json'] === true) json(terminal, whole);
    else {
      const { planText } = await import('./setup-text.ts');
      terminal.stdout.write(planText(whole, wantsColour(terminal)));
    }
    const isClean = whole.steps.length === 0 && whole.remarks.every((remark) => remark.kind === 'note');
    return isClean ? exit.done : exit.foundFaults;
  },
};

async function looked(args: Arguments, terminal: Terminal, all = false) {
  const { adminClients, setupTenant } = await import('./setup-wiring.ts');
  const { planNow } = await import('./setup-now.ts');
  const { systemClock } = await import('../runtime/clock.ts');
  const tenant = await setupTenant(args, terminal);
  const clients = await adminClients(tenant, 'look', args, terminal);
  const line = progress(terminal, systemClock.monotonic);
  try {
    const onProgress = (what: string): void => line.show(() => what);
    const plan = await planNow(tenant, clients, onProgress);
    const { unlistedGrants } = await import('../setup/sweep.ts');
    const unlisted = all ? await unlistedGrants(tenant.desired, plan.ids, clients.exchange, onProgress) : undefined;
    return { plan, unlisted };
  } finally {
    line.clear();
    await clients.close();
  }
}

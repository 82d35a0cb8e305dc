/** `postern setup apply`: do the steps of a plan, look at each, and go on where an earlier run stopped. */
import type { Plan } from '../setup/step.ts';
import { type Arguments, type Command, exit, type Terminal } from './command.ts';
import { duration, json, printable, progress, wantsColour } from './print.ts';
import { lookHelp, lookOptions } from './setup-options.ts';
import type { AdminClients, SetupTenant } from './setup-wiring.ts';

export const setupApply: Command = {
  name: 'setup apply',
  summary: 'Do what `setup plan` shows, step by step, reading each one back; resumable.',
  usage: '[TENANT] [--plan FILE] [--yes] [--yes-destroy] [--sign-in WAY] [--exchange WAY] [--json]',
  details: `Without --plan the plan is made, shown and, on a terminal, confirmed; with --yes it is applied without a question.
A step that takes something away (a wrong pointer) wants --yes-destroy too. The new secret goes where the configuration
says, with mode 0600, and is shown nowhere.
What stopped half-way ends with exit code 5 and names its journal; the same command goes on. Nothing is made twice.
${lookHelp}`,
  options: {
    ...lookOptions,
    plan: { type: 'string', value: 'FILE', help: 'Apply this saved plan, and nothing if the tenant has changed since.' },
    yes: { type: 'boolean', help: 'Do not ask.' },
    'yes-destroy': { type: 'boolean', help: 'Also do steps that take something away.' },
  },
  run: async (args, terminal) => {
    const { adminClients, setupTenant } = await import('./setup-wiring.ts');
    const tenant = await setupTenant(args, terminal);
    const clients = await adminClients(tenant, 'change', args, terminal);
    try {
      const plan = await chosenPlan(tenant, clients, args, terminal);
      if (plan.steps.length > 0 && !(await agreed(plan, args, terminal))) {
        terminal.stderr.write('Not applied: the answer was not "yes". Nothing was changed.\n');
        return exit.planHasSteps;
      }
      return await applied(plan, tenant, clients, args, terminal);
    } finally {
      await clients.close();
    }
  },
};

async function chosenPlan(tenant: SetupTenant, clients: AdminClients, args: Arguments, terminal: Terminal): Promise<Plan> {
  const file = args.values['plan'];
  if (typeof file === 'string') {
    const { readPlan } = await import('../setup/plan-file.ts');
    return readPlan(file, tenant.desired);
  }
  const { planNow } = await import('./setup-now.ts');
  const { systemClock } = await import('../runtime/clock.ts');
  const line = progress(terminal, systemClock.monotonic);
  try {
    return await planNow(tenant, clients, (what) => line.show(() => what));
  } finally {
    line.clear();
  }
}

/** Shows the plan and asks. @throws Fault cli.wrong-use where nobody can be asked, setup.destroy-not-confirmed */
async function agreed(plan: Plan, args: Arguments, terminal: Terminal): Promise<boolean> {
  const { Fault } = await import('../fault/fault.ts');
  if (plan.steps.some((step) => step.destructive) && args.values['yes-destroy'] !== true) {
    throw new Fault('setup.destroy-not-confirmed', {
      steps: plan.steps
        .filter((step) => step.destructive)
        .map((step) => `${step.object} ${step.key}`)
        .join('; '),
    });
  }
  if (args.values['yes'] === true || typeof args.values['plan'] === 'string') return true;
  if (!terminal.interactive)
    throw new Fault('cli.wrong-use', {
      option: '--yes',
      expected: '--yes or --plan FILE where there is no terminal to ask',
      found: 'neither',
    });
  const { planText } = await import('./setup-text.ts');
  terminal.stderr.write(planText(plan, wantsColour(terminal)));
  return (await answerTo('\nApply this? Only "yes" is taken: ', terminal.signal)).trim().toLowerCase() === 'yes';
}

/** Empty where the input ends without an answer. @throws the signal's reason */
async function answerTo(question: string, signal: AbortSignal): Promise<string> {
  const { createInterface } = await import('node:readline');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  // In raw mode a Ctrl-C is a key and no signal: it is made one, so that it means the same as everywhere.
  asking.on('SIGINT', () => process.emit('SIGINT', 'SIGINT'));
  try {
    return await new Promise<string>((resolve, reject) => {
      asking.on('close', () => resolve(''));
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      asking.question(question, resolve);
    });
  } finally {
    asking.close();
  }
}

async function applied(plan: Plan, tenant: SetupTenant, clients: AdminClients, args: Arguments, terminal: Terminal) {
  const { apply } = await import('../setup/apply.ts');
  const { applyPorts } = await import('./setup-now.ts');
  const { stoppedOr } = await import('./setup-stopped.ts');
  const { systemClock } = await import('../runtime/clock.ts');
  const line = progress(terminal, systemClock.monotonic);
  let done = 0;
  const ports = applyPorts(tenant, clients, terminal.signal, {
    onStep: ({ sign, object, key }, phase) => {
      const what = printable(`${sign} ${object} ${key}`);
      if (phase === 'begin') line.show(() => what);
      else {
        done += 1;
        line.clear();
        terminal.stderr.write(`done ${done} of ${plan.steps.length}: ${what}\n`);
      }
    },
    onWait: (what, waitedMs) => line.show(() => `waiting until ${what} is seen everywhere (${duration(waitedMs)})`),
  });
  try {
    await apply(tenant.desired, plan, ports);
  } catch (error) {
    line.clear();
    return stoppedOr(error, { done, of: plan.steps.length, journal: tenant.notes.journalFile }, terminal);
  }
  line.clear();
  const kept = tenant.notes.read();
  const result = { steps: done, ...kept, credential: tenant.store.describe, journal: tenant.notes.journalFile };
  if (args.values['json'] === true) json(terminal, result);
  else {
    terminal.stdout.write(
      done === 0
        ? 'Nothing to do: the tenant has what the configuration says.\n'
        : `Applied. Application (client) ID ${kept?.appId ?? ''}; the credential is in ${tenant.store.describe}.\nNext: postern setup verify --wait 90m\n`,
    );
  }
  return exit.done;
}

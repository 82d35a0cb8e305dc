/** `postern setup destroy`: take away what the setup made; or forget it. */
import { type Command, exit } from './command.ts';
import { json, printable, progress } from './print.ts';
import { lookHelp, lookOptions } from './setup-options.ts';

export const setupDestroy: Command = {
  name: 'setup destroy',
  summary: 'Take away what the setup made: rights on mailboxes, pointer, consent, and the app, in this order.',
  usage: '[TENANT] [--yes-destroy] [--all-mailboxes] [--purge] [--detach] [--sign-in WAY] [--exchange WAY] [--json]',
  details: `Without --yes-destroy it only shows what would go, and ends with exit code 4. The app can be restored in the Entra admin
centre for 30 days, unless --purge is given. Switches that the setup turned on are set back as they were. The archive
and what was imported are not touched. An app that others made stays, with what they gave it. --detach forgets the ids that the setup noted and changes nothing in the tenant.
${lookHelp}`,
  options: {
    ...lookOptions,
    'yes-destroy': { type: 'boolean', help: 'Do it.' },
    'all-mailboxes': { type: 'boolean', help: 'Look for rights of the app on every mailbox of the organisation.' },
    purge: { type: 'boolean', help: 'Also out of the deleted items, for good.' },
    detach: { type: 'boolean', help: 'Only forget what was noted here.' },
  },
  run: async (args, terminal) => {
    const { adminClients, setupTenant } = await import('./setup-wiring.ts');
    const { applyPorts } = await import('./setup-now.ts');
    const { observeOptions } = await import('../setup/apply.ts');
    const { planDestroy } = await import('../setup/destroy.ts');
    const { destroy } = await import('../setup/undo.ts');
    const { stoppedOr } = await import('./setup-stopped.ts');
    const { observe } = await import('../setup/observed.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const { destroyText } = await import('./setup-text.ts');
    const setup = await setupTenant(args, terminal);
    const { desired, notes, store } = setup;
    if (args.values['detach'] === true) {
      notes.forget();
      terminal.stdout.write('Forgotten here; nothing in the tenant was changed.\n');
      return exit.done;
    }
    const doIt = args.values['yes-destroy'] === true;
    const clients = await adminClients(setup, doIt ? 'change' : 'look', args, terminal);
    const line = progress(terminal, systemClock.monotonic);
    try {
      const onProgress = (what: string): void => line.show(() => what);
      const observed = await observe(desired, { ...(await observeOptions({ ...clients, notes, store })), onProgress });
      const purge = args.values['purge'] === true;
      const look = { exchange: clients.exchange, allMailboxes: args.values['all-mailboxes'] === true, purge, onProgress };
      const { steps, stays } = await planDestroy(desired, observed, notes.read(), look);
      line.clear();
      if (!doIt) {
        if (args.values['json'] === true) json(terminal, { steps, stays });
        else terminal.stdout.write(`${destroyText(steps, stays)}${steps.length === 0 ? '' : 'With --yes-destroy it is done.\n'}`);
        return steps.length === 0 ? exit.done : exit.planHasSteps;
      }
      const { onStep: _, ...ports } = applyPorts(setup, clients, terminal.signal, {
        onStep: () => undefined,
        onWait: (what) => line.show(() => `waiting for ${what}`),
      });
      let done = 0;
      try {
        await destroy(steps, {
          ...ports,
          onStep: ({ object, key }, phase) => {
            if (phase === 'begin') line.show(() => printable(`- ${object} ${key}`));
            else {
              done += 1;
              line.clear();
              terminal.stderr.write(`gone ${done} of ${steps.length}: ${printable(`${object} ${key}`)}\n`);
            }
          },
        });
      } catch (error) {
        line.clear();
        return stoppedOr(error, { done, of: steps.length, journal: notes.journalFile }, terminal);
      }
      // What is left in Exchange is found by the ids that are noted.
      const isAll = clients.exchange !== undefined;
      if (isAll) notes.forget();
      if (args.values['json'] === true) json(terminal, { removed: steps.length, stays });
      else {
        const where = isAll ? '' : ' in Entra';
        const said = steps.length === 0 ? `Nothing is left to take away${where}.\n` : `All is taken away${where}.\n`;
        terminal.stdout.write(`${said}${stays.map((one) => `${one}\n`).join('')}`);
      }
      return exit.done;
    } finally {
      line.clear();
      await clients.close();
    }
  },
};

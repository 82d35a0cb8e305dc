/** `postern setup rotate`: a new credential in the place of the old one, with an overlap. */
import { type Command, exit } from './command.ts';
import { duration, json, progress } from './print.ts';
import { lookHelp, lookOptions } from './setup-options.ts';

export const setupRotate: Command = {
  name: 'setup rotate',
  summary: 'Replace the client secret: add a new one, prove it, put it in use, and remove the old one after the overlap.',
  usage: '[TENANT] [--finish] [--sign-in WAY] [--json]',
  details: `The new secret is proven by a token before it takes the place of the old one; a running import reads it with its next
token and misses nothing. The old one stays for \`setup.overlap\` and is removed by the next \`setup rotate\` after that,
or by \`setup rotate --finish\`. Never the last one that works, and never one that the setup did not make.
A certificate is not rotated: move its files away and \`setup apply\` makes a new one; restart what runs with the old one.
${lookHelp}`,
  options: { ...lookOptions, finish: { type: 'boolean', help: 'Only remove what is over its overlap; make nothing new.' } },
  run: async (args, terminal) => {
    const { Fault } = await import('../fault/fault.ts');
    const { adminClients, setupTenant } = await import('./setup-wiring.ts');
    const { applyPorts } = await import('./setup-now.ts');
    const { removeRetired, rotateSecret } = await import('../setup/rotate.ts');
    const { systemClock } = await import('../runtime/clock.ts');
    const setup = await setupTenant(args, terminal);
    const { desired, tenant, notes } = setup;
    const kept = notes.read();
    const { credential } = desired;
    if (kept === undefined) throw new Fault('setup.nothing-noted', { tenant: tenant.name, journal: notes.journalFile });
    if (credential.kind !== 'secret')
      throw new Fault('cli.wrong-use', {
        command: 'setup rotate',
        problem: `the credential is of the kind ${credential.kind}: only secrets are rotated`,
      });
    const line = progress(terminal, systemClock.monotonic);
    // Exchange has no part in it.
    const clients = await adminClients(setup, 'change', { ...args, values: { ...args.values, exchange: 'none' } }, terminal);
    try {
      const ports = applyPorts(setup, clients, terminal.signal, {
        onStep: () => undefined,
        onWait: (what, waitedMs) => line.show(() => `waiting for ${what} (${duration(waitedMs)})`),
      });
      if (args.values['finish'] === true) {
        const removed = await removeRetired(ports);
        line.clear();
        if (args.values['json'] === true) json(terminal, { removed });
        else terminal.stdout.write(removed.length === 0 ? 'Nothing is over its overlap.\n' : `Removed: ${removed.join(', ')}.\n`);
        return exit.done;
      }
      const { secretProof } = await import('./wire.ts');
      const prove = secretProof(tenant, kept.appId, terminal.signal);
      const rotation = await rotateSecret(
        { kept, lifetimeDays: credential.lifetimeDays, overlapDays: credential.overlapDays },
        { ...ports, prove },
      );
      line.clear();
      if (args.values['json'] === true) json(terminal, rotation);
      else {
        const waiting = rotation.waiting.map(
          ({ keyId, after }) => `The old one (${keyId}) may go after ${after.toISOString().slice(0, 10)}.\n`,
        );
        terminal.stdout.write(
          `The new secret (${rotation.keyId}) is in use from ${setup.store.describe}, until ${rotation.ends.toISOString().slice(0, 10)}.\n${waiting.join('')}`,
        );
      }
      return exit.done;
    } finally {
      line.clear();
      await clients.close();
    }
  },
};

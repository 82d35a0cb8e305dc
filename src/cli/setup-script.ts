/** `postern setup script`, `postern setup import`: for the administrator who runs no binary of others. */
import { type Command, exit } from './command.ts';
import { json } from './print.ts';

export const setupScript: Command = {
  name: 'setup script',
  summary: 'Print a PowerShell script that does what `setup apply` would, for an administrator to read and run.',
  usage: '[TENANT] [--part entra|exchange|both]',
  details: `Nobody signs in and nothing is looked at: the script looks for itself before each change, knows -WhatIf, and can be run
again. It wants PowerShell 7 with Microsoft.Graph and ExchangeOnlineManagement. The two parts may be run by two people;
the first one's last lines, a JSON of ids without any secret, are what the second one asks for, and what
\`postern setup import FILE\` reads. The secret is written into a file of mode 0600 on the machine where the script runs.`,
  options: { part: { type: 'string', value: 'PART', help: 'entra, exchange or both (default both).' } },
  run: async (args, terminal) => {
    const { Fault } = await import('../fault/fault.ts');
    const { setupTenant } = await import('./setup-wiring.ts');
    const { script } = await import('../setup/script.ts');
    const { desired, tenant } = await setupTenant(args, terminal);
    const part = args.values['part'] ?? 'both';
    if (part !== 'entra' && part !== 'exchange' && part !== 'both') {
      throw new Fault('cli.wrong-use', { option: '--part', expected: 'entra, exchange or both', found: String(part) });
    }
    const { exchangeEnvironment, name } = tenant.cloud;
    terminal.stdout.write(script(desired, { part, tenantId: tenant.tenantId, cloud: name, exchangeEnvironment }));
    return exit.done;
  },
};

export const setupImport: Command = {
  name: 'setup import',
  summary: 'Read the ids that the script printed at its end, so that the app is known here.',
  usage: 'FILE [TENANT] [--json]',
  details: 'FILE holds the JSON that the script of `postern setup script` prints last; nothing in it is secret.',
  options: {},
  run: async (args, terminal) => {
    const { Fault } = await import('../fault/fault.ts');
    const { setupTenant } = await import('./setup-wiring.ts');
    const { keptOf, nothingKept } = await import('../setup/notes.ts');
    const { readScriptResult } = await import('../setup/script-result.ts');
    const [file, ...rest] = args.positionals;
    if (file === undefined)
      throw new Fault('cli.wrong-use', { command: 'setup import', expected: 'FILE with what the script printed', found: 'nothing' });
    const setup = await setupTenant({ ...args, positionals: rest }, terminal);
    const ids = readScriptResult(file);
    setup.notes.keep({ ...nothingKept, ...keptOf(setup.notes.read(), ids.appId), ...ids });
    // The script may have run on another machine.
    const isMissing = (await setup.store.hint()) === '';
    const first = isMissing
      ? `put the credential that the script took or made into ${setup.store.describe}, for its owner alone; then `
      : '';
    if (args.values['json'] === true) json(terminal, ids);
    else terminal.stdout.write(`Known now: Application (client) ID ${ids.appId}.\nNext: ${first}postern setup verify --wait 90m\n`);
    return exit.done;
  },
};

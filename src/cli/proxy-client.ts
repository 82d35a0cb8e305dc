/**
 * `postern proxy client`: the applications that may log in at the proxy, and what each may do.
 *
 * Passwords are made here and printed once; whoever may write into the data folder may do all this anyway, so no login is asked for.
 */
import type { ProxyProtocol } from '../config/config.ts';
import { Fault } from '../fault/fault.ts';
import type { ProxyClient } from '../proxy/clients/client.ts';
import type { ClientRights } from '../proxy/clients/edit.ts';
import type { Secret } from '../runtime/secret.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { configFile } from './parse.ts';
import { json, table } from './print.ts';

const verbs = ['list', 'add', 'change', 'remove', 'password'] as const;
type Verb = (typeof verbs)[number];

export const proxyClient: Command = {
  name: 'proxy client',
  summary: 'The applications that may log in at the proxy: list, add, change and remove them, or give one a new password.',
  usage: 'list | add|change|remove|password NAME [--mailbox ADDRESS…] [--protocol NAME…] [--network CIDR…] [--config FILE] [--json]',
  details: `list      who there is, with rights and the last login (the default)
add       make one; its password is printed once. Without --protocol it may use IMAP and POP3 and SMTP, without
          --network it may come from anywhere
change    replace its mailboxes, protocols or networks by the given ones; \`--network any\` takes the bound away
remove    take it away; its sessions end
password  make a new password and print it once; sessions go on, the old password is of no use any more

An address may hold * for any letters. A running proxy sees each change within a second.

Examples:
  postern proxy client add scanner --mailbox scanner@contoso.com --protocol smtp --network 10.1.0.0/16
  postern proxy client add crm --mailbox 'crm-*@contoso.com' --protocol pop3`,
  options: {
    mailbox: { type: 'string', value: 'ADDRESS', multiple: true, help: 'A mailbox that it may open; * for any letters. May be repeated.' },
    protocol: { type: 'string', value: 'NAME', multiple: true, help: 'imap, pop3 or smtp. May be repeated.' },
    network: { type: 'string', value: 'CIDR', multiple: true, help: 'An address or range from which it may come. May be repeated.' },
  },
  run: async (args, terminal) => {
    const { verb, name } = wishOf(args);
    const rights = await rightsOf(args);
    const { loadConfig } = await import('../config/load.ts');
    const { proxyConfig } = await import('./wire-proxy.ts');
    const config = await loadConfig(configFile(args, terminal.env), terminal.env);
    proxyConfig(config);
    const { clientsPath } = await import('../proxy/clients/client-file.ts');
    const file = clientsPath(config.dataFolder);
    if (verb === 'list') return await list(file, config.dataFolder, args, terminal);
    return await change(verb, name, rights, file, args, terminal);
  },
};

async function change(
  verb: Exclude<Verb, 'list'>,
  name: string,
  rights: Partial<ClientRights>,
  file: string,
  args: Arguments,
  terminal: Terminal,
): Promise<ExitCode> {
  const { addClient, changeClient, newPassword, removeClient } = await import('../proxy/clients/edit.ts');
  switch (verb) {
    case 'add': {
      const { mailboxes, protocols = ['imap', 'pop3', 'smtp'], networks = [] } = rights;
      if (mailboxes === undefined) throw wrong('--mailbox is missing: name the mailboxes that it may open');
      const { systemClock } = await import('../runtime/clock.ts');
      return tellPassword(name, await addClient(file, name, { mailboxes, protocols, networks }, systemClock.now()), args, terminal);
    }
    case 'password':
      return tellPassword(name, await newPassword(file, name), args, terminal);
    case 'change': {
      if (Object.keys(rights).length === 0) throw wrong('nothing to change: give --mailbox, --protocol or --network');
      const client = await changeClient(file, name, rights);
      if (args.values['json'] === true) json(terminal, shown(client));
      else terminal.stdout.write(`${name}: ${rightsText(client)}\n`);
      return exit.done;
    }
    case 'remove':
      await removeClient(file, name);
      if (args.values['json'] === true) json(terminal, { removed: name });
      else terminal.stdout.write(`${name} is removed.\n`);
      return exit.done;
  }
}

function tellPassword(name: string, password: Secret, args: Arguments, terminal: Terminal): ExitCode {
  if (args.values['json'] === true) json(terminal, { name, password: password.reveal() });
  else {
    terminal.stderr.write(`The password of ${name}; it is not shown again:\n`);
    terminal.stdout.write(`${password.reveal()}\n`);
  }
  return exit.done;
}

async function list(file: string, dataFolder: string, args: Arguments, terminal: Terminal): Promise<ExitCode> {
  const { readClients } = await import('../proxy/clients/client-file.ts');
  const { readLastUses } = await import('../proxy/last-used.ts');
  const clients = readClients(file);
  const uses = readLastUses(dataFolder);
  if (args.values['json'] === true) {
    const rows = clients.map((client) => {
      const last = uses.get(client.name);
      return {
        ...shown(client),
        lastUsed: last === undefined ? null : new Date(last.atMs).toISOString(),
        lastAddress: last?.address ?? null,
      };
    });
    json(terminal, { clients: rows });
  } else if (clients.length === 0) terminal.stdout.write('No clients yet: postern proxy client add NAME --mailbox ADDRESS\n');
  else {
    const titles = ['NAME', 'MAILBOXES', 'PROTOCOLS', 'FROM', 'MADE', 'LAST LOGIN'].map((title) => ({ title }));
    const rows = clients.map(({ name, mailboxes, protocols, networks, createdMs }) => {
      const last = uses.get(name);
      return [
        name,
        mailboxes.join(' '),
        protocols.join(' '),
        networks.join(' ') || 'anywhere',
        new Date(createdMs).toISOString().slice(0, 10),
        last === undefined ? 'never' : `${new Date(last.atMs).toISOString().slice(0, 16).replace('T', ' ')} ${last.address}`,
      ];
    });
    terminal.stdout.write(table(titles, rows));
  }
  return exit.done;
}

function shown({ name, mailboxes, protocols, networks, createdMs }: ProxyClient): Readonly<Record<string, unknown>> {
  return { name, mailboxes, protocols, networks, created: new Date(createdMs).toISOString() };
}

function rightsText({ mailboxes, protocols, networks }: ProxyClient): string {
  return `${mailboxes.join(', ')} over ${protocols.join(', ')} from ${networks.join(', ') || 'anywhere'}`;
}

function wishOf({ positionals }: Arguments): { readonly verb: Verb; readonly name: string } {
  const [given = 'list', name, ...more] = positionals;
  const verb = verbs.find((one) => one === given);
  if (verb === undefined) throw wrong(`${JSON.stringify(given)} is none of ${verbs.join(', ')}`);
  if (more.length > 0 || (verb === 'list' && name !== undefined)) throw wrong(`unexpected argument ${JSON.stringify(more[0] ?? name)}`);
  if (verb !== 'list' && name === undefined) throw wrong(`${verb} wants the name of a client`);
  return { verb, name: name ?? '' };
}

/** Only what was given. */
async function rightsOf({ values, positionals }: Arguments): Promise<Partial<ClientRights>> {
  const { isClientName, isNetwork } = await import('../proxy/clients/client.ts');
  const { isMailboxPattern } = await import('../config/schema-proxy.ts');
  const [verb = 'list', name = ''] = positionals;
  if (verb === 'add' && !isClientName(name)) throw wrong('a name is of letters, digits, ".", "_" and "-", 64 at most');
  const of = (key: string): readonly string[] | undefined => {
    const given = values[key];
    return Array.isArray(given) ? given.map(String) : undefined;
  };
  const [mailboxes, protocols, networks] = [of('mailbox'), of('protocol'), of('network')];
  const bad = (list: readonly string[] | undefined, fits: (value: string) => boolean): string | undefined =>
    list?.find((one) => !fits(one));
  const badMailbox = bad(mailboxes, isMailboxPattern);
  if (badMailbox !== undefined)
    throw wrong(`--mailbox ${JSON.stringify(badMailbox)}: expected an address such as scan@contoso.com or *@contoso.com`);
  const badProtocol = bad(protocols, isProtocol);
  if (badProtocol !== undefined) throw wrong(`--protocol ${JSON.stringify(badProtocol)}: expected imap, pop3 or smtp`);
  const bounds = networks?.length === 1 && networks[0] === 'any' ? [] : networks;
  const badNetwork = bad(bounds, isNetwork);
  if (badNetwork !== undefined) throw wrong(`--network ${JSON.stringify(badNetwork)}: expected an address or a range such as 10.1.0.0/16`);
  return {
    ...(mailboxes === undefined ? {} : { mailboxes }),
    ...(protocols === undefined ? {} : { protocols: protocols.filter(isProtocol) }),
    ...(bounds === undefined ? {} : { networks: bounds }),
  };
}

function isProtocol(text: string): text is ProxyProtocol {
  return text === 'imap' || text === 'pop3' || text === 'smtp';
}

function wrong(problem: string): Fault {
  return new Fault('cli.wrong-use', { command: 'proxy client', problem });
}

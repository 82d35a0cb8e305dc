/**
 * `postern user`: the users of the console, made and let in again from the machine itself.
 *
 * The hard thing is whom to trust: whoever may write into the data folder may do all this anyway, so no login is asked for; but each act
 * stands in the access log, under the name of the system's user. Passwords are random and printed once; each is changed at the first login.
 */
import { userInfo } from 'node:os';
import { type AccountRole, type Accounts, userNamePattern } from '../accounts/accounts.ts';
import { Fault } from '../fault/fault.ts';
import type { Secret } from '../runtime/secret.ts';
import { type Arguments, type Command, type ExitCode, exit, type Terminal } from './command.ts';
import { expectNoArguments } from './parse.ts';
import { count, json, table } from './print.ts';

const roles: readonly AccountRole[] = ['administrator', 'operator', 'auditor'];

export const userList: Command = {
  name: 'user list',
  summary: 'List the users of the console.',
  usage: '[--config FILE] [--json]',
  options: {},
  run: async (args, terminal) => {
    expectNoArguments(userList, args);
    const accounts = await accountsToLookAt(args, terminal);
    try {
      const users = await accounts.users();
      if (args.values['json'] === true) json(terminal, { users: users.map(({ lockedUntil: _, ...user }) => user) });
      else if (users.length === 0) terminal.stdout.write('No users yet: `postern serve` makes the first one.\n');
      else {
        const day = (date: Date | undefined): string => date?.toISOString().slice(0, 10) ?? 'never';
        const rows = users.map((user) => [user.name, user.role, day(user.created), day(user.lastLogin), stateOf(user)]);
        const titles = ['NAME', 'ROLE', 'MADE', 'LAST LOGIN', 'STATE'].map((title) => ({ title }));
        terminal.stdout.write(table(titles, rows));
      }
      return exit.done;
    } finally {
      await accounts.close();
    }
  },
};

function stateOf({ disabled, mustChangePassword }: { readonly disabled: boolean; readonly mustChangePassword: boolean }): string {
  if (disabled) return 'disabled';
  return mustChangePassword ? 'has to change the password' : 'active';
}

export const userAdd: Command = {
  name: 'user add',
  summary: 'Make a user of the console, and print its first password once.',
  usage: 'NAME [--role ROLE] [--config FILE] [--json]',
  details: `The user has to choose another password at the first login. A service that runs sees the user at once.`,
  options: { role: { type: 'string', value: 'ROLE', help: `One of ${roles.join(', ')}; default auditor, who changes nothing.` } },
  run: async (args, terminal) => {
    const name = nameFrom(userAdd, args);
    const role = roleFrom(args);
    return await changing(args, terminal, async (accounts) => {
      const { randomPassword } = await import('../accounts/first-administrator.ts');
      const password = randomPassword();
      if (!(await accounts.addUser({ name, role, password, mustChangePassword: true }))) {
        throw new Fault('accounts.user-exists', { user: name });
      }
      await noted(accounts, 'user.add', name, role);
      tellPassword(args, terminal, name, password);
      return exit.done;
    });
  },
};

export const userPassword: Command = {
  name: 'user password',
  summary: 'Give a user of the console a new password, print it once, and end the user’s sessions.',
  usage: 'NAME [--enable] [--config FILE] [--json]',
  details: `For somebody who has forgotten the password, the last administrator too. It has to be changed at the next login.`,
  options: { enable: { type: 'boolean', help: 'Let the user log in again who was disabled.' } },
  run: async (args, terminal) => {
    const name = nameFrom(userPassword, args);
    return await changing(args, terminal, async (accounts) => {
      const { newPassword } = await import('../accounts/first-administrator.ts');
      const password = await newPassword(accounts, name);
      if (password === undefined) throw new Fault('accounts.user-unknown', { user: name });
      if (args.values['enable'] === true) await accounts.changeUser(name, { disabled: false });
      await noted(accounts, 'user.change', name, args.values['enable'] === true ? 'a new password, enabled' : 'a new password');
      tellPassword(args, terminal, name, password);
      return exit.done;
    });
  },
};

export const userLog: Command = {
  name: 'user log',
  summary: 'Prove that no line of the access log was changed, and print its newest hash.',
  usage: '[--config FILE] [--json]',
  details: `Each line of the log carries a hash over itself and the line before. Keep the hash that is printed somewhere else: it proves
later that no line up to that one was changed or taken away. Exit code 3: a line is not as it was written.`,
  options: {},
  run: async (args, terminal) => {
    expectNoArguments(userLog, args);
    const accounts = await accountsToLookAt(args, terminal);
    try {
      const { lines, head, brokenAt } = await accounts.verifyLog();
      if (args.values['json'] === true) json(terminal, { lines, head: head ?? null, brokenAt: brokenAt ?? null });
      else {
        const proven = `${count(lines, 'line')} proven${head === undefined ? '' : `, up to line ${head.id} with ${head.hash}`}.\n`;
        terminal.stdout.write(brokenAt === undefined ? proven : `Line ${brokenAt} is not as it was written, or was taken away.\n`);
      }
      return brokenAt === undefined ? exit.done : exit.foundFaults;
    } finally {
      await accounts.close();
    }
  },
};

/** Those of the service that `serve` starts with the same words, a configuration file or not. @throws Fault accounts.*, config.* */
async function accountsToLookAt(args: Arguments, terminal: Terminal): Promise<Accounts> {
  const { accountsToRead, configurationOrDefault } = await import('./wire.ts');
  return accountsToRead((await configurationOrDefault(args, terminal)).config);
}

/** @throws Fault accounts.*, config.* */
async function changing(args: Arguments, terminal: Terminal, act: (accounts: Accounts) => Promise<ExitCode>): Promise<ExitCode> {
  const { accountsToWrite, configurationOrDefault } = await import('./wire.ts');
  const accounts = accountsToWrite((await configurationOrDefault(args, terminal)).config);
  try {
    return await act(accounts);
  } finally {
    await accounts.close();
  }
}

function noted(accounts: Accounts, action: string, object: string, detail: string): Promise<void> {
  return accounts.note({ who: `cli:${userInfo().username}`, role: undefined, address: '', action, object, outcome: 'done', detail });
}

function tellPassword(args: Arguments, terminal: Terminal, name: string, password: Secret): void {
  // Shown to the person at the terminal, this once.
  const shown = password.reveal();
  if (args.values['json'] === true) json(terminal, { user: name, password: shown });
  else {
    terminal.stderr.write(`Password of ${name}, shown this once; it has to be changed at the first login:\n`);
    terminal.stdout.write(`${shown}\n`);
  }
}

/** @throws Fault cli.wrong-use */
function nameFrom(command: Command, { positionals }: Arguments): string {
  const [name, extra] = positionals;
  if (name === undefined || extra !== undefined || !userNamePattern.test(name)) {
    const found = positionals.join(' ').slice(0, 100);
    throw new Fault('cli.wrong-use', { command: command.name, expected: 'one name of small letters, digits and . _ @ -', found });
  }
  return name;
}

/** @throws Fault cli.wrong-use */
function roleFrom({ values }: Arguments): AccountRole {
  const given = values['role'] ?? 'auditor';
  const role = roles.find((known) => known === given);
  if (role === undefined) throw new Fault('cli.wrong-use', { option: '--role', expected: roles.join(', '), found: String(given) });
  return role;
}

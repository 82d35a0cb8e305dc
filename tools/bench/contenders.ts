/**
 * Who takes part in the import benchmark, each as a program to start. All get the same mailboxes over the same way with the same login,
 * and all begin with nothing; how long a run takes is measured from outside, from the start of the process to its end.
 *
 * The hard thing is to compare like with like: each contender says whether what it brought is durable, and is set up the way its own
 * manual has it for mail that must not be lost.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { peerProgram } from '../../test/contract/places/peers.ts';

export type Protocol = 'imap' | 'pop3';

/** Where the mail is. */
export interface Accounts {
  readonly protocol: Protocol;
  readonly port: number;
  /** One mailbox each, all with the same password. */
  readonly users: readonly string[];
  readonly password: string;
  /** The server's authority; undefined: no TLS. */
  readonly caFile: string | undefined;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Contender {
  readonly name: string;
  /** One sentence for the table's legend. */
  readonly about: string;
  readonly protocols: readonly Protocol[];
  /** Takes part once a row only, where a round trip takes time: it needs minutes. */
  readonly isSlow?: boolean;
  /** Its processes are measured together. */
  readonly isSeveral?: boolean;
  /** Only where there are several mailboxes, or only where there is one. */
  readonly takes?: 'one' | 'many';
  /** `folder` belongs to this contender; it is empty unless it is to look again. */
  prepare(folder: string, accounts: Accounts): Program;
  /** Looks at what the run left: how many messages, and, where it tells, when they were durable. */
  read(folder: string, stdout: string): Outcome;
}

export interface Outcome {
  readonly messages: number;
  /** From the start of the program's work to the last message's acknowledgement; undefined: the end of the process counts. */
  readonly durableMs?: number;
  /** The same to the end of everything derived. */
  readonly completeMs?: number;
}

const root = resolve(import.meta.dirname, '../..');
const mbsyncsAtOnce = 8;
/** Debian's, which every installation has. */
const mailUser = 'mail';

export const contenders: readonly Contender[] = [
  mbsync('mbsync', true, 'one file and one fsync a message; durable, neither parsed nor indexed; mailboxes one after the other'),
  mbsync('mbsync without fsync', false, 'the same with `FSync no`: not durable', 'one'),
  eightMbsyncs(),
  mpop(),
  getmail(),
  {
    name: 'raw pull',
    about: 'tools/bench/raw-pull.ts: one connection, several FETCH in flight, one file, one fsync at the end; keeps no message apart',
    protocols: ['imap'],
    takes: 'one',
    prepare: (folder, { port, users, password, caFile = '' }) => ({
      command: process.execPath,
      args: [join(root, 'tools', 'bench', 'raw-pull.ts'), String(port), users[0] ?? '', caFile, join(folder, 'all')],
      env: { RAW_PULL_PASSWORD: password },
    }),
    read: (_folder, stdout) => ({ messages: numberAt(JSON.parse(stdout), 'messages') ?? 0 }),
  },
  postern(),
];

function mbsync(name: string, fsync: boolean, about: string, takes?: 'one' | 'many'): Contender {
  return {
    name,
    about,
    protocols: ['imap'],
    ...(takes === undefined ? {} : { takes }),
    prepare: (folder, accounts) => {
      writeFileSync(join(folder, 'mbsyncrc'), mbsyncSettings(folder, accounts, fsync), { mode: 0o600 });
      return { command: peerProgram('mbsync'), args: ['-q', '-c', join(folder, 'mbsyncrc'), '-a'], env: {} };
    },
    read: (folder) => ({ messages: messagesBelow(folder) }),
  };
}

function eightMbsyncs(): Contender {
  return {
    name: 'eight mbsyncs',
    about: 'eight processes of it at once, each with its share of the mailboxes; durable',
    protocols: ['imap'],
    takes: 'many',
    isSeveral: true,
    prepare: (folder, accounts) => {
      const files = Array.from({ length: mbsyncsAtOnce }, (_, share) => {
        const file = join(folder, `mbsyncrc-${share}`);
        const users = accounts.users.filter((_, index) => index % mbsyncsAtOnce === share);
        writeFileSync(file, mbsyncSettings(folder, { ...accounts, users }, true), { mode: 0o600 });
        return file;
      });
      // Fails where one of them does.
      const script =
        'mbsync=$1; shift; for file; do "$mbsync" -q -c "$file" -a & pids="$pids $!"; done; for pid in $pids; do wait "$pid" || exit; done';
      return { command: '/bin/sh', args: ['-c', script, 'sh', peerProgram('mbsync'), ...files], env: {} };
    },
    read: (folder) => ({ messages: messagesBelow(folder) }),
  };
}

function mbsyncSettings(folder: string, { port, users, password, caFile }: Accounts, fsync: boolean): string {
  const one = (user: string): string => {
    const mail = join(folder, user, 'mail');
    mkdirSync(mail, { recursive: true });
    return `
IMAPAccount ${user}
Host localhost
Port ${port}
User ${user}
Pass ${password}
AuthMechs PLAIN
SSLType ${caFile === undefined ? 'None' : 'IMAPS'}
${caFile === undefined ? '' : `CertificateFile ${caFile}\n`}Timeout 60

IMAPStore ${user}-far
Account ${user}

MaildirStore ${user}-near
Path ${mail}/
Inbox ${mail}/INBOX

Channel ${user}
Far :${user}-far:
Near :${user}-near:
Patterns INBOX
Create Near
Sync Pull
SyncState *
`;
  };
  return `FSync ${fsync ? 'yes' : 'no'}\n${users.map(one).join('')}`;
}

function mpop(): Contender {
  return {
    name: 'mpop',
    about: 'one file and one fsync a message; durable, with PIPELINING where it is offered',
    protocols: ['pop3'],
    prepare: (folder, { port, users: [user = ''], password, caFile }) => {
      maildir(join(folder, 'mail'));
      const tls = caFile === undefined ? 'tls off' : `tls on\ntls_starttls off\ntls_trust_file ${caFile}`;
      const settings = `defaults\n${tls}\naccount default\nhost localhost\nport ${port}\nuser ${user}\nauth plain\npassword ${password}
keep on\nuidls_file ${join(folder, 'uidls')}\ndelivery maildir ${join(folder, 'mail')}\n`;
      writeFileSync(join(folder, 'mpoprc'), settings, { mode: 0o600 });
      return { command: peerProgram('mpop'), args: ['-q', '-C', join(folder, 'mpoprc')], env: {} };
    },
    read: (folder) => ({ messages: messagesBelow(folder) }),
  };
}

/** It changes bytes (product.md), but it brings as many messages. */
function getmail(): Contender {
  return {
    name: 'getmail6',
    about: 'one file and one fsync a message; durable',
    protocols: ['imap', 'pop3'],
    takes: 'one',
    isSlow: true,
    prepare: (folder, { protocol, port, users: [user = ''], password, caFile }) => {
      maildir(join(folder, 'mail'));
      // It refuses to deliver as root. Its folder has to be reached by the user whom it becomes, and be his.
      spawnSync('chown', ['-R', mailUser, join(folder, 'mail')]);
      spawnSync('chmod', ['755', folder, dirname(folder)]);
      const retriever = `Simple${protocol === 'imap' ? 'IMAP' : 'POP3'}${caFile === undefined ? '' : 'SSL'}Retriever`;
      const settings = `[retriever]\ntype = ${retriever}\nserver = localhost\nport = ${port}\nusername = ${user}\npassword = ${password}
${caFile === undefined ? '' : `ca_certs = ${caFile}\n`}[destination]\ntype = Maildir\npath = ${join(folder, 'mail')}/\nuser = ${mailUser}
[options]\nread_all = false\ndelete = false\ndelivered_to = false\nreceived = false\nverbose = 0\n`;
      writeFileSync(join(folder, 'getmailrc'), settings, { mode: 0o600 });
      return { command: peerProgram('getmail'), args: ['--getmaildir', folder, '--rcfile', 'getmailrc'], env: {} };
    },
    read: (folder) => ({ messages: messagesBelow(folder) }),
  };
}

/** Our own: `import run --once --json` on a configuration with a source for each mailbox. */
function postern(): Contender {
  return {
    name: 'postern',
    about: '`postern import run --once`: one durable archive with ledger, hash chain and full text',
    protocols: ['imap', 'pop3'],
    prepare: (folder, accounts) => {
      writeFileSync(join(folder, 'postern.yaml'), posternSettings(accounts));
      const args = ['import', 'run', '--once', '--json', '--config', join(folder, 'postern.yaml')];
      return { command: posternProgram, args, env: { BENCH_PASSWORD: accounts.password } };
    },
    read: (_folder, stdout) => readPostern(JSON.parse(stdout)),
  };
}

export const posternProgram = join(root, 'bin', 'postern');

export function posternSettings({ protocol, port, users, caFile }: Accounts, every = '1m'): string {
  const server = `{ host: localhost, port: ${port}, ${caFile === undefined ? 'tls: none' : `tls: implicit, ca: ${caFile}`} }`;
  const one = (user: string): string => `  ${user.replace('@', '-at-')}:
    server: ${server}
    auth: { user: ${user}, password: { env: BENCH_PASSWORD } }
    mailbox: ${user}
    protocol: ${protocol}
    every: ${every}
`;
  return `data: ./data\nsources:\n${users.map(one).join('')}`;
}

/** The figures of the run, and the messages of all folders of all sources. */
function readPostern(result: unknown): Outcome {
  const durableMs = numberAt(result, 'durableMs');
  const completeMs = numberAt(result, 'completeMs');
  return {
    messages: sumAt(result, 'archived') + sumAt(result, 'duplicate') + sumAt(result, 'before'),
    ...(durableMs === undefined ? {} : { durableMs }),
    ...(completeMs === undefined ? {} : { completeMs }),
  };
}

/** All numbers under this key, at any depth. */
function sumAt(value: unknown, key: string): number {
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value).reduce(
    (sum, [name, inner]) => sum + (name === key && typeof inner === 'number' ? inner : sumAt(inner, key)),
    0,
  );
}

/** The first number under this key, at any depth. */
export function numberAt(value: unknown, key: string): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const found = name === key && typeof inner === 'number' ? inner : numberAt(inner, key);
    if (found !== undefined) return found;
  }
  return undefined;
}

function maildir(path: string): void {
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(path, part), { recursive: true });
}

/** Files in all folders `cur` and `new` below this one. */
function messagesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && /\/(?:cur|new)$/.test(entry.parentPath),
  ).length;
}

/** Bytes of all files below a folder. */
export function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/**
 * Who takes part in the import benchmark, each as a program to start. All get the same mailbox over TLS with the same login,
 * and all begin with nothing; how long a run takes is measured from outside, from the start of the process to its end.
 */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peerProgram } from '../../test/contract/places/peers.ts';

export interface Account {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly caFile: string;
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
  /** `folder` is empty and belongs to this run. */
  prepare(folder: string, account: Account): Program;
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

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

export const contenders: readonly Contender[] = [
  mbsync('mbsync', true, 'one file and one fsync a message; durable, neither parsed nor indexed'),
  mbsync('mbsync without fsync', false, 'the same with `FSync no`: not durable'),
  {
    name: 'raw pull',
    about: 'tools/bench/raw-pull.ts: one connection, several FETCH in flight, one file, one fsync at the end; keeps no message apart',
    prepare: (folder, { port, user, password, caFile }) => ({
      command: process.execPath,
      args: [join(root, 'tools', 'bench', 'raw-pull.ts'), String(port), user, caFile, join(folder, 'all')],
      env: { RAW_PULL_PASSWORD: password },
    }),
    read: (_folder, stdout) => ({ messages: numberAt(JSON.parse(stdout), 'messages') ?? 0 }),
  },
  ...(existsSync(join(root, 'bin', 'postern')) ? [postern()] : []),
];

function mbsync(name: string, fsync: boolean, about: string): Contender {
  return {
    name,
    about,
    prepare: (folder, { port, user, password, caFile }) => {
      mkdirSync(join(folder, 'mail'));
      const settings = `FSync ${fsync ? 'yes' : 'no'}

IMAPAccount bench
Host localhost
Port ${port}
User ${user}
Pass ${password}
AuthMechs PLAIN
SSLType IMAPS
CertificateFile ${caFile}
Timeout 60

IMAPStore far
Account bench

MaildirStore near
Path ${folder}/mail/
Inbox ${folder}/mail/INBOX

Channel bench
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState *
`;
      writeFileSync(join(folder, 'mbsyncrc'), settings, { mode: 0o600 });
      return { command: peerProgram('mbsync'), args: ['-q', '-c', join(folder, 'mbsyncrc'), 'bench'], env: {} };
    },
    read: (folder) => ({
      messages: ['new', 'cur'].reduce((sum, part) => sum + readdirSync(join(folder, 'mail', 'INBOX', part)).length, 0),
    }),
  };
}

/** Our own: `import run --once --json` on a configuration with this one source. */
function postern(): Contender {
  return {
    name: 'postern',
    about: '`postern import run --once`: one durable archive with ledger, hash chain and full text',
    prepare: (folder, { port, user, caFile, password }) => {
      const settings = `data: ./data
sources:
  bench:
    server: { host: localhost, port: ${port}, tls: implicit, ca: ${caFile} }
    auth: { user: ${user}, password: { env: BENCH_PASSWORD } }
    mailbox: ${user}
    protocol: imap
    folders: [INBOX]
`;
      writeFileSync(join(folder, 'postern.yaml'), settings);
      const args = ['import', 'run', '--once', '--json', '--config', join(folder, 'postern.yaml')];
      return { command: join(root, 'bin', 'postern'), args, env: { BENCH_PASSWORD: password } };
    },
    read: (_folder, stdout) => readPostern(JSON.parse(stdout)),
  };
}

/** Takes the figures of the one source, wherever in the result they stand. */
function readPostern(result: unknown): Outcome {
  const durableMs = numberAt(result, 'durableMs');
  const completeMs = numberAt(result, 'completeMs');
  return {
    messages: numberAt(result, 'archived') ?? numberAt(result, 'messages') ?? 0,
    ...(durableMs === undefined ? {} : { durableMs }),
    ...(completeMs === undefined ? {} : { completeMs }),
  };
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

/** Bytes of all files below a folder. */
export function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

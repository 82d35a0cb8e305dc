/**
 * A place to test against: Debian's Dovecot, started in a folder of its own on free loopback ports. It was written by others,
 * so it proves our protocol code independently; Exchange's own oddities are the sandbox's part.
 *
 * It lets in with XOAUTH2 only, and checks our signed tokens by itself. The hard part is in that check: an app-only token names no mailbox,
 * so the user name is made a constant (`username_format`) that always compares equal, and any mailbox opens with a good token
 * except the denied ones. Dovecot checks neither audience nor roles.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type DovecotSetup, dovecotFiles, type Ports } from './dovecot-config.ts';
import { folderPath, maildirName } from './maildir.ts';
import { peerProgram } from './peers.ts';

/** Longer than a busy machine needs. */
const startDeadlineMs = 40_000;
const stopDeadlineMs = 20_000;
const startAttempts = 3;

export type DovecotOptions = DovecotSetup;

export interface StoredMessage {
  /** The name of its file without the flags; stays the same when the message is flagged. */
  readonly name: string;
  /** Maildir flags in alphabetical order, e.g. `FS`: flagged and seen. */
  readonly flags: string;
  readonly sizeBytes: number;
  /** The bytes as they were delivered. */
  read(): Uint8Array;
}

export interface DovecotPlace {
  /** The name to connect to; it must be among the names in the certificate. */
  readonly host: 'localhost';
  readonly ports: Ports;
  /** The process id of the master. */
  readonly pid: number;
  /** Puts messages into a folder (`INBOX`, `Archive/2026`), which comes to be if it is not there. Their order is the order of the UIDs. */
  deliver(mailbox: string, folder: string, messages: Iterable<Uint8Array>): void;
  /** What lies in a folder, in the order of delivery. */
  listMessages(mailbox: string, folder: string): readonly StoredMessage[];
  /** The Maildir of a folder, made if it is not there. For whoever builds a mailbox with means of its own. */
  maildir(mailbox: string, folder: string): string;
  /** Dovecot's log so far, to be shown when a test fails. */
  log(): string;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

/**
 * Starts a Dovecot and waits until it answers.
 * @throws Error with Dovecot's own words if it does not start in time.
 */
export async function startDovecot(options: DovecotOptions): Promise<DovecotPlace> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-dovecot-'));
  try {
    const owner = debianMailUser();
    // The mail processes run as the user `mail`, and mkdtemp lets in root alone.
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'mail'));
    chownSync(join(folder, 'mail'), owner.uid, owner.gid);
    const started = await start(folder, options);
    return place(folder, owner, started);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly ports: Ports;
}

/** Between our look for a free port and Dovecot's own bind another may take it; so it is tried again with others. */
async function start(folder: string, options: DovecotOptions): Promise<Started> {
  for (let attempt = 1; ; attempt += 1) {
    const ports = await freePorts();
    for (const [name, content] of Object.entries(dovecotFiles(folder, ports, options))) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), content, { mode: 0o644 });
    }
    const child = spawn(peerProgram('dovecot'), ['-F', '-c', join(folder, 'dovecot.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
    let words = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words += text;
    });
    const pid = child.pid;
    if (pid !== undefined && (await answers(child, ports.imaps, folder))) return { child, pid, ports };
    await stop(child);
    const inUse = `${words}${readLog(folder)}`.includes('Address already in use');
    if (!inUse || attempt === startAttempts) throw new Error(`Dovecot did not start:\n${words}${readLog(folder)}`);
  }
}

/** Dovecot says so when it has all its ports: before that it may be another one who answers on a port that it will not get. */
async function answers(child: ChildProcess, port: number, folder: string): Promise<boolean> {
  for (const startedAt = performance.now(); performance.now() - startedAt < startDeadlineMs; await pause(10)) {
    if (child.exitCode !== null || child.signalCode !== null) return false;
    if (!readLog(folder).includes('starting up')) continue;
    const socket = connect({ host: '127.0.0.1', port });
    const connected = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(
      () => false,
    );
    socket.destroy();
    if (connected) return true;
  }
  return false;
}

/**
 * Ends the master and every process it has started, and waits until none is left. Hard, for its folder goes with it,
 * and asked politely it takes up to 6 s and leaves its log process behind for a while.
 */
async function stop(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  // Stopped first, so that it starts no other process while its children are being read.
  child.kill('SIGSTOP');
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  child.kill('SIGKILL');
  for (const one of children) kill(one);
  await exited;
  for (const startedAt = performance.now(); children.some(runs); await pause(10)) {
    if (performance.now() - startedAt > stopDeadlineMs) throw new Error(`processes of Dovecot do not end: ${children.join(' ')}`);
  }
}

/** Whether the process still runs. One that has ended but that nobody has collected yet (state Z) does not. */
function runs(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself in between.
  }
}

function place(folder: string, owner: Owner, started: Started): DovecotPlace {
  let delivered = 0;

  function maildir(mailbox: string, name: string): string {
    const home = join(folder, 'mail', mailbox.toLowerCase());
    const path = join(home, 'Maildir', folderPath(name));
    for (const made of [home, join(home, 'Maildir'), path, join(path, 'tmp'), join(path, 'new'), join(path, 'cur')]) {
      if (mkdirSync(made, { recursive: true }) !== undefined) chownSync(made, owner.uid, owner.gid);
    }
    // A Maildir++ folder is one by this file.
    if (name !== 'INBOX') writeFileSync(join(path, 'maildirfolder'), '');
    return path;
  }

  return {
    host: 'localhost',
    ports: started.ports,
    pid: started.pid,
    maildir,
    deliver(mailbox, name, messages) {
      const path = maildir(mailbox, name);
      for (const bytes of messages) {
        delivered += 1;
        const file = maildirName(delivered, bytes);
        writeFileSync(join(path, 'tmp', file), bytes, { mode: 0o644 });
        renameSync(join(path, 'tmp', file), join(path, 'cur', `${file}:2,`));
      }
    },
    listMessages(mailbox, name) {
      const path = maildir(mailbox, name);
      return ['cur', 'new']
        .flatMap((part) => readdirSync(join(path, part)).map((file) => ({ file, path: join(path, part, file) })))
        .sort((a, b) => (a.file < b.file ? -1 : 1))
        .map(({ file, path }) => ({
          name: file.replace(/:2,.*$/, ''),
          flags: /:2,(.*)$/.exec(file)?.[1] ?? '',
          sizeBytes: Number(/,S=(\d+)/.exec(file)?.[1]),
          read: () => readFileSync(path),
        }));
    },
    log: () => readLog(folder),
    async close() {
      await stop(started.child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function readLog(folder: string): string {
  try {
    return readFileSync(join(folder, 'log'), 'utf8');
  } catch {
    return ''; // Nothing logged yet.
  }
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Debian's user `mail`, which every installation has. */
function debianMailUser(): Owner {
  const found = /^mail:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  if (found === null) throw new Error('there is no user "mail" in /etc/passwd');
  return { uid: Number(found[1]), gid: Number(found[2]) };
}

/** Five ports that are free now. All are held until all are found, so that they differ. */
async function freePorts(): Promise<Ports> {
  const servers = Array.from({ length: 5 }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const [imap = 0, imaps = 0, pop3 = 0, pop3s = 0, submission = 0] = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return { imap, imaps, pop3, pop3s, submission };
}

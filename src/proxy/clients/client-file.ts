/**
 * `proxy/clients.json` of the data folder: who may log in. Written by `postern proxy client …`, read by a running proxy.
 *
 * The hard thing is that both may happen at once, and a half-written file would lock everybody out: so it is replaced as a whole, by a
 * rename, and two writers wait for each other at a lock (an open transaction, as archive/sqlite/lock.ts explains).
 */
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { isMailboxPattern } from '../../config/schema-proxy.ts';
import { Fault } from '../../fault/fault.ts';
import { isClientName, isNetwork, type ProxyClient } from './client.ts';

/** Writing takes a moment. */
const lockWaitMs = 10_000;
/** A thousand clients need some 300 KB. */
const maxFileBytes = 16 * 1024 * 1024;

const clientSchema = z.strictObject({
  name: z.string().refine(isClientName),
  tag: z.string().min(1),
  hash: z.string().min(1),
  mailboxes: z.array(z.string().refine(isMailboxPattern)).min(1),
  protocols: z.array(z.enum(['imap', 'pop3', 'smtp'])).min(1),
  networks: z.array(z.string().refine(isNetwork)),
  created: z.iso.datetime(),
});
const fileSchema = z.strictObject({ version: z.literal(1), clients: z.array(clientSchema) });

export function clientsPath(dataFolder: string): string {
  return join(dataFolder, 'proxy', 'clients.json');
}

/** Empty where there is no file yet. @throws Fault proxy.clients-unreadable */
export function readClients(file: string): readonly ProxyClient[] {
  let text: string;
  try {
    if (statSync(file).size > maxFileBytes)
      throw new Fault('proxy.clients-unreadable', { file, reason: `more than ${maxFileBytes} bytes` });
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (codeOf(error) === 'ENOENT') return [];
    throw new Fault('proxy.clients-unreadable', { file, reason: codeOf(error) }, { cause: error });
  }
  const read = fileSchema.safeParse(parsed(text));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new Fault('proxy.clients-unreadable', { file, reason: 'not a list of clients', at: issue?.path.join('.') ?? '' });
  }
  const clients = read.data.clients.map(
    ({ created, mailboxes, ...rest }): ProxyClient => ({
      ...rest,
      mailboxes: mailboxes.map((pattern) => pattern.toLowerCase()),
      createdMs: Date.parse(created),
    }),
  );
  for (const key of ['name', 'tag'] as const) {
    const twice = clients.find((client, index) => clients.findIndex((other) => other[key] === client[key]) !== index);
    if (twice !== undefined) throw new Fault('proxy.clients-unreadable', { file, reason: `the same ${key} twice`, client: twice.name });
  }
  return clients;
}

/**
 * Changes the file: what `change` makes of the clients that are there is written, whole or not at all.
 * @throws Fault proxy.clients-unreadable, proxy.clients-unwritable; what `change` throws
 */
export async function changeClients(
  file: string,
  change: (clients: readonly ProxyClient[]) => Promise<readonly ProxyClient[]>,
): Promise<void> {
  const lock = takeLock(file);
  try {
    write(file, await change(readClients(file)));
  } finally {
    lock.release();
  }
}

function write(file: string, clients: readonly ProxyClient[]): void {
  const rows = clients.map(({ createdMs, ...rest }) => ({ ...rest, created: new Date(createdMs).toISOString() }));
  const fresh = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const open = openSync(fresh, 'wx', 0o600);
    try {
      writeSync(open, `${JSON.stringify({ version: 1, clients: rows }, null, 2)}\n`);
      fsyncSync(open);
    } finally {
      closeSync(open);
    }
    leaveToOwner(dirname(file), fresh);
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new Fault('proxy.clients-unwritable', { file, errno: codeOf(error) }, { cause: error });
  }
}

/** Whoever makes something as root leaves it to the service that reads it: to whose folder it lies in. */
function leaveToOwner(folder: string, ...paths: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(folder);
  for (const path of paths) chownSync(path, uid, gid);
}

/** Given back by the operating system when the process ends, however it ends; another writer is waited for. */
function takeLock(file: string): { release(): void } {
  try {
    const made = mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    if (made !== undefined) leaveToOwner(dirname(made), dirname(file), made);
    const lock = new DatabaseSync(`${file}.lock`, { timeout: lockWaitMs });
    leaveToOwner(dirname(file), `${file}.lock`);
    try {
      lock.exec('pragma journal_mode = delete; begin exclusive');
    } catch (error) {
      lock.close();
      throw error;
    }
    return { release: () => lock.close() };
  } catch (error) {
    throw new Fault('proxy.clients-unwritable', { file, errno: codeOf(error) }, { cause: error });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}

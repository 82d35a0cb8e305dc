/**
 * What the crash test runs against and runs: a sandbox in a process of its own, and the product's own program.
 *
 * The hard thing is that a kill must hit the process that writes. So `src/cli/main.ts` is started directly, with nothing in between,
 * and a kill counts only if the process says that it was this signal that ended it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { mailFor } from './mail.ts';

const root = resolve(import.meta.dirname, '../..');
const mailbox = 'bulk@contoso.test';
const startDeadlineMs = 60_000;
/** No run takes nearly as long; one that does hangs. */
const runDeadlineMs = 180_000;

/** A message as the server has it. */
export interface ServerMessage {
  readonly uid: number;
  readonly sha256: string;
  readonly word: string;
}

export interface Place {
  readonly folder: string;
  readonly messages: readonly ServerMessage[];
  /** Writes a configuration for a data folder of this name below `folder`. */
  archive(name: string): ArchivePlace;
  close(): Promise<void>;
}

export interface ArchivePlace {
  readonly config: string;
  readonly dataFolder: string;
}

/** Starts a sandbox that writes its files into `folder`, and fills a mailbox of it. */
export async function startPlace(folder: string, count: number, seed: number): Promise<Place> {
  const child = spawn(process.execPath, [join(root, 'sandbox/src/start.ts'), '--out', folder, '--json', '--with-stdin'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    const control = await controlOf(child);
    const messages = await fill(control, mailbox, count, seed);
    const yaml = readFileSync(join(folder, 'postern.yaml'), 'utf8');
    return {
      folder,
      messages,
      archive(name) {
        const config = join(folder, `${name}.yaml`);
        writeFileSync(config, yaml.replace(/^data: .*$/m, `data: ./${name}`).replace(/mailbox: .*$/m, `mailbox: ${mailbox}`));
        return { config, dataFolder: join(folder, name) };
      },
      close: () => ended(child),
    };
  } catch (error) {
    await ended(child);
    throw error;
  }
}

async function controlOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the sandbox has no output');
  const [line] = await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(startDeadlineMs) });
  const said: unknown = JSON.parse(String(line));
  if (typeof said !== 'object' || said === null || !('control' in said)) throw new Error(`the sandbox said: ${line}`);
  return String(said.control);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.stdin?.end();
  child.kill('SIGTERM');
  const exited = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await exited.finally(() => clearTimeout(timer));
}

/**
 * Delivers messages to an empty mailbox of a sandbox, and holds what it lists afterwards against what was sent.
 * @param control the address of the sandbox's control port
 */
export async function fill(control: string, mailbox: string, count: number, seed: number): Promise<readonly ServerMessage[]> {
  const url = `${control}/mailboxes/${mailbox}/messages`;
  const wordOf = new Map<string, string>();
  for (const { bytes, sha256, word } of mailFor(count, seed)) {
    wordOf.set(sha256, word);
    const answer = await fetch(url, { method: 'POST', body: Buffer.from(bytes), signal: AbortSignal.timeout(startDeadlineMs) });
    if (!answer.ok) throw new Error(`the sandbox did not take a message: ${await answer.text()}`);
    await answer.arrayBuffer();
  }
  const listed: unknown = await (await fetch(url, { signal: AbortSignal.timeout(startDeadlineMs) })).json();
  if (!Array.isArray(listed) || listed.length !== count) throw new Error('the sandbox does not list what was delivered');
  return listed.map(({ uid, sha256 }) => {
    const word = wordOf.get(String(sha256));
    if (word === undefined) throw new Error(`the sandbox lists a message that nobody delivered: ${sha256}`);
    return { uid: Number(uid), sha256: String(sha256), word };
  });
}

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly talk: string;
  readonly durationMs: number;
}

/** Runs `postern` until it ends by itself, or until `killAfterMs` after its start. */
export async function runPostern(place: Place, words: readonly string[], killAfterMs = runDeadlineMs): Promise<Ran> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'src/cli/main.ts'), ...words], {
    // As bin/postern does it, without the shell in front of it.
    env: { ...process.env, NODE_COMPILE_CACHE: join(place.folder, 'compiled') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  let out = '';
  let talk = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    talk += text;
  });
  try {
    const [code, signal]: [number | null, NodeJS.Signals | null] = await new Promise((done, fail) => {
      child.once('error', fail).once('close', (code, signal) => done([code, signal]));
    });
    return { code, signal, out, talk, durationMs: performance.now() - startedAt };
  } finally {
    clearTimeout(timer);
  }
}

export function importOnce(place: Place, archive: ArchivePlace, killAfterMs?: number): Promise<Ran> {
  return runPostern(place, ['import', 'run', '--once', '--json', '--config', archive.config], killAfterMs);
}

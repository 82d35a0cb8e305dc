/**
 * One turn of one contender: starts its program, waits for its end, and says how long it took and how much memory it had.
 *
 * The hard thing is memory. The high-water mark of a process only rises, so the last reading is right; several processes have to be
 * added up while they run, and what they share is then counted for each.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Accounts, Contender } from './contenders.ts';
import { folderBytes } from './contenders.ts';
import type { Measured } from './report.ts';

const turnDeadlineMs = 1_800_000;
const sampleEveryMs = 10;

/**
 * @param folder where it works
 * @param expected messages that it has to have afterwards
 * @throws Error with what it said where it fails or brings another number
 */
export async function takeTurn(contender: Contender, accounts: Accounts, folder: string, expected: number): Promise<Measured> {
  const program = contender.prepare(folder, accounts);
  // Nobody pays for what another one wrote.
  spawnSync('sync');
  const startedAt = performance.now();
  const child = spawn(program.command, program.args, {
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
  });
  const peak = watchMemory(child, contender.isSeveral === true);
  const deadline = setTimeout(() => child.kill('SIGKILL'), turnDeadlineMs);
  const said = await outputOf(child);
  const wallMs = performance.now() - startedAt;
  clearTimeout(deadline);
  if (said.code !== 0) throw new Error(`${contender.name} ended with ${said.code}:\n${said.stderr}${said.stdout}`);
  const outcome = contender.read(folder, said.stdout);
  if (outcome.messages !== expected) throw new Error(`${contender.name} brought ${outcome.messages} messages of ${expected}`);
  // What lies before its own clock started (Node, wiring) belongs to it too.
  const ownMs = outcome.completeMs ?? outcome.durableMs;
  const before = ownMs === undefined ? 0 : Math.max(0, wallMs - ownMs);
  const durableMs = outcome.durableMs === undefined ? wallMs : outcome.durableMs + before;
  return {
    durableMs,
    ...(outcome.completeMs === undefined ? {} : { completeMs: wallMs }),
    peakBytes: peak(),
    diskBytes: folderBytes(folder),
  };
}

interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function outputOf(child: ChildProcess): Promise<Said> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (text: Buffer) => {
    stdout += text.toString();
  });
  child.stderr?.on('data', (text: Buffer) => {
    stderr += text.toString();
  });
  const code = await new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done));
  return { code, stdout, stderr };
}

/** @returns the highest resident memory so far, bytes */
export function watchMemory(child: ChildProcess, withChildren: boolean): () => number {
  let peakBytes = 0;
  const timer = setInterval(() => {
    const { pid } = child;
    if (pid === undefined) return;
    const now = withChildren ? [pid, ...childrenOf(pid)].reduce((sum, one) => sum + memoryOf(one, 'VmRSS'), 0) : memoryOf(pid, 'VmHWM');
    peakBytes = Math.max(peakBytes, now);
  }, sampleEveryMs);
  child.once('exit', () => clearInterval(timer));
  return () => peakBytes;
}

/** Bytes; 0 for a process that has ended. */
export function memoryOf(pid: number, what: 'VmHWM' | 'VmRSS'): number {
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(readProc(`${pid}/status`))?.[1] ?? 0) * 1024;
}

function childrenOf(pid: number): number[] {
  return readProc(`${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function readProc(name: string): string {
  try {
    return readFileSync(`/proc/${name}`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

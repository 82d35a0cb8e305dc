/** Runs the whole binary as a person would, and gives what came out. */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');
export const binary = join(root, 'bin/postern');

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly talk: string;
}

/** Longer than a busy machine needs: its end is that of a program that hangs. */
const deadlineMs = 120_000;

/** Starts `program` without a terminal, ends it at the deadline, and waits for it. */
export function ran(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  return new Promise((done, fail) => {
    const { POSTERN_CONFIG: _, ...env } = process.env;
    const child = spawn(program, [...args], {
      cwd: options.cwd ?? root,
      env: { ...env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    });
    let out = '';
    let talk = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      talk += text;
    });
    child.on('error', fail);
    child.on('close', (code) => done({ code, out, talk }));
  });
}

export function postern(args: readonly string[], options: Parameters<typeof ran>[2] = {}): Promise<Ran> {
  return ran(binary, args, options);
}

/**
 * Programs that nobody here wrote, run beside the sandbox as its judges.
 *
 * A program that this machine does not have is skipped by name; with CI=true that is a failure for those that CI installs.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Longer than a busy machine needs: its end is that of a program that hangs. */
const limitMs = 120_000;

/** The programs that CI installs; the others are witnesses where they happen to be. */
const wanted: ReadonlySet<string> = new Set(['curl', 'mbsync', 'openssl']);

/** Skips the test by name when the program is not here. */
export function has(program: string, context: TestContext): boolean {
  const found = spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
  if (found) return true;
  if (wanted.has(program)) assert.notEqual(process.env['CI'], 'true', `${program} is missing`);
  context.skip(`${program} is not on this machine`);
  return false;
}

/** Runs a program beside the sandbox, which lives in this process. */
export async function run(
  program: string,
  args: readonly string[],
  input = '',
): Promise<{ code: number | null; stdout: Buffer; stderr: string }> {
  const child: ChildProcess = spawn(program, args, { timeout: limitMs });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin?.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}

/**
 * A program for getmail to hand its messages to. It ends when getmail sleeps: of one that ends before getmail has begun to wait for it
 * getmail misses the end, waits for a minute and gives up.
 */
export function awaitedCat(folder: string): string {
  const file = join(folder, 'awaited-cat');
  const untilAwaited = 'while [ -r "/proc/$PPID/stat" ] && ! grep -q ") S " "/proc/$PPID/stat"; do :; done';
  writeFileSync(file, `#!/bin/sh\ncat || exit 1\n${untilAwaited}\n`, { mode: 0o700 });
  return file;
}

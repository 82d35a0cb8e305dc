/** Runs a program that nobody here wrote beside what is in this process, and gives what came out. */
import { spawn } from 'node:child_process';

/** Longer than a busy machine needs: its end is that of a program that hangs. */
const limitMs = 120_000;

export interface Ended {
  readonly code: number | null;
  readonly out: Buffer;
  /** Both streams, for a message when a test fails. */
  readonly talk: string;
}

export async function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const child = spawn(program, [...args], { timeout: limitMs, killSignal: 'SIGKILL', env: { ...process.env, ...options.env } });
  const out: Buffer[] = [];
  let talk = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out.push(chunk);
    talk += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    talk += chunk.toString('latin1');
  });
  // A program that does not want its input may have closed it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, out: Buffer.concat(out), talk };
}

/** `postern serve` as a process of its own: started, asked, and ended as a person or a system ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { binary } from '../cli/postern.ts';
import { until } from './import-place.ts';

export interface Serving {
  /** Without a slash at its end. */
  readonly url: string;
  /** What was printed on the first run. */
  readonly first: { readonly user: string; readonly password: string } | undefined;
  readonly talk: () => string;
  readonly child: ChildProcess;
  /** Ends it by this signal. @returns exit code; null: by the signal */
  end(signal: NodeJS.Signals): Promise<{ readonly code: number | null }>;
}

export interface ServingWish {
  readonly cwd: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const readyMs = 60_000;

/** What a failed test leaves behind would keep its file from ending. */
const children = new Set<ChildProcess>();

/** To be called behind all tests of a file. */
export function endAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** Starts it, and waits until it is ready. @throws what it said, where it ended instead */
export async function serving(wish: ServingWish): Promise<Serving> {
  const { child, talk, exited } = started(wish);
  let code: number | null | undefined;
  exited.then((one) => {
    code = one;
  });
  const found = (pattern: RegExp): string | undefined => pattern.exec(talk())?.[1];
  await until(() => code !== undefined || found(/^(No source yet|Importing from)/m) !== undefined, readyMs);
  const url = found(/^Console at (\S+)\/$/m);
  if (code !== undefined || url === undefined) throw new Error(`postern serve ended with ${code}: ${talk()}`);
  const [user, password] = [found(/^First administrator: (\S+)$/m), found(/^Password, shown this once: (\S+)$/m)];
  return {
    url,
    first: user === undefined || password === undefined ? undefined : { user, password },
    talk,
    child,
    async end(signal) {
      child.kill(signal);
      return { code: await exited };
    },
  };
}

export interface Started {
  readonly child: ChildProcess;
  readonly talk: () => string;
  readonly exited: Promise<number | null>;
}

export function started({ cwd, args = [], env = {} }: ServingWish): Started {
  const { POSTERN_CONFIG: _, ...own } = process.env;
  const child = spawn(binary, ['serve', '--listen', '127.0.0.1:0', ...args], {
    cwd,
    env: { ...own, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  children.add(child);
  child.on('exit', () => children.delete(child));
  const exited = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : null));
  return { child, talk: () => text, exited };
}

/**
 * `npm start`: a first look at Postern without a Microsoft tenant. Starts the offline tenant with some mail in it, imports that, shows
 * a search and how to go on, and stays up and imports what arrives, until Ctrl-C.
 *
 * The hard thing is to leave nothing behind: the tenant is a process of its own that ends when this one does, however it ends (it
 * watches the pipe between them), and the demonstration's folder is made anew each time, because the tenant's keys are.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const folder = join(root, '.demo');
const config = join(folder, 'postern.yaml');
const pidFile = join(folder, 'pid');
const deliverEvery = '20s';
/** The tenant makes keys at its start; on a busy machine that can take a while. */
const readyTimeoutMs = 60_000;

const say = (text: string): boolean => process.stderr.write(`${text}\n`);
const bold = (text: string): string =>
  process.stderr.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' ? `\x1b[1m${text}\x1b[22m` : text;

/** Ctrl-C reaches the importing child as well, which ends cleanly by itself; here it only decides how we go on. */
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stopped = true;
    running?.kill('SIGTERM');
  });
}
let running: ChildProcess | undefined;

process.exitCode = await demonstrate();

async function demonstrate(): Promise<number> {
  if (existsSync(folder) && !existsSync(join(folder, 'sandbox.json'))) {
    say(`${folder} exists and is not a demonstration of ours: move it away first.`);
    return 1;
  }
  const other = runningDemonstration();
  if (other !== undefined) {
    say(`A demonstration is running in this checkout already (process ${other}): end it with Ctrl-C first.`);
    return 1;
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(pidFile, String(process.pid));

  step(1, 'An offline Microsoft 365 tenant starts on this machine (in memory, loopback only)');
  const tenant = await startTenant();
  if (tenant === undefined) return 1;
  try {
    step(2, 'Every link to its mailbox is checked, from DNS to an opened folder: postern check');
    const checked = await postern('check');
    if (checked !== 0 || stopped) return stopped ? 0 : checked;

    step(3, 'The mailbox is imported: token, XOAUTH2, IMAP, archive: postern import run --once');
    const imported = await postern('import', 'run', '--once');
    if (imported !== 0 || stopped) return stopped ? 0 : imported;

    step(4, 'Is everything in? The server is asked again and held against the archive: postern import reconcile');
    await postern('import', 'reconcile');
    if (stopped) return 0;

    step(5, 'A search in the archive: postern archive search participant:keller platform:signal --limit 3');
    await postern('archive', 'search', 'participant:keller', 'platform:signal', '--limit', '3');
    if (stopped) return 0;

    step(6, 'It goes on: a new message arrives every 20 seconds and is imported. Ctrl-C ends it');
    const at = relative(process.cwd(), config);
    say(`
Meanwhile, in a second terminal:
  ${bold(`bin/postern archive search 'subject:invoice' --config ${at}`)}
  ${bold(`bin/postern archive search has:attachment --config ${at}`)}
  ${bold(`bin/postern archive conversation ID --config ${at}`)}   (ID: the first digits of a line that a search shows)
  ${bold(`bin/postern import status --config ${at}`)}
  ${bold(`bin/postern archive verify --config ${at}`)}
  ${bold(`bin/postern archive export .demo/export --config ${at}`)}
  ${bold('bin/postern --help')}
For your own tenant: ${bold('bin/postern config sample > postern.yaml')}
`);
    const ended = await postern('import', 'run');
    return stopped ? 0 : ended;
  } finally {
    rmSync(pidFile, { force: true });
    tenant.stdin?.end();
  }
}

/** Its process, if another one uses the folder now; what a killed one left behind is no hindrance. */
function runningDemonstration(): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

function step(number: number, text: string): void {
  say(`\n${bold(`${number}. ${text}`)}`);
}

/** Resolves when the tenant is ready and its configuration is written; undefined when it could not start. */
async function startTenant(): Promise<ChildProcess | undefined> {
  const args = [join(root, 'sandbox', 'src', 'start.ts'), '--json', '--with-stdin', '--out', folder, '--deliver-every', deliverEvery];
  // A process group of its own: Ctrl-C must end the import first and the tenant after it.
  const tenant = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let talk = '';
  tenant.stderr.setEncoding('utf8').on('data', (text: string) => {
    talk = (talk + text).slice(-10_000);
  });
  const timer = setTimeout(() => tenant.kill(), readyTimeoutMs);
  for await (const _line of createInterface({ input: tenant.stdout })) {
    clearTimeout(timer);
    return tenant;
  }
  clearTimeout(timer);
  say(`The tenant did not start. It said:\n${talk}`);
  return undefined;
}

/** Runs the product's own binary on the demonstration's configuration, on this terminal; resolves with its exit code. */
function postern(...words: string[]): Promise<number> {
  if (stopped) return Promise.resolve(0);
  return new Promise((resolve, reject) => {
    const args = [join(root, 'src', 'cli', 'main.ts'), ...words, '--config', config];
    running = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    running.on('error', reject);
    running.on('exit', (code) => {
      running = undefined;
      resolve(code ?? 130);
    });
  });
}

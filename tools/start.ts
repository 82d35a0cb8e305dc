/**
 * `npm start`: a first look at Postern without a Microsoft tenant. Builds the console, starts the offline tenant with mail in it and more
 * of it arriving, and runs `postern serve` on it, until Ctrl-C. A second mailbox is left to make a source of in the console.
 *
 * The hard thing is to leave nothing behind: the tenant is a process of its own that ends when this one does, however it ends (it
 * watches the pipe between them), and the demonstration's folder is made anew each time, because the tenant's keys are.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { capturedMail } from '../sandbox/src/mail/telemessage.ts';
import { buildConsole } from './build-console.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, '.demo');
const config = join(folder, 'postern.yaml');
const trialFile = join(folder, 'trial.json');
const pidFile = join(folder, 'pid');
const deliverEverySeconds = 6;
/** The mailbox that is left to make a source of, and how much lies in it. */
const trialMailbox = 'compliance@contoso.test';
const trialMessages = 40;
/** The tenant makes keys at its start; on a busy machine that can take a while. */
const readyTimeoutMs = 60_000;
const hourMs = 3_600_000;

const say = (text: string): boolean => process.stderr.write(`${text}\n`);
const bold = (text: string): string =>
  process.stderr.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' ? `\x1b[1m${text}\x1b[22m` : text;

/** What the offline tenant says of itself, as far as it is needed here. */
interface Tenant {
  readonly authority: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly imap: { readonly host: string; readonly port: number };
  readonly pop: { readonly host: string; readonly port: number };
  readonly control: string;
  readonly ca: string;
}

/** Ctrl-C reaches the service as well, which ends cleanly by itself; here it only decides how we go on. */
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
  if (existsSync(folder) && !existsSync(join(folder, 'sandbox.json')) && !existsSync(pidFile)) {
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
  let outside: ChildProcess | undefined;
  let deliveries: NodeJS.Timeout | undefined;
  try {
    say('Building the console, and starting an offline Microsoft 365 tenant on this machine …');
    const [started] = await Promise.all([startTenant(), buildConsole()]);
    outside = started;
    if (started === undefined || stopped) return stopped ? 0 : 1;
    // Written by the sandbox's own `--out`.
    const tenant: Tenant = JSON.parse(readFileSync(join(folder, 'sandbox.json'), 'utf8'));
    await makeTrial(tenant);
    deliveries = deliverLive(tenant);
    return await serveConsole(tenant);
  } finally {
    clearInterval(deliveries);
    rmSync(pidFile, { force: true });
    outside?.stdin?.end();
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

/** Resolves when the tenant is ready and its configuration is written; undefined when it could not start. */
async function startTenant(): Promise<ChildProcess | undefined> {
  const args = [join(root, 'sandbox', 'src', 'start.ts'), '--json', '--with-stdin', '--out', folder];
  // A process group of its own: Ctrl-C must end the service first and the tenant after it.
  const tenant = spawn(process.execPath, [...args, '--deliver-every', `${deliverEverySeconds}s`], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
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

/** A mailbox with mail in it that nobody imports yet, and what the form of a source needs to know of it. */
async function makeTrial(tenant: Tenant): Promise<void> {
  await control(tenant, '/mailboxes', JSON.stringify({ address: trialMailbox }));
  for (let number = 1; number <= trialMessages; number += 1) {
    const at = new Date(Date.now() - (trialMessages - number) * hourMs);
    const path = `${messagesOf(trialMailbox)}?internalDate=${at.toISOString()}`;
    await control(tenant, path, capturedMail({ number: 10_000 + number, at, recipient: trialMailbox }));
  }
  const { authority, tenantId, clientId, imap, pop, ca } = tenant;
  const place = ({ host, port }: Tenant['imap']): string => `${host}:${port}`;
  writeFileSync(
    trialFile,
    JSON.stringify({ clientId, tenantId, authority, imap: place(imap), pop: place(pop), mailbox: trialMailbox, ca }),
  );
}

/** Mail goes on arriving in that mailbox too. */
function deliverLive(tenant: Tenant): NodeJS.Timeout {
  let number = 20_000;
  return setInterval(() => {
    number += 1;
    // It ends with the tenant, and a message more or less is nobody's loss.
    control(tenant, messagesOf(trialMailbox), capturedMail({ number, at: new Date(), recipient: trialMailbox })).catch(() => undefined);
  }, deliverEverySeconds * 1000);
}

function messagesOf(mailbox: string): string {
  return `/mailboxes/${encodeURIComponent(mailbox)}/messages`;
}

async function control(tenant: Tenant, path: string, body: string | Buffer): Promise<void> {
  const answer = await fetch(`${tenant.control}${path}`, { method: 'POST', body: new Uint8Array(Buffer.from(body)) });
  if (!answer.ok) throw new Error(`the tenant's control port answered ${answer.status}: ${await answer.text()}`);
}

/** Runs `postern serve` on the demonstration's configuration; resolves with its exit code. */
async function serveConsole(tenant: Tenant): Promise<number> {
  const log = createWriteStream(join(folder, 'serve.log'));
  for (const listen of [[], ['--listen', '127.0.0.1:0']]) {
    const args = [join(root, 'src', 'cli', 'main.ts'), 'serve', '--config', config, '--trial', trialFile, '--log', 'json', ...listen];
    const service = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe'] });
    running = service;
    const ended = new Promise<number>((resolve, reject) => {
      service.on('error', reject);
      service.on('exit', (code) => resolve(code ?? 130));
    });
    const last: string[] = [];
    let url = '';
    for await (const line of createInterface({ input: service.stderr })) {
      const told = eventOf(line);
      if (told['event'] === 'serving') url = String(told['url']);
      if (told['event'] === 'first-administrator') {
        welcome(tenant, url, String(told['user']), String(told['password']));
        continue; // a password is shown once, and written down nowhere
      }
      log.write(`${line}\n`);
      last.push(line);
      if (last.length > 40) last.shift();
    }
    const code = await ended;
    running = undefined;
    // The usual port belongs to somebody else: the system chooses one.
    const isTaken = url === '' && listen.length === 0 && last.some((line) => line.includes('service.listen-failed'));
    if (isTaken && !stopped) continue;
    if (code !== 0 && !stopped) say(`\nThe service has ended. It said:\n${last.join('\n')}`);
    log.end();
    return stopped ? 0 : code;
  }
  return 1;
}

function eventOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const told: unknown = JSON.parse(line);
    return typeof told === 'object' && told !== null ? { ...told } : {};
  } catch {
    return {};
  }
}

function welcome(tenant: Tenant, url: string, user: string, password: string): void {
  const at = relative(process.cwd(), config);
  say(`
  ${bold('The console:')}  ${bold(url)}
  User:         ${user}
  Password:     ${bold(password)}   (you choose another one at the first login)

  A mailbox, telemessage@contoso.test, is imported already; a message arrives every ${deliverEverySeconds} seconds.

  Try:
   1. Sources > New source. The form knows the test tenant and its mailbox ${trialMailbox}.
      Application (Client) Secret:  ${bold(tenant.clientSecret)}
      Press Test, and save when every rung is green. Then test with a wrong secret, and see what it says.
   2. Messages: search for  participant:keller platform:signal  and open a conversation.
   3. In a second terminal:  bin/postern archive verify --config ${at}
                             bin/postern --help
  For your own tenant:  bin/postern config sample > postern.yaml, then  bin/postern serve
  What the service tells is in ${relative(process.cwd(), join(folder, 'serve.log'))}. Ctrl-C ends it.
`);
}

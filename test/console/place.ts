/**
 * What tests of the console stand on: the sandbox, the whole binary as `postern serve` with the built console, and the API beside it.
 *
 * The hard thing is that nothing is left out: the service is the program that people start, with its own arguments, log lines and first
 * password, and it ends as they end it. Only the sandbox is in this process, so that a test can change the tenant between two clicks.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { Folder } from '../../sandbox/src/folder.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { folderOf, type Mailbox, mailboxOf, makeMailbox } from '../../sandbox/src/tenant.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { buildConsole } from '../../tools/build-console.ts';
import { tenantOf } from '../contract/import-place-sandbox.ts';

const root = resolve(import.meta.dirname, '../..');
const startDeadlineMs = 60_000;
const endDeadlineMs = 20_000;

/** Long enough, and nobody's. */
export const password = 'a quiet lamp in the harbour';

export interface ConsoleWish {
  /** `sources:` of the configuration file, two blanks deep; `{server}`, `{mailbox}` stand for the sandbox's. */
  readonly sources?: string;
  /** Further keys of the configuration. */
  readonly more?: string;
  /** The mail that the sandbox has by itself in its seeded mailbox. */
  readonly seeded?: boolean;
  /** Further mailboxes, made before the service looks for them, with the numbers of messages that they list and do not give. */
  readonly mailboxes?: Readonly<Record<string, readonly number[]>>;
  /** Tells the service of a tenant to try things with. */
  readonly trial?: boolean;
  /** Called before the service starts, with the folder of its data. */
  readonly prepare?: (dataFolder: string, sandbox: Sandbox) => Promise<void>;
  /** The administrator has a password of his own already. Default: yes. */
  readonly settled?: boolean;
}

export interface Answered {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test says of each answer what it is by what it asserts
  readonly body: any;
}

export type Asker = (method: string, path: string, body?: unknown) => Promise<Answered>;

export interface ConsolePlace {
  readonly url: string;
  readonly folder: string;
  readonly sandbox: Sandbox;
  /** What was printed on the first run. */
  readonly firstPassword: string;
  /** Everything that the service said. */
  readonly talk: () => string;
  /** The administrator, by the API. Only where the place is settled. */
  readonly admin: Asker;
  /** Makes a user with {@link password}. */
  user(name: string, role: 'operator' | 'auditor' | 'administrator'): Promise<void>;
  logIn(user: string, password: string): Promise<Asker>;
  mailbox(address?: string): Mailbox;
  deliver(address: string, messages: readonly (string | Uint8Array)[], folder?: string): void;
  close(): Promise<void>;
}

export async function startConsolePlace(wish: ConsoleWish = {}): Promise<ConsolePlace> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-console-'));
  copyProgram(await buildConsole(), join(folder, 'program'));
  const sandbox = await startSandbox({ withoutSeed: wish.seeded !== true });
  let service: Running | undefined;
  const close = async (): Promise<void> => {
    await service?.end();
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const { tenant, files } = tenantOf(sandbox);
    writeFileSync(join(folder, 'ca.pem'), files['ca.pem'] ?? '');
    const server = `{ host: localhost, port: ${sandbox.imap.tlsPort}, ca: ca.pem }`;
    const sources = (wish.sources ?? '').replaceAll('{server}', server).replaceAll('{mailbox}', sandbox.seededMailbox);
    const tenants = sources === '' ? '' : `tenants:\n  lab: ${tenant}\nsources:\n${sources}\n`;
    writeFileSync(join(folder, 'postern.yaml'), `data: ./data\nservice: { listen: 127.0.0.1:0 }\n${tenants}${wish.more ?? ''}`);
    writeFileSync(join(folder, 'trial.json'), JSON.stringify(trialOf(sandbox)));
    for (const [address, withheld] of Object.entries(wish.mailboxes ?? {})) {
      addMailbox(sandbox.tenant, makeMailbox(address)).quirks.emptyFetch = [...withheld];
    }
    await wish.prepare?.(join(folder, 'data'), sandbox);
    service = await startService(folder, wish.trial === true, { LAB_SECRET: sandbox.clientSecret });
    const { url, firstPassword, talk } = service;
    const logIn = (user: string, secret: string): Promise<Asker> => asker(url, user, secret);
    let admin: Asker = () => Promise.reject(new Error('the first password was not changed yet'));
    if (wish.settled !== false) {
      const first = await logIn('admin', firstPassword);
      await expectDone(first('PUT', '/session/password', { current: firstPassword, next: password }));
      admin = await logIn('admin', password);
    }
    const mailbox = (address = sandbox.seededMailbox): Mailbox => {
      const found = mailboxOf(sandbox.tenant, address);
      return found ?? addMailbox(sandbox.tenant, makeMailbox(address));
    };
    return {
      url,
      folder,
      sandbox,
      firstPassword,
      talk,
      admin,
      logIn,
      mailbox,
      async user(name, role) {
        await expectDone(admin('POST', '/users', { name, role, password: `${password} first` }));
        // Who was given a password by somebody else has to choose one.
        const first = await logIn(name, `${password} first`);
        await first('PUT', '/session/password', { current: `${password} first`, next: password });
      },
      deliver(address, messages, name = 'INBOX') {
        const of = mailbox(address);
        let target = folderOf(of, name);
        if (target === undefined) {
          target = new Folder({ name, uidValidity: 100 + of.folders.length });
          of.folders.push(target);
        }
        for (const message of messages) target.deliver([Buffer.from(message)], { internalDate: sandbox.tenant.now() });
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The program as it is now: who edits or builds while a test runs does not change what is tested. */
function copyProgram(builtConsole: string, to: string): void {
  cpSync(join(root, 'src'), join(to, 'src'), { recursive: true });
  cpSync(join(root, 'package.json'), join(to, 'package.json'));
  cpSync(builtConsole, join(to, 'console', 'dist'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
}

/** As `npm start` tells the service of it. */
function trialOf({ clientId, tenant, authority, imap, pop, seededMailbox, caPem }: Sandbox): unknown {
  return {
    clientId,
    tenantId: tenant.id,
    authority,
    imap: `localhost:${imap.tlsPort}`,
    pop: `localhost:${pop.tlsPort}`,
    mailbox: seededMailbox,
    ca: caPem,
  };
}

interface Running {
  readonly url: string;
  readonly firstPassword: string;
  readonly talk: () => string;
  end(): Promise<void>;
}

async function startService(folder: string, withTrial: boolean, env: Readonly<Record<string, string>>): Promise<Running> {
  const { POSTERN_CONFIG: _, ...outer } = process.env;
  const words = ['serve', '--config', 'postern.yaml', '--log', 'json', ...(withTrial ? ['--trial', 'trial.json'] : [])];
  const child = spawn(process.execPath, [join(folder, 'program/src/cli/main.ts'), ...words], {
    cwd: folder,
    env: { ...outer, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let talk = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    talk += text;
  });
  const said = (event: string, field: string): string | undefined => new RegExp(`"event":"${event}".*"${field}":"([^"]*)"`).exec(talk)?.[1];
  for (const began = performance.now(); said('first-administrator', 'password') === undefined; await systemClock.sleep(20)) {
    if (child.exitCode === null && child.signalCode === null && performance.now() - began < startDeadlineMs) continue;
    await ended(child);
    throw new Error(`the service did not start. It said:\n${talk}`);
  }
  return {
    url: (said('serving', 'url') ?? '').replace(/\/$/, ''),
    firstPassword: said('first-administrator', 'password') ?? '',
    talk: () => talk,
    end: () => ended(child),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), endDeadlineMs);
  await exited.finally(() => clearTimeout(timer));
}

async function asker(url: string, user: string, secret: string): Promise<Asker> {
  const login = await fetch(`${url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user, password: secret }),
  });
  const session: unknown = await login.json();
  if (login.status !== 200 || typeof session !== 'object' || session === null || !('csrf' in session)) {
    throw new Error(`${user} could not log in: ${login.status} ${JSON.stringify(session)}`);
  }
  const cookie = login.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  const csrf = String(session.csrf);
  return async (method, path, body) => {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        cookie,
        ...(method === 'GET' ? {} : { 'x-postern-csrf': csrf }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    return { status: answer.status, body: isJson ? JSON.parse(text) : text };
  };
}

export async function expectDone(answer: Promise<Answered>): Promise<Answered> {
  const { status, body } = await answer;
  if (status >= 400) throw new Error(`${status} ${JSON.stringify(body)}`);
  return { status, body };
}

/** Asks until it is so. */
export async function eventually(what: string, isSo: () => Promise<boolean>, forMs = 40_000): Promise<void> {
  for (const began = performance.now(); !(await isSo()); await systemClock.sleep(50)) {
    if (performance.now() - began > forMs) throw new Error(`it did not come to be within ${forMs} ms: ${what}`);
  }
}

/** Waits until all that lies in the seeded INBOX is imported and searchable: a list that is read from then on stands still. */
export async function everythingIn({ admin, mailbox }: ConsolePlace, source: string): Promise<void> {
  const inbox = folderOf(mailbox(), 'INBOX')?.messages.length ?? 0;
  await eventually(`all ${inbox} messages of ${source} are searchable`, async () => {
    const { messages, quarantined } = (await admin('GET', `/sources/${source}`)).body.card;
    return messages + quarantined === inbox && (await admin('GET', '/messages?q=')).body.lag === 0;
  });
}

/** Logs in by the page itself and waits for the frame. */
export async function logInByPage(page: Page, url: string, user: string, secret = password): Promise<void> {
  await page.goto(url);
  await page.getByLabel('User name').fill(user);
  await page.getByLabel(/^Password/).fill(secret);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: user, exact: true }).waitFor();
}

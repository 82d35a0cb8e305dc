/**
 * A service that truly runs, in this process, on the sandbox: for tests of routes. It is put together by the same lines as `postern serve`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { mailboxOf, makeMailbox } from '../../sandbox/src/tenant.ts';
import type { AccountRole } from '../../src/accounts/accounts.ts';
import { type RunningService, startService } from '../../src/cli/wire-serve.ts';
import type { SourceConfig } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ImportEvent } from '../../src/import/events.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { session } from '../../src/service/api/session.ts';
import type { SourceCard } from '../../src/service/api/source.ts';
import type { ServiceParts } from '../../src/service/parts.ts';
import { tenantOf } from './import-place-sandbox.ts';

export interface ServiceWish {
  /** The configuration but for `data:`; default: the tenant `lab` and no source. */
  readonly yaml?: (place: YamlPlace) => string;
  readonly env?: Readonly<Record<string, string>>;
  /** Of an earlier one, to go on with. */
  readonly folder?: string;
  /** One that the test has made; it is not ended with the service. */
  readonly sandbox?: Sandbox;
  /** With the mail that the sandbox has by itself in its seeded mailbox. Default: without. */
  readonly seeded?: boolean;
  readonly trial?: ServiceParts['trial'];
}

export interface YamlPlace {
  /** What stands behind `tenants: { lab: … }`. */
  readonly tenant: string;
  /** What stands behind `server:` for a source of this tenant. */
  readonly imap: string;
  readonly pop: string;
  /** The seeded mailbox. */
  readonly mailbox: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a JSON answer; undefined for any other. */
  readonly body: unknown;
  /** The body, read by a schema of the API. Throws, with what was answered, where it is something else. */
  as<S extends z.ZodType>(schema: S): z.output<S>;
}

/** Somebody who asks. `path` below /api/v1; `headers` in addition to those of the login. */
export type Asker = (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<Answered>;

export interface ServicePlace {
  /** E.g. `http://127.0.0.1:41234`, without a slash at its end. */
  readonly url: string;
  readonly folder: string;
  readonly sandbox: Sandbox;
  readonly parts: ServiceParts;
  readonly events: readonly ImportEvent[];
  /** What was told to a person. */
  readonly told: readonly string[];
  readonly bugs: readonly unknown[];
  /** An administrator who is logged in. */
  readonly admin: Asker;
  /** Makes a user of this role and logs it in. */
  as(role: AccountRole): Promise<Asker>;
  /** Without any login. */
  readonly nobody: Asker;
  /** A new mailbox of the sandbox's tenant, its address. */
  mailbox(address?: string): string;
  /** Delivers mail into a mailbox's INBOX. */
  deliver(address: string, ...texts: string[]): void;
  /** Waits until the card of a source is as wanted. */
  card(name: string, wanted: (card: SourceCard) => boolean): Promise<SourceCard>;
  /** Ends the service as SIGTERM does. The folder stays only with `keep`, the sandbox where the test has made it. */
  close(options?: { readonly keep?: boolean }): Promise<void>;
}

const password = 'correct horse battery staple';

export async function startServicePlace(wish: ServiceWish = {}): Promise<ServicePlace> {
  const sandbox = wish.sandbox ?? (await startSandbox({ withoutSeed: wish.seeded !== true }));
  const folder = wish.folder ?? mkdtempSync(join(tmpdir(), 'postern-service-'));
  const { tenant, files } = tenantOf(sandbox);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const yaml = wish.yaml ?? (({ tenant: lab }: YamlPlace) => `tenants:\n  lab: ${lab}\n`);
  const server = (port: number): string => `{ host: localhost, port: ${port}, ca: ca.pem }`;
  const place = { tenant, imap: server(sandbox.imap.tlsPort), pop: server(sandbox.pop.tlsPort), mailbox: sandbox.seededMailbox };
  writeFileSync(join(folder, 'postern.yaml'), `data: ./data\n${yaml(place)}`);
  const env = { LAB_SECRET: sandbox.clientSecret, ...wish.env };
  const events: ImportEvent[] = [];
  const told: string[] = [];
  const bugs: unknown[] = [];
  const stop = new AbortController();
  const service = await startService({
    config: await loadConfig(join(folder, 'postern.yaml'), env),
    read: () => loadConfig(join(folder, 'postern.yaml'), env),
    listen: '127.0.0.1:0',
    trial: wish.trial ?? null,
    env,
    report: (event) => events.push(event),
    onProxy: () => undefined,
    announce: (text) => told.push(text),
    onJournalFault: (fault) => told.push(fault.message),
    onUnreadable: (source, fault) => told.push(`${source}: ${fault.message}`),
    onBug: (error) => bugs.push(error),
    signal: stop.signal,
  });
  // A failure is met where the test closes the place.
  service.ended.catch(() => undefined);
  const url = service.url.replace(/\/$/, '');
  let made = 0;
  const as = async (role: AccountRole): Promise<Asker> => {
    made += 1;
    const user = `test-${role}-${made}-${process.pid}`;
    await service.parts.accounts.addUser({ name: user, role, password: new Secret(password), mustChangePassword: false });
    return await loggedIn(url, user, password);
  };
  const inbox = (address: string) => {
    const found = mailboxOf(sandbox.tenant, address)?.folders.find(({ name }) => name === 'INBOX');
    if (found === undefined) throw new Error(`the sandbox has no mailbox ${address}`);
    return found;
  };
  return {
    url,
    folder,
    sandbox,
    parts: service.parts,
    events,
    told,
    bugs,
    admin: await as('administrator'),
    as,
    nobody: (method, path, body, headers) => ask(url, method, path, body, headers),
    mailbox: (address) =>
      addMailbox(sandbox.tenant, makeMailbox(address ?? `service${sandbox.tenant.mailboxes.size}@contoso.test`)).address,
    deliver: (address, ...texts) => {
      for (const text of texts) inbox(address).deliver([Buffer.from(text)], { internalDate: sandbox.tenant.now() });
    },
    card: (name, wanted) => cardOf(service, name, wanted),
    async close({ keep = false } = {}) {
      stop.abort(new Error('stopped by the test'));
      try {
        await service.ended;
      } finally {
        if (wish.sandbox === undefined && !keep) await sandbox.close();
        if (!keep) rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

async function cardOf({ parts }: RunningService, name: string, wanted: (card: SourceCard) => boolean): Promise<SourceCard> {
  let last: SourceCard | undefined;
  for (const began = performance.now(); performance.now() - began < 60_000; await systemClock.sleep(20)) {
    last = await parts.engine.card(name);
    if (last !== undefined && wanted(last)) return last;
  }
  throw new Error(`the card of ${name} did not become what was wanted: ${JSON.stringify(last)}`);
}

/** Logs in; the cookie and the word against forged requests go with every question. */
export async function loggedIn(url: string, user: string, word: string): Promise<Asker> {
  const answer = await ask(url, 'POST', '/session', { user, password: word });
  if (answer.status >= 300) throw new Error(`the login of ${user} was answered ${answer.status}: ${answer.text}`);
  const cookie = answer.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  const { csrf } = answer.as(session);
  return (method, path, body, headers) => ask(url, method, path, body, { cookie, 'x-postern-csrf': csrf, ...headers });
}

async function ask(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    redirect: 'manual',
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const parsed: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: parsed,
    as: (schema) => {
      const read = schema.safeParse(parsed);
      if (read.success) return read.data;
      throw new Error(`${method} ${path} was answered ${response.status} ${text.slice(0, 2_000)}: ${read.error.message}`);
    },
  };
}

/** The configuration of a source of the sandbox's tenant, as the definitions would read it. */
export async function oneSource(place: ServicePlace, name: string, mailbox: string, more = ''): Promise<SourceConfig> {
  const { tenant } = tenantOf(place.sandbox);
  const file = join(place.folder, `${name}.yaml`);
  const server = `{ host: localhost, port: ${place.sandbox.imap.tlsPort}, ca: ca.pem }`;
  writeFileSync(
    file,
    `data: ./data\ntenants:\n  lab: ${tenant}\nsources:\n  ${name}: { tenant: lab, mailbox: ${mailbox}, server: ${server}, every: 1h${more} }\n`,
  );
  const { sources } = await loadConfig(file, place.parts.env);
  const [source] = sources;
  if (source === undefined) throw new Error('the configuration has no source');
  return source;
}

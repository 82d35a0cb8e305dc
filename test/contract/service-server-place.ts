/**
 * The server of the service on a clock that a test owns, with accounts of its own: what lies behind its routes is a service that truly runs.
 */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { AccountRole, Accounts } from '../../src/accounts/accounts.ts';
import { openAccounts } from '../../src/accounts/sqlite-accounts.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { failure } from '../../src/service/api/leaf.ts';
import type { ServiceAddress } from '../../src/service/http/address.ts';
import { type RunningServer, type ServerLimits, startServer } from '../../src/service/http/server.ts';
import type { ServiceParts } from '../../src/service/parts.ts';
import { figuresOf } from '../../src/service/start-watch.ts';
import { temporaryFolder } from './archive-suite.ts';
import type { ServicePlace } from './service-place.ts';
import { type MovedClock, movedClock } from './watch-place.ts';

export const word = 'correct horse battery staple';
const cost = { logN: 4, r: 8, p: 1 };

export interface ServedWish {
  readonly address?: Partial<ServiceAddress>;
  readonly consoleFolder?: string;
  readonly limits?: Partial<ServerLimits>;
  readonly parts?: Partial<ServiceParts>;
}

export interface Served {
  readonly server: RunningServer;
  readonly url: string;
  readonly port: number;
  readonly accounts: Accounts;
  readonly clock: MovedClock;
  /** Of the accounts. */
  readonly folder: string;
  readonly told: readonly string[];
  readonly bugs: readonly unknown[];
  /** Makes a user and logs it in. */
  user(name: string, role?: AccountRole, ca?: string): Promise<LoggedIn>;
}

export interface LoggedIn {
  readonly cookie: string;
  readonly csrf: string;
  /** With these it asks. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Runs `act` on such a server, and ends it. */
export async function served(place: ServicePlace, wish: ServedWish, act: (server: Served) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const clock = movedClock();
  const accounts = openAccounts(folder.path, { clock, cost });
  const told: string[] = [];
  const bugs: unknown[] = [];
  const parts: ServiceParts = { ...place.parts, accounts, clock, onBug: (error) => bugs.push(error), ...wish.parts };
  const server = await startServer(parts, {
    address: { host: '127.0.0.1', port: 0, tls: undefined, names: [], proxies: [], ...wish.address },
    consoleFolder: wish.consoleFolder ?? join(folder.path, 'no-console'),
    figures: figuresOf(clock),
    announce: (text) => told.push(text),
    ...(wish.limits === undefined ? {} : { limits: wish.limits }),
  });
  const { url } = server;
  const port = Number(new URL(url).port);
  try {
    await act({
      server,
      url: url.replace(/\/$/, ''),
      port,
      accounts,
      clock,
      folder: folder.path,
      told,
      bugs,
      user: async (name, role = 'administrator', ca = undefined) => {
        await accounts.addUser({ name, role, password: new Secret(word), mustChangePassword: false });
        return await logIn(url.replace(/\/$/, ''), name, word, ca);
      },
    });
  } finally {
    await server.close();
    await accounts.close();
  }
}

export async function logIn(url: string, user: string, password = word, ca?: string): Promise<LoggedIn> {
  const answered = await asked(`${url}/api/v1/session`, { method: 'POST', json: { user, password }, ...(ca === undefined ? {} : { ca }) });
  if (answered.status !== 200) throw new Error(`the login of ${user} was answered ${answered.status} ${answered.text}`);
  const [cookie = ''] = answered.headers['set-cookie']?.[0]?.split(';') ?? [];
  const { csrf } = Object(JSON.parse(answered.text));
  return { cookie, csrf: String(csrf), headers: { cookie, 'x-postern-csrf': String(csrf) } };
}

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: string | Buffer;
  /** Of the authority to trust. */
  readonly ca?: string;
  /** From which address of this machine. */
  readonly from?: string;
}

export interface Heard {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One request on a connection of its own, by Node's plain client: it sends what it is told, `Host` and dots in paths too. */
export function asked(url: string, { method = 'GET', headers = {}, json, body, ca, from }: Question = {}): Promise<Heard> {
  const target = new URL(url);
  // The path as it was written: a URL would take the dots out of it.
  const path = url.slice(target.origin.length) || '/';
  const sent = json === undefined ? body : JSON.stringify(json);
  const ask = target.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const question = ask(
      {
        host: target.hostname.replaceAll(/[[\]]/g, ''),
        port: target.port,
        path,
        method,
        agent: false,
        headers: { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(ca === undefined ? {} : { ca, servername: 'localhost' }),
        ...(from === undefined ? {} : { localAddress: from }),
        signal: AbortSignal.timeout(60_000),
      },
      (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece) => pieces.push(piece));
        answer.on('error', reject);
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(pieces).toString('utf8') }),
        );
      },
    );
    question.on('error', reject);
    question.end(sent);
  });
}

/** Waits until it is so. */
export async function comes(what: string, isSo: () => Promise<boolean>, deadlineMs = 40_000): Promise<void> {
  for (const began = performance.now(); !(await isSo()); await systemClock.sleep(10)) {
    if (performance.now() - began > deadlineMs) throw new Error(`did not come to be within ${deadlineMs} ms: ${what}`);
  }
}

/** The code of the fault that was answered. */
export function codeOf({ text }: Heard): string {
  return failure.parse(JSON.parse(text)).fault.code;
}

/** Of a failure that was answered on the wire. */
export function codeIn(wire: Wire): string | undefined {
  return /\{"fault":\{"code":"([^"]+)"/.exec(wire.text())?.[1];
}

/** A connection by hand, and what came over it. */
export interface Wire {
  text(): string;
  write(text: string): void;
  until(wanted: RegExp): Promise<void>;
  ended(): Promise<void>;
  close(): void;
}

export async function sent(port: number, text: string): Promise<Wire> {
  const socket = await opened(port);
  let heard = '';
  socket.setEncoding('utf8').on('data', (piece) => {
    heard += String(piece);
  });
  socket.write(text, 'latin1');
  return {
    text: () => heard,
    write: (more) => void (socket.writable && socket.write(more)),
    until: (wanted) => comes(String(wanted), async () => wanted.test(heard)),
    ended: () => comes('the connection ends', async () => socket.closed || socket.readableEnded),
    close: () => socket.destroy(),
  };
}

export function listened(port: number, headers: Readonly<Record<string, string>>): Promise<Wire> {
  return sent(port, `GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n${lines(headers)}\r\n`);
}

export function lines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

export function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => undefined);
  });
}

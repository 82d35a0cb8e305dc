/**
 * What a test of the watch needs around one: a sandbox, a configuration with alerts, an import that goes on, a receiver for webhooks, and
 * a clock that the test moves.
 *
 * Time goes on by itself as on the wall; `pass` lets hours go by at once, `jump` sets only the machine's clock, as an administrator does.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Archive } from '../../src/archive/archive.ts';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { alertLogin, credentialEnd, importSources } from '../../src/cli/wire.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ImportEvent } from '../../src/import/events.ts';
import { runOn } from '../../src/import/run.ts';
import type { Notice, NoticeEvent } from '../../src/import/watch/notice.ts';
import { forgivingJournal } from '../../src/journal/forgiving.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { request } from '../../src/runtime/http.ts';
import { type RunningWatch, startWatch } from '../../src/service/start-watch.ts';
import { until } from './import-place.ts';

export interface MovedClock extends Clock {
  /** Lets time go by. */
  pass(ms: number): void;
  /** Sets the machine's clock. */
  jump(ms: number): void;
}

/** Longest real wait of a sleep: what is due after hours comes at once, what repeats does not spin. */
const longestSleepMs = 20;

export function movedClock(): MovedClock {
  let wall = 0;
  let steady = 0;
  return {
    now: () => systemClock.now() + wall,
    monotonic: () => systemClock.monotonic() + steady,
    sleep: (ms, signal) => systemClock.sleep(Math.min(ms, longestSleepMs), signal),
    pass(ms) {
      wall += ms;
      steady += ms;
    },
    jump(ms) {
      wall += ms;
    },
  };
}

export interface Posted {
  readonly notice: Notice;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Receiver {
  readonly url: string;
  /** What was accepted, in the order in which it came. */
  readonly posted: readonly Posted[];
  /** Posts that came at all. */
  readonly attempts: () => number;
  /** What it answers from now on. */
  answer(status: number, headers?: Readonly<Record<string, string>>): void;
  /** Waits for a notice. */
  heard(event: NoticeEvent, kind: string, key?: string): Promise<Posted>;
  close(): Promise<void>;
}

export async function startReceiver(path = '/hooks/T0k3nInThePath'): Promise<Receiver> {
  const posted: Posted[] = [];
  let attempts = 0;
  let answer: { readonly status: number; readonly headers: Readonly<Record<string, string>> } = { status: 204, headers: {} };
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      attempts += 1;
      const body = Buffer.concat(chunks).toString('utf8');
      if (answer.status < 300 && incoming.url === path) posted.push({ notice: JSON.parse(body), body, headers: incoming.headers });
      response.writeHead(answer.status, answer.headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const find = (event: NoticeEvent, kind: string, key?: string): Posted | undefined =>
    posted.findLast(
      ({ notice }) => notice.event === event && notice.alert.kind === kind && (key === undefined || notice.alert.key === key),
    );
  return {
    url: `http://127.0.0.1:${port}${path}`,
    posted,
    attempts: () => attempts,
    answer: (status, headers = {}) => {
      answer = { status, headers };
    },
    heard: async (event, kind, key) => {
      await until(() => find(event, kind, key) !== undefined);
      const found = find(event, kind, key);
      if (found === undefined) throw new Error('heard and gone');
      return found;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Service {
  readonly folder: string;
  readonly config: Config;
  readonly archive: Archive;
  readonly journal: Journal;
  readonly watch: RunningWatch;
  readonly events: readonly ImportEvent[];
  readonly announced: readonly string[];
  /** Lets time go by between two looks: one into which hours fall is that of a machine on which everything takes hours. */
  pass(ms: number): Promise<void>;
  /** Ends as Ctrl-C does; the folder stays. */
  stop(): Promise<void>;
}

export interface ServiceWish {
  /** The text of the configuration, but for `data:`. */
  readonly yaml: string;
  readonly env: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly clock: MovedClock;
  /** Of an earlier one, to go on with. */
  readonly folder?: string;
}

/** An import that goes on, watched, with health and metrics on a port of the system's choice. */
export async function startService(wish: ServiceWish): Promise<Service> {
  const folder = wish.folder ?? mkdtempSync(join(tmpdir(), 'postern-watch-'));
  for (const [name, text] of Object.entries(wish.files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, 'postern.yaml'), `data: ./data\n${wish.yaml}`);
  const config = await loadConfig(join(folder, 'postern.yaml'), wish.env);
  const sources = importSources(config, []);
  const { clock } = wish;
  const archive = await openArchive(config.dataFolder, clock);
  const journal = forgivingJournal(
    () => openJournal(config.dataFolder, { clock, onFault: () => undefined }),
    clock,
    () => undefined,
  );
  const events: ImportEvent[] = [];
  const announced: string[] = [];
  const stop = new AbortController();
  const watch = await startWatch({
    config,
    sources: config.sources,
    archive,
    journal,
    clock,
    random: () => 0.5,
    request,
    credentialEnd: credentialEnd(),
    mailCredential: alertLogin(config),
    once: false,
    listen: '127.0.0.1:0',
    announce: (text) => announced.push(text),
  });
  const report = (event: ImportEvent): void => {
    events.push(event);
    watch.tell(event);
  };
  const running = watch.during(runOn(sources, { archive, clock, random: () => 0.5, report, signal: stop.signal }, { connections: 4 }));
  return {
    folder,
    config,
    archive,
    journal,
    watch,
    events,
    announced,
    async pass(ms) {
      const before = watch.snapshot().looked;
      // Turn by turn: the next look begins some milliseconds after the end of this one.
      while (watch.snapshot().looked === before) await nextTurn();
      clock.pass(ms);
    },
    async stop() {
      stop.abort(new Error('stopped by the test'));
      try {
        await running;
      } finally {
        await watch.close();
        await archive.close();
        await journal.close();
      }
    },
  };
}

/** Waits for the end of a pass that has begun after now. */
export async function nextPass({ events }: Service, source: string): Promise<void> {
  const passes = (): number => events.filter((event) => event.kind === 'pass' && event.source === source).length;
  const before = passes();
  await until(() => passes() >= before + 2);
}

export interface Got {
  readonly status: number;
  readonly text: string;
}

export async function get({ watch }: Service, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Got> {
  const { status, text } = await request({ method: 'GET', url: new URL(`http://${watch.address}${path}`), headers });
  return { status, text };
}

/** Waits until a source is in a state, as the service tells over HTTP. */
export async function becomes(service: Service, source: string, state: string): Promise<Record<string, unknown>> {
  let last = '';
  for (const began = performance.now(); performance.now() - began < 40_000; await systemClock.sleep(20)) {
    const { text } = await get(service, `/sources/${source}`);
    last = text;
    const report: unknown = JSON.parse(text);
    if (typeof report === 'object' && report !== null && 'state' in report && report.state === state) return { ...report };
  }
  throw new Error(`${source} did not become ${state}: ${last}`);
}

/** Everything that lies under a folder, as text. */
export function everythingUnder(folder: string): string {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}

export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Health and metrics of a running import over HTTP: `/livez`, `/readyz`, `/sources`, `/sources/NAME`, `/metrics`.
 *
 * The hard thing is that nobody is asked who he is. So it listens on this machine alone unless the configuration names another address,
 * answers reading requests only, tells nothing of messages or people, and gives slow and greedy clients little: one request is small and
 * quick, or it is cut off. A page in a browser must not read it through a name that it points at this machine, so `Host` has to fit.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { Fault } from '../fault/fault.ts';
import { metricsContentType, metricsText, type ProcessFigures } from '../import/watch/metrics.ts';
import { works } from '../import/watch/state.ts';
import type { WatchSnapshot } from '../import/watch/watch.ts';
import { isLoopback } from '../import/watch/webhook.ts';
import { sourceReport } from './source-report.ts';

export interface HealthOptions {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** Undefined while there is nothing to say yet. */
  readonly snapshot: () => WatchSnapshot | undefined;
  readonly figures: () => ProcessFigures;
}

export interface HealthServer {
  /** `HOST:PORT` as it is listened on. */
  readonly address: string;
  /** From now on `/readyz` says no. */
  leave(): void;
  close(): Promise<void>;
}

/** A request line with its headers; for everything from the first byte to the last of a request. */
const requestMs = 5_000;
const idleMs = 30_000;
const maxHeaderBytes = 8 * 1024;
const maxConnections = 100;
/** A watch that has not looked for so long hangs. */
const hangsAfterMs = 120_000;

export interface HealthAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** @throws Fault watch.listen-failed */
export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  let leaving = false;
  const server = createServer(
    {
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      keepAliveTimeout: requestMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: maxHeaderBytes,
    },
    (request, response) => send(request, response, answerTo(request, options, leaving)),
  );
  server.maxConnections = maxConnections;
  // A client that does not read its answer.
  server.timeout = idleMs;
  server.maxRequestsPerSocket = 100;
  // Nobody sends us a body; what is not HTTP gets Node's 400 and the end.
  server.on('checkContinue', (_request, response: ServerResponse) => response.writeHead(417, { connection: 'close' }).end());
  server.on('upgrade', (_request, socket) => socket.destroy());
  await listen(server, options);
  return {
    address: addressOf(server),
    leave: () => {
      leaving = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: HealthOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Fault('watch.listen-failed', { host, port, errno: error.code ?? 'unknown' }, { cause: error }));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      // A connection that cannot be taken (no more files) is the client's loss, not the end of the import.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: HealthAnswer): void {
  const bytes = Buffer.from(body, 'utf8');
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    // What a refused request still sends is not read.
    ...(status >= 400 && status < 500 ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

function answerTo(request: IncomingMessage, { host, snapshot, figures }: HealthOptions, leaving: boolean): HealthAnswer {
  if (!isOurName(request.headers.host, host)) return json(403, { error: 'this name is not served here' });
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { error: 'GET and HEAD only' });
  return healthAnswer((request.url ?? '/').replace(/^\/sources(?=[/?]|$)/, '/sources-health'), snapshot(), figures, leaving);
}

/** Where `serve` answers the same on the port of the console, in whose pages `/sources` is another thing. */
export const healthPaths = ['/livez', '/healthz', '/readyz', '/metrics', '/sources-health', '/sources-health/:name'] as const;

/** @param now undefined while there is nothing to say yet */
export function healthAnswer(url: string, now: WatchSnapshot | undefined, figures: () => ProcessFigures, leaving: boolean): HealthAnswer {
  const path = url.split('?')[0] ?? '/';
  if (now === undefined) return json(503, { ready: false, reason: 'starting' });
  switch (path) {
    case '/livez':
    case '/healthz':
      return lives(now) ? json(200, { live: true }) : json(503, { live: false, reason: 'the watch has not looked for two minutes' });
    case '/readyz':
      if (leaving) return json(503, { ready: false, reason: 'ending' });
      return now.looked === undefined ? json(503, { ready: false, reason: 'starting' }) : json(200, { ready: true });
    case '/metrics':
      return { status: 200, type: metricsContentType, body: metricsText(now, figures()) };
    case '/sources-health': {
      const reports = now.sources.map(({ name }) => sourceReport(now, name)).filter((one) => one !== undefined);
      const well = reports.every(({ state }) => works(state)) && now.service.every(({ kind }) => kind === 'certificate');
      const service = now.service.map(({ kind, fault, since }) => ({
        kind,
        code: fault.code,
        says: fault.entry.says,
        fix: fault.entry.fix,
        seen: fault.evidence,
        since: new Date(since.wallMs),
      }));
      return json(well ? 200 : 503, { works: well, service, sources: reports });
    }
    default: {
      const report = path.startsWith('/sources-health/') ? sourceReport(now, decoded(path.slice('/sources-health/'.length))) : undefined;
      if (report === undefined)
        return json(404, { error: 'not found', paths: ['/livez', '/readyz', '/sources', '/sources/NAME', '/metrics'] });
      return json(works(report.state) ? 200 : 503, report);
    }
  }
}

function lives({ started, looked, now }: WatchSnapshot): boolean {
  return now.steadyMs - (looked ?? started).steadyMs < hangsAfterMs;
}

/** On loopback only names of this machine, so that no page of the web reaches it by a name of its own (DNS rebinding). */
function isOurName(header: string | undefined, host: string): boolean {
  if (!isLoopback(host)) return true;
  // HTTP/1.0 need not send one.
  if (header === undefined) return true;
  const name = header.replace(/:\d+$/, '');
  return isLoopback(name) || isIP(name) !== 0;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function json(status: number, value: unknown): HealthAnswer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, null, 2)}\n` };
}

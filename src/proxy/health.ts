/**
 * Health and metrics of a proxy that runs alone, over HTTP on this machine: `/livez`, `/readyz`, `/metrics`.
 *
 * The hard thing is that nobody is asked who he is: so it listens on this machine only, answers reading requests that name it as their
 * host (a page in a browser must not read it through a name of its own), and gives each connection little.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Fault } from '../fault/fault.ts';
import { family, metricsContentType } from '../runtime/exposition.ts';
import { isLoopback } from '../tenant/ids.ts';
import { proxyMetrics } from './metrics.ts';
import type { ProxyPort } from './port.ts';

export interface ProxyHealth {
  /** `HOST:PORT` as it is listened on. */
  readonly address: string;
  close(): Promise<void>;
}

const requestMs = 5_000;
const maxConnections = 50;

/** @throws Fault proxy.listen-failed */
export async function serveProxyHealth(
  proxy: ProxyPort,
  where: { readonly host: string; readonly port: number },
  version: string,
): Promise<ProxyHealth> {
  const server = createServer(
    {
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      keepAliveTimeout: requestMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 8 * 1024,
    },
    (request, response) => answer(request, response, proxy, version),
  );
  server.maxConnections = maxConnections;
  server.timeout = requestMs * 6;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Fault('proxy.listen-failed', { listener: 'health', ...where, errno: error.code ?? 'unknown' }, { cause: error }));
    });
    server.listen({ ...where }, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return {
    address: address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer({ method, url = '/', headers }: IncomingMessage, response: ServerResponse, proxy: ProxyPort, version: string): void {
  const host = headers.host?.replace(/:\d+$/, '') ?? '';
  const [status, type, body] = !isLoopback(host)
    ? [421, 'text/plain; charset=utf-8', 'this is for the machine itself\n']
    : method !== 'GET' && method !== 'HEAD'
      ? [405, 'text/plain; charset=utf-8', 'reading only\n']
      : page(url.replace(/\?.*$/, ''), proxy, version);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(method === 'HEAD' ? undefined : body);
}

function page(path: string, proxy: ProxyPort, version: string): readonly [status: number, type: string, body: string] {
  const text = 'text/plain; charset=utf-8';
  switch (path) {
    case '/livez':
      return [200, text, 'ok\n'];
    case '/readyz':
    case '/healthz':
      return proxy.ready ? [200, text, 'ok\n'] : [503, text, 'not ready\n'];
    case '/metrics':
      return [200, metricsContentType, proxyMetrics(proxy.snapshot()) + processMetrics(version)];
    default:
      return [404, text, 'there are /livez, /readyz and /metrics\n'];
  }
}

function processMetrics(version: string): string {
  const { user, system } = process.cpuUsage();
  return [
    family('postern_build_info', 'gauge', 'Always 1; the version is a label.', [[{ version }, 1]]),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', [[{}, process.memoryUsage.rss()]]),
    family('process_start_time_seconds', 'gauge', 'Start time of the process since unix epoch in seconds.', [
      [{}, performance.timeOrigin / 1000],
    ]),
    family('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', [[{}, (user + system) / 1_000_000]]),
  ].join('');
}

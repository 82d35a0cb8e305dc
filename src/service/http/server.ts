/**
 * The server of `postern serve`: console, API, health and metrics on one port.
 *
 * The hard thing is that it stands beside the import and must never harm it: whatever is asked, however much, however slowly, costs a
 * bounded part of memory, time and connections; and no answer, not even that of a bug, says more than the asker may know.
 */
import { Server as TlsServer } from 'node:tls';
import fastifyCookie from '@fastify/cookie';
import fastifyRateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type FastifyServerOptions } from 'fastify';
import { Fault } from '../../fault/fault.ts';
import type { ProcessFigures } from '../../import/watch/metrics.ts';
import { proxyMetrics } from '../../proxy/metrics.ts';
import { isLoopback } from '../../tenant/ids.ts';
import { healthAnswer, healthPaths } from '../health.ts';
import type { ServiceParts } from '../parts.ts';
import { serviceRoutes } from '../routes.ts';
import type { ServiceAddress, TlsMaterial } from './address.ts';
import { type ApiSetting, admitted, apiPrefix, isSecure, serveRoutes } from './api.ts';
import { boundConnections } from './connections.ts';
import { consoleFiles } from './console-files.ts';
import { failureOf } from './failure.ts';
import { commonHeaders } from './headers.ts';
import { hostOf, isOurName } from './host-names.ts';
import { HttpFigures } from './http-figures.ts';
import type { Who } from './route.ts';

export interface ServerOptions {
  /** Of `serviceAddress`. */
  readonly address: ServiceAddress;
  /** Folder of the built console (`console/dist`); where it is not there, a page says how to build it. */
  readonly consoleFolder: string;
  readonly figures: () => ProcessFigures;
  /** Tells a person something about the server itself, without content. */
  readonly announce: (text: string) => void;
  /** Other than usual: a test is in a hurry. */
  readonly limits?: Partial<ServerLimits>;
}

export interface ServerLimits {
  /** For the headers of a request, from its first byte. */
  readonly headersMs: number;
  /** For a request whole. */
  readonly requestMs: number;
  /** Of one address. */
  readonly requestsAMinute: number;
}

export interface RunningServer {
  /** `HOST:PORT` as it is listened on. */
  readonly address: string;
  /** What a person opens, e.g. `http://127.0.0.1:8473/`. */
  readonly url: string;
  /** From now on `/readyz` says no. */
  leave(): void;
  /** Ends event streams, then connections. */
  close(): Promise<void>;
}

const usualLimits: ServerLimits = {
  headersMs: 10_000,
  requestMs: 30_000,
  // A person at the console needs some hundred; a program that wants all messages one by one gets on as well.
  requestsAMinute: 6_000,
};
const keepAliveMs = 30_000;
/** Without a byte in either direction. Some answers take their time: a server is asked for its folders. */
const idleMs = 120_000;
const maxHeaderBytes = 16 * 1024;
const maxRequestsPerSocket = 10_000;
/** How many addresses are counted at once. */
const countedAddresses = 5_000;
/** How long answers that are under way may take once the service ends. */
const leaveMs = 2_000;
const certificateEveryMs = 60_000;
const endsSoonMs = 14 * 24 * 3_600_000;

/** Listens at once. @throws Fault service.listen-failed */
export async function startServer(parts: ServiceParts, options: ServerOptions): Promise<RunningServer> {
  const { address } = options;
  const closing = new AbortController();
  let isLeaving = false;
  const setting: ApiSetting = { parts, address, closing: closing.signal, figures: new HttpFigures() };
  const limits = { ...usualLimits, ...options.limits };
  const app = makeApp(address, limits);
  await guard(app, setting, options, limits);
  serveHealth(app, setting, options, () => isLeaving);
  serveRoutes(app, serviceRoutes(parts), setting);
  await serveConsole(app, setting, options);
  boundConnections(app.server, address.proxies);
  app.server.headersTimeout = limits.headersMs;
  await listen(app, address);
  const reloading = address.tls === undefined ? undefined : followCertificate(app, address.tls, setting, options);
  const bound = addressOf(app);
  return {
    address: bound,
    url: `${address.tls === undefined ? 'http' : 'https'}://${bound}/`,
    leave: () => {
      isLeaving = true;
    },
    close: async () => {
      isLeaving = true;
      closing.abort();
      const late = setTimeout(() => app.server.closeAllConnections(), leaveMs);
      await app.close();
      clearTimeout(late);
      await reloading;
    },
  };
}

function makeApp({ tls, proxies }: ServiceAddress, { requestMs, headersMs }: ServerLimits): FastifyInstance {
  const server = { connectionsCheckingInterval: 1_000, maxHeaderSize: maxHeaderBytes };
  const options: FastifyServerOptions = {
    logger: false,
    // Only what these addresses say of whom they ask for is believed.
    trustProxy: proxies.length === 0 ? false : (peer: string) => proxies.includes(peer.replace(/^::ffff:/, '')),
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    connectionTimeout: idleMs,
    maxRequestsPerSocket,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    return503OnClosing: false,
    // A path that cannot be decoded comes by none of the hooks.
    frameworkErrors: (_error, request, reply) => {
      const { body } = failureOf(new Fault('service.not-found'), '', false);
      reply.hijack();
      reply.raw.writeHead(404, { ...commonHeaders(staysSecure(request)), 'content-type': 'application/json; charset=utf-8' });
      reply.raw.end(JSON.stringify(body));
    },
    // Ids of conversations are Message-IDs.
    routerOptions: { maxParamLength: 2_000, ignoreTrailingSlash: false, caseSensitive: true },
  };
  if (tls === undefined) return Fastify({ ...options, http: server });
  const secure = { ...tls.pair(), minVersion: 'TLSv1.2', handshakeTimeout: headersMs } as const;
  // Of another type only because of its server; nothing here asks which one it is.
  return Fastify({ ...(options as object), https: { ...server, ...secure } }) as unknown as FastifyInstance;
}

/** What comes before every answer, whatever is asked for. */
async function guard(app: FastifyInstance, setting: ApiSetting, { announce }: ServerOptions, limits: ServerLimits): Promise<void> {
  const { parts, address } = setting;
  // Schemas of ours check and serialise; fastify's own compilers are not used.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.removeAllContentTypeParsers();
  const json = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else json(request, String(body), done);
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(commonHeaders(staysSecure(request)));
    if (setting.closing.aborted) throw new Fault('service.ending');
    if (!isOurName(request.headers.host, address))
      throw new Fault('service.name-not-served', { host: (request.headers.host ?? '').slice(0, 100) });
  });
  app.addHook('onResponse', async ({ method, routeOptions }, reply) => {
    const isLogin = method === 'POST' && routeOptions.url === `${apiPrefix}/session`;
    setting.figures.answered(reply.statusCode, isLogin, reply.elapsedTime / 1000);
  });
  app.setErrorHandler((error, request, reply) => {
    const failed = failureOf(error, `${request.method} ${request.routeOptions.url ?? 'unknown path'}`, whoOf(request) !== undefined);
    if (failed.bug !== undefined) {
      announce(`A request met a bug of ours: ${failed.bug.message}`);
      parts.onBug(failed.bug);
    }
    // What a refused request still sends is not read.
    const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
    if (hasBody && request.body === undefined) reply.header('connection', 'close');
    return reply.code(failed.status).headers(failed.headers).type('application/json; charset=utf-8').send(JSON.stringify(failed.body));
  });
  await app.register(fastifyCookie);
  await app.register(fastifyRateLimit, {
    max: limits.requestsAMinute,
    timeWindow: 60_000,
    cache: countedAddresses,
    addHeaders: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    errorResponseBuilder: (_request, { ttl }) => new Fault('service.too-many-requests', { seconds: Math.ceil(ttl / 1000) }),
  });
}

/** Not for `localhost`: a browser would hold every other program of this machine to TLS as well. */
function staysSecure(request: FastifyRequest): boolean {
  return isSecure(request) && !isLoopback(hostOf(request.headers.host) ?? '');
}

function whoOf(request: FastifyRequest): Who | undefined {
  const who: unknown = Reflect.get(request, 'who');
  return typeof who === 'object' && who !== null && 'name' in who && who.name !== '' ? (who as Who) : undefined;
}

/** On this machine alone without a login, as `import run` does; else metrics and sources are for who is logged in or has a token. */
function serveHealth(app: FastifyInstance, setting: ApiSetting, { figures }: ServerOptions, isLeaving: () => boolean): void {
  const { parts, address } = setting;
  const isOpen = ({ ip }: FastifyRequest): boolean => isLoopback(address.host) && address.proxies.length === 0 && isLoopback(ip);
  for (const path of healthPaths) {
    app.route({
      method: ['GET', 'HEAD'],
      url: path,
      handler: async (request, reply) => {
        const isSmall = path === '/livez' || path === '/readyz' || path === '/healthz';
        if (!isSmall && !isOpen(request)) await admitted(request, setting, { method: 'GET', path, may: 'read' });
        const { status, type, body } = healthAnswer(request.url, parts.watch(), figures, isLeaving());
        const ofProxy = parts.proxy === undefined ? '' : proxyMetrics(parts.proxy.snapshot());
        const more = path === '/metrics' && status === 200 ? ofProxy + setting.figures.text() : '';
        return reply
          .code(status)
          .type(type)
          .send(body + more);
      },
    });
  }
}

async function serveConsole(app: FastifyInstance, setting: ApiSetting, { consoleFolder }: ServerOptions): Promise<void> {
  const page = await consoleFiles(app, consoleFolder);
  const unknown = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    if (!isApi(request.url)) return page(request, reply);
    await admitted(request, setting, { method: 'GET', path: '', may: 'read' });
    throw new Fault('service.not-found');
  };
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, unknown);
}

/** However it is written: what could be meant for the API is never answered with a page. */
function isApi(url: string): boolean {
  let path = url;
  try {
    path = decodeURIComponent(url);
  } catch {
    // Then as it stands.
  }
  return /^\/+api(?![\w-])/i.test(path);
}

async function listen(app: FastifyInstance, { host, port }: ServiceAddress): Promise<void> {
  const refused = (error: unknown): Fault => {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return new Fault('service.listen-failed', { host, port, errno }, { cause: error });
  };
  await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port }).catch((error: unknown) => {
    throw refused(error);
  });
}

function addressOf({ server }: FastifyInstance): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

/** Certificates are renewed while the service runs: looked at once a minute; what cannot be used is told once, and the old one goes on. */
async function followCertificate(
  app: FastifyInstance,
  begun: TlsMaterial,
  { parts: { clock }, closing: signal, figures }: ApiSetting,
  { announce }: ServerOptions,
): Promise<void> {
  figures.certificate(begun.ends);
  if (begun.ends.getTime() - clock.now() < endsSoonMs) {
    announce(`The certificate of the console ends ${begun.ends.toISOString().slice(0, 10)}: renew it.`);
  }
  let current = begun;
  let told = '';
  while (!signal.aborted) {
    try {
      await clock.sleep(certificateEveryMs, signal);
      const next = await current.again();
      told = '';
      if (next.fingerprint === current.fingerprint) continue;
      if (app.server instanceof TlsServer) app.server.setSecureContext({ ...next.pair(), minVersion: 'TLSv1.2' });
      current = next;
      figures.certificate(next.ends);
      announce(`The certificate of the console was read anew; it ends ${next.ends.toISOString().slice(0, 10)}.`);
    } catch (error) {
      if (signal.aborted) return;
      const text = error instanceof Error ? error.message : 'unknown';
      if (text !== told) announce(`The certificate of the console cannot be read anew; the old one goes on: ${text}`);
      told = text;
    }
  }
}

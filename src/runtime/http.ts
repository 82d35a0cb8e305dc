/**
 * One HTTP request, for questions to web services: small answers, read whole, within a bound and a deadline.
 *
 * Not `fetch`: that hides why TLS failed and cannot trust one more authority for one request. Node's own HTTP client speaks over our
 * `ByteSocket`, so that names, connections and certificates fail with the same faults here as they do for mail.
 */
import http from 'node:http';
import { Duplex } from 'node:stream';
import { Fault } from '../fault/fault.ts';
import { Secret } from './secret.ts';
import { type ByteSocket, connectSocket } from './socket.ts';

export interface HttpQuestion {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** A `Secret` where the body carries one. */
  readonly body?: string | Secret;
  /** PEM texts, trusted in addition to the system's authorities. */
  readonly ca?: readonly string[];
  /** For everything from the name to the last byte; {@link defaultTimeoutMs} when absent. */
  readonly timeoutMs?: number;
  /** An answer with a longer body is refused; {@link defaultMaxBytes} when absent. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case; several of one name joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export type HttpRequest = (question: HttpQuestion) => Promise<HttpAnswer>;

const defaultTimeoutMs = 30_000;
const defaultMaxBytes = 1024 * 1024;

/**
 * Asks and reads the answer, whatever its status; redirects are not followed. A new connection each time.
 * @throws Fault network.*, http.answer-unusable; the signal's reason when it is aborted.
 */
export const request: HttpRequest = async (question) => {
  const { url, signal, timeoutMs = defaultTimeoutMs } = question;
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const startedAt = performance.now();
  const socket = await connectSocket({ host, port, tls: secure, ca: question.ca ?? [] }, { timeoutMs, signal });
  const giveUp = new AbortController();
  const timer = setTimeout(
    () => giveUp.abort(new Fault('network.timeout', { host, port, waitedMs: timeoutMs, waitedFor: 'answer' })),
    Math.max(0, timeoutMs - (performance.now() - startedAt)),
  );
  const onAbort = (): void => giveUp.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    return await exchange(question, socket, giveUp.signal);
  } catch (error) {
    if (giveUp.signal.aborted) throw giveUp.signal.reason;
    if (error instanceof Fault) throw error;
    throw asFault(error, { host, port });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    socket.destroy();
  }
};

function exchange(question: HttpQuestion, socket: ByteSocket, giveUp: AbortSignal): Promise<HttpAnswer> {
  const { method, url, headers = {}, maxBytes = defaultMaxBytes } = question;
  return new Promise((resolve, reject) => {
    const body = question.body instanceof Secret ? question.body.reveal() : (question.body ?? '');
    const asked = http.request({
      method,
      host: url.hostname,
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, connection: 'close', 'content-length': Buffer.byteLength(body), ...headers },
      // Heeded only where no agent is named.
      createConnection: () => asDuplex(socket),
      signal: giveUp,
    });
    asked.on('error', reject);
    asked.on('response', (answer) => {
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxBytes) {
          reject(
            new Fault('http.answer-unusable', { host: url.host, status: answer.statusCode ?? 0, seen: `more than ${maxBytes} bytes` }),
          );
          asked.destroy();
        } else chunks.push(chunk);
      });
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: answer.statusCode ?? 0, headers: joined(answer.headers), text });
      });
    });
    asked.end(body);
  });
}

/** The socket as Node's HTTP client wants it. Destroying it destroys the socket. */
function asDuplex(socket: ByteSocket): Duplex {
  return new Duplex({
    read() {
      // The deadline is that of the whole request, kept by its caller.
      socket.read({}).then(
        (chunk) => this.push(chunk ?? null),
        (error) => this.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      socket.write(chunk).then(() => done(), done);
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
}

function joined(headers: http.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

/** What Node's HTTP client says for itself: bytes that are no HTTP, or an end in the middle. */
function asFault(error: unknown, where: { readonly host: string; readonly port: number }): Fault {
  const errno = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
  if (errno.startsWith('HPE_')) return new Fault('http.answer-unusable', { ...where, seen: `not HTTP (${errno})` }, { cause: error });
  return new Fault('network.connection-lost', { ...where, errno }, { cause: error });
}

/**
 * Microsoft Graph, as far as every call to it is the same: the token, pages, pauses, errors.
 *
 * The hard thing is trying again. A read, a PATCH and a DELETE may be repeated whatever happened; a POST that makes something may not,
 * unless the answer says that it was not looked at (429). Where it is not known whether it was done, the caller gets to know just that
 * (graph.outcome-unknown) and looks. M365 (doc): errors, throttling and paging of Graph v1.0.
 */
import { randomUUID } from 'node:crypto';
import type { FaultCode } from '../../fault/catalog.ts';
import { type Evidence, Fault, isFault } from '../../fault/fault.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { HttpAnswer, HttpRequest } from '../../runtime/http.ts';
import { retryAfterSeconds } from '../../runtime/retry-after.ts';
import { Secret } from '../../runtime/secret.ts';
import type { AdminTokens } from '../token.ts';

export type GraphObject = Readonly<Record<string, unknown>>;

/** A request that was answered, for the audit: never its body. */
export interface GraphTrace {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly requestId: string;
  readonly clientRequestId: string;
}

export interface GraphClient {
  /** @param path behind `/v1.0/`, its values encoded by {@link key} and {@link filter} @returns undefined for 404 @throws Fault graph.*, signin.*, network.* */
  get(path: string): Promise<GraphObject | undefined>;
  /** All objects of a list, page by page. */
  list(path: string): AsyncGenerator<GraphObject>;
  /** A POST that makes or does something; sent again only where the answer says that it was not looked at. @throws also Fault graph.outcome-unknown */
  post(path: string, body: object): Promise<GraphObject>;
  /** @returns whether something was made (201, with `createIfMissing`) and the object where one was sent back */
  patch(
    path: string,
    body: object,
    options?: { readonly createIfMissing?: boolean },
  ): Promise<{ readonly made: boolean; readonly object: GraphObject }>;
  /** Nothing there is no failure: it is gone. */
  delete(path: string): Promise<void>;
}

export interface GraphPorts {
  readonly request: HttpRequest;
  readonly clock: Clock;
  readonly random: () => number;
  readonly tokens: AdminTokens;
  readonly signal: AbortSignal;
  readonly onTrace?: (trace: GraphTrace) => void;
}

/** Times that a request is sent, the first included. */
const maxAttempts = 6;
const firstWaitMs = 1_000;
const longestWaitMs = 60_000;
const maxBytes = 16 * 1024 * 1024;
/** A list is some hundred pages at most; more is a link that leads in a circle. */
const maxPages = 10_000;

/** @param origin e.g. `https://graph.microsoft.com` */
export function graphClient(origin: string, ca: readonly string[], ports: GraphPorts): GraphClient {
  return new Graph(origin, ca, ports);
}

/** `applications(appId='…')`: a quote in a value stands twice. */
export function key(collection: string, name: string, value: string): string {
  return `${collection}(${name}='${encodeURIComponent(value.replaceAll("'", "''"))}')`;
}

/** `$filter=name eq 'value'` */
export function filter(name: string, value: string): string {
  return `$filter=${encodeURIComponent(`${name} eq '${value.replaceAll("'", "''")}'`)}`;
}

interface Question {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

class Graph implements GraphClient {
  readonly #origin: string;
  readonly #ca: readonly string[];
  readonly #ports: GraphPorts;

  constructor(origin: string, ca: readonly string[], ports: GraphPorts) {
    this.#origin = origin;
    this.#ca = ca;
    this.#ports = ports;
  }

  async get(path: string): Promise<GraphObject | undefined> {
    try {
      return objectIn(await this.#ask({ method: 'GET', url: this.#url(path) }), path);
    } catch (error) {
      if (isFault(error, 'graph.not-found')) return undefined;
      throw error;
    }
  }

  async *list(path: string): AsyncGenerator<GraphObject> {
    let url: URL | undefined = this.#url(path);
    for (let pages = 0; url !== undefined; pages += 1) {
      const page = objectIn(await this.#ask({ method: 'GET', url }), path);
      const values = page['value'];
      if (!Array.isArray(values) || pages > maxPages) throw unreadable(path, 'a list has no `value`, or does not end');
      for (const value of values) yield Object(value);
      url = this.#next(page['@odata.nextLink'], path);
    }
  }

  async post(path: string, body: object): Promise<GraphObject> {
    const answer = await this.#ask({ method: 'POST', url: this.#url(path), body });
    return answer.text === '' ? {} : objectIn(answer, path);
  }

  async patch(
    path: string,
    body: object,
    { createIfMissing = false } = {},
  ): Promise<{ readonly made: boolean; readonly object: GraphObject }> {
    const headers = createIfMissing ? { prefer: 'create-if-missing' } : {};
    const answer = await this.#ask({ method: 'PATCH', url: this.#url(path), body, headers });
    return { made: answer.status === 201, object: answer.text === '' ? {} : objectIn(answer, path) };
  }

  async delete(path: string): Promise<void> {
    try {
      await this.#ask({ method: 'DELETE', url: this.#url(path) });
    } catch (error) {
      if (!isFault(error, 'graph.not-found')) throw error;
    }
  }

  #url(path: string): URL {
    return new URL(`${this.#origin}/v1.0/${path}`);
  }

  /** The link is opaque, but a token goes nowhere else than to where it is for. */
  #next(link: unknown, path: string): URL | undefined {
    if (link === undefined) return undefined;
    const url = typeof link === 'string' && URL.canParse(link) ? new URL(link) : undefined;
    if (url?.origin !== this.#origin) throw unreadable(path, 'the link to the next page leads to another host');
    return url;
  }

  /** Asks until there is an answer that says something, or no patience left. */
  async #ask(question: Question): Promise<HttpAnswer> {
    const { clock, random, signal } = this.#ports;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#askOnce(question);
      if (!(outcome instanceof Fault)) return outcome;
      // M365 (recorded): 409 is two writes at once, of which the other may be Entra's own copying.
      const again =
        outcome.code === 'graph.throttled' ||
        (question.method !== 'POST' && mayRepeat(outcome)) ||
        (question.method === 'PATCH' && outcome.code === 'graph.conflict');
      if (!again || attempt === maxAttempts) throw outcome;
      const asked = outcome.evidence['retryAfterSeconds'];
      const waitMs = typeof asked === 'number' ? asked * 1_000 : firstWaitMs * 2 ** (attempt - 1) * (0.5 + random() / 2);
      await clock.sleep(Math.min(waitMs, longestWaitMs), signal);
    }
  }

  /** @returns the fault where the answer, or that there is none, is one */
  async #askOnce({ method, url, body, headers = {} }: Question): Promise<HttpAnswer | Fault> {
    const { request, tokens, signal, onTrace, clock } = this.#ports;
    const token = await tokens.token('graph', signal);
    const clientRequestId = randomUUID();
    let answer: HttpAnswer;
    try {
      answer = await request({
        method,
        url,
        headers: {
          authorization: `Bearer ${token.value.reveal()}`,
          accept: 'application/json',
          'client-request-id': clientRequestId,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: new Secret(JSON.stringify(body)) }),
        ca: this.#ca,
        maxBytes,
        signal,
      });
    } catch (error) {
      // A connection that never stood has sent nothing.
      if (method === 'POST' && isFault(error, 'network.connection-lost', 'network.timeout')) {
        return new Fault('graph.outcome-unknown', { method, path: url.pathname, clientRequestId, ...error.evidence }, { cause: error });
      }
      if (error instanceof Fault) return error;
      throw error;
    }
    const requestId = answer.headers['request-id'] ?? '';
    onTrace?.({ method, path: url.pathname, status: answer.status, requestId, clientRequestId });
    if (answer.status < 400) return answer;
    const seen = { method, path: url.pathname, status: answer.status, requestId, clientRequestId };
    return refusal(answer, { ...seen, scopes: token.claims.permissions.join(' ') }, method === 'POST', clock.now());
  }
}

function mayRepeat(fault: Fault): boolean {
  return isFault(fault, 'graph.unavailable', 'network.connection-lost', 'network.timeout');
}

/** Reads an error. M365 (doc): branch on status and code; the texts below belong to the few codes that stand for many things. */
function refusal(answer: HttpAnswer, seen: Evidence, makes: boolean, nowMs: number): Fault {
  const { scopes, ...where } = seen;
  const { code, message, details } = errorIn(answer);
  const evidence: Evidence = { ...where, code, text: message, ...(details === '' ? {} : { details }) };
  const wait = retryAfterSeconds(answer.headers['retry-after'], nowMs);
  const fault = (name: FaultCode, more: Evidence = {}): Fault => new Fault(name, { ...evidence, ...more });
  switch (answer.status) {
    case 401:
      return fault('graph.token-refused');
    case 403:
      return fault('graph.not-allowed', { scopes: scopes ?? '' });
    case 404:
      return fault('graph.not-found');
    case 409:
      return fault('graph.conflict');
    case 429:
      return fault('graph.throttled', wait === undefined ? {} : { retryAfterSeconds: wait });
    default:
      if (answer.status >= 500)
        return fault(makes ? 'graph.outcome-unknown' : 'graph.unavailable', wait === undefined ? {} : { retryAfterSeconds: wait });
      if (/AsPerAppPolicy$/.test(code)) return fault('graph.credential-policy');
      if (/property uniqueName already exists/i.test(message)) return fault('graph.name-taken');
      return fault('graph.refused');
  }
}

const longestText = 1_000;

function errorIn(answer: HttpAnswer): { readonly code: string; readonly message: string; readonly details: string } {
  const error = Object(jsonOf(answer)?.['error']) as Record<string, unknown>;
  const { details } = error;
  return {
    code: typeof error['code'] === 'string' ? error['code'] : 'none',
    message: (typeof error['message'] === 'string' ? error['message'] : '').slice(0, longestText),
    details: Array.isArray(details) ? JSON.stringify(details).slice(0, longestText) : '',
  };
}

function objectIn(answer: HttpAnswer, path: string): GraphObject {
  const object = jsonOf(answer);
  if (object === undefined) throw unreadable(path, `status ${answer.status}, ${answer.headers['content-type'] ?? 'no type'}`);
  return object;
}

function jsonOf(answer: HttpAnswer): GraphObject | undefined {
  try {
    const value: unknown = JSON.parse(answer.text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

export function unreadable(path: string, seen: string): Fault {
  return new Fault('graph.answer-unreadable', { path, seen });
}

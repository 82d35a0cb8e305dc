/**
 * The way to the service: JSON over `fetch`, with the header that proves that this page asks and not another one. What it answers is
 * typed by the types of the service's own schemas.
 *
 * The hard thing is the end of a session: it may be found out by any question, and then the login page has to come up over the place
 * where the person is, without losing it.
 */
import type { ApiFailure, ApiFault } from '../../src/service/api.ts';

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** What the service answered with a status of 400 or more, or that it could not be reached (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly fault: ApiFault;
  readonly fields: NonNullable<ApiFailure['fields']>;

  constructor(status: number, failure: ApiFailure) {
    super(failure.fault.says);
    this.name = 'ApiError';
    this.status = status;
    this.fault = failure.fault;
    this.fields = failure.fields ?? [];
  }
}

/** Methods that change something send the session's CSRF token. `T` is what the schema of the route says. */
export interface Api {
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T>;
  post<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T>;
  put<T>(path: string, body?: unknown): Promise<T>;
  patch<T>(path: string, body?: unknown): Promise<T>;
  del<T>(path: string): Promise<T>;
}

/** The address of a path of the API, for links and frames. */
export function apiAddress(path: string, query: Query = {}): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') words.set(name, String(value));
  }
  const tail = words.toString();
  return `/api/v1${path}${tail === '' ? '' : `?${tail}`}`;
}

export function makeApi(parts: {
  readonly csrf: () => string | undefined;
  readonly onLoggedOut: () => void;
  /** The password was printed somewhere and has to be changed before anything else. */
  readonly onPasswordFirst: () => void;
}): Api {
  async function ask(method: string, address: string, body: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    const csrf = method === 'GET' ? undefined : parts.csrf();
    const answer = await reach(address, {
      method,
      credentials: 'same-origin',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(csrf === undefined ? {} : { 'x-postern-csrf': csrf }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (answer.ok) return answer.status === 204 ? undefined : await content(answer);
    const failure = await failureOf(answer);
    // At the login itself it means: wrong name or password.
    if (answer.status === 401 && !(method === 'POST' && address === '/api/v1/session')) parts.onLoggedOut();
    if (answer.status === 403 && failure.fault.code === 'service.password-first') parts.onPasswordFirst();
    throw failure;
  }
  // The service validates what it sends by the same schemas that these types come from.
  return {
    get: async <T>(path: string, query?: Query, signal?: AbortSignal) =>
      (await ask('GET', apiAddress(path, query), undefined, signal)) as T,
    post: async <T>(path: string, body?: unknown, signal?: AbortSignal) => (await ask('POST', apiAddress(path), body, signal)) as T,
    put: async <T>(path: string, body?: unknown) => (await ask('PUT', apiAddress(path), body, undefined)) as T,
    patch: async <T>(path: string, body?: unknown) => (await ask('PATCH', apiAddress(path), body, undefined)) as T,
    del: async <T>(path: string) => (await ask('DELETE', apiAddress(path), undefined, undefined)) as T,
  };
}

async function reach(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, {
      fault: {
        code: 'console.unreachable',
        says: 'The service does not answer.',
        cause: 'It has ended, is being started again, or the network between this browser and it is interrupted.',
        fix: 'Look whether `postern serve` runs on its machine; this page connects again by itself.',
        retry: 'soon',
        evidence: {},
      },
    });
  }
}

async function content(answer: Response): Promise<unknown> {
  const type = answer.headers.get('content-type') ?? '';
  if (type.includes('json')) return await answer.json();
  const text = await answer.text();
  return text === '' ? undefined : text;
}

async function failureOf(answer: Response): Promise<ApiError> {
  const body: unknown = await answer.json().catch(() => undefined);
  if (isFailure(body)) return new ApiError(answer.status, body);
  return new ApiError(answer.status, {
    fault: {
      code: 'console.strange-answer',
      says: `The service answered with ${answer.status} and no explanation.`,
      cause: 'Something between this browser and the service (a proxy) may have answered in its place.',
      fix: 'Repeat it; if it stays, look into the log of `postern serve` and of the proxy before it.',
      retry: 'soon',
      evidence: { status: answer.status },
    },
  });
}

function isFailure(body: unknown): body is ApiFailure {
  return typeof body === 'object' && body !== null && 'fault' in body && typeof body.fault === 'object' && body.fault !== null;
}

/** Any error as a fault that can be shown. */
export function faultOf(error: unknown): ApiFault {
  if (error instanceof ApiError) return error.fault;
  return {
    code: 'console.bug',
    says: 'The console made a mistake.',
    cause: 'A defect of this page.',
    fix: 'Load the page again; if it stays, report it with what is seen here.',
    retry: 'never',
    evidence: { error: error instanceof Error ? error.message : String(error) },
  };
}

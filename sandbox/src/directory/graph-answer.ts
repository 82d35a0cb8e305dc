/**
 * The shapes of Graph's answers: objects, lists in pages, errors.
 *
 * M365 (doc): error object with `code`, `message`, `details` and `innerError`; `@odata.nextLink` is opaque and pages may be short.
 */

import { randomUUID } from 'node:crypto';

export interface GraphAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The request was done and nothing is said of it. */
  readonly cut?: boolean;
}

/** An answer that ends the handling of a request. */
export class GraphError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: readonly { readonly code: string; readonly message: string; readonly target: string }[];

  constructor(status: number, code: string, message: string, details: GraphError['details'] = []) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

export function notFound(id: string): GraphError {
  const text = `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`;
  return new GraphError(404, 'Request_ResourceNotFound', text);
}

export function badRequest(message: string): GraphError {
  return new GraphError(400, 'Request_BadRequest', message);
}

export function errorBody(error: GraphError, now: Date, clientRequestId: string): unknown {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.details.length > 0 ? { details: error.details } : {}),
      innerError: { date: now.toISOString().slice(0, 19), 'request-id': randomUUID(), 'client-request-id': clientRequestId },
    },
  };
}

/** Keeps the properties that `$select` names; all without it. */
export function selected(object: object, select: string | null): Record<string, unknown> {
  if (select === null) return { ...object };
  const names = new Set(select.split(','));
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.has(name)));
}

/** One page of a list. The link to the next one carries where it begins. */
export function page(url: URL, values: readonly object[], pageSize: number): GraphAnswer {
  const size = Math.min(Number(url.searchParams.get('$top') ?? pageSize), 999);
  const from = Number(url.searchParams.get('$skiptoken') ?? 0);
  const shown = values.slice(from, from + size).map((one) => selected(one, url.searchParams.get('$select')));
  if (from + size >= values.length) return { status: 200, body: { value: shown } };
  const next = new URL(url);
  next.searchParams.set('$skiptoken', String(from + size));
  return { status: 200, body: { '@odata.nextLink': next.href, value: shown } };
}

/** Reads `name eq 'value'`, alone or joined by `and`; a quote in a value stands twice. */
export function matches(object: object, filter: string | null): boolean {
  if (filter === null) return true;
  const parts = [...filter.matchAll(/(\w+) eq '((?:[^']|'')*)'(?: and |$)/g)];
  if (parts.map(([whole]) => whole).join('') !== filter) throw badRequest(`Invalid filter clause: ${filter}`);
  return parts.every(([, name = '', value = '']) => String(Reflect.get(object, name)) === value.replaceAll("''", "'"));
}

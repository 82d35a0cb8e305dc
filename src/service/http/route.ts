/**
 * What a route of the API is: data, with one function that answers. The server (server.ts) checks who asks, the roles, the shapes and the
 * limits, and makes the OpenAPI document out of the same table; a route only answers.
 *
 * The hard thing is that nothing may be reachable by a forgotten check: `may` is not optional, and what is not in a table is not served.
 */
import type { z } from 'zod';
import type { Secret } from '../../runtime/secret.ts';
import type { Role } from '../api/session.ts';

/**
 * `anyone`: without a login. `read`: every role. `read-log`: administrator and auditor. `operate`: administrator and operator.
 * `administer`: administrator.
 */
export type Permission = 'anyone' | 'read' | 'read-log' | 'operate' | 'administer';

/** Who asks. */
export interface Who {
  /** A user's name, or `token:NAME`. */
  readonly name: string;
  readonly role: Role;
  readonly address: string;
  readonly by: 'session' | 'token';
  /** Of the session or API token, for what ends with it. Empty, as the name is, where nobody is logged in: on routes for `anyone`. */
  readonly id: string;
  /** Where it is a session. */
  readonly session: { readonly csrf: string; readonly mustChangePassword: boolean; readonly expires: Date } | undefined;
}

export interface Ask<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly who: Who;
  /** Aborted when the asker is gone or the service ends. */
  readonly signal: AbortSignal;
  /** A line of the access log, durable before the answer goes out. @throws Fault of the accounts: then nothing is shown */
  log(action: string, object: string, detail?: string): Promise<void>;
  /** Gives the asker's browser this session; undefined: takes its session away. */
  readonly setSession: (cookie: Secret | undefined) => void;
}

/** A file to save. It is always sent as an attachment, with `nosniff` and a policy that lets it do nothing. */
export interface Download {
  readonly kind: 'download';
  /** As a person should see it; made harmless for header and file system by the server. */
  readonly fileName: string;
  readonly type: string;
  readonly bytes: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A document for a sandboxed frame: sent with a content security policy under which nothing runs and nothing is loaded. */
export interface FramedDocument {
  readonly kind: 'framed-document';
  readonly html: string;
}

/** Plain text for people and other programs, e.g. YAML. */
export interface PlainText {
  readonly kind: 'text';
  readonly type: string;
  readonly text: string;
  /** Offered as a file under this name, where it is given. */
  readonly fileName?: string;
}

/** Server-sent events; it ends when the asker does. */
export interface EventStream {
  readonly kind: 'events';
  readonly events: AsyncIterable<{ readonly event: string; readonly data: unknown }>;
}

export type Special = Download | FramedDocument | PlainText | EventStream;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/api/v1`, e.g. `/sources/:name`. */
  readonly path: string;
  readonly may: Permission;
  /** One sentence, for the OpenAPI document. */
  readonly summary: string;
  readonly tag: string;
  readonly params: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
  /** Of a JSON answer; else the name of the special one. */
  readonly answer: z.ZodType | Special['kind'] | 'nothing';
  /** Largest body that is read, in bytes; the server's default where it is absent. */
  readonly bodyLimit: number | undefined;
  readonly handle: (ask: Ask<unknown, unknown, unknown>) => Promise<unknown>;
}

type Out<S> = S extends z.ZodType ? z.output<S> : undefined;
type Answered<A> = A extends z.ZodType
  ? z.input<A>
  : A extends 'nothing'
    ? undefined
    : A extends Special['kind']
      ? Extract<Special, { readonly kind: A }>
      : never;

/** Makes a route; the types of question and answer follow from its schemas. */
export function route<
  A extends z.ZodType | Special['kind'] | 'nothing',
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(wish: {
  readonly method: Route['method'];
  readonly path: string;
  readonly may: Permission;
  readonly summary: string;
  readonly tag: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly answer: A;
  readonly bodyLimit?: number;
  readonly handle: (ask: Ask<Out<P>, Out<Q>, Out<B>>) => Promise<Answered<A>> | Answered<A>;
}): Route {
  const { params, query, body, bodyLimit, handle, ...rest } = wish;
  return {
    ...rest,
    params,
    query,
    body,
    bodyLimit,
    // The server has parsed all three by these very schemas.
    handle: async (ask) => await handle(ask as Ask<Out<P>, Out<Q>, Out<B>>),
  };
}

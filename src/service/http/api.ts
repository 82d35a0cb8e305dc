/**
 * The table of routes on the server: for each one who may ask, what may be sent, what is answered, in this order.
 *
 * The hard thing is the order. Who asks is settled before a byte of the body is read, so a stranger costs little and learns nothing: not
 * even which paths there are.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Fault } from '../../fault/fault.ts';
import type { ServiceParts } from '../parts.ts';
import type { ServiceAddress } from './address.ts';
import { sendAnswer } from './answer.ts';
import { BadFields } from './bad-fields.ts';
import { EventStreams } from './event-stream.ts';
import type { HttpFigures } from './http-figures.ts';
import type { Ask, EventStream, Route, Who } from './route.ts';
import { cookieName, demandCsrf, demandOwnOrigin, demandRole, nobody, whoAsks } from './who.ts';

export const apiPrefix = '/api/v1';
/** A definition with its certificate, a list of a thousand messages. */
const defaultBodyLimit = 256 * 1024;
/** Of one address in a minute. Each costs a slow hash; wrong ones are slowed down besides (accounts/throttle.ts). */
const loginsAMinute = 60;
/** What may be asked while the first password still stands. */
const beforeChange: ReadonlySet<string> = new Set(['GET /session', 'PUT /session/password', 'DELETE /session']);

export interface ApiSetting {
  readonly parts: ServiceParts;
  readonly address: ServiceAddress;
  /** The server closes. */
  readonly closing: AbortSignal;
  readonly figures: HttpFigures;
}

export function serveRoutes(app: FastifyInstance, routes: readonly Route[], setting: ApiSetting): void {
  const { parts } = setting;
  const streams = new EventStreams({
    clock: parts.clock,
    isOpen: (id) => parts.accounts.isOpen(id),
    onEnd: (listener) => parts.accounts.onEnd(listener),
  });
  const known = new WeakMap<FastifyRequest, Who>();
  app.decorateRequest('who', null);
  for (const one of routes) {
    app.route({
      method: one.method,
      url: apiPrefix + one.path,
      bodyLimit: one.bodyLimit ?? defaultBodyLimit,
      ...(one.may === 'anyone' ? { config: { rateLimit: { max: loginsAMinute, timeWindow: 60_000 } } } : {}),
      // Before the body is read.
      preParsing: async (request) => {
        const who = await admitted(request, setting, one);
        known.set(request, who);
      },
      handler: async (request, reply) => {
        const who = known.get(request);
        if (who === undefined) throw new Error('nobody was admitted');
        return await answer(request, reply, one, who, setting, streams);
      },
    });
  }
}

/** Who asks, if it may. Asked of unknown paths too, so that they look like known ones to a stranger. @throws Fault service.* */
export async function admitted(
  request: FastifyRequest,
  { parts, address }: ApiSetting,
  route: Pick<Route, 'method' | 'path' | 'may'>,
): Promise<Who> {
  demandOwnOrigin(request, address);
  const who = await whoAsks(request, parts.accounts, isSecure(request));
  if (route.may === 'anyone') return who?.by === 'session' ? who : nobody(request.ip);
  if (who === undefined) throw new Fault('service.not-logged-in');
  // For whatever is answered from here on, a refusal too: somebody who is known may see what was seen.
  Object.assign(request, { who });
  demandCsrf(request, who);
  if (who.session?.mustChangePassword === true && !beforeChange.has(`${route.method} ${route.path}`)) {
    throw new Fault('service.password-first', { user: who.name });
  }
  try {
    demandRole(who, route.may);
  } catch (error) {
    const { name, role, address: from } = who;
    const object = `${route.method} ${route.path}`;
    await parts.accounts.note({ who: name, role, address: from, action: 'refused', object, outcome: 'refused', detail: '' });
    throw error;
  }
  return who;
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  route: Route,
  who: Who,
  { parts, closing, figures }: ApiSetting,
  streams: EventStreams,
): Promise<FastifyReply> {
  const asker = new AbortController();
  const end = (): void => asker.abort(new Fault('service.ending'));
  closing.addEventListener('abort', end, { once: true });
  parts.signal.addEventListener('abort', end, { once: true });
  const unlisten = (): void => {
    closing.removeEventListener('abort', end);
    parts.signal.removeEventListener('abort', end);
    end();
  };
  reply.raw.once('close', unlisten);
  if (closing.aborted || parts.signal.aborted) end();
  const ask: Ask<unknown, unknown, unknown> = {
    params: checked(route.params, request.params),
    query: checked(route.query, request.query),
    body: checked(route.body, request.body),
    who,
    signal: asker.signal,
    log: (action, object, detail = '') => {
      const { name, role, address } = who;
      return parts.accounts.note({ who: name, role: name === '' ? undefined : role, address, action, object, outcome: 'done', detail });
    },
    setSession: (cookie) => {
      const options = { path: '/', httpOnly: true, sameSite: 'strict', secure: isSecure(request) } as const;
      if (cookie === undefined) reply.clearCookie(cookieName(isSecure(request)), options);
      else reply.setCookie(cookieName(isSecure(request)), cookie.reveal(), options);
    },
  };
  if (route.answer !== 'events') return sendAnswer(reply, route.answer, await route.handle(ask));
  const release = streams.take(who);
  figures.streams(1);
  reply.raw.once('close', () => {
    release();
    figures.streams(-1);
  });
  // The route's types hold it to this kind.
  const given = (await route.handle(ask)) as EventStream;
  reply.headers({ 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no', connection: 'close' });
  reply.hijack();
  reply.raw.writeHead(200, reply.getHeaders() as Record<string, string>);
  streams.run(reply.raw, given, who, asker).catch((error: unknown) => {
    parts.onBug(error);
    reply.raw.destroy();
  });
  return reply;
}

/** @throws BadFields with every field that does not fit */
function checked(schema: z.ZodType | undefined, given: unknown): unknown {
  if (schema === undefined) return undefined;
  const read = schema.safeParse(given);
  if (read.success) return read.data;
  throw new BadFields(
    read.error.issues
      .slice(0, 50)
      .map(({ path, message }) => ({ field: path.map(String).join('.').slice(0, 200), says: message.slice(0, 500) })),
  );
}

/** TLS here, or at the proxy in front as it says itself. */
export function isSecure({ protocol }: FastifyRequest): boolean {
  return protocol === 'https';
}

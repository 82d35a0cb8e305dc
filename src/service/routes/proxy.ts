/**
 * The proxy on a page: sessions, clients, budgets, what waits in its queue and what went wrong lately; ending a session, trying mail again.
 *
 * The hard thing is a proxy with five thousand sessions: the page shows the first of each list and says how many there are, and the troubles
 * are a bounded list in memory, for the audit on disk has them all.
 */
import { z } from 'zod';
import { Fault } from '../../fault/fault.ts';
import { logText } from '../../proxy/log.ts';
import type { ProxyEvent, ProxyPort, ProxySnapshot } from '../../proxy/port.ts';
import { queueFolder } from '../../proxy/queue/folder.ts';
import { type QueuedMessage, Spool } from '../../proxy/queue/spool.ts';
import { type ProxyState, type ProxyTrouble, proxyState, type QueuedMail, queuedMails } from '../api/proxy.ts';
import { type Route, route } from '../http/route.ts';
import type { ServiceParts } from '../parts.ts';
import { shownFault } from '../shown.ts';

const troublesKept = 100;
const mostListed = 500;
const idParams = z.strictObject({ id: z.string().regex(/^[0-9A-Za-z_-]{4,64}$/) });
const tag = 'proxy';

export function proxyRoutes(parts: ServiceParts): readonly Route[] {
  const { proxy, clock, config } = parts;
  const spool = new Spool(queueFolder(config));
  const troubles: ProxyTrouble[] = [];
  const stop = proxy?.onEvent((event) => {
    const trouble = troubleOf(event, new Date(clock.now()));
    if (trouble === undefined) return;
    troubles.unshift(trouble);
    troubles.length = Math.min(troubles.length, troublesKept);
  });
  if (stop !== undefined) parts.signal.addEventListener('abort', stop, { once: true });
  return [
    route({
      method: 'GET',
      path: '/proxy',
      may: 'read',
      summary: 'The proxy as it is now: listeners, sessions, clients, budgets, queue, and the last troubles. The first 500 of each list.',
      tag,
      answer: proxyState,
      handle: () => (proxy === undefined ? nothing : stateOf(proxy, troubles)),
    }),
    route({
      method: 'DELETE',
      path: '/proxy/sessions/:id',
      may: 'operate',
      summary: 'Ends a session of the proxy; its application may log in again.',
      tag,
      params: idParams,
      answer: 'nothing',
      handle: async ({ params: { id }, log }) => {
        await log('proxy.session-end', id);
        if (proxy?.endSession(id) !== true) throw new Fault('service.not-found', { session: id });
        return undefined;
      },
    }),
    route({
      method: 'GET',
      path: '/proxy/queue',
      may: 'read',
      summary: 'Mail that the proxy has taken and not handed over, oldest first: envelopes, states and answers; no content. The first 500.',
      tag,
      answer: queuedMails,
      handle: async () => {
        const messages = await spool.list();
        return { messages: messages.slice(0, mostListed).map(shownMail), more: Math.max(0, messages.length - mostListed) };
      },
    }),
    route({
      method: 'POST',
      path: '/proxy/queue/:id/retry',
      may: 'operate',
      summary: 'Tries a message of the queue again at once, also one that was set aside.',
      tag,
      params: idParams,
      answer: 'nothing',
      handle: async ({ params: { id }, log }) => {
        const message = await spool.find(id);
        await log('proxy.queue-retry', message.id, `from ${message.from}`);
        await spool.retry(message.id, clock.now());
        return undefined;
      },
    }),
    route({
      method: 'DELETE',
      path: '/proxy/queue/:id',
      may: 'operate',
      summary: 'Drops a message of the queue: it is not sent, and nobody is told.',
      tag,
      params: idParams,
      answer: 'nothing',
      handle: async ({ params: { id }, log }) => {
        const message = await spool.find(id);
        await log('proxy.queue-drop', message.id, `from ${message.from} to ${message.recipients.length} recipients`);
        await spool.remove(message.id);
        return undefined;
      },
    }),
  ];
}

const nothing: ProxyState = {
  configured: false,
  started: null,
  draining: false,
  listeners: [],
  sessions: [],
  halfOpen: 0,
  clients: [],
  budgets: [],
  counts: { sessions: 0, refusedLogins: 0, faults: 0, turnedAway: 0, messages: 0 },
  queue: null,
  stale: null,
  troubles: [],
};

function stateOf(proxy: ProxyPort, troubles: readonly ProxyTrouble[]): ProxyState {
  const now: ProxySnapshot = proxy.snapshot();
  const { counts, queue, stale } = now;
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, one) => all + one, 0);
  return {
    configured: true,
    started: instantOf(now.startedMs),
    draining: now.draining,
    listeners: now.listeners.map((one) => ({ ...one })),
    sessions: now.sessions
      .slice(0, mostListed)
      .map(({ sinceMs, lastByteMs, ...rest }) => ({ ...rest, since: instantOf(sinceMs), lastByte: instantOf(lastByteMs) })),
    halfOpen: now.halfOpen,
    clients: now.clients.slice(0, mostListed).map(({ createdMs, lastUsedMs, lastAddress, lockedUntilMs, ...rest }) => ({
      ...rest,
      mailboxes: [...rest.mailboxes],
      protocols: [...rest.protocols],
      networks: [...rest.networks],
      created: instantOf(createdMs),
      lastUsed: maybeInstant(lastUsedMs),
      lastAddress: lastAddress ?? null,
      lockedUntil: maybeInstant(lockedUntilMs),
    })),
    budgets: now.budgets.slice(0, mostListed).map(({ pauseUntilMs, pauseCode, ...rest }) => ({
      ...rest,
      pauseUntil: maybeInstant(pauseUntilMs),
      pauseCode: pauseCode ?? null,
    })),
    counts: {
      sessions: now.sessions.length,
      refusedLogins: sum(counts.refusedLogins.values()),
      faults: sum(counts.faults.values()),
      turnedAway: sum(counts.turnedAway.values()),
      messages: counts.messages,
    },
    queue:
      queue === undefined
        ? null
        : { waiting: queue.waiting, failed: queue.failed, bytes: queue.bytes, oldest: maybeInstant(queue.oldestMs) },
    stale: stale === undefined ? null : shownFault(stale),
    troubles: [...troubles],
  };
}

/** What an operator should know of; undefined for what goes well. */
function troubleOf(event: ProxyEvent, at: Date): ProxyTrouble | undefined {
  const text = logText(event);
  if (text === undefined) return undefined;
  const told = (kind: ProxyTrouble['kind'], fault?: Fault): ProxyTrouble => ({
    at: at.toISOString(),
    kind,
    text,
    fault: fault === undefined ? null : shownFault(fault),
  });
  switch (event.kind) {
    case 'login-refused':
    case 'locked':
    case 'turned-away':
      return told(event.kind);
    case 'login-failed':
    case 'session-fault':
    case 'pause':
    case 'fault':
      return told(event.kind, event.fault);
    case 'queue':
      return event.event.kind === 'not-sent' ? told('not-sent', event.event.fault) : undefined;
    default:
      return undefined;
  }
}

function shownMail(message: QueuedMessage): QueuedMail {
  const { id, client, mailbox, from, recipients, bytes, taken, state, nextAt, tries, attempts } = message;
  const [last] = attempts;
  return {
    id,
    client,
    mailbox,
    from,
    recipients: recipients.map(({ address, state: became, seen }) => ({ address, state: became, seen: seen ?? null })),
    bytes,
    taken,
    state,
    nextAt,
    tries,
    fault: last === undefined ? null : shownFault(last),
  };
}

function instantOf(ms: number): string {
  return new Date(ms).toISOString();
}

function maybeInstant(ms: number | undefined): string | null {
  return ms === undefined ? null : instantOf(ms);
}

/** The proxy as it is now: where it listens, who is logged in, what may be done, what waits, and what went wrong lately. */
import { z } from 'zod';
import { fault, instant } from './leaf.ts';

export const proxyProtocol = z.enum(['imap', 'pop3', 'smtp']);

export const proxySession = z.strictObject({
  id: z.string(),
  client: z.string(),
  mailbox: z.string(),
  tenant: z.string(),
  protocol: proxyProtocol,
  address: z.string(),
  since: instant,
  lastByte: instant,
  /** From the application, and to it. */
  bytesIn: z.int(),
  bytesOut: z.int(),
  messages: z.int(),
});
export type ProxySession = z.infer<typeof proxySession>;

export const proxyClient = z.strictObject({
  name: z.string(),
  mailboxes: z.array(z.string()),
  protocols: z.array(proxyProtocol),
  /** CIDR; empty: from anywhere. */
  networks: z.array(z.string()),
  created: instant,
  lastUsed: instant.nullable(),
  lastAddress: z.string().nullable(),
  sessions: z.int(),
  lockedUntil: instant.nullable(),
});
export type ApiProxyClient = z.infer<typeof proxyClient>;

export const proxyBudget = z.strictObject({
  mailbox: z.string(),
  protocol: proxyProtocol,
  open: z.int(),
  most: z.int(),
  /** Logins that wait for a free connection. */
  waiting: z.int(),
  /** The server asked for a pause until then. */
  pauseUntil: instant.nullable(),
  pauseCode: z.string().nullable(),
  sentLastMinute: z.int(),
});
export type ProxyBudget = z.infer<typeof proxyBudget>;

/** Something that an operator should know of: a refused login, a refusal of the server, a pause, a lock. */
export const proxyTrouble = z.strictObject({
  at: instant,
  kind: z.enum(['login-refused', 'login-failed', 'session-fault', 'locked', 'pause', 'turned-away', 'not-sent', 'fault']),
  text: z.string(),
  fault: fault.nullable(),
});
export type ProxyTrouble = z.infer<typeof proxyTrouble>;

export const proxyState = z.strictObject({
  /** False: the configuration has no `proxy:`; then all else is empty. */
  configured: z.boolean(),
  started: instant.nullable(),
  draining: z.boolean(),
  listeners: z.array(z.strictObject({ protocol: proxyProtocol, address: z.string(), tls: z.enum(['none', 'starttls', 'implicit']) })),
  sessions: z.array(proxySession),
  /** Connections that have not logged in yet. */
  halfOpen: z.int(),
  clients: z.array(proxyClient),
  budgets: z.array(proxyBudget),
  counts: z.strictObject({ sessions: z.int(), refusedLogins: z.int(), faults: z.int(), turnedAway: z.int(), messages: z.int() }),
  /** Null: mail is handed over while the application waits. */
  queue: z.strictObject({ waiting: z.int(), failed: z.int(), bytes: z.int(), oldest: instant.nullable() }).nullable(),
  /** The clients file or the configuration cannot be used as they are now; what was read before holds. */
  stale: fault.nullable(),
  /** Newest first, of this start. */
  troubles: z.array(proxyTrouble),
});
export type ProxyState = z.infer<typeof proxyState>;

export const queuedMail = z.strictObject({
  id: z.string(),
  client: z.string(),
  mailbox: z.string(),
  from: z.string(),
  recipients: z.array(z.strictObject({ address: z.string(), state: z.enum(['waiting', 'sent', 'failed']), seen: z.string().nullable() })),
  bytes: z.int(),
  taken: instant,
  state: z.enum(['waiting', 'failed']),
  nextAt: instant,
  tries: z.int(),
  fault: fault.nullable(),
});
export type QueuedMail = z.infer<typeof queuedMail>;
/** Oldest first; `more`: how many are not shown. */
export const queuedMails = z.strictObject({ messages: z.array(queuedMail), more: z.int() });

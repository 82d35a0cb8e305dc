/**
 * The port of a running proxy: what `postern proxy`, `serve`, the metrics and a page of the console see of it.
 *
 * Everything here is a picture of a moment, as plain data; nothing in it is a secret, and nothing holds a running session.
 */
import type { ProxyConfig, ProxyProtocol } from '../config/config.ts';
import type { Fault } from '../fault/fault.ts';
import type { QueueCounts, QueueEvent } from './queue/queue.ts';

export type { ProxyConfig, ProxyProtocol };
export const proxyProtocols: readonly ProxyProtocol[] = ['imap', 'pop3', 'smtp'];

/** A session that has logged in. Instants are milliseconds since 1970. */
export interface SessionView {
  readonly id: string;
  readonly client: string;
  readonly mailbox: string;
  readonly tenant: string;
  readonly protocol: ProxyProtocol;
  /** The application's address. */
  readonly address: string;
  readonly sinceMs: number;
  /** From the application, and to it. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly lastByteMs: number;
  /** Handed over to the server by this session (SMTP). */
  readonly messages: number;
}

export interface ClientView {
  readonly name: string;
  readonly mailboxes: readonly string[];
  readonly protocols: readonly ProxyProtocol[];
  /** CIDR; empty: from anywhere. */
  readonly networks: readonly string[];
  readonly createdMs: number;
  readonly lastUsedMs: number | undefined;
  readonly lastAddress: string | undefined;
  readonly sessions: number;
  readonly lockedUntilMs: number | undefined;
}

/** What is left of what one mailbox may take of the server. */
export interface BudgetView {
  readonly mailbox: string;
  readonly protocol: ProxyProtocol;
  readonly open: number;
  readonly most: number;
  readonly waiting: number;
  /** The server asked for a pause until then. */
  readonly pauseUntilMs: number | undefined;
  readonly pauseCode: string | undefined;
  /** Messages sent in the last minute (SMTP). */
  readonly sentLastMinute: number;
}

export interface ListenerView {
  readonly protocol: ProxyProtocol;
  /** `HOST:PORT` as it is listened on. */
  readonly address: string;
  readonly tls: 'none' | 'starttls' | 'implicit';
}

/** What only grows since the start. */
export interface ProxyCounts {
  readonly connections: Readonly<Record<ProxyProtocol, number>>;
  readonly sessions: Readonly<Record<ProxyProtocol, number>>;
  /** Logins that were refused here, by reason. */
  readonly refusedLogins: ReadonlyMap<string, number>;
  /** Logins and sessions that failed behind the proxy, by code of the catalogue. */
  readonly faults: ReadonlyMap<string, number>;
  /** Connections that were turned away before they said anything, by reason. */
  readonly turnedAway: ReadonlyMap<string, number>;
  readonly bytesIn: Readonly<Record<ProxyProtocol, number>>;
  readonly bytesOut: Readonly<Record<ProxyProtocol, number>>;
  readonly messages: number;
  readonly loginSeconds: number;
  /** Of `loginBuckets`, the last one for all that took longer. */
  readonly loginCounts: readonly number[];
}

/** Upper bounds of the histogram of logins, in seconds. */
export const loginBuckets: readonly number[] = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export interface ProxySnapshot {
  readonly nowMs: number;
  readonly startedMs: number;
  readonly draining: boolean;
  readonly listeners: readonly ListenerView[];
  readonly sessions: readonly SessionView[];
  /** Connections that have not logged in yet. */
  readonly halfOpen: number;
  readonly clients: readonly ClientView[];
  readonly budgets: readonly BudgetView[];
  readonly counts: ProxyCounts;
  /** Undefined: mail is handed over while the application waits. */
  readonly queue: QueueCounts | undefined;
  /** The clients file or the configuration as they are now cannot be used; what was read before holds. */
  readonly stale: Fault | undefined;
}

/** What happens, as it happens: for the log, the console and tests. */
export type ProxyEvent =
  | { readonly kind: 'listening'; readonly listener: ListenerView }
  | { readonly kind: 'session-opened'; readonly session: SessionView; readonly tookMs: number }
  | { readonly kind: 'session-closed'; readonly session: SessionView; readonly outcome: string; readonly fault: Fault | undefined }
  | {
      readonly kind: 'login-refused';
      readonly protocol: ProxyProtocol;
      readonly address: string;
      /** As the application gave it, cut short. */
      readonly name: string;
      readonly reason: LoginRefusal;
    }
  /** The application's password was good; what lies behind the proxy said no. */
  | {
      readonly kind: 'login-failed';
      readonly protocol: ProxyProtocol;
      readonly address: string;
      readonly client: string;
      readonly mailbox: string;
      readonly fault: Fault;
    }
  /** The server said something in the middle of a session that concerns its operator. Once for each code and session. */
  | { readonly kind: 'session-fault'; readonly session: SessionView; readonly fault: Fault }
  | { readonly kind: 'turned-away'; readonly protocol: ProxyProtocol; readonly address: string; readonly reason: string }
  | { readonly kind: 'locked'; readonly address: string; readonly name: string | undefined; readonly untilMs: number }
  | { readonly kind: 'pause'; readonly mailbox: string; readonly protocol: ProxyProtocol; readonly untilMs: number; readonly fault: Fault }
  | { readonly kind: 'reloaded'; readonly what: 'clients' | 'configuration' | 'certificate' | 'transcripts' }
  | { readonly kind: 'queue'; readonly event: QueueEvent }
  | { readonly kind: 'fault'; readonly fault: Fault }
  | { readonly kind: 'draining'; readonly sessions: number };

/** Why a login was refused here. Told to the operator; the application hears the same words for all of them. */
export type LoginRefusal =
  | 'unknown-client'
  | 'wrong-password'
  | 'mailbox-not-allowed'
  | 'protocol-not-allowed'
  | 'network-not-allowed'
  | 'no-tenant'
  | 'malformed'
  | 'locked';

export interface ProxyPort {
  snapshot(): ProxySnapshot;
  listeners(): readonly ListenerView[];
  sessions(): readonly SessionView[];
  clients(): readonly ClientView[];
  budgets(): readonly BudgetView[];
  /** Ends one session. @returns false where there is none with this id */
  endSession(id: string): boolean;
  /** Takes over another configuration; sessions go on. @throws Fault; then everything is as before */
  reload(config: ProxyConfig): Promise<void>;
  /** Reads the clients anew. @throws Fault proxy.clients-unreadable; then those that were read before hold */
  reloadClients(): Promise<void>;
  onEvent(listener: (event: ProxyEvent) => void): () => void;
  /** Ready to take logins: it listens everywhere, and is not ending. */
  readonly ready: boolean;
  /** Takes no more connections, lets sessions come to an end for so long, then ends them. */
  close(drainMs?: number): Promise<void>;
}

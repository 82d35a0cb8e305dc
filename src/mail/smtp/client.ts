/**
 * Our SMTP client: up to the login, and one small message to prove it. RFC 5321, 3207 (STARTTLS), 4954 (AUTH). This file is the door.
 *
 * One task at a time uses a client. Every wait has a deadline (`SmtpLimits`). After a refusal (4yz, 5yz) the client stays usable,
 * but for 421, with which a server closes; after any other fault the connection is closed. Whoever connects must call `quit` or `close`.
 */
import { connectSocket } from '../../runtime/socket.ts';
import type { MailCredential, MailEndpoint } from '../endpoint.ts';
import { authenticate } from './authenticate.ts';
import { defaultOwnName, defaultSmtpLimits, type SmtpOptions } from './endpoint.ts';
import { type OutgoingMail, send } from './send.ts';
import { SmtpSession } from './session.ts';
import type { SmtpReply } from './wire.ts';

export type { OutgoingMail, SmtpReply };

/**
 * Connects, reads the greeting, says EHLO, and with `starttls` upgrades and says EHLO again.
 * @throws Fault `network.*`, `smtp.closed-by-server`, `smtp.service-unavailable`, `smtp.protocol`, `smtp.starttls-missing`.
 */
export async function connectSmtp(endpoint: MailEndpoint, options: SmtpOptions = {}): Promise<SmtpClient> {
  const limits = { ...defaultSmtpLimits, ...options.limits };
  const target = { host: endpoint.host, port: endpoint.port, tls: endpoint.tls === 'implicit', ca: endpoint.ca ?? [] };
  const socket = await connectSocket(target, { timeoutMs: limits.connectTimeoutMs, signal: options.signal });
  const session = new SmtpSession(endpoint, limits, options.ownName ?? defaultOwnName, socket, options.onDialogue);
  try {
    const greeting = await session.greeting();
    await session.hello();
    if (endpoint.tls === 'starttls') {
      await session.startTls();
      await session.hello();
    }
    return new SmtpClient(session, greeting);
  } catch (error) {
    session.close();
    throw error;
  }
}

export class SmtpClient {
  /** The text of the greeting. */
  readonly greeting: string;
  /** The name by which the server greets: a hint for support. RFC 5321 §4.2. */
  readonly serverHost: string | undefined;
  readonly #session: SmtpSession;

  constructor(session: SmtpSession, greeting: string) {
    this.#session = session;
    this.greeting = greeting;
    this.serverHost = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?= |$)/.exec(greeting)?.[0];
  }

  /** Parameters by keyword in upper case, as told by the last EHLO: `AUTH` → `LOGIN XOAUTH2`, `SIZE` → `157286400`. */
  get capabilities(): ReadonlyMap<string, string> {
    return this.#session.capabilities;
  }

  /**
   * Logs in. M365 (doc): success says nothing about the right to send; that shows with the message.
   * @throws Fault `smtp.authenticate-refused`, `smtp.disabled-for-tenant`, `smtp.no-auth-offered` …, or what the token's source throws.
   */
  async authenticate(credential: MailCredential): Promise<void> {
    await authenticate(this.#session, credential);
  }

  /**
   * Sends one small message. Resolves with the server's answer to it (its text often holds the id of the message there).
   * @throws Fault of the first refusal; then nothing was sent, and the client can be used for another one.
   */
  async send(mail: OutgoingMail): Promise<SmtpReply> {
    return await send(this.#session, mail);
  }

  /** Sends a command of another client and gives the answer, whatever it is; 421 closes. @throws Fault for whatever ends the session */
  async ask(command: string, timeoutMs?: number): Promise<SmtpReply> {
    return await this.#session.ask(command, timeoutMs);
  }

  /** Sends a piece of a message of another client; resolves when the machine has taken it. @throws as `ask` */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#session.write(bytes);
  }

  /** The server's answer to the message that was written. @throws as `ask` */
  async heard(): Promise<SmtpReply> {
    return await this.#session.heard(this.#session.limits.dataTimeoutMs);
  }

  /** For whoever has more to say than this client knows. */
  get session(): SmtpSession {
    return this.#session;
  }

  get closed(): boolean {
    return this.#session.closed;
  }

  /** Says goodbye, waits for any answer, and closes. */
  async quit(): Promise<void> {
    await this.#session.quit();
  }

  /** Closes at once. May be called often. */
  close(): void {
    this.#session.close();
  }
}

/**
 * Our POP3 client. RFC 1939, 2449 (CAPA), 2595 (STLS), 5034 (AUTH). This file is the door; each concern has its own.
 *
 * One task at a time uses a client: a command is begun when the one before it has ended; what is left unread of a message is then
 * passed over. Every wait has a deadline (`PopLimits`). After a refusal (-ERR) the client stays usable, unless the server said that it
 * closes; after any other fault the connection is closed. Whoever connects must call `quit` or `close`; only `quit` makes removals real.
 */
import { Fault, isFault } from '../../fault/fault.ts';
import { connectSocket } from '../../runtime/socket.ts';
import type { HandedOver, MailCredential, MailEndpoint } from '../endpoint.ts';
import { hostInGreeting } from '../text.ts';
import { authenticate } from './authenticate.ts';
import { defaultPopLimits, type PopOptions } from './endpoint.ts';
import { dele, type RetrievedMessage, type RetrieveOptions, retr, retrieveMessages, top } from './retrieve.ts';
import { PopSession } from './session.ts';

export type { RetrievedMessage, RetrieveOptions };

export interface PopStat {
  readonly messages: number;
  /** M365 (doc): an estimate. */
  readonly bytes: number;
}

export interface PopSize {
  /** The message's number in this session: 1, 2, … */
  readonly number: number;
  /** M365 (doc): an estimate, may differ from what RETR brings: never verify by it. */
  readonly bytes: number;
}

export interface PopUid {
  readonly number: number;
  /** Opaque; stays with the message over all sessions. RFC 1939 §7 allows 70 printable characters; longer ones are kept as they come. */
  readonly uid: string;
}

/**
 * Connects, reads the greeting, asks for the capabilities, and upgrades to TLS where the endpoint says `starttls`.
 * @throws Fault `network.*`, `pop.closed-by-server` (-ERR in place of a greeting), `pop.protocol`, `pop.starttls-missing`.
 */
export async function connectPop(endpoint: MailEndpoint, options: PopOptions = {}): Promise<PopClient> {
  const limits = { ...defaultPopLimits, ...options.limits };
  const target = { host: endpoint.host, port: endpoint.port, tls: endpoint.tls === 'implicit', ca: endpoint.ca ?? [] };
  const socket = await connectSocket(target, { timeoutMs: limits.connectTimeoutMs, signal: options.signal });
  const session = new PopSession(endpoint, limits, socket, options.onDialogue);
  try {
    const greeting = await session.greeting();
    await session.askCapabilities();
    if (endpoint.tls === 'starttls') {
      await session.startTls();
      // RFC 2595 §4: what was told in the clear is forgotten.
      await session.askCapabilities();
    }
    return new PopClient(session, greeting);
  } catch (error) {
    session.close();
    throw error;
  }
}

export class PopClient {
  /** The text of the greeting. */
  readonly greeting: string;
  /** The front-end server's name, where Exchange puts it into its greeting: a hint for support. */
  readonly serverHost: string | undefined;
  readonly #session: PopSession;

  constructor(session: PopSession, greeting: string) {
    this.#session = session;
    this.greeting = greeting;
    this.serverHost = hostInGreeting(greeting);
  }

  /** Arguments by name in upper case (`SASL` → `PLAIN XOAUTH2`), as told before the login; empty where the server does not know CAPA. */
  get capabilities(): ReadonlyMap<string, string> {
    return this.#session.capabilities ?? new Map();
  }

  /**
   * Logs in.
   * @throws Fault `pop.authenticate-refused`, `pop.logon-refused`, `pop.mailbox-locked`, `pop.no-xoauth2` …, or what the token's source throws.
   */
  async authenticate(credential: MailCredential): Promise<void> {
    await authenticate(this.#session, credential);
  }

  /** How many messages there are. */
  async stat(): Promise<PopStat> {
    const text = await this.#session.run('STAT');
    const match = /^(\d{1,10}) +(\d{1,15})/.exec(text);
    if (match === null) throw this.#session.unexpected('not a STAT answer', text);
    return { messages: Number(match[1]), bytes: Number(match[2]) };
  }

  /**
   * Asks for the capabilities again: RFC 2449 §5 lets a server offer others after the login.
   * @throws Fault for whatever ended the session
   */
  async askCapabilities(): Promise<void> {
    await this.#session.askCapabilities();
  }

  /** Numbers and sizes of all messages. */
  async list(): Promise<readonly PopSize[]> {
    const sizes: PopSize[] = [];
    await this.#session.runList('LIST', (line) => sizes.push(this.#size(line)));
    return sizes;
  }

  /** Numbers and unique ids of all messages. */
  async uidl(): Promise<readonly PopUid[]> {
    const uids: PopUid[] = [];
    await this.#session.runList('UIDL', (line) => uids.push(this.#uid(line)));
    return uids;
  }

  /**
   * Sizes and unique ids of all messages: one round trip where the server has PIPELINING, else two.
   * @throws Fault `pop.uidl-missing` where the server refuses UIDL and not LIST; `pop.protocol` where a number comes twice; `pop.refused` …
   */
  async listWithUids(): Promise<{ readonly sizes: readonly PopSize[]; readonly uids: readonly PopUid[] }> {
    const sizes: PopSize[] = [];
    const uids: PopUid[] = [];
    const [noSizes, noUids] = await this.#session.runLists([
      { command: 'LIST', onLine: (line) => sizes.push(this.#size(line)) },
      { command: 'UIDL', onLine: (line) => uids.push(this.#uid(line)) },
    ]);
    if (noSizes !== undefined) throw noSizes;
    if (isFault(noUids, 'pop.refused')) throw new Fault('pop.uidl-missing', noUids.evidence, { cause: noUids });
    if (noUids !== undefined) throw noUids;
    this.#checkOnce(sizes, 'LIST');
    this.#checkOnce(uids, 'UIDL');
    return { sizes, uids };
  }

  /** A number that stands for two messages could bring the one as the other. */
  #checkOnce(lines: readonly { readonly number: number }[], command: string): void {
    const seen = new Set<number>();
    for (const { number } of lines) {
      if (seen.has(number)) throw this.#session.unexpected('a message number twice', command, { number });
      seen.add(number);
    }
  }

  #size(line: string): PopSize {
    const match = /^ *0*([1-9]\d{0,9}) +(\d{1,15})/.exec(line);
    if (match === null) throw this.#session.unexpected('not a line of LIST', line);
    return { number: Number(match[1]), bytes: Number(match[2]) };
  }

  #uid(line: string): PopUid {
    const match = /^ *0*([1-9]\d{0,9}) +(\S.*)$/.exec(line);
    if (match === null) throw this.#session.unexpected('not a line of UIDL', line);
    return { number: Number(match[1]), uid: (match[2] ?? '').trimEnd() };
  }

  /** Header and the first `lines` lines of the body. Resolves when the server has said +OK. @throws Fault `pop.refused`. */
  async top(number: number, lines: number): Promise<AsyncIterable<Uint8Array>> {
    return await this.#session.runMessage(top(number, lines));
  }

  /** One message as it arrives. Resolves when the server has said +OK. The bytes: dots.ts. @throws Fault `pop.refused`. */
  async retrieve(number: number): Promise<AsyncIterable<Uint8Array>> {
    return await this.#session.runMessage(retr(number));
  }

  /** Messages as they arrive, several asked for ahead where the server allows it. See retrieve.ts for what ends and what stays. */
  retrieveMessages(numbers: Iterable<number>, options?: RetrieveOptions): AsyncGenerator<RetrievedMessage, void, void> {
    return retrieveMessages(this.#session, numbers, options);
  }

  /** Marks a message for removal, which happens at `quit` only. RFC 1939 §5. */
  async remove(number: number): Promise<void> {
    await this.#session.run(dele(number));
  }

  /**
   * As `remove` for many, several in flight where the server has PIPELINING.
   * @returns why a message was not marked, by its number; the others are
   * @throws Fault for whatever ended the session: nothing is removed then
   */
  async removeAll(numbers: readonly number[]): Promise<ReadonlyMap<number, Fault>> {
    const refusals = await this.#session.runAll(numbers.map(dele));
    return new Map([...refusals].map(([index, refusal]) => [numbers[index] ?? 0, refusal]));
  }

  async noop(): Promise<void> {
    await this.#session.run('NOOP');
  }

  /** Takes back all removals of this session. */
  async reset(): Promise<void> {
    await this.#session.run('RSET');
  }

  /**
   * Removes what was marked, says goodbye and closes. @throws Fault where the server does not confirm it: then it is unknown what was
   * removed. Closed all the same.
   */
  async quit(): Promise<void> {
    await this.#session.quit();
  }

  /** Hands the connection over as it is, after the login: for who passes the talk of another client on. This client is of no more use. */
  release(): HandedOver {
    return this.#session.release();
  }

  /** Closes at once, removes nothing. May be called often. */
  close(): void {
    this.#session.close();
  }
}

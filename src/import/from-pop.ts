/**
 * A mailbox read by POP3: the reading port of mailbox.ts on our client. RFC 1939.
 *
 * The hard thing is that a session sees the mailbox as it was at its login, and may lock it for everybody else. So whatever asks for
 * what is there NOW takes a session of its own, with the same token: a second `open`, a `list` after waiting, and a `list` after a
 * message was refused, which somebody else may have deleted. And who only waits does so without a session.
 *
 * Reading never marks anything for removal, so a session may end in any way and nothing on the server has changed.
 */
import { type Fault, isFault } from '../fault/fault.ts';
import type { MailEndpoint } from '../mail/endpoint.ts';
import { connectPop, type PopClient } from '../mail/pop/client.ts';
import type { PopLimits } from '../mail/pop/endpoint.ts';
import type { Clock } from '../runtime/clock.ts';
import { Door, type MailLogin } from './login.ts';
import type { ArrivingMessage, ConnectMailbox, DescribedMessage, ListedFolder, Mailbox, NumberBook, OpenFolder } from './mailbox.ts';
import { goodbye, inbox, look, numbersOf, onlyInbox, type Snapshot } from './pop-look.ts';
import type { NumberedMessage, PopNumbers } from './pop-numbers.ts';

/** RFC 2449 §6.5: a pause between two logins that is longer is for the next run. */
const longestLoginDelayMs = 60_000;
/** From so many messages on it is worth a round trip to ask again whether the server takes several commands at once. */
const worthAsking = 3;
/** What of a header is read to find its Message-ID. */
const mostHeaderBytes = 256 * 1024;

/** A mailbox to be read. @param source its name in the configuration, under which the archive keeps the numbers */
export function popMailbox(
  endpoint: MailEndpoint,
  login: MailLogin,
  source: string,
  clock: Clock,
  limits: Partial<PopLimits> = {},
): ConnectMailbox {
  const door = new Door(login, (signal) => connectPop(endpoint, { limits, signal }));
  // Over all connections, because a number that was given out may not stand in the archive yet.
  const known = new WeakMap<NumberBook, PopNumbers>();
  return async (signal, book) => {
    const client = await door.open(signal);
    const numbers = async (): Promise<PopNumbers> => {
      const found = known.get(book) ?? (await numbersOf(source, book));
      known.set(book, found);
      return found;
    };
    return new PopMailbox(client, () => door.open(signal), door, numbers, clock, signal);
  };
}

class PopMailbox implements Mailbox {
  readonly #reconnect: () => Promise<PopClient>;
  readonly #door: Door<PopClient>;
  readonly #numbers: () => Promise<PopNumbers>;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** Undefined while we wait. */
  #client: PopClient | undefined;
  /** Undefined until this session has looked. */
  #snapshot: Snapshot | undefined;
  /** A message was refused since: perhaps somebody else has deleted it. */
  #isDoubtful = false;
  #hasAskedAgain = false;
  #exists = 0;
  #highest = 0;

  constructor(
    client: PopClient,
    reconnect: () => Promise<PopClient>,
    door: Door<PopClient>,
    numbers: () => Promise<PopNumbers>,
    clock: Clock,
    signal: AbortSignal,
  ) {
    this.#client = client;
    this.#reconnect = reconnect;
    this.#door = door;
    this.#numbers = numbers;
    this.#clock = clock;
    this.#signal = signal;
  }

  async folders(): Promise<readonly ListedFolder[]> {
    return [{ name: inbox, separator: undefined, attributes: new Set<string>(), selectable: true }];
  }

  async open(folder: string): Promise<OpenFolder> {
    onlyInbox(folder);
    await this.#lookAnew();
    const mailbox = this;
    return {
      uidValidity: 0,
      get exists() {
        return mailbox.#exists;
      },
      get uidNext() {
        return mailbox.#highest + 1;
      },
      list: (from = 0) => this.#list(from),
      fetch: (uids) => this.#fetch(uids),
      describe: (uids) => this.#describe(uids),
      changed: async () => undefined,
      uidlOf: (uid) => this.#snapshot?.messages.get(uid)?.uidl,
      watch: (ms, signal) => this.#watch(ms, signal),
    };
  }

  async count(): Promise<number> {
    return await this.#door.watched(async () => (await (await this.#session()).stat()).messages);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#snapshot = undefined;
    this.#isDoubtful = false;
    this.#hasAskedAgain = false;
    if (client !== undefined) await goodbye(client, this.#clock);
  }

  /** The session that is open, or a new one. */
  async #session(): Promise<PopClient> {
    if (this.#client !== undefined) return this.#client;
    try {
      this.#client = await this.#reconnect();
    } catch (error) {
      const ms = isFault(error, 'pop.login-delay') ? error.evidence['backoffMs'] : undefined;
      if (typeof ms !== 'number' || ms > longestLoginDelayMs) throw error;
      await this.#clock.sleep(ms, this.#signal);
      this.#client = await this.#reconnect();
    }
    return this.#client;
  }

  /** Looks at what is there now: in this session if it has not looked yet, else in a new one. */
  async #lookAnew(): Promise<Snapshot> {
    return await this.#door.watched(async () => {
      if (this.#snapshot !== undefined) await this.close();
      const [client, numbers] = [await this.#session(), await this.#numbers()];
      const snapshot = await look(client, (listed) => numbers.assign(listed));
      this.#snapshot = snapshot;
      this.#exists = snapshot.counted;
      this.#highest = numbers.highest;
      return snapshot;
    });
  }

  async #looked(): Promise<Snapshot> {
    return this.#snapshot ?? (await this.#lookAnew());
  }

  async #list(from: number): Promise<readonly number[]> {
    const { messages } = this.#isDoubtful ? await this.#lookAnew() : await this.#looked();
    return [...messages.keys()].filter((number) => number >= from);
  }

  async *#fetch(uids: Iterable<number>): AsyncGenerator<ArrivingMessage> {
    const numbers = await this.#numbers();
    let refused: Fault | undefined;
    for await (const { message, body, refusal } of this.#retrieve(uids)) {
      refused ??= refusal;
      if (body === undefined) continue;
      const { number: uid, uidl, bytes: announcedBytes } = message;
      yield { body, attributes: () => ({ uid, uidl, internalDate: undefined, announcedBytes }) };
      numbers.came(message);
    }
    if (refused === undefined) return;
    this.#isDoubtful = true;
    throw refused;
  }

  async *#describe(uids: readonly number[]): AsyncGenerator<DescribedMessage> {
    for await (const { message, body } of this.#retrieve(uids, 0)) {
      const { number: uid, uidl, bytes: announcedBytes } = message;
      // A server without TOP refuses it; everything else is known all the same.
      const messageId = body === undefined ? undefined : messageIdOf(await collected(body));
      yield { uid, uidl, internalDate: undefined, announcedBytes, messageId };
    }
  }

  /** Those that the session has, in the order that was asked for. */
  async *#retrieve(uids: Iterable<number>, lines?: number): AsyncGenerator<Retrieved, void, void> {
    const { messages } = await this.#looked();
    const client = await this.#session();
    const asked = new Map<number, NumberedMessage>();
    const positions = function* (): Generator<number, void, void> {
      for (const uid of uids) {
        const message = messages.get(uid);
        if (message === undefined) continue;
        asked.set(message.position, message);
        yield message.position;
      }
    };
    try {
      const { first, all } = ahead(positions(), worthAsking);
      if (first === worthAsking) await this.#askAgain(client);
      for await (const { number, body, refusal } of client.retrieveMessages(all, lines === undefined ? {} : { lines })) {
        const message = asked.get(number);
        if (message === undefined) throw new Error('a message came that was not asked for');
        asked.delete(number);
        yield { message, body, refusal };
      }
    } catch (error) {
      this.#door.look(error);
      throw error;
    }
  }

  /** RFC 2449 §5: a server may offer after the login what it did not offer before. */
  async #askAgain(client: PopClient): Promise<void> {
    if (this.#hasAskedAgain || client.capabilities.has('PIPELINING')) return;
    this.#hasAskedAgain = true;
    await client.askCapabilities();
  }

  /** Without a session, so that others get at the mailbox. The next `list` begins one. */
  async #watch(ms: number, signal: AbortSignal): Promise<void> {
    await this.close();
    await this.#clock.sleep(ms, signal);
  }
}

/** How many there are at first, up to `most`, and all of them. */
function ahead(numbers: Iterator<number>, most: number): { readonly first: number; readonly all: Iterable<number> } {
  const head: number[] = [];
  while (head.length < most) {
    const next = numbers.next();
    if (next.done) break;
    head.push(next.value);
  }
  const all = function* (): Generator<number, void, void> {
    yield* head;
    for (let next = numbers.next(); !next.done; next = numbers.next()) yield next.value;
  };
  return { first: head.length, all: all() };
}

interface Retrieved {
  readonly message: NumberedMessage;
  readonly body: AsyncIterable<Uint8Array> | undefined;
  readonly refusal: Fault | undefined;
}

async function collected(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    if (bytes < mostHeaderBytes) pieces.push(piece);
    bytes += piece.length;
  }
  return Buffer.concat(pieces).toString('latin1');
}

/** RFC 5322 §3.6.4, unfolded (§2.2.3). */
function messageIdOf(header: string): string | undefined {
  const value = /^message-id[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)/im.exec(header)?.[1]?.replaceAll(/\s+/g, ' ').trim();
  return value === '' ? undefined : value;
}

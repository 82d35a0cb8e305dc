/**
 * A mailbox read by IMAP, and the same to be changed: the ports of mailbox.ts on our client.
 *
 * The hard thing is to ask little. The server tells of changes by itself with the answers to other commands; so what was told is kept,
 * and the folder is asked only where nothing was, by one NOOP.
 */
import { connectImap, type ImapClient } from '../mail/imap/client.ts';
import type { ImapEndpoint, ImapLimits } from '../mail/imap/endpoint.ts';
import type { Clock } from '../runtime/clock.ts';
import { plainName } from './folders.ts';
import { Door, type MailLogin } from './login.ts';
import type {
  ArrivingMessage,
  ConnectMailbox,
  ConnectWriter,
  DescribedMessage,
  ListedFolder,
  Mailbox,
  MailboxWriter,
  OpenFolder,
  WritableFolder,
  WritingPowers,
} from './mailbox.ts';

/** A server that does not answer our goodbye must not hold up the end of a run. */
const goodbyeMs = 3_000;
/** From so many messages on a folder is listed in ranges of UIDs: each answer then has 400 kB at most. */
const longAnswer = 50_000;
/** A folder whose UIDs are far apart is not asked for in more steps than this. */
const mostRanges = 50;
const dayMs = 24 * 60 * 60_000;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** A mailbox to be read. Each connection that it makes can do nothing but read: folders are opened by EXAMINE. */
export function imapMailbox(endpoint: ImapEndpoint, login: MailLogin, clock: Clock, limits: Partial<ImapLimits> = {}): ConnectMailbox {
  const door = doorOf(endpoint, login, clock, limits);
  return async (signal) => new ImapMailbox(await door.open(signal), door, clock);
}

/** The same mailbox, to be changed. */
export function imapWriter(endpoint: ImapEndpoint, login: MailLogin, clock: Clock, limits: Partial<ImapLimits> = {}): ConnectWriter {
  const door = doorOf(endpoint, login, clock, limits);
  return async (signal) => new ImapWriter(await door.open(signal), door, clock);
}

type ImapDoor = Door<ImapClient>;

function doorOf(endpoint: ImapEndpoint, login: MailLogin, clock: Clock, limits: Partial<ImapLimits>): ImapDoor {
  return new Door(login, (signal) => connectImap(endpoint, { limits, signal, clock }));
}

class ImapMailbox implements Mailbox {
  readonly #client: ImapClient;
  readonly #door: ImapDoor;
  readonly #clock: Clock;

  constructor(client: ImapClient, door: ImapDoor, clock: Clock) {
    this.#client = client;
    this.#door = door;
    this.#clock = clock;
  }

  async folders(): Promise<readonly ListedFolder[]> {
    const folders = await this.#door.watched(() => this.#client.list());
    return folders.map(({ name, separator, attributes, selectable }) => ({ name: plainName(name), separator, attributes, selectable }));
  }

  async open(folder: string): Promise<OpenFolder> {
    const { uidValidity, uidNext } = await this.#door.watched(() => this.#client.examine(folder));
    return new ImapFolder(this.#client, this.#door, this.#clock, uidValidity, uidNext);
  }

  async count(folder: string): Promise<number> {
    return (await this.#door.watched(() => this.#client.status(folder))).messages;
  }

  async close(): Promise<void> {
    await goodbye(this.#client, this.#clock);
  }
}

class ImapFolder implements OpenFolder {
  readonly uidValidity: number;
  readonly uidNext: number | undefined;
  readonly #client: ImapClient;
  readonly #door: ImapDoor;
  readonly #clock: Clock;
  /** What the server had told of changes when the folder was last looked at. */
  #changes: number;
  /** Nothing was asked since the server had its last occasion to tell of changes. */
  #isFresh = true;

  constructor(client: ImapClient, door: ImapDoor, clock: Clock, uidValidity: number, uidNext: number | undefined) {
    this.#client = client;
    this.#door = door;
    this.#clock = clock;
    this.uidValidity = uidValidity;
    this.uidNext = uidNext;
    this.#changes = client.view.changes;
  }

  get exists(): number {
    return this.#client.view.exists;
  }

  async list(from = 1): Promise<readonly number[]> {
    this.#changes = this.#client.view.changes;
    this.#isFresh = false;
    return await this.#door.watched(() => (from > 1 ? this.#search(from) : this.#searchAll()));
  }

  async older(since: Date, from = 1): Promise<readonly number[]> {
    const reach = from > 1 ? `UID ${from}:* ` : '';
    const atLeast = (uids: readonly number[]): readonly number[] => (from > 1 ? uids.filter((uid) => uid >= from) : uids);
    // RFC 9051 §6.4.4: SEARCH compares the day that the stored date names, in whatever zone, so a day around the instant is looked at closely.
    const [early, late] = [searchDate(since.getTime() - dayMs), searchDate(since.getTime() + 2 * dayMs)];
    const sure = atLeast(await this.#door.watched(() => this.#client.searchUids(`${reach}BEFORE ${early}`)));
    const near = atLeast(await this.#door.watched(() => this.#client.searchUids(`${reach}SINCE ${early} BEFORE ${late}`)));
    const older = [...sure];
    for await (const { uid, internalDate } of each(this.#door, this.#client.describe(near, { header: false }))) {
      if (uid !== undefined && internalDate !== undefined && internalDate < since) older.push(uid);
    }
    return older.sort((a, b) => a - b);
  }

  fetch(uids: Iterable<number>): AsyncGenerator<ArrivingMessage> {
    this.#isFresh = false;
    return each(this.#door, this.#client.fetchMessages(uids));
  }

  async *describe(uids: readonly number[]): AsyncGenerator<DescribedMessage> {
    this.#isFresh = false;
    for await (const { uid, internalDate, announcedBytes, messageId } of each(this.#door, this.#client.describe(uids))) {
      if (uid !== undefined) yield { uid, internalDate, announcedBytes, messageId };
    }
  }

  async changed(): Promise<boolean> {
    const { view } = this.#client;
    if (view.changes === this.#changes && !this.#isFresh) await this.#door.watched(() => this.#client.noop());
    this.#isFresh = false;
    const is = view.changes !== this.#changes;
    this.#changes = view.changes;
    return is;
  }

  async watch(ms: number, signal: AbortSignal): Promise<void> {
    // What was told between two commands is news as well.
    if (this.#client.view.changes !== this.#changes) return;
    await this.#door.watched(() => listen(this.#client, this.#clock, ms, signal));
    this.#isFresh = true;
  }

  /** RFC 9051 §9: `n:*` is also the last message where its UID is below n. */
  async #search(from: number): Promise<readonly number[]> {
    return (await this.#client.searchUids(`UID ${from}:*`)).filter((uid) => uid >= from);
  }

  /** In ranges where the answer would be long: it is one line, and a million UIDs are 8 MB of it. */
  async #searchAll(): Promise<readonly number[]> {
    const last = this.uidNext;
    if (last === undefined || this.exists <= longAnswer) return await this.#client.searchUids();
    const step = Math.max(longAnswer, Math.ceil(last / mostRanges));
    const all: number[] = [];
    let from = 1;
    for (; from + step < last; from += step) {
      for (const uid of await this.#client.searchUids(`UID ${from}:${from + step - 1}`)) all.push(uid);
    }
    for (const uid of await this.#search(from)) all.push(uid);
    return all;
  }
}

class ImapWriter implements MailboxWriter {
  readonly powers: WritingPowers;
  readonly #client: ImapClient;
  readonly #door: ImapDoor;
  readonly #clock: Clock;

  constructor(client: ImapClient, door: ImapDoor, clock: Clock) {
    this.#client = client;
    this.#door = door;
    this.#clock = clock;
    this.powers = { seen: true, move: client.powers.move, remove: client.powers.remove ? 'at-once' : 'never' };
  }

  async open(folder: string): Promise<WritableFolder> {
    const client = this.#client;
    const { uidValidity } = await this.#door.watched(() => client.select(folder));
    return {
      uidValidity,
      list: () => this.#door.watched(() => client.searchUids()),
      gone: async (uids) => {
        const listed = new Set(await this.#door.watched(() => client.searchUids()));
        // Where the server counts more than it lists, what is not listed may be there.
        return client.view.exists > listed.size ? [] : uids.filter((uid) => !listed.has(uid));
      },
      setSeen: (uids) => this.#door.watched(() => client.setSeen(uids)),
      move: (uids, target) => this.#door.watched(() => client.move(uids, target)),
      remove: (uids) => this.#door.watched(() => client.remove(uids)),
    };
  }

  /** Each command has done its work when it resolved; CLOSE is never sent, for it would remove what others have marked. */
  async finish(): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {
    await goodbye(this.#client, this.#clock);
  }
}

/** What a generator gives; a token that ran out meanwhile is dropped. */
async function* each<T>(door: ImapDoor, items: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    door.look(error);
    throw error;
  }
}

/** RFC 9051 §9 date: `1-Feb-1994`, of the UTC day. */
function searchDate(ms: number): string {
  const date = new Date(ms);
  return `${date.getUTCDate()}-${months[date.getUTCMonth()]}-${date.getUTCFullYear()}`;
}

async function goodbye(client: ImapClient, clock: Clock): Promise<void> {
  const said = new AbortController();
  const farewell = client.logout().catch(() => undefined); // the connection may be gone: that is what we want
  await Promise.race([farewell, clock.sleep(goodbyeMs, said.signal).catch(() => undefined)]);
  said.abort();
  client.close();
}

/** Listens by IDLE until something happens or the time is over; a server without IDLE, or that ends it by itself, is simply waited for. */
async function listen(client: ImapClient, clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (!client.capabilities.has('IDLE')) {
    await clock.sleep(ms, signal);
    await client.noop();
    return;
  }
  const over = new AbortController();
  const enough = AbortSignal.any([over.signal, signal]);
  const timer = clock.sleep(ms, enough).then(
    () => over.abort(),
    () => undefined, // ended by the abort below or by the caller
  );
  const before = client.view.changes;
  let isNews = false;
  let isEnded = false;
  try {
    for await (const news of client.idle({ signal: enough })) {
      // RFC 9051 §7.4.1: a server may repeat the number that it told before. That is none.
      isNews = news.kind === 'exists' && client.view.changes !== before;
      if (isNews) break;
    }
    isEnded = !isNews && !enough.aborted;
    if (isEnded) await timer;
  } finally {
    over.abort();
    await timer;
  }
  signal.throwIfAborted();
  if (isEnded) await client.noop();
}

/**
 * Puts a conversation together from the index: the messages of a thread in the order of their time, copies folded, edits and deletions
 * at what they are about, gaps where an original is missing.
 *
 * The hard thing is a page of a thread of any length: whether a message stands for itself, at another one, or as a copy of another one
 * is decided from what the index knows of all of them, never from what is on the page; so no item is shown twice or left out between pages.
 */
import type { DatabaseSync } from 'node:sqlite';
import { Fault, isFault } from '../../fault/fault.ts';
import type { StoredMessage } from '../archive.ts';
import { called } from '../called.ts';
import type { Conversation, ConversationChange, ConversationItem, ConversationOptions, Recorded } from '../conversation.ts';
import { aboutOf, keyOf } from '../derive/record-keys.ts';
import type { MessageRecord } from '../record.ts';
import { namesOf } from './index-writer.ts';

const defaultLimit = 500;
/** Copies of an item, and changes of one, that are read. */
const copiesMost = 100;
const changesMost = 1_000;
const participantsMost = 500;
const ownersMost = 50;

/** What is asked of the archive. */
export interface ConversationPorts {
  readonly db: DatabaseSync;
  stored(seq: number): StoredMessage;
  /** Number of the message whose SHA-256 begins so. @throws Fault archive.unknown-message, archive.ambiguous-id */
  seqOf(id: string): number;
}

/** A derived message with its number and its time. */
interface Placed {
  readonly seq: number;
  readonly at: number;
  readonly message: Recorded;
}

/** A place in a thread. */
type Position = Pick<Placed, 'seq' | 'at'>;
const beginning: Position = { at: Number.MIN_SAFE_INTEGER, seq: 0 };

/** The same, and its copies: itself among them, the first that arrived first. */
interface Item {
  readonly first: Placed;
  readonly all: readonly Placed[];
}

/**
 * @param id of a thread, of an item at its origin, or of a message
 * @throws Fault archive.unknown-conversation, archive.ambiguous-id, archive.not-derived, archive.query-unreadable; errors of SQLite as they are
 */
export function conversationOf(ports: ConversationPorts, id: string, options: ConversationOptions = {}): Omit<Conversation, 'lag'> {
  return new ConversationReader(ports).read(id, options);
}

class ConversationReader {
  readonly #ports: ConversationPorts;
  readonly #placed = new Map<number, Placed | undefined>();

  constructor(ports: ConversationPorts) {
    this.#ports = ports;
  }

  read(id: string, { limit = defaultLimit, ...from }: ConversationOptions): Omit<Conversation, 'lag'> {
    const start = this.#start(id);
    const threadId = start?.message.record.threadId;
    if (start !== undefined && threadId === undefined) return this.#alone(start);
    const thread = threadId ?? id;
    const rows = this.#rows(thread, from, limit);
    const page = rows.flatMap(({ seq }) => this.#place(seq) ?? []);
    // Another thread may have the same key by chance.
    const own = page.filter(({ message }) => message.record.threadId === thread);
    const [first, last] = [rows[0], rows.at(-1)];
    const counted = this.#ports.db.prepare('select count(*) as messages from ix.record where thread = ?').get(keyOf('thread', thread));
    return {
      ...described(own.map((one) => one.message.record)),
      threadId: thread,
      owners: this.#owners(thread),
      messages: Number(counted?.['messages']),
      items: own.flatMap((one) => this.#item(one) ?? []),
      next: last !== undefined && this.#behind(thread, last, 1).length > 0 ? nameOf(last) : undefined,
      previous: first !== undefined && this.#before(thread, first, 1).length > 0 ? nameOf(first) : undefined,
    };
  }

  /** Messages of a page in the order of time. */
  #rows(thread: string, { after, before, around }: ConversationOptions, limit: number): readonly Position[] {
    if (before !== undefined) return this.#before(thread, positionOf(before), limit);
    if (around === undefined) return this.#behind(thread, after === undefined ? beginning : positionOf(after), limit);
    const middle = this.#standsAt(thread, around);
    if (middle === undefined) return this.#behind(thread, beginning, limit);
    const earlier = this.#before(thread, middle, Math.floor((limit - 1) / 2));
    return [...earlier, middle, ...this.#behind(thread, middle, limit - 1 - earlier.length)];
  }

  #behind(thread: string, { at, seq }: Position, limit: number): readonly Position[] {
    return this.#ports.db
      .prepare('select message, at from ix.record where thread = ? and at >= ? and (at > ? or message > ?) order by at, message limit ?')
      .all(keyOf('thread', thread), at, at, seq, limit)
      .map((row) => ({ seq: Number(row['message']), at: Number(row['at']) }));
  }

  #before(thread: string, { at, seq }: Position, limit: number): readonly Position[] {
    return this.#ports.db
      .prepare(
        'select message, at from ix.record where thread = ? and at <= ? and (at < ? or message < ?) order by at desc, message desc limit ?',
      )
      .all(keyOf('thread', thread), at, at, seq, limit)
      .map((row) => ({ seq: Number(row['message']), at: Number(row['at']) }))
      .reverse();
  }

  /** Where what a message says is shown: a change at its original, a copy at the first of its item. Undefined where that is not this thread. */
  #standsAt(thread: string, sha256: string): Position | undefined {
    const asked = this.#place(this.#seqOf(sha256));
    if (asked === undefined) return undefined;
    const ids = isChange(asked.message.record) ? aboutOf(asked.message.record).ids : [];
    const original = ids.flatMap((id) => this.#named(id)).find(({ message }) => message.record.threadId === thread);
    const all = this.#withCopies(original ?? asked).all.filter(({ message }) => message.record.threadId === thread);
    return [...all].sort((a, b) => a.at - b.at || a.seq - b.seq)[0];
  }

  /** Whose copies the messages of a thread are, by what the index counts. */
  #owners(thread: string): readonly string[] {
    return this.#ports.db
      .prepare(
        `select s.owner, count(*) as messages from ix.record r join ix.shape s on s.id = r.shape
         where r.thread = ? and s.owner <> '' group by s.owner order by 2 desc, 1 limit ?`,
      )
      .all(keyOf('thread', thread), ownersMost)
      .map((row) => String(row['owner']));
  }

  /** The message that an id leads to; undefined for the id of a thread. */
  #start(id: string): Placed | undefined {
    const inThread = this.#ports.db.prepare('select message from ix.record where thread = ? limit 20').all(keyOf('thread', id));
    if (inThread.some((row) => this.#place(Number(row['message']))?.message.record.threadId === id)) return undefined;
    for (const name of [id, `<${id}>`]) {
      for (const seq of this.#linked('id', name, 20)) {
        const placed = this.#place(seq);
        if (placed !== undefined && namesOf(placed.message.record).has(name)) return placed;
      }
    }
    const placed = this.#place(this.#seqOf(id));
    if (placed === undefined) throw new Fault('archive.not-derived', { id });
    return placed;
  }

  #seqOf(id: string): number {
    try {
      return this.#ports.seqOf(id);
    } catch (error) {
      if (!isFault(error, 'archive.unknown-message')) throw error;
      throw new Fault('archive.unknown-conversation', { id });
    }
  }

  /** A message that nothing ties to others. */
  #alone(start: Placed): Omit<Conversation, 'lag'> {
    const item = this.#item(start, true);
    const items = item === undefined ? [] : [item];
    const { owner } = start.message.record;
    const owners = owner === undefined ? [] : [owner];
    const pages = { next: undefined, previous: undefined };
    return { ...described([start.message.record]), threadId: undefined, owners, messages: items.length, items, ...pages };
  }

  /** @param always for a message that is asked for itself: wherever it belongs. Undefined where it is shown elsewhere. */
  #item(placed: Placed, always = false): ConversationItem | undefined {
    const item = this.#withCopies(placed);
    if (!always && !isFirst(placed, item, placed.message.record.threadId)) return undefined;
    const { record } = placed.message;
    const about = aboutOf(record);
    if ((record.eventKind === 'edit' || record.eventKind === 'delete') && (about.ids.length > 0 || about.unnamed)) {
      return this.#changeWithoutOriginal(placed, item, about.ids, always);
    }
    return { ...shown(item), message: item.first.message, at: new Date(placed.at), changes: this.#changesOf(namesOfAll(item)) };
  }

  /** Undefined for a change that stands at its original, or at another change of the same missing one. */
  #changeWithoutOriginal(placed: Placed, item: Item, ids: readonly string[], always: boolean): ConversationItem | undefined {
    const isThere = ids.some((id) => this.#named(id).length > 0);
    if (isThere && !always) return undefined;
    if (isThere) return { ...shown(item), message: item.first.message, at: new Date(placed.at), changes: [] };
    const [nativeId] = ids;
    const changes = nativeId === undefined ? [changeOf(item)] : this.#changesOf(new Set(ids));
    const thread = placed.message.record.threadId;
    const earliest = changes.find((change) => change.message.record.threadId === thread);
    if (!always && earliest !== undefined && earliest.message.sha256 !== item.first.message.sha256) return undefined;
    const owners = [...new Set(changes.flatMap((change) => change.owners))];
    return { at: new Date(placed.at), message: undefined, copies: [], owners, changes, missing: { nativeId } };
  }

  /** Messages that are called so. */
  #named(id: string): readonly Placed[] {
    return this.#linked('id', id, copiesMost).flatMap((seq) => {
      const placed = this.#place(seq);
      return placed !== undefined && namesOf(placed.message.record).has(id) ? [placed] : [];
    });
  }

  /** Edits and deletions of what is called so, in the order of time. */
  #changesOf(names: ReadonlySet<string>): readonly ConversationChange[] {
    const seen = new Set<number>();
    const changes: Item[] = [];
    for (const seq of [...names].flatMap((name) => this.#linked('about', name, changesMost))) {
      const placed = this.#place(seq);
      if (placed === undefined || seen.has(seq) || !isChange(placed.message.record)) continue;
      if (!aboutOf(placed.message.record).ids.some((id) => names.has(id))) continue;
      const item = this.#withCopies(placed);
      for (const one of item.all) seen.add(one.seq);
      seen.add(seq);
      changes.push(item);
    }
    return changes.map(changeOf).sort((a, b) => a.at.getTime() - b.at.getTime());
  }

  #withCopies(placed: Placed): Item {
    const keys = new Set(placed.message.record.copyKeys);
    const seqs = new Set([...keys].flatMap((key) => this.#linked('copy', key, copiesMost)));
    const copies = [...seqs]
      .sort((a, b) => a - b)
      .slice(0, copiesMost)
      .flatMap((seq) => (seq === placed.seq ? [] : (this.#place(seq) ?? [])))
      .filter(({ message }) => message.record.copyKeys.some((key) => keys.has(key)));
    const all = [placed, ...copies].sort((a, b) => a.seq - b.seq);
    return { first: all[0] ?? placed, all };
  }

  #linked(kind: 'id' | 'copy' | 'about', name: string, limit: number): readonly number[] {
    return this.#ports.db
      .prepare('select message from ix.link where key = ? order by message limit ?')
      .all(keyOf(kind, name), limit)
      .map((row) => Number(row['message']));
  }

  #place(seq: number): Placed | undefined {
    if (this.#placed.has(seq)) return this.#placed.get(seq);
    const row = this.#ports.db.prepare('select at from ix.record where message = ?').get(seq);
    const stored = row === undefined ? undefined : this.#ports.stored(seq);
    const { record } = stored ?? {};
    const placed =
      row === undefined || stored === undefined || record === undefined
        ? undefined
        : { seq, at: Number(row['at']), message: { ...stored, record } };
    this.#placed.set(seq, placed);
    return placed;
  }
}

/** Whether this one of an item's copies stands for it in its thread. */
function isFirst(placed: Placed, item: Item, thread: string | undefined): boolean {
  const own = item.all.filter(({ message }) => message.record.threadId === thread);
  return own.every((other) => other.at > placed.at || (other.at === placed.at && other.seq >= placed.seq));
}

function isChange(record: MessageRecord): record is MessageRecord & { readonly eventKind: 'edit' | 'delete' } {
  return record.eventKind === 'edit' || record.eventKind === 'delete';
}

function changeOf(item: Item): ConversationChange {
  const { message, at } = item.first;
  const kind = message.record.eventKind === 'delete' ? 'delete' : 'edit';
  return { kind, at: new Date(at), message, ...shown(item) };
}

function shown({ first, all }: Item): { readonly copies: readonly Recorded[]; readonly owners: readonly string[] } {
  return {
    copies: all.filter((one) => one !== first).map(({ message }) => message),
    owners: [...new Set(all.flatMap(({ message }) => message.record.owner ?? []))],
  };
}

function namesOfAll({ all }: Item): ReadonlySet<string> {
  return new Set(all.flatMap(({ message }) => [...namesOf(message.record)]));
}

function described(records: readonly MessageRecord[]): Pick<Conversation, 'inferred' | 'name' | 'platform' | 'chatType' | 'participants'> {
  const participants = new Set<string>();
  for (const one of records.flatMap((record) => record.participants)) {
    if (participants.size >= participantsMost) break;
    if (one.role !== 'owner' || participants.size === 0) participants.add(called(one));
  }
  const types = new Set(records.map(({ chatType }) => chatType));
  types.delete('unknown');
  return {
    inferred: records.some(({ threadInferred }) => threadInferred),
    name: records.map(({ threadName, groupName }) => threadName ?? groupName).find((name) => name !== undefined),
    platform: records.map(({ platform }) => platform).find((platform) => platform !== undefined),
    chatType: types.size === 1 ? ([...types][0] ?? 'unknown') : 'unknown',
    participants: [...participants].filter((name) => name !== ''),
  };
}

function nameOf({ at, seq }: Position): string {
  return `${at}:${seq}`;
}

/** @throws Fault archive.query-unreadable for what no page gave */
function positionOf(after: string): Position {
  const [, at, seq] = /^(-?\d{1,16}):(\d{1,15})$/.exec(after) ?? [];
  if (at === undefined || seq === undefined) {
    throw new Fault('archive.query-unreadable', { part: after, expected: 'what the page before gave' });
  }
  return { at: Number(at), seq: Number(seq) };
}

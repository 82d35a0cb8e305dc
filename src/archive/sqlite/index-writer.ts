/**
 * Writes what was derived into the index: record, words, and the small tables from which a search plans and the feeds are watched.
 *
 * The hard thing is that rows of one message change others: an edit marks its original, which may come before it, after it, or never; a
 * copy finds the first of its kind. All that happens in the transaction that moves the watermark, so it is done exactly once, and what
 * is counted stays true.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Derived } from '../derive/extract.ts';
import { aboutOf, identitiesOf, keyOf, markBit, marksOf } from '../derive/record-keys.ts';
import type { MessageRecord } from '../record.ts';
import { WordWriter } from './index-words.ts';
import { packBlocks } from './record-pack.ts';

/** A derived message on its way into the index. */
export interface DerivedRow {
  readonly seq: number;
  readonly derived: Derived;
  /** The source that it first arrived by. */
  readonly source: string;
  /** Name of the profile that it was derived with. */
  readonly profile: string;
  /** By the server's date, where that can be; else when it was accepted. */
  readonly arrivedMs: number;
  readonly acceptedMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A sender's or a server's clock may be this much ahead; a later time is not believed where it would hide a silence. */
export const clockSlackMs = dayMs;
/** A shape is some words of a subject or the name of a header; a hostile one is cut. */
const driftChars = 200;
/** Distinct shapes of a message that are counted. */
const driftLimit = 20;
/** Remembered ids of shapes and identities; both are few, unless somebody makes them many. */
const cacheLimit = 10_000;

/** Stands among the flags of a source for messages that no parser understood. */
export const unreadableCode = 'unreadable';

interface Counted {
  messages: number;
  firstArrived: number;
  lastArrived: number;
  lastSent: number;
}

export class IndexWriter {
  readonly #sql: Readonly<Record<keyof typeof statements, StatementSync>>;
  readonly #shapes = new Map<string, number>();
  readonly #identities = new Map<string, number>();
  readonly #words: WordWriter;

  /** @param db open for writing, of the present format */
  constructor(db: DatabaseSync) {
    const prepared = Object.entries(statements).map(([name, sql]) => [name, db.prepare(sql)]);
    this.#sql = Object.fromEntries(prepared) as Record<keyof typeof statements, StatementSync>;
    this.#words = new WordWriter(db);
  }

  /** Writes rows that are not there yet, within the transaction of the caller. After a failure the caller has to roll back and call {@link IndexWriter.forget}. */
  write(rows: readonly DerivedRow[]): void {
    const sums = new Sums();
    for (const row of rows) this.#writeRow(row, sums);
    const records = rows.map(({ seq, derived }) => ({ seq, record: derived.record }));
    for (const { first, packed } of packBlocks(records)) this.#sql.addDetail.run(first, packed);
    this.#writeSums(sums);
  }

  /** What was remembered of a transaction that was rolled back stands no more. */
  forget(): void {
    this.#shapes.clear();
    this.#identities.clear();
    this.#words.forget();
  }

  #writeRow(row: DerivedRow, sums: Sums): void {
    const { seq, derived } = row;
    const { record, words } = derived;
    const at = record.sentAt?.getTime() ?? row.arrivedMs;
    const shape = this.#shape(row.source, record);
    const thread = record.threadId === undefined ? null : keyOf('thread', record.threadId);
    this.#sql.addRecord.run(seq, at, shape, thread, marksOf(record) | this.#links(seq, record));
    this.#words.write(seq, [words.subject, words.sender, words.recipients, words.attachments, words.headers, words.body]);
    for (const { kind, value, roles } of identitiesOf(record)) this.#sql.addParticipation.run(this.#identity(kind, value), seq, roles);
    sums.add(row, shape, at);
  }

  /** Notes what the message is called and what it is about. Returns the marks that follow from what is there already. */
  #links(seq: number, record: MessageRecord): number {
    let marks = 0;
    for (const copyKey of new Set(record.copyKeys)) {
      const key = keyOf('copy', copyKey);
      if (this.#sql.findLink.get(key) !== undefined) marks |= markBit.copy;
      this.#sql.addLink.run(key, seq);
    }
    const about = aboutOf(record);
    if (about.unnamed) marks |= markBit.orphan;
    for (const id of new Set(about.ids)) {
      this.#sql.addLink.run(keyOf('about', id), seq);
      const originals = this.#sql.findLinks.all(keyOf('id', id));
      if (originals.length === 0) marks |= markBit.orphan;
      const becomes = becomesOf(record.eventKind);
      if (becomes !== 0) for (const { message } of originals) this.#sql.addMark.run(becomes, Number(message));
    }
    for (const id of namesOf(record)) {
      this.#sql.addLink.run(keyOf('id', id), seq);
      // Nobody edits or deletes mail; of a captured item the edit may have come first.
      if (record.format === 'mail') continue;
      for (const { message, kind } of this.#sql.findAbout.all(keyOf('about', id))) {
        marks |= becomesOf(String(kind));
        this.#sql.takeMark.run(markBit.orphan, Number(message));
      }
    }
    return marks;
  }

  #shape(source: string, record: MessageRecord): number {
    const { format, platform = '', modality, eventKind, direction, chatType, owner = '' } = record;
    const values = [source, format, platform, modality, eventKind, direction, chatType, owner];
    return this.#remembered(this.#shapes, JSON.stringify(values), () => {
      this.#sql.addShape.run(...values);
      return Number(this.#sql.findShape.get(...values)?.id);
    });
  }

  #identity(kind: number, value: string): number {
    return this.#remembered(this.#identities, `${kind} ${value}`, () => {
      this.#sql.addIdentity.run(kind, value);
      return Number(this.#sql.findIdentity.get(kind, value)?.id);
    });
  }

  #remembered(cache: Map<string, number>, key: string, find: () => number): number {
    const known = cache.get(key);
    if (known !== undefined) return known;
    if (cache.size >= cacheLimit) cache.clear();
    const id = find();
    cache.set(key, id);
    return id;
  }

  #writeSums(sums: Sums): void {
    for (const [shape, one] of sums.shapes) {
      this.#sql.countShape.run(one.messages, one.firstArrived, one.lastArrived, one.lastSent, shape);
    }
    for (const { shape, hour, arrived, sent } of sums.hours.values()) this.#sql.countHour.run(shape, hour, arrived, sent);
    for (const { source, code, messages } of sums.flags.values()) this.#sql.countFlag.run(source, code, messages);
    for (const { source, shape, day, messages, first, last } of sums.drift.values()) {
      this.#sql.countDrift.run(source, shape, day, messages, first, last);
    }
    for (const { source, profile, parser, messages } of sums.made.values()) this.#sql.countMade.run(source, profile, parser, messages);
  }
}

/** What an original becomes by an item of this kind that is about it. */
function becomesOf(kind: string): number {
  return kind === 'edit' ? markBit.edited : kind === 'delete' ? markBit.deleted : 0;
}

/** What a message is called. */
export function namesOf(record: MessageRecord): ReadonlySet<string> {
  return new Set([record.nativeId ?? '', record.messageId, record.journal?.reportMessageId ?? ''].filter((name) => name !== ''));
}

/** What is counted over the rows of one transaction, so that each sum is written once. */
class Sums {
  readonly shapes = new Map<number, Counted>();
  readonly hours = new Map<string, { shape: number; hour: number; arrived: number; sent: number }>();
  readonly flags = new Map<string, { source: string; code: string; messages: number }>();
  readonly drift = new Map<string, { source: string; shape: string; day: number; messages: number; first: number; last: number }>();
  readonly made = new Map<string, { source: string; profile: string; parser: number; messages: number }>();

  add({ derived, source, profile, arrivedMs, acceptedMs }: DerivedRow, shape: number, at: number): void {
    const { record } = derived;
    const sent = at <= acceptedMs + clockSlackMs ? at : arrivedMs;
    const counted = entry(this.shapes, shape, () => ({ messages: 0, firstArrived: arrivedMs, lastArrived: arrivedMs, lastSent: sent }));
    counted.messages += 1;
    counted.firstArrived = Math.min(counted.firstArrived, arrivedMs);
    counted.lastArrived = Math.max(counted.lastArrived, arrivedMs);
    counted.lastSent = Math.max(counted.lastSent, sent);
    this.#hour(shape, arrivedMs).arrived += 1;
    this.#hour(shape, at).sent += 1;
    const codes = new Set<string>(record.flags.map((flag) => flag.code));
    if (record.problem !== undefined) codes.add(unreadableCode);
    if (record.encrypted) codes.add('encrypted');
    for (const code of codes) {
      entry(this.flags, `${code} ${source}`, () => ({ source, code, messages: 0 })).messages += 1;
    }
    const day = Math.floor(arrivedMs / dayMs);
    for (const text of [...new Set(record.drift)].slice(0, driftLimit)) {
      const name = text.slice(0, driftChars).toWellFormed();
      const zero = { source, shape: name, day, messages: 0, first: arrivedMs, last: arrivedMs };
      const seen = entry(this.drift, JSON.stringify([source, name, day]), () => zero);
      seen.messages += 1;
      seen.first = Math.min(seen.first, arrivedMs);
      seen.last = Math.max(seen.last, arrivedMs);
    }
    const parser = record.parserVersion;
    entry(this.made, `${parser} ${profile} ${source}`, () => ({ source, profile, parser, messages: 0 })).messages += 1;
  }

  #hour(shape: number, ms: number): { arrived: number; sent: number } {
    const hour = Math.floor(ms / hourMs);
    return entry(this.hours, `${shape} ${hour}`, () => ({ shape, hour, arrived: 0, sent: 0 }));
  }
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

const statements = {
  addRecord: 'insert into record (message, at, shape, thread, marks) values (?, ?, ?, ?, ?)',
  addDetail: 'insert into detail (first, packed) values (?, ?)',
  findLink: 'select 1 from link where key = ? limit 1',
  findLinks: 'select message from link where key = ?',
  findAbout: 'select l.message, s.kind from link l join record r on r.message = l.message join shape s on s.id = r.shape where l.key = ?',
  addLink: 'insert or ignore into link (key, message) values (?, ?)',
  addMark: 'update record set marks = marks | ? where message = ?',
  takeMark: 'update record set marks = marks & ~? where message = ?',
  addShape: `insert into shape (source, format, platform, modality, kind, direction, chat, owner, messages, first_arrived, last_arrived, last_sent)
    values (?, ?, ?, ?, ?, ?, ?, ?, 0, ${Number.MAX_SAFE_INTEGER}, ${Number.MIN_SAFE_INTEGER}, ${Number.MIN_SAFE_INTEGER}) on conflict do nothing`,
  findShape: `select id from shape where source = ? and format = ? and platform = ? and modality = ? and kind = ? and direction = ?
    and chat = ? and owner = ?`,
  countShape: `update shape set messages = messages + ?, first_arrived = min(first_arrived, ?), last_arrived = max(last_arrived, ?),
    last_sent = max(last_sent, ?) where id = ?`,
  addIdentity: 'insert into identity (kind, value) values (?, ?) on conflict do nothing',
  findIdentity: 'select id from identity where kind = ? and value = ?',
  addParticipation: 'insert into participation (identity, message, roles) values (?, ?, ?)',
  countHour: `insert into tally (shape, hour, arrived, sent) values (?, ?, ?, ?)
    on conflict do update set arrived = arrived + excluded.arrived, sent = sent + excluded.sent`,
  countFlag: 'insert into flag (source, code, messages) values (?, ?, ?) on conflict do update set messages = messages + excluded.messages',
  countDrift: `insert into drift (source, shape, day, messages, first_seen, last_seen) values (?, ?, ?, ?, ?, ?)
    on conflict do update set messages = messages + excluded.messages, first_seen = min(first_seen, excluded.first_seen),
      last_seen = max(last_seen, excluded.last_seen)`,
  countMade: `insert into made (source, profile, parser, messages) values (?, ?, ?, ?)
    on conflict do update set messages = messages + excluded.messages`,
} as const;

/**
 * Reading the derived database: search and records, on the connection of the ledger's reader, to which it is attached as `ix`.
 *
 * The hard thing is that the index may be damaged, or be thrown away and made again by another process at any time: only what asks for
 * what messages say may fail by that.
 */
import { statSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { Fault, isFault } from '../../fault/fault.ts';
import { type Profiles, readProfiles } from '../derive/profiles.ts';
import { markNames } from '../derive/record-keys.ts';
import type { Mark } from '../message.ts';
import type { MessageRecord } from '../record.ts';
import type { FacetCount, Facets, Query, SearchOptions, SearchOrder } from '../search.ts';
import { indexFault, saysWrong } from './errors.ts';
import { isIndexSchema, isReadableIndex } from './index-schema.ts';
import { unreadableCode } from './index-writer.ts';
import type { Layout } from './layout.ts';
import { unpack } from './record-pack.ts';
import { readable } from './schema.ts';
import { asksShapesOnly, type Position, SearchPlan, shapeCounts } from './search-plan.ts';

type Row = Readonly<Record<string, SQLOutputValue>>;

/** Matches that are counted by their values: about 50 ms. */
const countedMatches = 10_000;

export interface FoundPage {
  /** Numbers of messages. */
  readonly messages: readonly number[];
  readonly next: string | undefined;
}

export class IndexReader {
  readonly #db: DatabaseSync;
  readonly #where: Layout;
  /** The file that is attached; another one under the same name means that the index was made again. */
  #attachedFile: { readonly inode: number } | undefined;

  /** @param db a connection to the ledger, outside a transaction when the index is first asked for */
  constructor(db: DatabaseSync, where: Layout) {
    this.#db = db;
    this.#where = where;
  }

  /** Attaches the index where there is one that can be read. */
  attach(): void {
    this.ask(false, () => true);
  }

  /** Messages up to this number are derived; 0 where the index cannot be read. */
  watermark(): number {
    return this.ask(0, () => Number(this.#one("select coalesce((select value from ix.meta where key = 'watermark'), 0) as value").value));
  }

  /** How many messages no parser understood; 0 where the index cannot be read. */
  unreadable(): number {
    return this.ask(0, () =>
      Number(this.#one('select coalesce(sum(messages), 0) as messages from ix.flag where code = ?', unreadableCode).messages),
    );
  }

  /** A page of what is found. @throws Fault archive.index-damaged where the search needs the index, archive.query-unreadable */
  search(query: Query, limit: number, { order = 'sent', after }: SearchOptions = {}): FoundPage {
    const from = after === undefined ? undefined : positionOf(after, order);
    const planned = (): FoundPage => pageOf(new SearchPlan(this.#db, query).page(order, from, limit + 1), limit, order);
    if (needsIndex(query)) return this.need({ messages: [], next: undefined }, planned);
    const found = order === 'sent' ? this.ask(undefined, planned) : undefined;
    return found ?? this.#newest(query.source, from?.message, limit);
  }

  /** Numbers of all matching messages in the order of their arrival. @throws Fault archive.index-damaged */
  matches(query: Query): readonly number[] {
    if (needsIndex(query)) return this.need([], () => new SearchPlan(this.#db, query).all());
    const { where, values } = ofSource(query.source);
    return this.#seqs(`select m.seq from main.message m ${where} order by m.seq`, values);
  }

  /** @throws Fault archive.index-damaged */
  facets(query: Query): Omit<Facets, 'lag'> {
    const empty = { rows: [], complete: true };
    const { rows, complete } = this.need<ReturnType<SearchPlan['counts']>>(empty, () =>
      asksShapesOnly(query)
        ? { rows: shapeCounts(this.#db, query.facts ?? []), complete: true }
        : new SearchPlan(this.#db, query).counts(countedMatches),
    );
    const shapes = new Map(
      rows.length === 0
        ? []
        : this.need<Row[]>([], () => this.#db.prepare('select * from ix.shape').all()).map((row) => [Number(row.id), row]),
    );
    const by = (value: (row: (typeof rows)[number], shape: Row) => string): FacetCount[] => {
      const counts = new Map<string, number>();
      for (const row of rows) {
        const name = value(row, shapes.get(row.shape) ?? {});
        counts.set(name, (counts.get(name) ?? 0) + row.messages);
      }
      return [...counts].map(([name, messages]) => ({ value: name, messages })).sort((a, b) => b.messages - a.messages || compare(a, b));
    };
    const column = (name: string): FacetCount[] => by((_, shape) => String(shape[name] ?? ''));
    return {
      platform: column('platform'),
      modality: column('modality'),
      direction: column('direction'),
      source: column('source'),
      owner: column('owner'),
      month: by((row) => row.month).sort(compare),
      messages: rows.reduce((sum, { messages }) => sum + messages, 0),
      complete,
    };
  }

  /** Undefined too where the index is damaged: then a message still has its bytes and its occurrences. */
  record(seq: number): MessageRecord | undefined {
    return this.ask(undefined, () => {
      const row = this.#db.prepare('select packed from ix.detail where first <= ? order by first desc limit 1').get(seq);
      return row === undefined ? undefined : unpack(row.packed, seq);
    });
  }

  /** The profiles that the records were made with, as far as they are noted; none where the index cannot be read. */
  profiles(): Profiles {
    return this.ask({}, () => readProfiles(this.#one("select value from ix.meta where key = 'profiles'").value?.toString()));
  }

  /** What a message is beside its fields; nothing where it is not derived. */
  marks(seq: number): readonly Mark[] {
    return this.ask([], () => {
      const row = this.#db.prepare('select marks from ix.record where message = ?').get(seq);
      return row === undefined ? [] : markNames(Number(row['marks']));
    });
  }

  /** What a query that asks only for a source finds is said by the ledger: everything, derived or not. */
  #newest(source: string | undefined, after: number | undefined, limit: number): FoundPage {
    const { where, values } = ofSource(source);
    const seqs = this.#seqs(`select m.seq from main.message m ${where} and m.seq < ? order by m.seq desc limit ?`, [
      ...values,
      after ?? Number.MAX_SAFE_INTEGER,
      limit + 1,
    ]);
    const found = seqs.map((message) => ({ message, at: 0 }));
    return pageOf(found, limit, 'arrival');
  }

  #seqs(sql: string, values: readonly SQLInputValue[]): readonly number[] {
    return this.#db
      .prepare(sql)
      .all(...values)
      .map((row) => Number(row.seq));
  }

  /** Lets go of the index, so that it can be thrown away. */
  detach(): void {
    if (this.#attachedFile !== undefined) this.#db.exec('detach database ix');
    this.#attachedFile = undefined;
  }

  /**
   * Whether the index can be read: a fresh archive has none, one of another format is about to be made again.
   * @throws Fault archive.index-damaged, archive.read-failed
   */
  #attached(): boolean {
    return this.#indexCall(() => {
      const inode = statSync(this.#where.index, { throwIfNoEntry: false })?.ino;
      if (inode !== undefined && inode === this.#attachedFile?.inode) return true;
      if (this.#db.isTransaction) return false; // SQLite attaches nothing then; the next call does
      this.detach();
      if (inode === undefined) return false;
      let usable = false;
      try {
        usable = readable(this.#where.index, (address) => {
          this.detach();
          this.#db.prepare('attach database ? as ix').run(address);
          this.#attachedFile = { inode };
          return isReadableIndex(this.#db, 'ix');
        });
        if (usable && !isIndexSchema(this.#db, 'ix')) throw this.#indexDamaged('its tables are not those that were made');
      } catch (error) {
        usable = false;
        throw saysWrong(error) ? this.#indexDamaged((error as Error).message, error) : error;
      } finally {
        if (!usable) this.detach();
      }
      return usable;
    });
  }

  /** What the index says, or `otherwise` where there is none, or none that can be read. `act` is right in every index that we made. */
  ask<T>(otherwise: T, act: () => T): T {
    try {
      return this.need(otherwise, act);
    } catch (error) {
      if (isFault(error, 'archive.index-damaged', 'archive.read-failed', 'archive.disk-full') || saysWrong(error)) return otherwise;
      throw error;
    }
  }

  /** What the index says, or `otherwise` where there is none yet. @throws Fault archive.index-damaged, archive.read-failed */
  need<T>(otherwise: T, act: () => T): T {
    return this.#attached() ? this.#indexCall(act) : otherwise;
  }

  #indexDamaged(text: string, cause?: unknown): Fault {
    return new Fault('archive.index-damaged', { file: this.#where.index, text }, { cause });
  }

  #one(sql: string, ...values: SQLInputValue[]): Row {
    return this.#db.prepare(sql).get(...values) ?? {};
  }

  #indexCall<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      // A record that is none: SQLite found nothing wrong with the page, but it is not what was written.
      if (error instanceof SyntaxError) throw this.#indexDamaged(error.message, error);
      throw indexFault(error, { file: this.#where.index }, 'read');
    }
  }
}

function needsIndex(query: Query): boolean {
  const { terms, facts = [], participants = [], marks = [] } = query;
  const conditions = [query.since, query.until, query.hasAttachment].some((one) => one !== undefined);
  return conditions || terms.length + facts.length + participants.length + marks.length > 0;
}

function ofSource(source: string | undefined): { readonly where: string; readonly values: readonly SQLInputValue[] } {
  if (source === undefined) return { where: 'where true', values: [] };
  const met = 'select 1 from main.ledger l join main.era e on e.id = l.era where l.message = m.seq and e.source = ?';
  return { where: `where exists (${met})`, values: [source] };
}

function compare(a: FacetCount, b: FacetCount): number {
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

function pageOf(found: readonly { message: number; at: number }[], limit: number, order: SearchOrder): FoundPage {
  const last = found.length > limit ? found[limit - 1] : undefined;
  return { messages: found.slice(0, limit).map(({ message }) => message), next: last && `${order}:${last.at}:${last.message}` };
}

/** @throws Fault archive.query-unreadable for what no page of this order gave */
function positionOf(after: string, order: SearchOrder): Position {
  const [, given, at, message] = /^(sent|arrival):(-?\d{1,16}):(\d{1,15})$/.exec(after) ?? [];
  if (given !== order || at === undefined || message === undefined) {
    throw new Fault('archive.query-unreadable', { part: after, expected: `what the page before gave, in the order ${order}` });
  }
  return { at: Number(at), message: Number(message) };
}

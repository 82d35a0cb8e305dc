/**
 * Reading the embedded archive: search, one message, its bytes, the numbers. Works beside a writer of another process.
 *
 * The hard thing is that evidence and index are two databases that may be apart by a lag: every answer says by how much. And the index
 * may be damaged, or be thrown away and made again by another process at any time: only what asks for words may fail by that.
 */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { Fault, isFault } from '../../fault/fault.ts';
import type {
  ArchiveStats,
  ChainHead,
  LedgerState,
  MailRecord,
  Occurrence,
  QuarantineReason,
  Query,
  QueryTerm,
  SearchResult,
  StoredMessage,
  UidSet,
  WithoutBytes,
} from '../archive.ts';
import { encoding, storedBytes } from './bodies.ts';
import { archiveFault, indexFault, saysWrong } from './errors.ts';
import type { Layout } from './layout.ts';
import { indexFormat, isIndexSchema, openForReading, readable, schemaOf } from './schema.ts';
import { UidRanges } from './uid-ranges.ts';

type Row = Readonly<Record<string, SQLOutputValue>>;

/** Column of the full-text table for each field of a search. */
const columns: Readonly<Record<Exclude<QueryTerm['field'], 'any'>, string>> = {
  subject: 'subject',
  from: 'sender',
  to: 'recipients',
  attachment: 'attachments',
  header: 'headers',
  body: 'body',
};

/** Messages without bytes that the numbers of the archive name one by one. */
const shownWithoutBytes = 20;

export class SqliteReader {
  readonly #where: Layout;
  readonly #db: DatabaseSync;
  /** The file that is attached; another one under the same name means that the index was made again. */
  #attached: { readonly inode: number } | undefined;

  /** @throws Fault archive.not-found, archive.newer-format, archive.damaged, archive.read-failed */
  constructor(where: Layout) {
    this.#where = where;
    const db = existsSync(where.archive) ? this.#ledgerCall(() => openForReading(where.archive)) : undefined;
    if (db === undefined) throw new Fault('archive.not-found', { folder: where.folder });
    this.#db = db;
  }

  get db(): DatabaseSync {
    return this.#db;
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  stats(): ArchiveStats {
    return this.#ledgerCall(() =>
      this.#snapshot(() => {
        const totals = this.#one('select count(*) as messages, coalesce(sum(bytes), 0) as bytes from message');
        const stored = this.#one(
          `select coalesce(sum(case when encoding = ${encoding.file} then bytes else length(body) end), 0) as bytes from message`,
        );
        const ledger: Record<LedgerState, number> = { archived: 0, duplicate: 0, quarantined: 0 };
        for (const row of this.#db.prepare('select state, count(*) as rows from ledger group by state').all()) {
          ledger[row.state as LedgerState] = Number(row.rows);
        }
        const sources = this.#db
          .prepare(
            'select e.source, e.folder, e.uid_validity, count(*) as rows from ledger l join era e on e.id = l.era group by e.id order by e.source, e.folder, e.uid_validity',
          )
          .all()
          .map((row) => ({
            source: String(row.source),
            folder: String(row.folder),
            uidValidity: Number(row.uid_validity),
            rows: Number(row.rows),
          }));
        const withoutBytes = this.#withoutBytes();
        const unreadable = this.#derived(0, () =>
          Number(this.#one('select count(*) as rows from ix.record where problem is not null').rows),
        );
        return {
          messages: Number(totals.messages),
          bytes: Number(totals.bytes),
          storedBytes: Number(stored.bytes),
          ledger,
          sources,
          withoutBytes,
          head: this.head(),
          lag: this.lag(),
          unreadable,
        };
      }),
    );
  }

  /** Those whose bytes came later have a row with them, too. */
  #withoutBytes(): ArchiveStats['withoutBytes'] {
    const rows = `from ledger l join era e on e.id = l.era where l.message is null
      and not exists (select 1 from ledger later where later.era = l.era and later.uid = l.uid and later.message is not null)`;
    const first = this.#db
      .prepare(`select e.source, e.folder, e.uid_validity, l.uid, l.reason ${rows} order by l.row limit ?`)
      .all(shownWithoutBytes)
      .map(
        (row): WithoutBytes => ({
          source: String(row.source),
          folder: String(row.folder),
          uidValidity: Number(row.uid_validity),
          uid: Number(row.uid),
          reason: row.reason as QuarantineReason,
        }),
      );
    return { count: Number(this.#one(`select count(*) as rows ${rows}`).rows), first };
  }

  head(): ChainHead {
    const last = this.#db.prepare('select row, lower(hex(link)) as link from ledger order by row desc limit 1').get();
    return { rows: Number(last?.row ?? 0), link: String(last?.link ?? '0'.repeat(64)) };
  }

  /** Number of messages that are not derived yet; all of them where the index cannot be read. */
  lag(): number {
    const last = this.lastMessage();
    const watermark = this.#derived(0, () =>
      Number(this.#one("select coalesce((select value from ix.meta where key = 'watermark'), 0) as value").value),
    );
    return Math.max(0, last - watermark);
  }

  lastMessage(): number {
    return Number(this.#one('select coalesce(max(seq), 0) as seq from message').seq);
  }

  settled(source: string, folder: string, uidValidity: number): UidSet {
    return this.#ledgerCall(() => {
      const uids = new UidRanges();
      const of = 'from ledger where era = (select id from era where source = ? and folder = ? and uid_validity = ?)';
      // Few have no bytes, so they are held and put in between; the many are read in the order of their index.
      const empty = this.#db
        .prepare(`select uid ${of} and message is null order by uid`)
        .all(source, folder, uidValidity)
        .map((row) => Number(row.uid));
      let next = 0;
      const addEmptyBelow = (limit: number): void => {
        for (let uid = empty[next]; uid !== undefined && uid < limit; uid = empty[next]) {
          uids.add(uid, false);
          next += 1;
        }
      };
      for (const row of this.#db.prepare(`select uid ${of} and message is not null order by uid`).iterate(source, folder, uidValidity)) {
        const uid = Number(row.uid);
        addEmptyBelow(uid);
        if (empty[next] === uid) next += 1; // its bytes came later
        uids.add(uid);
      }
      addEmptyBelow(Number.POSITIVE_INFINITY);
      return uids;
    });
  }

  cursor(source: string, folder: string): { readonly uidValidity: number; readonly uid: number } | undefined {
    return this.#ledgerCall(() => {
      const row = this.#db.prepare('select uid_validity, uid from cursor where source = ? and folder = ?').get(source, folder);
      return row === undefined ? undefined : { uidValidity: Number(row.uid_validity), uid: Number(row.uid) };
    });
  }

  /** @throws Fault archive.index-damaged where the search needs the index */
  search(query: Query, limit: number): SearchResult {
    const { sql, values } = this.#statement(query, 'desc');
    const rows = this.#indexCall(() => this.#db.prepare(`${sql} limit ?`).all(...values, limit + 1));
    const hits = rows.slice(0, limit).map((row) => this.#stored(Number(row.seq)));
    return { hits, more: rows.length > limit, lag: this.lag() };
  }

  /** @throws Fault archive.index-damaged where the search needs the index */
  *matches(query: Query): Generator<StoredMessage> {
    const { sql, values } = this.#statement(query, 'asc');
    // Numbers only, all at once: a statement left open would hold up the writer's checkpoints for as long as the reader takes.
    const seqs = this.#indexCall(() =>
      this.#db
        .prepare(sql)
        .all(...values)
        .map((row) => Number(row.seq)),
    );
    for (const seq of seqs) yield this.#stored(seq);
  }

  /** @throws Fault archive.unknown-message, archive.ambiguous-id */
  message(id: string): StoredMessage {
    const digits = id.toLowerCase();
    if (!/^[0-9a-f]{1,64}$/.test(digits)) throw new Fault('archive.unknown-message', { id });
    if (digits.length < 4) throw new Fault('archive.ambiguous-id', { id, digits: digits.length });
    const from = Buffer.from(digits.padEnd(64, '0'), 'hex');
    const to = Buffer.from(digits.padEnd(64, 'f'), 'hex');
    return this.#ledgerCall(() => {
      const rows = this.#db.prepare('select seq from message where sha256 between ? and ? limit 2').all(from, to);
      if (rows.length > 1) throw new Fault('archive.ambiguous-id', { id, digits: digits.length });
      if (rows[0] === undefined) throw new Fault('archive.unknown-message', { id });
      return this.#stored(Number(rows[0].seq));
    });
  }

  /** The bytes as they arrived; the last chunk is followed by Fault archive.body-changed when their hash is another. */
  async *read(sha256: string): AsyncGenerator<Uint8Array> {
    const row = this.#ledgerCall(() =>
      this.#db.prepare('select bytes, encoding, body from message where sha256 = ?').get(Buffer.from(sha256, 'hex')),
    );
    if (row === undefined) throw new Fault('archive.unknown-message', { id: sha256 });
    const hash = createHash('sha256');
    for await (const chunk of storedBytes(this.#where, row, sha256)) {
      hash.update(chunk);
      yield chunk;
    }
    const found = hash.digest('hex');
    if (found !== sha256) throw new Fault('archive.body-changed', { sha256, found });
  }

  /** What a query without words or conditions on what a message says asks for needs no index: it finds everything, derived or not. */
  #statement(query: Query, order: 'asc' | 'desc'): { readonly sql: string; readonly values: SQLInputValue[] } {
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    const from = this.#words(query, conditions, values);
    if (query.since !== undefined) {
      conditions.push('r.sent_at >= ?');
      values.push(query.since.getTime());
    }
    if (query.until !== undefined) {
      conditions.push('r.sent_at < ?');
      values.push(query.until.getTime());
    }
    if (query.hasAttachment !== undefined) conditions.push(query.hasAttachment ? "r.attachments <> '[]'" : "r.attachments = '[]'");
    const needsIndex = conditions.length > 0;
    if (needsIndex && !this.#attachIndex()) return { sql: 'select seq from message where false', values: [] };

    const seq = needsIndex ? from.seq : 'm.seq';
    if (query.source !== undefined) {
      conditions.push(`exists (select 1 from ledger l join era e on e.id = l.era where l.message = ${seq} and e.source = ?)`);
      values.push(query.source);
    }
    const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
    return { sql: `select ${seq} as seq from ${needsIndex ? from.tables : 'message m'} ${where} order by ${seq} ${order}`, values };
  }

  /** The full text goes first where it can: it hands its matches out in order, so a search ends with the last hit that is shown. */
  #words(query: Query, conditions: string[], values: SQLInputValue[]): { readonly tables: string; readonly seq: string } {
    const wanted = query.terms.filter((term) => !term.not).map(ftsTerm);
    const unwanted = query.terms.filter((term) => term.not).map(ftsTerm);
    if (wanted.length > 0) {
      conditions.push('words match ?');
      values.push([wanted.join(' AND '), ...unwanted].join(' NOT '));
      const asksRecord = query.since !== undefined || query.until !== undefined || query.hasAttachment !== undefined;
      return { tables: `ix.words${asksRecord ? ' cross join ix.record r on r.message = words.rowid' : ''}`, seq: 'words.rowid' };
    }
    if (unwanted.length > 0) {
      conditions.push('r.message not in (select rowid from ix.words where words match ?)');
      values.push(unwanted.join(' OR '));
    }
    return { tables: 'ix.record r', seq: 'r.message' };
  }

  #stored(seq: number): StoredMessage {
    return this.#ledgerCall(() => {
      const message = this.#one('select lower(hex(sha256)) as sha256, bytes from message where seq = ?', seq);
      const occurrences = this.#db
        .prepare(
          `select e.source, e.folder, e.uid_validity, l.uid, l.state, l.reason, l.internal_date, l.accepted_at
           from ledger l join era e on e.id = l.era where l.message = ? order by l.row`,
        )
        .all(seq)
        .map(
          (row): Occurrence => ({
            source: String(row.source),
            folder: String(row.folder),
            uidValidity: Number(row.uid_validity),
            uid: Number(row.uid),
            state: row.state as LedgerState,
            internalDate: row.internal_date === null ? undefined : new Date(Number(row.internal_date)),
            acceptedAt: new Date(Number(row.accepted_at)),
            reason: row.reason === null ? undefined : (row.reason as QuarantineReason),
          }),
        );
      return { sha256: String(message.sha256), bytes: Number(message.bytes), occurrences, record: this.#record(seq) };
    });
  }

  /** Undefined too where the index is damaged: then a message still has its bytes and its occurrences. */
  #record(seq: number): MailRecord | undefined {
    return this.#derived(undefined, () => {
      const row = this.#db.prepare('select * from ix.record where message = ?').get(seq);
      if (row === undefined) return undefined;
      return {
        subject: String(row.subject),
        from: String(row.sender),
        to: String(row.recipients),
        messageId: String(row.message_id),
        sentAt: row.sent_at === null ? undefined : new Date(Number(row.sent_at)),
        preview: String(row.preview),
        attachments: JSON.parse(String(row.attachments)),
        parserVersion: Number(row.parser_version),
        problem: row.problem === null ? undefined : String(row.problem),
      };
    });
  }

  /** Lets go of the index, so that it can be thrown away. */
  detachIndex(): void {
    if (this.#attached !== undefined) this.#db.exec('detach database ix');
    this.#attached = undefined;
  }

  /**
   * Whether the index can be read: a fresh archive has none, one of another format is about to be made again.
   * @throws Fault archive.index-damaged, archive.read-failed
   */
  #attachIndex(): boolean {
    return this.#indexCall(() => {
      const inode = statSync(this.#where.index, { throwIfNoEntry: false })?.ino;
      if (inode !== undefined && inode === this.#attached?.inode) return true;
      if (this.#db.isTransaction) return false; // SQLite attaches nothing then; the next call does
      this.detachIndex();
      if (inode === undefined) return false;
      let usable = false;
      try {
        usable = readable(this.#where.index, (address) => {
          this.detachIndex();
          this.#db.prepare('attach database ? as ix').run(address);
          this.#attached = { inode };
          return Number(this.#one('pragma ix.user_version').user_version) === indexFormat;
        });
        if (usable && !isIndexSchema(schemaOf(this.#db, 'ix'))) throw this.#indexDamaged('its tables are not those that were made');
      } catch (error) {
        usable = false;
        throw saysWrong(error) ? this.#indexDamaged((error as Error).message, error) : error;
      } finally {
        if (!usable) this.detachIndex();
      }
      return usable;
    });
  }

  /** What the index says, or `otherwise` where there is none, or none that can be read. `ask` is right in every index that we made. */
  #derived<T>(otherwise: T, ask: () => T): T {
    try {
      return this.#attachIndex() ? this.#indexCall(ask) : otherwise;
    } catch (error) {
      if (isFault(error, 'archive.index-damaged', 'archive.read-failed', 'archive.disk-full') || saysWrong(error)) return otherwise;
      throw error;
    }
  }

  /** One view of the ledger for all that `act` asks. */
  #snapshot<T>(act: () => T): T {
    this.#derived(false, () => true); // attached now or not at all
    this.#db.exec('begin');
    try {
      return act();
    } finally {
      if (this.#db.isTransaction) this.#db.exec('rollback');
    }
  }

  #indexDamaged(text: string, cause?: unknown): Fault {
    return new Fault('archive.index-damaged', { file: this.#where.index, text }, { cause });
  }

  #one(sql: string, ...values: SQLInputValue[]): Row {
    return this.#db.prepare(sql).get(...values) ?? {};
  }

  #ledgerCall<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw archiveFault(error, { file: this.#where.archive }, 'read');
    }
  }

  #indexCall<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      // An attachment list that is no JSON: SQLite found nothing wrong with the page, but it is not what was written.
      if (error instanceof SyntaxError) throw this.#indexDamaged(error.message, error);
      throw indexFault(error, { file: this.#where.index }, 'read');
    }
  }
}

/** A term as FTS5 reads it: a quoted string, so that no character of the user's is an operator. */
function ftsTerm(term: QueryTerm): string {
  const column = term.field === 'any' ? '' : `${columns[term.field]} : `;
  return `${column}"${term.text.replaceAll('"', '""')}"${term.prefix ? ' *' : ''}`;
}

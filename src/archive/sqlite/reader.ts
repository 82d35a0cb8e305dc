/**
 * Reading the embedded archive: search, one message, its bytes, the numbers. Works beside a writer of another process.
 *
 * The hard thing is that evidence and index are two databases that may be apart by a lag: every answer says by how much.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { Fault } from '../../fault/fault.ts';
import type {
  ArchiveStats,
  ChainHead,
  LedgerState,
  MailRecord,
  Occurrence,
  Query,
  QueryTerm,
  SearchResult,
  StoredMessage,
  UidSet,
} from '../archive.ts';
import { decodeBody, encoding, readBodyFile } from './bodies.ts';
import { archiveFault, indexFault, saysDamaged } from './errors.ts';
import type { Layout } from './layout.ts';
import { indexFormat, openForReading } from './schema.ts';
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

export class SqliteReader {
  readonly #where: Layout;
  readonly #db: DatabaseSync;
  #indexAttached = false;

  /** @throws Fault archive.not-found, archive.newer-format, archive.damaged */
  constructor(where: Layout) {
    this.#where = where;
    if (!existsSync(where.archive)) throw new Fault('archive.not-found', { folder: where.folder });
    try {
      this.#db = openForReading(where.archive);
    } catch (error) {
      throw archiveFault(error, { file: where.archive });
    }
  }

  get db(): DatabaseSync {
    return this.#db;
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  stats(): ArchiveStats {
    return this.#ledgerCall(() => {
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
      const unreadable = this.#attachIndex()
        ? Number(this.#indexOne('select count(*) as rows from ix.record where problem is not null').rows)
        : 0;
      return {
        messages: Number(totals.messages),
        bytes: Number(totals.bytes),
        storedBytes: Number(stored.bytes),
        ledger,
        sources,
        head: this.head(),
        lag: this.lag(),
        unreadable,
      };
    });
  }

  head(): ChainHead {
    const last = this.#db.prepare('select row, lower(hex(link)) as link from ledger order by row desc limit 1').get();
    return { rows: Number(last?.row ?? 0), link: String(last?.link ?? '0'.repeat(64)) };
  }

  /** Number of messages that are not derived yet. */
  lag(): number {
    const last = this.lastMessage();
    if (!this.#attachIndex()) return last;
    const watermark = Number(this.#indexOne("select coalesce((select value from ix.meta where key = 'watermark'), 0) as value").value);
    return Math.max(0, last - watermark);
  }

  lastMessage(): number {
    return Number(this.#one('select coalesce(max(seq), 0) as seq from message').seq);
  }

  settled(source: string, folder: string, uidValidity: number): UidSet {
    return this.#ledgerCall(() => {
      const uids = new UidRanges();
      const rows = this.#db.prepare(
        'select uid from ledger where era = (select id from era where source = ? and folder = ? and uid_validity = ?) order by uid',
      );
      for (const row of rows.iterate(source, folder, uidValidity)) uids.add(Number(row.uid));
      return uids;
    });
  }

  cursor(source: string, folder: string): { readonly uidValidity: number; readonly uid: number } | undefined {
    return this.#ledgerCall(() => {
      const row = this.#db.prepare('select uid_validity, uid from cursor where source = ? and folder = ?').get(source, folder);
      return row === undefined ? undefined : { uidValidity: Number(row.uid_validity), uid: Number(row.uid) };
    });
  }

  search(query: Query, limit: number): SearchResult {
    const { sql, values } = this.#statement(query, 'desc');
    const rows = this.#indexCall(() => this.#db.prepare(`${sql} limit ?`).all(...values, limit + 1));
    const hits = rows.slice(0, limit).map((row) => this.#stored(Number(row.seq)));
    return { hits, more: rows.length > limit, lag: this.lag() };
  }

  *matches(query: Query): Generator<StoredMessage> {
    const { sql, values } = this.#statement(query, 'asc');
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
    for await (const chunk of this.storedBytes(row, sha256)) {
      hash.update(chunk);
      yield chunk;
    }
    const found = hash.digest('hex');
    if (found !== sha256) throw new Fault('archive.body-changed', { sha256, found });
  }

  /** The bytes of a row of `message` as they lie, unchecked. */
  async *storedBytes(row: Row, sha256: string): AsyncGenerator<Uint8Array> {
    if (row.encoding === encoding.file) yield* readBodyFile(this.#where, sha256);
    else if (row.body instanceof Uint8Array) yield decodeBody(Number(row.encoding), row.body, sha256);
  }

  #statement(query: Query, order: 'asc' | 'desc'): { readonly sql: string; readonly values: SQLInputValue[] } {
    if (!this.#attachIndex()) return { sql: 'select seq from message where false', values: [] };
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    const wanted = query.terms.filter((term) => !term.not);
    const unwanted = query.terms.filter((term) => term.not);
    if (wanted.length > 0) {
      conditions.push('r.message in (select rowid from words where words match ?)');
      values.push([wanted.map(ftsTerm).join(' AND '), ...unwanted.map((term) => `NOT ${ftsTerm(term)}`)].join(' '));
    } else if (unwanted.length > 0) {
      conditions.push('r.message not in (select rowid from words where words match ?)');
      values.push(unwanted.map(ftsTerm).join(' OR '));
    }
    if (query.since !== undefined) {
      conditions.push('r.sent_at >= ?');
      values.push(query.since.getTime());
    }
    if (query.until !== undefined) {
      conditions.push('r.sent_at < ?');
      values.push(query.until.getTime());
    }
    if (query.hasAttachment !== undefined) conditions.push(query.hasAttachment ? "r.attachments <> '[]'" : "r.attachments = '[]'");
    if (query.source !== undefined) {
      conditions.push('exists (select 1 from ledger l join era e on e.id = l.era where l.message = r.message and e.source = ?)');
      values.push(query.source);
    }
    const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
    return { sql: `select r.message as seq from ix.record r ${where} order by r.message ${order}`, values };
  }

  #stored(seq: number): StoredMessage {
    const message = this.#one('select lower(hex(sha256)) as sha256, bytes from message where seq = ?', seq);
    const occurrences = this.#db
      .prepare(
        `select e.source, e.folder, e.uid_validity, l.uid, l.state, l.internal_date, l.accepted_at
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
        }),
      );
    return { sha256: String(message.sha256), bytes: Number(message.bytes), occurrences, record: this.#record(seq) };
  }

  #record(seq: number): MailRecord | undefined {
    if (!this.#attachIndex()) return undefined;
    const row = this.#indexCall(() => this.#db.prepare('select * from ix.record where message = ?').get(seq));
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
  }

  /** Lets go of the index, so that it can be thrown away. */
  detachIndex(): void {
    if (this.#indexAttached) this.#db.exec('detach database ix');
    this.#indexAttached = false;
  }

  /** Whether the index can be read: a fresh archive has none, one of another format is about to be made again. */
  #attachIndex(): boolean {
    if (this.#indexAttached) return true;
    if (!existsSync(this.#where.index)) return false;
    return this.#indexCall(() => {
      this.#db.prepare('attach database ? as ix').run(this.#where.index);
      if (Number(this.#one('pragma ix.user_version').user_version) !== indexFormat) {
        this.#db.exec('detach database ix');
        return false;
      }
      this.#indexAttached = true;
      return true;
    });
  }

  #one(sql: string, ...values: SQLInputValue[]): Row {
    return this.#db.prepare(sql).get(...values) ?? {};
  }

  #indexOne(sql: string): Row {
    return this.#indexCall(() => this.#one(sql));
  }

  #ledgerCall<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw archiveFault(error, { file: this.#where.archive });
    }
  }

  #indexCall<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw saysDamaged(error) ? indexFault(error) : archiveFault(error, { file: this.#where.index });
    }
  }
}

/** A term as FTS5 reads it: a quoted string, so that no character of the user's is an operator. */
function ftsTerm(term: QueryTerm): string {
  const column = term.field === 'any' ? '' : `${columns[term.field]} : `;
  return `${column}"${term.text.replaceAll('"', '""')}"${term.prefix ? ' *' : ''}`;
}

/**
 * Reading the embedded archive: one message, its bytes, the numbers; what is derived is read by index-reader.ts. Works beside a writer of
 * another process.
 *
 * The hard thing is that evidence and index are two databases that may be apart by a lag: every answer says by how much.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fault } from '../../fault/fault.ts';
import type {
  ArchiveStats,
  ChainHead,
  Heads,
  LedgerState,
  Mark,
  Occurrence,
  Pulse,
  QuarantineReason,
  Query,
  SearchOptions,
  SearchResult,
  StoredMessage,
  WithoutBytes,
} from '../archive.ts';
import { storedBytes } from './bodies.ts';
import { archiveFault } from './errors.ts';
import { IndexReader } from './index-reader.ts';
import type { Layout } from './layout.ts';
import { LedgerReader } from './ledger-reader.ts';
import { noStates, Totals } from './reader-totals.ts';
import { hasCompletions, openForReading } from './schema.ts';

type Row = Readonly<Record<string, SQLOutputValue>>;

/** Messages without bytes that the numbers of the archive name one by one. */
const shownWithoutBytes = 20;

export class SqliteReader {
  readonly #where: Layout;
  readonly #db: DatabaseSync;
  readonly #index: IndexReader;
  readonly #totals: Totals;
  #prepared: { readonly message: StatementSync; readonly occurrences: StatementSync } | undefined;
  /** The ledger row by row. */
  readonly ledger: LedgerReader;

  /** @throws Fault archive.not-found, archive.newer-format, archive.damaged, archive.read-failed */
  constructor(where: Layout) {
    this.#where = where;
    const db = existsSync(where.archive) ? this.#ledgerCall(() => openForReading(where.archive)) : undefined;
    if (db === undefined) throw new Fault('archive.not-found', { folder: where.folder });
    this.#db = db;
    this.#index = new IndexReader(db, where);
    this.#totals = new Totals(db);
    this.ledger = new LedgerReader(db, where);
  }

  /** What is derived. */
  get index(): IndexReader {
    return this.#index;
  }

  get db(): DatabaseSync {
    return this.#db;
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  /** Others get their turn while it counts what it has not counted before. */
  async stats(): Promise<ArchiveStats> {
    while (this.#ledgerCall(() => this.#totals.count())) await nextTurn();
    return this.#ledgerCall(() =>
      this.#snapshot(() => {
        while (this.#totals.count()); // what came in the meantime: little
        const { messages, bytes, storedBytes, eras } = this.#totals.sums;
        const ledger = noStates();
        for (const ofEra of eras.values()) {
          for (const state of ['archived', 'duplicate', 'quarantined'] as const) ledger[state] += ofEra[state];
        }
        const sources = this.#db
          .prepare('select id, source, folder, uid_validity from era order by source, folder, uid_validity')
          .all()
          .filter(({ id }) => eras.has(Number(id)))
          .map((row) => ({
            source: String(row.source),
            folder: String(row.folder),
            uidValidity: Number(row.uid_validity),
            rows: Object.values(eras.get(Number(row.id)) ?? {}).reduce((sum, rows) => sum + rows, 0),
          }));
        return {
          messages,
          bytes,
          storedBytes,
          ledger,
          sources,
          withoutBytes: this.#withoutBytes(),
          head: this.#head('ledger'),
          completions: this.#head('completion'),
          lag: this.lag(),
          unreadable: this.#index.unreadable(),
        };
      }),
    );
  }

  /** Those whose bytes came later have a row with them, too: one that came whole or another in quarantine, each found by an index of its own. */
  #withoutBytes(): ArchiveStats['withoutBytes'] {
    const rows = `from ledger l join era e on e.id = l.era where l.state = 'quarantined' and l.message is null
      and not exists (select 1 from ledger w where w.era = l.era and w.uid = l.uid and w.message is not null and w.state <> 'quarantined')
      and not exists (select 1 from ledger q where q.era = l.era and q.uid = l.uid and q.message is not null and q.state = 'quarantined')`;
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

  pulse(): Pulse {
    return this.#ledgerCall(() => ({ rows: this.#head('ledger').rows, lag: this.lag() }));
  }

  heads(): Heads {
    return this.#ledgerCall(() => this.#snapshot(() => ({ ledger: this.#head('ledger'), completions: this.#head('completion') })));
  }

  #head(table: 'ledger' | 'completion'): ChainHead {
    if (table === 'completion' && !hasCompletions(this.#db)) return { rows: 0, link: '0'.repeat(64) };
    const last = this.#db.prepare(`select row, lower(hex(link)) as link from ${table} order by row desc limit 1`).get();
    return { rows: Number(last?.row ?? 0), link: String(last?.link ?? '0'.repeat(64)) };
  }

  /** Number of messages that are not derived yet; all of them where the index cannot be read. */
  lag(): number {
    const last = this.lastMessage();
    return Math.max(0, last - this.#index.watermark());
  }

  lastMessage(): number {
    return Number(this.#one('select coalesce(max(seq), 0) as seq from message').seq);
  }

  /** @throws Fault archive.index-damaged where the search needs the index, archive.query-unreadable */
  search(query: Query, limit: number, options?: SearchOptions): SearchResult {
    const { messages, next } = this.#index.search(query, limit, options);
    return { hits: messages.map((seq) => this.stored(seq)), next, lag: this.lag() };
  }

  /** @throws Fault archive.index-damaged where the search needs the index */
  *matches(query: Query): Generator<StoredMessage> {
    // Numbers only, all at once: a statement left open would hold up the writer's checkpoints for as long as the reader takes.
    for (const seq of this.#index.matches(query)) yield this.stored(seq);
  }

  /** @throws Fault archive.unknown-message, archive.ambiguous-id */
  message(id: string): StoredMessage {
    return this.stored(this.seqOf(id));
  }

  /** Number of the message whose SHA-256 begins so. @throws Fault archive.unknown-message, archive.ambiguous-id */
  seqOf(id: string): number {
    const digits = id.toLowerCase();
    if (!/^[0-9a-f]{1,64}$/.test(digits)) throw new Fault('archive.unknown-message', { id });
    if (digits.length < 4) throw new Fault('archive.ambiguous-id', { id, digits: digits.length });
    const from = Buffer.from(digits.padEnd(64, '0'), 'hex');
    const to = Buffer.from(digits.padEnd(64, 'f'), 'hex');
    return this.#ledgerCall(() => {
      const rows = this.#db.prepare('select seq from message where sha256 between ? and ? limit 2').all(from, to);
      if (rows.length > 1) throw new Fault('archive.ambiguous-id', { id, digits: digits.length });
      if (rows[0] === undefined) throw new Fault('archive.unknown-message', { id });
      return Number(rows[0].seq);
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

  /** A message by its number, with where it was met and what it says. */
  stored(seq: number): StoredMessage {
    return this.#ledgerCall(() => {
      const of = this.#ofMessage();
      const message = of.message.get(seq) ?? {};
      const occurrences = of.occurrences.all(seq).map(
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
      const apart: readonly Mark[] = occurrences.every(({ state }) => state === 'quarantined') ? ['quarantined'] : [];
      const marks = [...this.#index.marks(seq), ...apart];
      return { sha256: String(message.sha256), bytes: Number(message.bytes), occurrences, record: this.#index.record(seq), marks };
    });
  }

  /** Asked for each message of a page, and made once: making them takes longer than what they do. */
  #ofMessage(): { readonly message: StatementSync; readonly occurrences: StatementSync } {
    this.#prepared ??= {
      message: this.#db.prepare('select lower(hex(sha256)) as sha256, bytes from message where seq = ?'),
      occurrences: this.#db.prepare(
        `select e.source, e.folder, e.uid_validity, l.uid, l.state, l.reason, l.internal_date, l.accepted_at
         from ledger l join era e on e.id = l.era where l.message = ? order by l.row`,
      ),
    };
    return this.#prepared;
  }

  /** Lets go of the index, so that it can be thrown away. */
  detachIndex(): void {
    this.#index.detach();
  }

  /** One view of the ledger for all that `act` asks. */
  #snapshot<T>(act: () => T): T {
    this.#index.attach(); // now or not at all: SQLite attaches nothing within a transaction
    this.#db.exec('begin');
    try {
      return act();
    } finally {
      if (this.#db.isTransaction) this.#db.exec('rollback');
    }
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
}

/**
 * Reading the ledger row by row and what was done on servers: what an import compares a server with, and what a reconciliation counts.
 *
 * The hard thing is length. A ledger has millions of rows, the sockets of an import wait on the same thread, and a statement left open
 * would hold up the writer's checkpoints. So everything is read in pieces, each by a statement that ends, with a turn for others between.
 */
import { stat } from 'node:fs/promises';
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  AbsentBody,
  Completion,
  CompletionPhase,
  CompletionStep,
  Era,
  LedgerEntry,
  LedgerFilter,
  LedgerState,
  OpenQuarantine,
  QuarantineReason,
  UidlNumbers,
  UidSet,
} from '../archive.ts';
import { encoding } from './bodies.ts';
import { archiveFault } from './errors.ts';
import { bodyFile, type Layout } from './layout.ts';
import { hasCompletions } from './schema.ts';
import { UidRanges } from './uid-ranges.ts';

type Row = Readonly<Record<string, SQLOutputValue>>;

/** Rows that a statement looks at before others get their turn: some 10 ms with what their reader does with them. */
const pieceRows = 1_000;
/** Rows that a piece spans at most: as many as it would have to sort if they were all of the one source. */
const widestPiece = 32 * pieceRows;

/** By INTERNALDATE, and where the server tells none by acceptance: the days of a reconciliation are counted by it too. */
const instant = 'coalesce(l.internal_date, l.accepted_at)';

export class LedgerReader {
  readonly #db: DatabaseSync;
  readonly #where: Layout;

  constructor(db: DatabaseSync, where: Layout) {
    this.#db = db;
    this.#where = where;
  }

  async settled(era: Era): Promise<UidSet> {
    const uids = new UidRanges();
    const id = this.#eraId(era);
    if (id === undefined) return uids;
    // Few are kept apart, so they are held and put in between; the many are read in the order of their index.
    const apart = this.#all(
      "select uid, max(message is not null) as has_bytes from ledger where era = ? and state = 'quarantined' group by uid order by uid",
      id,
    );
    let next = 0;
    const addApartBelow = (limit: number): void => {
      for (let row = apart[next]; row !== undefined && Number(row.uid) < limit; row = apart[next]) {
        uids.add(Number(row.uid), row.has_bytes === 1);
        next += 1;
      }
    };
    // Format 1 has an index for rows with bytes, format 2 for those that came whole: each is used by one of the two conditions.
    const whole = `select uid from ledger where era = ? and uid > ? and message is not null and state <> 'quarantined' order by uid limit ${pieceRows}`;
    for (let last = -1; ; await nextTurn()) {
      const rows = this.#all(whole, id, last);
      for (const row of rows) {
        last = Number(row.uid);
        addApartBelow(last);
        if (apart[next]?.uid === last) next += 1; // it came whole later
        uids.add(last);
      }
      if (rows.length < pieceRows) break;
    }
    addApartBelow(Number.POSITIVE_INFINITY);
    return uids;
  }

  async uidls(era: Era): Promise<UidlNumbers> {
    const numbers = new Map<string, number[]>();
    const announcedBytes = new Map<number, number>();
    let highest = 0;
    const id = this.#eraId(era);
    if (id === undefined) return { numbers, announcedBytes, highest };
    const apart = this.#all(
      `select uid, ${this.#uidl('ledger')}, announced_bytes from ledger where era = ? and state = 'quarantined' order by row`,
      id,
    );
    const whole = `select uid, ${this.#uidl('ledger')}, announced_bytes from ledger
      where era = ? and uid > ? and message is not null and state <> 'quarantined' order by uid limit ${pieceRows}`;
    const uidlOf = new Map<number, string>();
    const add = (row: Row): void => {
      const uid = Number(row.uid);
      highest = Math.max(highest, uid);
      if (row.uidl !== null) uidlOf.set(uid, String(row.uidl));
      if (row.announced_bytes !== null) announcedBytes.set(uid, Number(row.announced_bytes));
    };
    for (const row of apart) add(row);
    for (let last = -1; ; await nextTurn()) {
      const rows = this.#all(whole, id, last);
      for (const row of rows) add(row);
      last = Number(rows.at(-1)?.uid ?? last);
      if (rows.length < pieceRows) break;
    }
    for (const [uid, uidl] of uidlOf) {
      const known = numbers.get(uidl);
      if (known === undefined) numbers.set(uidl, [uid]);
      else known.push(uid);
    }
    for (const known of numbers.values()) known.sort((one, other) => one - other);
    return { numbers, announcedBytes, highest };
  }

  cursor(source: string, folder: string): { readonly uidValidity: number; readonly uid: number } | undefined {
    const [row] = this.#all('select uid_validity, uid from cursor where source = ? and folder = ?', source, folder);
    return row === undefined ? undefined : { uidValidity: Number(row.uid_validity), uid: Number(row.uid) };
  }

  async *ledger(filter: LedgerFilter = {}): AsyncGenerator<LedgerEntry> {
    for await (const row of this.#rows(filter)) yield entryOf(row);
  }

  async *absent(filter: LedgerFilter = {}): AsyncGenerator<AbsentBody> {
    for await (const row of this.#rows(filter, ', m.seq, m.encoding, length(m.body) as stored')) {
      const seen = row.message === null ? undefined : await this.#missing(row);
      if (seen !== undefined) yield { ...entryOf(row), seen };
    }
  }

  /** What a look at the place of a message's bytes shows; undefined where nothing is missing. */
  async #missing(row: Row): Promise<string | undefined> {
    if (row.seq === null) return `its message number ${row.message} is not there`;
    if (row.encoding !== encoding.file) {
      const tooFew = row.encoding === encoding.raw ? row.stored !== row.bytes : row.stored === 0;
      return row.stored === null || tooFew ? `${row.stored ?? 'no'} bytes are stored of it` : undefined;
    }
    try {
      const { size } = await stat(bodyFile(this.#where, String(row.sha256)));
      return size === row.bytes ? undefined : `its file has ${size} bytes`;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'its file is not there';
      throw archiveFault(error, { file: bodyFile(this.#where, String(row.sha256)) }, 'read');
    }
  }

  /** @param more further columns, each behind a comma */
  async *#rows(filter: LedgerFilter, more = ''): AsyncGenerator<Row> {
    const { sql, values } = this.#conditions(filter);
    const piece = this.#entries(`l.row > ? and l.row <= ? ${sql} order by l.row limit ${pieceRows}`, more);
    const end = this.#lastRow('ledger');
    let width = pieceRows;
    for (let from = filter.afterRow ?? 0; from < end; await nextTurn()) {
      const rows = this.#all(piece, from, from + width, ...values);
      yield* rows;
      const isFull = rows.length === pieceRows;
      from = isFull ? Number(rows.at(-1)?.row) : from + width;
      // Where one source's rows are few among many, a piece takes in more of them: they are found by an index of their own.
      if (isFull) width = pieceRows;
      else if (rows.length < pieceRows / 4) width = Math.min(width * 2, widestPiece);
    }
  }

  async *quarantine(filter: LedgerFilter = {}): AsyncGenerator<OpenQuarantine> {
    const { sql, values } = this.#conditions(filter);
    // Numbers only, all at once: by their index, and few against the rows of the ledger.
    const apart = this.#all("select row from ledger where state = 'quarantined' and row > ? order by row", filter.afterRow ?? 0).map(
      (row) => Number(row.row),
    );
    const get = `l.row = ? ${sql}
      and not exists (select 1 from ledger w where w.era = l.era and w.uid = l.uid and w.message is not null and w.state <> 'quarantined')
      and not exists (select 1 from ledger n where n.era = l.era and n.uid = l.uid and n.state = 'quarantined' and n.row > l.row)`;
    const more = `(select min(f.accepted_at) from ledger f where f.era = l.era and f.uid = l.uid and f.state = 'quarantined') as kept_since,
      exists (select 1 from cursor c where c.source = e.source and c.folder = e.folder and c.uid_validity <> e.uid_validity) as renumbered`;
    // Made once: making it takes longer than what it does.
    const one = this.#prepared(this.#entries(get, `, ${more}`));
    for (const [index, number] of apart.entries()) {
      const [row] = this.#answered(() => one.all(number, ...values));
      if (row !== undefined) yield { ...entryOf(row), keptSince: new Date(Number(row.kept_since)), renumbered: row.renumbered === 1 };
      if (index % 64 === 63) await nextTurn();
    }
  }

  async *completions(of: Era | { readonly source: string }): AsyncGenerator<Completion> {
    if (!hasCompletions(this.#db)) return;
    const { sql, values } = this.#conditions(of);
    const piece = `select c.row, c.ledger, c.step, c.phase, c.target, c.detail, c.at, l.uid, e.source, e.folder, e.uid_validity
      from completion c join ledger l on l.row = c.ledger join era e on e.id = l.era
      where c.row > ? and c.row <= ? ${sql} order by c.row`;
    const end = this.#lastRow('completion');
    for (let from = 0; from < end; from += pieceRows) {
      for (const row of this.#all(piece, from, from + pieceRows, ...values)) yield completionOf(row);
      await nextTurn();
    }
  }

  /** Rows with their places. @param more further columns, each behind a comma */
  #entries(where: string, more = ''): string {
    return `select l.row, e.source, e.folder, e.uid_validity, l.uid, ${this.#uidl('l')}, l.state, l.reason, lower(hex(m.sha256)) as sha256, m.bytes,
      l.message, l.internal_date, l.announced_bytes, l.accepted_at${more}
      from ledger l join era e on e.id = l.era left join message m on m.seq = l.message where ${where}`;
  }

  /** Format 1 has no such column. */
  #uidl(table: string): string {
    return hasCompletions(this.#db) ? `${table}.uidl` : 'null as uidl';
  }

  /** A filter, or an era, as conditions behind others. The eras by their numbers, for which there is an index. */
  #conditions(filter: LedgerFilter & Partial<Era>): { readonly sql: string; readonly values: SQLInputValue[] } {
    const named: string[] = [];
    const names: SQLInputValue[] = [];
    for (const [column, value] of [
      ['source', filter.source],
      ['folder', filter.folder],
      ['uid_validity', filter.uidValidity],
    ] as const) {
      if (value === undefined) continue;
      named.push(`${column} = ?`);
      names.push(value);
    }
    const eras =
      named.length === 0 ? [] : this.#all(`select id from era where ${named.join(' and ')}`, ...names).map((row) => Number(row.id));
    const ofEra = named.length === 0 ? '' : ` and l.era in (${eras.join(', ')})`;
    if (filter.since === undefined) return { sql: ofEra, values: [] };
    return { sql: `${ofEra} and ${instant} >= ?`, values: [filter.since.getTime()] };
  }

  #eraId({ source, folder, uidValidity }: Era): number | undefined {
    const [row] = this.#all('select id from era where source = ? and folder = ? and uid_validity = ?', source, folder, uidValidity);
    return row === undefined ? undefined : Number(row.id);
  }

  #lastRow(table: 'ledger' | 'completion'): number {
    return Number(this.#all(`select coalesce(max(row), 0) as row from ${table}`)[0]?.row);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#answered(() => this.#db.prepare(sql).all(...values));
  }

  #prepared(sql: string): StatementSync {
    return this.#answered(() => this.#db.prepare(sql));
  }

  #answered<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw archiveFault(error, { file: this.#where.archive }, 'read');
    }
  }
}

function entryOf(row: Row): LedgerEntry {
  return {
    row: Number(row.row),
    source: String(row.source),
    folder: String(row.folder),
    uidValidity: Number(row.uid_validity),
    uid: Number(row.uid),
    uidl: row.uidl === null ? undefined : String(row.uidl),
    state: row.state as LedgerState,
    reason: row.reason === null ? undefined : (row.reason as QuarantineReason),
    sha256: row.message === null ? undefined : String(row.sha256),
    bytes: row.message === null ? undefined : Number(row.bytes),
    internalDate: row.internal_date === null ? undefined : new Date(Number(row.internal_date)),
    announcedBytes: row.announced_bytes === null ? undefined : Number(row.announced_bytes),
    acceptedAt: new Date(Number(row.accepted_at)),
  };
}

function completionOf(row: Row): Completion {
  return {
    row: Number(row.row),
    ledgerRow: Number(row.ledger),
    era: { source: String(row.source), folder: String(row.folder), uidValidity: Number(row.uid_validity) },
    uid: Number(row.uid),
    step: row.step as CompletionStep,
    phase: row.phase as CompletionPhase,
    at: new Date(Number(row.at)),
    ...(row.target === null ? {} : { target: String(row.target) }),
    ...(row.detail === null ? {} : { detail: String(row.detail) }),
  };
}

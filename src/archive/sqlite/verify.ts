/**
 * Holds everything stored against its hashes: each body, each ledger row, what was done on servers, the chains over them, their heads, the
 * cursors, the body files.
 *
 * The hard thing is to go on: a damaged page or a missing file is a finding with its place, never the end, so that a person learns how
 * much is affected. Bodies are not changed once they stand, unless a damaged one is put right, so they are read without one long view of the database, which would keep
 * an import beside it from tidying its log; only the ledger is read in one view.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isFault } from '../../fault/fault.ts';
import type {
  ChainHead,
  CompletionPhase,
  CompletionStep,
  LedgerState,
  QuarantineReason,
  VerifyFinding,
  VerifyOptions,
  VerifyReport,
} from '../archive.ts';
import { type CompletionRow, emptyChain, type LedgerRow, nextCompletionLink, nextLink } from '../chain.ts';
import { encoding, pieceOfBody, storedBytes } from './bodies.ts';
import { archiveFault, isSqliteError, saysOutOfRange } from './errors.ts';
import type { Layout } from './layout.ts';
import { SqliteReader } from './reader.ts';
import { hasCompletions } from './schema.ts';

/** Rows between two looks at the signal and a turn for everybody else in this process. */
const turnRows = 64;

type Row = Readonly<Record<string, SQLOutputValue>>;

/** A table whose rows are chained. */
interface Chain {
  readonly what: 'ledger row' | 'completion';
  readonly name: string;
  /** Key of its head in `meta`. */
  readonly head: string;
  /** Heads that were noted elsewhere. */
  readonly heads: readonly ChainHead[];
  /** Statements for the number of the last row. */
  readonly last: readonly string[];
  readonly next: StatementSync;
  readonly get: StatementSync;
  link(previous: Uint8Array, row: Row): Uint8Array;
  /** What else is to be said of a row. */
  look(row: Row): void;
}

/**
 * On a connection of its own, so that nobody else in the process shares its view.
 * @throws the signal's reason; Fault archive.damaged where the file cannot even be opened. What else is wrong is in the report
 */
export async function verifyArchive(where: Layout, options: VerifyOptions = {}): Promise<VerifyReport> {
  const reader = new SqliteReader(where);
  try {
    return await new Verification(where, reader.db, options).run();
  } catch (error) {
    throw archiveFault(error, { file: where.archive }, 'read');
  } finally {
    reader.close();
  }
}

class Verification {
  readonly #where: Layout;
  readonly #db: DatabaseSync;
  readonly #options: VerifyOptions;
  readonly #findings: VerifyFinding[] = [];
  readonly #piece = pieceOfBody();
  /** Numbers of the messages whose bytes are not there or are others. */
  readonly #spoilt = new Set<number>();

  constructor(where: Layout, db: DatabaseSync, options: VerifyOptions) {
    this.#where = where;
    this.#db = db;
    this.#options = options;
  }

  async run(): Promise<VerifyReport> {
    this.#checkPages();
    const bodies = await this.#checkBodies();
    const chain = await this.#checkLedger();
    const orphans = this.#checkFiles();
    return { ...bodies, ...chain, findings: this.#findings, orphans };
  }

  /** SQLite's own look at the pages and indexes of the file. */
  #checkPages(): void {
    this.#attempt('the pages of archive.sqlite', () => {
      for (const row of this.#db.prepare('pragma main.integrity_check(20)').all()) {
        const text = String(row.integrity_check);
        if (text !== 'ok') this.#found('archive.damaged', `archive.sqlite: ${text.replaceAll('\n', ' ')}`);
      }
    });
  }

  async #checkBodies(): Promise<{ messages: number; bytes: number }> {
    const last = this.#highest(['select max(seq) as n from message', 'select max(message) as n from ledger']);
    const stands = this.#db.prepare('select 1 from ledger where message = ? limit 1');
    const rows = this.#walk(
      'message',
      this.#db.prepare('select seq as n from message where seq > ? order by seq limit 1'),
      this.#db.prepare('select seq as n, lower(hex(sha256)) as sha256, bytes, encoding, body from message where seq = ?'),
      last,
    );
    let messages = 0;
    let bytes = 0;
    for await (const row of rows) {
      const sha256 = String(row.sha256);
      messages += 1;
      const foundBefore = this.#findings.length;
      bytes += await this.#checkBody(row, sha256);
      if (this.#findings.length > foundBefore) this.#spoilt.add(Number(row.n));
      if (this.#attempt(`the ledger's row of message ${sha256}`, () => stands.get(Number(row.n)) === undefined) === true) {
        this.#found('archive.chain-broken', `message ${sha256} is in no row of the ledger`);
      }
    }
    return { messages, bytes };
  }

  async #checkBody(row: Row, sha256: string): Promise<number> {
    const hash = createHash('sha256');
    let size = 0;
    try {
      for await (const chunk of storedBytes(this.#where, row, sha256, this.#piece)) {
        hash.update(chunk);
        size += chunk.length;
      }
    } catch (error) {
      if (!isFault(error, 'archive.body-missing', 'archive.body-changed')) throw error;
      this.#found(error.code as VerifyFinding['code'], `message ${sha256}: ${error.evidence.seen ?? error.evidence.error ?? ''}`);
      return size;
    }
    const found = hash.digest('hex');
    if (found !== sha256) this.#found('archive.body-changed', `message ${sha256}: its bytes have SHA-256 ${found}`);
    else if (size !== row.bytes) this.#found('archive.body-changed', `message ${sha256}: ${size} bytes, noted as ${row.bytes}`);
    return size;
  }

  async #checkLedger(): Promise<{ rows: number; head: ChainHead; completions: ChainHead }> {
    // One view from here on, however much is added beside it: the heads are the heads of these rows.
    this.#db.exec('begin');
    try {
      const head = await this.#checkRows();
      this.#checkUidls();
      this.#checkCursors();
      const completions = hasCompletions(this.#db) ? await this.#checkCompletions() : { rows: 0, link: hex(emptyChain) };
      return { rows: head.rows, head, completions };
    } finally {
      if (this.#db.isTransaction) this.#db.exec('rollback');
    }
  }

  async #checkRows(): Promise<ChainHead> {
    const uidl = hasCompletions(this.#db) ? 'l.uidl' : 'null as uidl';
    return await this.#checkChain({
      what: 'ledger row',
      name: 'the ledger',
      head: 'head',
      heads: this.#options.heads ?? [],
      last: ['select max(row) as n from ledger', "select json_extract(value, '$.rows') as n from meta where key = 'head'"],
      next: this.#db.prepare('select row as n from ledger where row > ? order by row limit 1'),
      get: this.#db.prepare(
        `select l.row as n, e.source, e.folder, e.uid_validity, l.uid, ${uidl}, l.state, l.reason, lower(hex(m.sha256)) as sha256, m.seq, m.bytes,
                l.message, l.internal_date, l.announced_bytes, l.accepted_at, l.link
         from ledger l left join era e on e.id = l.era left join message m on m.seq = l.message where l.row = ?`,
      ),
      link: (previous, row) => nextLink(previous, ledgerRow(row)),
      look: (row) => {
        if (row.message !== null && row.seq === null) {
          this.#found('archive.body-missing', `ledger row ${row.n} (${placeOf(row)}): its message number ${row.message} is not there`);
        }
      },
    });
  }

  /** What was done on servers, and that each message of it is safe here: the server may not have it any more. */
  async #checkCompletions(): Promise<ChainHead> {
    /** Asked and not ended, as `ledger step`. */
    const asked = new Set<string>();
    return await this.#checkChain({
      what: 'completion',
      name: 'the list of completions',
      head: 'completions',
      heads: this.#options.completionHeads ?? [],
      last: ['select max(row) as n from completion', "select json_extract(value, '$.rows') as n from meta where key = 'completions'"],
      next: this.#db.prepare('select row as n from completion where row > ? order by row limit 1'),
      get: this.#db.prepare(
        `select c.row as n, c.ledger, l.link as ledger_link, l.row as ledger_row, l.state, e.source, e.folder, l.uid, m.seq, c.step, c.phase, c.target, c.detail, c.at, c.link
         from completion c left join ledger l on l.row = c.ledger left join era e on e.id = l.era left join message m on m.seq = l.message where c.row = ?`,
      ),
      link: (previous, row) => nextCompletionLink(previous, completionRow(row)),
      look: (row) => {
        const key = `${row.ledger} ${row.step}`;
        if (row.phase === 'asked') asked.add(key);
        else if (!asked.delete(key))
          this.#found('archive.chain-broken', `completion ${row.n}: '${row.step}' is ${row.phase}, and was not asked`);
        if (row.ledger_row === null) {
          this.#found('archive.chain-broken', `completion ${row.n}: its row ${row.ledger} of the ledger is not there`);
        } else if (row.state === 'quarantined') {
          this.#found(
            'archive.chain-broken',
            `completion ${row.n} (${placeOf(row)}): its message is in quarantine, so nothing may be done with it`,
          );
        } else if (row.phase === 'done' && row.step !== 'seen' && (row.seq === null || this.#spoilt.has(Number(row.seq)))) {
          const seen = `completion ${row.n} (${placeOf(row)}): ${row.step} on the server, and its bytes are not here as they arrived`;
          this.#found(row.seq === null ? 'archive.body-missing' : 'archive.body-changed', seen);
        }
      },
    });
  }

  /** Goes through the rows of a chain: none missing, each link as it follows, the heads where they were noted. */
  async #checkChain(chain: Chain): Promise<ChainHead> {
    const { what } = chain;
    const rows = this.#walk(what, chain.next, chain.get, this.#highest(chain.last));
    let previous: Uint8Array = emptyChain;
    let expected = 1;
    let broken: { readonly first: number; last: number; readonly place: string } | undefined;
    const tell = (): void => {
      if (broken === undefined) return;
      const { first, last, place } = broken;
      const one = first === last;
      const which = one
        ? `${what} ${first} (${place}): its link does not follow from it`
        : `${what}s ${first} to ${last}: their links do not follow from them`;
      this.#found('archive.chain-broken', which);
      broken = undefined;
    };
    for await (const row of rows) {
      const number = Number(row.n);
      const link = chain.link(previous, row);
      const stored = row.link instanceof Uint8Array ? row.link : emptyChain;
      const follows = Buffer.compare(link, stored) === 0;
      if (follows || number !== expected) tell();
      if (number !== expected) {
        // The link before is missing too, so of this row nothing can be said: one finding, not two.
        const missing = number - 1 === expected ? `${what} ${expected}` : `${what}s ${expected} to ${number - 1}`;
        this.#found('archive.chain-broken', `${missing}: missing, or cannot be read`);
      } else if (!follows) {
        broken ??= { first: number, last: number, place: placeOf(row) };
        broken.last = number;
      }
      chain.look(row);
      previous = stored; // from here on, so that one changed row is one finding
      this.#checkNotedHeads(chain, number, stored);
      expected = number + 1;
    }
    tell();
    for (const { rows } of chain.heads) {
      if (rows >= expected)
        this.#found('archive.chain-broken', `${chain.name} ends with row ${expected - 1}, but its head was noted elsewhere as row ${rows}`);
    }
    const head = { rows: expected - 1, link: hex(previous) };
    const noted = this.#attempt(`the head of the ${what}s`, () => this.#db.prepare('select value from meta where key = ?').get(chain.head));
    if ((head.rows > 0 || noted !== undefined) && String(noted?.value) !== JSON.stringify(head)) {
      this.#found('archive.chain-broken', `${chain.name} ends with row ${head.rows}, but its head was noted as ${noted?.value}`);
    }
    return head;
  }

  /** Holds a row's link against the heads that somebody noted elsewhere when this row was the last. */
  #checkNotedHeads({ what, heads }: Chain, row: number, link: Uint8Array): void {
    for (const noted of heads) {
      if (noted.rows !== row || noted.link === hex(link)) continue;
      this.#found('archive.chain-broken', `${what} ${row}: its link is ${hex(link)}, but was noted elsewhere as ${noted.link}`);
    }
  }

  /** A number stands for one UIDL. Only what was in quarantine has more than one row, so only that is looked at. */
  #checkUidls(): void {
    if (!hasCompletions(this.#db)) return;
    for (const other of ["other.state <> 'quarantined'", "other.state = 'quarantined'"]) {
      this.#attempt('the UIDLs', () => {
        const rows = this.#db.prepare(
          `select l.row as n, e.source, e.folder, l.uid from ledger l join era e on e.id = l.era where l.state = 'quarantined'
           and exists (select 1 from ledger other where other.era = l.era and other.uid = l.uid and ${other} and other.uidl is not l.uidl)`,
        );
        for (const row of rows.all()) {
          this.#found('archive.chain-broken', `ledger row ${row.n} (${placeOf(row)}): another row of the same number has another UIDL`);
        }
      });
    }
  }

  /**
   * A cursor is no link of the chain, because it moves. What can be said of it: it was written together with a row of its era, and a
   * cursor behind the last UID of that era would make an import pass over messages.
   */
  #checkCursors(): void {
    this.#attempt('the cursors', () => {
      const beyond = this.#db.prepare(
        `select c.source, c.folder, c.uid_validity, c.uid from cursor c where c.uid > coalesce((select max(l.uid) from ledger l join era e on e.id = l.era
         where e.source = c.source and e.folder = c.folder and e.uid_validity = c.uid_validity), -1)`,
      );
      for (const row of beyond.all()) {
        this.#found(
          'archive.chain-broken',
          `the cursor of ${placeOf(row)} (UIDVALIDITY ${row.uid_validity}) stands behind the last row of the ledger`,
        );
      }
    });
  }

  /** Body files without a row. Those with a row but without a file were found while reading. */
  #checkFiles(): number {
    const find = this.#db.prepare(`select 1 from message where sha256 = ? and encoding = ${encoding.file}`);
    let orphans = 0;
    for (const folder of namesIn(this.#where.bodies).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
      for (const name of namesIn(join(this.#where.bodies, folder))) {
        const known = /^[0-9a-f]{64}$/.test(name)
          ? this.#attempt(`the row of body ${name}`, () => find.get(Buffer.from(name, 'hex')))
          : undefined;
        if (known === undefined) orphans += 1;
      }
    }
    return orphans;
  }

  /**
   * The rows of a table by their numbers. Where the list itself is damaged it goes on number by number, so that the rows behind the
   * damage are still proven; what cannot be read is one finding for each run of numbers.
   * @param next the number that follows, @param get the row of a number
   */
  async *#walk(what: 'message' | Chain['what'], next: StatementSync, get: StatementSync, last: number): AsyncGenerator<Row> {
    let lost: { readonly first: number; last: number; readonly text: string } | undefined;
    const tell = (): void => {
      if (lost === undefined) return;
      const numbers = lost.first === lost.last ? `number ${lost.first}` : `numbers ${lost.first} to ${lost.last}`;
      this.#found('archive.damaged', `${what} ${numbers}: ${lost.text}`);
      lost = undefined;
    };
    let number = 0;
    for (let turn = 1; ; turn += 1) {
      if (turn % turnRows === 0) {
        this.#options.signal?.throwIfAborted();
        if (what === 'message') this.#options.onProgress?.({ done: number, total: last });
        await nextTurn();
      }
      const following = tried(() => next.get(number));
      number = 'damage' in following ? number + 1 : Math.max(number + 1, Number(following.value?.n ?? last + 1));
      if (number > last) break;
      const row = tried(() => get.get(number));
      if ('damage' in row) {
        if (lost?.text !== row.damage) tell();
        lost ??= { first: number, last: number, text: row.damage };
        lost.last = number;
      } else if (row.value !== undefined) {
        tell();
        yield row.value;
      }
    }
    tell();
    if (what === 'message') this.#options.onProgress?.({ done: last, total: last });
  }

  /** The greatest of the numbers that can still be read. */
  #highest(statements: readonly string[]): number {
    const numbers = statements.map((sql) => Number(this.#attempt('the last number', () => this.#db.prepare(sql).get())?.n ?? 0));
    return Math.max(0, ...numbers.filter(Number.isSafeInteger));
  }

  #found(code: VerifyFinding['code'], seen: string): void {
    this.#findings.push({ code, seen });
  }

  /** The act's result; undefined, and a finding, where SQLite meets a damaged place. */
  #attempt<T>(place: string, act: () => T): T | undefined {
    const result = tried(act);
    if ('value' in result) return result.value;
    this.#found('archive.damaged', `${place}: ${result.damage}`);
    return undefined;
  }
}

/** The act's result, or what SQLite says of the damaged place it met. */
function tried<T>(act: () => T): { readonly value: T } | { readonly damage: string } {
  try {
    return { value: act() };
  } catch (error) {
    return { damage: damageText(error) };
  }
}

/** What SQLite says of a damaged place. @throws the error where it is none */
function damageText(error: unknown): string {
  if (isSqliteError(error) || saysOutOfRange(error)) return (error as Error).message;
  throw error;
}

function ledgerRow(row: Row): LedgerRow {
  return {
    row: Number(row.n),
    source: String(row.source),
    folder: String(row.folder),
    uidValidity: Number(row.uid_validity),
    uid: Number(row.uid),
    uidl: row.uidl === null ? null : String(row.uidl),
    state: row.state as LedgerState,
    reason: row.reason as QuarantineReason | null,
    sha256: row.message === null ? null : String(row.sha256),
    bytes: row.message === null ? null : Number(row.bytes),
    internalDateMs: row.internal_date === null ? null : Number(row.internal_date),
    announcedBytes: row.announced_bytes === null ? null : Number(row.announced_bytes),
    acceptedAtMs: Number(row.accepted_at),
  };
}

function completionRow(row: Row): CompletionRow {
  return {
    row: Number(row.n),
    ledgerRow: Number(row.ledger),
    ledgerLink: row.ledger_link instanceof Uint8Array ? row.ledger_link : emptyChain,
    step: row.step as CompletionStep,
    phase: row.phase as CompletionPhase,
    target: row.target === null ? null : String(row.target),
    detail: row.detail === null ? null : String(row.detail),
    atMs: Number(row.at),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function placeOf(row: Row): string {
  return `${row.source}, ${row.folder}, UID ${row.uid}`;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // an archive without large bodies has no such folder; a missing file is found by its row
  }
}

/**
 * The thread that owns the ledger: it compresses, inserts and commits, so that fsync never holds up the sockets of the main thread.
 *
 * The hard thing is the order: rows get their numbers and links in the order of the batch, and the batch is one transaction:
 * bytes, ledger rows, links, cursors and the head of the chain stand together or not at all. After a failed batch nothing more is
 * written, because what follows would stand on a link that is not there.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { LedgerState, QuarantineReason, Settled } from '../archive.ts';
import { emptyChain, nextLink } from '../chain.ts';
import { packFailure, type ThreadFailure } from '../thread-failure.ts';
import { encodeBody, encoding, giveBack, leadsTo, type TakenBody } from './bodies.ts';
import { type CompletionToWrite, CompletionWriter, NotAllowed } from './completion-writer.ts';
import { archiveFault, saysDamaged, saysOutOfRange } from './errors.ts';
import { openLedger } from './schema.ts';

export interface WriterRow {
  readonly source: string;
  readonly folder: string;
  readonly uidValidity: number;
  readonly uid: number;
  readonly uidl: string | null;
  readonly cursor: number;
  readonly reason: QuarantineReason | null;
  readonly internalDateMs: number | null;
  readonly announcedBytes: number | null;
  readonly acceptedAtMs: number;
  readonly body: TakenBody | undefined;
}

export type ToWriter =
  | { readonly kind: 'batch'; readonly rows: readonly WriterRow[] }
  | { readonly kind: 'complete'; readonly id: number; readonly notes: readonly CompletionToWrite[] }
  | { readonly kind: 'close' };

export type FromWriter =
  | { readonly kind: 'opened'; readonly lastMessage: number }
  | { readonly kind: 'stored'; readonly settled: readonly Settled[]; readonly lastMessage: number }
  | { readonly kind: 'completed'; readonly id: number }
  /** Not allowed, so nothing of it was written: a bug of whoever asked, of which the archive knows nothing further. */
  | { readonly kind: 'not-allowed'; readonly id: number; readonly text: string }
  | { readonly kind: 'failed'; readonly failure: ThreadFailure };

class Writer {
  readonly #db: DatabaseSync;
  readonly #eras = new Map<string, number>();
  readonly #completions: CompletionWriter;
  readonly #sql: Readonly<
    Record<
      'findEra' | 'addEra' | 'findMessage' | 'addMessage' | 'storedBody' | 'mendMessage' | 'findWhole' | 'findApart' | 'addRow' | 'cursor',
      StatementSync
    >
  >;
  #row: number;
  #link: Uint8Array;
  #lastMessage: number;

  constructor(file: string) {
    const db = openLedger(file);
    this.#db = db;
    this.#sql = {
      findEra: db.prepare('select id from era where source = ? and folder = ? and uid_validity = ?'),
      addEra: db.prepare('insert into era (source, folder, uid_validity) values (?, ?, ?)'),
      findMessage: db.prepare('select seq from message where sha256 = ?'),
      addMessage: db.prepare('insert into message (sha256, bytes, encoding, body) values (?, ?, ?, ?)'),
      storedBody: db.prepare('select bytes, encoding, body from message where seq = ?'),
      mendMessage: db.prepare('update message set bytes = ?, encoding = ?, body = ? where seq = ?'),
      findWhole: db.prepare(
        `select l.state, l.uidl, lower(hex(m.sha256)) as sha256 from ledger l join message m on m.seq = l.message
         where l.era = ? and l.uid = ? and l.state <> 'quarantined'`,
      ),
      findApart: db.prepare(
        `select l.state, l.uidl, lower(hex(m.sha256)) as sha256 from ledger l left join message m on m.seq = l.message
         where l.era = ? and l.uid = ? and l.state = 'quarantined'`,
      ),
      addRow: db.prepare(
        'insert into ledger (row, era, uid, uidl, state, reason, message, internal_date, announced_bytes, accepted_at, link) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      cursor: db.prepare(
        `insert into cursor (source, folder, uid_validity, uid) values (?, ?, ?, ?)
         on conflict (source, folder) do update set uid_validity = excluded.uid_validity, uid = excluded.uid`,
      ),
    };
    this.#completions = new CompletionWriter(db);
    const last = db.prepare('select row, link from ledger order by row desc limit 1').get();
    this.#row = last === undefined ? 0 : Number(last.row);
    this.#link = last?.link instanceof Uint8Array ? last.link : emptyChain;
    this.#lastMessage = Number(db.prepare('select coalesce(max(seq), 0) as seq from message').get()?.seq);
  }

  get lastMessage(): number {
    return this.#lastMessage;
  }

  /** Writes all rows or none. */
  store(rows: readonly WriterRow[]): Settled[] {
    const before = { row: this.#row, link: this.#link, lastMessage: this.#lastMessage };
    this.#db.exec('begin immediate');
    try {
      const settled = rows.map((row) => this.#storeRow(row));
      const cursors = new Map(rows.map((row) => [JSON.stringify([row.source, row.folder]), row]));
      for (const row of cursors.values()) this.#sql.cursor.run(row.source, row.folder, row.uidValidity, row.cursor);
      this.#db
        .prepare("insert or replace into meta (key, value) values ('head', ?)")
        .run(JSON.stringify({ rows: this.#row, link: hex(this.#link) }));
      this.#db.exec('commit');
      return settled;
    } catch (error) {
      this.#row = before.row;
      this.#link = before.link;
      this.#lastMessage = before.lastMessage;
      this.#eras.clear();
      if (this.#db.isTransaction) this.#db.exec('rollback');
      throw error;
    }
  }

  /** Writes all notes or none. @throws NotAllowed */
  complete(notes: readonly CompletionToWrite[]): void {
    this.#completions.write(notes);
  }

  #storeRow(row: WriterRow): Settled {
    const era = this.#era(row);
    const known = this.#known(era, row);
    if (known !== undefined) return known;
    const stored = row.body === undefined ? undefined : this.#message(row.body);
    const state: LedgerState = row.reason !== null ? 'quarantined' : stored?.isNew === false ? 'duplicate' : 'archived';
    this.#row += 1;
    this.#link = nextLink(this.#link, {
      row: this.#row,
      source: row.source,
      folder: row.folder,
      uidValidity: row.uidValidity,
      uid: row.uid,
      uidl: row.uidl,
      state,
      reason: row.reason,
      sha256: row.body?.sha256 ?? null,
      bytes: row.body?.bytes ?? null,
      internalDateMs: row.internalDateMs,
      announcedBytes: row.announcedBytes,
      acceptedAtMs: row.acceptedAtMs,
    });
    this.#sql.addRow.run(
      this.#row,
      era,
      row.uid,
      row.uidl,
      state,
      row.reason,
      stored?.seq ?? null,
      row.internalDateMs,
      row.announcedBytes,
      row.acceptedAtMs,
      this.#link,
    );
    return { state, sha256: row.body?.sha256 };
  }

  /** What a further row would say nothing to: the message came whole before, or was kept apart before as it is now. */
  #known(era: number, row: WriterRow): Settled | undefined {
    const whole = this.#sql.findWhole.get(era, row.uid);
    const rows = whole === undefined ? this.#sql.findApart.all(era, row.uid) : [whole];
    for (const { uidl } of rows) {
      // To take one message for another would be to lose it.
      if (uidl !== row.uidl) throw new Error(`the number ${row.uid} was given to another UIDL before`);
    }
    const apart = row.reason === null ? undefined : rows.find(({ sha256 }) => row.body === undefined || sha256 === row.body.sha256);
    const known = whole ?? apart;
    if (known === undefined) return undefined;
    return { state: known.state as LedgerState, sha256: known.sha256 === null ? undefined : String(known.sha256) };
  }

  #message(body: TakenBody): { readonly seq: number; readonly isNew: boolean } {
    const digest = Buffer.from(body.sha256, 'hex');
    const found = this.#sql.findMessage.get(digest);
    if (found !== undefined) {
      const seq = Number(found.seq);
      if (!this.#isSound(seq, body)) {
        const { encoding, data } = encoded(body);
        this.#sql.mendMessage.run(body.bytes, encoding, data, seq);
        if (data !== null) giveBack(data);
      }
      return { seq, isNew: false };
    }
    const { encoding, data } = encoded(body);
    this.#lastMessage = Number(this.#sql.addMessage.run(digest, body.bytes, encoding, data).lastInsertRowid);
    if (data !== null) giveBack(data);
    return { seq: this.#lastMessage, isNew: true };
  }

  /**
   * Whether what is stored of a message that comes once more is still what its hash stands for. The good copy is in hand only now, and
   * the server may not keep it. A page that SQLite cannot read is not written to either: `archive verify` tells of it.
   */
  #isSound(seq: number, body: TakenBody): boolean {
    try {
      const stored = this.#sql.storedBody.get(seq);
      return stored === undefined || leadsTo(body, stored);
    } catch (error) {
      if (saysDamaged(error)) return true;
      if (saysOutOfRange(error)) return false;
      throw error;
    }
  }

  #era(row: WriterRow): number {
    const key = JSON.stringify([row.source, row.folder, row.uidValidity]);
    const cached = this.#eras.get(key);
    if (cached !== undefined) return cached;
    const found = this.#sql.findEra.get(row.source, row.folder, row.uidValidity);
    const id =
      found === undefined ? Number(this.#sql.addEra.run(row.source, row.folder, row.uidValidity).lastInsertRowid) : Number(found.id);
    this.#eras.set(key, id);
    return id;
  }

  close(): void {
    this.#db.close();
  }
}

/** A body as its row holds it. */
function encoded(body: TakenBody): { readonly encoding: number; readonly data: Uint8Array | null } {
  return body.inline === undefined ? { encoding: encoding.file, data: null } : encodeBody(body.inline);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function failed(error: unknown): FromWriter {
  return { kind: 'failed', failure: packFailure(archiveFault(error)) };
}

const port = parentPort;
if (port !== null) {
  // This thread's own: what zstd packs then lies in memory of its own, which can be given back, and not in a piece that many share.
  Buffer.poolSize = 0;
  const say = (message: FromWriter): void => port.postMessage(message);
  try {
    const writer = new Writer(String(workerData.archive));
    say({ kind: 'opened', lastMessage: writer.lastMessage });
    port.on('message', (message: ToWriter) => {
      if (message.kind === 'close') {
        writer.close();
        port.close();
        return;
      }
      try {
        if (message.kind === 'complete') {
          writer.complete(message.notes);
          say({ kind: 'completed', id: message.id });
          return;
        }
        const settled = writer.store(message.rows);
        say({ kind: 'stored', settled, lastMessage: writer.lastMessage });
        for (const { body } of message.rows) if (body?.inline !== undefined) giveBack(body.inline);
      } catch (error) {
        if (message.kind === 'complete' && error instanceof NotAllowed) say({ kind: 'not-allowed', id: message.id, text: error.message });
        else say(failed(error));
      }
    });
  } catch (error) {
    say(failed(error));
    port.close();
  }
}

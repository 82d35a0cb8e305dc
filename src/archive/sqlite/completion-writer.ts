/**
 * Writes what was done on servers with messages that are safe here, in the thread that owns the ledger.
 *
 * The hard thing is that a message on a server may be gone after the step: so nothing may be asked for of which the ledger, durable, does
 * not say that it came whole. That is looked up here, in the transaction of the note, and not left to whoever asks.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { CompletionPhase, CompletionStep } from '../archive.ts';
import { emptyChain, nextCompletionLink } from '../chain.ts';

export interface CompletionToWrite {
  readonly source: string;
  readonly folder: string;
  readonly uidValidity: number;
  readonly uid: number;
  readonly step: CompletionStep;
  readonly phase: CompletionPhase;
  readonly target: string | null;
  readonly detail: string | null;
  readonly atMs: number;
}

/** Nothing of the notes was written. A bug of whoever asked. */
export class NotAllowed extends Error {}

export class CompletionWriter {
  readonly #db: DatabaseSync;
  readonly #sql: Readonly<Record<'ledgerRow' | 'lastPhase' | 'add' | 'head', StatementSync>>;
  #row: number;
  #link: Uint8Array;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = {
      ledgerRow: db.prepare(
        `select l.row, l.link from ledger l join era e on e.id = l.era
         where e.source = ? and e.folder = ? and e.uid_validity = ? and l.uid = ? and l.state <> 'quarantined' and l.message is not null`,
      ),
      lastPhase: db.prepare('select phase from completion where ledger = ? and step = ? order by row desc limit 1'),
      add: db.prepare('insert into completion (row, ledger, step, phase, target, detail, at, link) values (?, ?, ?, ?, ?, ?, ?, ?)'),
      head: db.prepare("insert or replace into meta (key, value) values ('completions', ?)"),
    };
    const last = db.prepare('select row, link from completion order by row desc limit 1').get();
    this.#row = last === undefined ? 0 : Number(last.row);
    this.#link = last?.link instanceof Uint8Array ? last.link : emptyChain;
  }

  /** Writes all notes or none, in a transaction of its own. @throws NotAllowed */
  write(notes: readonly CompletionToWrite[]): void {
    const before = { row: this.#row, link: this.#link };
    this.#db.exec('begin immediate');
    try {
      for (const note of notes) this.#add(note);
      this.#sql.head.run(JSON.stringify({ rows: this.#row, link: Buffer.from(this.#link).toString('hex') }));
      this.#db.exec('commit');
    } catch (error) {
      this.#row = before.row;
      this.#link = before.link;
      if (this.#db.isTransaction) this.#db.exec('rollback');
      throw error;
    }
  }

  #add(note: CompletionToWrite): void {
    const place = `${note.source}, ${note.folder}, UIDVALIDITY ${note.uidValidity}, UID ${note.uid}`;
    const found = this.#sql.ledgerRow.get(note.source, note.folder, note.uidValidity, note.uid);
    if (!(found?.link instanceof Uint8Array)) throw new NotAllowed(`${place}: not archived, so nothing may be done with it on its server`);
    const ledgerRow = Number(found.row);
    if (note.phase !== 'asked' && this.#sql.lastPhase.get(ledgerRow, note.step)?.phase !== 'asked') {
      throw new NotAllowed(`${place}: '${note.step}' cannot be ${note.phase}, for it was not asked`);
    }
    const { step, phase, target, detail, atMs } = note;
    this.#row += 1;
    this.#link = nextCompletionLink(this.#link, { row: this.#row, ledgerRow, ledgerLink: found.link, step, phase, target, detail, atMs });
    this.#sql.add.run(this.#row, ledgerRow, step, phase, target, detail, atMs, this.#link);
  }
}

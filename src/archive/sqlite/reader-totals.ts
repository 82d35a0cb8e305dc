/**
 * The sums over all messages and all rows of the ledger, which are only ever added to: what was counted once is not counted again.
 *
 * The hard thing is the first time, when everything is new: it is done in strides, so that whoever counts can let others have their turn.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { LedgerState } from '../archive.ts';
import { encoding } from './bodies.ts';

/** Messages or rows that are counted in one go: about 10 ms. */
const stride = 20_000;

export type OfStates = Record<LedgerState, number>;

interface Sums {
  /** Messages up to this number are counted. */
  lastMessage: number;
  messages: number;
  bytes: number;
  storedBytes: number;
  lastRow: number;
  /** Rows by the number of their era. */
  readonly eras: Map<number, OfStates>;
}

export class Totals {
  readonly #db: DatabaseSync;
  #sums: Sums = none();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Counts some of what is not counted yet. Returns whether there is more. */
  count(): boolean {
    const { message, row } = this.#last();
    // Nothing takes rows away but somebody who replaces the file.
    if (message < this.#sums.lastMessage || row < this.#sums.lastRow) this.#sums = none();
    this.#countMessages(Math.min(message, this.#sums.lastMessage + stride));
    this.#countRows(Math.min(row, this.#sums.lastRow + stride));
    return this.#sums.lastMessage < message || this.#sums.lastRow < row;
  }

  /** What has been counted; to be asked in a transaction in which {@link Totals.count} found no more. */
  get sums(): Readonly<Sums> {
    return this.#sums;
  }

  #last(): { readonly message: number; readonly row: number } {
    const last = this.#db
      .prepare('select (select coalesce(max(seq), 0) from main.message) as message, (select coalesce(max(row), 0) from main.ledger) as row')
      .get();
    return { message: Number(last?.message), row: Number(last?.row) };
  }

  #countMessages(to: number): void {
    const sums = this.#sums;
    if (to <= sums.lastMessage) return;
    const found = this.#db
      .prepare(
        `select count(*) as messages, coalesce(sum(bytes), 0) as bytes,
           coalesce(sum(case when encoding = ${encoding.file} then bytes else length(body) end), 0) as stored
         from main.message where seq > ? and seq <= ?`,
      )
      .get(sums.lastMessage, to);
    sums.messages += Number(found?.messages);
    sums.bytes += Number(found?.bytes);
    sums.storedBytes += Number(found?.stored);
    sums.lastMessage = to;
  }

  #countRows(to: number): void {
    const sums = this.#sums;
    if (to <= sums.lastRow) return;
    const found = this.#db
      .prepare('select era, state, count(*) as rows from main.ledger where row > ? and row <= ? group by era, state')
      .all(sums.lastRow, to);
    for (const { era, state, rows } of found) {
      const ofEra = sums.eras.get(Number(era)) ?? noStates();
      ofEra[state as LedgerState] += Number(rows); // the writer knows no other
      sums.eras.set(Number(era), ofEra);
    }
    sums.lastRow = to;
  }
}

function none(): Sums {
  return { lastMessage: 0, messages: 0, bytes: 0, storedBytes: 0, lastRow: 0, eras: new Map() };
}

export function noStates(): OfStates {
  return { archived: 0, duplicate: 0, quarantined: 0 };
}

/**
 * The access log in the file of the accounts: lines that are added and read, and never changed.
 *
 * The hard thing is to make that provable: each line carries the SHA-256 of itself and of the hash before it, so whoever knows one hash
 * (written down, sent elsewhere) can prove every line before it. A log that was cut off at its end can only be seen by such a hash.
 */
import { createHash } from 'node:crypto';
import type { AccessLine, AccessNote, AccountRole, LogHead } from './accounts.ts';
import type { AccountRow, AccountsFile } from './sqlite-file.ts';

const mostObject = 2_000;
const mostDetail = 4_000;
const mostName = 200;
/** Rows that are proven at a stretch before others have their turn. */
const provenAtOnce = 2_000;

interface LogProof {
  readonly lines: number;
  readonly head: LogHead | undefined;
  readonly brokenAt: number | undefined;
}

interface Waiting {
  readonly note: AccessNote;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export class AccessLogTable {
  readonly #file: AccountsFile;
  readonly #now: () => number;
  #waiting: Waiting[] = [];
  #proving: Promise<LogProof> | undefined;

  constructor(file: AccountsFile, now: () => number) {
    this.#file = file;
    this.#now = now;
  }

  /** Resolves when the line is durable. What is noted in the same turn of the event loop shares one transaction, and its fsync. */
  note(note: AccessNote): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ note, done, failed });
      if (this.#waiting.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Writes what waits. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    try {
      this.#file.change(() => {
        for (const { note } of waiting) this.#add(note);
      });
    } catch (error) {
      for (const { failed } of waiting) failed(error);
      return;
    }
    for (const { done } of waiting) done();
  }

  #add(note: AccessNote): void {
    const before = this.#last();
    const line: AccessLine = {
      id: (before?.id ?? 0) + 1,
      at: new Date(this.#now()),
      who: plain(note.who, mostName),
      role: note.role,
      address: plain(note.address, mostName),
      action: plain(note.action, mostName),
      object: plain(note.object, mostObject),
      outcome: note.outcome,
      detail: plain(note.detail, mostDetail),
    };
    this.#file.run(
      'insert into log (id, at, who, role, address, action, object, outcome, detail, hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      line.id,
      line.at.getTime(),
      line.who,
      line.role ?? null,
      line.address,
      line.action,
      line.object,
      line.outcome,
      line.detail,
      linkOf(line, before?.hash ?? genesis),
    );
  }

  #last(): { readonly id: number; readonly hash: Uint8Array } | undefined {
    const row = this.#file.get('select id, hash from log order by id desc limit 1');
    return row === undefined ? undefined : { id: Number(row['id']), hash: bytes(row['hash']) };
  }

  lines(options: { readonly before?: number; readonly limit: number; readonly who?: string; readonly action?: string }): AccessLine[] {
    const before = options.before ?? Number.MAX_SAFE_INTEGER;
    const who = options.who === undefined ? '' : ' and who = ?';
    const action = options.action === undefined ? '' : ' and action = ?';
    const values = [before, ...[options.who, options.action].filter((value) => value !== undefined), options.limit];
    return this.#file.look(() =>
      this.#file.all(`select * from log where id < ?${who}${action} order by id desc limit ?`, ...values).map(asLine),
    );
  }

  head(): LogHead | undefined {
    const last = this.#file.look(() => this.#last());
    return last === undefined ? undefined : { id: last.id, hash: Buffer.from(last.hash).toString('hex') };
  }

  /**
   * Whoever asks while it is being proven gets that proof: a hundred who ask at once would keep the import waiting.
   * @returns `brokenAt`: the first line that is not what was written, or that is missing
   */
  verify(): Promise<LogProof> {
    this.#proving ??= this.#proven().finally(() => {
      this.#proving = undefined;
    });
    return this.#proving;
  }

  async #proven(): Promise<LogProof> {
    const head = this.head();
    let hash: Uint8Array = genesis;
    let lines = 0;
    while (lines < (head?.id ?? 0)) {
      const rows = this.#file.look(() => this.#file.all('select * from log where id > ? order by id limit ?', lines, provenAtOnce));
      if (rows.length === 0) break;
      for (const row of rows) {
        const line = asLine(row);
        if (line.id > (head?.id ?? 0)) break;
        const meant = linkOf(line, hash);
        if (line.id !== lines + 1 || !Buffer.from(meant).equals(bytes(row['hash']))) return { lines, head, brokenAt: lines + 1 };
        hash = meant;
        lines += 1;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { lines, head, brokenAt: lines === (head?.id ?? 0) ? undefined : lines + 1 };
  }
}

const genesis: Uint8Array = new Uint8Array(32);

/** Over the hash before it and the line as a JSON array, in this order of its parts for ever. */
function linkOf({ id, at, who, role, address, action, object, outcome, detail }: AccessLine, before: Uint8Array): Buffer {
  const text = JSON.stringify([id, at.toISOString(), who, role ?? null, address, action, object, outcome, detail]);
  return createHash('sha256').update(before).update(text).digest();
}

/** Text that comes out of the file as it went in, and that a terminal shows harmlessly. */
function plain(text: string, most: number): string {
  const whole = text.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
  return whole.length <= most ? whole : `${whole.slice(0, most - 1).toWellFormed()}…`;
}

function asLine(row: AccountRow): AccessLine {
  return {
    id: Number(row['id']),
    at: new Date(Number(row['at'])),
    who: String(row['who']),
    role: row['role'] === null ? undefined : (String(row['role']) as AccountRole),
    address: String(row['address']),
    action: String(row['action']),
    object: String(row['object']),
    outcome: String(row['outcome']) as AccessLine['outcome'],
    detail: String(row['detail']),
  };
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Error('the column holds no bytes');
  return value;
}

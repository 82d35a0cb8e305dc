/**
 * Looks into an archive from outside: every ledger row, and every stored byte against its hash. Shares no line with the product; it
 * knows the tables from docs/archive-format.md, and opens for reading only, so that what a killed process left stays as it is.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { zstdDecompressSync } from 'node:zlib';

export interface LedgerRow {
  readonly row: number;
  readonly source: string;
  readonly folder: string;
  readonly uidValidity: number;
  /** Over POP3 a number that Postern gave. */
  readonly uid: number;
  /** Over POP3 only. */
  readonly uidl: string | undefined;
  readonly state: string;
  readonly reason: string | undefined;
  /** Undefined: no bytes. */
  readonly sha256: string | undefined;
}

export interface ArchiveSeen {
  readonly rows: readonly LedgerRow[];
  /** SHA-256 of each message row, in their order. */
  readonly messages: readonly string[];
  readonly cursors: readonly { readonly folder: string; readonly uidValidity: number; readonly uid: number }[];
  /** What is wrong with the archive in itself. */
  readonly wrong: readonly string[];
}

const nothing: ArchiveSeen = { rows: [], messages: [], cursors: [], wrong: [] };

type Row = Readonly<Record<string, SQLOutputValue>>;

/** What is durable now; an archive that is not there yet is empty. */
export function witness(dataFolder: string): ArchiveSeen {
  const folder = join(dataFolder, 'archive');
  const file = join(folder, 'archive.sqlite');
  if (!existsSync(file)) return nothing;
  const db = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  try {
    db.exec('begin');
    if (db.prepare("select 1 from sqlite_schema where name = 'meta'").get() === undefined) return nothing;
    const rows = db
      .prepare(
        `select l.row, l.uidl, e.source, e.folder, e.uid_validity, l.uid, l.state, l.reason, iif(m.sha256 is null, null, lower(hex(m.sha256))) as sha256, l.message, lower(hex(l.link)) as link
         from ledger l join era e on e.id = l.era left join message m on m.seq = l.message order by l.row`,
      )
      .all();
    const messages = db.prepare('select lower(hex(sha256)) as sha256, bytes, encoding, body from message order by seq').all();
    const cursors = db.prepare('select folder, uid_validity, uid from cursor').all();
    const head = db.prepare("select value from meta where key = 'head'").get()?.['value'];
    return {
      rows: rows.map(ledgerRow),
      messages: messages.map((row) => String(row['sha256'])),
      cursors: cursors.map((row) => ({ folder: String(row['folder']), uidValidity: Number(row['uid_validity']), uid: Number(row['uid']) })),
      wrong: [...wrongRows(rows), ...wrongHead(rows.at(-1), head), ...messages.flatMap((row) => wrongBody(folder, row))],
    };
  } finally {
    db.close();
  }
}

/** Messages that are not derived yet, at most. */
export function lagOf(dataFolder: string): number {
  const { messages } = witness(dataFolder);
  const file = join(dataFolder, 'archive', 'index.sqlite');
  if (!existsSync(file)) return messages.length;
  const db = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  try {
    if (db.prepare("select 1 from sqlite_schema where name = 'meta'").get() === undefined) return messages.length;
    return messages.length - Number(db.prepare("select value from meta where key = 'watermark'").get()?.['value'] ?? 0);
  } finally {
    db.close();
  }
}

function ledgerRow(row: Row): LedgerRow {
  return {
    row: Number(row['row']),
    source: String(row['source']),
    folder: String(row['folder']),
    uidValidity: Number(row['uid_validity']),
    uid: Number(row['uid']),
    uidl: typeof row['uidl'] === 'string' ? row['uidl'] : undefined,
    state: String(row['state']),
    reason: row['reason'] === null ? undefined : String(row['reason']),
    sha256: row['sha256'] === null ? undefined : String(row['sha256']),
  };
}

function wrongRows(rows: readonly Row[]): string[] {
  const wrong: string[] = [];
  const settled = new Set<string>();
  const known = new Set<string>();
  for (const [index, row] of rows.entries()) {
    const { row: number, source, folder, uid_validity, uid, state, sha256 } = row;
    const where = `row ${number} (${folder}, ${uid_validity}, UID ${uid})`;
    const key = JSON.stringify([source, folder, uid_validity, uid].map(String));
    if (Number(number) !== index + 1) wrong.push(`${where} stands in place ${index + 1}`);
    if (state !== 'quarantined') {
      if (settled.has(key)) wrong.push(`${where}: this message of the server has its row already`);
      settled.add(key);
      if (sha256 === null) wrong.push(`${where} is ${state} and has no bytes`);
      else if ((state === 'duplicate') !== known.has(String(sha256)))
        wrong.push(`${where} is ${state} and its bytes came ${known.has(String(sha256)) ? 'before' : 'never before'}`);
    }
    if (sha256 !== null) known.add(String(sha256));
  }
  return wrong;
}

function wrongHead(last: Row | undefined, head: SQLOutputValue | undefined): string[] {
  const expected = last === undefined ? undefined : JSON.stringify({ rows: Number(last['row']), link: last['link'] });
  return head === expected ? [] : [`the noted head is ${head}, and the last row ${expected}`];
}

function wrongBody(folder: string, { sha256, bytes, encoding, body }: Row): string[] {
  const id = String(sha256);
  try {
    const stored = encoding === 2 ? readFileSync(join(folder, 'bodies', id.slice(0, 2), id)) : Buffer.from(body as Uint8Array);
    const whole = encoding === 1 ? zstdDecompressSync(stored) : stored;
    const seen = createHash('sha256').update(whole).digest('hex');
    return seen === id && whole.length === Number(bytes)
      ? []
      : [`message ${id} (${bytes} bytes) holds ${whole.length} bytes with SHA-256 ${seen}`];
  } catch (error) {
    return [`message ${id} cannot be read: ${error}`];
  }
}

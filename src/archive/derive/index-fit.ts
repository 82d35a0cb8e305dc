/**
 * Whether the derived database was derived from this very ledger.
 *
 * Messages are told apart by their number alone, and a ledger that was brought back from a backup, or made anew beside an old index,
 * gives the same numbers to other messages: they would count as derived and never be found. So the index notes, with its watermark, the
 * hash of the message that stands there.
 */
import type { DatabaseSync } from 'node:sqlite';
import { saysDamaged } from '../sqlite/errors.ts';
import { openForReading } from '../sqlite/schema.ts';

/** Lower-case hex of the SHA-256 of message `seq`; empty where there is none or it cannot be read. */
export function markOf(ledger: DatabaseSync, seq: number): string {
  try {
    return String(ledger.prepare('select lower(hex(sha256)) as sha256 from message where seq = ?').get(seq)?.sha256 ?? '');
  } catch (error) {
    if (saysDamaged(error)) return '';
    throw error;
  }
}

/** @param index open for reading or writing, of the present format */
export function indexFits(archiveFile: string, index: DatabaseSync): boolean {
  const noted = new Map(
    index
      .prepare('select key, value from meta')
      .all()
      .map((row) => [String(row.key), String(row.value)]),
  );
  const watermark = Number(noted.get('watermark') ?? 0);
  const ahead = Number(index.prepare('select max(last) as last from ahead').get()?.last ?? 0);
  const ledger = openForReading(archiveFile);
  try {
    const last = Number(ledger?.prepare('select max(seq) as last from message').get()?.last ?? 0);
    if (Math.max(watermark, ahead) > last) return false;
    return watermark === 0 || (ledger !== undefined && noted.get('mark') === markOf(ledger, watermark));
  } finally {
    ledger?.close();
  }
}

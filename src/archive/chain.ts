/**
 * The hash chain over the ledger: each row's link is SHA-256 over the link before it and the row itself, so that no row can be
 * changed, taken out or put in without every later link telling. docs/archive-format.md fixes the encoding for other programs.
 *
 * The hard thing is that the encoding may never change for rows that are written: a field more means a new version number in front.
 */
import { createHash } from 'node:crypto';
import type { LedgerState, QuarantineReason } from './archive.ts';

/** Everything that a link vouches for. Times in milliseconds since 1970. */
export interface LedgerRow {
  readonly row: number;
  readonly source: string;
  readonly folder: string;
  readonly uidValidity: number;
  readonly uid: number;
  readonly state: LedgerState;
  readonly reason: QuarantineReason | null;
  readonly sha256: string | null;
  readonly bytes: number | null;
  readonly internalDateMs: number | null;
  readonly announcedBytes: number | null;
  readonly acceptedAtMs: number;
}

export const emptyChain: Uint8Array = new Uint8Array(32);

/** The link that follows `previous`: SHA-256(previous, UTF-8 of the JSON array `["v1", row, source, …]` without white space). 32 bytes. */
export function nextLink(previous: Uint8Array, row: LedgerRow): Uint8Array {
  const fields = [
    'v1',
    row.row,
    row.source,
    row.folder,
    row.uidValidity,
    row.uid,
    row.state,
    row.reason,
    row.sha256,
    row.bytes,
    row.internalDateMs,
    row.announcedBytes,
    row.acceptedAtMs,
  ];
  return createHash('sha256').update(previous).update(JSON.stringify(fields), 'utf8').digest();
}

/**
 * The hash chains over the ledger and over what was done on servers: each row's link is SHA-256 over the link before it and the row
 * itself, so that no row can be changed, taken out or put in without every later link telling. docs/archive-format.md fixes the encoding
 * for other programs.
 *
 * The hard thing is that the encoding may never change for rows that are written: a field more means a new version number in front.
 */
import { createHash } from 'node:crypto';
import type { CompletionPhase, CompletionStep, LedgerState, QuarantineReason } from './archive.ts';

/** Everything that a link vouches for. Times in milliseconds since 1970. */
export interface LedgerRow {
  readonly row: number;
  readonly source: string;
  readonly folder: string;
  readonly uidValidity: number;
  readonly uid: number;
  readonly uidl: string | null;
  readonly state: LedgerState;
  readonly reason: QuarantineReason | null;
  readonly sha256: string | null;
  readonly bytes: number | null;
  readonly internalDateMs: number | null;
  readonly announcedBytes: number | null;
  readonly acceptedAtMs: number;
}

export const emptyChain: Uint8Array = new Uint8Array(32);

/** Everything that a link of the second chain vouches for. Time in milliseconds since 1970. */
export interface CompletionRow {
  readonly row: number;
  /** The ledger's row of the message, and its link: the ledger up to there has its part in this chain. */
  readonly ledgerRow: number;
  readonly ledgerLink: Uint8Array;
  readonly step: CompletionStep;
  readonly phase: CompletionPhase;
  readonly target: string | null;
  readonly detail: string | null;
  readonly atMs: number;
}

/**
 * The link that follows `previous`: SHA-256(previous, UTF-8 of the JSON array `["v1", row, source, …]` without white space). 32 bytes.
 * A row with a UIDL is written as `v2`, every other as `v1`, so that what stood before there were any keeps its links.
 */
export function nextLink(previous: Uint8Array, row: LedgerRow): Uint8Array {
  const place = [row.row, row.source, row.folder, row.uidValidity, row.uid];
  const content = [row.state, row.reason, row.sha256, row.bytes, row.internalDateMs, row.announcedBytes, row.acceptedAtMs];
  return link(previous, row.uidl === null ? ['v1', ...place, ...content] : ['v2', ...place, row.uidl, ...content]);
}

/** The same for what was done on a server, as `["c1", row, …]`. */
export function nextCompletionLink(previous: Uint8Array, row: CompletionRow): Uint8Array {
  const ledgerLink = Buffer.from(row.ledgerLink).toString('hex');
  return link(previous, ['c1', row.row, row.ledgerRow, ledgerLink, row.step, row.phase, row.target, row.detail, row.atMs]);
}

function link(previous: Uint8Array, fields: readonly (string | number | null)[]): Uint8Array {
  return createHash('sha256').update(previous).update(JSON.stringify(fields), 'utf8').digest();
}

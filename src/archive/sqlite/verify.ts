/**
 * Holds everything stored against its hashes: each body, each ledger row, the chain over them, the head, the body files.
 *
 * The hard thing is to go on: a damaged page or a missing file is a finding with its place, never the end, so that a person learns
 * how much is affected.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../fault/fault.ts';
import type { LedgerState, Progress, QuarantineReason, VerifyFinding, VerifyReport } from '../archive.ts';
import { emptyChain, nextLink } from '../chain.ts';
import { encoding } from './bodies.ts';
import { archiveFault, isSqliteError } from './errors.ts';
import type { Layout } from './layout.ts';
import type { SqliteReader } from './reader.ts';

export interface VerifyOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** @throws the signal's reason; what is wrong with the archive is in the report */
export async function verifyArchive(where: Layout, reader: SqliteReader, options: VerifyOptions = {}): Promise<VerifyReport> {
  const db = reader.db;
  const findings: VerifyFinding[] = [];
  // One view of the ledger from here on, however much is added beside it.
  db.exec('begin');
  try {
    checkPages(db, findings);
    const bodies = await checkBodies(db, reader, findings, options);
    const chain = checkChain(db, findings);
    const orphans = checkFiles(where, db, findings);
    return { ...bodies, ...chain, findings, orphans };
  } catch (error) {
    throw archiveFault(error, { file: where.archive });
  } finally {
    if (db.isTransaction) db.exec('rollback');
  }
}

/** SQLite's own look at the pages and indexes of the file. */
function checkPages(db: DatabaseSync, findings: VerifyFinding[]): void {
  attempt(findings, 'the pages of archive.sqlite', () => {
    for (const row of db.prepare('pragma main.integrity_check(20)').all()) {
      const text = String(row.integrity_check);
      if (text !== 'ok') findings.push({ code: 'archive.damaged', seen: `archive.sqlite: ${text.replaceAll('\n', ' ')}` });
    }
  });
}

async function checkBodies(
  db: DatabaseSync,
  reader: SqliteReader,
  findings: VerifyFinding[],
  options: VerifyOptions,
): Promise<{ messages: number; bytes: number }> {
  const last = attempt(findings, 'the list of messages', () => reader.lastMessage()) ?? 0;
  const next = db.prepare('select seq from message where seq > ? order by seq limit 1');
  const get = db.prepare('select seq, lower(hex(sha256)) as sha256, bytes, encoding, body from message where seq = ?');
  let messages = 0;
  let bytes = 0;
  let seq = 0;
  for (;;) {
    options.signal?.throwIfAborted();
    // Where the list itself is damaged, step by number: the rows behind the damage are still proven.
    const following = attempt(findings, `the list of messages after number ${seq}`, () => ({ row: next.get(seq) }));
    seq = following === undefined ? seq + 1 : Number(following.row?.seq ?? last + 1);
    if (seq > last) return { messages, bytes };
    const row = attempt(findings, `message number ${seq}`, () => get.get(seq));
    if (row === undefined) continue;
    messages += 1;
    const sha256 = String(row.sha256);
    try {
      const hash = createHash('sha256');
      let size = 0;
      for await (const chunk of reader.storedBytes(row, sha256)) {
        hash.update(chunk);
        size += chunk.length;
      }
      bytes += size;
      const found = hash.digest('hex');
      if (found !== sha256) findings.push({ code: 'archive.body-changed', seen: `message ${sha256}: its bytes have SHA-256 ${found}` });
      else if (size !== row.bytes)
        findings.push({ code: 'archive.body-changed', seen: `message ${sha256}: ${size} bytes, noted as ${row.bytes}` });
    } catch (error) {
      if (!(error instanceof Fault) || (error.code !== 'archive.body-missing' && error.code !== 'archive.body-changed')) throw error;
      findings.push({ code: error.code, seen: `message ${sha256}: ${String(error.evidence.seen ?? error.evidence.error ?? '')}` });
    }
    if (seq % 64 === 0 || seq === last) options.onProgress?.({ done: seq, total: last });
  }
}

function checkChain(db: DatabaseSync, findings: VerifyFinding[]): { rows: number; head: VerifyReport['head'] } {
  let previous: Uint8Array = emptyChain;
  let rows = 0;
  attempt(findings, 'the ledger', () => {
    const all = db.prepare(
      `select l.row, e.source, e.folder, e.uid_validity, l.uid, l.state, l.reason, lower(hex(m.sha256)) as sha256, m.bytes, l.message,
              l.internal_date, l.announced_bytes, l.accepted_at, l.link
       from ledger l left join era e on e.id = l.era left join message m on m.seq = l.message order by l.row`,
    );
    for (const row of all.iterate()) {
      rows += 1;
      const number = Number(row.row);
      if (number !== rows) {
        findings.push({ code: 'archive.chain-broken', seen: `ledger row ${rows} is missing: the next one is ${number}` });
        rows = number;
      }
      const link = nextLink(previous, {
        row: number,
        source: String(row.source),
        folder: String(row.folder),
        uidValidity: Number(row.uid_validity),
        uid: Number(row.uid),
        state: row.state as LedgerState,
        reason: row.reason as QuarantineReason | null,
        sha256: row.message === null ? null : String(row.sha256),
        bytes: row.message === null ? null : Number(row.bytes),
        internalDateMs: row.internal_date === null ? null : Number(row.internal_date),
        announcedBytes: row.announced_bytes === null ? null : Number(row.announced_bytes),
        acceptedAtMs: Number(row.accepted_at),
      });
      const stored = row.link instanceof Uint8Array ? row.link : emptyChain;
      if (Buffer.compare(link, stored) !== 0) {
        findings.push({
          code: 'archive.chain-broken',
          seen: `ledger row ${number} (${row.source}, ${row.folder}, UID ${row.uid}): its link does not follow from it`,
        });
      }
      previous = stored; // from here on, so that one changed row is one finding
    }
  });
  const head = { rows, link: Buffer.from(previous).toString('hex') };
  const noted = attempt(findings, 'the head of the chain', () => db.prepare("select value from meta where key = 'head'").get());
  if (rows > 0 || noted !== undefined) {
    const text = String(noted?.value);
    if (text !== JSON.stringify(head)) {
      findings.push({ code: 'archive.chain-broken', seen: `the ledger ends with row ${rows}, but its head was noted as ${text}` });
    }
  }
  return { rows, head };
}

/** Body files without a row. Those with a row but without a file were found while reading. */
function checkFiles(where: Layout, db: DatabaseSync, findings: VerifyFinding[]): number {
  const find = db.prepare(`select 1 from message where sha256 = ? and encoding = ${encoding.file}`);
  let orphans = 0;
  for (const folder of namesIn(where.bodies).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    for (const name of namesIn(join(where.bodies, folder))) {
      const known = /^[0-9a-f]{64}$/.test(name)
        ? attempt(findings, `the row of body ${name}`, () => find.get(Buffer.from(name, 'hex')))
        : undefined;
      if (known === undefined) orphans += 1;
    }
  }
  return orphans;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // an archive without large bodies has no such folder; a missing file is found by its row
  }
}

/** The act's result; undefined, and a finding, where SQLite meets a damaged place. */
function attempt<T>(findings: VerifyFinding[], place: string, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!isSqliteError(error)) throw error;
    const seen = `${place}: ${error.message}`;
    if (findings.at(-1)?.seen !== seen) findings.push({ code: 'archive.damaged', seen });
    return undefined;
  }
}

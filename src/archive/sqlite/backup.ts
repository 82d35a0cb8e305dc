/**
 * A copy of the archive that grows with it: the ledger as it stands at one moment, then the large bodies that it names and that an earlier
 * backup did not bring.
 *
 * The hard thing is the order, because an import goes on meanwhile and this may be killed at any instruction. The ledger first: a body is
 * on the disk before a row names it, so whatever the copy names can be fetched afterwards. And the copy takes the place of the earlier
 * one only when it is whole and proven: until then the earlier one stands, and the bodies that came in addition do it no harm.
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fault, isFault } from '../../fault/fault.ts';
import { copyDatabase } from '../../runtime/sqlite-copy.ts';
import type { Heads, Progress, VerifyFinding } from '../archive.ts';
import { encoding, storedBytes, syncFolder } from './bodies.ts';
import { archiveFault } from './errors.ts';
import { bodyFile, type Layout } from './layout.ts';
import { SqliteReader } from './reader.ts';
import { hasCompletions } from './schema.ts';
import { verifyArchive } from './verify.ts';

export interface ArchiveBackup {
  readonly messages: number;
  readonly bytes: number;
  readonly heads: Heads;
  /** Files of large bodies that this backup brought. */
  readonly filesCopied: number;
  readonly bytesCopied: number;
  /** Everything was read again and held against its hashes. */
  readonly verified: boolean;
  /** What is wrong with the archive itself; then the earlier backup stands as it was. */
  readonly findings: readonly VerifyFinding[];
}

export interface BackupOptions {
  readonly verify: boolean;
  readonly onProgress?: ((step: 'ledger' | 'bodies' | 'verify', progress: Progress) => void) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Copies an archive that others may be writing to. Whoever calls holds the writer's lock of `to`.
 * @throws Fault archive.backup-ahead; archive.not-found, archive.damaged, archive.read-failed of the archive; archive.disk-full,
 * archive.write-failed of the copy; the signal's reason
 */
export async function backUpArchive(from: Layout, to: Layout, options: BackupOptions): Promise<ArchiveBackup> {
  const { signal, onProgress } = options;
  const fresh: Layout = { ...to, archive: `${to.archive}.new` };
  const source = new SqliteReader(from);
  try {
    checkNotAhead(source, to);
    const onPages = (progress: Progress): void => onProgress?.('ledger', progress);
    try {
      await copyDatabase(source.db, fresh.archive, { signal, onProgress: onPages });
    } catch (error) {
      throw archiveFault(error, { file: fresh.archive });
    }
  } finally {
    source.close();
  }
  await clearIncoming(fresh);
  const copied = await copyBodies(from, fresh, options);
  const proven = options.verify ? await proof(fresh, options) : undefined;
  signal.throwIfAborted();
  const copy = new SqliteReader(fresh);
  try {
    const { messages, bytes } = await copy.stats();
    const findings = proven ?? copied.findings;
    const result = { messages, bytes, heads: copy.heads(), filesCopied: copied.files, bytesCopied: copied.bytes, findings };
    copy.close();
    // What stands is worth more than a copy of something damaged.
    if (findings.length > 0 && existsSync(to.archive)) rmSync(fresh.archive, { force: true });
    else await takePlace(fresh, to);
    return { ...result, verified: options.verify };
  } finally {
    copy.close();
  }
}

/** The earlier backup has to be a beginning of what is backed up now: else one of two archives would be lost. @throws Fault archive.backup-ahead */
function checkNotAhead(source: SqliteReader, to: Layout): void {
  if (!existsSync(to.archive)) return;
  const earlier = new SqliteReader(to);
  try {
    const { ledger, completions } = earlier.heads();
    for (const [table, head] of Object.entries({ ledger, completion: completions })) {
      if (head.rows === 0) continue;
      const isThere = table === 'ledger' || hasCompletions(source.db);
      const row = isThere ? source.db.prepare(`select lower(hex(link)) as link from ${table} where row = ?`).get(head.rows) : undefined;
      if (row?.['link'] === head.link) continue;
      throw new Fault('archive.backup-ahead', {
        folder: to.folder,
        chain: table,
        row: head.rows,
        seen: String(row?.['link'] ?? 'no such row'),
      });
    }
  } finally {
    earlier.close();
  }
}

/** Bodies that an earlier backup was cut off at. */
async function clearIncoming({ incoming }: Layout): Promise<void> {
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
}

interface CopiedBodies {
  readonly files: number;
  readonly bytes: number;
  readonly findings: readonly VerifyFinding[];
}

async function copyBodies(from: Layout, to: Layout, { signal, onProgress }: BackupOptions): Promise<CopiedBodies> {
  const reader = new SqliteReader(to);
  const findings: VerifyFinding[] = [];
  /** Folders with new names in them. */
  const grown = new Set<string>();
  let files = 0;
  let bytes = 0;
  let done = 0;
  try {
    const large = `from message where encoding = ${encoding.file}`;
    const total = Number(reader.db.prepare(`select count(*) as n ${large}`).get()?.['n']);
    const rows = reader.db.prepare(`select lower(hex(sha256)) as sha256, bytes ${large} order by seq`);
    for (const row of rows.iterate()) {
      const [sha256, size] = [String(row['sha256']), Number(row['bytes'])];
      const target = bodyFile(to, sha256);
      if (statSync(target, { throwIfNoEntry: false })?.size !== size) {
        signal.throwIfAborted();
        const finding = await copyBody(from, to, sha256);
        if (finding === undefined) {
          grown.add(dirname(target));
          files += 1;
          bytes += size;
        } else findings.push(finding);
      }
      done += 1;
      onProgress?.('bodies', { done, total });
      if (done % 256 === 0) await nextTurn();
    }
  } finally {
    reader.close();
  }
  try {
    for (const folder of [...grown, to.bodies]) await syncFolder(folder);
  } catch (error) {
    throw archiveFault(error, { folder: to.bodies });
  }
  return { files, bytes, findings };
}

/** @returns what is wrong with it in the archive; then nothing is copied. @throws Fault of the copy */
async function copyBody(from: Layout, to: Layout, sha256: string): Promise<VerifyFinding | undefined> {
  const hash = createHash('sha256');
  const path = join(to.incoming, randomUUID());
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const piece of storedBytes(from, { encoding: encoding.file }, sha256)) {
        hash.update(piece);
        await file.appendFile(piece);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    const found = hash.digest('hex');
    if (found !== sha256) {
      await rm(path);
      return { code: 'archive.body-changed', seen: `message ${sha256}: its bytes have SHA-256 ${found}` };
    }
    const target = bodyFile(to, sha256);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await rename(path, target);
    return undefined;
  } catch (error) {
    await rm(path, { force: true });
    if (!isFault(error, 'archive.body-missing')) throw archiveFault(error, { file: path });
    return { code: 'archive.body-missing', seen: `message ${sha256}: ${error.evidence['error'] ?? 'its file is not there'}` };
  }
}

async function proof(where: Layout, { signal, onProgress }: BackupOptions): Promise<readonly VerifyFinding[]> {
  const report = await verifyArchive(where, { signal, onProgress: (progress) => onProgress?.('verify', progress) });
  return report.findings;
}

async function takePlace(fresh: Layout, to: Layout): Promise<void> {
  try {
    for (const suffix of ['-wal', '-shm', '-journal']) rmSync(`${to.archive}${suffix}`, { force: true });
    renameSync(fresh.archive, to.archive);
    await syncFolder(to.folder);
  } catch (error) {
    throw archiveFault(error, { file: to.archive });
  }
}

/**
 * The folder of a backup: a data folder like the one that it was made of, so that restoring is copying it back. Beside the archive it
 * holds what else of the data folder a restore needs, and a page that says what the backup is.
 *
 * The hard thing is to overwrite nothing that is no backup, and no backup that somebody works with: the folder has to be empty or say of
 * itself that it is one, and while it is written to it is locked like an archive, so no import can run on it and no second backup.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../fault/fault.ts';
import { copyDatabase } from '../../runtime/sqlite-copy.ts';
import { syncFolder, writeWhole } from '../../runtime/whole-file.ts';
import { type ArchiveBackup, type BackupOptions, backUpArchive } from './backup.ts';
import { archiveFault } from './errors.ts';
import { type Layout, layout } from './layout.ts';
import { takeWriterLock, type WriterLock } from './lock.ts';

/** Says what the folder is; written last. */
const page = 'backup.json';
/** Opens the secrets that are encrypted in the data folder. */
const keyFile = 'secrets.key';
/** A database whose first pages another process is making anew is waited for. */
const busyTimeoutMs = 10_000;

export interface BackupWish extends BackupOptions {
  readonly dataFolder: string;
  readonly target: string;
  /** The key of the encrypted secrets too. Whoever has the backup can then open them. */
  readonly withKey: boolean;
  readonly now: Date;
}

export interface Backup extends ArchiveBackup {
  /** Other databases and files, by their names in the data folder. */
  readonly others: readonly string[];
  /** Secrets are encrypted in the data folder, and their key was left out. */
  readonly keyLeftOut: boolean;
}

/**
 * Backs the data folder up, beside whoever writes to it.
 * @throws Fault archive.backup-target, archive.backup-ahead, archive.in-use (of the target); those of {@link backUpArchive}
 */
export async function backUpDataFolder(wish: BackupWish): Promise<Backup> {
  const { dataFolder } = wish;
  const target = usable(wish);
  const to = layout(target);
  try {
    mkdirSync(to.bodies, { recursive: true, mode: 0o700 });
    for (const folder of [to.folder, target, dirname(target)]) syncFolder(folder);
  } catch (error) {
    throw archiveFault(error, { folder: target });
  }
  const lock = lockOf(to);
  try {
    const archive = await backUpArchive(layout(dataFolder), to, wish);
    if (archive.findings.length > 0) return { ...archive, others: [], keyLeftOut: false };
    const others = await copyOthers(dataFolder, target, wish);
    const { messages, bytes, heads, verified } = archive;
    const at = wish.now.toISOString();
    writeWhole(
      join(target, page),
      `${JSON.stringify({ format: 1, of: 'postern', at, messages, bytes, ...heads, verified, others }, null, 2)}\n`,
    );
    return { ...archive, others, keyLeftOut: !wish.withKey && existsSync(join(dataFolder, keyFile)) };
  } catch (error) {
    throw archiveFault(error, { folder: target });
  } finally {
    lock.release();
  }
}

/** @throws Fault archive.in-use, archive.write-failed, archive.disk-full */
function lockOf(to: Layout): WriterLock {
  try {
    return takeWriterLock(to);
  } catch (error) {
    throw archiveFault(error, { folder: to.folder });
  }
}

/** @returns the real path of the target. @throws Fault archive.backup-target */
function usable({ dataFolder, target }: BackupWish): string {
  const refused = (seen: string): Fault => new Fault('archive.backup-target', { folder: target, seen });
  const path = realPath(target);
  const data = realPath(dataFolder);
  if (isWithin(path, data)) throw refused('it is the data folder, or lies in it');
  if (isWithin(data, path)) throw refused('the data folder lies in it');
  try {
    const entries = existsSync(path) ? readdirSync(path) : [];
    // One that was cut off before its page was written holds an archive folder and nothing else of ours.
    const isBackup = entries.includes(page) ? saysBackup(join(path, page)) : entries.every((name) => name === 'archive');
    if (entries.length > 0 && !isBackup) throw refused(`it holds ${entries.slice(0, 3).join(', ')} and no ${page} of ours`);
    const isBegun = !entries.includes(page) && existsSync(layout(path).archive) && existsSync(layout(path).index);
    if (isBegun) throw refused('it holds an archive with an index, as a data folder does and a backup does not');
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refused(error instanceof Error ? error.message : String(error));
  }
  return path;
}

function saysBackup(file: string): boolean {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof read === 'object' && read !== null && 'of' in read && read.of === 'postern';
  } catch {
    return false;
  }
}

/**
 * Folders of the data folder that are copied file by file: what the setup keeps, the sources made in the console, the proxy's clients and
 * its audit. Not its queue: mail that waits there would be sent once more after a restore.
 */
const folders: readonly { readonly name: string; readonly files: RegExp }[] = [
  { name: 'setup', files: /\.jsonl?$/ },
  { name: 'sources', files: /\.json$/ },
  { name: 'proxy', files: /\.json$/ },
  { name: 'proxy/audit', files: /\.jsonl$/ },
];
/** Which sources a person has stopped: they must not begin by themselves after a restore. */
const pausesFile = 'paused.json';
/**
 * What stands in a database for the moment only. A session that was ended since (somebody logged out, was shut out, has another password)
 * must not be good again because a backup of before is restored.
 */
const passing: Readonly<Record<string, string>> = { 'accounts.sqlite': 'delete from session' };

/** Databases first and the key last: a key that is made anew keeps the one before it, so it opens what was copied before. */
async function copyOthers(from: string, to: string, { withKey, signal }: BackupWish): Promise<readonly string[]> {
  const databases = readdirSync(from).filter((name) => /^[a-z-]+\.sqlite$/.test(name));
  for (const name of databases) {
    const source = new DatabaseSync(join(from, name), { timeout: busyTimeoutMs });
    try {
      source.exec('pragma query_only = on');
      await copyDatabase(source, join(to, `${name}.new`), { signal });
    } finally {
      source.close();
    }
    const without = passing[name];
    if (without !== undefined) change(join(to, `${name}.new`), without);
    for (const suffix of ['-wal', '-shm', '-journal']) rmSync(join(to, `${name}${suffix}`), { force: true });
    renameSync(join(to, `${name}.new`), join(to, name));
  }
  const notes = folders.flatMap((folder) => copyFolder(from, to, folder));
  const single = [pausesFile, ...(withKey ? [keyFile] : [])].filter((name) => copyWhole(join(from, name), join(to, name)));
  // Nobody is paused any more.
  if (!single.includes(pausesFile)) rmSync(join(to, pausesFile), { force: true });
  syncFolder(to);
  return [...databases, ...notes, ...single];
}

/** A copy that nobody else has open. */
function change(file: string, sql: string): void {
  const copy = new DatabaseSync(file);
  try {
    // In one file: what stands beside it is not taken along.
    copy.exec('pragma journal_mode = delete');
    copy.exec(sql);
  } finally {
    copy.close();
  }
}

/** What is gone since the earlier backup goes there too: a source that was deleted must not come back with a restore. */
function copyFolder(from: string, to: string, { name, files }: (typeof folders)[number]): readonly string[] {
  const [source, target] = [join(from, name), join(to, name)];
  const found = existsSync(source) ? readdirSync(source).filter((file) => files.test(file)) : [];
  if (found.length > 0) mkdirSync(target, { recursive: true, mode: 0o700 });
  // One may be deleted while this looks.
  const copied = found.filter((file) => copyWhole(join(source, file), join(target, file)));
  for (const file of existsSync(target) ? readdirSync(target) : []) {
    if (files.test(file) && !copied.includes(file)) rmSync(join(target, file), { force: true });
  }
  if (existsSync(target)) syncFolder(target);
  return copied.map((file) => `${name}/${file}`);
}

/** Whatever its size; durable before it takes its place. @returns false where it is not there */
function copyWhole(from: string, to: string): boolean {
  const draft = `${to}.new`;
  try {
    copyFileSync(from, draft);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
  const file = openSync(draft, 'r+');
  try {
    fchmodSync(file, 0o600);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, to);
  return true;
}

/** Of a path that need not be there yet. */
function realPath(path: string): string {
  const full = resolve(path);
  if (existsSync(full)) return realpathSync(full);
  const parent = dirname(full);
  return parent === full ? full : join(realPath(parent), basename(full));
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && resolve(folder, way) === path);
}

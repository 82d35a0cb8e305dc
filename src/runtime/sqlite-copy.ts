/**
 * Copies a SQLite database as it stands at one moment, while other processes write to it.
 *
 * The hard thing is that moment: SQLite's online backup begins anew whenever another connection has written in between, so beside a busy
 * writer it would never end. A view that is held open from before the first page to behind the last keeps it at one state; the writer
 * goes on beside it, and only its log grows until the view is given back.
 */
import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';

/** Pages in one go; in between, everybody else in this process has a turn. */
const pagesAtOnce = 512;

export interface CopyOptions {
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a copy to `target`, in place of a file that is there. The copy is one file, with no log beside it, and on the disk when this
 * resolves; its name in the folder is not made durable. What comes of a crash or a failure is no database to use.
 * @param source without an open transaction
 * @throws errors of SQLite and of the file system as they are; the signal's reason
 */
export async function copyDatabase(source: DatabaseSync, target: string, { onProgress, signal }: CopyOptions = {}): Promise<void> {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${target}${suffix}`, { force: true });
  // Made here, because SQLite would make it by the process's umask.
  closeSync(openSync(target, 'wx', 0o600));
  source.exec('begin');
  try {
    // The view begins with the first reading.
    source.prepare('select count(*) from sqlite_schema').get();
    await backup(source, target, {
      rate: pagesAtOnce,
      progress: ({ totalPages, remainingPages }) => {
        signal?.throwIfAborted();
        onProgress?.({ done: totalPages - remainingPages, total: totalPages });
      },
    });
  } finally {
    source.exec('rollback');
  }
  signal?.throwIfAborted();
  const copy = new DatabaseSync(target);
  try {
    // The mark of the log goes with this, so that the copy can be read where nothing may be written.
    copy.exec('pragma journal_mode = delete');
  } finally {
    copy.close();
  }
  const file = openSync(target, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

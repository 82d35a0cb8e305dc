/**
 * Writes a small file so that it is there whole, or as it was, also when the machine stops at any line of this. For its owner alone.
 *
 * The hard thing is that a rename is durable only once its folder is, and that two processes may write the same file: each has a draft
 * of its own, and the later one wins as a whole.
 */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes a file of mode 0600, in a folder that is made with 0700 where there is none. Throws what the system says. */
export function writeWhole(path: string, content: string): void {
  const draft = writeDraft(path, content);
  try {
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** The same, but never over a file that is there already. @returns whether it was written */
export function writeWholeOnce(path: string, content: string): boolean {
  const draft = writeDraft(path, content);
  try {
    linkSync(draft, path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  syncFolder(dirname(path));
  return true;
}

/** What a draft of a file is called; one that a crash left behind may be removed. */
export const draftName = /\.\d+\.new$/;

function writeDraft(path: string, content: string): string {
  const made = mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // A folder that is new is as durable as its own name.
  for (let folder = dirname(path); made !== undefined; folder = dirname(folder)) {
    syncFolder(dirname(folder));
    if (folder === made || folder === dirname(folder)) break;
  }
  const draft = `${path}.${process.pid}.new`;
  // A process of the same number may have left one behind, with other rights.
  rmSync(draft, { force: true });
  const file = openSync(draft, 'wx', 0o600);
  try {
    // Until all of it is written or refused: a disk that is nearly full takes the beginning of it without a word.
    writeFileSync(file, content);
    fsyncSync(file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return draft;
}

/** The name in the folder must be as durable as the content. Windows has no such thing for folders. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

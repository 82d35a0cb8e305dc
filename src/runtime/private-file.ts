/**
 * Makes a file for its owner alone, empty, where there is none yet; for databases that are opened by name afterwards.
 *
 * The hard thing is that a file's rights are set when it is made: SQLite would go by the process's umask, and its companions take them over.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** Of mode 0600, in a folder that is made with 0700 where there is none. One that is there is left as it is. Throws what the system says. */
export function makePrivateFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

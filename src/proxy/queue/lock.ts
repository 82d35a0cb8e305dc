/**
 * One process hands a queue on: two would send everything twice. The lock is an open transaction on a database beside the folder, which the
 * operating system gives back when the process ends, however it ends. `postern proxy queue` needs none: it writes notes, and sends nothing.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../fault/fault.ts';

export interface QueueLock {
  release(): void;
}

/** SQLite's own number for a lock that another one holds. */
const busy = 5;

/** @throws Fault queue.in-use while another process holds it, queue.unreadable */
export function lockQueue(folder: string): QueueLock {
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
    db = new DatabaseSync(`${folder}.lock`, { timeout: 0 });
    db.exec('pragma journal_mode = delete; begin exclusive');
  } catch (error) {
    db?.close();
    const number = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
    if (number === busy) throw new Fault('queue.in-use', { folder }, { cause: error });
    const seen = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Fault('queue.unreadable', { folder, seen }, { cause: error });
  }
  const held = db;
  return {
    release() {
      if (held.isOpen) held.close();
    },
  };
}

/**
 * One writer at a time, without a lock file that a crash leaves behind: the lock is an open exclusive transaction on a database of its
 * own, which the operating system gives back when the process ends, however it ends.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../fault/fault.ts';
import { saysBusy } from './errors.ts';
import type { Layout } from './layout.ts';
import { makeFile } from './schema.ts';

export interface WriterLock {
  release(): void;
}

/** @throws Fault archive.in-use while another process holds it */
export function takeWriterLock(where: Layout): WriterLock {
  makeFile(where.lock);
  const db = new DatabaseSync(where.lock, { timeout: 0 });
  try {
    db.exec('pragma journal_mode = delete; begin exclusive');
  } catch (error) {
    db.close();
    if (!saysBusy(error)) throw error;
    throw new Fault('archive.in-use', { folder: where.folder, ...lastWriter(where) }, { cause: error });
  }
  writeFileSync(where.writer, JSON.stringify({ pid: process.pid }), { mode: 0o600 });
  return {
    release() {
      if (db.isOpen) db.close(); // and with it the transaction
    },
  };
}

function lastWriter(where: Layout): { readonly pid?: number } {
  try {
    const written: unknown = JSON.parse(readFileSync(where.writer, 'utf8'));
    return typeof written === 'object' && written !== null && 'pid' in written && typeof written.pid === 'number'
      ? { pid: written.pid }
      : {};
  } catch {
    return {}; // it only adorns the message
  }
}

/** Messages that a person wants asked for again: taken up when a pass begins, answered when what came is durable. */
import type { Journal } from '../journal/journal.ts';
import type { FolderImport } from './folder.ts';

/** Absent where nobody keeps a journal. */
type Retries = Pick<Journal, 'pendingRetries' | 'endRetry'> | undefined;

export async function takeUpRetries(source: string, retries: Retries, imports: ReadonlyMap<string, FolderImport>): Promise<void> {
  if (retries === undefined) return;
  for (const { folder, uidValidity, uid } of await retries.pendingRetries(source)) imports.get(folder)?.askAgain(uidValidity, uid);
}

/** Those of which nothing can be said yet, because their folder could not be brought in, stay as they are. */
export async function answerRetries(source: string, retries: Retries, imports: ReadonlyMap<string, FolderImport>): Promise<void> {
  if (retries === undefined || ![...imports.values()].some((work) => work.wasAskedAgain)) return;
  for (const { id, folder, uidValidity, uid } of await retries.pendingRetries(source)) {
    const outcome = imports.get(folder)?.answer(uidValidity, uid);
    if (outcome !== undefined) await retries.endRetry(id, outcome);
  }
}

/**
 * Makes names in a folder durable, for many at once.
 *
 * The hard thing is what a sync stands for: only for names that were there when it began. So whoever asks while one is under way shares the
 * next one with all others who ask meanwhile, and nobody is told by one that may have begun too early.
 */
import { open } from 'node:fs/promises';

export class FolderSync {
  readonly #act: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param act one sync of the folder */
  constructor(act: () => Promise<void>) {
    this.#act = act;
  }

  /** Resolves when all names that are there now are durable. Throws what the system says. */
  sync(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#act().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.sync();
      });
    return this.#next;
  }
}

/** Windows has no such thing for folders. Throws what the system says. */
export async function syncFolderAside(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

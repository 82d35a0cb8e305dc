/** Where the parts of an archive lie below the data folder. docs/archive-format.md describes them for other programs. */
import { join } from 'node:path';

export interface Layout {
  readonly folder: string;
  /** Ledger, cursors, small bodies: the evidence. */
  readonly archive: string;
  /** Records and full text: derived, can be thrown away. */
  readonly index: string;
  /** Its open exclusive transaction is the writer's lock, which the operating system gives back when the process ends. */
  readonly lock: string;
  /** Process id of the last writer, for the message of Fault archive.in-use only. */
  readonly writer: string;
  readonly bodies: string;
  /** Large bodies on their way in; emptied by each writer at its start. */
  readonly incoming: string;
}

export function layout(dataFolder: string): Layout {
  const folder = join(dataFolder, 'archive');
  return {
    folder,
    archive: join(folder, 'archive.sqlite'),
    index: join(folder, 'index.sqlite'),
    lock: join(folder, 'lock.sqlite'),
    writer: join(folder, 'writer.json'),
    bodies: join(folder, 'bodies'),
    incoming: join(folder, 'bodies', 'incoming'),
  };
}

/** The file of a large body: two hex digits as a folder keep each below some thousand entries. */
export function bodyFile(where: Layout, sha256: string): string {
  return join(where.bodies, sha256.slice(0, 2), sha256);
}

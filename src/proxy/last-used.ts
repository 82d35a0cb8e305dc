/**
 * When each client last logged in, and from where: `proxy/last-used.json`, apart from the rights, so that a running proxy never writes the
 * file that decides who may come in. Written now and then; the last minute may be lost.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

export interface LastUse {
  readonly atMs: number;
  readonly address: string;
}

const fileSchema = z.record(z.string(), z.object({ at: z.iso.datetime(), address: z.string() }));
const writeEveryMs = 30_000;

function pathOf(dataFolder: string): string {
  return join(dataFolder, 'proxy', 'last-used.json');
}

/** Empty where there is none, or none that can be read: it only adorns a list. */
export function readLastUses(dataFolder: string): ReadonlyMap<string, LastUse> {
  try {
    const rows = fileSchema.parse(JSON.parse(readFileSync(pathOf(dataFolder), 'utf8')));
    return new Map(Object.entries(rows).map(([client, { at, address }]) => [client, { atMs: Date.parse(at), address }]));
  } catch {
    return new Map();
  }
}

export class LastUses {
  readonly #dataFolder: string;
  readonly #uses: Map<string, LastUse>;
  #timer: NodeJS.Timeout | undefined;

  constructor(dataFolder: string) {
    this.#dataFolder = dataFolder;
    this.#uses = new Map(readLastUses(dataFolder));
  }

  get(client: string): LastUse | undefined {
    return this.#uses.get(client);
  }

  note(client: string, use: LastUse): void {
    this.#uses.set(client, use);
    this.#timer ??= setTimeout(() => this.#write(), writeEveryMs).unref();
  }

  close(): void {
    if (this.#timer !== undefined) this.#write();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const file = pathOf(this.#dataFolder);
    const rows = Object.fromEntries(
      [...this.#uses].map(([client, { atMs, address }]) => [client, { at: new Date(atMs).toISOString(), address }]),
    );
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(`${file}.new`, `${JSON.stringify(rows, null, 2)}\n`, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    } catch {
      // Nothing hangs on it; what does hang on the disk (the audit) says so itself.
    }
  }
}

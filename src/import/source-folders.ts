/**
 * The folders of a source as the server has them now, where patterns choose them.
 *
 * The hard thing is the renamed folder. To IMAP it is one folder gone and another come, so all of it is brought in again, and becomes
 * duplicates by its content; a person who sees thousands of duplicates must be told why.
 */
import type { Archive } from '../archive/archive.ts';
import type { FolderChoice } from '../config/config.ts';
import { Fault } from '../fault/fault.ts';
import type { FolderImport } from './folder.ts';
import { chosenFolders, namesOf, patternText } from './folders.ts';
import type { ListedFolder, Mailbox } from './mailbox.ts';
import type { PausePorts } from './patience.ts';

/** A new folder is found no later than this; the list costs one round trip. */
const listEveryMs = 5 * 60_000;
/** Names in the evidence at most. */
const namedFolders = 30;

/** What is to be known of a source here. */
export interface FolderSource {
  readonly name: string;
  readonly folders: FolderChoice;
  /** A folder that no pattern finds. */
  readonly leaveOut?: string | undefined;
}

/** A folder with rows in the ledger that the server does not list any more. */
interface Gone {
  readonly folder: string;
  readonly uidValidity: number;
}

export class SourceFolders {
  readonly #source: FolderSource;
  readonly #ports: PausePorts & { readonly archive: Archive };
  #names: readonly string[] | undefined;
  #unmatched = new Map<string, Fault>();
  #listedAtMs = Number.NEGATIVE_INFINITY;
  /** Since the last list: folders without a row in the ledger, and those that are gone. */
  #fresh: readonly string[] = [];
  #gone: readonly Gone[] = [];

  constructor(source: FolderSource, ports: PausePorts & { readonly archive: Archive }) {
    this.#source = source;
    this.#ports = ports;
    this.#names = namesOf(source.folders);
  }

  /** As known by now; empty before the server was asked where it has to be. */
  get names(): readonly string[] {
    return this.#names ?? [];
  }

  get areKnown(): boolean {
    return this.#names !== undefined;
  }

  /** Patterns that found nothing, each with its fault. */
  get unmatched(): ReadonlyMap<string, Fault> {
    return this.#unmatched;
  }

  /** The folders now; asks the server where that is needed and was not done a moment ago. @throws Fault */
  async resolve(mailbox: Mailbox): Promise<readonly string[]> {
    const { folders: choice, leaveOut, name: source } = this.#source;
    const exact = namesOf(choice);
    const nowMs = this.#ports.clock.monotonic();
    if (exact !== undefined) return exact;
    if (this.#names !== undefined && nowMs - this.#listedAtMs < listEveryMs) return this.#names;
    const listed = await mailbox.folders();
    this.#listedAtMs = nowMs;
    const { folders, unmatched } = chosenFolders(choice, listed, leaveOut);
    const names = listed.map(({ name }) => name);
    const evidence = { source, listed: names.slice(0, namedFolders).join(', ') };
    this.#unmatched = new Map(
      unmatched.map((pattern) => {
        const text = patternText(pattern);
        return [text, new Fault('import.pattern-unmatched', { ...evidence, pattern: text })];
      }),
    );
    const before = this.#names ?? [];
    if (folders.some((name) => !before.includes(name))) await this.#compare(folders, listed);
    this.#names = folders;
    return folders;
  }

  /** Tells of a folder that has come under another name. Once; call it when the pass is durable. */
  tellRenamed(imports: ReadonlyMap<string, FolderImport>): void {
    for (const now of this.#fresh) {
      const work = imports.get(now);
      const messages = work?.settled.duplicate ?? 0;
      const alike = this.#gone.filter(({ uidValidity }) => uidValidity === work?.era?.uidValidity);
      const [before] = alike.length === 1 ? alike : this.#gone;
      if (messages === 0 || before === undefined || (alike.length !== 1 && this.#gone.length !== 1)) continue;
      this.#gone = this.#gone.filter((one) => one !== before);
      this.#ports.report({ kind: 'folder-renamed', source: this.#source.name, before: before.folder, now, messages });
    }
    this.#fresh = this.#fresh.filter((name) => imports.get(name)?.era === undefined);
  }

  /** Holds the list against the ledger. */
  async #compare(folders: readonly string[], listed: readonly ListedFolder[]): Promise<void> {
    const { sources } = await this.#ports.archive.stats();
    const known = sources.filter(({ source }) => source === this.#source.name);
    this.#fresh = folders.filter((name) => !known.some(({ folder }) => folder === name));
    this.#gone = known.filter(({ folder }) => !listed.some(({ name }) => name === folder));
  }
}

/**
 * The port of the running import service, for the routes: its sources, how they are, and what may be done with them.
 * `import-engine.ts` makes it; tests of routes run the real one against the sandbox.
 */
import type { SourceConfig } from '../config/config.ts';
import type { Fault } from '../fault/fault.ts';
import type { ImportSource } from '../import/source.ts';
import type { SourceCard } from './api/source.ts';

export interface EngineSource {
  readonly config: SourceConfig;
  readonly origin: 'file' | 'console';
  readonly paused: boolean;
}

export interface Engine {
  /** Those of the file first, then by name. */
  sources(): readonly EngineSource[];
  source(name: string): EngineSource | undefined;
  /** What the archive holds, each message once, as of now; undefined before it was counted. */
  readonly total: { readonly messages: number; readonly bytes: number } | undefined;
  cards(): Promise<readonly SourceCard[]>;
  card(name: string): Promise<SourceCard | undefined>;
  /** How the import looks at it, for a comparison beside it; undefined where there is none of this name. */
  importSource(name: string): ImportSource | undefined;
  /**
   * Why a source cannot be put; undefined where nothing is against it. To be asked before its definition is kept.
   * A name under which another mailbox came in before: the ledger knows messages by source, folder and number, so that mailbox's numbers
   * would be taken for this one's.
   */
  objection(config: SourceConfig): Promise<Fault | undefined>;
  /**
   * Begins a source made in the console, or goes on with it under another definition: the old one has ended before the new one begins.
   * Resolves when it has begun, not when it has looked.
   * @throws Fault import.other-mailbox
   */
  put(config: SourceConfig): Promise<void>;
  /** Ends it; what came stays in the archive. Resolves when what was taken over is durable. Nothing happens where there is none. */
  remove(name: string): Promise<void>;
  /** Looks at once. @returns false where it is paused, looks already, or is not there */
  runNow(name: string): boolean;
  /** Ends its pass and keeps it from beginning another, also after a restart. @param by who wanted it */
  pause(name: string, by: string): Promise<void>;
  resume(name: string, by: string): Promise<void>;
}

/**
 * The port of the running import service, for the routes: its sources, how they are, and what may be done with them.
 * `import-engine.ts` makes it; tests of routes run the real one against the sandbox.
 */
import type { SourceConfig } from '../config/config.ts';
import type { SourceCard } from './api/source.ts';

export interface EngineSource {
  readonly config: SourceConfig;
  readonly origin: 'file' | 'console';
  readonly paused: boolean;
}

export interface Engine {
  /** Those of the file first, then by name. */
  sources(): readonly EngineSource[];
  cards(): Promise<readonly SourceCard[]>;
  card(name: string): Promise<SourceCard | undefined>;
  /** Begins a source, or goes on with it under another definition: the old one has ended before the new one begins. */
  put(config: SourceConfig): Promise<void>;
  /** Ends it; what came stays in the archive. */
  remove(name: string): Promise<void>;
  /** Looks at once. @returns false where it is paused or looks already */
  runNow(name: string): boolean;
  pause(name: string): Promise<void>;
  resume(name: string): void;
}

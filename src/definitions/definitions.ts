/**
 * The port of the definitions: sources that were made in the console, with their secrets encrypted, and which sources are paused. Other
 * rooms know this file and no other of the folder.
 *
 * The hard thing is that a secret goes in and never comes out as text: whoever reads a definition gets references that resolve to a
 * `Secret`, exactly as for the configuration file.
 */
import type { SourceConfig } from '../config/config.ts';
import type { Secret } from '../runtime/secret.ts';

/** A source as it is kept: what `sources:` and `tenants:` of the configuration file would hold, secrets left out. */
export interface Definition {
  readonly name: string;
  /** Raw value of `sources.NAME`; its `tenant` is left out where `app` stands in its place. */
  readonly source: Readonly<Record<string, unknown>>;
  /** Raw value of a tenant of its own (`tenants.NAME` without its credential's values). */
  readonly app: Readonly<Record<string, unknown>> | undefined;
  /** Names of the secrets that are kept for it: `secret`, `key`, `password`. */
  readonly secrets: readonly string[];
  readonly changedAt: Date;
  readonly changedBy: string;
}

export interface Definitions {
  list(): Promise<readonly Definition[]>;
  get(name: string): Promise<Definition | undefined>;
  /** Keeps it, whole or not at all. A secret that is not given stays as it was. */
  put(definition: Omit<Definition, 'secrets' | 'changedAt'>, secrets: Readonly<Record<string, Secret>>): Promise<void>;
  remove(name: string): Promise<boolean>;
  /** The definition read as the configuration would be. @throws Fault config.invalid with every problem */
  read(definition: Definition, drafted?: Readonly<Record<string, Secret>>): Promise<SourceConfig>;
  paused(): Promise<ReadonlySet<string>>;
  setPaused(name: string, paused: boolean, by: string): Promise<void>;
  close(): Promise<void>;
}

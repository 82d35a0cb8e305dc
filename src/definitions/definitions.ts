/**
 * The port of the definitions: sources that were made in the console, with their secrets encrypted, and which sources are paused. Other
 * rooms know this file and no other of the folder.
 *
 * The hard thing is that a secret goes in and never comes out as text: whoever reads a definition gets references that resolve to a
 * `Secret`, exactly as for the configuration file.
 */
import type { SourceConfig } from '../config/config.ts';
import type { OneReading } from '../config/one-source.ts';
import type { Fault } from '../fault/fault.ts';
import type { Secret } from '../runtime/secret.ts';

/** What may be kept for a source: the value of a client secret, the private key of a certificate, a password. */
export const secretNames = ['secret', 'key', 'password'] as const;
export type SecretName = (typeof secretNames)[number];

/** What a source is made of, as the configuration file would say it. References to secrets that are kept here stand in it as placeholders. */
export interface DefinitionText {
  readonly name: string;
  /** Raw value of `sources.NAME`; without `tenant` where `app` stands in its place. */
  readonly source: Readonly<Record<string, unknown>>;
  /** Raw value of a tenant of its own. */
  readonly app: Readonly<Record<string, unknown>> | undefined;
  /** PEM texts of certificates (no keys) by the path that `source` and `app` give them. */
  readonly files: Readonly<Record<string, string>>;
  /** Which secrets are kept for it; they win over what the text refers to. */
  readonly secrets: readonly SecretName[];
}

export interface Definition extends DefinitionText {
  /** Another one after each change, and the same while nobody changes it: also where its secrets are only sealed anew. */
  readonly revision: string;
  readonly changedAt: Date;
  readonly changedBy: string;
}

export type DraftedSecrets = Readonly<Partial<Record<SecretName, Secret>>>;

/** `keep`: it must go together with all other sources. `try`: nothing is imported by it, so what others import does not matter. */
export type ReadingPurpose = 'keep' | 'try';

/** A definition as it was found: to be run, or what is wrong with it. */
export type FoundDefinition =
  | { readonly name: string; readonly config: SourceConfig }
  /** Damaged, shadowed by a source of the file, or no longer fitting to it. It stays as it is. */
  | { readonly name: string; readonly fault: Fault };

/** Every method: @throws Fault definitions.unreadable, definitions.unwritable. */
export interface Definitions {
  /** Those that can be read, by name. */
  list(): Promise<readonly Definition[]>;
  /** Everything that is kept, by name, for the start of the service. One that is wrong keeps no other from running. */
  findAll(): Promise<readonly FoundDefinition[]>;
  /** @throws Fault definitions.damaged */
  get(name: string): Promise<Definition | undefined>;
  /**
   * Keeps it, whole or not at all. Of `secrets`, those that are not given stay as they were; what it does not name is forgotten.
   * @throws Fault definitions.of-file, definitions.name-taken, definitions.secret-wanted, definitions.key-wrong, definitions.key-unusable
   */
  put(definition: DefinitionText, given: DraftedSecrets, by: string): Promise<Definition>;
  remove(name: string): Promise<boolean>;
  /** Reads it as the configuration would be; the problems as values, their keys as in the file (`sources.NAME.every`). */
  judge(definition: DefinitionText, drafted?: DraftedSecrets, purpose?: ReadingPurpose): Promise<OneReading>;
  /** Like {@link judge}. @throws Fault config.invalid, config.file-unusable with every problem; definitions.shadowed */
  read(definition: DefinitionText, drafted?: DraftedSecrets, purpose?: ReadingPurpose): Promise<SourceConfig>;
  /** Which of the secrets kept under this name still go to whom they were given for, if it is defined like this. The others are wanted anew. */
  carries(definition: Omit<DefinitionText, 'secrets'>): Promise<readonly SecretName[]>;
  paused(): Promise<ReadonlySet<string>>;
  setPaused(name: string, paused: boolean, by: string): Promise<void>;
  close(): Promise<void>;
}

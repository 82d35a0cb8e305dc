/**
 * The definitions as files: one for each source, replaced whole, in a folder for their owner alone.
 *
 * The hard thing is that nothing here may ever lose a secret or send it elsewhere: a key that is not there, a seal that does not open and a
 * file that is damaged are told, each as what it is, and left as they were; and a secret goes on to a changed definition only by being
 * opened and sealed again for it.
 */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config, SourceConfig } from '../config/config.ts';
import { configFault } from '../config/load.ts';
import { type OneReading, ownTenantName, readOneSource } from '../config/one-source.ts';
import type { SecretReference } from '../config/secret-reference.ts';
import { Fault, isFault } from '../fault/fault.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Secret } from '../runtime/secret.ts';
import { draftName, syncFolder, writeWhole } from '../runtime/whole-file.ts';
import { sameAddressee } from './addressee.ts';
import { boundTo, decodeDefinition, encodeDefinition, revisionOf, type SealedSecrets, type StoredDefinition } from './definition-file.ts';
import {
  type Definition,
  type Definitions,
  type DefinitionText,
  type DraftedSecrets,
  type FoundDefinition,
  type ReadingPurpose,
  type SecretName,
  secretNames,
} from './definitions.ts';
import type { KeyRing } from './key-ring.ts';
import { Pauses } from './pauses.ts';
import { type Sealed, seal, unseal } from './seal.ts';
import { errnoOf, unreadable, unwritable } from './system-refusal.ts';

export interface DefinitionsPorts {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Names of sources; none leads out of a folder. */
const fileable = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** In the text of a definition, where each secret is referred to. */
function secretPath(name: string, secret: SecretName): string {
  const tenant = `tenants.${ownTenantName(name)}.credential`;
  return { secret: `${tenant}.secret`, key: `${tenant}.certificate.key`, password: `sources.${name}.auth.password` }[secret];
}

export class FileDefinitions implements Definitions {
  readonly #config: Config;
  readonly #keys: KeyRing;
  readonly #ports: DefinitionsPorts;
  readonly #folder: string;
  readonly #pauses: Pauses;
  /** What was read last, so that a form that is typed in with hundreds of sources around it does not read them all at each letter. */
  readonly #read = new Map<string, { readonly version: string; readonly stored: StoredDefinition }>();
  /** Each as it is read without regard to the others, with the tenants that the file had then. */
  #meant = new WeakMap<StoredDefinition, Promise<OneReading>>();
  #meantWith: Config['tenants'] | undefined;
  /** One change after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(config: Config, keys: KeyRing, ports: DefinitionsPorts) {
    this.#config = config;
    this.#keys = keys;
    this.#ports = ports;
    this.#folder = join(config.dataFolder, 'sources');
    this.#pauses = new Pauses(join(config.dataFolder, 'paused.json'));
    this.#removeDrafts();
  }

  async list(): Promise<readonly Definition[]> {
    return this.#stored().flatMap((one) => ('fault' in one ? [] : [definitionOf(one)]));
  }

  async findAll(): Promise<readonly FoundDefinition[]> {
    const found: FoundDefinition[] = [];
    const sources = [...this.#config.sources];
    for (const one of this.#stored()) {
      if ('fault' in one) {
        found.push(one);
        continue;
      }
      const { name } = one.text;
      try {
        await this.#openAll(one);
        const config = this.#readOrThrow(name, await this.#reading(definitionOf(one), {}, sources));
        sources.push(config);
        found.push({ name, config });
      } catch (error) {
        if (!isFault(error)) throw error;
        found.push({ name, fault: error });
      }
    }
    return found;
  }

  async get(name: string): Promise<Definition | undefined> {
    const stored = this.#load(name);
    return stored && definitionOf(stored);
  }

  put(definition: DefinitionText, given: DraftedSecrets, by: string): Promise<Definition> {
    return this.#inTurn(async () => {
      const { name, source, app, files } = definition;
      // Whoever judged it has told the person; here it would be a path.
      if (!fileable.test(name)) throw new Error(`no name of a source: ${JSON.stringify(name)}`);
      if (this.#isOfFile(name)) throw new Fault('definitions.of-file', { source: name, file: this.#config.file });
      const twin = this.#names().find((other) => other !== name && other.toLowerCase() === name.toLowerCase());
      if (twin !== undefined) throw new Fault('definitions.name-taken', { name, taken: twin });
      const text = { name, source, app, files };
      const before = this.#loadIfSound(name);
      const sealed: Partial<Record<SecretName, Sealed>> = {};
      for (const secret of definition.secrets) {
        const value = given[secret] ?? (await this.#carried(before, text, secret));
        sealed[secret] = seal(value, await this.#keys.sealing(), boundTo(text, secret));
      }
      // Later than the one before it, also where the clock was put back: the revision stands on it.
      const changedAt = new Date(Math.max(this.#ports.clock.now(), (before?.changedAt.getTime() ?? 0) + 1));
      const stored = { text, sealed, changedAt, changedBy: by };
      this.#write(stored);
      return definitionOf(stored);
    });
  }

  remove(name: string): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#isOfFile(name) && !this.#names().includes(name))
        throw new Fault('definitions.of-file', { source: name, file: this.#config.file });
      if (!this.#names().includes(name)) return false;
      const file = this.#fileOf(name);
      try {
        rmSync(file);
        syncFolder(this.#folder);
      } catch (error) {
        throw unwritable(file, error);
      }
      this.#pauses.set(name, false);
      return true;
    });
  }

  async judge(definition: DefinitionText, drafted: DraftedSecrets = {}, purpose: ReadingPurpose = 'keep'): Promise<OneReading> {
    const beside = purpose === 'try' ? [] : [...this.#config.sources, ...(await this.#others(definition.name))];
    return await this.#reading(definition, drafted, beside);
  }

  async read(definition: DefinitionText, drafted: DraftedSecrets = {}, purpose: ReadingPurpose = 'keep'): Promise<SourceConfig> {
    return this.#readOrThrow(definition.name, await this.judge(definition, drafted, purpose));
  }

  async carries(definition: Omit<DefinitionText, 'secrets'>): Promise<readonly SecretName[]> {
    const stored = this.#loadIfSound(definition.name);
    if (stored === undefined) return [];
    return namesOf(stored.sealed).filter((secret) => sameAddressee(secret, stored.text, definition));
  }

  async paused(): Promise<ReadonlySet<string>> {
    return this.#pauses.read();
  }

  setPaused(name: string, paused: boolean, by: string): Promise<void> {
    return this.#inTurn(async () => this.#pauses.set(name, paused, { by, at: new Date(this.#ports.clock.now()) }));
  }

  async close(): Promise<void> {
    await this.#last;
  }

  /** Seals everything with the first key. @returns how many sources had another one */
  resealAll(): Promise<number> {
    return this.#inTurn(async () => {
      let changed = 0;
      for (const name of this.#names()) if (await this.#resealed(name)) changed += 1;
      return changed;
    });
  }

  /** A service beside us may change or delete it meanwhile: what is written is of what stands there still. */
  async #resealed(name: string): Promise<boolean> {
    for (;;) {
      const one = this.#load(name);
      const key = await this.#keys.sealing();
      if (one === undefined || Object.values(one.sealed).every((box) => box.key === key.id)) return false;
      const sealed: Partial<Record<SecretName, Sealed>> = {};
      for (const secret of secretNames) {
        if (one.sealed[secret] !== undefined) sealed[secret] = seal(await this.#opened(one, secret), key, boundTo(one.text, secret));
      }
      if (this.#load(name) !== one) continue;
      this.#write({ ...one, sealed });
      return true;
    }
  }

  #isOfFile(name: string): boolean {
    return this.#config.sources.some((source) => source.name === name);
  }

  #readOrThrow(name: string, { source, problems }: OneReading): SourceConfig {
    if (this.#isOfFile(name)) throw new Fault('definitions.shadowed', { source: name, file: this.#config.file });
    if (source === undefined) throw configFault(this.#fileOf(name), problems);
    return source;
  }

  #reading(definition: DefinitionText, drafted: DraftedSecrets, sources: readonly SourceConfig[]): Promise<OneReading> {
    const { name, source, app, files } = definition;
    const secrets = new Map<string, SecretReference>();
    for (const secret of definition.secrets) secrets.set(secretPath(name, secret), this.#reference(definition, secret, drafted[secret]));
    return readOneSource(
      {
        name,
        source: app === undefined ? source : { tenant: ownTenantName(name), ...source },
        tenant: app === undefined ? undefined : { name: ownTenantName(name), value: app },
        kept: { secrets, files: new Map(Object.entries(files)) },
      },
      { folder: dirname(this.#config.file), env: this.#ports.env, tenants: this.#config.tenants, sources },
    );
  }

  /** The other sources of the console, as far as they can be read. */
  async #others(name: string): Promise<readonly SourceConfig[]> {
    if (this.#meantWith !== this.#config.tenants) this.#meant = new WeakMap();
    this.#meantWith = this.#config.tenants;
    const others = this.#stored().filter((one) => !('fault' in one) && one.text.name !== name && !this.#isOfFile(one.text.name));
    const readings = await Promise.all(
      others.flatMap((one) => {
        if ('fault' in one) return [];
        const reading = this.#meant.get(one) ?? this.#reading(definitionOf(one), {}, []);
        this.#meant.set(one, reading);
        return [reading];
      }),
    );
    return readings.flatMap(({ source }) => source ?? []);
  }

  #reference(definition: DefinitionText, secret: SecretName, drafted: Secret | undefined): SecretReference {
    const { name } = definition;
    const described = { secret: 'client secret', key: 'private key', password: 'password' }[secret];
    return {
      kind: 'kept',
      describe: drafted === undefined ? `${described} kept for ${name}` : `${described} as typed`,
      // What is kept now, so that a secret that was changed beside us is seen.
      resolve: async () => drafted ?? (await this.#carried(this.#load(name), definition, secret)),
    };
  }

  /** The kept secret, where it still goes to whom it was given for. @throws Fault as {@link #opened} */
  async #carried(stored: StoredDefinition | undefined, text: Omit<DefinitionText, 'secrets'>, secret: SecretName): Promise<Secret> {
    const opened = await this.#opened(stored, secret);
    if (stored !== undefined && sameAddressee(secret, stored.text, text)) return opened;
    throw new Fault('definitions.secret-wanted', { source: text.name, secret, because: 'it would go to another tenant, app or server' });
  }

  /** @throws Fault definitions.secret-wanted, definitions.key-wrong, definitions.key-unusable, definitions.damaged */
  async #opened(stored: StoredDefinition | undefined, secret: SecretName): Promise<Secret> {
    const box = stored?.sealed[secret];
    if (stored === undefined || box === undefined) throw new Fault('definitions.secret-wanted', { secret });
    const { name } = stored.text;
    const keys = await this.#keys.keys();
    const key = keys.find(({ id }) => id === box.key);
    if (key === undefined) {
      const here = keys.map(({ id }) => id).join(', ');
      throw new Fault('definitions.key-wrong', { source: name, sealedWith: box.key, here: here === '' ? 'none' : here });
    }
    const opened = unseal(box, key, boundTo(stored.text, secret));
    if (opened !== undefined) return opened;
    throw new Fault('definitions.damaged', { source: name, file: this.#fileOf(name), seen: `the seal of its ${secret} does not fit` });
  }

  async #openAll(stored: StoredDefinition): Promise<void> {
    for (const secret of secretNames) if (stored.sealed[secret] !== undefined) await this.#opened(stored, secret);
  }

  #fileOf(name: string): string {
    return join(this.#folder, `${name}.json`);
  }

  #names(): readonly string[] {
    try {
      const files = readdirSync(this.#folder).filter((file) => file.endsWith('.json'));
      return files.map((file) => file.slice(0, -'.json'.length)).sort();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw unreadable(this.#folder, error);
    }
  }

  #stored(): readonly (StoredDefinition | { readonly name: string; readonly fault: Fault })[] {
    return this.#names().flatMap((name): readonly (StoredDefinition | { readonly name: string; readonly fault: Fault })[] => {
      try {
        const stored = this.#load(name);
        return stored === undefined ? [] : [stored];
      } catch (error) {
        if (!isFault(error)) throw error;
        return [{ name, fault: error }];
      }
    });
  }

  #load(name: string): StoredDefinition | undefined {
    // A name of the API is never made into a path that leads elsewhere.
    if (!fileable.test(name)) return undefined;
    const file = this.#fileOf(name);
    let bytes: string;
    let version: string;
    try {
      const { ino, size, mtimeNs } = statSync(file, { bigint: true });
      version = `${ino} ${size} ${mtimeNs}`;
      const known = this.#read.get(name);
      if (known?.version === version) return known.stored;
      bytes = readFileSync(file, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw unreadable(file, error);
    }
    const stored = decodeDefinition(bytes, file, name);
    this.#read.set(name, { version, stored });
    return stored;
  }

  /** A damaged one is replaced by what a person types in its place, but nothing of it goes on. */
  #loadIfSound(name: string): StoredDefinition | undefined {
    try {
      return this.#load(name);
    } catch (error) {
      if (isFault(error, 'definitions.damaged')) return undefined;
      throw error;
    }
  }

  #write(stored: StoredDefinition): void {
    const file = this.#fileOf(stored.text.name);
    this.#read.delete(stored.text.name);
    try {
      writeWhole(file, encodeDefinition(stored));
    } catch (error) {
      throw unwritable(file, error);
    }
  }

  /** What a crash left behind. A draft of a process that lives is its own. */
  #removeDrafts(): void {
    let files: readonly string[] = [];
    try {
      files = readdirSync(this.#folder).filter((file) => draftName.test(file));
    } catch {
      return;
    }
    for (const file of files) {
      if (!isAlive(Number(/\.(\d+)\.new$/.exec(file)?.[1]))) rmSync(join(this.#folder, file), { force: true });
    }
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

function definitionOf(stored: StoredDefinition): Definition {
  const { text, sealed, changedAt, changedBy } = stored;
  return { ...text, secrets: namesOf(sealed), changedAt, changedBy, revision: revisionOf(stored) };
}

function namesOf(sealed: SealedSecrets): readonly SecretName[] {
  return secretNames.filter((name) => sealed[name] !== undefined);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

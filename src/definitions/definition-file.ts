/**
 * The file of one source: JSON with a checksum over all that it says, secrets sealed.
 *
 * The hard thing is to tell damage from age and from malice: a newer format says so, a changed byte shows in the checksum, and a checksum
 * that was made to fit does not open the seals, which are bound to it.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Fault } from '../fault/fault.ts';
import type { DefinitionText, SecretName } from './definitions.ts';
import type { Sealed } from './seal.ts';

const format = 'postern.source/1';

const record = z.record(z.string(), z.unknown());
const sealed = z.strictObject({ key: z.string(), box: z.string() });
const fileSchema = z.strictObject({
  schema: z.literal(format),
  name: z.string(),
  source: record,
  app: record.nullable(),
  files: z.record(z.string(), z.string()),
  secrets: z.strictObject({ secret: sealed.optional(), key: sealed.optional(), password: sealed.optional() }),
  changedAt: z.iso.datetime(),
  changedBy: z.string(),
  sha256: z.string(),
});

export type SealedSecrets = Readonly<Partial<Record<SecretName, Sealed>>>;

/** A definition with its secrets as they lie on the disk. */
export interface StoredDefinition {
  readonly text: Omit<DefinitionText, 'secrets'>;
  readonly sealed: SealedSecrets;
  readonly changedAt: Date;
  readonly changedBy: string;
}

export function encodeDefinition({ text, sealed: secrets, changedAt, changedBy }: StoredDefinition): string {
  const { name, source, app, files } = text;
  const content = { schema: format, name, source, app: app ?? null, files, secrets, changedAt: changedAt.toISOString(), changedBy };
  // As it is read again: what JSON does not know (undefined) must not count.
  const plain: unknown = JSON.parse(JSON.stringify(content));
  return `${JSON.stringify({ ...Object(plain), sha256: digest(plain) })}\n`;
}

/** @throws Fault definitions.damaged, definitions.newer-format */
export function decodeDefinition(bytes: string, file: string, name: string): StoredDefinition {
  const damaged = (seen: string): Fault => new Fault('definitions.damaged', { source: name, file, seen });
  let value: unknown;
  try {
    value = JSON.parse(bytes);
  } catch {
    throw damaged('no JSON');
  }
  const schema: unknown = Object(value)['schema'];
  if (typeof schema === 'string' && /^postern\.source\/\d+$/.test(schema) && schema !== format) {
    throw new Fault('definitions.newer-format', { source: name, file, seen: schema, known: format });
  }
  const read = fileSchema.safeParse(value);
  if (!read.success) throw damaged(`not what is written there: ${read.error.issues[0]?.path.join('.') ?? ''}`);
  const { sha256, ...content } = read.data;
  if (digest(content) !== sha256) throw damaged('its checksum is another one');
  if (content.name !== name) throw damaged(`it is of the source ${content.name}`);
  const { source, app, files, secrets, changedAt, changedBy } = content;
  const kept: Partial<Record<SecretName, Sealed>> = {};
  for (const [key, box] of Object.entries(secrets)) if (box !== undefined) Object.assign(kept, { [key]: box });
  return { text: { name, source, app: app ?? undefined, files }, sealed: kept, changedAt: new Date(changedAt), changedBy };
}

/** What a seal is bound to: this secret of this source as it is defined now. */
export function boundTo({ name, source, app, files }: Omit<DefinitionText, 'secrets'>, secret: SecretName): string {
  const plain: unknown = JSON.parse(JSON.stringify({ source, app: app ?? null, files }));
  return [format, name, secret, digest(plain)].join('\0');
}

/**
 * Tells one change from the next. Of what a person sees and of when it was changed, which no two changes have in common (file-definitions.ts
 * sees to that): a new secret alone is a change, and a seal with another key is none.
 */
export function revisionOf({ text, sealed, changedAt, changedBy }: StoredDefinition): string {
  const { name, source, app, files } = text;
  const content = {
    name,
    source,
    app: app ?? null,
    files,
    secrets: Object.keys(sealed).sort(),
    changedAt: changedAt.toISOString(),
    changedBy,
  };
  return digest(JSON.parse(JSON.stringify(content))).slice(0, 32);
}

function digest(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

/** Keys in their order, whatever order they were written in. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(Reflect.get(value, key))}`).join(',')}}`;
}

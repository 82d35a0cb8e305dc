/**
 * One source with a tenant of its own, read as if it stood in the configuration file: same schema, same checks, same words.
 *
 * The hard thing is what it shares with the file without standing there: it may name the file's tenants, and it may not import what
 * another source imports already.
 */
import type { SourceConfig, TenantConfig } from './config.ts';
import { type Problem, shapeProblems } from './problem.ts';
import { type Environment, type KeptBeside, Reader } from './reader.ts';
import { configSchema } from './schema.ts';
import type { YamlText } from './yaml-text.ts';

export interface OneSource {
  readonly name: string;
  /** Raw value of `sources.NAME`. */
  readonly source: Readonly<Record<string, unknown>>;
  /** Raw value of `tenants.TENANT`; undefined: it names one of the file, or logs in with a password. */
  readonly tenant: { readonly name: string; readonly value: Readonly<Record<string, unknown>> } | undefined;
  readonly kept: KeptBeside;
}

export interface Surroundings {
  /** Folder of the configuration file: relative paths count from there. */
  readonly folder: string;
  readonly env: Environment;
  readonly tenants: ReadonlyMap<string, TenantConfig>;
  /** The other sources; not this one. */
  readonly sources: readonly SourceConfig[];
}

/** Places mean nothing here: keys of the problems do (`sources.NAME.every`). */
export type OneReading =
  | { readonly source: SourceConfig; readonly problems: readonly [] }
  | { readonly source: undefined; readonly problems: readonly Problem[] };

/** A colon is in no name of the file, so a tenant of a source's own is never mistaken for one of the file's. */
export function ownTenantName(source: string): string {
  return `app:${source}`;
}

export async function readOneSource(one: OneSource, around: Surroundings): Promise<OneReading> {
  const text = asText({
    tenants: one.tenant === undefined ? {} : { [one.tenant.name]: one.tenant.value },
    sources: { [one.name]: one.source },
  });
  // The name of the tenant is ours, and no name that a person may choose.
  const written = { tenants: one.tenant === undefined ? {} : { own: one.tenant.value }, sources: { [one.name]: one.source } };
  const shape = configSchema.safeParse(written);
  const named = (key: string): string =>
    one.tenant === undefined ? key : key.replace(/^tenants\.own(?=\.|$)/, `tenants.${one.tenant.name}`);
  const problems: Problem[] = shape.success
    ? []
    : shapeProblems(asText(written), shape.error.issues).map((problem) => ({ ...problem, key: named(problem.key) }));
  const reader = new Reader(text, around.folder, around.env, problems, {
    forSetup: false,
    kept: one.kept,
    known: around.tenants,
    beside: around.sources.filter(({ name }) => name !== one.name),
  });
  const [source] = await reader.sources(await reader.tenants());
  return source === undefined || problems.length > 0 ? { source: undefined, problems } : { source, problems: [] };
}

/** Data that never was text: every place is its beginning. */
function asText(value: unknown): YamlText {
  const place = { line: 1, column: 1 };
  return { value, errors: [], placeOfValue: () => place, placeOfKey: () => place };
}

/** The JSON Schema of the configuration file, for editors, and the same with our own notes, for the sample and the page. */
import { z } from 'zod';
import { configSchema } from './schema.ts';

/** A node of the schema, with what `meta` in schema.ts adds. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  /** Why the default is what it is; or, where the schema has none, what holds without the key. */
  readonly reason?: string;
  readonly example?: unknown;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly propertyNames?: SchemaNode;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** The schema of what a person writes (before defaults are filled in), notes included. */
export function annotatedSchema(): SchemaNode {
  return z.toJSONSchema(configSchema, { io: 'input' }) as SchemaNode;
}

/** JSON Schema 2020-12 without our notes: reasons join the description, examples take their standard name. */
export function jsonSchema(): unknown {
  return { title: 'Postern configuration', ...Object(standard(annotatedSchema())) };
}

function standard(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(standard);
  if (typeof node !== 'object' || node === null) return node;
  const { reason, example, ...rest } = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, standard(value)]));
  const hasReason = typeof reason === 'string' && typeof rest['description'] === 'string';
  return {
    ...rest,
    ...(hasReason ? { description: `${rest['description']} Default: ${reason}.` } : {}),
    ...(example === undefined ? {} : { examples: [example] }),
  };
}

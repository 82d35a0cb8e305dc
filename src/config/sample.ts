/**
 * The sample configuration: every key of the schema with its sentence; those that need not be written are commented out.
 *
 * It loads as it stands (a test does), once the secret it refers to is set.
 */
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { annotatedSchema, type SchemaNode } from './json-schema.ts';

const lineWidth = 110;

const head = `# Configuration of Postern. \`postern config check\` reads it and names every mistake with its line.
# A commented key shows its default or an example. Secrets never stand here: only where to find them.
`;

/** The sample, as YAML text. */
export function sample(): string {
  return head + keys(annotatedSchema(), '', false).join('\n').trimEnd().concat('\n');
}

/** What a person needs first; of two ways to say the same, the commoner. The rest is shown commented out. */
const written: ReadonlySet<string> = new Set([
  'data',
  'tenants',
  'sources',
  'clientId',
  'cloud',
  'credential',
  'secret',
  'env',
  'tenant',
  'folders',
  'every',
]);

function keys(node: SchemaNode, indent: string, commented: boolean): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, property]) => {
    const required = node.required?.includes(name) === true;
    const off = commented || !(required || written.has(name));
    const lead = off && !commented ? '# ' : '';
    const body = entry(name, property, off);
    const comment = explained(property);
    const gap = indent === '' ? [''] : [];
    return [...gap, ...comment.map((line) => `${indent}# ${line}`), ...body.map((line) => `${indent}${lead}${line}`)];
  });
}

/** A key with its value: one line, or the lines of a map with a name of the person's choice or with keys of its own. */
function entry(name: string, node: SchemaNode, commented: boolean): string[] {
  const named = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
  if (named !== undefined) return [`${name}:`, `  ${String(node.example)}:`, ...keys(named, '    ', commented)];
  if (node.properties !== undefined && !commented) return [`${name}:`, ...keys(node, '  ', commented)];
  return oneOrMoreLines(name, shownValue(node));
}

/** In one line where it fits, else a map key by key. */
function oneOrMoreLines(name: string, value: unknown): string[] {
  const line = `${name}: ${inline(value)}`;
  if (line.length <= lineWidth || typeof value !== 'object' || value === null || Array.isArray(value)) return [line];
  return [`${name}:`, ...Object.entries(value).flatMap(([key, inner]) => oneOrMoreLines(key, inner).map((text) => `  ${text}`))];
}

/** What the sample shows: the example, the default, or the required keys of a map. */
function shownValue(node: SchemaNode): unknown {
  const shown = node.example ?? node.default ?? node.enum?.[0];
  if (shown !== undefined) return shown;
  const branch = node.anyOf?.find(({ example, properties }) => example !== undefined || properties !== undefined);
  if (branch !== undefined) return shownValue(branch);
  const properties = Object.entries(node.properties ?? {});
  // Of a reference to a secret, whose keys exclude each other, the first.
  const needed = node.required === undefined ? properties.slice(0, 1) : properties.filter(([name]) => node.required?.includes(name));
  return Object.fromEntries(needed.map(([name, property]) => [name, shownValue(property)]));
}

function inline(value: unknown): string {
  return stringify(value, {
    collectionStyle: 'flow',
    lineWidth: 0,
    flowCollectionPadding: typeof value !== 'object' || !Array.isArray(value),
  }).trimEnd();
}

function explained(node: SchemaNode): string[] {
  const given = node.default === undefined || isDeepStrictEqual(node.default, {}) ? 'Without it' : `Default ${inline(node.default)}`;
  const reason = node.reason === undefined ? '' : ` ${given}: ${node.reason}.`;
  return wrapped(`${node.description ?? ''}${reason}`);
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > lineWidth) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

/** docs/config.md, made from the schema; a test compares the file with what this gives. */
import { annotatedSchema, type SchemaNode } from './json-schema.ts';
import { sample } from './sample.ts';

/** The whole page. */
export function configPage(): string {
  const rows = under(annotatedSchema(), '');
  return `# Configuration

<!-- Made by src/config/docs.ts from src/config/schema.ts; do not edit. -->

One YAML file, \`postern.yaml\` in the working folder unless \`--config FILE\` or \`POSTERN_CONFIG\` names another. \`postern config sample\` prints one to begin with, \`postern config check\` reads it and lists everything that is wrong with file, line and column, \`postern config schema\` prints the JSON Schema for editors. Relative paths count from the folder of the file. \`postern serve\` takes over a changed file without a restart ([operations.md](operations.md#a-changed-configuration)); sources may also be made in its console ([console-sources.md](console-sources.md)).

## Keys

\`NAME\` stands for a name of your choice: letters, digits, \`-\`, \`_\` and \`.\`.

| key | what it is | without it |
|---|---|---|
${rows.join('\n')}

## Secrets

A secret never stands in the file. \`secret\`, \`password\`, \`key\` and \`assertion\` (and, if you like, \`url\` of a webhook) take exactly one of these references, which is resolved each time the secret is sent, so that a new one needs no restart:

| reference | where it comes from |
|---|---|
${references().join('\n')}

A value written in its place is refused, and so is a client secret that has the shape of a GUID: that is the Secret ID, not its value.

## Sample

\`\`\`yaml
${sample()}\`\`\`
`;
}

function under(node: SchemaNode, prefix: string): string[] {
  const named = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
  if (named !== undefined) return under(named, `${prefix}NAME.`);
  return Object.entries(node.properties ?? {}).flatMap(([name, property]) => {
    const key = `${prefix}${name}`;
    const required = node.required?.includes(name) === true;
    const row = `| \`${key}\` | ${cell(property.description ?? '')}${choices(property)} | ${required ? 'required' : without(property)} |`;
    // The keys of a reference are explained once, under "Secrets"; those of the three hosts of a cloud at the first.
    if (isReference(property) || /\.cloud\.(pop3|smtp)$/.test(key)) return [row];
    const branches = [property, ...(property.anyOf ?? [])];
    return [row, ...branches.flatMap((branch) => under(branch, `${key}.`))];
  });
}

function without({ default: value, reason }: SchemaNode): string {
  const empty = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (value === undefined || empty) return cell(reason ?? 'none');
  return `\`${JSON.stringify(value).replaceAll('"', '')}\`${reason === undefined ? '' : `: ${cell(reason)}`}`;
}

/** Choices that the sentence does not name already. */
function choices({ enum: values, description = '' }: SchemaNode): string {
  const missing = (values ?? []).filter((value) => !description.includes(String(value)));
  return missing.length === 0 ? '' : ` One of ${(values ?? []).map((value) => `\`${String(value)}\``).join(', ')}.`;
}

function isReference({ properties = {}, anyOf = [] }: SchemaNode): boolean {
  return (Object.hasOwn(properties, 'env') && Object.hasOwn(properties, 'command')) || anyOf.some(isReference);
}

/** The three forms, from the first reference in the schema. */
function references(): string[] {
  const find = (node: SchemaNode): SchemaNode | undefined => {
    if (isReference(node)) return node;
    const children = [
      ...Object.values(node.properties ?? {}),
      ...(typeof node.additionalProperties === 'object' ? [node.additionalProperties] : []),
    ];
    return children.map(find).find((found) => found !== undefined);
  };
  return Object.entries(find(annotatedSchema())?.properties ?? {}).map(([name, { description = '', example }]) => {
    const value = Array.isArray(example) ? `[${example.join(', ')}]` : String(example);
    return `| \`{ ${name}: ${value} }\` | ${cell(description)} |`;
  });
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { configPage } from './docs.ts';
import { annotatedSchema, jsonSchema, type SchemaNode } from './json-schema.ts';
import { readConfig } from './load.ts';
import { sample } from './sample.ts';
import { secretKeys } from './schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-sample-'));
after(() => rmSync(folder, { recursive: true }));

/** Every key of the schema with its node, by its path. */
function allKeys(node: SchemaNode, path = ''): [path: string, node: SchemaNode][] {
  const named = typeof node.additionalProperties === 'object' ? allKeys(node.additionalProperties, `${path}NAME.`) : [];
  const own = Object.entries(node.properties ?? {}).flatMap(([key, child]): [string, SchemaNode][] => [
    [`${path}${key}`, child],
    ...allKeys(child, `${path}${key}.`),
  ]);
  return [...named, ...own, ...(node.anyOf ?? []).flatMap((branch) => allKeys(branch, path))];
}

test('docs/config.md is what the schema gives', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/config.md'), 'utf8');
  assert.equal(page, configPage(), 'docs/config.md is stale: configPage() of src/config/docs.ts makes it anew');
});

test('every key has a sentence, and every default its reason', () => {
  const keys = allKeys(annotatedSchema());
  assert.ok(keys.length > 30);
  for (const [path, node] of keys) {
    assert.match(node.description ?? '', /\w.*\.$/, path);
    const hasDefault = node.default !== undefined && JSON.stringify(node.default) !== '{}';
    assert.ok(!hasDefault || node.reason !== undefined, `${path} has a default without a reason`);
  }
});

test('every key that takes a reference to a secret is known as such, and no other', () => {
  const references = allKeys(annotatedSchema()).filter(([, { properties }]) => properties?.['env'] !== undefined);
  assert.deepEqual(new Set(references.map(([path]) => path.split('.').at(-1))), secretKeys);
});

test('the sample loads as it stands', async () => {
  const file = join(folder, 'postern.yaml');
  writeFileSync(file, sample());
  const { config, problems } = await readConfig(file, {});
  assert.deepEqual(problems, []);
  assert.deepEqual([config?.tenants.size, config?.sources.length], [1, 1]);
});

test('the sample shows every key of the schema at least by its name', () => {
  for (const [path] of allKeys(annotatedSchema())) {
    // Endpoints given by hand are for the few who have a cloud of their own.
    if (path.includes('.cloud.') || /\.managedIdentity\.(audience|endpoint)$/.test(path)) continue;
    if (path.endsWith('.server.tls') || path.endsWith('.server.ca') || path.endsWith('.algorithm')) continue;
    assert.match(sample(), new RegExp(`(?:^|[ {])${path.split('.').at(-1)}:`, 'm'), path);
  }
});

test('commented keys of the sample are valid YAML too', () => {
  const names = new Set(allKeys(annotatedSchema()).map(([path]) => path.split('.').at(-1)));
  const open = sample().replace(/^(\s*)# (\s*(\w+):(?: |$))/gm, (line, indent, rest, key) => (names.has(key) ? `${indent}${rest}` : line));
  assert.deepEqual(Object.keys(parse(open)), ['data', 'tenants', 'sources', 'import', 'service', 'proxy', 'alerts']);
});

test('the JSON Schema holds only standard words', () => {
  assert.doesNotMatch(JSON.stringify(jsonSchema()), /"(reason|example)":/);
});

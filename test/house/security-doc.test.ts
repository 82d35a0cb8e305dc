/** docs/security.md says which test proves what: each of these tests is there under that name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, repositoryFiles } from './sources.ts';

const page = read('docs/security.md');
/** Rows of the tables that say who attacks what. */
const rows = page
  .split(/^\| attack \|.*\n\|[-|]+\n/m)
  .slice(1)
  .flatMap((table) => (table.split('\n\n')[0] ?? '').split('\n'));

test('every attack of docs/security.md has a proof, and each proof is a test that is there under that name', () => {
  const files = new Set(repositoryFiles());
  const wrong = rows.flatMap((row) => {
    const [, named = '', sentence = ''] = /\| `([\w/.-]+)` "([^"]+)" \|$/.exec(row) ?? [];
    const file = `${named.startsWith('src/') ? '' : 'test/'}${named}.test.ts`;
    return files.has(file) && sentence !== '' && read(file).includes(sentence) ? [] : [row];
  });
  assert.deepEqual(wrong, []);
  assert.ok(rows.length > 25);
});

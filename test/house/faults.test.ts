/**
 * The fault catalogue against the rest of the house: each code is written down, raised, and provoked by a test; and each entry helps.
 *
 * Whether a text helps can only be guessed at by a program. What is measured here catches the two commonest ways of not helping:
 * a fix that says the fault again, and a fix without an act.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catalog } from '../../src/fault/catalog.ts';
import type { FaultEntry } from '../../src/fault/entry.ts';
import { explainedFailures, faultsPage } from '../../tools/faults-doc.ts';
import { isTest, read, repositoryFiles, withoutComments } from './sources.ts';

const entries: readonly (readonly [string, FaultEntry])[] = Object.entries(catalog);
const files = repositoryFiles();
const product = files
  .filter((file) => file.startsWith('src/') && file.endsWith('.ts') && !isTest(file) && !file.startsWith('src/fault/catalog'))
  .map((file) => withoutComments(read(file)))
  .join('\n');
const tests = files
  // A suite is run by the tests of each place.
  .filter((file) => (isTest(file) && !file.startsWith('test/house/')) || file.startsWith('test/transcript/') || file.endsWith('-suite.ts'))
  .map((file) => (file.endsWith('.ts') ? withoutComments(read(file)) : read(file)))
  .join('\n');

test('docs/faults.md is what the catalogue makes of it (tools/faults-doc.ts --write)', () => {
  assert.ok(
    read('docs/faults.md') === faultsPage(catalog),
    'docs/faults.md is stale: run `node_modules/.bin/node tools/faults-doc.ts --write`',
  );
});

test('docs/faults.md has a heading for every code and for none that is gone', () => {
  const headings = [...read('docs/faults.md').matchAll(/^#### (\S+)$/gm)].map((match) => match[1]);
  assert.deepEqual(
    headings,
    entries.map(([code]) => code),
  );
});

test('README.md counts the failures that are explained as the scenarios do', () => {
  const said = [...read('README.md').matchAll(/\bexplains (\d+) failures\b/g)].map((match) => Number(match[1]));
  assert.ok(said.length > 0, `README.md says nowhere "explains ${explainedFailures} failures"`);
  assert.deepEqual([...new Set(said)], [explainedFailures]);
});

test('docs name no fault that is gone', () => {
  const planes = new Set(entries.map(([code]) => code.split('.')[0]));
  const gone = files
    .filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md')
    .flatMap((file) =>
      [...read(file).matchAll(/`([a-z]+)\.([a-z]+(?:-[a-z]+)+)`/g)].map((match) => ({
        file,
        plane: match[1],
        code: `${match[1]}.${match[2]}`,
      })),
    )
    .filter(({ plane, code }) => planes.has(plane) && !Object.hasOwn(catalog, code));
  assert.deepEqual(gone, []);
});

test('every code has the shape plane.condition', () => {
  assert.deepEqual(
    entries.map(([code]) => code).filter((code) => !/^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$/.test(code)),
    [],
  );
});

test('every code is raised somewhere in src/', () => {
  assert.deepEqual(
    entries.map(([code]) => code).filter((code) => !product.includes(`'${code}'`)),
    [],
  );
});

test('every code is named by a test that provokes it', () => {
  assert.deepEqual(
    entries.map(([code]) => code).filter((code) => !tests.includes(`'${code}'`) && !tests.includes(`fault: ${code}`)),
    [],
  );
});

test('no field of an entry says another one again', () => {
  const pairs = [
    ['says', 'fix'],
    ['says', 'cause'],
    ['cause', 'fix'],
  ] as const;
  const repeating = entries.flatMap(([code, entry]) =>
    pairs.filter(([one, other]) => restates(entry[one], entry[other])).map(([one, other]) => `${code}: ${other} repeats ${one}`),
  );
  assert.deepEqual(repeating, []);
});

test('every fix holds an act', () => {
  assert.deepEqual(
    entries.filter(([, { fix }]) => !holdsAct(fix)).map(([code, { fix }]) => `${code}: ${fix}`),
    [],
  );
});

test('a fault that only a person can end does not tell that person to do nothing', () => {
  assert.deepEqual(
    entries.filter(([, { retry, fix }]) => retry === 'never' && /^nothing\b/i.test(fix)).map(([code]) => code),
    [],
  );
});

test('texts are whole sentences without capital shouting', () => {
  const wrong = entries.flatMap(([code, { says, cause, fix }]) =>
    [says, cause, fix]
      .filter((text) => !/^[`A-Z].*[.!?`)]$/s.test(text) || /\b[A-Z]{2,}(?: [A-Z]{2,}){2,}\b/.test(text))
      .map((text) => `${code}: ${text}`),
  );
  assert.deepEqual(wrong, []);
});

/** Whether two thirds of the words that carry meaning in `other` are those of `one`: then it adds little. */
function restates(one: string, other: string): boolean {
  const [said, again] = [meaningfulWords(one), meaningfulWords(other)];
  const shared = [...again].filter((word) => said.has(word)).length;
  return shared >= 3 && shared / again.size >= 2 / 3;
}

const small = new Set(
  'the and that this with from for not was were has have had are its but did does into than then they them which what when where'.split(
    ' ',
  ),
);

function meaningfulWords(text: string): Set<string> {
  const words = text.toLowerCase().match(/[a-z0-9-]{3,}/g) ?? [];
  return new Set(words.filter((word) => !small.has(word)).map((word) => word.replace(/(?:ing|ed|es|s)$/, '')));
}

/** A command, key or page in backticks, or a sentence that begins with a verb of doing; or the plain word that nothing is to be done. */
function holdsAct(fix: string): boolean {
  const verbs =
    'add|allow|ask|call|change|check|choose|close|compare|connect|copy|correct|create|delete|end|export|find|free|give|grant|install|keep|look|make|move|name|open|point|put|remove|rename|renew|repeat|replace|report|restore|run|see|send|set|start|stop|store|take|turn|try|update|upgrade|use|wait|write';
  return /`[^`]+`/.test(fix) || new RegExp(`(?:^|[.;:,] |\\b(?:and|then|or) )(?:${verbs})\\b`, 'i').test(fix) || /^nothing\b/i.test(fix);
}

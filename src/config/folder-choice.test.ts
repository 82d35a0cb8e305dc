import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choiceTexts, chooses, exactName, type FolderChoice, folderEntry, patternText, shared } from './folder-choice.ts';

function choice(...texts: readonly string[]): FolderChoice {
  const entries = texts.map((text) => folderEntry(text) ?? assert.fail(text));
  const patterns = (excluded: boolean) => entries.filter(({ exclude }) => exclude === excluded).map(({ pattern }) => pattern);
  return { include: patterns(false), exclude: patterns(true) };
}

test('what is written is what is shown again, with INBOX and special uses as the standards spell them', () => {
  assert.deepEqual(choiceTexts(choice('!Junk', 'inbox', 'Archive/*', '\\sent')), ['INBOX', 'Archive/*', '\\Sent', '!Junk']);
});

test('an empty text, a lonely "!" and an unknown special use name no folder', () => {
  assert.deepEqual(['', '!', '\\', '\\Noselect'].map(folderEntry), Array(4).fill(undefined));
});

test('a "*" takes any text, a "%" ends at a delimiter, and no other sign has a meaning', () => {
  const rows: readonly (readonly [glob: string, name: string, expected: boolean])[] = [
    ['*', 'a/b', true],
    ['Archive/*', 'Archive/2026/01', true],
    ['Archive/*', 'Archive', false],
    ['Archive/%', 'Archive/2026', true],
    ['Archive/%', 'Archive/2026/01', false],
    ['a.c*', 'abc', false],
    ['a(b*', 'a(b)', true],
    ['*', 'line\nbreak', true],
    ['inbox*', 'INBOX', false],
  ];
  for (const [glob, name, expected] of rows) assert.equal(chooses(choice(glob), name), expected, `${glob} and ${name}`);
  assert.equal(chooses({ include: [exactName('a*b')], exclude: [] }, 'axb'), false);
});

test('a folder is chosen when it is named and not left out', () => {
  assert.equal(chooses(choice('*', '!Junk*'), 'Junk/old'), false);
  assert.equal(chooses(choice('*', '!Junk*'), 'Sent'), true);
  assert.equal(chooses(choice('inbox'), 'InBox'), true);
});

test('two choices share what both take for certain, and nothing that only the server could tell', () => {
  const rows: readonly (readonly [one: readonly string[], other: readonly string[], expected: string | undefined])[] = [
    [['INBOX'], ['inbox'], 'INBOX'],
    [['INBOX'], ['Sent'], undefined],
    [['*'], ['Sent'], 'Sent'],
    [['Sent'], ['*'], 'Sent'],
    [['*', '!Sent'], ['Sent'], undefined],
    [['*'], ['Archive/*'], 'Archive/*'],
    [['*', '!Archive/*'], ['Archive/*'], undefined],
    // Whether anything is left of the pattern only the server can tell.
    [['*', '!Archive/2*'], ['Archive/*'], undefined],
    [['Archive/*'], ['Archive/%'], 'Archive/%'],
    [['Archive/%'], ['Archive/*'], 'Archive/%'],
    [['A*'], ['*Z'], undefined],
    [['\\Sent'], ['\\sent'], '\\Sent'],
    [['\\Sent'], ['*'], undefined],
  ];
  for (const [one, other, expected] of rows) {
    const found = shared(choice(...one), choice(...other));
    assert.equal(found && patternText(found), expected, `${one.join(' ')} and ${other.join(' ')}`);
  }
});

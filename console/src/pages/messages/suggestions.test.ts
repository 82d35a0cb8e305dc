/** What is suggested while a search is typed, and what becomes of the box when it is taken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageFacets } from '../../../../src/service/api.ts';
import { suggestions } from './suggestions.ts';

const facets: MessageFacets = {
  platform: [
    { value: 'whatsapp', messages: 3 },
    { value: '', messages: 1 },
  ],
  modality: [],
  direction: [],
  source: [{ value: 'the desk', messages: 2 }],
  owner: [],
  month: [{ value: '2026-01', messages: 2 }],
  messages: 4,
  complete: true,
  problem: null,
};
const texts = (text: string, caret = text.length): readonly string[] => suggestions(text, caret, facets).map((one) => one.text);

test('the beginning of a field leads to the field, also behind a minus', () => {
  assert.deepEqual(texts('invoice plat'), ['platform:']);
  assert.deepEqual(texts('-pl'), ['-platform:']);
  assert.deepEqual(texts('invoice'), []);
  assert.deepEqual(texts(''), []);
});

test('behind a field stand its values: those of the archive, or the list that it has', () => {
  assert.deepEqual(texts('platform:'), ['platform:whatsapp']);
  assert.deepEqual(texts('since:'), ['since:2026-01']);
  assert.deepEqual(texts('direction:in'), ['direction:internal']);
  assert.deepEqual(texts('direction:internal'), []);
  assert.deepEqual(texts('-is:c'), ['-is:copy']);
});

test('taken, it replaces the piece that is being typed and nothing else', () => {
  const [one] = suggestions('a plat "b c"', 6, facets);
  assert.equal(one?.whole, 'a platform: "b c"');
  assert.equal(one?.caret, 11);
  const [value] = suggestions('word source:th', 14, facets);
  assert.equal(value?.whole, 'word source:"the desk" ');
  assert.equal(value?.caret, value?.whole.length);
  const [quoted] = suggestions('word source:"th', 15, facets);
  assert.equal(quoted?.whole, 'word source:"the desk" ');
});

test('within a phrase, and in the middle of a word, nothing is suggested', () => {
  assert.deepEqual(texts('"plat'), []);
  assert.deepEqual(texts('platform', 4), []);
});

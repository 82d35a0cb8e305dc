/** What an edit says now, apart from what it repeats. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editedWords } from './edit-text.ts';

test('the words of before are not said twice', () => {
  assert.equal(editedWords('Call at ten?\n\nCall at nine?', ['Call at nine?']), 'Call at ten?');
});

test('a second edit repeats the first one', () => {
  assert.equal(editedWords('Call at noon?\nCall at ten?', ['Call at nine?', 'Call at ten?']), 'Call at noon?');
});

test('where nothing fits, or nothing would be left, the edit is shown whole', () => {
  assert.equal(editedWords('Call at ten?', ['Call at nine?']), 'Call at ten?');
  assert.equal(editedWords('Call at nine?', ['Call at nine?']), 'Call at nine?');
  assert.equal(editedWords('Call at nine? Call at ten?', ['Call at nine?', '']), 'Call at nine? Call at ten?');
});

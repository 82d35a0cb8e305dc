/** The text of a search, changed by facets: what a person typed stays as it was typed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chosenMonth,
  conditionValues,
  hasCondition,
  onlyCondition,
  queryParts,
  toggledCondition,
  toggledMonth,
  withCondition,
  withoutCondition,
} from './query-text.ts';

test('a condition is put behind what stands there, and taken out again without a trace', () => {
  const typed = 'invoice "second  quarter" with:"+44 7700 900123"';
  const narrowed = toggledCondition(typed, 'platform', 'signal');
  assert.equal(narrowed, `${typed} platform:signal`);
  assert.equal(toggledCondition(narrowed, 'platform', 'signal'), typed);
});

test('a second value of a field stands beside the first', () => {
  const both = toggledCondition('platform:signal', 'platform', 'whatsapp');
  assert.deepEqual(conditionValues(both, 'platform'), ['signal', 'whatsapp']);
  assert.equal(withoutCondition(both, 'platform'), '');
});

test('a value with a blank is put into quotation marks and found there again', () => {
  const text = withCondition('', 'owner', 'Eva Brandt');
  assert.equal(text, 'owner:"Eva Brandt"');
  assert.ok(hasCondition(text, 'owner', 'eva brandt'));
});

test('a value that holds a quotation mark cannot bring in a condition of its own', () => {
  assert.equal(withCondition('', 'owner', 'eva" source:other'), 'owner:eva');
});

test('an excluded value is another condition than the value', () => {
  assert.ok(!hasCondition('-platform:signal', 'platform', 'signal'));
  assert.ok(hasCondition('-is:copy', 'is', 'copy', true));
  assert.equal(toggledCondition('a -is:copy b', 'is', 'copy', true), 'a b');
});

test('source holds one value only', () => {
  assert.equal(onlyCondition('source:a word', 'source', 'b'), 'word source:b');
  assert.equal(onlyCondition('word source:b', 'source', 'b'), 'word');
});

test('a month is chosen by both of its ends, and another one takes its place', () => {
  const january = toggledMonth('word since:2025', '2026-01');
  assert.equal(january, 'word since:2026-01 until:2026-01');
  assert.equal(chosenMonth(january), '2026-01');
  assert.equal(toggledMonth(january, '2026-02'), 'word since:2026-02 until:2026-02');
  assert.equal(toggledMonth(january, '2026-01'), 'word');
  assert.equal(chosenMonth('since:2026-01 until:2026-02'), undefined);
});

test('half a condition while it is being typed is a word, and nothing of it is lost', () => {
  assert.deepEqual(
    queryParts('from: eva').map(({ field, value }) => [field, value]),
    [
      [undefined, 'from:'],
      [undefined, 'eva'],
    ],
  );
  assert.equal(withCondition('from: "eva', 'is', 'edited'), 'from: "eva is:edited');
});

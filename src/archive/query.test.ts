/** A person's words become a query, or a fault that names the part which is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../fault/fault.ts';
import { readQuery } from './query.ts';

const term = (text: string, more = {}): unknown => ({ field: 'any', text, not: false, prefix: false, ...more });

test('words, phrases, fields, negations and beginnings of words are told apart', () => {
  assert.deepEqual(readQuery('  invoice "second half" -draft from:eva -subject:"out of office" head* '), {
    terms: [
      term('invoice'),
      term('second half'),
      term('draft', { not: true }),
      term('eva', { field: 'from' }),
      term('out of office', { field: 'subject', not: true }),
      term('head', { prefix: true }),
    ],
  });
});

test('an empty search finds everything', () => {
  assert.deepEqual(readQuery(' '), { terms: [] });
});

test('conditions have their own place, and a day counts until its end', () => {
  assert.deepEqual(readQuery('source:tele since:2026-01-31 until:2026-01-31 -has:attachment'), {
    terms: [],
    source: 'tele',
    since: new Date('2026-01-31T00:00:00Z'),
    until: new Date('2026-02-01T00:00:00Z'),
    hasAttachment: false,
  });
  assert.deepEqual(readQuery('until:2026-01-31T10:00:00Z').until, new Date('2026-01-31T10:00:00Z'));
});

test('addresses, times, minus signs inside words and pasted URLs are words', () => {
  for (const text of ['eva@contoso.test', '10:30', 'out-of-office', '<id@host>', 'Re:', "o'clock", '50%']) {
    assert.deepEqual(readQuery(text).terms, [term(text)], text);
  }
  assert.deepEqual(readQuery('https://contoso.test/a?b=c').terms, [term('https://contoso.test/a?b=c')]);
});

test('what has neither letter nor digit is left out, unless nothing else is there', () => {
  assert.deepEqual(readQuery('terms & conditions').terms, [term('terms'), term('conditions')]);
  assert.throws(
    () => readQuery('& -'),
    (error) => isFault(error, 'archive.query-unreadable'),
  );
});

test('what looks like a condition and is none is refused with its part', () => {
  const parts: readonly (readonly [string, string])[] = [
    ['fron:eva', 'fron:eva'],
    ['x since:yesterday', 'since:yesterday'],
    ['since:2026-02-30', 'since:2026-02-30'],
    ['until:2026-13-01', 'until:2026-13-01'],
    ['-since:2026-01-01', '-since:2026-01-01'],
    ['has:picture', 'has:picture'],
    ['-source:tele', '-source:tele'],
    ['from: eva', 'from:'],
    ['"half a phrase', '"half a phrase'],
  ];
  for (const [text, part] of parts) {
    assert.throws(
      () => readQuery(text),
      (error) => isFault(error, 'archive.query-unreadable') && error.evidence.part === part,
      text,
    );
  }
});

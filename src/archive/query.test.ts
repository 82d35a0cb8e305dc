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

test('a participant is a number in any spelling, an address, or words', () => {
  const number = (digits: string, international: boolean, role = 'any', not = false): unknown => ({
    kind: 'number',
    digits,
    international,
    role,
    not,
  });
  const expected: readonly (readonly [string, unknown])[] = [
    ['participant:+447700900123', number('447700900123', true)],
    ['with:"+44 (0)7700 900-123"', number('447700900123', true)],
    ['with:00447700900123', number('447700900123', true)],
    ['with:"07700/900 123"', number('07700900123', false)],
    ['-with:"(07700) 900123"', number('07700900123', false, 'any', true)],
    ['from:"+1 555 0100"', number('15550100', true, 'from')],
    ['to:60300', number('60300', false, 'to')],
    ['with:Eva@Contoso.test', { kind: 'address', address: 'eva@contoso.test', role: 'any', not: false }],
  ];
  for (const [text, participant] of expected) assert.deepEqual(readQuery(text), { terms: [], participants: [participant] }, text);
  assert.deepEqual(readQuery('with:"Eva König" from:2026 with:eva@').terms, [
    term('Eva König', { field: 'participant' }),
    term('2026', { field: 'from' }),
    term('eva@', { field: 'participant' }),
  ]);
});

test('more digits than any number has are a word', () => {
  const digits = '1'.repeat(40_000);
  assert.deepEqual(readQuery(`with:+${digits}`).participants, undefined);
  assert.deepEqual(readQuery(`with:+${digits}`).terms, [{ field: 'participant', text: `+${digits}`, not: false, prefix: false }]);
});

test('facts that are given twice are an either-or, and what is excluded stands apart', () => {
  assert.deepEqual(readQuery('platform:WhatsApp platform:signal -kind:call direction:in thread:Ab-1 is:edited -is:copy'), {
    terms: [],
    facts: [
      { field: 'platform', values: ['whatsapp', 'signal'], not: false },
      { field: 'kind', values: ['call'], not: true },
      { field: 'direction', values: ['in'], not: false },
      { field: 'thread', values: ['Ab-1'], not: false },
    ],
    marks: [
      { mark: 'edited', not: false },
      { mark: 'copy', not: true },
    ],
  });
});

test('times are read in their zone, in UTC where they name none, and months and years count until their end', () => {
  const expected: readonly (readonly [string, string])[] = [
    ['since:2026-01-31T10:00', '2026-01-31T10:00:00.000Z'],
    ['since:"2026-01-31 10:00"', '2026-01-31T10:00:00.000Z'],
    ['since:2026-01-31T10:00:30+02:00', '2026-01-31T08:00:30.000Z'],
    ['since:2026-02', '2026-02-01T00:00:00.000Z'],
    ['since:2026', '2026-01-01T00:00:00.000Z'],
  ];
  for (const [text, at] of expected) assert.equal(readQuery(text).since?.toISOString(), at, text);
  assert.equal(readQuery('until:2026-02').until?.toISOString(), '2026-03-01T00:00:00.000Z');
  assert.equal(readQuery('until:2026').until?.toISOString(), '2027-01-01T00:00:00.000Z');
  assert.equal(readQuery('until:2024-02-29').until?.toISOString(), '2024-03-01T00:00:00.000Z');
});

test('a wrong value is told with the right ones, and with the nearest', () => {
  const expected: readonly (readonly [string, RegExp, string | undefined])[] = [
    ['direction:inbound', /in, out, internal/, undefined],
    ['kind:calls', /call/, 'call'],
    ['is:delete', /deleted/, 'deleted'],
    ['fron:eva', /from/, 'from'],
    ['platfrom:signal', /platform/, 'platform'],
    ['flag:clock', /clock-skew/, undefined],
    ['-until:2026', /without a minus/, undefined],
  ];
  for (const [text, words, nearest] of expected) {
    assert.throws(
      () => readQuery(text),
      (error) =>
        isFault(error, 'archive.query-unreadable') && words.test(String(error.evidence.expected)) && error.evidence.nearest === nearest,
      text,
    );
  }
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
    ['subject:i*', 'subject:i*'],
  ];
  for (const [text, part] of parts) {
    assert.throws(
      () => readQuery(text),
      (error) => isFault(error, 'archive.query-unreadable') && error.evidence.part === part,
      text,
    );
  }
});

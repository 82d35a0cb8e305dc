/** What is marked in a text, and what is cut out of a long one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { excerpt, marked, termsFor } from './highlight.ts';
import { readQuery } from './query.ts';

function hits(text: string, query: string): readonly string[] {
  const pieces = marked(text, termsFor(readQuery(query).terms, 'body'));
  assert.equal(pieces.map((piece) => piece.text).join(''), text);
  return pieces.filter(({ hit }) => hit).map((piece) => piece.text);
}

const cases: readonly (readonly [text: string, query: string, expected: readonly string[]])[] = [
  ['The invoice, the INVOICE and invoices', 'invoice', ['invoice', 'INVOICE']],
  ['The invoice and invoices', 'invoi*', ['invoice', 'invoices']],
  ['Ruíz writes to RUIZ', 'ruiz', ['Ruíz', 'RUIZ']],
  ['Ruiz', 'ruíz', ['Ruiz']],
  ['re\u0301sume\u0301 and résumé', 'resume', ['re\u0301sume\u0301', 'résumé']],
  ['please check the, amounts', '"check the amounts"', ['check the, amounts']],
  ['check the check the amounts', '"check the amounts"', ['check the amounts']],
  ['a-b c', '"a b"', ['a-b']],
  ['eva@contoso.test wrote', 'eva@contoso.test', ['eva@contoso.test']],
  ['call 447700900123 now', '447700900123', ['447700900123']],
  ['请求书 und Straße', 'straße', ['Straße']],
  ['one two three', 'three one', ['one', 'three']],
  ['one two', '-one two', ['two']],
  ['one two', 'platform:whatsapp', []],
  ['underscore_word', 'word', ['word']],
  ['nothing', '', []],
];

for (const [text, query, expected] of cases) {
  test(`in ${JSON.stringify(text)} the search ${query === '' ? 'for everything' : query} marks ${expected.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(hits(text, query), expected);
  });
}

test('a word that was searched for in one field is not marked in another', () => {
  const { terms } = readQuery('subject:one body:two three');
  assert.deepEqual(
    termsFor(terms, 'subject').map(({ text }) => text),
    ['one', 'three'],
  );
  assert.deepEqual(
    termsFor(terms, 'body').map(({ text }) => text),
    ['two', 'three'],
  );
});

test('of a long text the piece is cut out in which the first hit stands, at whole words', () => {
  const text = `${'before '.repeat(500)}\n\n the  needle \t is here ${'after '.repeat(500)}`;
  const pieces = excerpt(text, readQuery('needle').terms, 120) ?? [];
  const said = pieces.map((piece) => piece.text).join('');
  assert.match(said, /^…before (?:before )+the needle is here after/);
  assert.ok(said.length < 130 && said.endsWith('…'), said);
  assert.deepEqual(
    pieces.filter(({ hit }) => hit).map((piece) => piece.text),
    ['needle'],
  );
  assert.equal(excerpt(text, readQuery('nowhere').terms, 120), undefined);
  assert.equal(excerpt('the needle first', readQuery('needle').terms, 120)?.[0]?.text, 'the ');
});

test('a text of any length is marked soon', () => {
  const begun = process.cpuUsage();
  hits(`${'needle '.repeat(200_000)}`, 'needle "needle needle"');
  excerpt('x'.repeat(3_000_000), readQuery('y').terms, 200);
  // Time of the processor: others on the machine do not lengthen it.
  const { user, system } = process.cpuUsage(begun);
  assert.ok(user + system < 5_000_000);
});

test('a query of a thousand words, or a phrase of as many, keeps nobody waiting: the search runs beside the import', () => {
  const text = 'a '.repeat(100_000);
  const queries = [
    'x '.repeat(999),
    Array.from({ length: 600 }, (_, index) => `${index.toString(36)}x`).join(' '),
    `"${'a '.repeat(990)}x"`,
  ];
  for (const query of queries) {
    const before = process.cpuUsage();
    excerpt(text, readQuery(query).terms, 240);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 600_000, `${query.slice(0, 10)}…: ${Math.round((user + system) / 1000)} ms`);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeUtf7, encodeUtf7 } from './utf7.ts';

const pairs = [
  ['INBOX', 'INBOX'],
  ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'],
  ['Gelöschte Elemente', 'Gel&APY-schte Elemente'],
  ['R&D', 'R&-D'],
  ['&&', '&-&-'],
  ['Éléments envoyés', '&AMk-l&AOk-ments envoy&AOk-s'],
  ['Входящие', '&BBIERQQ+BDQETwRJBDgENQ-'],
  ['📥 in', '&2D3c5Q- in'],
  ['a\tb', 'a&AAk-b'],
] as const;

test('names go to modified UTF-7 and back', () => {
  for (const [name, raw] of pairs) {
    assert.equal(encodeUtf7(name), raw);
    assert.equal(decodeUtf7(raw), name);
  }
});

test('what is not modified UTF-7 is kept as it stands', () => {
  for (const raw of ['a&b', 'R&D', 'x&A-y', '&APY', 'tail&', '100% & more']) assert.equal(decodeUtf7(raw), raw);
});

test('a name in raw UTF-8 is read as such', () => {
  assert.equal(decodeUtf7(Buffer.from('Gelöscht &- mehr').toString('latin1')), 'Gelöscht & mehr');
});

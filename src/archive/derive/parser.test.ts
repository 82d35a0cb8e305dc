import assert from 'node:assert/strict';
import { test } from 'node:test';
import PostalMime from 'postal-mime';
import { LeafDigester, scratchBytes } from './leaf-digest.ts';
import { parse } from './parser.ts';

const mixed = [
  'Subject: parts',
  'Content-Type: multipart/mixed; boundary="b"',
  '',
  'preamble',
  '-- no boundary',
  '--b',
  'Content-Type: text/plain; charset=iso-8859-2',
  '',
  'first',
  '',
  '--',
  '-- ',
  '--bb',
  'a dash - and more ----',
  '-',
  'last',
  '--b',
  'Content-Type: multipart/alternative; boundary="bc"',
  '',
  '--bc',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'soft =',
  'break =E9',
  '--bc',
  'Content-Type: text/html',
  '',
  '<p>one</p>',
  '<p>two</p>',
  '--bc--',
  '--b',
  'Content-Type: message/rfc822',
  '',
  'Subject: inside',
  '',
  'text of the one inside',
  '--b',
  'Content-Type: application/zip; name=x.zip',
  'Content-Transfer-Encoding: base64',
  '',
  'AAAA',
  'BBBB',
  '--b--',
  'epilogue',
  '',
].join('\r\n');

const messages = [
  mixed,
  mixed.replaceAll('\r\n', '\n'),
  mixed.replaceAll('\r\n', '\r\r\n'),
  mixed.replaceAll('last\r\n', 'la\rst\r\r\r\n\r\n\n\n'),
  mixed.slice(0, mixed.indexOf('--bc--')),
  'Subject: flowed\r\nContent-Type: text/plain; format=flowed\r\n\r\none \r\ntwo\r\n-- \r\nwho',
  'Subject: empty\r\n\r\n',
  'Subject: no body',
  '\r\n\r\n--\r\n',
  '',
];

test('a message read many lines at a time says what it says to the parser alone', async () => {
  for (const message of messages) {
    // Cut everywhere, so that it ends within a line, within its end and within a boundary.
    for (let end = message.length; end >= 0; end -= message.length > 400 ? 7 : 1) {
      const bytes = new Uint8Array(Buffer.from(message.slice(0, end), 'latin1'));
      const before = bytes.slice();
      for (const isForced of [false, true]) {
        const alone = await PostalMime.parse(bytes.slice().buffer, { forceRfc822Attachments: isForced });
        assert.deepEqual(await parse(bytes, isForced), alone, JSON.stringify(message.slice(0, end)));
      }
      assert.deepEqual(bytes, before, 'the bytes are as they were');
    }
  }
});

const even = `${`${'QUJD'.repeat(19)}\r\n`.repeat(700)}QUI=\r\n`;
const strange = ['-', '_', '=', '==', '\n', '\r\n', '\r', ' ', '*', '\xff', 'QQ', 'Q'];

test('lines measure and hash to the same together as one by one, whatever stands among them', () => {
  const texts = [even, even.replaceAll('\r\n', '\n'), even.replaceAll('\r\n', '\r\r\n'), 'x\n', '\n', '\r\n\r\n'];
  for (const [index, what] of strange.entries()) {
    for (const at of [0, 3, 75, 76, 77, 78, 20_000 + index, even.length - 8, even.length - 3]) {
      texts.push(`${even.slice(0, at)}${what}${even.slice(at)}`, `${even.slice(0, at)}${what}${even.slice(at + what.length)}`);
    }
  }
  const scratch = Buffer.alloc(scratchBytes);
  for (const [number, text] of texts.entries()) {
    const lines = Buffer.from(text, 'latin1');
    for (const encoding of ['base64', 'quoted-printable', 'identity'] as const) {
      for (const byBoundary of [true, false]) {
        const one = new LeafDigester(encoding, scratch);
        for (const line of text.match(/[^\n]*\n/g) ?? []) one.line(Buffer.from(line, 'latin1'));
        const together = new LeafDigester(encoding, scratch);
        together.line(lines.subarray(0, lines.indexOf(10) + 1));
        if (lines.indexOf(10) + 1 < lines.length) together.lines(lines.subarray(lines.indexOf(10) + 1));
        assert.deepEqual(together.end(byBoundary), one.end(byBoundary), `${encoding}, text ${number}`);
      }
    }
  }
});

/** The content behind DATA, cut at every byte: what counts as its end, and what is handed on. Then the way back: what is sent again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asData, IncomingData } from './incoming-data.ts';

/** What is read of `sent`, in chunks of `size` bytes. */
function read(sent: string, size: number): { readonly content: string; readonly rest: string | undefined; readonly mended: number } {
  const reader = new IncomingData();
  const bytes = Buffer.from(sent, 'latin1');
  let content = '';
  for (let at = 0; at < bytes.length; at += size) {
    const { pieces, rest } = reader.take(bytes.subarray(at, at + size));
    content += Buffer.concat(pieces).toString('latin1');
    if (rest !== undefined)
      return { content, rest: rest.toString('latin1') + bytes.subarray(at + size).toString('latin1'), mended: reader.mended };
  }
  return { content, rest: undefined, mended: reader.mended };
}

const rows: readonly (readonly [title: string, sent: string, content: string, rest: string | undefined])[] = [
  ['the plain case', 'a\r\nb\r\n.\r\nQUIT\r\n', 'a\r\nb\r\n', 'QUIT\r\n'],
  ['an empty message', '.\r\n', '', ''],
  ['a stuffed dot', '..a\r\n...\r\n.\r\n', '.a\r\n..\r\n', ''],
  ['a dot that nobody doubled', '.a\r\n.\r\n', 'a\r\n', ''],
  ['dots inside lines stay', 'a.\r\nb..c\r\n.\r\n', 'a.\r\nb..c\r\n', ''],
  ['LF, dot, CRLF is no end', 'a\n.\r\nMAIL FROM:<x@y>\r\n.\r\n', 'a\r\n.\r\nMAIL FROM:<x@y>\r\n', ''],
  ['LF, dot, LF is no end', 'a\n.\nb\r\n.\r\n', 'a\r\n.\r\nb\r\n', ''],
  ['CRLF, dot, LF is no end', 'a\r\n.\nb\r\n.\r\n', 'a\r\n\r\nb\r\n', ''],
  ['CRLF, dot, CR is no end', 'a\r\n.\rb\r\n.\r\n', 'a\r\n\r\nb\r\n', ''],
  ['CR, dot, CR is no end', 'a\r.\rb\r\n.\r\n', 'a\r\n.\r\nb\r\n', ''],
  ['CR, dot, CRLF is no end', 'a\r.\r\nb\r\n.\r\n', 'a\r\n.\r\nb\r\n', ''],
  ['CR CR LF', 'a\r\r\n.\r\n', 'a\r\n\r\n', ''],
  ['bare LFs are made right, their dots unstuffed', 'a\n..b\nc\r\n.\r\n', 'a\r\n.b\r\nc\r\n', ''],
  ['eight bits and NUL stay', 'ä\0\xff\r\n.\r\n', 'ä\0\xff\r\n', ''],
  ['no end yet', 'a\r\n.\r', 'a\r\n', undefined],
];

test('content is the same however it is cut into chunks, and ends at CRLF, dot, CRLF only', () => {
  for (const [title, sent, content, rest] of rows) {
    for (let size = 1; size <= sent.length; size += 1) {
      const seen = read(sent, size);
      assert.deepEqual([seen.content, seen.rest], [content, rest], `${title}, in chunks of ${size}`);
    }
  }
});

test('what is handed on holds no bare CR and no bare LF, whatever came', () => {
  const signs = ['a', '.', '\r', '\n', '\r\n', '\r\n.', '\n.\r\n'];
  let seed = 7;
  const next = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return seed >> 8;
  };
  for (let round = 0; round < 2_000; round += 1) {
    const sent = Array.from({ length: next() % 12 }, () => signs[next() % signs.length] ?? '').join('');
    const { content } = read(sent, 1 + (next() % 4));
    assert.doesNotMatch(content.replaceAll('\r\n', ''), /[\r\n]/, JSON.stringify(sent));
  }
});

test('what was read and is sent again is read as the same, with a line end at its end', async () => {
  for (const [title, sent, content, rest] of rows) {
    if (rest === undefined) continue;
    for (let size = 1; size <= content.length + 1; size += 1) {
      const bytes = Buffer.from(content, 'latin1');
      const chunks = (async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      })();
      const out: Uint8Array[] = [];
      for await (const piece of asData(chunks)) out.push(piece);
      const wire = Buffer.concat(out).toString('latin1');
      const again = read(wire, 3);
      assert.deepEqual(
        [again.content, again.rest, again.mended],
        [content, '', 0],
        `${title} (${JSON.stringify(sent)}) in pieces of ${size}`,
      );
    }
  }
});

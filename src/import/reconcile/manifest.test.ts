/** Lists of ids from upstream, in the forms in which portals export them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { isFault } from '../../fault/fault.ts';
import { compareManifest, type ManifestReport } from './manifest.ts';

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** An archive that has every id but those that begin with `x`. */
function compared(text: string, pieces = 7): Promise<ManifestReport> {
  return compareManifest(inPieces(text, pieces), async (ids) => new Set(ids.filter((id) => !id.startsWith('x'))));
}

for (const [says, text, listed, missing, column] of [
  [
    'a column named ArchiveMessageID among others',
    'Date,ArchiveMessageID,Text\n2031-01-01,a1,hello\n2031-01-02,x2,"a, b"\n',
    2,
    ['x2'],
    'ArchiveMessageID',
  ],
  ['Message-ID before id, whatever their order', 'id;Message-ID\r\n7;<a@b>\r\n8;<x@b>\r\n', 2, ['x@b'], 'Message-ID'],
  ['a byte order mark and a tab', '\ufeffid\tname\nx1\tA\n', 1, ['x1'], 'id'],
  ['one column without a title', 'a1\n<x2>\n', 2, ['x2'], ''],
  ['quotes with quotes, separators and line ends in them', 'id,text\n"x""1,2","a\nb"\na3,\n', 2, ['x"1,2'], 'id'],
  ['no line end behind the last line, and empty lines', 'id\n\na1\n\nx2', 2, ['x2'], 'id'],
  ['an id that stands there twice counts once', 'id\nx1\nx1\n', 1, ['x1'], 'id'],
  ['nothing but a title', 'id\n', 0, [], 'id'],
] as const) {
  test(`${says}: read`, async () => {
    for (const pieces of [1, 7, 10_000]) {
      const report = await compared(text, pieces);
      assert.deepEqual([report.listed, report.missing, report.found, report.column], [listed, missing, listed - missing.length, column]);
      assert.equal(report.sha256, createHash('sha256').update(text).digest('hex'));
    }
  });
}

test('more ids than are asked for at once are all asked for', async () => {
  const asked: number[] = [];
  const report = await compareManifest(
    inPieces(`id\n${Array.from({ length: 1_201 }, (_, index) => `a${index}`).join('\n')}\n`, 4_096),
    async (ids) => {
      asked.push(ids.length);
      return new Set(ids.slice(1));
    },
  );
  assert.deepEqual(
    [asked, report.missing],
    [
      [500, 500, 201],
      ['a0', 'a500', 'a1000'],
    ],
  );
});

for (const [says, text] of [
  ['an empty file', ''],
  ['columns of which none is known', 'first,second\n1,2\n'],
  ['a quote that never ends', `id\n"${'x'.repeat(1_100_000)}`],
] as const) {
  test(`${says} is refused`, async () => {
    await assert.rejects(compared(text, 4_096), (error) => isFault(error, 'reconcile.manifest-unreadable'));
  });
}

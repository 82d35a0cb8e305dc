/** A record comes back as it was, or not at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extract } from '../derive/extract.ts';
import type { MessageRecord } from '../record.ts';
import { packBlocks, unpack } from './record-pack.ts';

async function record(seq: number, more = ''): Promise<MessageRecord> {
  const head = ['From: a@contoso.test', `Subject: n ${seq}`, 'Date: Mon, 12 Jan 2026 10:00:00 +0000', `X-More: ${more}`];
  return (await extract([Buffer.from(`${head.join('\r\n')}\r\n\r\ntext\r\n`)])).record;
}

async function rows(seqs: readonly number[]): Promise<readonly { readonly seq: number; readonly record: MessageRecord }[]> {
  return Promise.all(seqs.map(async (seq) => ({ seq, record: await record(seq, 'x'.repeat(seq === 40 ? 200_000 : 10)) })));
}

test('each record comes back out of its block as it was, with its instants; one that was never there does not', async () => {
  const seqs = Array.from({ length: 60 }, (_, index) => index + 1).filter((seq) => seq !== 20);
  const all = await rows(seqs);
  const blocks = [...packBlocks(all)];
  assert.ok(blocks.length > 3 && blocks.length < 12);
  for (const { seq, record } of all) {
    const home = blocks.findLast(({ first }) => first <= seq);
    assert.deepEqual(unpack(home?.packed, seq), record);
  }
  assert.equal(unpack(blocks.findLast(({ first }) => first <= 20)?.packed, 20), undefined);
  assert.deepEqual([...packBlocks([])], []);
});

test('together records take less than half the room of each alone', async () => {
  const all = await rows([1, 2, 3, 4, 5, 6, 7, 8]);
  const size = (blocks: Iterable<{ readonly packed: Uint8Array }>): number =>
    [...blocks].reduce((sum, { packed }) => sum + packed.length, 0);
  assert.ok(size(packBlocks(all)) < size(all.flatMap((row) => [...packBlocks([row])])) / 2);
});

test('what is no block is an error of its syntax, whatever byte was changed', async () => {
  const all = await rows([1, 2, 3]);
  const [block] = [...packBlocks(all)];
  assert.ok(block !== undefined);
  for (let at = 0; at < block.packed.length; at += 1) {
    const damaged: Buffer = Buffer.from(block.packed);
    damaged.writeUInt8((damaged.readUInt8(at) + 1) & 0xff, at);
    try {
      // A byte of the frame's head that does not matter.
      assert.deepEqual(unpack(damaged, 2), all[1]?.record);
    } catch (error) {
      assert.ok(error instanceof SyntaxError, `byte ${at}: ${error}`);
    }
  }
  for (const other of [Buffer.from('{}'), Buffer.alloc(0), null, 'text']) assert.throws(() => unpack(other, 1), SyntaxError);
});

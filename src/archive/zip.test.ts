/** Zip files of ours, read by a program that nobody here wrote where there is one, and by what the format says. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { entriesOf } from '../../test/contract/zip-entries.ts';
import { ZipWriter } from './zip.ts';

const at = new Date(Date.UTC(2026, 0, 31, 10, 20, 30));

async function written(write: (zip: ZipWriter) => Promise<void>, look: (file: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-zip-'));
  try {
    const file = join(folder, 'a.zip');
    const zip = await ZipWriter.create(file);
    await write(zip);
    await zip.end();
    await look(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

/** Nothing where the machine has no unzip. */
function tested(file: string): void {
  const { status, stdout, error } = spawnSync('unzip', ['-tq', file], { encoding: 'utf8', timeout: 60_000 });
  if (error === undefined) assert.equal(status, 0, stdout);
}

test('entries in memory, streams and what is written by and by come out as they went in', async () => {
  const [text, noise] = [
    Buffer.from('words '.repeat(100_000)),
    Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7919) % 251)),
  ];
  const stop = new AbortController().signal;
  await written(
    async (zip) => {
      await zip.add('text.eml', at, text);
      await zip.add('noise', at, noise);
      await zip.add('empty', at, new Uint8Array());
      await zip.stream('Grüße.eml', at, chunks(text, 7_777));
      await zip.stream('nothing', at, chunks(Buffer.alloc(0), 1));
      const { input, done } = zip.open('by-and-by', at, stop);
      input.write('one');
      input.end('two');
      await done;
      await zip.add('last', at, Buffer.from('last'));
    },
    (file) => {
      const entries = entriesOf(readFileSync(file));
      assert.deepEqual([...entries.keys()], ['text.eml', 'noise', 'empty', 'Grüße.eml', 'nothing', 'by-and-by', 'last']);
      assert.ok(entries.get('text.eml')?.equals(text) && entries.get('Grüße.eml')?.equals(text) && entries.get('noise')?.equals(noise));
      assert.equal(String(entries.get('by-and-by')), 'onetwo');
      assert.ok(statSync(file).size < text.length / 10);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      tested(file);
    },
  );
});

test('more entries than the old form can count are counted by the new one', { timeout: 60_000 }, async () => {
  const count = 66_000;
  await written(
    async (zip) => {
      for (let index = 0; index < count; index += 1) await zip.add(`${index}`, at, Buffer.from(`${index}`));
    },
    (file) => {
      const entries = entriesOf(readFileSync(file));
      assert.equal(entries.size, count);
      assert.equal(String(entries.get('65999')), '65999');
      tested(file);
    },
  );
});

test('a file that is there is not written over', async () => {
  await written(
    async (zip) => zip.add('a', at, Buffer.from('a')),
    (file) => assert.rejects(ZipWriter.create(file), { code: 'EEXIST' }),
  );
});

/** Proves that an archive is complete: each message of the server once, everything verified, everything found by its word exactly once. */
import assert from 'node:assert/strict';
import { readQuery } from '../../src/archive/query.ts';
import { openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { look, occurrencesOf } from './look.ts';
import { type ArchivePlace, type Place, type Ran, runPostern } from './place.ts';

/** @param ran the import that ended by itself @throws AssertionError */
export async function proveComplete(place: Place, archive: ArchivePlace, ran: Ran): Promise<void> {
  const { messages } = place;
  const distinct = new Map(messages.map(({ sha256, word }) => [sha256, word]));
  assert.equal(ran.code, 0, `import run --once: ${ran.talk}`);
  const said = JSON.parse(ran.out);
  assert.equal(said.complete, true);
  assert.equal(said.head.rows, messages.length);
  assert.deepEqual(said.sources[0].folders[0].missing, []);

  const seen = look(archive.dataFolder, messages);
  assert.deepEqual(seen, { rows: messages.length, messages: distinct.size, lag: 0, incoming: 0 });
  await proveSearch(archive, distinct);
  const verified = await verify(place, archive);
  assert.equal(verified.rows, messages.length);
  assert.equal(verified.messages, distinct.size);
  assert.equal(verified.orphans, 0, 'a body that a kill left was taken over by the message that came again');
}

async function proveSearch(archive: ArchivePlace, distinct: ReadonlyMap<string, string>): Promise<void> {
  const counts = occurrencesOf(archive.dataFolder, [...distinct.values()]);
  const reader = openArchiveReader(archive.dataFolder);
  try {
    for (const [sha256, word] of distinct) {
      const { hits, next, lag } = await reader.search(readQuery(word), 2);
      assert.deepEqual([hits.map((hit) => hit.sha256), next, lag], [[sha256], undefined, 0], `the search for ${word}`);
      assert.equal(counts.get(word), 1, `the full text counts ${word} once`);
    }
  } finally {
    await reader.close();
  }
}

/** `archive verify` as a person runs it. @throws AssertionError where it finds anything */
export async function verify(
  place: Place,
  archive: ArchivePlace,
): Promise<{ readonly rows: number; readonly messages: number; readonly orphans: number }> {
  const { code, out, talk } = await runPostern(place, ['archive', 'verify', '--json', '--config', archive.config]);
  assert.equal(code, 0, `archive verify: ${out}${talk}`);
  const report = JSON.parse(out);
  assert.deepEqual(report.findings, []);
  return report;
}

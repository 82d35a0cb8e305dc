/**
 * Reads an archive in a loop while another process writes it and is killed, until its standard input ends: searches, numbers, bytes.
 *
 * It holds on to one connection for a while and then takes a new one, because a reader that stays keeps SQLite's log alive over a
 * writer's death, and one that comes meets what the dead writer left.
 *
 * reader.ts DATA-FOLDER; prints one line of JSON at its end, or ends with exit code 1 and what went wrong.
 */
import assert from 'node:assert/strict';
import { setPriority } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { ArchiveReader } from '../../src/archive/archive.ts';
import { readQuery } from '../../src/archive/query.ts';
import { openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { isFault } from '../../src/fault/fault.ts';

const looksOfConnection = 40;
const pauseMs = 20;
/** As the deriving threads: it is to look at them, not to hold them up. */
const niceness = 10;

setPriority(niceness);
const [dataFolder = ''] = process.argv.slice(2);
let wanted = true;
process.stdin.on('end', () => {
  wanted = false;
});
process.stdin.resume();

const said = { looks: 0, connections: 0, bodies: 0 };
let before = { rows: 0, messages: 0, derived: 0 };
while (wanted) {
  const reader = open();
  if (reader !== undefined) {
    said.connections += 1;
    for (let turn = 0; wanted && turn < looksOfConnection; turn += 1) {
      await lookOnce(reader);
      await pause(pauseMs);
    }
    await reader.close();
  }
  await pause(pauseMs);
}
process.stdout.write(`${JSON.stringify(said)}\n`);

/** Undefined while there is no archive yet. */
function open(): ArchiveReader | undefined {
  try {
    return openArchiveReader(dataFolder);
  } catch (error) {
    if (isFault(error, 'archive.not-found')) return undefined;
    throw error;
  }
}

async function lookOnce(reader: ArchiveReader): Promise<void> {
  const { head, messages, lag } = await reader.stats();
  const now = { rows: head.rows, messages, derived: messages - lag };
  assert.ok(now.rows >= before.rows && now.messages >= before.messages, `the ledger went back from ${say(before)} to ${say(now)}`);
  assert.ok(now.derived >= before.derived, `the index went back from ${say(before)} to ${say(now)}`);
  before = now;
  const { hits } = await reader.search(readQuery('unique*'), 3);
  assert.equal(new Set(hits.map((hit) => hit.sha256)).size, hits.length, 'a search shows no message twice');
  for (const hit of hits) {
    assert.ok(hit.occurrences.length > 0 && hit.record !== undefined, `${hit.sha256} was found and is whole`);
    for await (const _ of reader.read(hit.sha256)); // fails where the bytes are not those of the hash
    said.bodies += 1;
  }
  said.looks += 1;
}

function say(numbers: typeof before): string {
  return `${numbers.rows} rows, ${numbers.messages} messages, ${numbers.derived} derived`;
}

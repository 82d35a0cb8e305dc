/** The full text in parts answers as one of a piece would. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openIndex } from './index-schema.ts';
import { WordSearch, WordWriter, wordParts } from './index-words.ts';

/** Far apart, and some neighbours: as many parts as a large archive has. */
const messages = Array.from({ length: 400 }, (_, index) => index * 1_500 + (index % 3) + 1).flatMap((first) => [first, first + 1]);

function wordsOf(message: number): string {
  return `all ${message % 2 === 0 ? 'even numbers' : 'odd ones'} ${message % 50 === 0 ? 'rare' : ''} w${message % 100}`;
}

interface Asked {
  readonly match: string;
  readonly wanted?: boolean;
  readonly hasPrefix?: boolean;
  readonly fits: (words: string) => boolean;
}

const questions: readonly Asked[] = [
  { match: '"all"', fits: () => true },
  { match: '"even"', fits: (words) => words.includes('even') },
  { match: '"rare"', fits: (words) => words.includes('rare') },
  { match: '"even numbers"', fits: (words) => words.includes('even') },
  { match: '"numbers even"', fits: () => false },
  { match: '"all" NOT "even"', fits: (words) => !words.includes('even') },
  { match: '"rare"', wanted: false, fits: (words) => words.includes('rare') },
  { match: '"w1" *', hasPrefix: true, fits: (words) => / w1/.test(words) },
  { match: '"w1" * AND body : "odd"', hasPrefix: true, fits: (words) => / w1/.test(words) && words.includes('odd') },
  { match: '"nowhere" *', hasPrefix: true, fits: () => false },
];

test('words are found in whichever part they are, all of them or among some messages', () => {
  withIndex((index, reading) => {
    write(index, messages);
    const parts = wordParts(reading).toReversed();
    assert.ok(parts.length > 10);
    for (const [place, part] of parts.entries()) {
      const before = parts[place - 1];
      assert.ok(part.first <= part.last && (before === undefined || before.last < part.first));
    }
    for (const { match, wanted = true, hasPrefix = false, fits } of questions) {
      const expected = messages.filter((message) => fits(wordsOf(message)));
      for (const [asked, most] of samples()) {
        const search = new WordSearch(reading, { match, wanted, hasPrefix });
        const among = (): readonly number[] => [...search.among(asked)].sort((a, b) => a - b);
        const inSample = expected.filter((message) => asked.includes(message));
        assert.deepEqual(among(), inSample, match);
        assert.equal(search.count(most), Math.min(expected.length, most + 1), match);
        assert.equal(search.count(1_000), expected.length, match);
        assert.equal(search.count(most), Math.min(expected.length, most + 1), match);
        assert.deepEqual(among(), inSample, `${match}, once they are counted`);
        assert.deepEqual(
          [...search.all()].sort((a, b) => a - b),
          expected,
          match,
        );
      }
    }
  });
});

test('a part that was made in a transaction that failed is made again', () => {
  withIndex((index, reading) => {
    const writer = new WordWriter(index);
    index.exec('begin immediate');
    writer.write(1, ['', '', '', '', '', 'lost']);
    index.exec('rollback');
    writer.forget();
    index.exec('begin immediate');
    writer.write(1, ['', '', '', '', '', 'kept']);
    index.exec('commit');
    const found = (word: string): readonly number[] => new WordSearch(reading, { match: word, wanted: true, hasPrefix: false }).all();
    assert.deepEqual([found('lost'), found('kept')], [[], [1]]);
  });
});

/** Some messages in no order, and up to how many are counted. */
function samples(): readonly (readonly [asked: readonly number[], most: number])[] {
  return [
    [messages.slice(-7).reverse(), 3],
    [messages.filter((_, index) => index % 17 === 0), 100],
    [messages.toReversed(), 0],
    [[], 10],
  ];
}

function write(index: DatabaseSync, numbers: readonly number[]): void {
  // Deriving threads write side by side, and what a thread did not survive comes later.
  const late = (message: number): boolean => message % 7 === 0;
  const writers = [new WordWriter(index), new WordWriter(index)];
  index.exec('begin immediate');
  for (const message of [...numbers.filter((one) => !late(one)), ...numbers.filter(late)]) {
    writers[message % 2]?.write(message, ['', '', '', '', '', wordsOf(message)]);
  }
  index.exec('commit');
}

function withIndex(act: (index: DatabaseSync, reading: DatabaseSync) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'postern-words-'));
  try {
    const file = join(folder, 'index.sqlite');
    const index = openIndex(file);
    const reading = new DatabaseSync(':memory:');
    reading.prepare('attach database ? as ix').run(file);
    act(index, reading);
    reading.close();
    index.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The short form of crash.ts. The full one, with 100 kills on 2,000 messages, is a script of its own (CONTRIBUTING.md). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crash } from './crash.ts';

const kills = 6;

test('an import that is killed again and again loses nothing, counts nothing twice, and leaves an archive that can be verified', {
  timeout: 280_000,
}, async () => {
  const summary = await crash({ kills, messages: 300, seed: 5, say: () => undefined });
  assert.equal(summary.kills.length, kills);
  assert.ok(
    summary.kills.some(({ seen }) => seen.rows > 0),
    'at least one kill left something behind',
  );
});

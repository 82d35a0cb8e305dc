/** The short form of chaos.ts: a handful of fixed schedules, the same for everybody. The full one plays new ones and is a script (CONTRIBUTING.md). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chaos, failureText } from './chaos.ts';
import type { Played } from './play.ts';

/** Chosen because together they meet kills, a full disk, new UIDVALIDITYs and a dozen scenarios in a few seconds. */
const seeds = [1, 3, 4, 5, 6, 7];
const wish = { programs: 0.1 };

test('whatever happens to the server, the way and the process, each message is in the archive once and byte for byte', {
  timeout: 280_000,
}, async () => {
  const played: Played[] = [];
  await chaos({ seeds, wish, onPlayed: (one) => played.push(one) });
  const failed = played.filter(({ wrong }) => wrong.length > 0).map((one) => failureText(one, wish));
  assert.equal(failed.length, 0, failed.join('\n'));
  assert.ok(played.reduce((sum, { messages }) => sum + messages, 0) > 100, 'there was something to import');
  assert.ok(played.reduce((sum, { struck }) => sum + (struck['complete'] ?? 0), 0) >= 2 * played.length, 'runs came to their end');
});

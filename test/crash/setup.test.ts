/** The short form of setup.ts. The full one, which kills at every line, is a script of its own (CONTRIBUTING.md). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashSetup } from './setup.ts';

test('a setup that is killed and run again leaves one app, one usable secret and none that nobody has, and in the end nothing at all', {
  timeout: 280_000,
}, async () => {
  const kills = await crashSetup({
    at: [
      // The app is made and nobody heard of it; the secret is made and its value lost; the secret is there and not stored.
      { verb: 'apply', moment: 'after', line: 1 },
      { verb: 'apply', moment: 'after', line: 16 },
      { verb: 'apply', moment: 'store', line: 1 },
      // The new one is stored and not noted.
      { verb: 'rotate', moment: 'store', line: 2 },
      { verb: 'destroy', moment: 'after', line: 9 },
    ],
    say: () => undefined,
  });
  assert.deepEqual(
    kills.map(({ event }) => event.replace(/ \S*-\S*-\d+$| [0-9a-f-]{36}$/, '')),
    ['begin create-app', 'secret-asked', 'secret-received', 'secret-received', 'begin delete-principal'],
  );
});

/** How long is waited after which fault: the catalogue, the doubling, and what a server asks for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../fault/fault.ts';
import { waitBefore } from './backoff.ts';

const lost = new Fault('network.connection-lost');
const hourMs = 3_600_000;

for (const [attempt, shortestMs, longestMs] of [
  [1, 500, 1_000],
  [2, 1_000, 2_000],
  [5, 8_000, 16_000],
  [9, 128_000, 256_000],
  [10, 150_000, 300_000],
  [1_000, 150_000, 300_000],
  [0, 500, 1_000],
] as const) {
  test(`failure ${attempt} in a row is waited out for ${shortestMs} to ${longestMs} ms, by chance`, () => {
    assert.deepEqual([waitBefore(lost, attempt, 0), waitBefore(lost, attempt, 1)], [shortestMs, longestMs]);
  });
}

for (const [says, evidence, leastMs, mostMs] of [
  ['a pause in milliseconds', { backoffMs: 30_000 }, 30_000, 33_000],
  ["Entra's pause in seconds", { retryAfterSeconds: 60 }, 60_000, 66_000],
  ['a pause of years, which must be a slip,', { backoffMs: 999_999_999_999 }, hourMs, 3_960_001],
  ['a pause of nothing', { backoffMs: 0 }, 500, 1_000],
  ['no pause by name', {}, 500, 1_000],
] as const) {
  test(`${says} is kept, never shortened by chance`, () => {
    const throttled = new Fault('imap.throttled', evidence);
    assert.deepEqual([waitBefore(throttled, 1, 0), waitBefore(throttled, 1, 1)], [leastMs, mostMs]);
  });
}

test('what only a person can mend is not waited for', () => {
  for (const code of [
    'imap.not-connected',
    'imap.authenticate-refused',
    'token.secret-expired',
    'network.certificate-not-trusted',
  ] as const) {
    assert.equal(waitBefore(new Fault(code), 1, 0.5), undefined);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../fault/fault.ts';
import { ago, type Instant } from './instant.ts';
import { behindAfterMs, isNearlyFull, judgeService, type Lag, nextLag, type ServiceLook } from './service-state.ts';

const now: Instant = { wallMs: Date.UTC(2031, 3, 7, 9), steadyMs: 90_000_000 };
const nothing: ServiceLook = {
  ended: undefined,
  lag: undefined,
  derivingFault: undefined,
  disk: undefined,
  certificates: [],
  undelivered: [],
};
const gigabyte = 1e9;

function codes(look: Partial<ServiceLook>): readonly string[] {
  return judgeService({ ...nothing, ...look }, now).map(({ fault }) => fault.code);
}

test('a service of which nothing is known yet has nothing wrong', () => {
  assert.deepEqual(codes({}), []);
});

test('deriving is behind when the number has not come down for a quarter of an hour', () => {
  const messages = 40;
  assert.deepEqual(codes({ lag: { messages, stuckSince: ago(behindAfterMs, now) } }), ['watch.behind']);
  assert.deepEqual(codes({ lag: { messages, stuckSince: ago(behindAfterMs - 1, now) } }), []);
});

test('a lag that comes down, or is gone, starts its time anew', () => {
  const stuckSince = ago(behindAfterMs, now);
  const before: Lag = { messages: 40, stuckSince };
  assert.deepEqual(nextLag(before, 40, now), { messages: 40, stuckSince });
  assert.deepEqual(nextLag(before, 900, now), { messages: 900, stuckSince });
  assert.deepEqual(nextLag(before, 39, now), { messages: 39, stuckSince: now });
  assert.deepEqual(nextLag(before, 0, now), { messages: 0, stuckSince: now });
  assert.deepEqual(nextLag({ messages: 0, stuckSince }, 40, now), { messages: 40, stuckSince: now });
  assert.deepEqual(nextLag(undefined, 40, now), { messages: 40, stuckSince: now });
});

test('deriving that has ended by a fault is told by that fault at once', () => {
  assert.deepEqual(codes({ derivingFault: new Fault('archive.disk-full') }), ['archive.disk-full']);
});

test('a disk is nearly full below 5 % of a small one and below 10 GB of a large one', () => {
  assert.equal(isNearlyFull({ freeBytes: 0.9 * gigabyte, sizeBytes: 20 * gigabyte }), true);
  assert.equal(isNearlyFull({ freeBytes: 1.1 * gigabyte, sizeBytes: 20 * gigabyte }), false);
  assert.equal(isNearlyFull({ freeBytes: 9 * gigabyte, sizeBytes: 8_000 * gigabyte }), true);
  assert.equal(isNearlyFull({ freeBytes: 11 * gigabyte, sizeBytes: 8_000 * gigabyte }), false);
  assert.deepEqual(codes({ disk: { freeBytes: 1, sizeBytes: gigabyte } }), ['watch.disk-nearly-full']);
});

test('a way on which alerts do not go is named with the fault that it failed with, and no secret of it', () => {
  const fault = new Fault('watch.webhook-refused', { host: 'hooks.contoso.test', status: 500 });
  const [concern] = judgeService({ ...nothing, undelivered: [{ way: 'webhook', fault, since: now }] }, now);
  assert.equal(concern?.fault.code, 'watch.alert-undelivered');
  assert.deepEqual(concern?.fault.evidence, { way: 'webhook', fault: 'watch.webhook-refused', host: 'hooks.contoso.test', status: 500 });
});

test('what was wrong at the last look keeps its beginning', () => {
  const disk = { freeBytes: 1, sizeBytes: gigabyte };
  const first = judgeService({ ...nothing, disk }, ago(3_600_000, now));
  assert.equal(judgeService({ ...nothing, disk }, now, first)[0]?.since.wallMs, now.wallMs - 3_600_000);
});

/** The brakes on guessing, with a clock of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { addressBrake, Throttle, userBrake } from './throttle.ts';

function braked(): { readonly throttle: Throttle; pass(ms: number): void; guess(user: string, address: string, times: number): number } {
  let now = 0;
  const throttle = new Throttle(() => now);
  return {
    throttle,
    pass: (ms) => {
      now += ms;
    },
    /** Wrong ones, each as soon as it may. @returns how many were looked at without a wait */
    guess: (user, address, times) => {
      let looked = 0;
      for (let time = 0; time < times; time += 1) if (throttle.begin(user, address) === 0) looked += 1;
      return looked;
    },
  };
}

test('some wrong passwords cost nothing, then each doubles the wait, up to a bound that a person can bear', () => {
  const { throttle, pass, guess } = braked();
  assert.equal(guess('ann', '192.0.2.1', 10), userBrake.free);
  const waits: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    const waitMs = throttle.begin('ann', `192.0.2.${round + 10}`);
    waits.push(waitMs);
    pass(waitMs);
    assert.equal(throttle.begin('ann', `192.0.2.${round + 10}`), 0);
  }
  assert.deepEqual(waits.slice(0, 4), [2_000, 4_000, 8_000, 16_000]);
  assert.equal(waits.at(-1), userBrake.mostMs);
});

test('a lock passes by itself, and a right password ends the count', () => {
  const { throttle, pass, guess } = braked();
  guess('ann', '192.0.2.1', 100);
  const lockedMs = throttle.lockedMs('ann');
  assert.ok(lockedMs > 0);
  pass(lockedMs);
  assert.equal(throttle.begin('ann', '192.0.2.1'), 0);
  throttle.right('ann', '192.0.2.1');
  assert.equal(throttle.lockedMs('ann'), 0);
  assert.equal(guess('ann', '192.0.2.9', 100), userBrake.free);
});

test('one who guesses at many users is slowed down by address', () => {
  const { throttle, guess } = braked();
  const looked = Array.from({ length: 100 }, (_, index) => guess(`user${index}`, '192.0.2.1', 1)).reduce((sum, one) => sum + one);
  assert.equal(looked, addressBrake.free);
  assert.equal(throttle.begin('somebody', '192.0.2.2'), 0);
});

test('all addresses of one IPv6 network count as one, and IPv4 written as IPv6 is IPv4', () => {
  const { guess } = braked();
  const looked = Array.from({ length: 100 }, (_, index) => guess(`user${index}`, `2001:db8:1:2::${index.toString(16)}`, 1));
  assert.equal(
    looked.reduce((sum, one) => sum + one),
    addressBrake.free,
  );
  assert.equal(guess('ann', '2001:db8:1:3::1', 1), 1);
  const mapped = braked();
  for (let index = 0; index < addressBrake.free; index += 1) mapped.guess(`user${index}`, '192.0.2.1', 1);
  assert.equal(mapped.guess('ann', '::ffff:192.0.2.1', 1), 0);
});

test('whoever guesses at a user does not keep that user out at an address where the password was right before', () => {
  const { throttle, guess } = braked();
  throttle.begin('ann', '198.51.100.7');
  throttle.right('ann', '198.51.100.7');
  for (let index = 0; index < 50; index += 1) guess('ann', `192.0.2.${index}`, 5);
  assert.ok(throttle.begin('ann', '192.0.2.99') > 0);
  assert.equal(throttle.begin('ann', '198.51.100.7'), 0);
  // And there too guessing is slowed down.
  assert.equal(guess('ann', '198.51.100.7', 100), userBrake.free - 1);
});

test('a hundred attempts at the same moment are not all the first', () => {
  const { throttle } = braked();
  const begun = Array.from({ length: 100 }, () => throttle.begin('ann', '192.0.2.1'));
  assert.equal(begun.filter((waitMs) => waitMs === 0).length, userBrake.free);
});

test('a flood of names takes a bounded amount of memory', () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  const held = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const { throttle } = braked();
  const before = held();
  for (let index = 0; index < 60_000; index += 1) throttle.begin(`user${index}`, `10.${index % 256}.${(index >> 8) % 256}.${index % 199}`);
  const grown = held() - before;
  assert.ok(grown < 4_000_000, `${grown} bytes`);
  assert.equal(throttle.begin('ann', '192.0.2.1'), 0);
});

test('what was not looked at counts for nothing', () => {
  const { throttle } = braked();
  for (let index = 0; index < 100; index += 1) {
    assert.equal(throttle.begin('ann', '192.0.2.1'), 0);
    throttle.undone('ann', '192.0.2.1');
  }
});

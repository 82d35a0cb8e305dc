/** Wrong passwords, by a clock of ours: later answers, locks that hit whom they should, and none for the innocent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attempts } from './attempts.ts';

const minute = 60_000;
const far = '192.0.2.7';

function lab(): { readonly attempts: Attempts; pass(ms: number): void } {
  let now = 1_000_000_000_000;
  const attempts = new Attempts(() => now, { failures: 3, lockMs: 15 * minute });
  return {
    attempts,
    pass(ms) {
      now += ms;
    },
  };
}

const isLocked = (attempts: Attempts, address: string, name: string): boolean => attempts.look(address, name).lockedUntilMs !== undefined;

test('each refusal is held back a second at least, and longer the more there are', () => {
  const { attempts } = lab();
  const many = new Attempts(() => 0, { failures: 1000, lockMs: minute });
  assert.equal(attempts.failed(far, 'crm').delayMs, 1_000);
  const delays = Array.from({ length: 20 }, () => many.failed(far, 'crm').delayMs);
  assert.deepEqual(
    delays,
    delays.toSorted((a, b) => a - b),
  );
  assert.equal(delays.at(-1), 15_000);
});

test('a name and an address are locked together, and neither with another one', () => {
  const { attempts, pass } = lab();
  assert.equal(attempts.failed(far, 'crm').locked, undefined);
  attempts.failed(far, 'crm');
  assert.partialDeepStrictEqual(attempts.failed(far, 'crm').locked, { address: far, name: 'crm' });
  assert.equal(isLocked(attempts, far, 'crm'), true);
  assert.equal(isLocked(attempts, far, 'scanner'), false);
  assert.equal(isLocked(attempts, '192.0.2.8', 'crm'), false);
  pass(15 * minute);
  assert.equal(isLocked(attempts, far, 'crm'), false);
});

test('failures that lie ten minutes apart, or before a login that worked, lock nobody', () => {
  const { attempts, pass } = lab();
  for (let turn = 0; turn < 10; turn += 1) {
    attempts.failed(far, 'crm');
    pass(6 * minute);
  }
  assert.equal(isLocked(attempts, far, 'crm'), false);
  for (let turn = 0; turn < 5; turn += 1) {
    attempts.failed(far, 'mail');
    attempts.failed(far, 'mail');
    attempts.succeeded(far, 'mail');
  }
  assert.equal(isLocked(attempts, far, 'mail'), false);
});

test('an address that tries many names is locked as a whole, but never this machine', () => {
  const { attempts } = lab();
  for (let turn = 0; turn < 15; turn += 1) {
    attempts.failed(far, `name${turn}`);
    attempts.failed('127.0.0.1', `name${turn}`);
  }
  assert.equal(isLocked(attempts, far, 'innocent'), true);
  assert.equal(isLocked(attempts, '127.0.0.1', 'innocent'), false);
});

test('a name that is tried from everywhere is locked for strangers, and not for where it has logged in', () => {
  const { attempts } = lab();
  attempts.succeeded('198.51.100.1', 'crm');
  for (let turn = 0; turn < 15; turn += 1) attempts.failed(`192.0.2.${turn}`, 'crm');
  assert.equal(isLocked(attempts, '203.0.113.5', 'crm'), true);
  assert.equal(isLocked(attempts, '198.51.100.1', 'crm'), false);
  assert.ok(attempts.lockOf('crm') !== undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateFault, certificateStep } from './certificate-ends.ts';

const day = 86_400_000;
const now = Date.UTC(2031, 3, 7);

/** At so many days before its end, in whole days from the begin of its life: which steps it comes to. */
function firstTold(lifeDays: number): number | undefined {
  const ends = new Date(now);
  const begins = new Date(now - lifeDays * day);
  for (let left = lifeDays; left >= 0; left -= 0.5) {
    if (certificateStep({ of: 'proxy', file: 'x', begins, ends }, now - left * day) > 0) return left;
  }
  return undefined;
}

test('a certificate that lives for long is told of two months ahead, a short one when whoever renews it is late', () => {
  assert.deepEqual([825, 365, 200, 90, 47, 6].map(firstTold), [60, 60, 30, 14, 7, 1]);
});

test('one that has ended is at the last step, however short its life was', () => {
  const ended = { of: 'proxy', file: 'x', begins: new Date(now - day), ends: new Date(now) } as const;
  assert.equal(certificateStep(ended, now + 1), 6);
  assert.equal(certificateFault(ended, now + 1).code, 'watch.certificate-ended');
});

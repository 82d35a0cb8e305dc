/** Places are taken in turn, given back, and left by whoever is called away while waiting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from './slots.ts';

const never = new AbortController().signal;

test('no more are at it than there are places, and they come in the order in which they asked', async () => {
  const slots = new Slots(2);
  const order: number[] = [];
  let [now, most] = [0, 0];
  const work = (index: number): Promise<void> =>
    slots.within(never, async () => {
      order.push(index);
      now += 1;
      most = Math.max(most, now);
      await new Promise(setImmediate);
      now -= 1;
    });
  await Promise.all([0, 1, 2, 3, 4, 5].map(work));
  assert.deepEqual([order, most], [[0, 1, 2, 3, 4, 5], 2]);
});

test('who is called away while waiting holds no place and loses none for the others', async () => {
  const slots = new Slots(1);
  assert.ok(slots.tryTake());
  const control = new AbortController();
  const waiting = slots.take(control.signal);
  const behind = slots.take(never);
  control.abort(new Error('called away'));
  await assert.rejects(waiting, /called away/);
  slots.give();
  await behind;
  assert.equal(slots.tryTake(), false);
  slots.give();
  assert.equal(slots.tryTake(), true);
});

test('a place is given back also when the work fails', async () => {
  const slots = new Slots(1);
  await assert.rejects(
    slots.within(never, async () => {
      throw new Error('failed');
    }),
    /failed/,
  );
  assert.equal(slots.tryTake(), true);
});

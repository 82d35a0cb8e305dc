import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../runtime/clock.ts';
import { ConnectionBudget } from './budget.ts';

const never = new AbortController().signal;

test('no more places are taken than there are, in all and for one host', () => {
  const budget = new ConnectionBudget({ connections: 3, perHost: 2 });
  assert.deepEqual([budget.tryTake('a'), budget.tryTake('a'), budget.tryTake('a')], [true, true, false]);
  assert.deepEqual([budget.tryTake('b'), budget.tryTake('b')], [true, false]);
  budget.give('a');
  assert.deepEqual([budget.tryTake('b'), budget.tryTake('c')], [true, false]);
});

test('who waits for a full host holds up nobody else, and comes first when a place is free there', async () => {
  const budget = new ConnectionBudget({ connections: 4, perHost: 1 });
  const order: string[] = [];
  await budget.take('a', never);
  const waits = ['a1', 'a2'].map((name) => budget.take('a', never).then(() => order.push(name)));
  await budget.take('b', never);
  order.push('b');
  budget.give('a');
  await waits[0];
  budget.give('a');
  await waits[1];
  assert.deepEqual(order, ['b', 'a1', 'a2']);
});

test('nobody takes a place without waiting while another waits who could have it', async () => {
  const budget = new ConnectionBudget({ connections: 1 });
  await budget.take('a', never);
  const next = budget.take('b', never);
  budget.give('a');
  await next;
  assert.equal(budget.tryTake('a'), false);
  budget.give('b');
  assert.equal(budget.tryTake('a'), true);
});

test('who is called away while waiting holds no place', async () => {
  const budget = new ConnectionBudget({ connections: 1 });
  await budget.take('a', never);
  const called = new AbortController();
  const waiting = budget.take('a', called.signal);
  called.abort(new Error('called away'));
  await assert.rejects(waiting, /called away/);
  budget.give('a');
  assert.equal(budget.tryTake('a'), true);
});

test('a place is given back also when the work fails', async () => {
  const budget = new ConnectionBudget({ connections: 1 });
  await assert.rejects(
    budget.within('a', never, async () => {
      await systemClock.sleep(0);
      throw new Error('failed');
    }),
    /failed/,
  );
  assert.equal(budget.tryTake('a'), true);
});

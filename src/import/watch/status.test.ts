import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceStatus } from '../../journal/journal.ts';
import { withGaps } from './status.ts';

const healthy: SourceStatus = {
  source: 'one',
  state: 'healthy',
  since: new Date(0),
  lastPass: new Date(0),
  lastArrival: undefined,
  lastFault: undefined,
  nextLook: undefined,
  counters: {},
  concerns: [],
};

test('a gap that a reconciliation found after the last look makes the source late, once, and only that source', () => {
  const [one, two] = withGaps([healthy, { ...healthy, source: 'two' }], [{ source: 'one', open: 3 }], 5);
  assert.deepEqual([one?.state, two?.state], ['late', 'healthy']);
  assert.deepEqual(
    one?.concerns.map(({ kind, measure, fault }) => [kind, measure, fault.code]),
    [['gap', 3, 'watch.gaps-open']],
  );
  assert.deepEqual(withGaps(one === undefined ? [] : [one], [{ source: 'one', open: 3 }], 9), [one]);
});

test('a source that a person must mend stays refused, whatever else is missing', () => {
  const [refused] = withGaps([{ ...healthy, state: 'refused' }], [{ source: 'one', open: 1 }], 5);
  assert.equal(refused?.state, 'refused');
});

/** A mistake of ours in a reconciliation that goes on in the background: nobody is shown what it was about. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/service/engine.ts';
import { ReconciliationJob } from '../../src/service/reconciliation-job.ts';
import { until } from './import-place.ts';
import { startServicePlace } from './service-place.ts';

test('a bug while reconciling is told to the log of the service, and to who asked only as one', async () => {
  const place = await startServicePlace({
    yaml: ({ tenant, imap, mailbox }) =>
      `tenants:\n  lab: ${tenant}\nsources:\n  feed: { tenant: lab, mailbox: ${mailbox}, server: ${imap}, every: 1h }\n`,
  });
  try {
    const { engine } = place.parts;
    const bugs: unknown[] = [];
    const importSource: Engine['importSource'] = (name) => {
      const source = engine.importSource(name);
      return source && { ...source, connect: () => Promise.reject(new Error('words of a message')) };
    };
    const sources = (): ReturnType<Engine['sources']> => engine.sources();
    const broken: Engine = { ...engine, sources, importSource };
    const job = new ReconciliationJob({ ...place.parts, engine: broken, onBug: (error) => bugs.push(error) });
    job.start([], undefined, 'ann');
    await until(() => job.state.state !== 'running');
    assert.deepEqual([job.state.state, job.state.fault?.code], ['failed', 'service.broken']);
    assert.ok(!JSON.stringify(job.state).includes('words of a message'));
    assert.deepEqual(bugs.map(String), ['Error: words of a message']);
  } finally {
    await place.close();
  }
});

/** A thread that does nothing but unpack, ended at every moment: it must not take the process with it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { endThread, newGate } from './endable-thread.ts';

const busy = `
  import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
  import { parentPort } from 'node:worker_threads';
  import { uninterrupted } from ${JSON.stringify(new URL('./endable-thread.ts', import.meta.url).href)};
  const packed = zstdCompressSync(Buffer.alloc(200, 'x'));
  parentPort.postMessage('begun');
  for (;;) uninterrupted(() => zstdDecompressSync(packed));
`;

test('threads that unpack are ended thirty times at random moments, and the process lives', async () => {
  for (let round = 0; round < 30; round += 1) {
    const gate = newGate();
    const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(busy)}`), { workerData: { gate } });
    const exited = once(thread, 'exit');
    await once(thread, 'message');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2));
    await endThread(thread, gate);
    await exited;
  }
});

test('a thread that never comes out of what must not be cut off is ended all the same', async () => {
  const stuck = `
    import { parentPort } from 'node:worker_threads';
    import { uninterrupted } from ${JSON.stringify(new URL('./endable-thread.ts', import.meta.url).href)};
    parentPort.postMessage('begun');
    uninterrupted(() => { for (;;); });
  `;
  const gate = newGate();
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(stuck)}`), { workerData: { gate } });
  const exited = once(thread, 'exit');
  await once(thread, 'message');
  await endThread(thread, gate);
  const [code] = await exited;
  assert.equal(code, 1);
});

/**
 * Ends threads that may be in the middle of anything.
 *
 * The hard thing: Node 24.21 aborts the whole process (a native assertion, "close before init") when a thread is ended between the making
 * of a compression context and its first use, and threads of ours are ended when a message or a query takes too long, and with the archive.
 * So a thread passes a gate before it packs or unpacks, and whoever ends it shuts the gate first: then it is not inside, and will not be.
 */
import { isMainThread, type Worker, workerData } from 'node:worker_threads';

/** In shared memory: nobody inside, the thread inside, shut for good. */
const [open, inside, shut] = [0, 1, 2];
/** Unpacking the largest body takes less. */
const waitMs = 5_000;

/** Goes to a thread as `workerData.gate`. */
export function newGate(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

/** Does what must not be cut off by {@link endThread}. Not to be nested. Free of charge on the main thread and where there is no gate. */
export function uninterrupted<T>(act: () => T): T {
  const state = isMainThread ? undefined : ownGate();
  if (state === undefined) return act();
  // Shut: this thread is being ended, and waits here for it.
  while (Atomics.compareExchange(state, 0, open, inside) !== open) Atomics.wait(state, 0, shut);
  try {
    return act();
  } finally {
    Atomics.store(state, 0, open);
  }
}

/** Ends the thread as soon as it is not in the middle of what must not be cut off. */
export async function endThread(thread: Worker, gate: SharedArrayBuffer): Promise<void> {
  const state = new Int32Array(gate);
  for (const began = performance.now(); Atomics.compareExchange(state, 0, open, shut) === inside && performance.now() - began < waitMs; ) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await thread.terminate();
}

function ownGate(): Int32Array | undefined {
  const given: unknown = workerData;
  const gate = typeof given === 'object' && given !== null && 'gate' in given ? given.gate : undefined;
  return gate instanceof SharedArrayBuffer ? new Int32Array(gate) : undefined;
}

/**
 * Several connections of one mailbox: opened only where they help, fewer where the server wants fewer, and whatever happens to them every
 * message comes once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Archive } from '../../src/archive/archive.ts';
import { runOnce } from '../../src/import/run.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { type StubbornOptions, startStubborn } from './import-peer.ts';
import { archivedHashes, hashesOf, mails, type Watched, watched, withArchive } from './import-place.ts';
import { verified } from './import-suite.ts';

const count = 2_500;
const messages = mails('shared', count);

/** A second goes by whenever somebody looks at it, so that it is time for another connection at each look. */
function hasty(): Clock {
  let nowMs = 0;
  return {
    now: systemClock.now,
    monotonic: () => {
      nowMs += 1_000;
      return nowMs;
    },
    sleep: (_, signal) => systemClock.sleep(0, signal),
  };
}

interface Ran {
  readonly ports: Watched;
  readonly most: number;
}

async function run(
  options: Partial<StubbornOptions>,
  wish: {
    readonly busy: number;
    readonly folders?: readonly string[];
    readonly connections?: number;
    readonly perHost?: number;
    readonly onMessage?: (soFar: number, archive: Archive) => void;
  },
  check: (archive: Archive) => Promise<void> = async () => undefined,
): Promise<Ran> {
  const server = await startStubborn({ messages, fetchMs: 15, ...options });
  try {
    let result: Watched | undefined;
    await withArchive(async (archive) => {
      let soFar = 0;
      const ports = watched(
        archive,
        (event) => {
          if (event.kind !== 'message') return;
          soFar += 1;
          wish.onMessage?.(soFar, archive);
        },
        hasty(),
      );
      const source = server.source('one', wish.folders, { connections: 4, host: 'far' });
      const { connections = 8, perHost = 8 } = wish;
      const summary = await runOnce([source], { ...ports, busy: () => wish.busy }, { connections, perHost });
      assert.ok(summary.complete, JSON.stringify(summary.sources[0]?.fault));
      await check(archive);
      result = ports;
    });
    if (result === undefined) throw new Error('it did not run');
    return { ports: result, most: server.connections.most };
  } finally {
    await server.close();
  }
}

async function holdsAllOnce(archive: Archive): Promise<void> {
  const { messages: held, head } = await archive.stats();
  assert.deepEqual([held, head.rows], [count, count]);
}

test('a large folder is shared among as many connections as the source may have, and each message comes once', async () => {
  const { ports, most } = await run({}, { busy: 0 }, async (archive) => {
    await holdsAllOnce(archive);
    assert.deepEqual(await archivedHashes(archive), hashesOf(messages));
    await verified(archive);
  });
  assert.deepEqual([most, ports.of('message').length], [4, count]);
});

test('a process that is busy opens no second connection', async () => {
  assert.equal((await run({}, { busy: 0.9 }, holdsAllOnce)).most, 1);
});

test('the budgets of all connections and of a host hold for those that help, too', async () => {
  assert.equal((await run({}, { busy: 0, connections: 2 })).most, 2);
  assert.equal((await run({}, { busy: 0, perHost: 3 })).most, 3);
});

test('a server that takes no more connections is asked for fewer from then on, which is told, and nothing is lost', async () => {
  const { ports } = await run({ mostSessions: 2 }, { busy: 0 }, holdsAllOnce);
  assert.equal(ports.of('fewer-connections').at(-1)?.connections, 2);
  assert.equal(ports.of('fewer-connections')[0]?.fault.code, 'imap.not-connected');
  assert.deepEqual([ports.of('waiting'), ports.of('message').length], [[], count]);
});

test('a pause that the server asks for while several connections bring in makes them fewer for the rest of the run', async () => {
  let fetches = 0;
  const at = (command: string): 'obey' | 'throttle' => {
    if (command !== 'UID FETCH') return 'obey';
    fetches += 1;
    return fetches === 40 ? 'throttle' : 'obey';
  };
  const { ports, most } = await run({ at }, { busy: 0 }, holdsAllOnce);
  const [fewer] = ports.of('fewer-connections');
  assert.deepEqual([most, fewer?.fault.code, ports.of('fewer-connections').length], [4, 'imap.throttled', 1]);
  assert.ok((fewer?.connections ?? 0) < 4);
  assert.equal(ports.of('message').length, count);
});

test('a connection that breaks in the middle of a message leaves the rest to the others; none comes twice', async () => {
  const cut = new Set<number>();
  const atMessage = (uid: number): 'cut' | 'obey' => {
    if (uid % 600 !== 0 || cut.has(uid)) return 'obey';
    cut.add(uid);
    return 'cut';
  };
  const { ports } = await run({ atMessage }, { busy: 0 }, holdsAllOnce);
  assert.deepEqual([cut.size, ports.of('message').length], [4, count]);
});

test('while several connections bring in, the cursor never passes a message that has no durable row', async () => {
  let checks: Promise<void> = Promise.resolve();
  const onMessage = (soFar: number, archive: Archive): void => {
    if (soFar % 250 !== 0) return;
    checks = checks.then(async () => {
      const cursor = await archive.cursor('one', 'INBOX');
      if (cursor === undefined) return;
      const settled = await archive.settled({ source: 'one', folder: 'INBOX', uidValidity: cursor.uidValidity });
      for (let uid = 1; uid <= cursor.uid; uid += 1) assert.ok(settled.has(uid), `the cursor is at ${cursor.uid}, and ${uid} has no row`);
    });
  };
  await run({}, { busy: 0, onMessage }, async () => await checks);
});

test('many folders are looked at side by side, and all come', async () => {
  const folders = Array.from({ length: 30 }, (_, index) => `f${index}`);
  const few = messages.slice(0, 40);
  const { ports, most } = await run({ messages: few }, { busy: 0, folders }, async (archive) => {
    const { messages: held, head } = await archive.stats();
    assert.deepEqual([held, head.rows], [few.length, few.length * folders.length]);
  });
  assert.ok(most > 1, 'one connection looked at all of them');
  assert.deepEqual(ports.of('pass')[0]?.listed, few.length * folders.length);
});

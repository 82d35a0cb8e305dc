/**
 * How little a look asks for that finds nothing new, and that it misses nothing for it: counted command by command on a server of ours.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Archive } from '../../src/archive/archive.ts';
import { runOn } from '../../src/import/run.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { type Stubborn, type StubbornOptions, startStubborn } from './import-peer.ts';
import { mail, mails, type Watched, watched, withArchive } from './import-place.ts';

const minuteMs = 60_000;

/** Time that goes on by so much with each wait of the import, and by nothing else. */
function stepping(): Clock {
  let nowMs = 0;
  return {
    now: () => systemClock.now() + nowMs,
    monotonic: () => nowMs,
    async sleep(ms, signal) {
      await systemClock.sleep(0, signal);
      nowMs += ms;
    },
  };
}

interface Played {
  readonly ports: Watched;
  /** The commands of each pass, the login left out; what stands in front of a pass (IDLE, NOOP) is part of it. */
  readonly passes: readonly (readonly string[])[];
}

/** Goes on over `passes` looks. `between` is called after each of them. */
async function play(
  options: StubbornOptions,
  passes: number,
  between: (done: number, server: Stubborn) => void = () => undefined,
  run: { /** Whether the connection stays open between two looks. */ readonly stays?: boolean; readonly folders?: readonly string[] } = {},
  check: (archive: Archive) => Promise<void> = async () => undefined,
): Promise<Played> {
  const clock = stepping();
  const server = await startStubborn({ ...options, clock });
  const seen: string[][] = [];
  let from = 0;
  try {
    let result: Watched | undefined;
    await withArchive(async (archive) => {
      const ports = watched(
        archive,
        (event, { stop }) => {
          if (event.kind !== 'pass') return;
          seen.push(server.commands.slice(from));
          from = server.commands.length;
          between(seen.length, server);
          if (seen.length === passes) stop();
        },
        clock,
      );
      const source = server.source('one', run.folders, { everyMs: minuteMs, exclusive: run.stays === false });
      await runOn([source], ports, { connections: 1 });
      await check(archive);
      result = ports;
    });
    if (result === undefined) throw new Error('it did not run');
    return { ports: result, passes: seen };
  } finally {
    await server.close();
  }
}

/** What a server without IDLE is: the wait ends with a NOOP. */
const withoutIdle: Partial<StubbornOptions> = { capabilities: 'IMAP4rev1' };

test('over an open session a look that finds nothing new is one round trip', async () => {
  const { passes } = await play({ messages: mails('still', 3), ...withoutIdle }, 4);
  assert.deepEqual(passes.slice(1), [['NOOP'], ['NOOP'], ['NOOP']]);
});

test('on a new session it is EXAMINE alone, between login and goodbye', async () => {
  const { passes } = await play({ messages: mails('still', 3) }, 3, undefined, { stays: false });
  assert.deepEqual(passes.slice(1), [
    ['LOGOUT', 'EXAMINE "INBOX"'],
    ['LOGOUT', 'EXAMINE "INBOX"'],
  ]);
});

test('the first look lists everything once; what came whole is not listed again', async () => {
  const { passes } = await play({ messages: mails('whole', 3) }, 1);
  assert.deepEqual(passes[0], ['EXAMINE "INBOX"', 'UID SEARCH ALL', 'UID FETCH']);
});

test('new mail costs a list of the new alone, though n:* finds the last message too', async () => {
  const messages = [...mails('before', 3)];
  const { passes, ports } = await play(
    { messages },
    3,
    (done) => {
      if (done === 1) messages.push(mail('new one'), mail('new two'));
    },
    { stays: false },
    async (archive) => assert.equal((await archive.stats()).messages, 5),
  );
  assert.deepEqual(passes[1], ['LOGOUT', 'EXAMINE "INBOX"', 'UID SEARCH UID 4:*', 'UID FETCH']);
  assert.deepEqual(passes[2], ['LOGOUT', 'EXAMINE "INBOX"']);
  assert.deepEqual(
    ports.of('pass').map(({ arrived, listed }) => [arrived, listed]),
    [
      [3, 3],
      [2, 5],
      [0, 5],
    ],
  );
});

test('a removal and a delivery that leave the count as it was are seen, and all is compared', async () => {
  const messages: (Uint8Array | undefined)[] = [...mails('changing', 3)];
  const { passes } = await play(
    { messages },
    2,
    (done) => {
      if (done !== 1) return;
      messages[0] = undefined;
      messages.push(mail('in its place'));
    },
    { stays: false },
    async (archive) => assert.equal((await archive.stats()).messages, 4),
  );
  assert.deepEqual(passes[1], ['LOGOUT', 'EXAMINE "INBOX"', 'UID SEARCH UID 4:*', 'UID SEARCH ALL', 'UID FETCH']);
});

test('a removal alone brings a full comparison', async () => {
  const messages: (Uint8Array | undefined)[] = [...mails('fewer', 3)];
  const { passes } = await play({ messages }, 3, (done) => done === 1 && messages.splice(1, 1, undefined), {
    stays: false,
  });
  assert.deepEqual(passes[1]?.at(-1), 'UID SEARCH ALL');
  assert.deepEqual(passes[2], ['LOGOUT', 'EXAMINE "INBOX"']);
});

test('a message whose UID comes late, below others, is found within a quarter of an hour', async () => {
  const messages: (Uint8Array | undefined)[] = [mail('first'), undefined, mail('third')];
  const late = mail('second, late');
  await play(
    // Not told, and the count is kept as it was by the one that goes.
    { messages },
    20,
    (done) => {
      if (done !== 2) return;
      messages[1] = late;
      messages[0] = undefined;
    },
    { stays: false },
    async (archive) => assert.equal((await archive.stats()).messages, 3),
  );
});

test('an EXISTS that comes while the server searches is no news that gets lost: it is looked at at once', async () => {
  const messages = [...mails('quiet', 2)];
  let told = false;
  const news = (command: string): string => {
    if (command !== 'UID SEARCH' || told) return '';
    told = true;
    // Delivered behind the snapshot that the search answers from.
    setImmediate(() => messages.push(mail('in between')));
    return '* 3 EXISTS\r\n';
  };
  const { ports } = await play({ messages, news }, 1, undefined, {}, async (archive) => assert.equal((await archive.stats()).messages, 3));
  assert.deepEqual(
    ports.of('pass').map(({ arrived }) => arrived),
    [3],
  );
});

test('an EXISTS that comes with the last message is looked at before anybody listens', async () => {
  const messages = [...mails('fetched', 2)];
  const { ports } = await play(
    {
      messages,
      at: (command) => {
        if (command === 'UID FETCH' && messages.length === 2) messages.push(mail('while fetching'));
        return 'obey';
      },
      news: (command) => (command === 'UID FETCH' ? `* ${messages.length} EXISTS\r\n` : ''),
    },
    1,
  );
  assert.equal(ports.of('pass')[0]?.arrived, 3);
});

test('a folder of many messages is listed in ranges, so that no answer is large', async () => {
  const count = 120_000;
  const one = mail('the same');
  const server = await startStubborn({ messages: Array.from({ length: count }, (_, index) => (index === 70_000 ? undefined : one)) });
  try {
    await withArchive(async (archive) => {
      const mailbox = await server.source('one').connect(new AbortController().signal, archive);
      const uids = await (await mailbox.open('INBOX')).list();
      await mailbox.close();
      assert.deepEqual([uids.length, uids[0], uids[69_999], uids[70_000], uids.at(-1)], [count - 1, 1, 70_000, 70_002, count]);
    });
    assert.deepEqual(server.commands.slice(1, -1), ['UID SEARCH UID 1:50000', 'UID SEARCH UID 50001:100000', 'UID SEARCH UID 100001:*']);
  } finally {
    await server.close();
  }
});

test('several folders over an open session cost one round trip each', async () => {
  const { passes } = await play({ messages: mails('many folders', 2), ...withoutIdle }, 3, undefined, { folders: ['INBOX', 'a', 'b'] });
  assert.deepEqual(passes[2], ['NOOP', 'EXAMINE "b"', 'EXAMINE "a"', 'EXAMINE "INBOX"']);
});

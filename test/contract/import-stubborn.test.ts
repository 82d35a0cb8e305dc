/** The import against a server that means no good: what one message may spoil, how soon Ctrl-C ends it, how many connections it opens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOn, runOnce } from '../../src/import/run.ts';
import type { ImportPorts } from '../../src/import/source.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Stubborn, type StubbornOptions, startStubborn } from './import-peer.ts';
import { archivedHashes, hashesOf, hurrying, mails, until, watched, withArchive } from './import-place.ts';
import { equation, once } from './import-suite.ts';

/** Half of the shortest wait that would end by itself, so that a busy machine has room. */
const promptlyMs = 15_000;

async function withStubborn(options: Partial<StubbornOptions>, act: (server: Stubborn) => Promise<void>): Promise<void> {
  const server = await startStubborn({ messages: mails('stubborn', 5), ...options });
  try {
    await act(server);
  } finally {
    await server.close();
  }
}

test('a message that the server refuses to hand out is in quarantine as refused; the others come', async () => {
  const messages = [...mails('refused', 4)];
  await withStubborn({ messages, atMessage: (uid) => (uid === 2 || uid === 5 ? 'refuse' : 'obey') }, (server) =>
    withArchive(async (archive) => {
      const ports = watched(archive);
      const { sources, complete } = await once([server.source('one')], ports);
      assert.ok(complete);
      assert.deepEqual(equation(sources[0]), { listed: 4, before: 0, archived: 3, duplicate: 0, quarantined: 1, missing: 0 });
      assert.deepEqual(
        ports.of('quarantined').map(({ uid, reason }) => [uid, reason]),
        [[2, 'refused']],
      );
      // Alone with its refusal: that the server still hands out another one shows that it means this one.
      messages.push(...mails('refused later', 1));
      const later = await once([server.source('one')], watched(archive));
      assert.ok(later.complete);
      assert.deepEqual(equation(later.sources[0]), { listed: 5, before: 3, archived: 0, duplicate: 0, quarantined: 2, missing: 0 });
      const last = await once([server.source('one')], watched(archive));
      assert.ok(last.complete, 'what is in quarantine is no witness of what the server hands out');
      assert.equal((await archive.stats()).head.rows, 5);
    }),
  );
});

test('one message that is refused among many does not have all others asked for one by one', async () => {
  // More than a connection has in flight in all its attempts.
  const messages = mails('one of them refused', 1_500);
  await withStubborn({ messages, atMessage: (uid) => (uid === 3 ? 'refuse' : 'obey') }, (server) =>
    withArchive(async (archive) => {
      const { sources, complete } = await once([server.source('one')], watched(archive));
      assert.ok(complete);
      assert.deepEqual([sources[0]?.folders[0]?.archived, sources[0]?.folders[0]?.quarantined], [1_499, 1]);
      const commands = server.commands.filter((command) => command === 'UID FETCH').length;
      assert.ok(commands < 150, `${commands} commands`);
    }),
  );
});

test('a server that refuses every message has none of them put into quarantine: the folder fails, to be tried again', async () => {
  await withStubborn({ at: (command) => (command === 'UID FETCH' ? 'refuse' : 'obey') }, (server) =>
    withArchive(async (archive) => {
      const { sources, complete } = await once([server.source('one', ['INBOX', 'Second'])], watched(archive));
      assert.equal(complete, false);
      assert.deepEqual(
        sources[0]?.folders.map(({ fault, missing, quarantined }) => [fault?.code, missing.length, quarantined]),
        [
          ['imap.refused', 5, 0],
          ['imap.refused', 5, 0],
        ],
      );
    }),
  );
});

test('a message that somebody else deletes in mid-run is named as vanished, keeps nothing from ending, and the others come', async () => {
  const messages: (Uint8Array | undefined)[] = [...mails('deleted meanwhile', 6)];
  let isTold = false;
  const news = (command: string): string => {
    if (command !== 'NOOP' || isTold) return '';
    isTold = true;
    return '* 4 EXPUNGE\r\n';
  };
  await withStubborn({ messages, news }, (server) =>
    withArchive(async (archive) => {
      const ports = watched(archive, (event) => {
        if (event.kind === 'folder') messages[3] = undefined;
      });
      const { sources, complete } = await once([server.source('one')], ports);
      const folder = sources[0]?.folders[0];
      assert.ok(complete);
      assert.deepEqual([folder?.listed, folder?.archived, folder?.vanished, folder?.quarantined], [5, 5, 1, 0]);
      assert.deepEqual(
        ports.of('vanished').map(({ uidValidity, uids }) => [uidValidity, uids]),
        [[7, [4]]],
      );
    }),
  );
});

test('a message that the server sends twice under one UID comes once, with the bytes that came first', async () => {
  const messages = mails('repeated', 4);
  await withStubborn({ messages, atMessage: (uid) => (uid === 2 ? 'twice' : 'obey') }, (server) =>
    withArchive(async (archive) => {
      const { sources, complete } = await once([server.source('one')], watched(archive));
      assert.ok(complete);
      assert.equal(sources[0]?.folders[0]?.archived, 4);
      assert.deepEqual(await archivedHashes(archive), hashesOf(messages));
    }),
  );
});

test('a message at which the connection ends each time holds up no other, and is kept apart with that reason', async () => {
  await withStubborn({ atMessage: (uid) => (uid === 2 ? 'cut' : 'obey') }, (server) =>
    withArchive(async (archive) => {
      const { sources } = await once([server.source('one', ['INBOX', 'none'])], watched(archive));
      const [inbox, none] = sources[0]?.folders ?? [];
      assert.deepEqual(
        [sources[0]?.fault, inbox?.fault, inbox?.archived, inbox?.quarantined, inbox?.missing],
        [undefined, undefined, 4, 1, []],
      );
      const apart: unknown[] = [];
      for await (const { uid, reason, sha256 } of archive.quarantine()) apart.push([uid, reason, sha256]);
      assert.deepEqual(apart, [[2, 'cut', undefined]]);
      assert.equal(none?.fault?.code, 'imap.folder-unknown');
      assert.equal((await archivedHashes(archive)).length, 4);
    }),
  );
});

test('a message in quarantine for cut connections is asked for once in each run, and comes whole when it can', async () => {
  let isWell = false;
  const atMessage = (uid: number): 'cut' | 'obey' => (uid === 2 && !isWell ? 'cut' : 'obey');
  await withStubborn({ atMessage }, (server) =>
    withArchive(async (archive) => {
      const run = async () => {
        const before = server.connections.all;
        const { complete } = await once([server.source('one')], watched(archive));
        return [complete, server.connections.all - before];
      };
      assert.deepEqual(await run(), [true, 5]);
      assert.deepEqual(await run(), [true, 2]);
      isWell = true;
      assert.deepEqual(await run(), [true, 1]);
      assert.equal((await archivedHashes(archive)).length, 5);
      for await (const left of archive.quarantine()) assert.fail(`still apart: ${left.uid}`);
    }),
  );
});

test('where the connection ends at every message, none is kept apart: the folder is incomplete', async () => {
  await withStubborn({ atMessage: () => 'cut' }, (server) =>
    withArchive(async (archive) => {
      const { sources } = await once([server.source('one')], watched(archive));
      assert.equal((sources[0]?.fault ?? sources[0]?.folders[0]?.fault) === undefined, false);
      assert.equal((await archive.stats()).ledger.quarantined, 0);
    }),
  );
});

test('a wish for a message is not answered by a look that was refused: it stays, and the next look answers it', async () => {
  const place = { source: 'one', folder: 'INBOX', uidValidity: 7, uid: 2 };
  let [isWished, isWell, refusals] = [false, false, 0];
  const atMessage = (uid: number): 'refuse' | 'obey' => (uid === 2 && !isWell ? 'refuse' : 'obey');
  const at = (command: string): 'refuse' | 'obey' => {
    if (command !== 'UID SEARCH' || !isWished || refusals > 0) return 'obey';
    refusals += 1;
    isWell = true;
    return 'refuse';
  };
  await withStubborn({ at, atMessage, clock: hurrying() }, (server) =>
    withArchive(async (archive) => {
      const answers: string[] = [];
      const ports = watched(archive, (event) => {
        if (event.kind === 'pass') isWished = true;
      });
      const retries: NonNullable<ImportPorts['retries']> = {
        pendingRetries: async () =>
          isWished && answers.length === 0 ? [{ ...place, id: 1, asked: new Date(0), by: 'eva', done: undefined, outcome: undefined }] : [],
        endRetry: async (_, outcome) => {
          answers.push(outcome);
          ports.stop();
        },
      };
      await runOn([server.source('one')], { ...ports, retries }, { connections: 1 });
      assert.deepEqual([refusals, answers], [1, ['came']]);
    }),
  );
});

for (const [phase, options] of [
  ['before the greeting', { at: (command) => (command === 'GREETING' ? 'silence' : 'obey') }],
  ['at the login', { at: (command) => (command === 'LOGIN' ? 'silence' : 'obey') }],
  ['at opening a folder', { at: (command) => (command === 'EXAMINE' ? 'silence' : 'obey') }],
  ['at the search', { at: (command) => (command === 'UID SEARCH' ? 'silence' : 'obey') }],
  ['inside a message', { atMessage: (uid) => (uid === 3 ? 'silence' : 'obey') }],
  ['at the goodbye', { at: (command) => (command === 'LOGOUT' ? 'silence' : 'obey') }],
] as const satisfies readonly (readonly [string, Partial<StubbornOptions>])[]) {
  test(`Ctrl-C ends an import promptly when the server falls silent ${phase}, and keeps what came`, async () => {
    let stopAtMs = 0;
    let isSilent = false;
    const watch: Partial<StubbornOptions> = {
      ...('at' in options ? { at: (command) => noticed(options.at(command)) } : {}),
      ...('atMessage' in options ? { atMessage: (uid) => noticed(options.atMessage(uid)) } : {}),
    };
    const noticed = <W>(whim: W): W => {
      isSilent ||= whim === 'silence';
      return whim;
    };
    await withStubborn(watch, (server) =>
      withArchive(async (archive) => {
        const ports = watched(archive, undefined, systemClock);
        const running = runOnce([server.source('one')], ports, { connections: 1 });
        await until(() => isSilent && (phase !== 'inside a message' || ports.of('message').length === 2));
        stopAtMs = performance.now();
        ports.stop();
        const summary = await running;
        assert.ok(performance.now() - stopAtMs < promptlyMs, `it took ${performance.now() - stopAtMs} ms`);
        assert.deepEqual([summary.complete, summary.sources[0]?.stopped, summary.sources[0]?.fault], [false, true, undefined]);
        const kept = phase === 'inside a message' ? 2 : phase === 'at the goodbye' ? 5 : 0;
        assert.equal((await archive.stats()).messages, kept);
      }),
    );
  });
}

test('Ctrl-C ends it promptly while it waits to try again, and while mail is being made searchable', async () => {
  await withStubborn({ at: (command) => (command === 'LOGIN' ? 'cut' : 'obey') }, (server) =>
    withArchive(async (archive) => {
      const ports = watched(archive, (event) => event.kind === 'waiting' && ports.stop(), systemClock);
      const summary = await runOnce([server.source('one')], ports, { connections: 1 });
      assert.deepEqual([summary.sources[0]?.stopped, ports.of('waiting').length], [true, 1]);
    }),
  );
  const messages = mails('to be derived', 300, 20_000);
  await withStubborn({ messages }, (server) =>
    withArchive(async (archive) => {
      const ports = watched(archive, undefined, systemClock);
      let stopAtMs = 0;
      const onDeriving = (): void => {
        if (stopAtMs === 0) stopAtMs = performance.now();
        ports.stop();
      };
      const summary = await runOnce([server.source('one')], ports, { connections: 1, onDeriving });
      if (stopAtMs === 0) return; // derived as fast as it came
      assert.ok(performance.now() - stopAtMs < promptlyMs);
      assert.equal(summary.complete, false);
      assert.deepEqual(await archivedHashes(archive), hashesOf(messages));
    }),
  );
});

test('1,000 sources that go on share 4 connections for bringing in and 10 for listening; all come in, and end promptly', async () => {
  const count = 1_000;
  await withStubborn({ messages: mails('shared', 2) }, (server) =>
    withArchive(async (archive) => {
      const sources = Array.from({ length: count }, (_, index) => server.source(`s${index}`));
      let stopAtMs = 0;
      const ports = watched(
        archive,
        (_, { of, stop }) => {
          if (stopAtMs !== 0 || of('pass').length < count) return;
          stopAtMs = performance.now();
          stop();
        },
        systemClock,
      );
      await runOn(sources, ports, { connections: 4, listening: 10 });
      assert.ok(performance.now() - stopAtMs < promptlyMs, `it took ${performance.now() - stopAtMs} ms`);
      assert.equal(new Set(ports.of('pass').map(({ source }) => source)).size, count);
      assert.deepEqual([ports.of('waiting'), ports.of('failed')], [[], []]);
      // One more, for the server may hear of a new connection before it hears of the end of the last.
      assert.ok(server.connections.most <= 4 + 10 + 1, `${server.connections.most} connections at once`);
      assert.equal((await archive.stats()).ledger.duplicate, 2 * count - 2);
    }),
  );
});

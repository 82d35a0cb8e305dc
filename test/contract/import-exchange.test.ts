/**
 * Exchange's oddities (M365 facts §5.1), each by the name of its scenario: what the import makes of it, and what it tells.
 *
 * Waits pass in a clock of our own, which the sandbox shares: what asks for half a minute costs nothing here.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Archive } from '../../src/archive/archive.ts';
import { runOn } from '../../src/import/run.ts';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import {
  archivedHashes,
  hashesOf,
  hurrying,
  mail,
  mails,
  type SourceWish,
  sourcesFor,
  type Watched,
  watched,
  withArchive,
} from './import-place.ts';
import { type SandboxPlace, sandboxPlace } from './import-place-sandbox.ts';
import { equation, once, verified } from './import-suite.ts';

const clock = hurrying();
let place: SandboxPlace;
before(async () => {
  place = await sandboxPlace(() => new Date(clock.now()));
});
after(() => place.close());

const dozen = { listed: 12, before: 0, archived: 12, duplicate: 0, quarantined: 0, missing: 0 };

interface Ran {
  readonly summary: Awaited<ReturnType<typeof once>>;
  readonly ports: Watched;
}

async function run(archive: Archive, wish: SourceWish, on?: Parameters<typeof watched>[1]): Promise<Ran> {
  const ports = watched(archive, on, clock);
  return { summary: await once(await sourcesFor(place, wish), ports), ports };
}

function scenario(name: string): string {
  return `${name}@contoso.test`;
}

/** Codes of the faults that were waited out. */
function waitedFor({ ports }: Ran): readonly string[] {
  return ports.of('waiting').map(({ fault }) => fault.code);
}

function tokenRequests(): number {
  return place.sandbox.tenant.apps.get(place.sandbox.clientId)?.tokenRequests ?? 0;
}

test('throttled: the pause is kept as long as the server asks, told, and the same connection goes on', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('throttled') });
    assert.ok(ran.summary.complete);
    assert.deepEqual(equation(ran.summary.sources[0]), dozen);
    assert.deepEqual([ran.ports.of('connecting').length, [...new Set(waitedFor(ran))]], [1, ['imap.throttled']]);
    for (const { fault, waitMs } of ran.ports.of('waiting'))
      assert.ok(waitMs >= Number(fault.evidence['backoffMs']), `waited ${waitMs} ms only`);
  });
});

test('expires: a session that outlives its token in the middle of its work goes on with a fresh one, without alarm', async () => {
  const mailbox = place.mailbox();
  const folders = ['INBOX', 'Archive', 'Drafts'];
  for (const folder of folders) place.deliver(mailbox, folder, mails(folder, 2));
  place.state(mailbox).quirks.expires = { afterCommands: 7, afterIdleMs: 500 };
  const requestsBefore = tokenRequests();
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox, folders });
    assert.ok(ran.summary.complete);
    assert.deepEqual([ran.ports.of('connecting').length, waitedFor(ran), tokenRequests() - requestsBefore], [2, [], 2]);
    assert.equal((await archive.stats()).messages, 6);
  });
});

test('expires: the same while listening; what arrives afterwards comes in', async () => {
  const mailbox = place.mailbox();
  const { quirks } = place.state(mailbox);
  quirks.expires = { afterCommands: 1_000, afterIdleMs: 20 };
  const requestsBefore = tokenRequests();
  await withArchive(async (archive) => {
    const ports = watched(archive, (event, { of, stop }) => {
      if (event.kind === 'pass' && event.arrived === 1) stop();
      if (event.kind !== 'connecting' || of('connecting').length !== 2) return;
      delete quirks.expires;
      place.deliver(mailbox, 'INBOX', [mail('after the expiry')]);
    });
    await runOn(await sourcesFor(place, { mailbox, every: '1h' }), ports, { connections: 1 });
    assert.deepEqual(
      [ports.of('connecting').length, ports.of('waiting'), ports.of('failed'), tokenRequests() - requestsBefore],
      [2, [], [], 2],
    );
    assert.equal((await archive.stats()).messages, 1);
  });
});

test('a token that was good and is taken back is replaced, and the run goes on', async () => {
  const mailbox = place.mailbox();
  const sources = await sourcesFor(place, { mailbox });
  await withArchive(async (archive) => {
    assert.ok((await once(sources, watched(archive))).complete);
    const answer = await fetch(`${place.sandbox.control}/tokens/expire`, { method: 'POST' });
    assert.equal(answer.status, 200);
    place.deliver(mailbox, 'INBOX', [mail('with the new token')]);
    const ports = watched(archive);
    assert.ok((await once(sources, ports)).complete);
    assert.deepEqual([ports.of('waiting'), (await archive.stats()).messages], [[], 1]);
  });
});

test('drops: a connection that is cut inside literals again and again ends with every message, and none came twice', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('drops') });
    assert.ok(ran.summary.complete);
    assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, listed: 60, archived: 60 });
    assert.deepEqual([...new Set(waitedFor(ran))], ['network.connection-lost']);
    assert.ok(ran.ports.of('connecting').length > 2);
    assert.deepEqual(await archivedHashes(archive), hashesOf(place.list(scenario('drops'), 'INBOX').map(({ bytes }) => bytes)));
    await verified(archive);
  });
});

test('empty-fetch: a message that the server lists and never gives is in quarantine as no-data, and asked for again in each run', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('empty-fetch') });
    assert.ok(ran.summary.complete);
    assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, archived: 11, quarantined: 1 });
    assert.deepEqual(
      ran.ports.of('quarantined').map(({ uid, reason }) => [uid, reason]),
      [[3, 'no-data']],
    );
    const again = await run(archive, { mailbox: scenario('empty-fetch') });
    assert.ok(again.summary.complete);
    assert.deepEqual(equation(again.summary.sources[0]), { ...dozen, before: 11, archived: 0, quarantined: 1 });
    assert.equal((await archive.stats()).head.rows, 12, 'a second refusal is no second row');
    await verified(archive);
  });
});

test('empty-fetch: when the content comes after all, it is archived, and the row without it stays as evidence', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('late content', 5));
  place.state(mailbox).quirks.emptyFetch = [2, 4];
  await withArchive(async (archive) => {
    const first = await run(archive, { mailbox });
    assert.deepEqual(equation(first.summary.sources[0]), { ...dozen, listed: 5, archived: 3, quarantined: 2 });
    place.state(mailbox).quirks.emptyFetch = [4];
    const second = await run(archive, { mailbox });
    assert.deepEqual(equation(second.summary.sources[0]), { ...dozen, listed: 5, before: 3, archived: 1, quarantined: 1 });
    const stats = await archive.stats();
    assert.deepEqual([stats.messages, stats.head.rows, stats.ledger], [4, 6, { archived: 4, duplicate: 0, quarantined: 2 }]);
    await verified(archive);
  });
});

test('empty-fetch: a server that gives no content of any message has none put into quarantine; they come when it is well', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('hiccup', 4));
  place.state(mailbox).quirks.emptyFetch = [1, 2, 3, 4];
  await withArchive(async (archive) => {
    const first = await run(archive, { mailbox });
    assert.ok(!first.summary.complete);
    assert.deepEqual(equation(first.summary.sources[0]), { ...dozen, listed: 4, archived: 0, missing: 4 });
    assert.equal(first.summary.sources[0]?.folders[0]?.fault?.code, 'import.incomplete');
    place.state(mailbox).quirks.emptyFetch = [];
    const second = await run(archive, { mailbox });
    assert.ok(second.summary.complete);
    assert.deepEqual(equation(second.summary.sources[0]), { ...dozen, listed: 4, archived: 4 });
  });
});

test('empty-fetch: while a message is still missing the cursor stays before it, whatever came behind', async () => {
  const mailbox = scenario('empty-fetch');
  await withArchive(async (archive) => {
    // Stopped where it waits before it asks again.
    const impatient = { ...clock, sleep: async (): Promise<void> => ports.stop() };
    const ports: Watched = watched(archive, undefined, impatient);
    const [summary] = (await once(await sourcesFor(place, { mailbox }), ports)).sources;
    assert.deepEqual([summary?.stopped, equation(summary)], [true, { ...dozen, archived: 11, missing: 1 }]);
    const cursor = await archive.cursor('s0', 'INBOX');
    assert.equal(cursor?.uid, 2);
    const settled = await archive.settled({ source: 's0', folder: 'INBOX', uidValidity: cursor?.uidValidity ?? 0 });
    assert.deepEqual([settled.size, settled.has(3), settled.has(12)], [11, false, true]);
  });
});

test('empty-fetch: a message that was noted before makes no run incomplete when it is the last that is left', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('the last one is empty', 2));
  place.state(mailbox).quirks.emptyFetch = [2];
  await withArchive(async (archive) => {
    assert.ok((await run(archive, { mailbox })).summary.complete);
    // Moved or deleted once it was safe: nobody is left who could show that the server gives content.
    place.remove(mailbox, 'INBOX', 0);
    const { summary } = await run(archive, { mailbox });
    assert.ok(summary.complete);
    assert.equal(summary.sources[0]?.folders[0]?.quarantined, 1);
    assert.equal((await archive.stats()).head.rows, 2);
  });
});

test('substitute: the text that Exchange sends in place of a message is kept apart, with its bytes', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('substitute') });
    assert.ok(ran.summary.complete);
    assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, archived: 11, quarantined: 1 });
    assert.deepEqual(
      ran.ports.of('quarantined').map(({ uid, reason }) => [uid, reason]),
      [[3, 'substitute']],
    );
    let text = '';
    for await (const message of archive.matches({ terms: [] })) {
      if (message.occurrences[0]?.state !== 'quarantined') continue;
      for await (const chunk of archive.read(message.sha256)) text += Buffer.from(chunk).toString();
    }
    assert.match(text, /Retrieval using the IMAP4 protocol failed for the following message/);
  });
});

test('late-uid: a message that is counted before it is listed is waited for, and is not put into quarantine', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('late-uid') });
    assert.ok(ran.summary.complete);
    assert.deepEqual([equation(ran.summary.sources[0]), ran.ports.of('quarantined')], [dozen, []]);
  });
});

test('late-uid: nor is one that is listed before it can be fetched', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('late', 3));
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox }, (event, { of }) => {
      const [, late] = place.folder(mailbox).messages;
      if (event.kind === 'folder' && of('folder').length === 1 && late !== undefined) late.hiddenFor = 2;
    });
    assert.ok(ran.summary.complete);
    assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, listed: 3, archived: 3 });
    assert.deepEqual([ran.summary.sources[0]?.folders[0]?.vanished, ran.ports.of('quarantined')], [0, []]);
  });
});

test('late-uid: one that is counted and never listed makes the run incomplete, by import.incomplete', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('hidden', 2));
  const [hidden] = place.folder(mailbox).messages;
  if (hidden !== undefined) hidden.hiddenFor = 1_000;
  await withArchive(async (archive) => {
    const { summary } = await run(archive, { mailbox });
    const folder = summary.sources[0]?.folders[0];
    assert.deepEqual([summary.complete, folder?.fault?.code, folder?.archived], [false, 'import.incomplete', 1]);
    assert.deepEqual([folder?.fault?.evidence['counted'], folder?.fault?.evidence['listed']], [2, 1]);
  });
});

test('mail that arrives faster than it can be brought in does not keep a run from ending', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', [mail('the first')]);
  await withArchive(async (archive) => {
    const { summary, ports } = await run(archive, { mailbox }, (event) => {
      if (event.kind === 'folder') place.deliver(mailbox, 'INBOX', [mail(`more ${place.folder(mailbox).uidNext}`)]);
    });
    const folder = summary.sources[0]?.folders[0];
    assert.deepEqual([summary.complete, folder?.fault?.code, folder?.missing.length], [false, 'import.incomplete', 1]);
    assert.equal(folder?.archived, ports.of('message').length);
    assert.ok((await run(archive, { mailbox })).summary.complete);
  });
});

test('a person who wants a message asked for again has it in the next pass of a running import, and is answered', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('asked again', 5));
  place.state(mailbox).quirks.emptyFetch = [2];
  place.state(mailbox).quirks.substitute = [4];
  const folder = mkdtempSync(join(tmpdir(), 'postern-journal-'));
  const journal = openJournal(folder, { clock: systemClock });
  try {
    await withArchive(async (archive) => {
      const { uidValidity } = place.folder(mailbox);
      const wanted = [2, 4, 5_000].map((uid) => ({ source: 's0', folder: 'INBOX', uidValidity, uid }));
      const asked: Promise<void>[] = [];
      const ports = watched(
        archive,
        (event, { of, stop }) => {
          if (event.kind !== 'pass') return;
          if (of('pass').length === 2) return stop();
          place.state(mailbox).quirks.emptyFetch = [];
          asked.push(journal.requestRetries(wanted, 'test').then(() => place.deliver(mailbox, 'INBOX', [mail('wakes it')])));
        },
        clock,
      );
      await runOn(await sourcesFor(place, { mailbox, every: '1h' }), { ...ports, retries: journal }, { connections: 1 });
      await Promise.all(asked);
      // What was without content has come beside the row that says so; the substitute is still one.
      assert.deepEqual((await archive.stats()).ledger, { archived: 5, duplicate: 0, quarantined: 2 });
      assert.deepEqual(await journal.pendingRetries('s0'), []);
    });
  } finally {
    await journal.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('repeats-last: looking again brings nothing again, though `n:*` always finds the last message', async () => {
  await withArchive(async (archive) => {
    await run(archive, { mailbox: scenario('repeats-last') });
    const again = await run(archive, { mailbox: scenario('repeats-last') });
    assert.ok(again.summary.complete);
    assert.deepEqual(
      [equation(again.summary.sources[0]), again.summary.sources[0]?.bytes],
      [{ ...dozen, listed: 3, before: 3, archived: 0 }, 0],
    );
  });
});

test('uidvalidity-changes: each change is told, all comes again as duplicates, and the archive holds each message once', async () => {
  await withArchive(async (archive) => {
    const changes: number[] = [];
    for (let round = 1; round <= 5; round += 1) {
      const ran = await run(archive, { mailbox: scenario('uidvalidity-changes') });
      assert.ok(ran.summary.complete);
      if (ran.ports.of('uid-validity-changed').length > 0) changes.push(round);
    }
    const { messages, ledger } = await archive.stats();
    assert.deepEqual([changes, messages, ledger], [[5], 12, { archived: 12, duplicate: 12, quarantined: 0 }]);
    await verified(archive);
  });
});

test('a UIDVALIDITY that changes between two connections of a run leaves an equation that holds', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('between', 4));
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox }, (event, { of }) => {
      // Ends the session at once, as Exchange does.
      if (event.kind === 'message' && of('message').length === 2) place.renumber(mailbox, 'INBOX');
    });
    assert.ok(ran.summary.complete);
    const { listed, before: rows, archived, duplicate } = ran.summary.sources[0]?.folders[0] ?? assert.fail();
    assert.deepEqual([listed, rows, archived + duplicate], [4, 0, 4]);
    assert.equal((await archive.stats()).messages, 4);
  });
});

test('a folder that is numbered anew each time before it is in does not keep the run from ending', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', [...mails('numbered', 40), new Uint8Array()]);
  Object.assign(place.state(mailbox).quirks, { expires: { afterCommands: 10, afterIdleMs: 500 }, uidValidityChangesEvery: 4 });
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox }, (event, ports) => {
      if (event.kind === 'uid-validity-changed' && ports.of('uid-validity-changed').length > 50) ports.stop();
    });
    const [source] = ran.summary.sources;
    assert.deepEqual([source?.stopped, source?.folders[0]?.fault?.code], [false, 'import.incomplete']);
    await verified(archive);
  });
});

test('wrong-size: RFC822.SIZE is noted and never believed', async () => {
  await withArchive(async (archive) => {
    assert.ok((await run(archive, { mailbox: scenario('wrong-size') })).summary.complete);
    assert.deepEqual(await archivedHashes(archive), hashesOf(place.list(scenario('wrong-size'), 'INBOX').map(({ bytes }) => bytes)));
    await verified(archive);
  });
});

for (const name of ['no-grant', 'imap-off']) {
  test(`${name}: a mailbox that is not connected the first time ends the run at once, for a person to mend`, async () => {
    await withArchive(async (archive) => {
      const ran = await run(archive, { mailbox: scenario(name) });
      const fault = ran.summary.sources[0]?.fault;
      assert.deepEqual([fault?.code, fault?.entry.retry], ['imap.not-connected', 'never']);
      assert.deepEqual([ran.ports.of('connecting').length, waitedFor(ran)], [1, []]);
    });
  });
}

test('busy-then-connected: on a mailbox that worked, not connected is waited out', async () => {
  await withArchive(async (archive) => {
    assert.ok((await run(archive, { mailbox: scenario('busy-then-connected') })).summary.complete);
    const again = await run(archive, { mailbox: scenario('busy-then-connected') });
    assert.ok(again.summary.complete);
    assert.deepEqual(waitedFor(again), ['import.mailbox-unavailable', 'import.mailbox-unavailable']);
  });
});

test('a grant that comes while the import goes on takes effect by itself', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('granted', 2));
  const { grants } = place.state(mailbox);
  const all = [...grants];
  grants.clear();
  await withArchive(async (archive) => {
    const ports = watched(archive, (event, { stop }) => {
      if (event.kind === 'failed') for (const one of all) grants.add(one);
      if (event.kind === 'pass') stop();
    });
    await runOn(await sourcesFor(place, { mailbox }), ports, { connections: 1 });
    assert.deepEqual(
      ports.of('failed').map(({ fault, waitMs }) => [fault.code, waitMs]),
      [['imap.not-connected', 15 * 60_000]],
    );
    assert.equal((await archive.stats()).messages, 2);
  });
});

test('a folder that is not there is told once while the import goes on, not at every look', async () => {
  const mailbox = place.mailbox();
  await withArchive(async (archive) => {
    const ports = watched(archive, (event, { of, stop }) => {
      if (event.kind === 'pass' && of('pass').length === 3) stop();
    });
    await runOn(await sourcesFor(place, { mailbox, folders: ['Later', 'INBOX'] }), ports, { connections: 1, listening: 1 });
    assert.deepEqual(
      ports.of('folder-failed').map(({ folder, fault }) => [folder, fault.code]),
      [['Later', 'imap.folder-unknown']],
    );
  });
});

test('server-unavailable: it is tried again, and comes in', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('server-unavailable') });
    assert.ok(ran.summary.complete);
    assert.deepEqual(waitedFor(ran), ['imap.server-unavailable', 'imap.server-unavailable']);
  });
});

test('slow: a server that takes its time over login and commands is waited for, without a fault', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('slow', 2));
  Object.assign(place.state(mailbox).quirks, { slowLoginMs: 100, slow: { commandMs: 50 } });
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox });
    assert.ok(ran.summary.complete);
    assert.deepEqual(waitedFor(ran), []);
  });
});

/**
 * What goes wrong over POP3, each by the name of its scenario: what the import makes of it, and what it tells.
 *
 * Waits pass in a clock of our own, which the sandbox shares.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Archive, LedgerEntry } from '../../src/archive/archive.ts';
import { runOn } from '../../src/import/run.ts';
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
import type { SandboxPlace } from './import-place-sandbox.ts';
import { popSandboxPlace } from './import-pop-place.ts';
import { equation, once, verified } from './import-suite.ts';

const clock = hurrying();
let place: SandboxPlace;
before(async () => {
  place = await popSandboxPlace(() => new Date(clock.now()));
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

function hashesOn(mailbox: string): string[] {
  return hashesOf(place.list(mailbox, 'INBOX').map(({ bytes }) => bytes));
}

async function ledgerOf(archive: Archive): Promise<readonly LedgerEntry[]> {
  const rows: LedgerEntry[] = [];
  for await (const row of archive.ledger()) rows.push(row);
  return rows;
}

test('each row has a number of ours and the name that the server gives the message', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('named', 3));
  await withArchive(async (archive) => {
    assert.ok((await run(archive, { mailbox })).summary.complete);
    place.remove(mailbox, 'INBOX', 0);
    place.deliver(mailbox, 'INBOX', mails('named later', 2));
    assert.ok((await run(archive, { mailbox })).summary.complete);
    const rows = await ledgerOf(archive);
    assert.deepEqual(
      rows.map(({ uid, uidValidity, folder }) => [uid, uidValidity, folder]),
      [1, 2, 3, 4, 5].map((uid) => [uid, 0, 'INBOX']),
    );
    assert.equal(new Set(rows.map(({ uidl }) => uidl)).size, 5);
    assert.ok(rows.every(({ uidl, internalDate, announcedBytes }) => uidl !== undefined && internalDate === undefined && announcedBytes));
    await verified(archive);
  });
});

for (const pipelining of [false, true]) {
  const how = pipelining ? 'with commands in flight' : 'one command after the other';
  test(`throttled, ${how}: the pause is kept as long as the server asks, told, and the same connection goes on`, async () => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails(`throttled ${how}`, 20));
    Object.assign(place.state(mailbox).quirks, { throttle: { everyNth: 7, backoffMs: 300 }, popPipelining: pipelining });
    await withArchive(async (archive) => {
      const ran = await run(archive, { mailbox });
      assert.ok(ran.summary.complete, JSON.stringify(ran.summary));
      assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, listed: 20, archived: 20 });
      assert.deepEqual([ran.ports.of('connecting').length, [...new Set(waitedFor(ran))]], [1, ['pop.throttled']]);
      for (const { fault, waitMs } of ran.ports.of('waiting')) {
        assert.ok(waitMs >= Number(fault.evidence['backoffMs']), `waited ${waitMs} ms only`);
      }
      assert.deepEqual(await archivedHashes(archive), hashesOn(mailbox));
    });
  });

  test(`a server that is read ${how} never gets a command before its time`, async () => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails(`in order ${how}`, 40));
    place.state(mailbox).quirks.popPipelining = pipelining;
    await withArchive(async (archive) => {
      assert.ok((await run(archive, { mailbox })).summary.complete);
      assert.equal(place.state(mailbox).seen.pipelined, 0);
      assert.deepEqual(await archivedHashes(archive), hashesOn(mailbox));
    });
  });
}

test('pop-refuses: a message that the server lists and refuses is in quarantine as refused, the others come; it is asked for again in each run', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('pop-refuses') });
    assert.ok(ran.summary.complete);
    assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, archived: 11, quarantined: 1 });
    assert.deepEqual(
      ran.ports.of('quarantined').map(({ uid, reason }) => [uid, reason]),
      [[3, 'refused']],
    );
    const again = await run(archive, { mailbox: scenario('pop-refuses') });
    assert.deepEqual(equation(again.summary.sources[0]), { ...dozen, before: 11, archived: 0, quarantined: 1 });
    assert.equal((await archive.stats()).head.rows, 12, 'a second refusal is no second row');
    await verified(archive);
  });
});

test('pop-refuses: when it is handed out after all, it is archived under the same number', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('late content', 4));
  place.state(mailbox).quirks.pop = { refuse: [2] };
  await withArchive(async (archive) => {
    await run(archive, { mailbox });
    place.state(mailbox).quirks.pop = {};
    const { summary } = await run(archive, { mailbox });
    assert.deepEqual(equation(summary.sources[0]), { ...dozen, listed: 4, before: 3, archived: 1 });
    assert.deepEqual(
      (await ledgerOf(archive)).filter(({ uid }) => uid === 2).map(({ state }) => state),
      ['quarantined', 'archived'],
    );
    await verified(archive);
  });
});

test('a message that somebody else deletes in the middle is counted as vanished, not kept apart', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('deleted by others', 5));
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox }, (event, { of }) => {
      if (event.kind === 'message' && of('message').length === 1) place.remove(mailbox, 'INBOX', 3);
    });
    assert.ok(ran.summary.complete);
    assert.deepEqual([ran.summary.sources[0]?.folders[0]?.vanished, ran.ports.of('quarantined')], [1, []]);
    assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, listed: 4, archived: 4 });
  });
});

test('expires: a session that outlives its token goes on with a fresh one, without alarm', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('expiring', 20));
  place.state(mailbox).quirks.expires = { afterCommands: 12, afterIdleMs: 500 };
  const requestsBefore = tokenRequests();
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox });
    assert.ok(ran.summary.complete);
    assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, listed: 20, archived: 20 });
    assert.deepEqual(waitedFor(ran), []);
    assert.equal(tokenRequests() - requestsBefore, ran.ports.of('connecting').length);
    assert.ok(ran.ports.of('connecting').length > 1);
  });
});

test('a token that was good and is taken back is replaced, and the run goes on', async () => {
  const mailbox = place.mailbox();
  const sources = await sourcesFor(place, { mailbox });
  await withArchive(async (archive) => {
    assert.ok((await once(sources, watched(archive))).complete);
    assert.equal((await fetch(`${place.sandbox.control}/tokens/expire`, { method: 'POST' })).status, 200);
    place.deliver(mailbox, 'INBOX', [mail('with the new token')]);
    const ports = watched(archive);
    assert.ok((await once(sources, ports)).complete);
    assert.deepEqual([ports.of('waiting'), (await archive.stats()).messages], [[], 1]);
  });
});

for (const pipelining of [false, true]) {
  test(`drops${pipelining ? ' with commands in flight' : ''}: a connection that is cut inside messages again and again ends with every message, and none came twice`, async () => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails(`dropped ${pipelining}`, 60, 5_000));
    Object.assign(place.state(mailbox).quirks, { cutAfterBytes: 100_000, popPipelining: pipelining });
    await withArchive(async (archive) => {
      const ran = await run(archive, { mailbox });
      assert.ok(ran.summary.complete);
      assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, listed: 60, archived: 60 });
      assert.deepEqual([...new Set(waitedFor(ran))], ['network.connection-lost']);
      assert.ok(ran.ports.of('connecting').length > 2);
      assert.deepEqual(await archivedHashes(archive), hashesOn(mailbox));
      await verified(archive);
    });
  });
}

test('empty-fetch: a message that comes without a byte is in quarantine as no-data', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('empty-fetch') });
    assert.ok(ran.summary.complete);
    assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, archived: 11, quarantined: 1 });
    assert.deepEqual(
      ran.ports.of('quarantined').map(({ uid, reason }) => [uid, reason]),
      [[3, 'no-data']],
    );
  });
});

test('substitute: the text that Exchange sends in place of a message is kept apart, with its bytes', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('substitute') });
    assert.ok(ran.summary.complete);
    assert.deepEqual(
      ran.ports.of('quarantined').map(({ uid, reason }) => [uid, reason]),
      [[3, 'substitute']],
    );
    const [row] = (await ledgerOf(archive)).filter(({ state }) => state === 'quarantined');
    let text = '';
    for await (const chunk of archive.read(row?.sha256 ?? '')) text += Buffer.from(chunk).toString();
    assert.match(text, /Retrieval using the POP3 protocol failed for the following message/);
  });
});

test('pop-locked: a mailbox that somebody else holds is waited for', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('locked', 3));
  place.state(mailbox).quirks.pop = { exclusive: true, lockedFor: 4 };
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox });
    assert.ok(ran.summary.complete, JSON.stringify(ran.summary.sources[0]?.fault));
    assert.deepEqual(waitedFor(ran), Array(4).fill('pop.mailbox-locked'));
    assert.deepEqual(equation(ran.summary.sources[0]), { ...dozen, listed: 3, archived: 3 });
  });
});

test('pop-locked: between two looks the mailbox is free for others, and each look sees what came meanwhile', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('before', 2));
  place.state(mailbox).quirks.pop = { exclusive: true };
  const held: number[] = [];
  await withArchive(async (archive) => {
    const watchful = {
      ...clock,
      sleep: async (ms: number, signal?: AbortSignal): Promise<void> => {
        if (ms === 3_600_000 && !ports.signal.aborted) {
          held.push(place.state(mailbox).seen.sessions);
          place.deliver(mailbox, 'INBOX', [mail(`meanwhile ${held.length}`)]);
        }
        await clock.sleep(ms, signal);
      },
    };
    const ports = watched(
      archive,
      (event, { of, stop }) => {
        if (event.kind === 'pass' && of('pass').length === 3) stop();
      },
      watchful,
    );
    await runOn(await sourcesFor(place, { mailbox, every: '1h' }), ports, { connections: 1 });
    assert.deepEqual(
      ports.of('pass').map(({ arrived }) => arrived),
      [2, 1, 1],
    );
    assert.deepEqual([held, ports.of('waiting'), ports.of('failed')], [[0, 0], [], []]);
  });
});

test('pop-no-uidl: a server without lasting names is a matter for a person, told at once', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('pop-no-uidl') });
    const fault = ran.summary.sources[0]?.fault;
    assert.deepEqual([fault?.code, fault?.entry.retry], ['pop.uidl-missing', 'never']);
    assert.deepEqual([ran.ports.of('connecting').length, waitedFor(ran)], [1, []]);
  });
});

test('pop-same-name: two messages of one name both come in, and a second run brings neither again', async () => {
  await withArchive(async (archive) => {
    const first = await run(archive, { mailbox: scenario('pop-same-name') });
    assert.ok(first.summary.complete);
    assert.deepEqual(equation(first.summary.sources[0]), dozen);
    const second = await run(archive, { mailbox: scenario('pop-same-name') });
    assert.deepEqual(equation(second.summary.sources[0]), { ...dozen, before: 12, archived: 0 });
    assert.equal(second.summary.sources[0]?.bytes, 0);
    assert.deepEqual(await archivedHashes(archive), hashesOn(scenario('pop-same-name')));
  });
});

test('pop-same-name: a name that comes again for a message of another size brings that message in', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('of a name', 2));
  const [one, two] = place.list(mailbox, 'INBOX').map(({ bytes }) => bytes);
  await withArchive(async (archive) => {
    await run(archive, { mailbox });
    place.remove(mailbox, 'INBOX', 0);
    const other = mail('another of the same name', 9_000);
    place.deliver(mailbox, 'INBOX', [other]);
    place.state(mailbox).quirks.pop = { sameName: [1, 3] };
    const { summary } = await run(archive, { mailbox });
    assert.ok(summary.complete);
    assert.deepEqual(equation(summary.sources[0]), { ...dozen, listed: 2, before: 1, archived: 1 });
    assert.deepEqual(await archivedHashes(archive), hashesOf([one, two, other].filter((bytes) => bytes !== undefined)));
    await verified(archive);
  });
});

test('wrong-size: what LIST announces is noted and never believed; when it changes, the same bytes are not archived twice', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('estimated', 4));
  place.state(mailbox).quirks.sizeFactor = 1 / 3;
  await withArchive(async (archive) => {
    assert.ok((await run(archive, { mailbox })).summary.complete);
    assert.deepEqual(await archivedHashes(archive), hashesOn(mailbox));
    place.state(mailbox).quirks.sizeFactor = 1;
    const { summary } = await run(archive, { mailbox });
    assert.ok(summary.complete);
    assert.deepEqual(equation(summary.sources[0]), { ...dozen, listed: 4, archived: 0, duplicate: 4 });
    assert.equal((await archive.stats()).messages, 4);
    assert.equal((await run(archive, { mailbox })).summary.sources[0]?.bytes, 0);
  });
});

test('when all names change, every message comes again as a duplicate: none twice, the chain holds', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('renamed', 4));
  await withArchive(async (archive) => {
    await run(archive, { mailbox });
    place.renumber(mailbox, 'INBOX');
    place.deliver(mailbox, 'INBOX', [mail('after it')]);
    const { summary } = await run(archive, { mailbox });
    assert.ok(summary.complete);
    assert.deepEqual(equation(summary.sources[0]), { ...dozen, listed: 5, archived: 1, duplicate: 4 });
    assert.equal((await archive.stats()).messages, 5);
    await verified(archive);
  });
});

test('pop-cut-at-quit: a session that ends before its goodbye is answered loses nothing, here or on the server', async () => {
  const mailbox = scenario('pop-cut-at-quit');
  const before = hashesOn(mailbox);
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox });
    assert.ok(ran.summary.complete);
    assert.deepEqual([equation(ran.summary.sources[0]), waitedFor(ran)], [dozen, []]);
    assert.deepEqual([await archivedHashes(archive), hashesOn(mailbox)], [before, before]);
  });
});

test('server-unavailable: it is tried again, and comes in', async () => {
  await withArchive(async (archive) => {
    const ran = await run(archive, { mailbox: scenario('server-unavailable') });
    assert.ok(ran.summary.complete);
    assert.deepEqual(waitedFor(ran), ['pop.server-unavailable', 'pop.server-unavailable']);
  });
});

for (const name of ['no-grant', 'pop-off']) {
  test(`${name}: a refused login ends the run at once, for a person to mend`, async () => {
    await withArchive(async (archive) => {
      const ran = await run(archive, { mailbox: scenario(name) });
      const fault = ran.summary.sources[0]?.fault;
      assert.deepEqual([fault?.code, fault?.entry.retry], ['pop.authenticate-refused', 'never']);
      assert.deepEqual([ran.ports.of('connecting').length, waitedFor(ran)], [1, []]);
    });
  });
}

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

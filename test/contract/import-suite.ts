/**
 * What an import promises wherever the mail comes from. Run for each place; a claim that only one place can be asked for stands in that
 * place's own test file.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import type { Archive } from '../../src/archive/archive.ts';
import type { SourceSummary } from '../../src/import/events.ts';
import { runOn, runOnce } from '../../src/import/run.ts';
import type { ImportSource } from '../../src/import/source.ts';
import { archivedHashes, hashesOf, type ImportPlace, mail, mails, sourcesFor, type Watched, watched, withArchive } from './import-place.ts';

const umlauts = 'Archív/2026 & später';

/** What not every protocol knows: several folders, a UIDVALIDITY, news while listening, reading without a trace, dates, several connections. */
export type Need = 'folders' | 'uid-validity' | 'listening' | 'unread' | 'dates' | 'lanes';

export function importContract(
  name: string,
  start: () => Promise<ImportPlace>,
  skip: string | false,
  without: ReadonlySet<Need> = new Set(),
): void {
  let place: ImportPlace;
  before(async () => {
    if (skip === false) place = await start();
  });
  after(() => place?.close());

  function claim(sentence: string, act: () => Promise<void>, need?: Need): void {
    // What a protocol does not know is no test that could not be run.
    if (need === undefined || !without.has(need)) test(`${name}: ${sentence}`, { skip }, act);
  }

  claim('every message comes out of the archive as the server has it, byte by byte; a second run brings nothing', async () => {
    const mailbox = place.mailbox();
    const large = mail('a large one', 700_000);
    place.deliver(mailbox, 'INBOX', [...mails('hello', 60), large, mail('hello 1'), mail('with bytes \u0001 and \u00ff')]);
    const sources = await sourcesFor(place, { mailbox });
    await withArchive(async (archive) => {
      const first = await once(sources, watched(archive));
      assert.ok(first.complete);
      assert.deepEqual(equation(first.sources[0]), { listed: 63, before: 0, archived: 62, duplicate: 1, quarantined: 0, missing: 0 });
      assert.deepEqual(await archivedHashes(archive), hashesOf(place.list(mailbox, 'INBOX').map(({ bytes }) => bytes)));

      const ports = watched(archive);
      const second = await once(sources, ports);
      assert.deepEqual(equation(second.sources[0]), { listed: 63, before: 63, archived: 0, duplicate: 0, quarantined: 0, missing: 0 });
      assert.deepEqual([second.sources[0]?.bytes, ports.of('folder').map((event) => event.toFetch)], [0, [0]]);
      assert.deepEqual(second.head, first.head);
      await verified(archive);
    });
  });

  claim(
    'nothing is marked as seen, deleted or flagged on the server',
    async () => {
      const mailbox = place.mailbox();
      place.deliver(mailbox, 'INBOX', mails('untouched', 5));
      await withArchive(async (archive) => {
        await once(await sourcesFor(place, { mailbox }), watched(archive));
        assert.deepEqual(
          place.list(mailbox, 'INBOX').map(({ flags }) => flags),
          ['', '', '', '', ''],
        );
      });
    },
    'unread',
  );

  claim('what is delivered later comes with the next run; what is deleted on the server stays in the archive', async () => {
    const mailbox = place.mailbox();
    const [one, two, three] = [mail('one'), mail('two'), mail('three')];
    place.deliver(mailbox, 'INBOX', [one, two]);
    const sources = await sourcesFor(place, { mailbox });
    await withArchive(async (archive) => {
      await once(sources, watched(archive));
      place.remove(mailbox, 'INBOX', 0);
      place.deliver(mailbox, 'INBOX', [three]);
      const { sources: [summary] = [], complete } = await once(sources, watched(archive));
      assert.ok(complete);
      assert.deepEqual(equation(summary), { listed: 2, before: 1, archived: 1, duplicate: 0, quarantined: 0, missing: 0 });
      assert.deepEqual(await archivedHashes(archive), hashesOf([one, two, three]));
      await verified(archive);
    });
  });

  claim(
    'several folders come in, also one whose name is not ASCII, each with an equation of its own',
    async () => {
      const mailbox = place.mailbox();
      place.deliver(mailbox, 'INBOX', mails('inbox', 3));
      place.deliver(mailbox, umlauts, mails('later', 4));
      await withArchive(async (archive) => {
        const { sources, complete } = await once(await sourcesFor(place, { mailbox, folders: ['inbox', umlauts] }), watched(archive));
        assert.ok(complete);
        assert.deepEqual(
          sources[0]?.folders.map((folder) => [folder.folder, folder.listed, folder.archived]),
          [
            ['INBOX', 3, 3],
            [umlauts, 4, 4],
          ],
        );
        assert.equal((await archive.stats()).messages, 7);
      });
    },
    'folders',
  );

  claim(
    'an unknown folder is told, and the others come in all the same',
    async () => {
      const mailbox = place.mailbox();
      place.deliver(mailbox, 'INBOX', mails('there', 2));
      await withArchive(async (archive) => {
        const { sources, complete } = await once(await sourcesFor(place, { mailbox, folders: ['No such', 'INBOX'] }), watched(archive));
        assert.equal(complete, false);
        assert.deepEqual(
          sources[0]?.folders.map(({ fault, archived }) => [fault?.code, archived]),
          [
            ['imap.folder-unknown', 0],
            [undefined, 2],
          ],
        );
      });
    },
    'folders',
  );

  claim(
    'patterns choose folders, with what they leave out; one that finds none is told, and the others come in',
    async () => {
      const mailbox = place.mailbox();
      for (const folder of ['INBOX', 'Archive/2025', 'Archive/2026', 'Archive/2026/May', 'Private']) {
        place.deliver(mailbox, folder, mails(folder, 2));
      }
      await withArchive(async (archive) => {
        const folders = ['Arch*', 'inbox', '!Archive/2025', 'Nothing/%'];
        const ports = watched(archive);
        const { sources, complete } = await once(await sourcesFor(place, { mailbox, folders }), ports);
        const came = sources[0]?.folders.filter(({ archived }) => archived > 0).map(({ folder }) => folder);
        assert.deepEqual([...(came ?? [])].sort(), ['Archive/2026', 'Archive/2026/May', 'INBOX']);
        const [unmatched] = sources[0]?.unmatched ?? [];
        assert.deepEqual([complete, unmatched?.code, unmatched?.evidence['pattern']], [false, 'import.pattern-unmatched', 'Nothing/%']);
        assert.match(String(unmatched?.evidence['listed']), /Private/);
        assert.equal(ports.of('pass')[0]?.faults.get('Nothing/%')?.code, 'import.pattern-unmatched');
      });
    },
    'folders',
  );

  claim(
    'a renamed folder comes again as duplicates, is told by both names, and nothing is archived twice',
    async () => {
      const mailbox = place.mailbox();
      place.deliver(mailbox, 'Case A', mails('of the case', 3));
      const sources = await sourcesFor(place, { mailbox, folders: ['Case%'] });
      await withArchive(async (archive) => {
        await once(sources, watched(archive));
        place.rename?.(mailbox, 'Case A', 'Case B');
        const ports = watched(archive);
        const { sources: [summary] = [], complete } = await once(sources, ports);
        assert.ok(complete);
        assert.deepEqual(equation(summary), { listed: 3, before: 0, archived: 0, duplicate: 3, quarantined: 0, missing: 0 });
        assert.deepEqual(
          ports.of('folder-renamed').map(({ before, now, messages }) => [before, now, messages]),
          [['Case A', 'Case B', 3]],
        );
        const again = watched(archive);
        assert.deepEqual(equation((await once(sources, again)).sources[0]), {
          listed: 3,
          before: 3,
          archived: 0,
          duplicate: 0,
          quarantined: 0,
          missing: 0,
        });
        assert.deepEqual([again.of('folder-renamed').length, (await archive.stats()).messages], [0, 3]);
        await verified(archive);
      });
    },
    'folders',
  );

  claim(
    'what is older than `since`, to the second, is counted and never fetched',
    async () => {
      const mailbox = place.mailbox();
      const edge = Date.UTC(2026, 0, 1);
      place.deliver(mailbox, 'INBOX', mails('old', 2), new Date(edge - 40 * 24 * 3_600_000));
      place.deliver(mailbox, 'INBOX', [mail('a second before')], new Date(edge - 1_000));
      place.deliver(mailbox, 'INBOX', [mail('on the second')], new Date(edge));
      place.deliver(mailbox, 'INBOX', mails('later', 2), new Date(edge + 24 * 3_600_000));
      place.deliver(mailbox, 'INBOX', [mail('late in the folder and old')], new Date(edge - 20 * 3_600_000));
      await withArchive(async (archive) => {
        const ports = watched(archive);
        const { sources, complete } = await once(await sourcesFor(place, { mailbox, more: 'since: 2026-01-01' }), ports);
        assert.ok(complete);
        assert.deepEqual([sources[0]?.folders[0]?.listed, sources[0]?.folders[0]?.excluded], [7, 4]);
        assert.deepEqual(await archivedHashes(archive), hashesOf([mail('on the second'), ...mails('later', 2)]));
        const pass = ports.of('pass')[0];
        assert.deepEqual([pass?.listed, pass?.excluded, pass?.newest], [7, 4, new Date(edge + 24 * 3_600_000)]);
        // Without it all come.
        assert.ok((await once(await sourcesFor(place, { mailbox }), watched(archive))).complete);
        assert.equal((await archive.stats()).messages, 7);
      });
    },
    'dates',
  );

  claim('sources come in side by side, with no more of them connected than the budget allows', async () => {
    const mailboxes = Array.from({ length: 6 }, () => place.mailbox());
    for (const [index, mailbox] of mailboxes.entries()) place.deliver(mailbox, 'INBOX', mails(`side ${index}`, 3));
    const counter = { now: 0, most: 0 };
    const sources = (await sourcesFor(place, ...mailboxes.map((mailbox) => ({ mailbox })))).map((source) => counted(source, counter));
    await withArchive(async (archive) => {
      const summary = await once(sources, watched(archive), 2);
      assert.ok(summary.complete);
      assert.deepEqual(
        [summary.sources.map((source) => source.source), counter],
        [sources.map((source) => source.name), { now: 0, most: 2 }],
      );
      assert.equal((await archive.stats()).messages, 18);
    });
  });

  claim('STARTTLS serves as well as TLS from the first byte', async () => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('upgraded', 2));
    await withArchive(async (archive) => {
      assert.ok((await once(await sourcesFor(place, { mailbox, tls: 'starttls' }), watched(archive))).complete);
      assert.equal((await archive.stats()).messages, 2);
    });
  });

  claim('a connection cut in the middle is taken up again where it broke', async () => {
    const mailbox = place.mailbox();
    // More than the buffers of two sockets hold, so that the end cannot have arrived before the cut.
    place.deliver(mailbox, 'INBOX', mails('cut', 40, 400_000));
    await withArchive(async (archive) => {
      let isCut = false;
      const ports = watched(archive, (event) => {
        if (event.kind !== 'message' || isCut) return;
        isCut = true;
        place.cut();
      });
      const { sources, complete } = await once(await sourcesFor(place, { mailbox }), ports);
      assert.ok(complete);
      assert.deepEqual(equation(sources[0]), { listed: 40, before: 0, archived: 40, duplicate: 0, quarantined: 0, missing: 0 });
      assert.deepEqual(
        ports.of('waiting').map(({ fault }) => fault.code),
        ['network.connection-lost'],
      );
      assert.equal(ports.of('connecting').length, 2);
      assert.equal(ports.of('message').length, 40);
    });
  });

  claim(
    'a new UIDVALIDITY brings every message again as a duplicate: none twice, the chain holds',
    async () => {
      const mailbox = place.mailbox();
      place.deliver(mailbox, 'INBOX', mails('renumbered', 4));
      const sources = await sourcesFor(place, { mailbox });
      await withArchive(async (archive) => {
        await once(sources, watched(archive));
        place.renumber(mailbox, 'INBOX');
        place.deliver(mailbox, 'INBOX', [mail('after it')]);
        const ports = watched(archive);
        const { sources: [summary] = [], complete } = await once(sources, ports);
        assert.ok(complete);
        assert.deepEqual(equation(summary), { listed: 5, before: 0, archived: 1, duplicate: 4, quarantined: 0, missing: 0 });
        assert.equal(ports.of('uid-validity-changed').length, 1);
        assert.deepEqual([(await archive.stats()).messages, (await archive.stats()).ledger.duplicate], [5, 4]);
        await verified(archive);
      });
    },
    'uid-validity',
  );

  claim(
    'listening brings a delivery at once, and ends cleanly',
    async () => {
      const mailbox = place.mailbox();
      place.deliver(mailbox, 'INBOX', mails('before', 2));
      const sources = await sourcesFor(place, { mailbox, every: '1h' });
      await withArchive(async (archive) => {
        const ports = watched(archive, (event, { events, stop }) => {
          if (event.kind !== 'pass') return;
          if (event.arrived === 2) place.deliver(mailbox, 'INBOX', [mail('while listening')]);
          else if (events.filter(({ kind }) => kind === 'message').length === 3) stop();
        });
        await runOn(sources, ports, { connections: 1 });
        assert.equal((await archive.stats()).messages, 3);
        assert.deepEqual(
          [ports.of('connecting').length, ports.of('pass').map(({ arrived }) => arrived), ports.of('waiting'), ports.of('failed')],
          [1, [2, 1], [], []],
        );
      });
    },
    'listening',
  );

  claim('an import that goes on forgets what is durable, and still brings nothing twice', async () => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('many', 10_001));
    const sources = await sourcesFor(place, { mailbox, every: '1h' });
    await withArchive(async (archive) => {
      const ports = watched(archive, (event, { of, stop }) => {
        if (event.kind !== 'pass') return;
        if (of('pass').length === 3) stop();
        else place.deliver(mailbox, 'INBOX', [mail(`later ${of('pass').length}`)]);
      });
      await runOn(sources, ports, { connections: 1 });
      const stats = await archive.stats();
      assert.deepEqual([stats.messages, stats.head.rows, stats.ledger.duplicate], [10_003, 10_003, 0]);
      assert.deepEqual(
        ports.of('folder').map(({ toFetch }) => toFetch),
        [10_001, 1, 1],
      );
    });
  });

  claim('who stops it in the middle keeps what came, and the next run brings the rest', async () => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('stopped', 40, 400_000));
    const sources = await sourcesFor(place, { mailbox });
    await withArchive(async (archive) => {
      const ports = watched(archive, (event) => event.kind === 'message' && ports.stop());
      const { sources: [summary] = [], complete } = await once(sources, ports);
      assert.deepEqual([complete, summary?.stopped, summary?.fault], [false, true, undefined]);
      const kept = (await archive.stats()).messages;
      assert.ok(kept >= 1 && kept < 40, `${kept} messages were kept`);
      assert.deepEqual(equation(summary), { listed: 40, before: 0, archived: kept, duplicate: 0, quarantined: 0, missing: 40 - kept });
      const rest = await once(sources, watched(archive));
      assert.deepEqual(equation(rest.sources[0]), {
        listed: 40,
        before: kept,
        archived: 40 - kept,
        duplicate: 0,
        quarantined: 0,
        missing: 0,
      });
    });
  });
}

/** As {@link runOnce}; the equation of every folder is held against itself. */
export async function once(sources: readonly ImportSource[], ports: Watched, connections = 4): ReturnType<typeof runOnce> {
  const summary = await runOnce(sources, ports, { connections });
  // Shown only where a test of the file fails: then it says why an import was not whole.
  if (!summary.complete) process.stderr.write(`${inspect(summary, { depth: 8 })}\n`);
  for (const source of summary.sources) {
    for (const { listed, before: rows, archived, duplicate, quarantined, excluded, missing } of source.folders) {
      assert.equal(listed, rows + archived + duplicate + quarantined + excluded + missing.length, 'the equation of a folder does not hold');
    }
  }
  return summary;
}

/** The equation of the source's first folder. */
export function equation(summary: SourceSummary | undefined): unknown {
  const folder = summary?.folders[0];
  if (folder === undefined) return undefined;
  const { listed, before: rows, archived, duplicate, quarantined, missing } = folder;
  return { listed, before: rows, archived, duplicate, quarantined, missing: missing.length };
}

export async function verified(archive: Archive): Promise<void> {
  const { findings, head } = await archive.verify();
  assert.deepEqual(findings, []);
  assert.deepEqual(head, (await archive.stats()).head);
}

/** The same source; the connections that it holds are counted. */
export function counted(source: ImportSource, counter: { now: number; most: number }): ImportSource {
  return {
    ...source,
    async connect(signal, book) {
      counter.now += 1;
      counter.most = Math.max(counter.most, counter.now);
      const mailbox = await source.connect(signal, book);
      return {
        folders: () => mailbox.folders(),
        open: (folder) => mailbox.open(folder),
        count: (folder) => mailbox.count(folder),
        close: async () => {
          await mailbox.close();
          counter.now -= 1;
        },
      };
    },
  };
}

/** The reconciliation against the sandbox: its promises, and what only a server of ours can be made to do. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import type { ImportSource } from '../../src/import/source.ts';
import { hurrying, mail, mails, sourcesFor, watched } from './import-place.ts';
import { type SandboxPlace, sandboxPlace } from './import-place-sandbox.ts';
import { popSandboxPlace } from './import-pop-place.ts';
import { once } from './import-suite.ts';
import { folderOf, short, withDesk } from './reconcile-place.ts';
import { reconcileContract } from './reconcile-suite.ts';

reconcileContract('sandbox', () => sandboxPlace(), false);
reconcileContract('sandbox over POP3', () => popSandboxPlace(), false, true);

let place: SandboxPlace;
before(async () => {
  place = await sandboxPlace();
});
after(() => place.close());

test('a message without content is in quarantine and named with its reason; when it comes after all it is archived', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('apart', 4));
    place.state(mailbox).quirks.emptyFetch = [2];
    const sources = await sourcesFor(place, { mailbox });
    await once(sources, watched(desk.archive));
    const apart = await desk.reconcile(sources);
    assert.ok(apart.report.equal, 'a message in quarantine is accounted for');
    assert.deepEqual(short(folderOf(apart).totals), { seen: 4, archived: 3, quarantined: 1, listed: 4 });
    assert.deepEqual(
      folderOf(apart).quarantined.map(({ uid, reason, sha256 }) => [uid, reason, sha256]),
      [[2, 'no-data', null]],
    );
    place.state(mailbox).quirks.emptyFetch = [];
    await once(sources, watched(desk.archive));
    const whole = folderOf(await desk.reconcile(sources));
    assert.deepEqual([short(whole.totals), whole.quarantined], [{ seen: 4, archived: 4, listed: 4 }, []]);
  }));

test('a new UIDVALIDITY: earlier rows are found again by their bytes, and a gap of before says so', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('numbered', 5));
    const sources = await sourcesFor(place, { mailbox });
    await once(sources, watched(desk.archive));
    place.deliver(mailbox, 'INBOX', [mail('in between')]);
    const before = folderOf(await desk.reconcile(sources)).uidValidity;
    place.remove(mailbox, 'INBOX', 0);
    place.renumber(mailbox, 'INBOX');

    const none = folderOf(await desk.reconcile(sources));
    assert.deepEqual([short(none.totals), none.missing.length], [{ seen: 5, pending: 5, listed: 5 }, 5]);
    await once(sources, watched(desk.archive));
    const reconciled = await desk.reconcile(sources);
    const folder = folderOf(reconciled);
    assert.ok(reconciled.report.equal);
    assert.deepEqual(short(folder.totals), { seen: 5, archived: 1, duplicate: 4, listed: 5 });
    assert.deepEqual(folder.earlier, [{ uidValidity: before, messages: 5, listedAgain: 4 }]);
    assert.deepEqual(
      (await desk.journal.gaps()).map(({ uidValidity, closure }) => [uidValidity === before, closure]).sort(),
      [[true, 'explained'], ...Array.from({ length: 5 }, () => [false, 'came'])].sort(),
    );
  }));

test('an archive whose bytes are gone is told, message by message: a body file, and bytes in the database', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', [...mails('small', 3), mail('large', 700_000)]);
    const sources = await sourcesFor(place, { mailbox });
    await once(sources, watched(desk.archive));
    const bodies = join(desk.dataFolder, 'archive', 'bodies');
    for (const file of readdirSync(bodies, { recursive: true, withFileTypes: true })) {
      if (file.isFile() && /^[0-9a-f]{64}$/.test(file.name)) rmSync(join(file.parentPath, file.name));
    }
    const db = new DatabaseSync(join(desk.dataFolder, 'archive', 'archive.sqlite'));
    db.exec('update message set body = null where seq = 2');
    db.close();
    const { report } = await desk.reconcile(sources);
    const [folder] = report.sources[0]?.folders ?? [];
    assert.ok(folder !== undefined && !folder.equal && !report.equal);
    assert.deepEqual(short(folder.totals), { seen: 4, archived: 4, listed: 4 });
    assert.deepEqual(folder.absent.map(({ uid }) => uid).sort(), [2, 4]);
  }));

test('`since` of the source excludes what is older, and the equation holds', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    const inbox = place.folder(mailbox);
    for (const [day, bytes] of mails('dated', 4).entries()) {
      inbox.deliver([Buffer.from(bytes)], { internalDate: new Date(Date.UTC(2030, 0, 1 + day, 23, 30)) });
    }
    const keys = `tenant: lab\n    server: ${place.server.implicit}\n    since: 2030-01-03`;
    const sources = await sourcesFor(place, { mailbox, keys });
    await once(sources, watched(desk.archive));
    const reconciled = await desk.reconcile(sources);
    assert.ok(reconciled.report.equal);
    assert.deepEqual(
      folderOf(reconciled).days.map(({ day, ...counts }) => [day, short(counts)]),
      [
        ['before 2030-01-03', { seen: 2, excluded: 2, listed: 2 }],
        ['2030-01-03', { seen: 1, archived: 1, listed: 1 }],
        ['2030-01-04', { seen: 1, archived: 1, listed: 1 }],
      ],
    );
    assert.equal(reconciled.report.sources[0]?.excludedBefore, '2030-01-03');
  }));

test('a message that is pending counts on the day that the server gives it', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    place.folder(mailbox).deliver([Buffer.from(mail('of old'))], { internalDate: new Date(Date.UTC(2030, 5, 7, 1)) });
    const folder = folderOf(await desk.reconcile(await sourcesFor(place, { mailbox })));
    assert.deepEqual(
      folder.days.map(({ day, pending }) => [day, pending]),
      [['2030-06-07', 1]],
    );
    assert.equal(folder.missing[0]?.internalDate, '2030-06-07T01:00:00.000Z');
  }));

test('several folders have each their equation; one that is not there is told, and the others are compared', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('inbox', 2));
    place.deliver(mailbox, 'Archiv/2026 é', mails('later', 3));
    const folders = ['INBOX', 'Archiv/2026 é', 'No such'];
    const sources = await sourcesFor(place, { mailbox, folders });
    await once(sources, watched(desk.archive));
    const reconciled = await desk.reconcile(sources);
    assert.deepEqual(
      reconciled.report.sources[0]?.folders.map(({ folder, totals, fault, equal }) => [folder, totals.archived, fault, equal]),
      [
        ['INBOX', 2, null, true],
        ['Archiv/2026 é', 3, null, true],
        ['No such', 0, 'imap.folder-unknown', false],
      ],
    );
    assert.ok(!reconciled.report.equal);
    assert.deepEqual(
      reconciled.faults.map(({ folder, fault }) => [folder, fault.code]),
      [['No such', 'imap.folder-unknown']],
    );
    const one = await desk.reconcile(sources, { onlyFolders: ['INBOX'] });
    assert.deepEqual([one.report.equal, one.report.sources[0]?.folders.length], [true, 1]);
  }));

test('rows of a folder that the source does not have any more are named', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'Old', mails('old', 3));
    await once(await sourcesFor(place, { mailbox, folders: ['Old'] }), watched(desk.archive));
    const { report } = await desk.reconcile(await sourcesFor(place, { mailbox }));
    assert.deepEqual(report.sources[0]?.unlisted, [{ folder: 'Old', rows: 3, absent: [] }]);
  }));

test('a message that is counted before it is listed is waited for', () =>
  withDesk(async (desk) => {
    const sources = await sourcesFor(place, { mailbox: 'late-uid@contoso.test' });
    const folder = folderOf(await desk.reconcile(sources));
    assert.deepEqual([folder.counted, folder.listed], [12, 12]);
  }));

test('throttling is waited out on the same connection, and told', async () => {
  const clock = hurrying();
  const own = await sandboxPlace(() => new Date(clock.now()));
  try {
    await withDesk(async (desk) => {
      const { faults, report } = await desk.reconcile(await sourcesFor(own, { mailbox: 'throttled@contoso.test' }), { clock });
      assert.deepEqual([faults, report.sources[0]?.folders[0]?.listed], [[], 12]);
      assert.ok(desk.events.some((event) => event.kind === 'waiting' && event.fault.code === 'imap.throttled'));
    });
  } finally {
    await own.close();
  }
});

test('a connection that is cut in the middle is made again', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('cut', 3));
    const sources = await sourcesFor(place, { mailbox });
    let connections = 0;
    const cutting = sources.map(
      (source): ImportSource => ({
        ...source,
        async connect(signal, book) {
          connections += 1;
          const opened = await source.connect(signal, book);
          if (connections === 1) place.cut();
          return opened;
        },
      }),
    );
    const { faults, report } = await desk.reconcile(cutting, { clock: hurrying() });
    assert.deepEqual([faults, connections, report.sources[0]?.folders[0]?.missing.length], [[], 2, 3]);
  }));

test('a message that comes while it is being asked for is not called missing', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('busy', 3));
    const sources = await sourcesFor(place, { mailbox });
    let looks = 0;
    const busy = sources.map(
      (source): ImportSource => ({
        ...source,
        async connect(signal, book) {
          const opened = await source.connect(signal, book);
          const open = opened.open.bind(opened);
          opened.open = async (name) => {
            const folder = await open(name);
            const describe = folder.describe.bind(folder);
            folder.describe = async function* (uids) {
              looks += 1;
              await once(sources, watched(desk.archive));
              yield* describe(uids);
            };
            return folder;
          };
          return opened;
        },
      }),
    );
    const { report } = await desk.reconcile(busy);
    assert.deepEqual([looks, report.equal, report.sources[0]?.folders[0]?.totals.archived], [1, true, 3]);
    assert.deepEqual(await desk.journal.gaps(), []);
  }));

test('a pattern of folders that finds none is named, and nothing is called complete', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    const { report } = await desk.reconcile(await sourcesFor(place, { mailbox, folders: ['INBOX', 'Akten*'] }));
    const [source] = report.sources;
    assert.deepEqual([source?.unmatched, source?.folders.map(({ folder }) => folder), report.equal], [['Akten*'], ['INBOX'], false]);
  }));

test('bytes that are gone are told too where their folder is no longer one of the source', () =>
  withDesk(async (desk) => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'Old', mails('old', 2));
    await once(await sourcesFor(place, { mailbox, folders: ['Old'] }), watched(desk.archive));
    const db = new DatabaseSync(join(desk.dataFolder, 'archive', 'archive.sqlite'));
    db.exec('update message set body = null where seq = 2');
    db.close();
    const { report } = await desk.reconcile(await sourcesFor(place, { mailbox }));
    const [unlisted] = report.sources[0]?.unlisted ?? [];
    assert.deepEqual([unlisted?.rows, unlisted?.absent.map(({ uid }) => uid), report.equal], [2, [2], false]);
  }));

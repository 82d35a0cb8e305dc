/**
 * `postern import retry` through the real binary, against the sandbox: what is in quarantine is listed and asked for again; what comes is
 * archived, what does not stays with what was seen; and where another process holds the archive, that one does it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import type { Archive, LedgerEntry } from '../../src/archive/archive.ts';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { exit } from '../../src/cli/command.ts';
import { importSources } from '../../src/cli/wire.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { postern, type Ran } from '../cli/postern.ts';
import { mails, sha256, watched } from './import-place.ts';
import { type SandboxPlace, sandboxPlace } from './import-place-sandbox.ts';
import { once } from './import-suite.ts';

let place: SandboxPlace;
before(async () => {
  place = await sandboxPlace();
});
after(() => place.close());

/** A mailbox with five messages and a configuration around it. */
interface Desk {
  readonly mailbox: string;
  readonly messages: readonly Uint8Array[];
  readonly folder: string;
  readonly config: string;
  postern(...words: readonly string[]): Promise<Ran>;
  /** The archive of this desk, opened for writing while `act` runs. */
  withArchive<T>(act: (archive: Archive) => Promise<T>): Promise<T>;
}

async function atDesk(act: (desk: Desk) => Promise<void>, protocol: 'imap' | 'pop3' = 'imap'): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-retry-'));
  const mailbox = place.mailbox();
  const messages = mails(mailbox, 5);
  place.deliver(mailbox, 'INBOX', messages);
  for (const [name, text] of Object.entries(place.files)) writeFileSync(join(folder, name), text);
  const config = join(folder, 'postern.yaml');
  const port = protocol === 'imap' ? place.sandbox.imap.tlsPort : place.sandbox.pop.tlsPort;
  const folders = protocol === 'imap' ? 'folders: [INBOX]' : '';
  writeFileSync(
    config,
    `data: data\ntenants:\n  lab: ${place.tenant}\nsources:\n  s0:\n    mailbox: ${mailbox}\n    tenant: lab\n    protocol: ${protocol}\n    ` +
      `server: { host: localhost, port: ${port}, ca: ca.pem }\n    ${folders}\n`,
  );
  const env = { LAB_SECRET: place.files['client-secret'] ?? '' };
  try {
    await act({
      mailbox,
      messages,
      folder,
      config,
      postern: (...words) => postern([...words, '--config', config], { env }),
      async withArchive(look) {
        const archive = await openArchive(join(folder, 'data'), systemClock);
        try {
          return await look(archive);
        } finally {
          await archive.close();
        }
      },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function rows(archive: Archive, uid: number): Promise<string[]> {
  const found: LedgerEntry[] = [];
  for await (const entry of archive.ledger()) if (entry.uid === uid) found.push(entry);
  return found.map(({ state, reason, sha256: id }) => [state, reason, id === undefined ? 'nothing' : 'bytes'].join(' '));
}

/** Without the cell that says since when. */
function lines(text: string): string[] {
  return text.split('\n').map((line) => line.replace(/\s+/g, ' ').replace(/ \d+(\.\d)? m?s /, ' '));
}

test('what is in quarantine is listed with its reason, asked for again, and comes; what was sent in its place stays beside it', async () => {
  await atDesk(async (desk) => {
    const { quirks } = place.state(desk.mailbox);
    Object.assign(quirks, { emptyFetch: [2], substitute: [4] });
    assert.equal((await desk.postern('import', 'run', '--once')).code, exit.done);
    const listed = await desk.postern('import', 'retry', '--list');
    assert.equal(listed.code, exit.done, listed.talk);
    const [, substitute, empty, last] = lines(listed.out);
    assert.match(String(substitute), /^s0 INBOX 4 \d+ B the server sent a text of its own in its place$/);
    assert.equal(empty, 's0 INBOX 2 nothing the server lists it and gives no content');
    assert.equal(last, '2 messages in quarantine. `postern import retry` asks for them again.');
    const { quarantine } = JSON.parse((await desk.postern('import', 'retry', '--list', '--json')).out);
    assert.deepEqual(
      quarantine.map((one: Record<string, unknown>) => [one['uid'], one['reason'], one['renumbered'], one['asked']]),
      [
        [4, 'substitute', false, false],
        [2, 'no-data', false, false],
      ],
    );

    Object.assign(quirks, { emptyFetch: [], substitute: [] });
    const retried = await desk.postern('import', 'retry');
    assert.equal(retried.code, exit.done, retried.talk);
    for (const uid of [2, 4]) {
      const id = sha256(desk.messages[uid - 1] ?? Buffer.alloc(0)).slice(0, 16);
      assert.ok(lines(retried.out).includes(`s0 INBOX ${uid} archived: ${id}`), retried.out);
    }
    assert.ok(retried.out.endsWith('2 of 2 messages came.\n'));
    await desk.withArchive(async (archive) => {
      assert.deepEqual(await rows(archive, 4), ['quarantined substitute bytes', 'archived  bytes']);
      assert.deepEqual((await archive.verify()).findings, []);
    });
    const again = await desk.postern('import', 'retry');
    assert.deepEqual([again.code, again.out], [exit.done, 'Nothing is in quarantine.\n']);
  });
});

test('what still does not come stays in quarantine with what was seen now, and what is gone from the server is told as gone', async () => {
  await atDesk(async (desk) => {
    const { quirks } = place.state(desk.mailbox);
    Object.assign(quirks, { emptyFetch: [1, 2], substitute: [3, 4] });
    assert.equal((await desk.postern('import', 'run', '--once')).code, exit.done);
    Object.assign(quirks, { emptyFetch: [2], substitute: [1, 3] });
    place.remove(desk.mailbox, 'INBOX', 3);
    const retried = await desk.postern('import', 'retry');
    assert.equal(retried.code, exit.foundFaults, retried.talk);
    assert.deepEqual(lines(retried.out).slice(1).sort(), [
      '',
      '0 of 4 messages came.',
      's0 INBOX 1 stays in quarantine: the server sent a text of its own in its place',
      's0 INBOX 2 stays in quarantine: the server lists it and gives no content',
      's0 INBOX 3 stays in quarantine: the server sent a text of its own in its place',
      's0 INBOX 4 stays in quarantine: the server does not list it any more',
    ]);
    await desk.withArchive(async (archive) => {
      assert.deepEqual(await rows(archive, 1), ['quarantined no-data nothing', 'quarantined substitute bytes']);
      assert.deepEqual(await rows(archive, 2), ['quarantined no-data nothing']);
      assert.deepEqual(await rows(archive, 3), ['quarantined substitute bytes']);
      assert.deepEqual((await archive.verify()).findings, []);
    });
  });
});

test('what was numbered anew is not asked for under its old number; the message itself came under its new one', async () => {
  await atDesk(async (desk) => {
    const { quirks } = place.state(desk.mailbox);
    quirks.substitute = [3];
    assert.equal((await desk.postern('import', 'run', '--once')).code, exit.done);
    quirks.substitute = [];
    place.renumber(desk.mailbox, 'INBOX');
    assert.equal((await desk.postern('import', 'run', '--once')).code, exit.done);
    const { out, code } = await desk.postern('import', 'retry', '--json');
    assert.equal(code, exit.foundFaults);
    assert.deepEqual(
      JSON.parse(out).retried.map((one: Record<string, unknown>) => [one['uid'], one['outcome']]),
      [[3, { kind: 'renumbered' }]],
    );
    await desk.withArchive(async (archive) => {
      assert.equal((await archive.message(sha256(desk.messages[2] ?? Buffer.alloc(0)))).occurrences[0]?.state, 'archived');
    });
  });
});

test('while another process holds the archive the wish is noted, and its next pass does it', async () => {
  await atDesk(async (desk) => {
    const { quirks } = place.state(desk.mailbox);
    quirks.substitute = [3];
    assert.equal((await desk.postern('import', 'run', '--once')).code, exit.done);
    quirks.substitute = [];
    await desk.withArchive(async (archive) => {
      const asked = await desk.postern('import', 'retry');
      assert.equal(asked.code, exit.tryLater);
      assert.match(
        asked.talk,
        new RegExp(`^Another process \\(id ${process.pid}\\) is writing to this archive \\(archive.in-use\\). 1 message noted:`),
      );
      assert.equal(JSON.parse((await desk.postern('import', 'retry', '--json')).out).noted, 1);
      assert.match((await desk.postern('import', 'retry', '--list')).out, /; to be asked for at the next pass\n/);

      const journal = openJournal(join(desk.folder, 'data'), { clock: systemClock });
      const config = await loadConfig(desk.config, { LAB_SECRET: place.files['client-secret'] ?? '' });
      const ports = watched(archive);
      const summary = await once(importSources(config, []), { ...ports, retries: journal });
      assert.ok(summary.complete, inspect([summary, ports.events], { depth: 8 }));
      assert.deepEqual(await journal.pendingRetries(), []);
      await journal.close();
      assert.deepEqual(await rows(archive, 3), ['quarantined substitute bytes', 'archived  bytes']);
    });
    assert.equal((await desk.postern('import', 'retry', '--list')).out, 'Nothing is in quarantine.\n');
  });
});

test('a retry that cannot reach the server keeps the wish for the next run, and says why', async () => {
  await atDesk(async (desk) => {
    const { quirks } = place.state(desk.mailbox);
    quirks.emptyFetch = [3];
    assert.equal((await desk.postern('import', 'run', '--once')).code, exit.done);
    quirks.emptyFetch = [];
    const secret = place.files['client-secret'] ?? '';
    const wrong = await postern(['import', 'retry', '--config', desk.config], { env: { LAB_SECRET: `${secret}x` } });
    assert.equal(wrong.code, exit.fault);
    assert.match(wrong.talk, /token\./);
    assert.ok(lines(wrong.out).includes('s0 INBOX 3 not asked yet: the next run does it'));
    assert.ok(!`${wrong.out}${wrong.talk}`.includes(secret));
    const left = await desk.postern('import', 'retry', '--list');
    assert.match(left.out, /; to be asked for at the next pass\n/, left.talk);
    assert.equal((await desk.postern('import', 'run', '--once')).code, exit.done);
    assert.equal((await desk.postern('import', 'retry', '--list')).out, 'Nothing is in quarantine.\n');
  });
});

test('over POP3 a message is asked for again by its UIDL', async () => {
  await atDesk(async (desk) => {
    const { quirks } = place.state(desk.mailbox);
    quirks.substitute = [3];
    const first = await desk.postern('import', 'run', '--once');
    assert.equal(first.code, exit.done, first.talk);
    const listed = JSON.parse((await desk.postern('import', 'retry', '--list', '--json')).out).quarantine;
    assert.deepEqual([listed.length, listed[0]?.reason, typeof listed[0]?.uidl], [1, 'substitute', 'string']);
    quirks.substitute = [];
    const retried = await desk.postern('import', 'retry');
    assert.equal(retried.code, exit.done, `${retried.out}${retried.talk}`);
    await desk.withArchive(async (archive) => {
      assert.equal((await archive.message(sha256(desk.messages[2] ?? Buffer.alloc(0)))).occurrences[0]?.state, 'archived');
      assert.deepEqual((await archive.verify()).findings, []);
    });
  }, 'pop3');
});

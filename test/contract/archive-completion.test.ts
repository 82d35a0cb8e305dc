/**
 * What somebody or something changes in the list of steps on servers is found, and so is a message that a server was made to give up and
 * that is not here any more.
 */
import assert from 'node:assert/strict';
import { cpSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import type { AbsentBody, ArchiveReader, VerifyReport } from '../../src/archive/archive.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { inbox, mail, noise, put, sha256, temporaryFolder } from './archive-suite.ts';

const pristine = temporaryFolder();
const large = noise(400_000, 5);
const largePath = join('archive', 'bodies', sha256(large).slice(0, 2), sha256(large));

before(async () => {
  const archive = await openArchive(pristine.path, systemClock);
  for (let uid = 1; uid <= 10; uid += 1) await put(archive, uid, mail(`message ${uid}`, 'text '.repeat(uid * 20)));
  await put(archive, 11, large);
  await (await archive.acceptNothing({ era: inbox, uid: 12, cursor: 12, quarantine: 'no-data' })).durable;
  await put(archive, 13, mail('Retrieval failed', 'a text of the server'), { quarantine: 'substitute' });
  for (const uid of [3, 5, 11]) {
    for (const phase of ['asked', 'done'] as const) {
      await archive.complete([{ era: inbox, uid, step: uid === 5 ? 'seen' : 'moved', phase, target: 'Done' }]);
    }
  }
  await archive.close();
});
after(() => pristine[Symbol.dispose]());

async function onCopy<T>(change: (folder: string) => void, look: (reader: ArchiveReader) => Promise<T>): Promise<T> {
  using folder = temporaryFolder();
  cpSync(pristine.path, folder.path, { recursive: true });
  change(folder.path);
  const reader = openArchiveReader(folder.path);
  try {
    return await look(reader);
  } finally {
    await reader.close();
  }
}

function verified(change: (folder: string) => void): Promise<VerifyReport> {
  return onCopy(change, (reader) => reader.verify());
}

function sql(statement: string): (folder: string) => void {
  return (folder) => {
    const db = new DatabaseSync(join(folder, 'archive', 'archive.sqlite'), { enableForeignKeyConstraints: false });
    db.exec(statement);
    db.close();
  };
}

test('a changed, removed or inserted step is found', async () => {
  assert.deepEqual((await verified(() => undefined)).findings, []);
  const changes: readonly (readonly [string, number])[] = [
    ['update completion set ledger = 4 where row = 1', 3],
    ["update completion set step = 'deleted' where row = 6", 2],
    ["update completion set phase = 'failed' where row = 2", 1],
    ["update completion set target = 'Elsewhere' where row = 2", 1],
    ['update completion set target = null where row = 2', 1],
    ["update completion set detail = 'x' where row = 2", 1],
    ['update completion set at = at + 1 where row = 2', 1],
    ['update completion set link = zeroblob(32) where row = 2', 2],
    ['delete from completion where row = 2', 2],
    ['delete from completion where row = 6', 1],
    ['delete from completion where row > 2', 1],
    ['delete from completion', 1],
    ['insert into completion select 7, ledger, step, phase, target, detail, at, link from completion where row = 1', 3],
    ["delete from meta where key = 'completions'", 1],
    ['update ledger set link = zeroblob(32) where row = 3', 4],
  ];
  for (const [change, most] of changes) {
    const { findings } = await verified(sql(change));
    const text = `${change}: ${JSON.stringify(findings)}`;
    assert.ok(findings.length > 0 && findings.length <= most, text);
    assert.ok(
      findings.every((one) => one.code === 'archive.chain-broken'),
      text,
    );
  }
});

test('a step of a message that is in quarantine, or in no row, is found even with its links computed anew', async () => {
  // The links of a row that never stood cannot follow; what is looked for is told beside that.
  const quarantined = await verified(sql('update completion set ledger = 13 where row = 1'));
  assert.ok(quarantined.findings.some(({ seen }) => seen.includes('its message is in quarantine')));
  const nowhere = await verified(sql('update completion set ledger = 99 where row = 1'));
  assert.ok(nowhere.findings.some(({ seen }) => seen === 'completion 1: its row 99 of the ledger is not there'));
});

test('a message that its server gave up and that is not here as it arrived is told as that', async () => {
  const told = /^completion \d+ \(telemessage, INBOX, UID (\d+)\): moved on the server, and its bytes are not here as they arrived$/;
  const cases: readonly (readonly [(folder: string) => void, readonly string[]])[] = [
    [sql("update message set body = x'00', encoding = 0 where seq = 3"), ['3']],
    [sql("update message set body = x'00', encoding = 0 where seq = 5"), []], // only marked as read
    [sql("update message set body = x'00', encoding = 0 where seq = 4"), []],
    [sql('delete from message where seq = 3'), ['3']],
    [(folder) => rmSync(join(folder, largePath)), ['11']],
  ];
  for (const [change, expected] of cases) {
    const { findings } = await verified(change);
    assert.ok(findings.length > expected.length, 'the damage itself is told too');
    assert.deepEqual(
      findings.flatMap(({ seen }) => told.exec(seen)?.[1] ?? []),
      expected,
    );
  }
});

test('a row whose bytes are not in the store is named by a look that reads no bytes', async () => {
  const cases: readonly (readonly [(folder: string) => void, readonly (readonly [number, string])[]])[] = [
    [() => undefined, []],
    [sql('update message set body = null where seq = 3'), [[3, 'no bytes are stored of it']]],
    [sql("update message set body = x'' where seq = 3"), [[3, '0 bytes are stored of it']]],
    [sql('delete from message where seq = 3'), [[3, 'its message number 3 is not there']]],
    [(folder) => rmSync(join(folder, largePath)), [[11, 'its file is not there']]],
    [(folder) => truncateSync(join(folder, largePath), 100), [[11, 'its file has 100 bytes']]],
  ];
  for (const [change, expected] of cases) {
    const absent = await onCopy(change, async (reader) => {
      const found: AbsentBody[] = [];
      for await (const entry of reader.absent({ source: inbox.source })) found.push(entry);
      return found;
    });
    assert.deepEqual(
      absent.map(({ uid, seen }) => [uid, seen]),
      expected,
    );
  }
});

test('steps that cannot be written stop the archive, and what was told before stands', async () => {
  using folder = temporaryFolder();
  const archive = await openArchive(folder.path, systemClock);
  await put(archive, 1, 'a');
  await archive.complete([{ era: inbox, uid: 1, step: 'seen', phase: 'asked' }]);
  sql("create trigger full before insert on completion begin select raise(abort, 'no room'); end")(folder.path);
  await assert.rejects(archive.complete([{ era: inbox, uid: 1, step: 'seen', phase: 'done' }]));
  await assert.rejects(put(archive, 2, 'b'));
  await archive.close();
  sql('drop trigger full')(folder.path);
  const reader = openArchiveReader(folder.path);
  const report = await reader.verify();
  assert.deepEqual([report.rows, report.completions.rows, report.findings], [1, 1, []]);
  await reader.close();
});

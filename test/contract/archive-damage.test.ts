/**
 * What somebody or something changes in a stored archive is found, told with its place, and never ends the looking.
 *
 * The hard thing is to know what counts: a byte in an unused corner of a page is no evidence. So each changed file is first read by
 * SQL alone; where the evidence comes out otherwise than before, `verify` must say so.
 *
 * Long because every kind of damage is held against the same archive, which is made once.
 */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import type { ChainHead, VerifyReport } from '../../src/archive/archive.ts';
import { exportMessages } from '../../src/archive/export.ts';
import { readQuery } from '../../src/archive/query.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { Fault, isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { inbox, mail, noise, put, readAll, sha256, temporaryFolder } from './archive-suite.ts';

const pristine = temporaryFolder();
const large = noise(400_000, 5);
const largePath = join('archive', 'bodies', sha256(large).slice(0, 2), sha256(large));
let intact: VerifyReport;

before(async () => {
  const archive = await openArchive(pristine.path, systemClock);
  for (let uid = 1; uid <= 40; uid += 1) {
    const body = uid % 3 === 0 ? noise(30_000, uid) : mail(`message ${uid}`, `word ${'text '.repeat(uid * 20)}`);
    await put(archive, uid, body, { internalDate: new Date(uid * 1000), announcedBytes: body.length });
  }
  await put(archive, 41, large);
  await put(archive, 42, large, { era: { ...inbox, folder: 'Sent' } });
  await (await archive.acceptNothing({ era: inbox, uid: 43, cursor: 43, quarantine: 'no-data' })).durable;
  await archive.derived();
  intact = await archive.verify();
  await archive.close();
});
after(() => pristine[Symbol.dispose]());

/** A copy of the archive, changed, and what `verify` says of it. */
async function verified(change: (folder: string) => void, heads: readonly ChainHead[] = []): Promise<VerifyReport> {
  using folder = temporaryFolder();
  cpSync(pristine.path, folder.path, { recursive: true });
  change(folder.path);
  const reader = openArchiveReader(folder.path);
  try {
    return await reader.verify({ heads });
  } finally {
    await reader.close();
  }
}

function sql(statement: string): (folder: string) => void {
  return (folder) => {
    const db = new DatabaseSync(join(folder, 'archive', 'archive.sqlite'), { enableForeignKeyConstraints: false });
    db.exec(statement);
    db.close();
  };
}

/** Everything in the database that counts, read by SQL; undefined where SQLite cannot read it all. */
function evidence(file: string): string | undefined {
  const db = new DatabaseSync(file);
  try {
    const ask = (query: string): unknown => db.prepare(query).all();
    return JSON.stringify([
      ask('select seq, hex(sha256), bytes, encoding, hex(body) from message order by seq'),
      ask('select l.*, hex(l.link), e.* from ledger l left join era e on e.id = l.era order by l.row'),
      ask("select value from meta where key = 'head'"),
    ]);
  } catch {
    return undefined;
  } finally {
    db.close();
  }
}

test('an archive that nobody touched is clean', () => {
  const { messages, rows, completions, findings, orphans } = intact;
  assert.deepEqual([messages, rows, completions.rows, findings, orphans], [41, 43, 0, [], 0]);
  assert.equal(intact.head.rows, 43);
});

test('a flipped byte anywhere in the database is found where it touches the evidence', async () => {
  using folder = temporaryFolder();
  cpSync(pristine.path, folder.path, { recursive: true });
  const file = join(folder.path, 'archive', 'archive.sqlite');
  const original = readFileSync(file);
  const before = evidence(file);
  const found = { evidence: 0, refused: 0, quiet: 0 };
  const places = new Set<number>(Array.from({ length: 100 }, (_, at) => at)); // the file's header
  for (let at = 100; at < original.length; at += 5_171) places.add(at);
  for (let page = 0; page < original.length; page += 16_384) for (const inPage of [0, 3, 8, 9, 40, 16_380]) places.add(page + inPage);
  for (const at of places) {
    const flipped = Buffer.from(original);
    flipped[at] = (flipped[at] ?? 0) ^ (at % 2 === 0 ? 0x01 : 0xff);
    writeFileSync(file, flipped);
    for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    const touched = evidence(file) !== before;
    const outcome = await outcomeOf(folder.path);
    if (outcome === 'refused') found.refused += 1;
    else if (touched) found.evidence += 1;
    else found.quiet += 1;
    assert.ok(!touched || outcome !== 'clean', `byte ${at} of the file`);
  }
  assert.ok(found.evidence > 50, JSON.stringify(found));
});

/** Whether an archive is clean, has findings, or cannot be opened; any other error ends the test. */
async function outcomeOf(folder: string): Promise<'clean' | 'findings' | 'refused'> {
  try {
    const reader = openArchiveReader(folder);
    try {
      return (await reader.verify()).findings.length === 0 ? 'clean' : 'findings';
    } finally {
      await reader.close();
    }
  } catch (error) {
    if (isFault(error, 'archive.damaged', 'archive.newer-format', 'archive.not-found', 'archive.read-failed')) return 'refused';
    throw error;
  }
}

test('a changed, removed or inserted row is found', async () => {
  const changes: readonly (readonly [string, string, number])[] = [
    ['update ledger set uid = 1000 where row = 7', 'archive.chain-broken', 1],
    ["update ledger set state = 'duplicate' where row = 7", 'archive.chain-broken', 1],
    ["update ledger set reason = 'refused' where row = 43", 'archive.chain-broken', 1],
    ['update ledger set message = 3 where row = 7', 'archive.chain-broken', 2],
    ['update ledger set message = null where row = 42', 'archive.chain-broken', 1],
    ['update ledger set internal_date = internal_date + 1 where row = 7', 'archive.chain-broken', 1],
    ['update ledger set internal_date = null where row = 7', 'archive.chain-broken', 1],
    ['update ledger set announced_bytes = 1 where row = 7', 'archive.chain-broken', 1],
    ['update ledger set accepted_at = accepted_at - 1 where row = 7', 'archive.chain-broken', 1],
    ['update ledger set accepted_at = 9007199254740993 where row = 7', 'archive.damaged', 2],
    ['update ledger set link = zeroblob(32) where row = 7', 'archive.chain-broken', 2],
    ['update ledger set link = zeroblob(32) where row = 43', 'archive.chain-broken', 2],
    ["update ledger set uidl = 'u' where row = 7", 'archive.chain-broken', 1],
    ["update ledger set uidl = '' where row = 43", 'archive.chain-broken', 1],
    ['update ledger set era = 2 where row = 7', 'archive.chain-broken', 1],
    ["update era set source = 'other' where folder = 'Sent'", 'archive.chain-broken', 2],
    ['delete from ledger where row = 7', 'archive.chain-broken', 2],
    ['delete from ledger where row between 7 and 12', 'archive.chain-broken', 7],
    ['delete from ledger where row = 43', 'archive.chain-broken', 2],
    ['delete from era', 'archive.chain-broken', 3],
    [
      'insert into ledger select 44, 1, 50, state, reason, message, null, null, 0, link, null from ledger where row = 1',
      'archive.chain-broken',
      2,
    ],
    ["update meta set value = replace(value, '43', '42')", 'archive.chain-broken', 1],
    ["delete from meta where key = 'head'", 'archive.chain-broken', 1],
    ["update cursor set uid = 44 where folder = 'INBOX'", 'archive.chain-broken', 1],
    ["insert into cursor values ('s', 'other', 1, 1)", 'archive.chain-broken', 1],
    ['update message set bytes = bytes + 1 where seq = 3', 'archive.body-changed', 2],
    ['update message set sha256 = zeroblob(32) where seq = 3', 'archive.body-changed', 2],
    ['update message set body = zeroblob(length(body)) where seq = 3', 'archive.body-changed', 1],
    ['update message set body = null where seq = 3', 'archive.body-changed', 1],
    ['update message set encoding = 1 where seq = 3', 'archive.body-changed', 1],
    ['update message set encoding = 0 where seq = 1', 'archive.body-changed', 1],
    ['update message set encoding = 2 where seq = 3', 'archive.body-missing', 1],
    ['delete from message where seq = 3', 'archive.body-missing', 2],
    [
      "insert into message values (99, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0, 0, x'')",
      'archive.chain-broken',
      1,
    ],
  ];
  for (const [change, code, count] of changes) {
    const { findings } = await verified(sql(change));
    assert.equal(findings[0]?.code, code, `${change}: ${JSON.stringify(findings)}`);
    assert.ok(findings.length <= count, `${change}: ${JSON.stringify(findings)}`);
  }
});

test('tables that are not those of the format are not read as if they were', async () => {
  for (const change of [
    'create trigger quiet after insert on ledger begin delete from message; end',
    'alter table message add column note text',
    'drop table cursor',
  ]) {
    await assert.rejects(verified(sql(change)), (error) => isFault(error, 'archive.damaged'), change);
  }
});

test('rows cut off at the end together with their head leave no trace but the head that was noted elsewhere', async () => {
  const report = await verified((folder) => {
    const db = new DatabaseSync(join(folder, 'archive', 'archive.sqlite'));
    const link = db.prepare('select lower(hex(link)) as link from ledger where row = 42').get()?.link;
    db.exec("delete from ledger where row = 43; update cursor set uid = 41 where folder = 'INBOX'");
    db.prepare("update meta set value = ? where key = 'head'").run(JSON.stringify({ rows: 42, link }));
    db.close();
  });
  assert.deepEqual(report.findings, []);
  assert.notDeepEqual(report.head, intact.head);
});

test('a head that was noted elsewhere shows an end that was cut off, and a chain that is another', async () => {
  const cutOff = await verified(
    (folder) => {
      const db = new DatabaseSync(join(folder, 'archive', 'archive.sqlite'));
      const link = db.prepare('select lower(hex(link)) as link from ledger where row = 42').get()?.link;
      db.exec("delete from ledger where row = 43; update cursor set uid = 41 where folder = 'INBOX'");
      db.prepare("update meta set value = ? where key = 'head'").run(JSON.stringify({ rows: 42, link }));
      db.close();
    },
    [intact.head],
  );
  assert.deepEqual(cutOff.findings, [
    { code: 'archive.chain-broken', seen: 'the ledger ends with row 42, but its head was noted elsewhere as row 43' },
  ]);
  const other = { rows: 7, link: 'ab'.repeat(32) };
  const untouched = await verified(() => undefined, [intact.head, other]);
  assert.deepEqual(
    untouched.findings.map(({ code, seen }) => [
      code,
      /^ledger row 7: its link is [0-9a-f]{64}, but was noted elsewhere as (ab){32}$/.test(seen),
    ]),
    [['archive.chain-broken', true]],
  );
});

test('a changed, shortened, lengthened, missing or replaced body file is found', async () => {
  const changes: readonly (readonly [string, (file: string) => void])[] = [
    [
      'archive.body-changed',
      (file) => writeFileSync(file, Buffer.concat([large.subarray(0, 200_000), Buffer.of(0), large.subarray(200_001)])),
    ],
    ['archive.body-changed', (file) => truncateSync(file, 399_999)],
    ['archive.body-changed', (file) => truncateSync(file, 0)],
    ['archive.body-changed', (file) => writeFileSync(file, 'x', { flag: 'a' })],
    ['archive.body-missing', (file) => rmSync(file)],
    ['archive.body-missing', (file) => replacedByFolder(file)],
    ['archive.body-missing', (file) => rmSync(join(file, '..'), { recursive: true })],
  ];
  for (const [code, change] of changes) {
    const report = await verified((folder) => change(join(folder, largePath)));
    assert.deepEqual(
      report.findings.map((one) => [one.code, one.seen.includes(sha256(large))]),
      [[code, true]],
    );
    assert.equal(report.rows, 43);
  }
});

test('a body file that nobody names is counted and no finding', async () => {
  const report = await verified((folder) => {
    copyFileSync(join(folder, largePath), join(folder, largePath, '..', 'f'.repeat(64)));
  });
  assert.deepEqual([report.findings.length, report.orphans], [0, 1]);
});

test('a shortened database is told, and its other messages are still proven', async () => {
  const size = statSync(join(pristine.path, 'archive', 'archive.sqlite')).size;
  for (const length of [0, 50, 16_384, 5 * 16_384, size - 16_384, size - 1]) {
    using folder = temporaryFolder();
    cpSync(pristine.path, folder.path, { recursive: true });
    truncateSync(join(folder.path, 'archive', 'archive.sqlite'), length);
    assert.notEqual(await outcomeOf(folder.path), 'clean', `${length} bytes`);
  }
});

test('one damaged page costs its own messages, and is told beside every other finding', async () => {
  const report = await verified((folder) => {
    sql('update ledger set uid = 1000 where row = 7')(folder);
    const file = join(folder, 'archive', 'archive.sqlite');
    const bytes = readFileSync(file);
    const leaf = tableLeaf(file, 'message');
    bytes.fill(0xee, leaf, leaf + 8);
    writeFileSync(file, bytes);
    rmSync(join(folder, largePath));
  });
  const codes = new Set(report.findings.map((one) => one.code));
  for (const code of ['archive.damaged', 'archive.body-missing', 'archive.chain-broken'] as const) assert.ok(codes.has(code), code);
  assert.ok(report.messages > 20 && report.messages < 41, String(report.messages));
});

/** Where a leaf page of a table begins in the file. */
function tableLeaf(file: string, table: string): number {
  const db = new DatabaseSync(file);
  const row = db.prepare("select pageno from dbstat where name = ? and pagetype = 'leaf' order by pageno limit 1 offset 1").get(table);
  db.close();
  return (Number(row?.pageno) - 1) * 16_384;
}

test('a message whose stored bytes were changed is refused to a reader, and an export names it and goes on', async () => {
  using folder = temporaryFolder();
  cpSync(pristine.path, folder.path, { recursive: true });
  sql('update message set body = zeroblob(length(body)) where seq = 3')(folder.path);
  truncateSync(join(folder.path, largePath), 1_000);
  const reader = openArchiveReader(folder.path);
  const changed = (error: unknown): boolean => isFault(error, 'archive.body-changed');
  await assert.rejects(readAll(reader, sha256(noise(30_000, 3))), changed);
  await assert.rejects(readAll(reader, sha256(large)), changed);
  assert.ok((await readAll(reader, sha256(noise(30_000, 6)))).equals(noise(30_000, 6)));
  for (const format of ['eml', 'mbox'] as const) {
    const target = join(folder.path, format);
    const summary = await exportMessages(reader, { terms: [] }, format, target);
    assert.deepEqual([summary.messages, summary.damaged, summary.bytes], [39, 2, intact.bytes - 430_000]);
    const lines = readFileSync(join(target, 'manifest.jsonl'), 'utf8').trimEnd().split('\n');
    const manifest = lines.map((line): { file: string | null; sha256: string; fault?: string } => JSON.parse(line));
    assert.deepEqual(
      manifest.filter((line) => line.file === null).map((line) => [line.sha256, line.fault]),
      [noise(30_000, 3), large].map((body) => [sha256(body), 'archive.body-changed']),
    );
    const whole = manifest.filter((line) => line.file !== null);
    assert.deepEqual([whole.length, whole.every((line) => line.fault === undefined)], [39, true]);
    if (format === 'eml') for (const line of whole) assert.equal(sha256(readFileSync(join(target, String(line.file)))), line.sha256);
    else assert.equal(readFileSync(join(target, 'messages.mbox'), 'latin1').match(/^From MAILER-DAEMON/gm)?.length, 39);
    assert.ok(!existsSync(join(target, `${sha256(noise(30_000, 3))}.eml`)));
  }
  await reader.close();
});

test('stored bytes that were changed are put right by the same message coming once more, and by nothing else', async () => {
  const small = noise(30_000, 3);
  const packed = Buffer.from(mail('message 4', `word ${'text '.repeat(80)}`));
  for (const change of [
    'update message set body = zeroblob(length(body)) where seq in (3, 4)',
    'update message set body = null where seq in (3, 4)',
    'update message set encoding = 1 - encoding where seq in (3, 4)',
    'update message set encoding = 2, body = null where seq in (3, 4)',
    'update message set bytes = 9007199254740993 where seq in (3, 4)',
    "update message set encoding = 0, body = x'00' where bytes = 400000",
  ]) {
    using folder = temporaryFolder();
    cpSync(pristine.path, folder.path, { recursive: true });
    sql(change)(folder.path);
    const archive = await openArchive(folder.path, systemClock);
    const { findings } = await archive.verify();
    await put(archive, 50, mail('message 5', `word ${'text '.repeat(100)}`));
    assert.deepEqual((await archive.verify()).findings, findings, change);
    for (const [index, body] of [small, packed, large].entries()) {
      assert.deepEqual(await put(archive, 51 + index, body), { state: 'duplicate', sha256: sha256(body) }, change);
      assert.ok((await readAll(archive, sha256(body))).equals(body), change);
    }
    assert.deepEqual((await archive.verify()).findings, [], change);
    await archive.close();
  }
});

test('a damaged index fails the search and nothing else, and can be made again', async () => {
  using folder = temporaryFolder();
  cpSync(pristine.path, folder.path, { recursive: true });
  const file = join(folder.path, 'archive', 'index.sqlite');
  const original = readFileSync(file);
  let failed = 0;
  const places = Array.from({ length: 100 }, (_, at) => 16 + at);
  for (let at = 100; at < original.length; at += 1_499) places.push(at);
  for (const at of places) {
    const flipped = Buffer.from(original);
    flipped[at] = (flipped[at] ?? 0) ^ 0xff;
    writeFileSync(file, flipped);
    const reader = openArchiveReader(folder.path);
    try {
      for (const words of ['word', 'wo* -subject:7', 'since:2026-01-01']) await reader.search(readQuery(words), 10);
    } catch (error) {
      assert.ok(isFault(error, 'archive.index-damaged'), `byte ${at}: ${error}`);
      failed += 1;
    }
    assert.equal((await reader.message(sha256(large))).occurrences.length, 2);
    assert.equal((await reader.stats()).messages, 41);
    await reader.close();
  }
  assert.ok(failed > 10);

  writeFileSync(file, 'not a database at all, but longer than the header of one, which has a hundred bytes and more than a few of them');
  const archive = await openArchive(folder.path, systemClock);
  await assert.rejects(archive.derived(), (error) => isFault(error, 'archive.index-damaged'));
  await assert.rejects(archive.search(readQuery('word'), 1), (error) => isFault(error, 'archive.index-damaged'));
  assert.equal(archive.derivingFault()?.code, 'archive.index-damaged');
  assert.equal((await put(archive, 60, mail('still archived', 'word'))).state, 'archived');
  assert.ok((await readAll(archive, sha256(large))).equals(large));
  assert.equal((await archive.stats()).lag, 42);
  await archive.reindex();
  assert.equal(archive.derivingFault(), undefined);
  assert.equal((await archive.stats()).lag, 0);
  assert.equal((await archive.search(readQuery('"still archived"'), 1)).hits[0]?.record?.subject, 'still archived');
  await archive.close();
});

test('an index that gets damaged while mail comes in holds nothing up, is told, and the numbers can still be had', async () => {
  using folder = temporaryFolder();
  const archive = await openArchive(folder.path, systemClock);
  await put(archive, 1, mail('first', 'word'));
  await archive.derived();
  assert.equal(archive.derivingFault(), undefined);
  foreign(join(folder.path, 'archive', 'index.sqlite'), 'drop table record');
  await put(archive, 2, mail('second', 'word'));
  await assert.rejects(archive.derived(), (error) => isFault(error, 'archive.index-damaged'));
  assert.equal(archive.derivingFault()?.code, 'archive.index-damaged');
  assert.equal((await put(archive, 3, mail('third', 'word'))).state, 'archived');
  const { messages, lag } = await archive.stats();
  assert.deepEqual([messages, lag], [3, 3]); // what such an index says of itself counts for nothing
  await archive.reindex();
  assert.equal(archive.derivingFault(), undefined);
  assert.equal((await archive.search(readQuery('word'), 5)).hits.length, 3);
  await archive.close();
});

test('a damaged message does not keep the others from being derived', async () => {
  using folder = temporaryFolder();
  cpSync(pristine.path, folder.path, { recursive: true });
  sql('update message set encoding = 1 where seq = 3; update message set bytes = 9007199254740993 where seq = 4')(folder.path);
  const file = join(folder.path, 'archive', 'archive.sqlite');
  const bytes = readFileSync(file);
  const leaf = tableLeaf(file, 'message');
  bytes.fill(0xee, leaf, leaf + 8);
  writeFileSync(file, bytes);
  rmSync(join(folder.path, largePath));
  rmSync(join(folder.path, 'archive', 'index.sqlite'));
  const archive = await openArchive(folder.path, systemClock);
  await archive.derived();
  const { hits, lag } = await archive.search(readQuery('subject:"message 40"'), 5);
  assert.deepEqual([hits.length, lag], [1, 0]);
  await archive.close();
});

test('what is not there, of a newer version, or no database at all is told as that', async () => {
  using folder = temporaryFolder();
  assert.throws(
    () => openArchiveReader(folder.path),
    (error) => isFault(error, 'archive.not-found'),
  );
  const file = join(folder.path, 'archive', 'archive.sqlite');
  mkdirSync(join(folder.path, 'archive'));
  writeFileSync(file, '');
  assert.throws(
    () => openArchiveReader(folder.path),
    (error) => isFault(error, 'archive.not-found'),
  );
  const refusals: readonly (readonly [() => void, 'archive.damaged' | 'archive.newer-format'])[] = [
    [() => writeFileSync(file, 'this is a text and no database '.repeat(50)), 'archive.damaged'],
    [() => foreign(rid(file), 'create table mail (text)'), 'archive.damaged'],
    [() => foreign(copyOf(file), 'pragma user_version = 3'), 'archive.newer-format'],
  ];
  for (const [prepare, code] of refusals) {
    prepare();
    const before = readFileSync(file);
    await assert.rejects(openArchive(folder.path, systemClock), (error) => isFault(error, code), code);
    assert.throws(
      () => openArchiveReader(folder.path),
      (error) => isFault(error, code),
    );
    assert.ok(readFileSync(file).equals(before), 'it was written to');
  }
});

function replacedByFolder(file: string): void {
  rmSync(file);
  mkdirSync(file);
}

function rid(file: string): string {
  rmSync(file);
  return file;
}

function copyOf(file: string): string {
  copyFileSync(join(pristine.path, 'archive', 'archive.sqlite'), file);
  return file;
}

function foreign(file: string, statement: string): void {
  const db = new DatabaseSync(file);
  db.exec(statement);
  db.close();
}

test('a place that cannot be read or written is told as that and not as damage', async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'archive', 'archive.sqlite'), { recursive: true });
  assert.throws(
    () => openArchiveReader(folder.path),
    (error) => isFault(error, 'archive.read-failed'),
  );
  await assert.rejects(openArchive(folder.path, systemClock), (error) => isFault(error, 'archive.write-failed'));
  writeFileSync(join(folder.path, 'file'), '');
  await assert.rejects(openArchive(join(folder.path, 'file'), systemClock), (error) => isFault(error, 'archive.write-failed'));
});

test('nobody else may read the files of an archive', () => {
  const files = readdirSync(join(pristine.path, 'archive'), { recursive: true, withFileTypes: true });
  assert.ok(files.length > 6);
  for (const file of files) {
    const mode = statSync(join(file.parentPath, file.name)).mode & 0o777;
    assert.equal(mode, file.isDirectory() ? 0o700 : 0o600, file.name);
  }
});

test('every fault names what it is about', async () => {
  using folder = temporaryFolder();
  try {
    openArchiveReader(folder.path);
  } catch (error) {
    assert.ok(error instanceof Fault && error.evidence.folder === join(folder.path, 'archive'));
  }
});

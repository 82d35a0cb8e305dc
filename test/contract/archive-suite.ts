/**
 * The archive's contract (src/archive/archive.ts), for every implementation: a ten-line test hands it a factory.
 *
 * The hard thing is to say only what the port promises: no file, no table and no timing is named here, and whoever implements the port
 * anew can read from this file what it has to keep.
 *
 * Long because the whole contract is to be read in one place.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Archive, ArchiveReader, Arrival, Era, Query, Settled, StoredMessage } from '../../src/archive/archive.ts';
import { exportMessages } from '../../src/archive/export.ts';
import { readQuery } from '../../src/archive/query.ts';
import { isFault } from '../../src/fault/fault.ts';

export interface ArchiveUnderTest {
  readonly name: string;
  /** Opens for writing; makes the archive in an empty folder. */
  open(folder: string): Promise<Archive>;
  openReader(folder: string): ArchiveReader;
}

export const inbox: Era = { source: 'telemessage', folder: 'INBOX', uidValidity: 7 };

export function temporaryFolder(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'postern-archive-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The bytes in pieces of `size`, as a socket would hand them out. */
export async function* pieces(bytes: Uint8Array | string, size = 16_384): AsyncGenerator<Uint8Array> {
  const whole = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
}

export async function put(archive: Archive, uid: number, bytes: Uint8Array | string, more: Partial<Arrival> = {}): Promise<Settled> {
  const receipt = await archive.accept(pieces(bytes), () => ({ era: inbox, uid, cursor: uid, ...more }));
  return await receipt.durable;
}

export async function readAll(archive: ArchiveReader, sha256: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive.read(sha256)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes of all values without a pattern, the same in every run. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

export function mail(subject: string, body: string, headers: readonly string[] = []): string {
  return [`Subject: ${subject}`, ...headers, '', body, ''].join('\r\n');
}

function withAttachment(subject: string, name: string, content: string): string {
  return [
    `Subject: ${subject}`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="b"',
    '',
    '--b',
    'Content-Type: text/plain',
    '',
    'See the attachment.',
    '--b',
    `Content-Type: application/pdf; name="${name}"`,
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from(content).toString('base64'),
    '--b--',
    '',
  ].join('\r\n');
}

async function subjects(archive: ArchiveReader, words: string): Promise<string[]> {
  return (await archive.search(readQuery(words), 50)).hits.map((hit) => hit.record?.subject ?? '');
}

async function all(archive: ArchiveReader, query: Query): Promise<StoredMessage[]> {
  const found: StoredMessage[] = [];
  for await (const message of archive.matches(query)) found.push(message);
  return found;
}

const everything: Query = { terms: [] };

export function archiveContract({ name, open, openReader }: ArchiveUnderTest): void {
  function promise(title: string, run: (archive: Archive, folder: string) => Promise<void>): void {
    test(`${name}: ${title}`, async () => {
      using folder = temporaryFolder();
      const archive = await open(folder.path);
      try {
        await run(archive, folder.path);
      } finally {
        await archive.close();
      }
    });
  }

  promise('what was accepted is read byte for byte, whatever its size and bytes', async (archive, folder) => {
    const bound = 256 * 1024;
    const bodies = [
      Buffer.alloc(0),
      Buffer.from('x'),
      Buffer.from('\0\0a\0'),
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      ...[bound - 1, bound, bound + 1].flatMap((length) => [noise(length), Buffer.alloc(length, 'a')]),
      Buffer.from(`Subject: bare\rcarriage\rreturns\n\nand 8-bit \xff\xfe`, 'latin1'),
    ];
    let uid = 0;
    for (const body of bodies) {
      uid += 1;
      assert.deepEqual(await put(archive, uid, body), { state: 'archived', sha256: sha256(body) });
    }
    const large = noise(5_000_000, 3);
    const receipt = await archive.accept(pieces(large, 7_919), () => ({ era: inbox, uid: 99, cursor: 99 }));
    assert.equal((await receipt.durable).sha256, sha256(large));
    const reader = openReader(folder);
    for (const body of [...bodies, large]) assert.ok((await readAll(reader, sha256(body))).equals(body), `${body.length} bytes`);
    await reader.close();
    const report = await archive.verify();
    assert.deepEqual(report.findings, []);
    assert.equal(report.messages, bodies.length + 1);
    assert.equal(report.bytes, large.length + bodies.reduce((sum, body) => sum + body.length, 0));
  });

  promise('the same bytes twice are a duplicate, with a row of their own, and are stored once', async (archive) => {
    for (const body of ['small', noise(300_000)]) {
      const uid = body.length;
      assert.equal((await put(archive, uid, body)).state, 'archived');
      assert.deepEqual(await put(archive, uid + 1, body), { state: 'duplicate', sha256: sha256(body) });
      const other = { ...inbox, folder: 'Sent' };
      assert.equal((await put(archive, uid, body, { era: other })).state, 'duplicate');
      const { occurrences } = await archive.message(sha256(body));
      assert.deepEqual(
        occurrences.map((one) => [one.folder, one.uid, one.state]),
        [
          ['INBOX', uid, 'archived'],
          ['INBOX', uid + 1, 'duplicate'],
          ['Sent', uid, 'duplicate'],
        ],
      );
    }
    const { messages, ledger, bytes } = await archive.stats();
    assert.deepEqual({ messages, ledger, bytes }, { messages: 2, ledger: { archived: 2, duplicate: 4, quarantined: 0 }, bytes: 300_005 });
  });

  promise('a UID of an era that has its row keeps it, also within one transaction', async (archive) => {
    const first = await archive.accept(pieces('first'), () => ({ era: inbox, uid: 1, cursor: 1 }));
    const second = await archive.accept(pieces('second'), () => ({ era: inbox, uid: 1, cursor: 1 }));
    await archive.flush();
    assert.equal((await first.durable).sha256, sha256('first'));
    assert.equal((await second.durable).sha256, sha256('first'));
    assert.equal((await put(archive, 1, 'third')).sha256, sha256('first'));
    assert.equal((await archive.stats()).head.rows, 1);
    await assert.rejects(archive.message(sha256('second')), (error) => isFault(error, 'archive.unknown-message'));
    assert.equal((await put(archive, 1, 'second', { era: { ...inbox, uidValidity: 8 } })).sha256, sha256('second'));
  });

  test(`${name}: settled UIDs, cursor and chain are there again after reopening, and the chain goes on`, async () => {
    using folder = temporaryFolder();
    const first = await open(folder.path);
    assert.equal(await first.cursor(inbox.source, inbox.folder), undefined);
    assert.equal((await first.settled(inbox)).size, 0);
    for (const uid of [1, 2, 3, 7, 8]) await put(first, uid, `message ${uid}`);
    const { head } = await first.stats();
    await first.close();

    const second = await open(folder.path);
    const settled = await second.settled(inbox);
    assert.deepEqual(
      [0, 1, 2, 3, 4, 6, 7, 8, 9].filter((uid) => settled.has(uid)),
      [1, 2, 3, 7, 8],
    );
    assert.equal(settled.size, 5);
    assert.equal((await second.settled({ ...inbox, uidValidity: 8 })).size, 0);
    assert.deepEqual(await second.cursor(inbox.source, inbox.folder), { uidValidity: 7, uid: 8 });
    assert.deepEqual((await second.stats()).head, head);
    await put(second, 9, 'message 9', { cursor: 9, era: { ...inbox, uidValidity: 8 } });
    assert.deepEqual(await second.cursor(inbox.source, inbox.folder), { uidValidity: 8, uid: 9 });
    const report = await second.verify();
    assert.deepEqual(report.findings, []);
    assert.equal(report.head.rows, 6);
    await second.close();
  });

  promise('a body that breaks off half-way leaves nothing, and the archive goes on', async (archive) => {
    for (const length of [1_000, 400_000]) {
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield* pieces(noise(length));
        throw new Error('the connection was lost');
      };
      await assert.rejects(
        archive.accept(broken(), () => ({ era: inbox, uid: 1, cursor: 1 })),
        /the connection was lost/,
      );
      await assert.rejects(
        archive.accept(pieces(noise(length)), () => {
          throw new Error('nobody asked for it');
        }),
        /nobody asked for it/,
      );
    }
    assert.equal((await put(archive, 1, 'whole')).state, 'archived');
    const report = await archive.verify();
    const { messages, bytes, rows, findings, orphans } = report;
    assert.deepEqual([messages, bytes, rows, findings, orphans], [1, 5, 1, [], 0]);
  });

  promise('what gave no bytes, and what is kept apart with them, have their rows with the reason', async (archive) => {
    const nothing = await archive.acceptNothing({ era: inbox, uid: 1, cursor: 1, quarantine: 'refused' });
    assert.deepEqual(await nothing.durable, { state: 'quarantined', sha256: undefined });
    const substitute = mail('Retrieval using the IMAP4 protocol failed', 'The server could not retrieve it.');
    assert.deepEqual(await put(archive, 2, substitute, { quarantine: 'substitute' }), { state: 'quarantined', sha256: sha256(substitute) });
    const again = await archive.acceptNothing({ era: inbox, uid: 1, cursor: 2, quarantine: 'no-data' });
    assert.equal((await again.durable).state, 'quarantined');
    const settled = await archive.settled(inbox);
    assert.deepEqual([settled.has(1), settled.has(2), settled.size], [true, true, 2]);
    assert.deepEqual((await archive.stats()).ledger, { archived: 0, duplicate: 0, quarantined: 2 });
    assert.deepEqual((await archive.verify()).findings, []);
  });

  promise('many messages accepted at once each get their receipt, and flush waits for all', async (archive) => {
    const receipts = await Promise.all(
      Array.from({ length: 500 }, (_, index) => {
        const body = index % 100 === 0 ? noise(300_000, index) : `message ${index % 400}`;
        return archive.accept(pieces(body), () => ({ era: inbox, uid: index + 1, cursor: 0 }));
      }),
    );
    await archive.flush();
    assert.equal((await archive.settled(inbox)).size, 500);
    const settled = await Promise.all(receipts.map((receipt) => receipt.durable));
    assert.equal(settled.filter((one) => one.state === 'duplicate').length, 99);
    assert.deepEqual((await archive.verify()).findings, []);
    await archive.derived();
    assert.equal((await archive.stats()).lag, 0);
  });

  promise('flush waits for what was accepted before it, and not for what goes on coming', async (archive) => {
    let uid = 0;
    let isOver = false;
    const coming = (async () => {
      while (!isOver) {
        uid += 1;
        await archive.accept(pieces(`message ${uid}`), () => ({ era: inbox, uid, cursor: uid }));
      }
    })();
    const before = await archive.accept(pieces('before'), () => ({ era: { ...inbox, folder: 'Sent' }, uid: 1, cursor: 1 }));
    await archive.flush();
    isOver = true;
    await coming;
    assert.equal((await before.durable).state, 'archived');
  });

  promise('a search finds words, phrases, beginnings of words and fields, in any language', async (archive) => {
    const from = ['From: "Eva König" <eva@contoso.test>', 'To: Jan <jan@fabrikam.test>', 'X-Case: 4711-A'];
    await put(archive, 1, mail('Invoice for March', 'The second half is due in April.', from));
    await put(archive, 2, mail('Re: draft', 'half of the second page is missing', ['From: jan@fabrikam.test', 'To: eva@contoso.test']));
    await put(archive, 3, mail('=?utf-8?B?5pel5pys6Kqe?=', 'Grüße aus Zürich, smørrebrød'));
    await put(archive, 4, withAttachment('With a file', 'Quarterly report.pdf', 'x'.repeat(20_000)));
    await archive.derived();
    const expected: readonly (readonly [string, readonly string[]])[] = [
      ['invoice', ['Invoice for March']],
      ['INVOICE april', ['Invoice for March']],
      ['"second half"', ['Invoice for March']],
      ['second half', ['Re: draft', 'Invoice for March']],
      ['second half -draft', ['Invoice for March']],
      ['second -"second half"', ['Re: draft']],
      ['-second', ['With a file', '日本語']],
      ['invo*', ['Invoice for March']],
      ['invo', []],
      ['from:eva', ['Invoice for March']],
      ['to:eva', ['Re: draft']],
      ['from:konig', ['Invoice for March']],
      ['subject:draft', ['Re: draft']],
      ['body:draft', []],
      ['header:4711', ['Invoice for March']],
      ['日本語', ['日本語']],
      ['zurich GRÜẞE', ['日本語']],
      ['koenig', []],
      ['attachment:quarterly', ['With a file']],
      ['has:attachment', ['With a file']],
      ['second -has:attachment', ['Re: draft', 'Invoice for March']],
      ['eva@contoso.test', ['Re: draft', 'Invoice for March']],
      ['"OR" NEAR(half)', []],
      ['', ['With a file', '日本語', 'Re: draft', 'Invoice for March']],
    ];
    for (const [words, found] of expected) assert.deepEqual(await subjects(archive, words), found, words);
    const [hit] = (await archive.search(readQuery('quarterly'), 1)).hits;
    const [attached] = hit?.record?.attachments ?? [];
    assert.deepEqual([attached?.name, attached?.type, attached?.bytes], ['Quarterly report.pdf', 'application/pdf', 20_000]);
  });

  promise('a search can be narrowed to a source and to days, ends at its limit and says that there is more', async (archive) => {
    for (const [index, date] of ['1 Jan 2026 00:00:00', '31 Jan 2026 23:59:59', '1 Feb 2026 00:00:00'].entries()) {
      await put(archive, index + 1, mail(`day ${index}`, 'word', [`Date: ${date} +0000`]), {
        era: { ...inbox, source: index === 2 ? 'journal' : 'telemessage' },
      });
    }
    // Without a date of its own a message counts by its arrival.
    await put(archive, 9, mail('no day', 'word'), { internalDate: new Date('2026-03-01T00:00:00Z') });
    await archive.derived();
    assert.deepEqual(await subjects(archive, 'word since:2026-01-31'), ['no day', 'day 2', 'day 1']);
    assert.deepEqual(await subjects(archive, 'word until:2026-01-31'), ['day 1', 'day 0']);
    assert.deepEqual(await subjects(archive, 'since:2026-01-02 until:2026-01-31'), ['day 1']);
    assert.deepEqual(await subjects(archive, 'source:journal'), ['day 2']);
    assert.deepEqual(await subjects(archive, 'word source:journal'), ['day 2']);
    assert.deepEqual(await subjects(archive, 'word source:nobody'), []);
    const page = await archive.search(readQuery('word'), 3);
    assert.deepEqual([page.hits.length, page.next !== undefined, page.hits[0]?.record?.subject], [3, true, 'no day']);
    assert.equal((await archive.search(readQuery('word'), 4)).next, undefined);
    assert.deepEqual(
      (await all(archive, readQuery('word'))).map((one) => one.record?.subject),
      ['day 0', 'day 1', 'day 2', 'no day'],
    );
  });

  promise('a message is found by the beginning of its id', async (archive) => {
    const id = String((await put(archive, 1, mail('Found', 'by its id'), { internalDate: new Date(1_000), announcedBytes: 5 })).sha256);
    await archive.derived();
    for (const given of [id, id.slice(0, 12), id.slice(0, 5).toUpperCase()]) {
      const message = await archive.message(given);
      assert.equal(message.sha256, id);
      assert.equal(message.record?.subject, 'Found');
      assert.deepEqual(message.occurrences[0]?.internalDate, new Date(1_000));
    }
    const other = `${id.startsWith('0') ? '1' : '0'}${id.slice(1)}`;
    for (const given of ['zzzz', '', other]) {
      await assert.rejects(archive.message(given), (error) => isFault(error, 'archive.unknown-message'), given);
    }
    await assert.rejects(archive.message(id.slice(0, 3)), (error) => isFault(error, 'archive.ambiguous-id'));
    await assert.rejects(readAll(archive, other), (error) => isFault(error, 'archive.unknown-message'));
  });

  promise('messages that share the beginning of their ids are told apart', async (archive) => {
    const found = new Map<string, string>();
    for (let number = 0; ; number += 1) {
      const body = `body ${number}`;
      const head = sha256(body).slice(0, 4);
      const earlier = found.get(head);
      found.set(head, body);
      if (earlier === undefined) continue;
      await put(archive, 1, earlier);
      await put(archive, 2, body);
      await assert.rejects(archive.message(head), (error) => isFault(error, 'archive.ambiguous-id'));
      assert.equal((await archive.message(sha256(body).slice(0, 20))).sha256, sha256(body));
      return;
    }
  });

  promise('deriving tells its progress, can be given up, and a message that says nothing is counted as unreadable', async (archive) => {
    for (let uid = 1; uid <= 30; uid += 1)
      await put(archive, uid, uid === 5 ? '\r\n\r\nno header fields at all' : mail(`n ${uid}`, 'text'));
    const seen: number[] = [];
    await archive.derived({ onProgress: ({ done, total }) => seen.push(done / Math.max(1, total)) });
    assert.ok(seen.every((share, index) => share >= (seen[index - 1] ?? 0)));
    const stats = await archive.stats();
    assert.deepEqual([stats.lag, stats.unreadable], [0, 1]);
    assert.deepEqual((await archive.search(readQuery('"no header fields at all"'), 5)).hits.length, 1);
    await put(archive, 31, mail('later', 'text'));
    await assert.rejects(archive.reindex({ signal: AbortSignal.abort(new Error('given up')) }), /given up/);
    await archive.derived();
    assert.deepEqual(await subjects(archive, 'later'), ['later']);
  });

  promise('an index that is made again says the same', async (archive, folder) => {
    for (let uid = 1; uid <= 40; uid += 1)
      await put(archive, uid, uid % 9 === 0 ? withAttachment(`n ${uid}`, 'a.pdf', 'yy') : mail(`n ${uid}`, 'same words'));
    await archive.derived();
    const reader = openReader(folder);
    const before = await all(reader, readQuery('n'));
    assert.equal(before.length, 40);
    await archive.reindex();
    assert.deepEqual(await all(archive, readQuery('n')), before);
    assert.deepEqual(await all(reader, readQuery('n')), before);
    assert.equal((await archive.search(readQuery('same'), 100)).hits.length, 36);
    await put(archive, 41, mail('afterwards', 'same words'));
    await archive.derived();
    assert.deepEqual(await subjects(reader, 'afterwards'), ['afterwards']);
    await reader.close();
  });

  promise('what is in quarantine shows with its reason, and what has no bytes is named in the numbers', async (archive) => {
    const text = mail('Retrieval using IMAP failed', 'The server could not retrieve the following message.');
    await put(archive, 1, text, { quarantine: 'substitute' });
    for (let uid = 2; uid <= 25; uid += 1) {
      await (await archive.acceptNothing({ era: inbox, uid, cursor: uid, quarantine: uid === 2 ? 'refused' : 'no-data' })).durable;
    }
    await put(archive, 3, 'its bytes came later');
    const { occurrences } = await archive.message(sha256(text));
    assert.deepEqual(
      occurrences.map((one) => [one.state, one.reason]),
      [['quarantined', 'substitute']],
    );
    assert.equal((await archive.message(sha256('its bytes came later'))).occurrences[0]?.reason, undefined);
    const { withoutBytes } = await archive.stats();
    assert.deepEqual([withoutBytes.count, withoutBytes.first.length], [23, 20]);
    assert.deepEqual(withoutBytes.first.slice(0, 2), [
      { ...inbox, uid: 2, reason: 'refused' },
      { ...inbox, uid: 4, reason: 'no-data' },
    ]);
  });

  promise('everything can be gone through before it is derived', async (archive) => {
    await archive.accept(pieces('one'), () => ({ era: inbox, uid: 1, cursor: 1 }));
    await archive.flush();
    assert.deepEqual(
      (await all(archive, everything)).map((one) => one.sha256),
      [sha256('one')],
    );
    assert.deepEqual((await all(archive, { terms: [], source: 'nobody' })).length, 0);
  });

  promise('an export as eml is what arrived, with its manifest', async (archive, folder) => {
    const bodies = [mail('a', 'From here\r\n>From there'), 'no line end', Buffer.alloc(0), noise(300_000)];
    for (const [index, body] of bodies.entries()) await put(archive, index + 1, body);
    const target = join(folder, 'out');
    const summary = await exportMessages(archive, everything, 'eml', target);
    assert.equal(summary.messages, bodies.length);
    const manifest = manifestOf(target);
    assert.deepEqual(
      manifest.map((line) => line.sha256),
      bodies.map(sha256),
    );
    for (const line of manifest) assert.equal(sha256(readFileSync(join(target, line.file))), line.sha256);
    assert.deepEqual(manifest[0]?.occurrences, [{ ...inbox, uid: 1, state: 'archived' }]);
    assert.deepEqual(readdirSync(target).length, bodies.length + 1);
    await assert.rejects(exportMessages(archive, everything, 'eml', target), (error) => isFault(error, 'archive.export-target'));
  });

  promise('an export as mbox can be undone byte for byte', async (archive, folder) => {
    const bodies = [
      mail('a', 'From here\r\n>From there\r\n>>>From\r\nFro\r\nFrom', []),
      'From the first byte on\nand no line end',
      'From ',
      '>',
      '',
      '\n\n',
      `${'>'.repeat(5_000)}From behind many`,
      Buffer.concat([Buffer.from('Subject: x\n\n'), Buffer.alloc(3_000_000, 'From ')]),
      noise(300_000),
    ];
    for (const [index, body] of bodies.entries()) await put(archive, index + 1, body, { internalDate: new Date(0) });
    const target = join(folder, 'out');
    await exportMessages(archive, everything, 'mbox', target);
    let rest = readFileSync(join(target, 'messages.mbox'));
    for (const line of manifestOf(target)) {
      const next = entryEnd(rest);
      const entry = rest.subarray(rest.indexOf(10) + 1, next - 1);
      assert.equal(rest.subarray(0, rest.indexOf(10)).toString(), 'From MAILER-DAEMON Thu Jan  1 00:00:00 1970');
      assert.equal(sha256(unquoted(entry).subarray(0, line.bytes)), line.sha256, `${line.bytes} bytes`);
      rest = rest.subarray(next);
    }
    assert.equal(rest.length, 0);
  });

  promise('a reader sees what becomes durable, and verifying does not hold the writer up', async (archive, folder) => {
    await put(archive, 1, 'first');
    const reader = openReader(folder);
    const verifying = reader.verify();
    await put(archive, 2, 'second');
    assert.equal((await reader.message(sha256('second'))).bytes, 6);
    assert.deepEqual((await verifying).findings, []);
    const [one, two] = await Promise.all([archive.verify(), archive.verify()]);
    assert.deepEqual(one, two);
    assert.equal((await archive.settled(inbox)).size, 2);
    await reader.close();
  });

  promise('verifying tells its progress and can be given up', async (archive) => {
    for (let uid = 1; uid <= 200; uid += 1) await archive.accept(pieces(`m ${uid}`), () => ({ era: inbox, uid, cursor: uid }));
    await archive.flush();
    const seen: number[] = [];
    await archive.verify({ onProgress: ({ done }) => seen.push(done) });
    assert.equal(seen.at(-1), 200);
    await assert.rejects(archive.verify({ signal: AbortSignal.abort(new Error('given up')) }), /given up/);
  });

  promise('a name of a folder that is no proper text keeps its chain', async (archive) => {
    const era = { source: 's', folder: 'half \ud800 a character, and \0 in it', uidValidity: 1 };
    await put(archive, 3, 'x', { era });
    assert.equal((await archive.settled(era)).size, 1);
    assert.deepEqual((await archive.verify()).findings, []);
  });
}

interface Line {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly occurrences: readonly unknown[];
}

function manifestOf(folder: string): Line[] {
  const lines = readFileSync(join(folder, 'manifest.jsonl'), 'utf8').split('\n');
  return lines.slice(0, -1).map((line): Line => JSON.parse(line));
}

/** Where the next entry of an mbox begins: at a `From ` behind an empty line. */
function entryEnd(mbox: Buffer): number {
  const next = mbox.indexOf('\nFrom ', mbox.indexOf(10));
  return next < 0 ? mbox.length : next + 1;
}

function unquoted(entry: Buffer): Buffer {
  return Buffer.from(entry.toString('latin1').replaceAll(/^>(>*From )/gm, '$1'), 'latin1');
}

/**
 * Real and nasty mail, every message of the corpora beside a development checkout, through the whole way: server, import, archive, search.
 *
 * The hard thing is to know what to expect. The sandbox serves the bytes that were delivered. Dovecot does not: it sends CR LF for a bare
 * LF and 0x80 for a NUL. So there the witness is curl, which nobody here wrote: what it gets is what the archive must hold.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Archive } from '../../src/archive/archive.ts';
import { runOnce } from '../../src/import/run.ts';
import { assertSame, corpora } from './corpora.ts';
import { archivedHashes, hashesOf, type ImportPlace, sha256, sourcesFor, watched, withArchive } from './import-place.ts';
import { dovecotPlace } from './import-place-dovecot.ts';
import { sandboxPlace } from './import-place-sandbox.ts';
import { verified } from './import-suite.ts';
import { peerProgram, unlessCorpora, unlessDovecot } from './places/peers.ts';

const noCorpora = unlessCorpora();
const mailbox = 'corpora@contoso.test';
const curlDeadlineMs = 60_000;

test('sandbox: every message of the corpora is in the archive byte by byte, verified, and found by its header', {
  skip: noCorpora,
}, async (t) => {
  const place = await sandboxPlace();
  try {
    const address = place.mailbox();
    const messages = corpora();
    place.deliver(address, 'INBOX', messages);
    await withArchive(async (archive) => {
      await imported(place, address, archive);
      assertSame(await archivedHashes(archive), hashesOf(messages));
      await verified(archive);
      t.diagnostic(await found(archive, messages));
    });
  } finally {
    await place.close();
  }
});

test('Dovecot: every message of the corpora is in the archive as curl gets it too, verified, and found by its header', {
  skip: noCorpora === false ? unlessDovecot('curl', 'openssl') : noCorpora,
}, async (t) => {
  // The password is for curl, whose mailbox is another one with the same mail: it marks what it reads as seen.
  const place = await dovecotPlace({ 'witness@contoso.test': 'correct horse' });
  const folder = mkdtempSync(join(tmpdir(), 'postern-witness-'));
  try {
    const messages = corpora();
    place.deliver(mailbox, 'INBOX', messages);
    place.deliver('witness@contoso.test', 'INBOX', messages);
    writeFileSync(join(folder, 'ca.pem'), place.files['dovecot.pem'] ?? '');
    const url = `imaps://localhost:${place.dovecot.ports.imaps}/INBOX;UID=[1-${messages.length}]`;
    const words = ['--silent', '--show-error', '--cacert', join(folder, 'ca.pem'), '--user', 'witness@contoso.test:correct horse'];
    await promisify(execFile)(peerProgram('curl'), [...words, '--output', join(folder, '#1'), url], { timeout: curlDeadlineMs });
    const served = messages.map((_, index) => readFileSync(join(folder, String(index + 1))));
    await withArchive(async (archive) => {
      await imported(place, mailbox, archive);
      assertSame(await archivedHashes(archive), hashesOf(served));
      await verified(archive);
      const altered = served.filter((bytes, index) => Buffer.compare(bytes, messages[index] ?? Buffer.of()) !== 0).length;
      t.diagnostic(
        `${altered} of ${messages.length} are served with other line ends or NULs than delivered; ${await found(archive, served)}`,
      );
      assert.ok(place.list(mailbox, 'INBOX').every(({ flags }) => flags === ''));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await place.close();
  }
});

async function imported(place: ImportPlace, address: string, archive: Archive): Promise<void> {
  const summary = await runOnce(await sourcesFor(place, { mailbox: address }), watched(archive), { connections: 1 });
  assert.ok(summary.complete, JSON.stringify(summary.sources));
}

/** Searches for each message by words of its header as they stand there, and tells the numbers. */
async function found(archive: Archive, messages: readonly Uint8Array[]): Promise<string> {
  const lost: string[] = [];
  let [searched, wordless, unread] = [0, 0, 0];
  for (const [id, bytes] of new Map(messages.map((one) => [sha256(one), one]))) {
    const words = headerWords(bytes);
    if (words.length === 0) {
      wordless += 1;
      continue;
    }
    searched += 1;
    const { record } = await archive.message(id);
    if (record?.problem !== undefined) unread += 1;
    const terms = words.map((text) => ({ text, field: 'any', not: false, prefix: false }) as const);
    const { hits } = await archive.search({ terms }, 2_000);
    if (!hits.some((hit) => hit.sha256 === id)) lost.push(`${id.slice(0, 12)} by ${words.join(' ')}`);
  }
  assert.deepEqual(lost, []);
  return `${searched} found by their header, of these ${unread} that no parser understood; ${wordless} have no header words`;
}

/** Lines that the index leaves out on purpose. */
const noise =
  /^(?:received|dkim-signature|arc-|authentication-results|x-ms-exchange-|x-microsoft-antispam|x-forefront-|content-|mime-version)/i;

/** Up to five words of the header's most telling line, without what a parser decodes (`=?…?=`, 8-bit) or leaves out as a comment. */
function headerWords(bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes).toString('latin1', 0, 32_768);
  const head = text.replaceAll(/\r\n?/g, '\n').split(/\n\n/, 1)[0] ?? '';
  const lines = head.replaceAll(/\n[ \t]+/g, ' ').split('\n');
  const telling = lines
    .filter((line) => /^[\x21-\x39\x3b-\x7e]+:[\x20-\x7e]*$/.test(line) && !noise.test(line) && !/=\?|[()\\]/.test(line))
    .map((line) => [...line.slice(line.indexOf(':')).matchAll(/[A-Za-z0-9]{3,}/g)].map((match) => match[0]));
  return (telling.sort((a, b) => b.length - a.length)[0] ?? []).slice(0, 5);
}

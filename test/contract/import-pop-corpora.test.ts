/**
 * Real and nasty mail, every message of the corpora beside a development checkout, through Dovecot and POP3 into the archive.
 *
 * The witness is curl, which nobody here wrote: what it gets by POP3 is what the archive must hold.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { assertSame, corpora } from './corpora.ts';
import { archivedHashes, hashesOf, sourcesFor, watched, withArchive } from './import-place.ts';
import { popDovecotPlace } from './import-pop-place.ts';
import { once, verified } from './import-suite.ts';
import { peerProgram, unlessCorpora, unlessDovecot } from './places/peers.ts';

const noCorpora = unlessCorpora();
const mailbox = 'corpora@contoso.test';
const witness = 'witness@contoso.test';
const curlDeadlineMs = 120_000;

test('Dovecot over POP3: every message of the corpora is in the archive as curl gets it too, verified; nothing is removed', {
  skip: noCorpora === false ? unlessDovecot('curl', 'openssl') : noCorpora,
}, async (t) => {
  const place = await popDovecotPlace({ [witness]: 'correct horse' });
  const folder = mkdtempSync(join(tmpdir(), 'postern-witness-'));
  try {
    const messages = corpora();
    for (const one of [mailbox, witness]) place.deliver(one, 'INBOX', messages);
    writeFileSync(join(folder, 'ca.pem'), place.files['dovecot.pem'] ?? '');
    const url = `pop3s://localhost:${place.dovecot.ports.pop3s}/[1-${messages.length}]`;
    const words = ['--silent', '--show-error', '--cacert', join(folder, 'ca.pem'), '--user', `${witness}:correct horse`];
    await promisify(execFile)(peerProgram('curl'), [...words, '--output', join(folder, '#1'), url], { timeout: curlDeadlineMs });
    const served = messages.map((_, index) => readFileSync(join(folder, String(index + 1))));
    await withArchive(async (archive) => {
      const { complete, sources } = await once(await sourcesFor(place, { mailbox }), watched(archive));
      assert.ok(complete, JSON.stringify(sources));
      assertSame(await archivedHashes(archive), hashesOf(served));
      await verified(archive);
      const same = served.filter((bytes, index) => Buffer.compare(bytes, messages[index] ?? Buffer.of()) === 0).length;
      t.diagnostic(`${messages.length} messages, ${same} of them served with the very bytes that were delivered`);
      assert.equal(place.list(mailbox, 'INBOX').length, messages.length);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await place.close();
  }
});

/** The import's promises, kept against a real Dovecot that takes XOAUTH2 only, with tokens of the sandbox's token endpoint. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { archivedHashes, hashesOf, mails, sourcesFor, until, watched, withArchive } from './import-place.ts';
import { dovecotPlace } from './import-place-dovecot.ts';
import { importContract, once } from './import-suite.ts';
import { unlessDovecot } from './places/peers.ts';

const skip = unlessDovecot('openssl');
importContract('Dovecot', () => dovecotPlace(), skip);

test('Dovecot: user and password open a mailbox where the server takes them, and a second run has it send no body', { skip }, async () => {
  const place = await dovecotPlace({ 'journal@contoso.test': 'correct horse' });
  try {
    const messages = mails('by password', 4);
    place.deliver('journal@contoso.test', 'INBOX', messages);
    const keys = `server: ${place.server.implicit}\n    auth: { password: { env: LAB_SECRET } }`;
    const withPassword = { ...place, files: { ...place.files, 'client-secret': 'correct horse' } };
    const sources = await sourcesFor(withPassword, { mailbox: 'journal@contoso.test', keys });
    await withArchive(async (archive) => {
      assert.ok((await once(sources, watched(archive))).complete);
      assert.deepEqual(await archivedHashes(archive), hashesOf(messages));
      assert.ok((await once(sources, watched(archive))).complete);
    });
    // Dovecot's own count, a line a session.
    const counts = (): unknown[] => [...place.dovecot.log().matchAll(/body_count=(\d+)/g)].map((match) => match[1]);
    await until(() => counts().length === 2);
    assert.deepEqual(counts(), ['4', '0']);
  } finally {
    await place.close();
  }
});

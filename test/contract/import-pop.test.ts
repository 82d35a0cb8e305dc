/**
 * The import's promises over POP3, kept against the sandbox and against a real Dovecot. Those that ask for folders, dates, marks or
 * listening are IMAP's alone; here stands what POP3 promises in their place.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { archivedHashes, hashesOf, mail, mails, sourcesFor, watched, withArchive } from './import-place.ts';
import type { DovecotImportPlace } from './import-place-dovecot.ts';
import { popDovecotPlace, popSandboxPlace } from './import-pop-place.ts';
import { equation, importContract, type Need, once, verified } from './import-suite.ts';
import { unlessDovecot } from './places/peers.ts';

/** `unread`: what RETR hands out a server may mark as read by itself, as Dovecot does. */
const without: ReadonlySet<Need> = new Set<Need>(['folders', 'uid-validity', 'listening', 'unread', 'dates', 'lanes']);
const skip = unlessDovecot('openssl');
importContract('sandbox over POP3', () => popSandboxPlace(), false, without);
importContract('Dovecot over POP3', () => popDovecotPlace(), skip, without);

let dovecot: DovecotImportPlace;
before(async () => {
  if (skip === false) dovecot = await popDovecotPlace();
});
after(() => dovecot?.close());

test('Dovecot over POP3: nothing is removed or moved on the server, and what is read is the mail as it was', { skip }, async () => {
  const mailbox = dovecot.mailbox();
  const messages = mails('left alone', 5);
  dovecot.deliver(mailbox, 'INBOX', messages);
  await withArchive(async (archive) => {
    await once(await sourcesFor(dovecot, { mailbox }), watched(archive));
    assert.deepEqual(
      dovecot.list(mailbox, 'INBOX').map(({ bytes }) => Buffer.from(bytes)),
      messages.map((bytes) => Buffer.from(bytes)),
    );
  });
});

test('Dovecot over POP3: when all names change, every message comes again as a duplicate: none twice, the chain holds', {
  skip,
}, async () => {
  const mailbox = dovecot.mailbox();
  const messages = mails('renamed', 4);
  dovecot.deliver(mailbox, 'INBOX', messages);
  await withArchive(async (archive) => {
    await once(await sourcesFor(dovecot, { mailbox }), watched(archive));
    dovecot.renumber(mailbox, 'INBOX');
    const later = mail('after it');
    dovecot.deliver(mailbox, 'INBOX', [later]);
    const { complete, sources } = await once(await sourcesFor(dovecot, { mailbox }), watched(archive));
    assert.ok(complete);
    assert.deepEqual(equation(sources[0]), { listed: 5, before: 0, archived: 1, duplicate: 4, quarantined: 0, missing: 0 });
    assert.deepEqual(await archivedHashes(archive), hashesOf([...messages, later]));
    await verified(archive);
  });
});

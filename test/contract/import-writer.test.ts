/** What changes a mailbox, against the sandbox and against Dovecot: exactly the messages that were named, and no others. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Archive } from '../../src/archive/archive.ts';
import { imapMailbox, imapWriter } from '../../src/import/from-imap.ts';
import type { Mailbox, MailboxWriter } from '../../src/import/mailbox.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { accessTo, type ImportPlace, mail, mails, withArchive } from './import-place.ts';
import { dovecotPlace } from './import-place-dovecot.ts';
import { type SandboxPlace, sandboxPlace } from './import-place-sandbox.ts';
import { unlessDovecot } from './places/peers.ts';

writerContract('sandbox', sandboxPlace, false);
writerContract('Dovecot', () => dovecotPlace(), unlessDovecot('openssl'));

function writerContract(name: string, start: () => Promise<ImportPlace>, skip: string | false): void {
  let place: ImportPlace;
  before(async () => {
    if (skip === false) place = await start();
  });
  after(() => place?.close());
  const claim = (sentence: string, act: () => Promise<void>): void => void test(`${name}: ${sentence}`, { skip }, act);

  claim('messages are marked as read, and others stay as they are', async () => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('seen', 4));
    await writing(place, mailbox, async (writer) => {
      assert.equal(writer.powers.seen, true);
      const folder = await writer.open('INBOX');
      const uids = await folder.list();
      await folder.setSeen([...uids.slice(1, 3), 4_000]);
      // A second time changes nothing.
      await folder.setSeen(uids.slice(1, 3));
    });
    assert.deepEqual(
      place.list(mailbox, 'INBOX').map(({ flags }) => /S(een)?$/.test(flags)),
      [false, true, true, false],
    );
  });

  claim('messages are moved into a folder that is made for them, with their new UIDs; a second time finds nothing to move', async () => {
    const mailbox = place.mailbox();
    const messages = mails('moved', 4);
    place.deliver(mailbox, 'INBOX', messages);
    await writing(place, mailbox, async (writer) => {
      assert.equal(writer.powers.move, true);
      const folder = await writer.open('INBOX');
      const uids = await folder.list();
      const moved = await folder.move(uids.slice(0, 3), 'Done & dusted/2026');
      assert.deepEqual([...moved.uids.keys()], uids.slice(0, 3));
      assert.deepEqual([...moved.uids.values()], [1, 2, 3]);
      assert.deepEqual(await folder.list(), uids.slice(3));
      const again = await folder.move(uids.slice(0, 3), 'Done & dusted/2026');
      assert.equal(again.uids.size, 0);
      const target = await writer.open('Done & dusted/2026');
      assert.deepEqual([target.uidValidity, await target.list()], [moved.uidValidity, [1, 2, 3]]);
    });
    // Dovecot keeps bare line feeds.
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString().replaceAll('\r', '');
    const bytes = (folder: string): readonly string[] => place.list(mailbox, folder).map((one) => text(one.bytes));
    assert.deepEqual(bytes('Done & dusted/2026').toSorted(), messages.slice(0, 3).map(text).toSorted());
    assert.equal(bytes('INBOX').length, 1);
  });

  claim('messages are removed, and one that somebody else has marked as deleted stays', async () => {
    const mailbox = place.mailbox();
    place.deliver(mailbox, 'INBOX', mails('removed', 4));
    await writing(place, mailbox, async (writer) => {
      assert.equal(writer.powers.remove, 'at-once');
      const folder = await writer.open('INBOX');
      const uids = await folder.list();
      place.mark?.(mailbox, 'INBOX', 3);
      await folder.remove(uids.slice(0, 2));
      assert.deepEqual(await folder.list(), uids.slice(2));
      await writer.finish();
    });
    assert.equal(place.list(mailbox, 'INBOX').length, 2);
  });

  claim('messages are described by date, size and Message-ID, and a folder is counted without being opened', async () => {
    const mailbox = place.mailbox();
    const at = new Date(Date.UTC(2026, 0, 2, 3, 4, 5));
    place.deliver(mailbox, 'INBOX', [mail('described'), mail('and this one'), Buffer.from('Subject: no id\r\n\r\n')], at);
    await reading(place, mailbox, async (client) => {
      assert.equal(await client.count('INBOX'), 3);
      await assert.rejects(client.count('No such'), { code: 'imap.folder-unknown' });
      const folder = await client.open('INBOX');
      const described = [];
      for await (const { messageId, internalDate, announcedBytes } of folder.describe(await folder.list())) {
        described.push([messageId, internalDate?.getTime()]);
        assert.ok((announcedBytes ?? 0) > 10);
      }
      assert.deepEqual(described, [
        ['<described@contoso.test>', at.getTime()],
        ['<and.this.one@contoso.test>', at.getTime()],
        [undefined, at.getTime()],
      ]);
    });
    assert.deepEqual(
      place.list(mailbox, 'INBOX').map(({ flags }) => flags),
      ['', '', ''],
    );
  });
}

test('localised: folders are listed decoded, with their special uses, and the inbox is INBOX however it is spelled', async () => {
  const place: SandboxPlace = await sandboxPlace();
  try {
    await reading(place, 'localised@contoso.test', async (client) => {
      const folders = new Map((await client.folders()).map((folder) => [folder.name, folder]));
      assert.ok(folders.get('INBOX')?.selectable);
      assert.ok(folders.get('Gesendete Elemente')?.attributes.has('\\sent'));
      assert.ok(folders.get('Gelöschte Elemente')?.attributes.has('\\trash'));
      assert.equal((await client.open('INBOX')).exists, place.folder('localised@contoso.test').messages.length);
    });
  } finally {
    await place.close();
  }
});

test('empty-copyuid: a move whose COPYUID has no UIDs is done all the same, and says that it knows none', async () => {
  const place = await sandboxPlace();
  try {
    const mailbox = 'empty-copyuid@contoso.test';
    const count = place.folder(mailbox).messages.length;
    await writing(place, mailbox, async (writer) => {
      const folder = await writer.open('INBOX');
      const moved = await folder.move((await folder.list()).slice(0, 2), 'Done');
      assert.deepEqual([moved.uidValidity, moved.uids.size, (await folder.list()).length], [undefined, 0, count - 2]);
    });
    assert.equal(place.folder(mailbox, 'Done').messages.length, 2);
  } finally {
    await place.close();
  }
});

async function writing(place: ImportPlace, mailbox: string, act: (writer: MailboxWriter) => Promise<void>): Promise<void> {
  const { endpoint, login } = await accessTo(place, mailbox);
  await connected(imapWriter(endpoint, login, systemClock), act);
}

async function reading(place: ImportPlace, mailbox: string, act: (client: Mailbox) => Promise<void>): Promise<void> {
  const { endpoint, login } = await accessTo(place, mailbox);
  await connected(imapMailbox(endpoint, login, systemClock), act);
}

async function connected<Client extends { close(): Promise<void> }>(
  connect: (signal: AbortSignal, archive: Archive) => Promise<Client>,
  act: (client: Client) => Promise<void>,
): Promise<void> {
  await withArchive(async (archive) => {
    const client = await connect(new AbortController().signal, archive);
    try {
      await act(client);
    } finally {
      await client.close();
    }
  });
}

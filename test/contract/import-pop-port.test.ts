/** A POP3 mailbox behind the import's ports: what a second look sees, what is known of a message without its content, and how messages are removed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { tokenFor } from '../../sandbox/test/dialogue.ts';
import type { Archive } from '../../src/archive/archive.ts';
import { isFault } from '../../src/fault/fault.ts';
import { popMailbox } from '../../src/import/from-pop.ts';
import type { MailLogin } from '../../src/import/login.ts';
import type { MailboxWriter, OpenFolder } from '../../src/import/mailbox.ts';
import { popWriter } from '../../src/import/pop-writer.ts';
import type { MailEndpoint } from '../../src/mail/endpoint.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { mail, mails, sourcesFor, watched, withArchive } from './import-place.ts';
import type { DovecotImportPlace } from './import-place-dovecot.ts';
import type { SandboxPlace } from './import-place-sandbox.ts';
import { popDovecotPlace, popSandboxPlace } from './import-pop-place.ts';
import { once } from './import-suite.ts';
import { unlessDovecot } from './places/peers.ts';

const signal = new AbortController().signal;
const skip = unlessDovecot('openssl');
const byPassword = 'removals@contoso.test';
let place: SandboxPlace;
let dovecot: DovecotImportPlace;
before(async () => {
  place = await popSandboxPlace();
  if (skip === false) dovecot = await popDovecotPlace({ [byPassword]: 'correct horse' });
});
after(async () => {
  await place?.close();
  await dovecot?.close();
});

function endpoint(): MailEndpoint {
  return { host: 'localhost', port: place.sandbox.pop.tlsPort, tls: 'implicit', ca: [place.sandbox.caPem] };
}

function login(user: string): MailLogin {
  const token = async (): Promise<Secret> => new Secret(await tokenFor(place.sandbox));
  return { kind: 'xoauth2', user, tokens: { token, drop: () => undefined } };
}

/** The mailbox is opened under the name `s0`, by which {@link sourcesFor} calls the first source. */
async function opened(mailbox: string, archive: Archive, act: (folder: OpenFolder, count: () => Promise<number>) => Promise<void>) {
  const reader = await popMailbox(endpoint(), login(mailbox), 's0', systemClock)(signal, archive);
  try {
    await act(await reader.open('INBOX'), () => reader.count('INBOX'));
  } finally {
    await reader.close();
  }
}

async function drained(folder: OpenFolder, uids: readonly number[]): Promise<readonly (number | undefined)[]> {
  const came: (number | undefined)[] = [];
  for await (const message of folder.fetch(uids)) {
    for await (const _ of message.body ?? []);
    came.push(message.attributes().uid);
  }
  return came;
}

test('a list answers from the same look until something was refused or waited for; then it is a new look', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('looked at', 3));
  const { seen } = place.state(mailbox);
  await withArchive(async (archive) => {
    await opened(mailbox, archive, async (folder) => {
      const commands = seen.commands;
      place.deliver(mailbox, 'INBOX', [mail('after the look')]);
      assert.deepEqual([await folder.list(), await folder.list(2), seen.commands], [[1, 2, 3], [2, 3], commands]);
      await folder.watch(1, signal);
      assert.equal(seen.sessions, 0);
      assert.deepEqual(await folder.list(), [1, 2, 3, 4]);
      place.remove(mailbox, 'INBOX', 1);
      await assert.rejects(drained(folder, [1, 2, 3]), (error) => isFault(error, 'pop.refused'));
      assert.deepEqual([await folder.list(), folder.exists, folder.uidNext], [[1, 3, 4], 3, 5]);
    });
  });
});

test('what was not listed is passed over, and a refused message does not lose those behind it', async () => {
  const mailbox = place.mailbox();
  place.deliver(mailbox, 'INBOX', mails('passed over', 4));
  place.state(mailbox).quirks.pop = { refuse: [2] };
  await withArchive(async (archive) => {
    await opened(mailbox, archive, async (folder) => {
      const came: (number | undefined)[] = [];
      await assert.rejects(
        async () => {
          for await (const message of folder.fetch([99, 1, 2, 3, 4])) came.push(message.attributes().uid);
        },
        (error) => isFault(error, 'pop.refused'),
      );
      assert.deepEqual([came, await drained(folder, [99])], [[1, 3, 4], []]);
    });
  });
});

test('a message is described by its name, its announced size and its Message-ID, and the server counts for itself', async () => {
  const mailbox = place.mailbox();
  const folded = Buffer.from('Subject: x\r\nMessage-ID:\r\n <folded@contoso.test>\r\nX: y\r\n\r\nMessage-ID: <not.this@contoso.test>\r\n');
  place.deliver(mailbox, 'INBOX', [mail('described'), folded, Buffer.from('Subject: none\r\n\r\n')]);
  await withArchive(async (archive) => {
    await opened(mailbox, archive, async (folder, count) => {
      const seen = [];
      for await (const { uid, uidl, announcedBytes, messageId, internalDate } of folder.describe([1, 2, 3])) {
        assert.deepEqual([uidl, internalDate], [folder.uidlOf?.(uid), undefined]);
        assert.ok((announcedBytes ?? 0) > 0);
        seen.push(messageId);
      }
      assert.deepEqual(seen, ['<described@contoso.test>', '<folded@contoso.test>', undefined]);
      assert.equal(await count(), 3);
    });
  });
});

test('a removal is real when the session was finished, and not when it was only closed', async () => {
  const mailbox = place.mailbox();
  await imported(mailbox, mails('removed', 4), async (archive) => {
    const connect = popWriter(endpoint(), login(mailbox), 's0', systemClock);
    const marking = async (uids: readonly number[]): Promise<MailboxWriter> => {
      const writer = await connect(signal, archive);
      const folder = await writer.open('INBOX');
      await folder.remove(uids);
      return writer;
    };
    await (await marking([1, 2])).close();
    assert.equal(place.list(mailbox, 'INBOX').length, 4);
    await (await marking([2, 99, 4])).finish();
    const writer = await connect(signal, archive);
    assert.deepEqual([writer.powers.remove, await (await writer.open('INBOX')).list()], ['at-quit', [1, 3]]);
    await writer.close();
  });
});

test('whoever changes a mailbox sees only messages that are in the archive', async () => {
  const mailbox = place.mailbox();
  await imported(mailbox, mails('known', 2), async (archive) => {
    place.deliver(mailbox, 'INBOX', [mail('not known yet')]);
    const writer = await popWriter(endpoint(), login(mailbox), 's0', systemClock)(signal, archive);
    const folder = await writer.open('INBOX');
    assert.deepEqual(await folder.list(), [1, 2]);
    await folder.remove([3]);
    await writer.finish();
    assert.equal(place.list(mailbox, 'INBOX').length, 3);
  });
});

for (const when of ['before', 'after'] as const) {
  test(`a QUIT that is cut off ${when} the removal is told as unconfirmed, and the next look shows what is left`, async () => {
    const mailbox = place.mailbox();
    await imported(mailbox, mails(`cut ${when}`, 3), async (archive) => {
      place.state(mailbox).quirks.pop = { cutAtQuit: when };
      const connect = popWriter(endpoint(), login(mailbox), 's0', systemClock);
      const writer = await connect(signal, archive);
      await (await writer.open('INBOX')).remove([1, 3]);
      await assert.rejects(writer.finish(), (error) => {
        return isFault(error, 'pop.removal-unconfirmed') && error.evidence['fault'] === 'network.connection-lost';
      });
      const next = await connect(signal, archive);
      assert.deepEqual(await (await next.open('INBOX')).list(), when === 'before' ? [1, 2, 3] : [2]);
      // Nothing is marked here, so nothing is left uncertain.
      await next.finish();
    });
  });
}

test('Dovecot: what was marked with many commands in flight is removed when QUIT is confirmed, and nothing else', { skip }, async () => {
  const messages = mails('removed by hundreds', 250);
  dovecot.deliver(byPassword, 'INBOX', messages);
  const at: MailEndpoint = {
    host: 'localhost',
    port: dovecot.dovecot.ports.pop3s,
    tls: 'implicit',
    ca: [dovecot.files['dovecot.pem'] ?? ''],
  };
  const keys = `server: ${dovecot.server.implicit}\n    auth: { password: { env: LAB_SECRET } }`;
  const withPassword = { ...dovecot, files: { ...dovecot.files, 'client-secret': 'correct horse' } };
  await withArchive(async (archive) => {
    assert.ok((await once(await sourcesFor(withPassword, { mailbox: byPassword, keys }), watched(archive))).complete);
    const password: MailLogin = { kind: 'password', user: byPassword, password: async () => new Secret('correct horse') };
    const writer = await popWriter(at, password, 's0', systemClock)(signal, archive);
    const folder = await writer.open('INBOX');
    const odd = (await folder.list()).filter((uid) => uid % 2 === 1);
    assert.equal(odd.length, 125);
    await folder.remove(odd);
    await writer.finish();
    assert.deepEqual(
      dovecot.list(byPassword, 'INBOX').map(({ bytes }) => Buffer.from(bytes)),
      messages.filter((_, index) => index % 2 === 1).map((bytes) => Buffer.from(bytes)),
    );
  });
});

/** A mailbox with these messages, all of them in the archive. */
async function imported(mailbox: string, messages: readonly Uint8Array[], act: (archive: Archive) => Promise<void>): Promise<void> {
  place.deliver(mailbox, 'INBOX', messages);
  await withArchive(async (archive) => {
    assert.ok((await once(await sourcesFor(place, { mailbox }), watched(archive))).complete);
    await act(archive);
  });
}

/** A source with a password, at Debian's Dovecot: what Postern does for servers that are not Microsoft's. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { failure } from '../../src/service/api/leaf.ts';
import { folderList, type SourceDraft, sourceDetail } from '../../src/service/api/source.ts';
import { type DovecotImportPlace, dovecotPlace } from './import-place-dovecot.ts';
import { draftFor, fieldsOf } from './service-draft.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';

const mailbox = 'journal@contoso.test';
const password = 'pass word with ünusual "signs"';
let dovecot: DovecotImportPlace;
let place: ServicePlace;
before(async () => {
  dovecot = await dovecotPlace({ [mailbox]: password });
  place = await startServicePlace();
});
after(async () => {
  await place.close();
  await dovecot.close();
});

function draft(change: Partial<SourceDraft> = {}): SourceDraft {
  return draftFor(place.sandbox, {
    authentication: 'password',
    app: null,
    mailbox,
    password: { user: mailbox, secret: password },
    server: { host: 'localhost', port: dovecot.dovecot.ports.imaps, tls: 'implicit', ca: dovecot.files['dovecot.pem'] ?? '' },
    ...change,
  });
}

test('a source with a password is listed, kept and imported; the password goes to no other server and user', async () => {
  const { admin } = place;
  dovecot.deliver(mailbox, 'INBOX', [Buffer.from('Subject: one\r\n\r\nhello\r\n')]);
  const { folders } = (await admin('POST', '/drafts/folders', draft())).as(folderList);
  assert.deepEqual(
    folders.filter(({ name }) => name === 'INBOX').map(({ messages }) => messages),
    [1],
  );
  const made = await admin('POST', '/sources', draft());
  assert.equal(made.status, 200, made.text);
  assert.ok(!made.text.includes('ünusual'));
  await place.card('telemessage', ({ messages }) => messages === 1);
  const { definition } = made.as(sourceDetail);
  assert.deepEqual(definition.password, { user: mailbox });
  // As the form sends it back: without the password.
  assert.equal((await admin('PUT', '/sources/telemessage', { ...definition, every: '2s' })).status, 200);
  dovecot.deliver(mailbox, 'INBOX', [Buffer.from('Subject: two\r\n\r\nhello\r\n')]);
  await place.card('telemessage', ({ messages }) => messages === 2);
  const server = definition.server;
  assert.ok(server);
  for (const change of [
    { server: { ...server, host: 'evil.example' } },
    { server: { ...server, port: 1993 } },
    { server: { ...server, ca: place.sandbox.caPem } },
    { password: { user: 'somebody-else' } },
  ]) {
    assert.deepEqual(fieldsOf(await admin('POST', '/drafts/tests?name=telemessage', { ...definition, ...change })), ['password.secret']);
  }
});

test('a wrong password is told as what the server said', async () => {
  const answer = await place.admin('POST', '/drafts/folders', draft({ name: 'other', password: { user: mailbox, secret: 'wrong' } }));
  assert.equal(answer.as(failure).fault.code, 'imap.authenticate-refused');
  assert.ok(!answer.text.includes('"wrong"'));
});

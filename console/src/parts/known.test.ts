/** Commands to copy have their placeholders filled in by what the page knows, and by nothing that a shell could take for more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillIn, knownOf, pageOf } from './known.ts';

test('words in capitals are filled in where they are known, and stay where they are not', () => {
  assert.equal(
    fillIn('Add-MailboxPermission MAILBOX -User OBJECT-ID -AccessRights FullAccess', { MAILBOX: 'box@contoso.test', 'OBJECT-ID': null }),
    'Add-MailboxPermission box@contoso.test -User OBJECT-ID -AccessRights FullAccess',
  );
  assert.equal(fillIn('postern import alerts --ack ID --note TEXT', { ID: '7' }), 'postern import alerts --ack 7 --note TEXT');
});

test('a word inside of another one is none', () => {
  assert.equal(fillIn('OPEN-MAILBOX IMAP.AccessAsApp MAILBOXES', { MAILBOX: 'x', IMAP: 'y' }), 'OPEN-MAILBOX y.AccessAsApp MAILBOXES');
});

test('what a shell could read otherwise is not filled in', () => {
  for (const value of ['a b', 'a;rm', '$(x)', '-x', "a'b", 'a`b', ''])
    assert.equal(fillIn('postern check MAILBOX', { MAILBOX: value }), 'postern check MAILBOX', value);
});

test('the evidence knows mailbox, server and source, and the console has pages for what is mended there', () => {
  assert.deepEqual(
    fillIn('postern check MAILBOX; nslookup HOST', knownOf({ user: 'a@b.test', host: 'mail.test' })),
    'postern check a@b.test; nslookup mail.test',
  );
  assert.equal(pageOf('watch.quarantined', {})?.to, '/quarantine');
  assert.equal(pageOf('token.secret-wrong', { SOURCE: 'tele message' })?.to, '/sources/tele%20message?test');
  assert.equal(pageOf('config.invalid', {}), undefined);
});

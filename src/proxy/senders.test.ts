/** Which addresses the senders in a header name, and who may stand there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deniedSender, senderRule } from './senders.ts';

const rows: readonly (readonly [header: string, addresses: readonly string[] | undefined])[] = [
  ['From: a@x.test', ['a@x.test']],
  ['from:a@x.test\r\nTo: b@x.test', ['a@x.test']],
  ['FROM : Anna <a@x.test>', ['a@x.test']],
  ['From: "b@y.test" <a@x.test>', ['a@x.test']],
  ['From: "quote \\" <b@y.test>" <a@x.test>', ['a@x.test']],
  ['From: a@x.test (b@y.test (nested))', ['a@x.test']],
  ['From: Anna <a@x.test>, Bob <b@y.test>', ['a@x.test', 'b@y.test']],
  ['From: Anna\r\n <a@x.test>', ['a@x.test']],
  ['From: a@x.test\r\nFrom: b@y.test', ['a@x.test', 'b@y.test']],
  ['From: group: a@x.test, b@y.test;', ['a@x.test', 'b@y.test']],
  ['From: Anna <a@x.test> <b@y.test>', ['a@x.test', 'b@y.test']],
  ['From: =?utf-8?q?b=40y.test?= <a@x.test>', ['a@x.test']],
  ['Subject: no sender', []],
  ['X-From: b@y.test\r\nFrom: a@x.test', ['a@x.test']],
  ['Subject: x\r\n\r\nFrom: b@y.test', []],
  ['From: (never ends a@x.test', undefined],
  ['From: "never ends a@x.test', undefined],
  ['From: <a@x.test', undefined],
  ['From: <a b@x.test>', undefined],
  ['From: <nobody>', undefined],
  // Signs of a comment in quotes, and of quotes in a comment.
  ['From: (") b@y.test (")', ['b@y.test']],
  ['From: (") <b@y.test> (") <a@x.test>', ['b@y.test', 'a@x.test']],
  ['From: "(" <b@y.test> ")"', ['b@y.test']],
  ['From: (\\) b@y.test) <a@x.test>', ['a@x.test']],
  ['From: b@y.test <a@x.test>', ['a@x.test', 'b@y.test']],
  ['From: <a@x.test> b@y.test', ['a@x.test', 'b@y.test']],
  ['From: b\\@y.test <a@x.test>', undefined],
  ['From: "b"@y.test', undefined],
  ['From: <"b" @y.test>', undefined],
  // Voilà in UTF-8, one character an octet: its last one is no blank.
  ['From: <voil\xc3\xa0@x.test>', ['voil\u00e0@x.test']],
  ['From: a@x.test\r\nSender: Bob <b@y.test>', ['a@x.test', 'b@y.test']],
  ['SENDER :\r\n b@y.test', ['b@y.test']],
  ['From: a@x.test\r\nSender: b@y.test\r\nSender: c@z.test', ['a@x.test', 'b@y.test', 'c@z.test']],
  ['From: a@x.test\r\nSender: (never ends', undefined],
  ['Sender: scanner\r\nFrom: a@x.test', ['a@x.test']],
  // The first Resent fields are of who sends it now, the others are history.
  ['Resent-From: b@y.test\r\nResent-Sender: c@z.test\r\nResent-From: old@w.test\r\nFrom: a@x.test', ['b@y.test', 'c@z.test', 'a@x.test']],
  ['Resent-Sender: c@z.test\r\nFrom: a@x.test\r\nResent-Sender: old@w.test', ['c@z.test', 'a@x.test']],
  ['X-Sender: b@y.test\r\nSender-Note: c@z.test\r\nResent-To: d@w.test\r\nReply-To: e@w.test\r\nFrom: a@x.test', ['a@x.test']],
  [`From: ${'x'.repeat(5_000)} <a@x.test>`, undefined],
];

test('every address that a reader could take for the sender is found, and what cannot be read is none', () => {
  for (const [header, addresses] of rows) {
    const found: string[] = [];
    const denied = deniedSender(`${header}\r\n\r\nbody`, (address) => found.push(address) > 0);
    assert.deepEqual(denied === undefined ? found : undefined, addresses, header);
    for (const [index, address] of (addresses ?? []).entries())
      assert.equal(deniedSender(`${header}\r\n\r\nbody`, (one) => addresses?.indexOf(one) !== index)?.address, address, header);
  }
});

test('a field that is made to be slow is read at once', () => {
  const began = performance.now();
  for (const sign of ['(', ')', '"', '\\"', '<', '>', ',', ':', ';', '<a@b>', '" "', 'a@']) {
    for (const times of [300, 1_300, 4_000, 60_000]) deniedSender(`From: ${sign.repeat(times)}`, () => true);
  }
  assert.ok(performance.now() - began < 5_000);
});

test('a mailbox sends as itself and as whom the configuration names, in any case of letters, and as nobody else', () => {
  const may = senderRule('Scan@Contoso.test', [
    { mailbox: 'scan@contoso.test', senders: ['noreply@contoso.test', 'team-*@contoso.test'] },
    { mailbox: '*@contoso.test', senders: ['all@contoso.test'] },
    { mailbox: 'other@contoso.test', senders: ['ceo@contoso.test'] },
  ]);
  for (const good of ['scan@contoso.test', 'SCAN@contoso.TEST', 'noreply@contoso.test', 'team-a@contoso.test', 'all@contoso.test']) {
    assert.ok(may(good), good);
  }
  for (const bad of ['ceo@contoso.test', 'scan@contoso.test.evil', 'xscan@contoso.test', '', 'team-@evil@contoso.test'])
    assert.ok(!may(bad), bad);
});

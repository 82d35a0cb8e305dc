/** What of a talk may be written down: whatever comes in whatever order, no secret of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Speakable, type TalkProtocol } from './speakable.ts';

const secret = 'qX9zWv-Kp4';
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
/** As applications send one, well and badly. */
const forms = [
  secret,
  `"${secret}"`,
  `a1 LOGIN me@x.test ${secret}`,
  `a1 LOGIN "me@x.test" "${secret}`,
  `a1 LOGIN {4}${secret}`,
  `${secret} NOOP`,
  `a1 ${secret} x`,
  `a1 CAPABILITY ${secret}`,
  `a1 ID ("name" "${secret}")`,
  `AUTH PLAIN ${base64(`\0me\0${secret}`)}`,
  `AUTH plain  ${base64(`\0me\0${secret}`)} ${secret}`,
  `AUTH ${secret}`,
  `AUTH LOGIN ${base64(secret)}`,
  `a1 AUTHENTICATE PLAIN ${base64(`me\0me\0${secret}`)}`,
  base64(`\0me\0${secret}`),
  base64(secret),
  base64(`user=me\x01auth=Bearer ${secret}\x01\x01`),
  `PASS ${secret}`,
  `pass  ${secret} `,
  `USER ${secret}`,
  `APOP me ${secret}`,
  `EHLO <${secret}>`,
  `MAIL FROM:<me@x.test> AUTH=${secret}`,
  `MAIL FROM:${secret}`,
  `RCPT TO:<a@x.test> ${secret}`,
  `NOOP ${secret}`,
  `\x01${secret}\t${secret}`,
];
const answers = [
  '334 UGFzc3dvcmQ6',
  '+ ',
  '+ Go on.',
  '+OK',
  '250 OK',
  '* OK',
  `a1 BAD ${secret}`,
  `500 ${secret.toUpperCase()} is no command`,
];

test('no secret comes through, in whatever order lines, literals and questions follow each other', () => {
  const hidden = [secret, base64(secret).replace(/=+$/, ''), base64(`\0me\0${secret}`), 'Bearer'].map((form) => form.toLowerCase());
  for (const protocol of ['imap', 'pop3', 'smtp'] satisfies TalkProtocol[]) {
    for (const first of forms) {
      for (const answer of answers) {
        for (const second of forms) {
          const speakable = new Speakable(protocol);
          const told = [speakable.heard(first), speakable.said(answer), speakable.heard(second), speakable.said(`500 ${secret}`)];
          const literal = [
            speakable.literal(Buffer.from(secret)),
            speakable.heard(` ${second}`),
            speakable.said(`- ${secret} ${base64(secret)}`),
          ];
          const all = [...told, ...literal].join('\n').toLowerCase();
          for (const form of hidden) assert.ok(!all.includes(form), `${protocol}: ${first} / ${answer} / ${second} gave\n${all}`);
        }
      }
    }
  }
});

test('the answer to a question of a login, and the rest of a command behind a literal, are left out although they look like a command', () => {
  const smtp = new Speakable('smtp');
  smtp.said('334 UGFzc3dvcmQ6');
  assert.equal(smtp.heard(`EHLO ${secret}`), '[no base64, 15 bytes]');
  assert.equal(smtp.said(`500 ${secret}`), '500 […]');
  const imap = new Speakable('imap');
  imap.literal(Buffer.from('me@x.test'));
  assert.equal(imap.heard('pw12 NOOP'), '[9 bytes]');
});

test('what helps to find the fault stays: commands, mechanisms, envelope, and the lengths of what was left out', () => {
  const smtp = new Speakable('smtp');
  assert.equal(smtp.heard('ehlo scanner-2.contoso.test'), 'EHLO scanner-2.contoso.test');
  assert.equal(smtp.heard('AUTH LOGIN'), 'AUTH LOGIN');
  smtp.said('334 VXNlcm5hbWU6');
  assert.equal(smtp.heard(base64('scanner@contoso.test')), '[base64 of 20 bytes]');
  smtp.said('334 UGFzc3dvcmQ6');
  assert.equal(smtp.heard('not base64'), '[no base64, 10 bytes]');
  assert.equal(smtp.heard('MAIL FROM:<scan@contoso.test> SIZE=12'), 'MAIL FROM:<scan@contoso.test> SIZE=12');
  assert.equal(smtp.said('535 5.7.8 User name or password is wrong'), '535 5.7.8 User name or password is wrong');
  const imap = new Speakable('imap');
  assert.equal(imap.heard('a1 LOGIN "me@x.test" {12+}'), 'a1 LOGIN [quoted, 11 bytes] {12+}');
  assert.equal(imap.literal(Buffer.from('twelve bytes')), '[literal, 12 bytes]');
  assert.equal(imap.heard(''), '[0 bytes]');
  assert.equal(imap.heard('A0002 authenticate PLAIN'), 'A0002 AUTHENTICATE PLAIN');
  imap.said('+ ');
  assert.equal(imap.heard(base64('\0me@x.test\0sixteen-letters!')), '[base64 of 27 bytes, in parts of 0, 9, 16]');
});

test('the name of a login and words of the protocol stay readable, and a password that is the same does not', () => {
  const pop = new Speakable('pop3');
  pop.heard('USER scanner@contoso.test');
  pop.heard(`PASS ${secret}`);
  pop.show('scanner@contoso.test');
  pop.hide(secret);
  assert.equal(pop.without(`name=scanner@contoso.test ${secret}`), 'name=scanner@contoso.test […]');
  const imap = new Speakable('imap');
  imap.heard(`a AUTHENTICATE XOAUTH2 ${base64(`user=me\x01auth=Bearer ${secret}\x01\x01`)}`);
  assert.equal(imap.without('a AUTHENTICATE XOAUTH2 LOGIN'), 'a AUTHENTICATE XOAUTH2 LOGIN');
  pop.show('same');
  pop.hide('same');
  assert.equal(pop.without('name=same'), 'name=[…]');
});

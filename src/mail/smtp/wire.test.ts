import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../../fault/fault.ts';
import { stuffed } from './send.ts';
import { type SmtpEvent, SmtpReader } from './wire.ts';

const limits = { maxLineBytes: 1_000, maxReplyLines: 5 };

function read(chunks: Iterable<Uint8Array>): SmtpEvent[] {
  const reader = new SmtpReader(limits);
  const seen: SmtpEvent[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event = reader.next(); event !== undefined; event = reader.next()) seen.push(event);
  }
  return seen;
}

const session = [
  '220 mail.contoso.test ready\r\n',
  '250-hello\r\n250-AUTH LOGIN XOAUTH2\r\n250 SIZE\r\n',
  '334\r\n334 \r\n',
  '535-5.7.8 Username and Password not accepted. Learn more at\r\n535 5.7.8 https://support.contoso.test/\r\n',
  '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded\n',
  '550 1.2.3.4 is on a list\r\n',
  '250-one\r\n251 two \xc3\xa4\r\n',
].join('');

test('a session reads the same however its bytes are cut', () => {
  const bytes = Buffer.from(session, 'latin1');
  const whole = read([bytes]);
  assert.deepEqual(whole, [
    { kind: 'reply', code: 220, enhanced: undefined, text: 'mail.contoso.test ready' },
    { kind: 'reply', code: 250, enhanced: undefined, text: 'hello\nAUTH LOGIN XOAUTH2\nSIZE' },
    { kind: 'reply', code: 334, enhanced: undefined, text: '' },
    { kind: 'reply', code: 334, enhanced: undefined, text: '' },
    {
      kind: 'reply',
      code: 535,
      enhanced: '5.7.8',
      text: '5.7.8 Username and Password not accepted. Learn more at\n5.7.8 https://support.contoso.test/',
    },
    { kind: 'reply', code: 432, enhanced: '4.3.2', text: '4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded' },
    { kind: 'reply', code: 550, enhanced: undefined, text: '1.2.3.4 is on a list' },
    { kind: 'reply', code: 251, enhanced: undefined, text: 'one\ntwo ä' },
  ]);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    assert.deepEqual(read([bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`);
  }
  assert.deepEqual(read(Array.from(bytes, (byte) => Uint8Array.of(byte))), whole, 'byte by byte');
});

test('what is not SMTP is handed on as stray text', () => {
  assert.deepEqual(
    read([Buffer.from('+OK\r\n25\r\n2500 x\r\n\r\n600 x\r\n')]).map(({ kind }) => kind),
    ['stray', 'stray', 'stray', 'stray', 'stray'],
  );
});

test('a line or an answer without end is a fault, however small the pieces', () => {
  for (const text of ['x'.repeat(1_001), '250-x\r\n'.repeat(6)]) {
    assert.throws(
      () => read(Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte))),
      (error) => isFault(error, 'smtp.protocol'),
      text.slice(0, 20),
    );
  }
});

test('a message goes out with CRLF, its dots doubled, its last line ended, and one dot behind it', () => {
  assert.equal(stuffed('.a\n..b\r\nc.\rd'), '..a\r\n...b\r\nc.\r\nd\r\n.\r\n');
  assert.equal(stuffed('.\r\n'), '..\r\n.\r\n');
  assert.equal(stuffed(''), '.\r\n');
  assert.equal(stuffed('x\n.\n'), 'x\r\n..\r\n.\r\n');
});

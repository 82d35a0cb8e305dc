/** What is taken for Exchange's own text in place of a message, and what is not; and that looking changes no byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSubstitute, Sniffer } from './substitute.ts';

const mark = 'Retrieval using the IMAP4 protocol failed for the following message: 3\r\n';

for (const [says, text, expected] of [
  ['the text alone', mark, true],
  ['the text behind header fields', `Subject: x\r\nFrom: y\r\n\r\n${mark}`, true],
  ['the same for POP3', `Subject: x\r\n\r\n\r\n${mark.replace('IMAP4', 'POP3')}`, true],
  ['with bare line feeds', `Subject: x\n\n${mark}`, true],
  ['a person who quotes it', `Subject: x\r\n\r\nDear all,\r\n> ${mark}`, false],
  ['a subject that says it', `Subject: ${mark}\r\nhello\r\n`, false],
  ['an ordinary message', 'Subject: x\r\n\r\nhello\r\n', false],
  ['nothing at all', '', false],
] as const) {
  test(`${says} is ${expected ? 'a' : 'no'} substitute`, () => {
    assert.equal(isSubstitute(text), expected);
  });
}

test('the mark is seen across the cuts, however the bytes come, and they are left as they are', () => {
  const text = Buffer.from(`Subject: x\r\n\r\n${mark}${'\u00ff\u0000'.repeat(40_000)}`, 'latin1');
  for (const size of [1, 7, 4_096, text.length]) {
    const bytes = Buffer.from(text);
    const sniffer = new Sniffer();
    for (let at = 0; at < bytes.length; at += size) sniffer.look(bytes.subarray(at, at + size));
    assert.ok(sniffer.isSubstitute());
    assert.ok(bytes.equals(text));
  }
});

/** What passes is looked at without being touched: the same lines are seen however the bytes are cut, and words inside of messages are none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ImapWatch } from './watch-imap.ts';
import { PopWatch } from './watch-pop.ts';

const mailbox = 'box@contoso.test';

/** Every way to cut a text into two, and one byte after the other. */
function cuts(text: string): readonly (readonly Buffer[])[] {
  const bytes = Buffer.from(text, 'latin1');
  const twos = Array.from({ length: bytes.length + 1 }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
  return [...twos, Array.from(bytes, (byte) => Buffer.of(byte))];
}

const throttled = 'Request is throttled. Suggested Backoff Time: 300 milliseconds';
const trap = `a BAD ${throttled}\r\n* BYE Session invalidated - AccessTokenExpired\r\nServer Unavailable. 15\r\n`;

const imap: readonly (readonly [says: string, text: string, codes: readonly string[]])[] = [
  ['a tagged refusal with a pause', `b BAD ${throttled}\r\n`, ['imap.throttled']],
  ['a refusal with a code', 'b NO [UNAVAILABLE] later\r\n', ['imap.server-unavailable']],
  ['a refusal of no concern', 'b NO no such folder\r\n', []],
  ['a complaint without a tag', 'Server Unavailable. 15\r\n', ['imap.server-unavailable']],
  ['the end of the token', '* BYE Session invalidated - AccessTokenExpired\r\n', ['imap.token-expired']],
  ['any other farewell', '* BYE Connection closed. 14\r\n', ['imap.closed-by-server']],
  ['a message with the very words', `* 1 FETCH (UID 1 BODY[] {${trap.length}}\r\n${trap})\r\nb OK done\r\n`, []],
  ['a message, and then the words', `* 1 FETCH (BODY[] {${trap.length}}\r\n${trap} UID 1)\r\nb BAD ${throttled}\r\n`, ['imap.throttled']],
  ['two literals in one answer', `* 1 FETCH (BODY[1] {${trap.length}}\r\n${trap} BODY[2] {${trap.length}}\r\n${trap})\r\n`, []],
  ['a literal of nothing', `* 1 FETCH (BODY[] {0}\r\n)\r\nb BAD ${throttled}\r\n`, ['imap.throttled']],
  ['words in a folder name', `* LIST () "/" {${trap.length}}\r\n${trap}\r\n* STATUS "x" (MESSAGES 1)\r\n`, []],
  ['text that ends like a literal', `b OK see {300}\r\nc BAD ${throttled}\r\n`, ['imap.throttled']],
  ['the words in an OK', `b OK ${throttled}\r\n`, []],
];

for (const [says, text, codes] of imap) {
  test(`IMAP: ${says} is seen as what it is, however it is cut`, () => {
    for (const chunks of cuts(text)) {
      const heard: string[] = [];
      const watch = new ImapWatch(mailbox, ({ code }) => heard.push(code));
      for (const chunk of chunks) watch.see(chunk);
      assert.deepEqual(heard, codes);
      assert.equal(watch.betweenAnswers, true);
    }
  });
}

test('IMAP: in the middle of a message or of a line there is no place for a word of ours', () => {
  const text = `* 1 FETCH (BODY[] {5}\r\nab\r\nc)\r\n`;
  for (let length = 1; length < text.length; length += 1) {
    const watch = new ImapWatch(mailbox, () => undefined);
    watch.see(Buffer.from(text.slice(0, length)));
    assert.equal(watch.betweenAnswers, false, JSON.stringify(text.slice(0, length)));
  }
});

const pop: readonly (readonly [says: string, commands: string, answers: string, codes: readonly string[]])[] = [
  ['a refusal with a pause', 'STAT\r\n', `-ERR ${throttled}\r\n`, ['pop.throttled']],
  ['a message with the very words', 'RETR 1\r\nNOOP\r\n', `+OK\r\n-ERR ${throttled}\r\n..\r\n-ERR x\r\n.\r\n+OK\r\n`, []],
  ['a message, and then the words', 'RETR 1\r\nNOOP\r\n', `+OK\r\n-ERR ${throttled}\r\n.\r\n-ERR ${throttled}\r\n`, ['pop.throttled']],
  ['an empty list', 'LIST\r\nNOOP\r\n', `+OK\r\n.\r\n-ERR ${throttled}\r\n`, ['pop.throttled']],
  ['a list of one', 'LIST 1\r\nUIDL 1\r\n', `+OK 1 100\r\n-ERR ${throttled}\r\n`, ['pop.throttled']],
  ['a message that was refused', 'RETR 1\r\nTOP 1 0\r\n', `-ERR no\r\n+OK\r\n-ERR ${throttled}\r\n.\r\n`, []],
  ['a farewell', 'NOOP\r\n', '-ERR Session invalidated - AccessTokenExpired\r\n', ['pop.token-expired']],
];

for (const [says, commands, answers, codes] of pop) {
  test(`POP3: ${says} is seen as what it is, however it is cut`, () => {
    for (const chunks of cuts(answers)) {
      const heard: string[] = [];
      const watch = new PopWatch(mailbox, ({ code }) => heard.push(code));
      for (const byte of Buffer.from(commands)) watch.seeCommands(Buffer.of(byte));
      for (const chunk of chunks) watch.see(chunk);
      assert.deepEqual(heard, codes);
    }
  });
}

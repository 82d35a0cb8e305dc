/** Ordinary mail becomes a conversation by what its header says, and by nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageRecord, RecordProfile } from '../../record.ts';
import { extract } from '../extract.ts';
import { mailDate } from './mail-date.ts';
import { e164 } from './phone.ts';

async function read(header: string, profile: Partial<RecordProfile> = {}): Promise<MessageRecord> {
  const mail = Buffer.from(`${header}\r\n\r\nwords\r\n`);
  return (await extract([mail], { format: 'auto', nameOrder: 'first-last', owners: [], ...profile })).record;
}

test('an answer belongs to the thread of the message that it goes back to, however many stand between', async () => {
  const first = await read('Message-ID: <1@x>');
  const second = await read('Message-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\nReferences: <1@x>');
  const third = await read('Message-ID: <3@x>\r\nIn-Reply-To: <2@x> "of yesterday"\r\nReferences: <1@x>\r\n <2@x>');
  const bare = await read('Message-ID: <4@x>\r\nIn-Reply-To: <1@x>');
  assert.deepEqual(
    [first, second, third, bare].map((one) => one.threadId),
    ['<1@x>', '<1@x>', '<1@x>', '<1@x>'],
  );
  assert.deepEqual(third.relatesTo, [{ kind: 'replyTo', nativeId: '<2@x>' }]);
  assert.deepEqual([first.relatesTo, first.threadInferred], [[], false]);
  assert.equal((await read('Subject: nothing to go by')).threadId, undefined);
});

test('the direction is that of the mailbox or of the owners, and unknown where neither takes part', async () => {
  const header = 'From: "A" <a@own.test>, c@own.test\r\nTo: b@other.test\r\nBcc: d@own.test';
  const directions = await Promise.all(
    [
      {},
      { mailbox: 'A@own.test' },
      { mailbox: 'b@other.test' },
      { mailbox: 'x@own.test' },
      { owners: ['d@own.test'] },
      { owners: ['c@own.test', 'b@other.test'] },
      { owners: ['x@own.test'], mailbox: 'x@own.test' },
      { owners: ['a@own.test', 'b@other.test', 'c@own.test', 'd@own.test'] },
    ].map(async (profile) => (await read(header, profile)).direction),
  );
  assert.deepEqual(directions, ['unknown', 'out', 'in', 'unknown', 'in', 'out', 'unknown', 'internal']);
});

test('every author and every recipient takes part once in each role, and is outside only where that can be told', async () => {
  const header = 'From: "A, the first" <a@own.test>, c@own.test\r\nTo: B <b@other.test>, b@OTHER.test, list: e@x.test;\r\nCc: b@other.test';
  const { participants, from } = await read(header, { owners: ['a@own.test'] });
  assert.equal(from, 'A, the first <a@own.test>, c@own.test');
  assert.deepEqual(
    participants.map(({ role, email, monitored, external }) => [role, email, monitored, external]),
    [
      ['sender', 'a@own.test', true, false],
      ['sender', 'c@own.test', false, false],
      ['recipient', 'b@other.test', false, true],
      ['recipient', 'e@x.test', false, true],
      ['cc', 'b@other.test', false, true],
    ],
  );
  assert.ok((await read(header)).participants.every((one) => one.external === undefined && one.monitored === undefined));
});

test('a date is the same instant on every machine, in every form that mail is written in', () => {
  const same = [
    'Thu, 1 Jan 2026 10:00:00 +0100',
    'Thu, 01 Jan 2026 10:00:00 +0100 (CET)',
    '1 Jan 26 09:00 GMT',
    '01-Jan-2026 09:00:00',
    'Thu,  1 Jan 2026 04:00:00 EST',
    'Thu Jan  1 09:00:00 2026',
    'Thu Jan 1 01:00:00 PST 2026',
    '2026-01-01T10:00:00+01:00',
    '2026-01-01 09:00:00.123',
    '1 January 2026 09:00:00 XYZ',
  ];
  for (const text of same) assert.deepEqual(mailDate(text), new Date('2026-01-01T09:00:00Z'), text);
  for (const text of ['', 'yesterday', '31 Feb 2026 10:00:00 +0000', '1 Foo 2026 10:00', '1 Jan 2026 25:00', '1 Jan 2026', '\0']) {
    assert.equal(mailDate(text), undefined, text);
  }
});

test('a number gets the calling code of its country only where it has none, and none where no country is known', () => {
  const rows: readonly (readonly [string, string | undefined, string | undefined])[] = [
    ['+447700900101', undefined, '+447700900101'],
    ['447700900101', undefined, '+447700900101'],
    ['447700900101', '1', '+447700900101'],
    ['00447700900101', undefined, '+447700900101'],
    ['07700900101', '44', '+447700900101'],
    ['07700900101', undefined, undefined],
    ['0612345678', '39', '+390612345678'],
    ['2025550123', '1', '+12025550123'],
    ['12025550123', '1', '+12025550123'],
    ['41234567', '47', '+4741234567'],
    ['41234567', undefined, undefined],
    ['123456', '44', undefined],
    ['1234567890123456', '44', undefined],
    ['4741234567', '47', '+4741234567'],
    ['4741234567', '44', undefined],
    ['4741234567', undefined, undefined],
    ['\u2068447700900101\u2069', undefined, '+447700900101'],
    ['CONTOSO', '44', undefined],
  ];
  for (const [raw, country, expected] of rows) assert.equal(e164(raw, country), expected, `${raw} in ${country}`);
});

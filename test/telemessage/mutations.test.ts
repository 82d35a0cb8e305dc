/**
 * Mail that somebody broke: whatever arrives, a record comes of it, in bounded time.
 *
 * The hard thing is to break it where it matters. So bytes are changed by chance (the seed is printed when one fails), and the texts that a
 * careless pattern would go over again and again are written by hand.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extractor } from '../../src/archive/derive/extract.ts';
import { packRecord } from '../../src/archive/record.ts';
import { unusualCases } from './cases.ts';
import { envelope, report } from './journals.ts';
import { anna, ben, gridCases } from './rows.ts';
import { item } from './variants.ts';

const rounds = 1_500;
/** Far more than any message of this size needs, even on a busy machine; a pattern that looks back would need hours. */
const boundMs = 10_000;
const largest = 100_000;

const read = extractor({
  format: 'telemessage',
  nameOrder: 'last-first',
  owners: [anna.mobile, ben.email],
  country: '44',
  mailbox: 'archive@contoso.test',
});

test('mail with bytes changed, cut out, doubled or put together at random never fails and never takes long', async () => {
  const seed = (Number(process.hrtime.bigint() % 1_000_000n) | 1) >>> 0;
  const random = randomNumbers(seed);
  const mails = [...gridCases().filter((_, index) => index % 7 === 0), ...unusualCases()]
    .map(({ mail }) => mail)
    .filter((mail) => mail.length < largest);
  for (let round = 0; round < rounds; round += 1) {
    const [one, other] = [pick(mails, random), pick(mails, random)];
    const broken = mutated(one, other, random);
    const begun = performance.now();
    const { record, words } = await read([broken]);
    const what = `seed ${seed}, round ${round}`;
    assert.ok(performance.now() - begun < boundMs, what);
    assert.ok(packRecord(record).length > 0 && typeof words.body === 'string', what);
    assert.doesNotMatch(
      `${record.subject}${record.from}${record.to}${record.preview}${record.groupName ?? ''}${record.owner ?? ''}`,
      /[\x00-\x1f\x7f]/,
      what,
    );
    assert.ok(record.drift.length <= 20 && record.drift.every((shape) => shape.length < 300), what);
  }
});

test('texts made to be slow are not', async () => {
  const much = 200_000;
  const headers = { 'X-TELEMESSAGE-ArchiveMessageID': `EDIT-${'-1'.repeat(much / 2)}`, 'X-TELEMESSAGE-THREAD_ID': 'x' };
  const hostile: readonly Buffer[] = [
    item({ subject: 'DELETED – '.repeat(much / 10) }),
    item({ subject: `WhatsApp message from ${' to'.repeat(much / 3)}` }),
    item({ subject: `${'voice call '.repeat(much / 11)}from a to b` }),
    item({ subject: `STATUS ${'-'.repeat(much)}x` }),
    item({ to: `${'"'.repeat(much)}x` }),
    item({ to: `${"'".repeat(much)}x <a@b>` }),
    item({ to: `Keller${','.repeat(much)}x <a@b>` }),
    item({ to: `${'Keller, '.repeat(much / 8)}Anna 447700900101 <a@b>` }),
    item({ to: `${'a@b, '.repeat(much / 5)}c@d` }),
    item({ to: `${'1234567 '.repeat(much / 8)}<a@b>` }),
    item({ from: `${'('.repeat(much)}a@b` }),
    item({ headers, text: 'Original Message (Msg ID - '.repeat(much / 27) }),
    item({ headers, text: `Files:\r\n${'x.jpg\r\n'.repeat(much / 7)}` }),
    item({ headers, text: `${'Edit ID - '.repeat(much)}` }),
    item({ subject: 'Calls with multiple participants', text: `${'1:1 '.repeat(50)} Incoming Call to: 1\r\n`.repeat(much / 220) }),
    item({ headers: Object.fromEntries(Array.from({ length: 20_000 }, (_, number) => [`X-TELEMESSAGE-New${number}`, 'x'])) }),
    item({ fields: [`Date: ${'('.repeat(much)}`, `Received: ${';'.repeat(much)}`, `Subject: ${'=?utf-8?Q?'.repeat(much / 10)}`] }),
    item({ fields: [`References: ${'<a@b> '.repeat(much / 6)}`, `In-Reply-To: ${'<'.repeat(much)}`, 'Subject: plain'], headers: {} }),
    report(`${envelope}\r\n${'To: a@b, Expanded: c@d\r\n'.repeat(much / 24)}`, item({})),
    report(`Sender: ${' '.repeat(much)}x`, item({})),
    report(`${envelope}\r\n${' \t'.repeat(much)}`, item({})),
    Array.from({ length: 40 }).reduce<Buffer>(
      (inner) => (inner.length > 3_000_000 ? inner : report(envelope, inner, { isBase64: true })),
      item({}),
    ),
  ];
  for (const [index, mail] of hostile.entries()) {
    const begun = performance.now();
    const { record } = await read([mail]);
    assert.ok(performance.now() - begun < boundMs, `number ${index} took ${Math.round(performance.now() - begun)} ms`);
    assert.ok(record.parserVersion > 0);
  }
});

function mutated(one: Buffer, other: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(one);
  const times = 1 + Math.floor(random() * 6);
  for (let time = 0; time < times; time += 1) {
    const [at, to] = [Math.floor(random() * bytes.length), Math.floor(random() * bytes.length)].sort((a, b) => a - b) as [number, number];
    const kind = Math.floor(random() * 6);
    if (kind === 0) bytes[at] = Math.floor(random() * 256);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(to, at + 200))]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, Math.min(to, at + 200)), bytes.subarray(to)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(Math.min(at, other.length))]);
    else if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(tokens, random), 'latin1'), bytes.subarray(at)]);
    else
      bytes = Buffer.from(
        bytes.toString('latin1').replaceAll(pick(['\r\n', '\r', '\n', ' ', ':', '='], random), pick(tokens, random)),
        'latin1',
      );
  }
  return bytes.subarray(0, largest);
}

const tokens = [
  '\r\n\r\n',
  '--tm-part\r\n',
  '--journal-part--',
  '\0',
  '\n',
  '\r',
  ' to ',
  ' chat group',
  '=?utf-8?Q?',
  ': ',
  ',',
  '"',
  '<',
  '>',
  '(',
  '\xe2\x80\xa8',
  'X-MS-Journal-Report:\r\n',
  'Content-Type: message/rfc822\r\n',
];

function pick<T>(list: readonly T[], random: () => number): T {
  const one = list[Math.floor(random() * list.length)];
  assert.ok(one !== undefined);
  return one;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../../fault/fault.ts';
import { type AnswerForm, type PopEvent, PopReader } from './wire.ts';

const limits = { maxLineBytes: 1_000 };

/** Everything that comes out, the chunks of a message joined. */
function read(chunks: Iterable<Uint8Array>, forms: readonly AnswerForm[] = []): unknown[] {
  const reader = new PopReader(limits);
  for (const form of forms) reader.expect(form);
  const seen: unknown[] = [];
  const message: Uint8Array[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event: PopEvent | undefined = reader.next(); event !== undefined; event = reader.next()) {
      if (event.kind === 'chunk') {
        message.push(event.bytes);
        continue;
      }
      if (message.length > 0) seen.push(Buffer.concat(message.splice(0)).toString('latin1'));
      seen.push(event);
    }
  }
  return seen;
}

const session = [
  '+OK ready\r\n',
  '+OK\r\nTOP\r\nSASL PLAIN XOAUTH2\r\n..dotted\r\n.\r\n',
  '+\r\n+ eyJ9\r\n',
  '+OK 120 octets\r\nA: b\r\n\r\n..\r\n..\n.\r\n...\r\n.\rx\r\n\r\r\n.z\r\n.\n.\n\r\n\xff\0\r\n.\r\n',
  '-ERR [SYS/TEMP] later\n',
  '+OK\r\n.\r\n',
  '-err [not a code at all\r\n',
  '+ok\r\n',
].join('');
const forms: readonly AnswerForm[] = ['status', 'lines', 'message', 'message', 'message', 'lines', 'status'];

test('a session reads the same however its bytes are cut', () => {
  const bytes = Buffer.from(session, 'latin1');
  const whole = read([bytes], forms);
  assert.deepEqual(whole, [
    { kind: 'status', ok: true, code: undefined, text: 'ready' },
    { kind: 'status', ok: true, code: undefined, text: '' },
    { kind: 'line', text: 'TOP' },
    { kind: 'line', text: 'SASL PLAIN XOAUTH2' },
    { kind: 'line', text: '.dotted' },
    { kind: 'end' },
    { kind: 'continue', text: '' },
    { kind: 'continue', text: 'eyJ9' },
    { kind: 'status', ok: true, code: undefined, text: '120 octets' },
    'A: b\r\n\r\n.\r\n.\n.\r\n..\r\n\rx\r\n\r\r\nz\r\n\n.\n\r\n\xff\0\r\n',
    { kind: 'end' },
    { kind: 'status', ok: false, code: 'SYS/TEMP', text: 'later' },
    { kind: 'status', ok: true, code: undefined, text: '' },
    { kind: 'end' },
    { kind: 'status', ok: false, code: undefined, text: '[not a code at all' },
    { kind: 'status', ok: true, code: undefined, text: '' },
  ]);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    assert.deepEqual(read([bytes.subarray(0, cut), bytes.subarray(cut)], forms), whole, `cut at ${cut}`);
  }
  for (let length = 1; length <= 7; length += 1) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) => bytes.subarray(at * length, (at + 1) * length));
    assert.deepEqual(read(pieces, forms), whole, `in pieces of ${length}`);
  }
});

test('only CRLF, dot, CRLF ends a message: a message cannot end itself with bare line feeds', () => {
  const [, message] = read([Buffer.from('+OK\r\nx\n.\n-ERR forged\n.\r\n+OK forged\r\n.\r\n')], ['message']);
  assert.equal(message, 'x\n.\n-ERR forged\n.\r\n+OK forged\r\n');
});

test('a message is handed out as pieces of the chunk that came in, not as a copy', () => {
  const chunk = Buffer.from('+OK\r\nhello\r\n.\r\n');
  const reader = new PopReader(limits);
  reader.expect('message');
  reader.push(chunk);
  reader.next();
  const piece = reader.next();
  assert.ok(piece?.kind === 'chunk' && piece.bytes.buffer === chunk.buffer);
});

test('a message of any size with lines of any length passes, since nothing of it is kept', () => {
  const reader = new PopReader(limits);
  reader.expect('message');
  reader.push(Buffer.from('+OK\r\n'));
  const block = Buffer.alloc(10_000, 'x');
  let bytes = 0;
  for (let round = 0; round <= 100; round += 1) {
    for (let event = reader.next(); event !== undefined; event = reader.next()) if (event.kind === 'chunk') bytes += event.bytes.length;
    if (round < 100) reader.push(block);
  }
  assert.equal(bytes, 1_000_000);
  assert.ok(reader.inMessage && !reader.clean);
});

test('after -ERR nothing follows, whatever the command would have brought', () => {
  assert.deepEqual(read([Buffer.from('-ERR no\r\n+OK\r\nhi\r\n.\r\n')], ['message', 'message']).slice(2), ['hi\r\n', { kind: 'end' }]);
});

test('what is not POP3 is handed on as stray text, and a line without end is a fault', () => {
  assert.deepEqual(read([Buffer.from('* OK IMAP\r\n\r\n+OKAY\r\n')]), [
    { kind: 'stray', text: '* OK IMAP' },
    { kind: 'stray', text: '' },
    { kind: 'stray', text: '+OKAY' },
  ]);
  const pieces = Array.from({ length: 1_001 }, () => Buffer.from('x'));
  assert.throws(
    () => read(pieces),
    (error) => isFault(error, 'pop.protocol'),
  );
});

test('a hostile message costs no more than its length', () => {
  const began = process.cpuUsage();
  const [, message] = read([Buffer.from(`+OK\r\n${'..\r\n'.repeat(300_000)}.\r\n`)], ['message']);
  assert.equal(String(message).length, 900_000);
  // Time of the processor: others on the machine do not lengthen it.
  const { user, system } = process.cpuUsage(began);
  assert.ok(user + system < 5_000_000);
});

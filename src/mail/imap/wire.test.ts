import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../../fault/fault.ts';
import { readInternalDate } from './responses.ts';
import { BodyMark } from './values.ts';
import { type WireEvent, WireReader } from './wire.ts';

const limits = { maxLineBytes: 100_000, maxLiteralBytes: 10_000 };

/** Everything that comes out, chunks of a body joined, as plain values. */
function read(chunks: Iterable<Uint8Array>, reader = new WireReader(limits)): unknown[] {
  const seen: unknown[] = [];
  let body: Uint8Array[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event: WireEvent | undefined = reader.next(); event !== undefined; event = reader.next()) {
      if (event.kind === 'chunk') body.push(event.bytes);
      else if (event.kind === 'response') seen.push(event.response);
      else if (event.kind === 'body') {
        body = [];
        seen.push([event.section, event.bytes]);
      } else seen.push(Buffer.concat(body).toString('latin1'));
    }
  }
  return seen;
}

function readText(text: string): unknown[] {
  return read([Buffer.from(text, 'latin1')]);
}

/** Mulberry32: small, and the same numbers on every machine. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const session = [
  '* OK [CAPABILITY IMAP4rev1 SASL-IR] ready\r\n',
  '* LIST (\\Sent) "/" {4}\r\nSent\r\n',
  '* 1 FETCH (UID 7 FLAGS (\\Seen $MDNSent) BODY[] {22}\r\nA: b\r\n\r\n) {3}\r\n* OK \r\n RFC822.SIZE 22)\r\n',
  '* 2 FETCH (BODY[HEADER.FIELDS ({4}\r\nDATE)] {8}\r\nDATE: \r\n BODY[TEXT]<0> ~{3+}\r\n\0\xff\n UID 8)\n',
  '* 3 FETCH (RFC822 {0}\r\n UID 9)\r\n',
  '* 4 FETCH (ENVELOPE ("x" {5}\r\n"\\()} NIL (("a \\"b\\"" NIL "\xe4" "c"))) BODY[] "quoted \\\\ body")\r\n',
  '\r\n',
  '* SEARCH 1 22 333\r\n',
  '+ go {3}\r\n',
  'P1 OK [COPYUID 983  ] done {12}\r\n',
].join('');

test('a session reads the same however its bytes are cut', () => {
  const bytes = Buffer.from(session, 'latin1');
  const whole = read([bytes]);
  assert.equal(whole.length, 15);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    assert.deepEqual(read([bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`);
  }
  assert.deepEqual(read(Array.from(bytes, (byte) => Uint8Array.of(byte))), whole, 'byte by byte');
  const random = numbers(20261122);
  for (let round = 0; round < 300; round += 1) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = Math.floor(random() * 20);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    assert.deepEqual(read(pieces), whole, `round ${round}`);
  }
});

test('a body is handed out as pieces of the chunk that came in, not as a copy', () => {
  const chunk = Buffer.from('* 1 FETCH (BODY[] {5}\r\nhello)\r\n');
  const reader = new WireReader(limits);
  reader.push(chunk);
  assert.deepEqual(reader.next(), { kind: 'body', section: 'BODY[]', bytes: 5 });
  const piece = reader.next();
  assert.ok(piece?.kind === 'chunk' && piece.bytes.buffer === chunk.buffer);
});

test('a body larger than every limit passes, since nothing of it is kept', () => {
  const reader = new WireReader({ maxLineBytes: 100, maxLiteralBytes: 100 });
  const block = Buffer.alloc(10_000);
  reader.push(Buffer.from('* 1 FETCH (BODY[] {1000000}\r\n'));
  let bytes = 0;
  for (let round = 0; ; round += 1) {
    for (let event = reader.next(); event !== undefined; event = reader.next()) if (event.kind === 'chunk') bytes += event.bytes.length;
    if (round === 100) break;
    reader.push(block);
  }
  assert.equal(bytes, 1_000_000);
});

test('the items of a FETCH keep their form', () => {
  const [, , response] = readText(
    '* 2 FETCH (BODY[] {2}\r\nhi UID 4 FLAGS (\\Seen) X-THING (1 (2 NIL) "NIL") BODY[HEADER.FIELDS (TO "A B")]<0> NIL)\r\n',
  );
  assert.deepEqual(response, {
    kind: 'fetch',
    sequence: 2,
    items: new Map<string, unknown>([
      ['BODY[]', new BodyMark('BODY[]', 2)],
      ['UID', '4'],
      ['FLAGS', ['\\Seen']],
      ['X-THING', ['1', ['2', null], 'NIL']],
      ['BODY[HEADER.FIELDS (TO "A B")]', null],
    ]),
  });
});

test('status lines keep code and text apart, and never wait for a literal', () => {
  assert.deepEqual(readText('* NO [BADCHARSET (US-ASCII)] no such charset {5}\r\n'), [
    { kind: 'status', status: 'NO', code: { name: 'BADCHARSET', argument: '(US-ASCII)' }, text: 'no such charset {5}' },
  ]);
  assert.deepEqual(readText('P9 no [x] y\r\nP9 BAD\r\n* bye [unfinished\r\n* OK [A "]" b] \xc3\xa4\r\n'), [
    { kind: 'tagged', tag: 'P9', status: 'NO', code: { name: 'X', argument: '' }, text: 'y' },
    { kind: 'tagged', tag: 'P9', status: 'BAD', code: undefined, text: '' },
    { kind: 'status', status: 'BYE', code: undefined, text: '[unfinished' },
    { kind: 'status', status: 'OK', code: { name: 'A', argument: '"]" b' }, text: 'ä' },
  ]);
});

test('what is not IMAP is handed on as stray text, not as a fault of the reader', () => {
  assert.deepEqual(readText('Server Unavailable. 15\r\nHTTP/1.1 400 Bad Request\r\n* \r\n'), [
    { kind: 'stray', text: 'Server Unavailable. 15' },
    { kind: 'stray', text: 'HTTP/1.1 400 Bad Request' },
    { kind: 'other', name: '', text: '' },
  ]);
});

test('every limit and every broken form of an answer that matters is a fault', () => {
  for (const text of [
    '* 1 FETCH (UID\r\n',
    '* 1 FETCH UID 3\r\n',
    '* 1 FETCH (UID 3\r\n',
    '* 1 FETCH (BODY[TEXT NIL)\r\n',
    '* 1 FETCH (ENVELOPE "open)\r\n',
    `* 1 FETCH (X ${'('.repeat(1_000)}\r\n`,
    '* SEARCH 1 x\r\n',
    '* LIST "/" INBOX\r\n',
    '* LIST () "/" {10001}\r\n',
    '* 1 FETCH (BODY[] {99999999999999999999}\r\n',
    'x'.repeat(100_001),
  ]) {
    assert.throws(
      () => readText(text),
      (error) => isFault(error, 'imap.protocol'),
      text.slice(0, 60),
    );
  }
});

test('a hostile line costs no more than its length', () => {
  const reader = new WireReader({ maxLineBytes: 10_000_000, maxLiteralBytes: 1 });
  const quoted = '"a" '.repeat(500_000);
  const brackets = 'BODY['.repeat(200_000);
  const began = process.cpuUsage();
  assert.equal(read([Buffer.from(`* 1 FETCH (X (${quoted}))\r\n* LIST (${brackets}) NIL x\r\n`)], reader).length, 2);
  // Time of the processor: others on the machine do not lengthen it.
  const { user, system } = process.cpuUsage(began);
  assert.ok(user + system < 5_000_000);
});

test('dates of the server are read with their zone', () => {
  assert.equal(readInternalDate('17-Jul-1996 02:44:25 -0700')?.toISOString(), '1996-07-17T09:44:25.000Z');
  assert.equal(readInternalDate(' 1-Jan-2026 00:00:00 +0530')?.toISOString(), '2025-12-31T18:30:00.000Z');
  for (const text of ['', '1-Foo-2026 00:00:00 +0000', '2026-01-01']) assert.equal(readInternalDate(text), undefined);
});

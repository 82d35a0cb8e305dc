/** Every message becomes a record, understood or not; and leaving attachments out changes nothing of what it says. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import PostalMime from 'postal-mime';
import { type Derived, extract } from './extract.ts';
import { slim } from './slim.ts';

const corpora = join(import.meta.dirname, '../../../../shared/corpora');

function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

async function say(text: string | Uint8Array): Promise<Derived> {
  return extract([typeof text === 'string' ? Buffer.from(text, 'latin1') : text]);
}

/** A message with one attachment in base64, its lines 76 long. */
function withAttachment(content: Buffer, type = 'application/pdf; name="a.pdf"', lineEnd = '\r\n'): string {
  const lines = content.toString('base64').replaceAll(/.{76}/g, (line) => line + lineEnd);
  return [
    'From: "Eva" <eva@contoso.test>',
    'To: a: b@c.test, d@e.test;, F <f@g.test>',
    'Cc: h@i.test',
    'Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=',
    'Message-ID: <1@x>',
    'Date: Thu, 1 Jan 2026 10:00:00 +0100',
    'X-Case: 4711',
    'Received: from nowhere',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="b 1"',
    '',
    'preamble',
    '--b 1',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from('the text, ünencoded').toString('base64'),
    '--b 1',
    `Content-Type: ${type}`,
    'Content-Transfer-Encoding: BASE64',
    '',
    lines,
    '--b 1--',
    '',
  ].join(lineEnd);
}

test('a message becomes its record and its words', async () => {
  const { record, words } = await say(withAttachment(Buffer.alloc(10_000, 'x')));
  const { subject, from, to, messageId, sentAt, rawDate, preview, attachments, problem } = record;
  assert.deepEqual(
    { subject, from, to, messageId, sentAt, rawDate, preview, attachments, problem },
    {
      subject: 'grüße',
      from: 'Eva <eva@contoso.test>',
      to: 'b@c.test, d@e.test, F <f@g.test>, h@i.test',
      messageId: '<1@x>',
      sentAt: new Date('2026-01-01T09:00:00Z'),
      rawDate: 'Thu, 1 Jan 2026 10:00:00 +0100',
      preview: 'the text, ünencoded',
      attachments: [{ name: 'a.pdf', type: 'application/pdf', bytes: 10_000, sha256: sha256(Buffer.alloc(10_000, 'x')), role: 'document' }],
      problem: undefined,
    },
  );
  assert.equal(words.body.trim(), 'the text, ünencoded');
  assert.match(words.headers, /X-Case: 4711/);
  assert.doesNotMatch(words.headers, /nowhere/);
});

test('nothing that arrives makes it fail, and what is no mail is found by its first lines', async () => {
  const inputs = [
    '',
    '\0',
    '\r\n\r\nno header fields',
    '\0\0\0Subject: behind NULs\r\n\r\nx',
    'Subject: bare\rcarriage\rreturns\rno line feed',
    'no header at all, not even a colon',
    ': nameless\r\n\r\nx',
    `Subject: ${'x'.repeat(300_000)}\r\n\r\nbody`,
    `${'X: y\r\n'.repeat(50_000)}\r\nbody`,
    `Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx`,
    `Content-Type: multipart/mixed; boundary=${'a'.repeat(5_000)}\r\n\r\n--${'a'.repeat(5_000)}\r\n\r\nx`,
    'Content-Type: text/plain; charset=no-such-charset\r\nContent-Transfer-Encoding: none\r\n\r\n\xff\xfe',
    'Date: the day before\r\nFrom: ,;:<>()\r\nTo: "\r\nSubject: =?x?y?z?=\r\n\r\n',
    Array.from({ length: 400 }, (_, depth) => `Content-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}\r\n`).join(''),
    Array.from({ length: 400 }, () => 'Content-Type: message/rfc822\r\n\r\n').join(''),
    '\ud83d\ude00',
  ];
  for (const input of inputs) {
    const { record, words } = await say(input);
    assert.doesNotMatch(
      `${record.subject}${record.from}${record.to}${record.preview}`,
      /[\x00-\x1f\x7f]/,
      JSON.stringify(input.slice(0, 50)),
    );
    assert.ok(words.headers.length <= 70_000);
  }
  const { record, words } = await say('\r\nSubject: a trap\x1b[2J\r\nFrom: x@y\r\n\r\nwords');
  assert.equal(typeof record.problem, 'string');
  assert.equal(record.subject, 'a trap [2J');
  assert.match(words.headers, /x@y[\s\S]*words/);
});

test('a failure to read the bytes is passed on', async () => {
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('Subject: x\r\n');
    throw new Error('the disk is gone');
  };
  await assert.rejects(extract(failing()), /the disk is gone/);
});

test('attachments keep their names, types and sizes though they are left out', async () => {
  for (const lineEnd of ['\r\n', '\n']) {
    for (const length of [0, 1, 2, 3, 100, 1_535, 1_536, 1_537, 2_047, 50_000, 50_001, 50_002]) {
      const message = Buffer.from(withAttachment(Buffer.alloc(length, 7), 'image/png; name="=?utf-8?Q?Bild_=C3=BC.png?="', lineEnd));
      for (const size of [1, 7, 64, 16_384]) {
        const { record } = await extract(pieces(message, length > 10_000 ? Math.max(size, 64) : size));
        const hash = sha256(Buffer.alloc(length, 7));
        assert.deepEqual(
          record.attachments,
          [{ name: 'Bild ü.png', type: 'image/png', bytes: length, sha256: hash, role: 'media' }],
          `${length}`,
        );
        assert.equal(record.preview, 'the text, ünencoded');
      }
    }
  }
});

test('a message larger than what is read says so, and is read within the bound', async () => {
  const { record } = await say(`Subject: long\r\n\r\n${'word word word word word word word word\r\n'.repeat(220_000)}`);
  assert.match(record.problem ?? '', /only its first/);
  assert.equal(record.subject, 'long');
  const { bytes, truncated } = await slim([Buffer.from(withAttachment(Buffer.alloc(3_000_000)))], 10_000);
  assert.ok(bytes.length < 2_000 && !truncated);
});

test('every message of the shared corpora becomes a record, and says the same with its attachments left out', async (context) => {
  if (!existsSync(join(corpora, 'manifest.json'))) {
    context.skip('skipped: no corpora');
    return;
  }
  const manifest: { readonly files: readonly { readonly path: string; readonly kind: string }[] } = JSON.parse(
    readFileSync(join(corpora, 'manifest.json'), 'utf8'),
  );
  const messages = manifest.files.filter(({ kind }) => kind === 'message' || kind === 'mbox');
  assert.ok(messages.length > 900);
  const different: string[] = [];
  for (const { path } of messages) {
    const bytes = readFileSync(join(corpora, path));
    const { record } = await extract(pieces(bytes, 4_096));
    assert.ok(record.parserVersion > 0);
    const slimmed = await slim(pieces(bytes, 999), Number.POSITIVE_INFINITY);
    // Read in another charset than the parser would by itself.
    if (slimmed.assumed.length > 0) continue;
    // The parser knows nothing of lines that end with CR alone.
    const lines = bytes.includes(10) ? bytes : bytes.map((byte) => (byte === 13 ? 10 : byte));
    const [whole, thin] = await Promise.all([heard(lines), heard(slimmed.bytes)]);
    if (JSON.stringify(whole) !== JSON.stringify(thin)) different.push(path);
  }
  // There the empty line between header and parts is missing, and put in.
  assert.deepEqual(different, ['enmime/mail/qp-utf8-header-no-break.raw', 'rspamd/fws_fn.eml']);
});

test('parts whose header is not ended by an empty line, and messages within messages in base64, are seen with their attachments', async () => {
  const content = Buffer.from(Array.from({ length: 90_000 }, (_, index) => (index * index) % 251));
  const inner = withAttachment(content);
  const open = withAttachment(content).replace('\r\n\r\npreamble', '');
  assert.equal((await say(open)).record.preview, 'the text, ünencoded');
  assert.deepEqual((await say(open)).record.attachments[0]?.sha256, sha256(content));
  const lines = Buffer.from(inner).toString('base64').replaceAll(/.{76}/g, '$&\r\n');
  const outer = `Subject: outer\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822; name="m.eml"\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines}\r\n--o--\r\n`;
  const { record, words } = await say(outer);
  assert.match(words.body, /the text, ünencoded/);
  assert.deepEqual(
    record.attachments.map(({ name, bytes, sha256: hash, role }) => [name, bytes, hash, role]),
    [
      ['m.eml', inner.length, sha256(Buffer.from(inner)), 'message'],
      ['a.pdf', content.length, sha256(content), 'document'],
    ],
  );
});

test('every part is hashed as it is decoded, whatever its encoding, its line ends and the size of the pieces that it comes in', async () => {
  const text = 'first=line\r\nsecond, ünlined \r\n.\r\n';
  const raw = Buffer.from(text);
  const parts: readonly (readonly [string, string, Buffer])[] = [
    ['7bit', 'plain\r\nlines\r\n', Buffer.from('plain\r\nlines\r\n')],
    ['8bit', raw.toString('latin1'), raw],
    ['quoted-printable', 'first=3Dline=0D=0Asoft=\r\n break =C3=BC=\r\n', Buffer.from('first=line\r\nsoft break ü')],
    ['base64', `${raw.toString('base64').slice(0, 5)}\r\n !\r\n${raw.toString('base64').slice(5)}`, raw],
    ['base64', raw.toString('base64url').replaceAll('_', '/').replaceAll('-', '+'), raw],
  ];
  for (const [encoding, body, decoded] of parts) {
    const message = `Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/x-thing\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}\r\n--b--\r\n`;
    for (const size of [1, 3, 50, 5_000]) {
      const { record } = await extract(pieces(Buffer.from(message, 'latin1'), size));
      assert.deepEqual(
        [record.attachments[0]?.bytes, record.attachments[0]?.sha256],
        [decoded.length, sha256(decoded)],
        `${encoding} ${size}`,
      );
    }
  }
});

test('bytes without a declared charset are read as windows-1252 where they are no UTF-8, which is told, and as what is declared elsewhere', async () => {
  const latin = await say('From: M\xfcller <m@x.test>\r\nSubject: Men\xfc =?iso-8859-2?Q?\xb3?=\r\n\r\nf\xfcr \x80 5\r\n');
  assert.deepEqual([latin.record.from, latin.record.subject, latin.record.preview], ['Müller <m@x.test>', 'Menü ł', 'für € 5']);
  assert.deepEqual(latin.record.flags, [
    { code: 'charset-assumed', detail: 'header' },
    { code: 'charset-assumed', detail: 'text' },
  ]);
  const cut = Buffer.concat([Buffer.from('Subject: Grüße aus Zürich f'), Buffer.from('ü').subarray(0, 1), Buffer.from('\r\n\r\nfür alle')]);
  const utf = await say(cut);
  assert.deepEqual([utf.record.subject, utf.record.preview, utf.record.flags], ['Grüße aus Zürich f\ufffd', 'für alle', []]);
  const declared = await say(
    'Subject: x\r\nContent-Type: text/plain; charset=iso-8859-5\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xb4\xd0\r\n',
  );
  assert.deepEqual([declared.record.preview, declared.record.flags], ['Да', []]);
  const ascii = await say('Subject: x\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nf\xfcr\r\n');
  assert.equal(ascii.record.preview, 'für');
});

test('mail whose lines end with CR alone is understood like other mail', async () => {
  const { record, words } = await say('Received: from nowhere\rSubject: from a Macintosh\r\rThe text.\r');
  assert.deepEqual([record.subject, record.preview, words.body.trim()], ['from a Macintosh', 'The text.', 'The text.']);
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What the parser alone hears of a message. */
async function heard(bytes: Uint8Array): Promise<unknown> {
  try {
    const email = await PostalMime.parse(Uint8Array.from(bytes).buffer);
    const attachments = email.attachments.map(({ filename, mimeType, disposition }) => [filename, mimeType, disposition]);
    return { text: email.text, html: email.html, headers: email.headers, attachments };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Attachments over the API: as they were before they were encoded, whatever their size and however they lie, and under harmless names. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { messageDetail } from '../../src/service/api/message.ts';
import { madeApiToken } from '../../src/service/api/session.ts';
import { noise, put, sha256 } from './archive-suite.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';

let place: ServicePlace;
let token: string;
before(async () => {
  place = await startServicePlace();
  token = (await place.admin('POST', '/tokens', { name: 'downloads', role: 'auditor', expiresInDays: null })).as(madeApiToken).token;
});
after(() => place.close());

let uid = 0;
async function kept(mail: string | Buffer): Promise<string> {
  uid += 1;
  const { sha256: id } = await put(place.parts.archive, uid, mail);
  await place.parts.archive.derived();
  return id ?? '';
}

async function download(
  id: string,
  index: number,
): Promise<{ readonly status: number; readonly headers: Headers; readonly bytes: Buffer }> {
  const answer = await fetch(`${place.url}/api/v1/messages/${id}/attachments/${index}`, { headers: { authorization: `Bearer ${token}` } });
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
}

async function detailOf(id: string): Promise<ReturnType<typeof messageDetail.parse>> {
  return (await place.admin('GET', `/messages/${id}`)).as(messageDetail);
}

function multipart(...parts: readonly string[]): string {
  const head = 'From: eva@contoso.test\r\nSubject: files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n';
  return `${head}${parts.map((part) => `--b\r\n${part}\r\n`).join('')}--b--\r\n`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\r\n');
}

test('an attachment comes out as it was, whatever its size and encoding and wherever it lies', { timeout: 240_000 }, async () => {
  const [small, large, huge] = [noise(500), noise(90_000, 2), noise(3_000_001, 3)];
  const text = 'Zeile eins = 1\r\nZeile zwei: Grüße\r\n';
  const inner = 'From: sam@contoso.test\r\nSubject: inner\r\n\r\nwords\r\n';
  const quoted = Buffer.from(text)
    .toString('latin1')
    .replace(/[^\x20-\x3c\x3e-\x7e\r\n]|=/g, (sign) => `=${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  const id = await kept(
    multipart(
      'Content-Type: text/plain\r\n\r\nsee the files',
      `Content-Type: application/octet-stream; name=small.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(small)}`,
      `Content-Type: application/octet-stream; name=large.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(large)}`,
      `Content-Type: text/plain; charset=utf-8; name=notes.txt\r\nContent-Disposition: attachment; filename=notes.txt\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${quoted}`,
      `Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=inner.eml\r\n\r\n${inner}`,
      `Content-Type: video/mp4; name=huge.mp4\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(huge)}`,
      'Content-Type: application/pdf; name=empty.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n',
    ),
  );
  const { attachments } = await detailOf(id);
  const expected = new Map<string, Uint8Array>([
    ['small.bin', small],
    ['large.bin', large],
    ['notes.txt', Buffer.from(text.trimEnd())],
    ['inner.eml', Buffer.from(inner.trimEnd())],
    ['huge.mp4', huge],
    ['empty.pdf', Buffer.alloc(0)],
  ]);
  assert.deepEqual(
    attachments.map(({ name }) => name),
    [...expected.keys()],
  );
  for (const { index, name, bytes, sha256: noted } of attachments) {
    const got = await download(id, index);
    assert.equal(got.status, 200, name);
    assert.equal(got.bytes.length, bytes, name);
    // As its record has it, and as it was where the line end before a boundary is nobody's.
    assert.equal(sha256(got.bytes), noted, name);
    const was = Buffer.from(expected.get(name) ?? '');
    assert.ok(got.bytes.equals(was) || got.bytes.toString().trimEnd() === was.toString(), name);
  }
});

test('an attachment in the message of a journal report, and in a message within the message, is the one of its number', async () => {
  const file = noise(40_000, 9);
  const part = `Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(file)}`;
  const inner = multipart('Content-Type: text/plain\r\n\r\nwords', part).replace('boundary="b"', 'boundary="c"').replaceAll('--b', '--c');
  const journal =
    'From: <x@contoso.test>\r\nTo: <j@contoso.test>\r\nSubject: files\r\nMessage-ID: <report@contoso.test>\r\nX-MS-Journal-Report:\r\nMIME-Version: 1.0\r\n' +
    'Content-Type: multipart/mixed; boundary="j"\r\n\r\n--j\r\nContent-Type: text/plain; charset="us-ascii"\r\n\r\n' +
    'Sender: eva@contoso.test\r\nSubject: files\r\nMessage-Id: <inner@contoso.test>\r\nTo: sam@contoso.test\r\n\r\n--j\r\nContent-Type: message/rfc822\r\n\r\n' +
    `${inner}\r\n--j--\r\n`;
  for (const mail of [
    journal,
    multipart(
      'Content-Type: text/plain\r\n\r\nforwarded',
      `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(Buffer.from(inner))}`,
    ),
  ]) {
    const id = await kept(mail);
    const { attachments } = await detailOf(id);
    const zip = attachments.find(({ name }) => name === 'a.zip');
    assert.ok(zip !== undefined, JSON.stringify(attachments));
    assert.equal(sha256((await download(id, zip.index)).bytes), sha256(file));
  }
});

const names: readonly string[] = [
  '../../../etc/passwd',
  '..\\..\\..\\windows\\system32\\drivers\\etc\\hosts',
  '/etc/shadow',
  'C:\\Windows\\win.ini',
  '\\\\server\\share\\x.exe',
  'a/b/c.txt',
  '.bashrc',
  '..',
  '.',
  ' ',
  'con',
  'NUL.txt',
  'com1.pdf',
  'lpt9',
  'invoice.pdf.exe',
  'invoice\u202efdp.exe',
  'a\u2066b\u2069.txt',
  'a\u200bb.txt',
  '\ufefftext.txt',
  'tab\there.txt',
  'line\nend.txt',
  'carriage\r\nSet-Cookie: a=b',
  'null\0byte.txt',
  'escape\x1b[31m.txt',
  'quote".txt',
  "quote'.txt",
  'semi;colon.txt',
  'per%2e%2e%2fcent.txt',
  'star*.txt',
  'question?.txt',
  'pipe|more.txt',
  '<script>alert(1)</script>.html',
  'back`tick`.txt',
  '$(touch x).txt',
  '-rf',
  '~/x',
  'trailing. . .',
  `${'x'.repeat(3_000)}.txt`,
  `${'\u00fc'.repeat(600)}.txt`,
  '\u{1f4a9}\u{1f4a9}.txt',
  'filename="x.exe"; filename*=UTF-8\'\'y.exe',
  'name:stream',
];

test('no name of an attachment gets out of its header or out of the folder that it is saved in', { timeout: 240_000 }, async () => {
  assert.ok(names.length >= 40);
  const encoded = (name: string): string => `=?utf-8?b?${Buffer.from(name).toString('base64')}?=`;
  const parts = names.map(
    (name) =>
      `Content-Type: text/html; name="${encoded(name)}"\r\nContent-Disposition: attachment; filename="${encoded(name)}"\r\n\r\n<script>alert(1)</script>`,
  );
  const id = await kept(multipart('Content-Type: text/plain\r\n\r\nfiles', ...parts));
  const { attachments } = await detailOf(id);
  assert.equal(attachments.length, names.length);
  for (const { index } of attachments) {
    const { status, headers, bytes } = await download(id, index);
    const what = JSON.stringify(names[index])?.slice(0, 80);
    assert.equal(status, 200, what);
    assert.equal(bytes.toString(), '<script>alert(1)</script>', what);
    const disposition = headers.get('content-disposition') ?? '';
    const [, plain = '', extended = ''] =
      /^attachment; filename="([^"\\]+)"; filename\*=UTF-8''([A-Za-z0-9%!#$&+^_`{}~.-]+)$/.exec(disposition) ?? [];
    for (const saved of [plain, decodeURIComponent(extended)]) {
      assert.ok(saved !== '' && Buffer.byteLength(saved) <= 200, `${what}: ${disposition}`);
      assert.doesNotMatch(
        saved,
        /[\\/:*?"<>|\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]|^[.~ -]|[. ]$/,
        `${what}: ${saved}`,
      );
      assert.doesNotMatch(saved, /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i, `${what}: ${saved}`);
    }
    // Whatever it calls itself, a browser does not show it.
    assert.equal(headers.get('content-type'), 'application/octet-stream', what);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', what);
    assert.equal(headers.get('set-cookie'), null, what);
  }
});

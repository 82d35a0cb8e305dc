/** Names of files that strangers have chosen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attachmentHeader, harmlessName, harmlessType } from './file-name.ts';

const hostile: readonly (readonly [name: string, harmless: string])[] = [
  ['', 'attachment'],
  ['   ', 'attachment'],
  ['.', 'attachment'],
  ['..', 'attachment'],
  ['../../etc/passwd', 'etc_passwd'],
  ['..\\..\\windows\\system32\\evil.dll', 'windows_system32_evil.dll'],
  ['/etc/passwd', 'etc_passwd'],
  ['C:\\autoexec.bat', 'C__autoexec.bat'],
  ['.htaccess', 'htaccess'],
  ['~root', 'root'],
  ['-rf', 'rf'],
  ['con', '_con'],
  ['NUL.txt', '_NUL.txt'],
  ['com1', '_com1'],
  ['LPT9.pdf', '_LPT9.pdf'],
  ['report.pdf.', 'report.pdf'],
  ['report.pdf   ', 'report.pdf'],
  ['a\r\nSet-Cookie: x=1', 'a__Set-Cookie_ x=1'],
  ['a\0b.txt', 'a_b.txt'],
  ['invoice\u202Efdp.exe', 'invoice_fdp.exe'],
  ['a\u2066b\u200Bc.txt', 'a_b_c.txt'],
  ['"quoted".txt', 'quoted_.txt'],
  ['a;b=c.txt', 'a_b=c.txt'],
  ['%2e%2e%2fx', '2e_2e_2fx'],
  ['$(rm -rf).sh', '(rm -rf).sh'],
  ['a|b>c<d?.txt', 'a_b_c_d_.txt'],
  ['Grüße aus Köln.pdf', 'Grüße aus Köln.pdf'],
  ['請求書.pdf', '請求書.pdf'],
  ['\ud800.txt', 'txt'],
];

for (const [name, harmless] of hostile) {
  test(`${JSON.stringify(name)} becomes ${JSON.stringify(harmless)}, and stays that`, () => {
    assert.equal(harmlessName(name), harmless);
    assert.equal(harmlessName(harmless), harmless);
  });
}

test('a name that is too long is cut between letters and keeps its ending', () => {
  const name = harmlessName(`${'ü'.repeat(500)}.pdf`);
  assert.ok(Buffer.byteLength(name) <= 200 && name.endsWith('ü.pdf'));
  assert.ok(Buffer.byteLength(harmlessName(`${'\u{1f600}'.repeat(500)}.tar.gz`)) <= 200);
});

test('no name breaks out of its header', () => {
  for (const [name] of [...hostile, ['x'.repeat(10_000)], ['"; filename="evil.exe'], ['\'%27"\\']] as const) {
    assert.match(
      attachmentHeader(name ?? ''),
      /^attachment; filename="[\x20-\x21\x23-\x5b\x5d-\x7e]+"; filename\*=UTF-8''[A-Za-z0-9%!#$&+^_`{}~.-]+$/,
    );
  }
});

test('a name beyond ASCII is there in full for those who read RFC 8187, and readable for those who do not', () => {
  assert.equal(attachmentHeader('Grüße.pdf'), `attachment; filename="Gru_e.pdf"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf`);
});

for (const [type, sent] of [
  ['application/pdf', 'application/pdf'],
  ['Image/PNG; name=x', 'image/png'],
  ['message/rfc822', 'message/rfc822'],
  ['text/plain', 'text/plain'],
  ['text/html', 'application/octet-stream'],
  ['application/xhtml+xml', 'application/octet-stream'],
  ['image/svg+xml', 'application/octet-stream'],
  ['text/javascript', 'application/octet-stream'],
  ['application/x-shockwave-flash', 'application/octet-stream'],
  ['multipart/mixed', 'application/octet-stream'],
  ['text/css', 'application/octet-stream'],
  ['', 'application/octet-stream'],
  ['text/html\r\nset-cookie: a', 'application/octet-stream'],
  ['nonsense', 'application/octet-stream'],
] as const) {
  test(`a file that calls itself ${JSON.stringify(type)} is sent as ${sent}`, () => assert.equal(harmlessType(type), sent));
}

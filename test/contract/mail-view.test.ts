/** The safe view of a message: whatever its HTML tries, what comes out can do nothing, and comes soon. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Archive } from '../../src/archive/archive.ts';
import { openArchive } from '../../src/archive/sqlite/sqlite-archive.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Cleaning } from '../../src/service/mail-view/cleaning.ts';
import { MailView, type Shown } from '../../src/service/mail-view/mail-view.ts';
import { put, sha256, temporaryFolder } from './archive-suite.ts';
import { greedy, hostile } from './hostile-html.ts';
import { assertInert, bodyOf } from './inert.ts';

const folder = temporaryFolder();
const ended = new AbortController();
let archive: Archive;
let view: MailView;
let uid = 0;
before(async () => {
  archive = await openArchive(folder.path, systemClock);
  view = new MailView({ archive, signal: ended.signal });
});
after(async () => {
  ended.abort();
  await archive.close();
  folder[Symbol.dispose]();
});

async function shown(mail: Buffer): Promise<Shown> {
  await kept([mail]);
  return await view.shown(await archive.message(sha256(mail)), new AbortController().signal);
}

/** Puts them into the archive, all at once. */
async function kept(mails: readonly Buffer[]): Promise<void> {
  await Promise.all(
    mails.map((one) => {
      uid += 1;
      return put(archive, uid, one);
    }),
  );
  await archive.derived();
}

function mail(html: string | Buffer, type = 'text/html; charset=utf-8'): Buffer {
  const head = `From: a@contoso.test\r\nSubject: <b>&"words" ${uid}\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(html)]);
}

test('whatever HTML tries, nothing of it is left that could do something', async () => {
  const mails = hostile.map(({ html }) => mail(html));
  await kept(mails);
  for (const [index, { tries, keeps }] of hostile.entries()) {
    const message = await archive.message(sha256(mails[index] ?? ''));
    const { html: document } = await view.shown(message, ended.signal);
    assertInert(document, tries);
    if (keeps !== undefined) assert.ok(bodyOf(document).includes(keeps), `${tries}: the words are gone`);
  }
});

test('HTML that is large or deep is shown as far as it can be, says that it is cut, and comes within two seconds', async (t) => {
  // The thread's first start is another matter.
  await shown(mail('<p>first</p>'));
  for (const { tries, html } of greedy) {
    const message = mail(html);
    await kept([message]);
    const begun = performance.now();
    const { html: document, report } = await view.shown(await archive.message(sha256(message)), ended.signal);
    const took = performance.now() - begun;
    t.diagnostic(`${tries}: ${took.toFixed(0)} ms`);
    assertInert(document, tries);
    assert.equal(report.cut, true, tries);
    assert.ok(took < slowest, `${tries}: ${took.toFixed(0)} ms`);
    const after = await shown(mail('<p>after it</p>'));
    assert.ok(after.html.includes('after it'), `after ${tries}`);
  }
});

/** Two tries of 1 and 0.5 s, the start of another thread between them, and reading the message; on a machine that does other things too. */
const slowest = 20_000;

test('HTML that cannot be made safe in time is not shown: its text is, and it says so', async () => {
  const bytes = mail(`<p>only <b>words</b></p>${'<p>more</p>'.repeat(50_000)}`);
  await kept([bytes]);
  const ending = new AbortController();
  const impatient = new Cleaning([
    { limitChars: 1_000_000, ms: 1 },
    { limitChars: 500_000, ms: 1 },
  ]);
  const { html, report } = await new MailView({ archive, signal: ending.signal }, impatient).shown(
    await archive.message(sha256(bytes)),
    ending.signal,
  );
  ending.abort();
  assertInert(html, 'given up');
  assert.ok(html.includes('could not be made safe in time') && html.includes('<pre>only words'), bodyOf(html).slice(0, 300));
  assert.equal(report.cut, true);
});

test('links lead nowhere and are listed with where they would, those whose text says otherwise marked', async () => {
  const links: readonly (readonly [text: string, href: string, mismatch: boolean])[] = [
    ['click', 'https://a.example/x', false],
    ['https://contoso.test', 'https://contoso.test/login', false],
    ['https://contoso.test/login', 'https://contoso.test.evil.example/', true],
    ['www.contoso.test', 'http://contoso.test/', false],
    ['contoso.test', 'https://login.contoso.test/', false],
    ['https://contoso.test@evil.example', 'https://evil.example/', true],
    ['http://contoso.test', 'https://contoso.test@evil.example/', true],
    ['HTTPS://CONTOSO.TEST', 'https://contoso.test', false],
    ['contoso.test', 'javascript:alert(1)', true],
    ['https://xn--contso-90a.test', 'https://cont\u00f6so.test', true],
    ['eva@contoso.test', 'mailto:eva@contoso.test?subject=x', false],
    ['eva@contoso.test', 'mailto:eve@evil.example', true],
    ['eva@contoso.test', 'https://evil.example/', true],
    ['3.14', 'https://a.example/', false],
    ['read.me first', 'https://a.example/', false],
  ];
  const { html, report } = await shown(
    mail(links.map(([text, href]) => `<p><a href="${href}">${text.replace('t', '<b>t</b>')}</a></p>`).join('')),
  );
  assert.deepEqual(
    report.links.map(({ text, href, mismatch }) => [text, href, mismatch]),
    links,
  );
  assert.doesNotMatch(html, /href=/);
});

test('pictures of the message are shown, of four kinds by their first bytes, and those of other hosts are counted', async () => {
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const big = Buffer.concat([Buffer.from(png, 'base64'), Buffer.alloc(200_000, 7)]).toString('base64');
  const part = (id: string, type: string, base64: string): string =>
    `--r\r\nContent-Type: ${type}\r\nContent-ID: <${id}>\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64.replace(/.{76}/g, '$&\r\n')}\r\n`;
  const text = [
    'From: a@contoso.test\r\nSubject: pictures\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n',
    '<img alt=one src="cid:one@x"><img src="CID:big%40x"><img src=cid:liar@x><img src=cid:svg@x><img src=cid:nobody@x alt="not there">',
    `<img src="https://spy.example/p"><div style="background:url(https://spy.example/q)">x</div><img src="data:image/png;base64,${png}">\r\n`,
    part('one@x', 'image/png', png),
    part('big@x', 'application/octet-stream', big),
    part('liar@x', 'image/png', Buffer.from('<svg onload=alert(1)>').toString('base64')),
    part('svg@x', 'image/svg+xml', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString('base64')),
    '--r--\r\n',
  ].join('');
  const { html, report } = await shown(Buffer.from(text));
  assertInert(html, 'pictures');
  assert.equal(html.split('src="data:image/png;base64,').length - 1, 3);
  assert.ok(html.includes(big.slice(0, 400)) && html.includes(big.slice(-400)), 'a picture that is left out of the parsing is whole');
  assert.ok(html.includes('alt="not there"'));
  assert.deepEqual([report.pictures, report.remote], [3, 2]);
});

test('the character set is the one that is declared, and what decodes to a tag is a tag and treated as one', async () => {
  const cases: readonly (readonly [type: string, bytes: Buffer, seen: string])[] = [
    ['text/html; charset=iso-8859-1', Buffer.from('<p>Gr\xfc\xdfe</p>', 'latin1'), 'Grüße'],
    ['text/html; charset=windows-1252', Buffer.from('<p>\x80 5</p>', 'latin1'), '€ 5'],
    ['text/html; charset=koi8-r', Buffer.from([0x3c, 0x70, 0x3e, 0xf0, 0xd2, 0xc9]), 'При'],
    ['text/html; charset=iso-2022-jp', Buffer.from('\x1b$B$3$s\x1b(B<script>alert(1)</script>', 'latin1'), 'こん'],
    [
      'text/html; charset=shift_jis',
      Buffer.from([0x82, 0xb1, 0x82, 0xf1, 0x3c, 0x69, 0x6d, 0x67, 0x20, 0x6f, 0x6e, 0x65, 0x72, 0x72, 0x6f, 0x72, 0x3d, 0x31, 0x3e]),
      'こん',
    ],
    ['text/html; charset=utf-7', Buffer.from('+ADw-script+AD4-alert(1)+ADw-/script+AD4-'), '+ADw-script'],
    ['text/html; charset=no-such-set', Buffer.from('<p>plain</p>'), 'plain'],
    ['text/html', Buffer.from('<p>Gr\xfc\xdfe</p>', 'latin1'), 'Grüße'],
  ];
  for (const [type, bytes, seen] of cases) {
    const { html } = await shown(mail(bytes, type));
    assertInert(html, type);
    assert.ok(bodyOf(html).includes(seen), `${type}: ${bodyOf(html)}`);
  }
});

test('of several texts the one is shown that mail programs choose', async () => {
  const alternative = Buffer.from(
    'From: a@contoso.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nthe plain one\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>the rich one</p>\r\n--b--\r\n',
  );
  const rich = await shown(alternative);
  assert.ok(rich.html.includes('the rich one') && !rich.html.includes('the plain one'));
  const plain = await shown(Buffer.from('From: a@contoso.test\r\nSubject: x\r\n\r\n<script>alert(1)</script> & words\r\n'));
  assert.ok(plain.html.includes('<pre>&lt;script&gt;alert(1)&lt;/script&gt; &amp; words'));
  assertInert(plain.html, 'plain text');
  const attached = await shown(
    Buffer.from(
      'From: a@contoso.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsee attached\r\n--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=x.html\r\n\r\n<p>not me</p>\r\n--b--\r\n',
    ),
  );
  assert.ok(attached.html.includes('see attached') && !attached.html.includes('not me'));
});

test('the document has a title and a language, is white paper, and brings its own policy', async () => {
  const { html } = await shown(mail('<html lang="de-AT"><body bgcolor="#eeeeee" text=navy><p>Grüß Gott</p>'));
  assert.match(html, /^<!doctype html>\n<html lang="de-AT">/);
  assert.match(html, /<title>&lt;b&gt;&amp;&quot;words&quot; \d+<\/title>/);
  assert.ok(html.includes(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"`));
  assert.ok(html.includes('color-scheme: light; background: #fff'));
  assert.ok(html.includes('<div style="background-color: #eeeeee; color: navy">'));
  assert.match((await shown(mail('<html lang="x\'>y"><p>z'))).html, /<html lang="en">/);
});

test('what makes the text readable is kept', async () => {
  const { html } = await shown(
    mail(
      '<table width="600" cellpadding=0 border=0 bgcolor="#ffffff"><tr><td align=center style="padding: 4px; font: bold 12px/1.5 Arial, \'Helvetica Neue\'; color: rgba(0, 0, 0, .8)"><h1>Title</h1><ol start=3 type=a><li>one</ol><font color=red face="Arial" size="+1">two</font></table>',
    ),
  );
  for (const kept of [
    '<table width="600" cellpadding="0" border="0" bgcolor="#ffffff">',
    'style="padding: 4px; font: bold 12px/1.5 Arial, \'Helvetica Neue\'; color: rgba(0, 0, 0, .8)"',
    '<ol start="3" type="a">',
    '<font color="red" face="Arial" size="+1">',
  ]) {
    assert.ok(html.includes(kept), `${kept}\n${bodyOf(html)}`);
  }
});

test('both who ask for one message at once get the same document, which is made once', async () => {
  const bytes = mail('<p>shared</p>');
  await kept([bytes]);
  const message = await archive.message(sha256(bytes));
  const [one, other] = await Promise.all([view.shown(message, ended.signal), view.shown(message, ended.signal)]);
  assert.equal(one, other);
});

test('messages are read one after the other, however many are asked for, and those that nobody waits for any more are not read', async () => {
  const mails = Array.from({ length: 20 }, (_, index) => mail(`<p>queued ${index}</p>`));
  await kept(mails);
  const messages = await Promise.all(mails.map((one) => archive.message(sha256(one))));
  let reading = 0;
  let most = 0;
  const read: string[] = [];
  const counted = {
    ...archive,
    html: async (id: string) => {
      reading += 1;
      most = Math.max(most, reading);
      read.push(id);
      try {
        return await archive.html(id);
      } finally {
        reading -= 1;
      }
    },
  };
  const own = new MailView({ archive: counted, signal: ended.signal });
  const gone = new AbortController();
  const asked = messages.map((message, index) => own.shown(message, index % 2 === 0 ? ended.signal : gone.signal));
  gone.abort(new Error('the asker has gone'));
  const settled = await Promise.allSettled(asked);
  assert.equal(most, 1);
  assert.deepEqual(
    settled.map(({ status }) => status),
    messages.map((_, index) => (index % 2 === 0 ? 'fulfilled' : 'rejected')),
  );
  assert.deepEqual(
    read,
    messages.filter((_, index) => index % 2 === 0).map((one) => one.sha256),
  );
  const [, second] = messages;
  assert.ok(second);
  assert.ok((await own.shown(second, ended.signal)).html.includes('queued 1<'), 'who asks for it later gets it');
});

/** Transcripts of the proxy: what an operator reads when an application cannot log in, and what must not stand in it however it was sent. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import tls from 'node:tls';
import { readTranscripts, removeTranscripts, transcriptFolder } from '../../src/proxy/transcript/transcripts.ts';
import { type TranscriptWish, transcriptWishPath, writeTranscriptWish } from '../../src/proxy/transcript/wish.ts';
import { binary, ran } from '../cli/postern.ts';
import { until as untilWithin } from './import-place.ts';
import { type Dialogue, dial, dialTls, type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const user = 'scanner@contoso.test';
/** Nothing that a word of a protocol could be taken for. */
const planted = 'Zq7-planted-SECRET';
const token = 'eyJ0eXAiOiJKV1Qi.planted-TOKEN.c2lnbmF0dXJl';
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const anywhere = { networks: [], clients: [] };

let place: ProxyPlace;
let password: string;
before(async () => {
  place = await startProxyPlace({
    tls: true,
    listeners: `
    imap: { protocol: imap, listen: "127.0.0.1:0" }
    pop3: { protocol: pop3, listen: "127.0.0.1:0" }
    smtp: { protocol: smtp, listen: "127.0.0.1:0" }
    imaps: { protocol: imap, listen: "127.0.0.1:0", tls: implicit }`,
    more: '  limits: { failures: 1000 }\n',
  });
  place.mailbox(user).smtpClientAuthenticationDisabled = false;
  password = await place.client({ name: 'scanner' });
});
after(() => place.close());
beforeEach(async () => {
  await removeTranscripts(place.config.dataFolder);
});

/** Has the proxy see the wish: it looks once a second. */
async function wish(wanted: Partial<TranscriptWish> & { readonly forMs?: number }): Promise<void> {
  const before = seen();
  writeTranscriptWish(place.config.dataFolder, { ...anywhere, untilMs: Date.now() + (wanted.forMs ?? 600_000), ...wanted });
  await untilWithin(() => seen() > before, 20_000);
}

async function noWish(): Promise<void> {
  const before = seen();
  writeTranscriptWish(place.config.dataFolder, undefined);
  await untilWithin(() => seen() > before, 20_000);
}

/** How often the proxy has seen another wish. */
function seen(): number {
  return place.events.filter((event) => event.kind === 'reloaded' && event.what === 'transcripts').length;
}

async function written(count: number): Promise<readonly string[]> {
  const folder = transcriptFolder(place.config.dataFolder);
  const names = (): readonly string[] => (statSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder));
  await untilWithin(() => names().length >= count, 20_000);
  return (await readTranscripts(place.config.dataFolder)).map(({ text }) => text);
}

async function talk(listener: string, lines: readonly string[], answers: RegExp): Promise<void> {
  const open: Dialogue = await dial(place.port(listener));
  for (const line of lines) {
    open.say(line);
    await open.until(answers);
  }
  open.end();
}

test('no secret stands in a transcript, however it was sent; and who reads it sees what was tried and why it failed', async () => {
  await wish({});
  const tagged = /(?:^|\r\n)(?:\+|[a-z]\d? |\* BYE|\S+ (?:OK|BAD|NO)).*\r\n$/;
  const replied = /\r?\n?(?:[2345]\d\d |[+-]).*\r\n$/;
  await talk(
    'imap',
    [
      `a LOGIN ${user} ${planted}\r\n`,
      `b LOGIN "${user}" "${planted} \\" x"\r\n`,
      `c LOGIN {${user.length}}\r\n`,
      `${user} {${planted.length}}\r\n`,
      `${planted}\r\n`,
    ],
    tagged,
  );
  await talk('imap', [`a LOGIN {${user.length}+}\r\n${user} {${planted.length}+}\r\n${planted}\r\n`], tagged);
  await talk('imap', [`a AUTHENTICATE PLAIN ${base64(`\0${user}\0${planted}`)}\r\n`, 'b AUTHENTICATE PLAIN\r\n', `${planted}\r\n`], tagged);
  await talk('imap', [`a AUTHENTICATE XOAUTH2 ${base64(`user=${user}\x01auth=Bearer ${token}\x01\x01`)}\r\n`], tagged);
  // In the wrong place: as a tag, as a command, as a mechanism, behind a command that takes nothing.
  await talk(
    'imap',
    [`${planted} NOOP\r\n`, `a ${planted}\r\n`, `a AUTHENTICATE ${planted}\r\n`, `a NOOP ${planted}\r\n`, `${planted}\r\n`],
    tagged,
  );
  await talk('pop3', [`USER ${user}\r\n`, `PASS ${planted}\r\n`, `AUTH PLAIN\r\n`, `${base64(`\0${user}\0${planted}`)}\r\n`], replied);
  await talk('pop3', [`PASS ${planted}\r\n`, `${planted}\r\n`, `USER ${planted}\r\n`, `APOP ${user} ${planted}\r\n`], replied);
  await talk('smtp', ['EHLO device\r\n', `AUTH LOGIN\r\n`, `${base64(user)}\r\n`, `${base64(planted)}\r\n`], replied);
  await talk(
    'smtp',
    [`AUTH LOGIN ${base64(user)}\r\n`, `${base64(planted)}\r\n`, `AUTH PLAIN ${base64(`\0${user}\0${planted}`)}\r\n`],
    replied,
  );
  await talk(
    'smtp',
    [`AUTH XOAUTH2 ${base64(`user=${user}\x01auth=Bearer ${token}\x01\x01`)}\r\n`, `${planted}\r\n`, `EHLO "${planted}"\r\n`],
    replied,
  );
  await talk('smtp', [`MAIL FROM:<${planted} x>\r\n`, `AUTH ${planted}\r\n`, `AUTH LOGIN ${planted}\r\n`, `VRFY ${planted}\r\n`], replied);
  const texts = await written(11);
  const all = texts.join('').toLowerCase();
  for (const secret of [planted, token, 'auth=Bearer'])
    for (const form of [
      secret,
      base64(secret).replace(/=+$/, ''),
      base64(`\0${user}\0${secret}`),
      base64(`user=${user}\x01auth=Bearer ${secret}`),
    ])
      assert.ok(!all.includes(form.toLowerCase()), `${form} in\n${texts.join('\n')}`);
  assert.match(all, /login refused: reason=wrong-password name="scanner@contoso\.test"/);
  assert.match(all, /application {2}a login \[20 bytes\] \[18 bytes\]\n/);
  assert.match(all, /a authenticate plain \[base64 of 40 bytes, in parts of 0, 20, 18\]/);
  assert.match(all, /authenticate xoauth2 \[base64 of \d+ bytes, in the form of xoauth2\]/);
  assert.match(all, /application {2}auth login\n/);
});

test('a login that works is written down with what was said to the server behind, its token left out; of SMTP also envelope and answers, and no word of the message', async () => {
  await wish({});
  const imap = await dial(place.port('imap'));
  imap.say(`a LOGIN ${user} ${password}\r\n`);
  await imap.until(/a OK .*\r\n/);
  // It is there although the session goes on.
  const [login = ''] = await written(1);
  imap.end();
  assert.match(login, /to server {2}\S+ AUTHENTICATE XOAUTH2/);
  assert.match(login, /logged in: name="scanner@contoso\.test" client=scanner mailbox=scanner@contoso\.test/);
  assert.match(login, /from here on bytes pass, and are not written down\n$/);
  const smtp = await dial(place.port('smtp'));
  smtp.say(`EHLO device\r\nAUTH PLAIN ${base64(`\0${user}\0${password}`)}\r\n`);
  await smtp.until(/235 .*\r\n/);
  smtp.say(`MAIL FROM:<${user}>\r\nRCPT TO:<to@contoso.test>\r\nDATA\r\n`);
  await smtp.until(/354 .*\r\n/);
  smtp.say(`From: ${user}\r\nSubject: planted words\r\n\r\nplanted words\r\nNOOP\r\n.\r\nQUIT\r\n`);
  await smtp.until(/221 .*\r\n/);
  const sent = (await written(2)).find((text) => text.includes('protocol=smtp')) ?? '';
  assert.match(sent, /application {2}MAIL FROM:<scanner@contoso\.test>\n/);
  assert.match(sent, /application {2}RCPT TO:<to@contoso\.test>\n/);
  assert.match(sent, /application {2}\[\d+ bytes of a message\]\n/);
  assert.match(sent, /postern {2}250 /);
  assert.match(sent, /application {2}QUIT\n/);
  const all = `${login}${sent}`;
  assert.ok(!all.includes('planted'), all);
  assert.ok(!all.includes(password));
  assert.ok(!/eyJ|Bearer/.test(all), all);
});

test('only what was asked for is written down: by network, by client, and for as long as it was said', async () => {
  await wish({ networks: ['192.0.2.0/24'] });
  await talk('imap', [`a LOGIN ${user} ${planted}\r\n`], /a NO .*\r\n/);
  await wish({ clients: ['scanner'] });
  await talk('imap', [`a LOGIN other/${user} ${planted}\r\n`], /a NO .*\r\n/);
  await talk('imap', [`a LOGIN scanner/${user} ${planted}\r\n`], /a NO .*\r\n/);
  const [one = '', ...more] = await written(1);
  assert.deepEqual(more, []);
  assert.match(one, /reason=wrong-password name="scanner\/scanner@contoso\.test"/);
  await wish({ forMs: -1 });
  await talk('imap', [`a LOGIN ${user} ${planted}\r\n`], /a NO .*\r\n/);
  assert.equal((await written(1)).length, 1);
});

test('a handshake that fails stands in it with what the library said', async () => {
  await wish({});
  const old = tls.connect({
    host: '127.0.0.1',
    port: place.port('imaps'),
    maxVersion: 'TLSv1',
    minVersion: 'TLSv1',
    ciphers: 'ALL@SECLEVEL=0',
    rejectUnauthorized: false,
  });
  old.on('error', () => undefined);
  await new Promise<void>((resolve) => void old.on('close', () => resolve()));
  const [failed = ''] = await written(1);
  assert.match(failed, /the connection broke: ERR_SSL_UNSUPPORTED_PROTOCOL\n/);
  assert.match(failed, /ended: tls-failed/);
  const good = await dialTls(place.port('imaps'), place.certificateFile);
  good.say('a LOGOUT\r\n');
  await good.closed();
  assert.match((await written(2)).join(''), /TLS: TLSv1\.3 TLS_\w+\n/);
});

test('files are for their owner alone, and neither one of them nor their number grows without end', async () => {
  await wish({});
  const folder = transcriptFolder(place.config.dataFolder);
  mkdirSync(folder, { recursive: true });
  for (let index = 0; index < 250; index += 1)
    writeFileSync(join(folder, `${String(20200101 + index)}T000000000Z-0000000${index % 10}.txt`), 'old\n');
  const greedy = await dial(place.port('smtp'));
  greedy.say(`EHLO device\r\nAUTH PLAIN ${base64(`\0${user}\0${password}`)}\r\n`);
  await greedy.until(/235 .*\r\n/);
  for (let round = 0; round < 40; round += 1) {
    greedy.say(`RCPT TO:<${'x'.repeat(200)}@contoso.test>\r\n`.repeat(20));
    await greedy.until(/(?:503 .*\r\n){20}/);
  }
  greedy.say('QUIT\r\n');
  await greedy.closed();
  const full = (): string | undefined =>
    readdirSync(folder).find((name) => !/^2020/.test(name) && readFileSync(join(folder, name), 'utf8').includes('full'));
  await untilWithin(() => full() !== undefined, 20_000);
  const names = readdirSync(folder);
  assert.ok(names.length <= 200, `${names.length} files`);
  const fresh = full() ?? '';
  assert.equal(statSync(join(folder, fresh)).mode & 0o777, 0o600);
  const text = readFileSync(join(folder, fresh), 'utf8');
  assert.ok(text.length < 70_000, `${text.length} bytes`);
  assert.match(text, /the transcript is full\n$/);
});

test('a disk that takes none is told of (proxy.transcript-unwritable), and nobody is kept from logging in', async () => {
  await wish({});
  const folder = transcriptFolder(place.config.dataFolder);
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(folder, 'a file');
  await talk('imap', [`a LOGIN ${user} ${password}\r\n`], /a OK .*\r\n/);
  await place.event('fault', ({ fault }) => fault.code === 'proxy.transcript-unwritable');
  rmSync(folder);
});

test('the command starts, lists, shows and ends it, and says what is wrong with what was asked', async () => {
  const command = async (...words: string[]): Promise<{ readonly code: number | null; readonly out: string; readonly talk: string }> =>
    await ran(binary, ['proxy', 'transcript', ...words, '--config', join(place.folder, 'postern.yaml')], {
      env: { LAB_SECRET: place.sandbox.clientSecret },
    });
  await noWish();
  assert.match((await command()).out, /^Nothing is being written down; /);
  const before = seen();
  assert.match((await command('start', '--for', '2m', '--network', '127.0.0.0/8')).out, /^New connections are written down for 2 m\.\n/);
  assert.equal(statSync(transcriptWishPath(place.config.dataFolder)).mode & 0o777, 0o600);
  await untilWithin(() => seen() > before, 20_000);
  await talk('pop3', [`USER ${user}\r\n`, `PASS ${planted}\r\n`], /[+-].*\r\n/);
  await written(1);
  assert.match((await command('list')).out, /pop3 +127\.0\.0\.1 +login refused: reason=wrong-password/);
  const shown = (await command('show')).out;
  assert.match(shown, /application {2}USER \[20 bytes\]\n/);
  assert.match(shown, /postern {2}-ERR \[AUTH\] User name or password is wrong\./);
  assert.equal((await command('stop')).code, 0);
  assert.equal((await command('clear')).out, '1 removed.\n');
  for (const words of [
    ['begin'],
    ['start', '--for', '25h'],
    ['start', '--for', 'soon'],
    ['start', '--network', 'x'],
    ['list', '--for', '1m'],
    ['show', 'none'],
  ])
    assert.equal((await command(...words)).code, 2, words.join(' '));
});

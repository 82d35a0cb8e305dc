/**
 * Submission into the queue of the proxy, by hand and by clients of Debian: 250 means that it is on disk, whatever the server behind does;
 * and what `postern proxy queue` shows and does beside a running proxy.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { rawOf } from '../../sandbox/src/folder.ts';
import { folderOf } from '../../sandbox/src/tenant.ts';
import { queueFolder } from '../../src/proxy/queue/folder.ts';
import { binary, ran } from '../cli/postern.ts';
import { until as untilWithin } from './import-place.ts';
import { peerProgram, unlessPeers } from './places/peers.ts';
import { runProgram } from './program.ts';
import { type Dialogue, dial, type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const from = 'scanner@contoso.test';
const to = 'inbox@contoso.test';
const until = (isSo: () => boolean): Promise<void> => untilWithin(isSo, 30_000);
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

let place: ProxyPlace;
let password: string;
before(async () => {
  place = await startProxyPlace({
    more: `  sendAs: { ${from}: [alias@contoso.test] }\n  limits: { wait: 1s, messageMegabytes: 1 }\n  queue: { retryFor: 2d }\n`,
  });
  for (const address of [from, to]) place.mailbox(address).smtpClientAuthenticationDisabled = false;
  place.mailbox('alias@contoso.test').sendAs.add(place.sandbox.tenant.pointers[0]?.objectId ?? '');
  password = await place.client({ name: 'scanner' });
});
after(() => place.close());

/** What lies in the mailbox, newest last. */
function arrived(address = to): readonly string[] {
  const inbox = folderOf(place.mailbox(address), 'INBOX');
  return inbox?.messages.map((message) => Buffer.from(rawOf(message)).toString('latin1')) ?? [];
}

async function loggedIn(user = from): Promise<Dialogue> {
  const talk = await dial(place.port('smtp'));
  await talk.until(/^220 .*\r\n/);
  talk.say(`EHLO device\r\nAUTH PLAIN ${base64(`\0${user}\0${password}`)}\r\n`);
  await talk.until(/235 .*\r\n/);
  return talk;
}

/** The reply to a message that is sent whole. */
async function reply(talk: Dialogue, content: string, sender = from, recipient = to): Promise<string> {
  talk.say(`MAIL FROM:<${sender}>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
  await talk.until(/354 .*\r\n/);
  talk.say(content);
  return await talk.until(/^[245]\d\d [^\r]*\r\n/m);
}

function inQueue(): readonly string[] {
  const folder = queueFolder(place.config);
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
}

async function queueCommand(...words: string[]): Promise<{ readonly code: number | null; readonly out: string; readonly talk: string }> {
  return await ran(binary, ['proxy', 'queue', ...words, '--config', join(place.folder, 'postern.yaml')], {
    env: { LAB_SECRET: place.sandbox.clientSecret },
  });
}

const letter = (subject: string, sender = from): string => `From: <${sender}>\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\nwords\r\n`;

test('a message is taken with its id, and arrives byte for byte', async () => {
  const talk = await loggedIn();
  const content = `${letter('whole')}.dot\r\n..\r\n\xe4\r\n`;
  const stuffed = content.replaceAll('\r\n.', '\r\n..');
  assert.match(await reply(talk, `${stuffed}.\r\n`), /^250 2\.0\.0 Queued as [0-9a-z]{19}\r\n$/);
  await until(() => arrived().includes(content));
  talk.say('QUIT\r\n');
  await talk.until(/221 .*\r\n/);
  const { session } = await place.event('session-closed');
  assert.ok(session.bytesIn > stuffed.length && session.bytesOut > 50, `${session.bytesIn} in, ${session.bytesOut} out`);
});

describe('while the server behind will have nothing', () => {
  before(() => {
    place.mailbox(from).smtpClientAuthenticationDisabled = true;
  });

  test('mail is taken all the same, kept, listed with its reason, and sent when the switch is back', async () => {
    const talk = await loggedIn();
    for (let index = 0; index < 5; index += 1) assert.match(await reply(talk, `${letter(`kept ${index}`)}.\r\n`), /^250 /);
    talk.end();
    await until(() => inQueue().length === 5);
    await place.event('queue', ({ event }) => event.kind === 'not-sent');
    const listed = await queueCommand('list');
    assert.equal(listed.code, 0, listed.talk);
    assert.match(listed.out, /5 messages waiting, 0 set aside\n$/);
    assert.match(listed.out, /smtp\.disabled-for-mailbox: SMTP AUTH is switched off for this mailbox\./);
    const asJson = JSON.parse((await queueCommand('list', '--json')).out);
    assert.equal(asJson.queue.length, 5);
    assert.equal(place.proxy.snapshot().queue?.waiting, 5);

    const [first, second] = inQueue().map((name) => name.slice(0, -'.json'.length));
    const saved = join(place.folder, 'saved');
    assert.equal((await queueCommand('export', first?.slice(0, 14) ?? '', '--to', saved)).code, 0);
    assert.match(readFileSync(join(saved, `${first}.eml`), 'latin1'), /^From: <scanner@contoso\.test>\r\n/);
    assert.equal((await queueCommand('drop', second ?? '')).code, 0);
    assert.equal(inQueue().length, 4);

    place.mailbox(from).smtpClientAuthenticationDisabled = false;
    const again = await queueCommand('retry', '--all');
    assert.match(again.out, /^4 messages tried again at once\n$/);
    await until(() => arrived().filter((one) => /Subject: kept \d/.test(one)).length === 4);
    await until(() => inQueue().length === 0);
  });

  test('a wrong id, no id and a wrong verb are told with what is right', async () => {
    const unknown = await queueCommand('drop', 'nothing');
    assert.equal(unknown.code, 1);
    assert.ok(unknown.talk.includes('queue.unknown'), unknown.talk);
    for (const words of [['drop'], ['steal'], ['export', '--all'], ['list', 'x'], ['retry', '--all', 'x']]) {
      assert.equal((await queueCommand(...words)).code, 2, words.join(' '));
    }
    assert.match((await queueCommand()).out, /^Nothing waits\.\n$/);
  });
});

describe('what is not taken', () => {
  test('another sender, in the envelope or in the header, however it is written', async () => {
    const talk = await loggedIn();
    talk.say('MAIL FROM:<ceo@contoso.test>\r\n');
    assert.match(await talk.until(/^5.*\r\n/), /^550 5\.7\.60 /);
    talk.say('MAIL FROM:<>\r\n');
    assert.match(await talk.until(/^5.*\r\n/), /^550 5\.7\.60 /);
    for (const header of [
      'From: <ceo@contoso.test>',
      `From: <${from}>\r\nFrom: <ceo@contoso.test>`,
      `From: <${from}>, <ceo@contoso.test>`,
      `From: "${from}" <ceo@contoso.test>`,
      `From: (${from}) ceo@contoso.test`,
      `From:\r\n <ceo@contoso.test>`,
      `From: <${from}>\r\nSender: CEO <ceo@contoso.test>`,
      `Resent-From: <ceo@contoso.test>\r\nFrom: <${from}>`,
    ]) {
      assert.match(await reply(talk, `${header}\r\nSubject: forged\r\n\r\nx\r\n.\r\n`), /^550 5\.7\.60 /, header);
    }
    assert.match(await reply(talk, `${letter('as the alias', 'alias@contoso.test')}.\r\n`, 'alias@contoso.test'), /^250 /);
    await until(() => arrived().some((one) => one.includes('as the alias')));
    assert.ok(!arrived().some((one) => one.includes('forged')));
    talk.end();
  });

  test('more than the size, announced or not; the session goes on', async () => {
    const talk = await loggedIn();
    talk.say(`MAIL FROM:<${from}> SIZE=1000001\r\n`);
    assert.match(await talk.until(/^5.*\r\n/), /^552 5\.3\.4 /);
    assert.match(await reply(talk, `${letter('large')}${'x'.repeat(998)}\r\n`.repeat(1_100).concat('.\r\n')), /^552 5\.3\.4 /);
    assert.match(await reply(talk, `${letter('after a large one')}.\r\n`), /^250 /);
    await until(() => arrived().some((one) => one.includes('after a large one')));
    assert.deepEqual(
      readdirSync(queueFolder(place.config)).filter((name) => name.endsWith('.part')),
      [],
    );
    talk.end();
  });

  test('a second message that is smuggled in behind a wrong end of line', async () => {
    for (const end of ['\n.\n', '\n.\r\n', '\r.\r\n', '\r\n.\n', '\r\n.\r']) {
      const talk = await loggedIn();
      const before = arrived().length;
      const inner = `MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n${letter('smuggled', 'ceo@contoso.test')}`;
      assert.match(await reply(talk, `${letter('outer')}${end}${inner}.\r\n`), /^250 /, JSON.stringify(end));
      await until(() => arrived().length > before);
      assert.equal(arrived().length, before + 1, JSON.stringify(end));
      assert.match(arrived().at(-1) ?? '', /^From: <scanner@contoso\.test>/);
      talk.end();
    }
  });

  test('a message whose sender is gone before its end', async () => {
    const talk = await loggedIn();
    talk.say(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
    await talk.until(/354 .*\r\n/);
    talk.say(`${letter('half')}${'x\r\n'.repeat(5_000)}`);
    talk.end();
    await until(() => readdirSync(queueFolder(place.config)).length === 0);
    assert.ok(!arrived().some((one) => one.includes('Subject: half')));
  });

  test('nonsense: each has its answer, and twenty-one of it end the session', async () => {
    const talk = await loggedIn();
    const said: readonly (readonly [string, RegExp])[] = [
      ['RCPT TO:<x@y.test>', /^503 /],
      ['DATA', /^503 /],
      ['MAIL TO:<x>', /^501 /],
      [`MAIL FROM:<${from}> RET=HDRS`, /^555 /],
      [`MAIL FROM:<${from}>`, /^250 /],
      [`MAIL FROM:<${from}>`, /^503 /],
      ['RCPT TO:<nowhere>', /^501 /],
      ['RCPT TO:<a@b.test> NOTIFY=NEVER', /^555 /],
      ['DATA', /^503 /],
      ['RSET', /^250 /],
      ['STARTTLS', /^503 /],
      ['AUTH PLAIN', /^503 /],
      ['VRFY x', /^252 /],
      ['NOOP', /^250 /],
      ['BDAT 5 LAST', /^500 /],
      ['', /^500 /],
    ];
    for (const [line, answer] of said) {
      talk.say(`${line}\r\n`);
      assert.match(await talk.until(/^\d\d\d .*\r\n/m), answer, line);
    }
    talk.say('NONSENSE\r\n'.repeat(21));
    assert.match(await talk.closed(), /421 4\.7\.0 Too many errors/);
  });
});

test('a disk that takes nothing: the application is told to come again, and nothing counts as taken', {
  skip: process.getuid?.() !== 0 ? 'not root' : false,
}, async () => {
  const folder = queueFolder(place.config);
  await until(() => readdirSync(folder).length === 0);
  rmSync(folder, { recursive: true });
  writeFileSync(folder, 'no folder');
  try {
    const talk = await loggedIn();
    talk.say(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
    assert.match(await talk.until(/^452 .*\r\n/m), /452 4\.3\.1 /);
    talk.end();
    const listed = await queueCommand('list');
    assert.equal(listed.code, 75);
    assert.ok(listed.talk.includes('queue.unreadable'), listed.talk);
    const told = await place.event('fault', ({ fault }) => fault.code === 'queue.unwritable');
    assert.equal(told.fault.evidence['seen'], 'ENOTDIR');
  } finally {
    rmSync(folder);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
});

describe('clients of Debian', () => {
  test('msmtp submits, and its mail arrives', { skip: unlessPeers('msmtp') }, async () => {
    const config = join(place.folder, 'msmtprc');
    writeFileSync(
      config,
      `account default\nhost 127.0.0.1\nport ${place.port('smtp')}\nuser ${from}\npassword ${password}\nauth plain\nfrom ${from}\ntls off\n`,
      { mode: 0o600 },
    );
    const { code, talk } = await runProgram(peerProgram('msmtp'), ['-C', config, to], {
      input: `From: ${from}\nSubject: queued by msmtp\n\n.dot\n`,
    });
    assert.equal(code, 0, talk);
    await until(() => arrived().some((one) => /Subject: queued by msmtp\r\n\r\n\.dot\r\n$/.test(one)));
  });

  test('curl submits, and its mail arrives byte for byte', { skip: unlessPeers('curl') }, async () => {
    const config = join(place.folder, 'curlrc');
    writeFileSync(config, `user = "${from}:${password}"\n`, { mode: 0o600 });
    const message = `From: ${from}\r\nSubject: queued by curl\r\n\r\n..two dots\r\n`;
    const url = `smtp://127.0.0.1:${place.port('smtp')}/device`;
    const { code, talk } = await runProgram(
      peerProgram('curl'),
      ['-sS', '-K', config, '--mail-from', from, '--mail-rcpt', to, '--upload-file', '-', url],
      { input: message },
    );
    assert.equal(code, 0, talk);
    await until(() => arrived().includes(message));
  });

  test('swaks submits, and its mail arrives', { skip: unlessPeers('swaks') }, async () => {
    const { code, talk } = await runProgram(peerProgram('swaks'), [
      ...['--server', '127.0.0.1', '--port', String(place.port('smtp')), '--auth', 'LOGIN', '--auth-user', from],
      ...['--auth-password', password, '--from', from, '--to', to, '--h-Subject', 'queued by swaks'],
    ]);
    assert.equal(code, 0, talk);
    await until(() => arrived().some((one) => one.includes('Subject: queued by swaks')));
  });
});

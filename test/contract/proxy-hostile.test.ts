/**
 * What an application that may log in can do to the proxy, and through it to others: senders that are hidden from the check, lines that are
 * too long at places where nobody expects one, commands whose answers it does not read, addresses that are none.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rawOf } from '../../sandbox/src/folder.ts';
import { folderOf } from '../../sandbox/src/tenant.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Dialogue, dial, type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const from = 'scanner@contoso.test';
const to = 'inbox@contoso.test';
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

let place: ProxyPlace;
let queued: ProxyPlace;
const passwords = new Map<ProxyPlace, string>();
before(async () => {
  place = await startProxyPlace({ more: `  sendAs: { ${from}: ["*@alias.test"] }\n` });
  queued = await startProxyPlace({ more: '  queue: { retryFor: 2d }\n  limits: { wait: 1s }\n' });
  for (const each of [place, queued]) {
    for (const address of [from, to]) each.mailbox(address).smtpClientAuthenticationDisabled = false;
    passwords.set(each, await each.client({ name: 'scanner' }));
  }
});
after(async () => {
  await place.close();
  await queued.close();
});

function arrived(): readonly string[] {
  const inbox = folderOf(place.mailbox(to), 'INBOX');
  return inbox?.messages.map((message) => Buffer.from(rawOf(message)).toString('latin1')) ?? [];
}

async function loggedIn(at: ProxyPlace, user = from): Promise<Dialogue> {
  const talk = await dial(at.port('smtp'));
  await talk.until(/^220 .*\r\n/);
  talk.say(`EHLO device\r\nAUTH PLAIN ${base64(`\0${user}\0${passwords.get(at)}`)}\r\n`);
  await talk.until(/235 .*\r\n/);
  return talk;
}

test('a sender that stands behind more header than is read is refused, and so is one between quotes in comments', async () => {
  const talk = await loggedIn(place);
  const before = arrived().length;
  const filling = `X-Filling: ${'x'.repeat(900)}\r\n`.repeat(320);
  for (const header of [`${filling}From: boss@contoso.test\r\n`, 'From: (") boss@contoso.test (")\r\n']) {
    talk.say(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
    await talk.until(/354 .*\r\n/);
    talk.say(`${header}\r\nwords\r\n.\r\n`);
    assert.match(await talk.until(/^\d{3} .*\r\n/), /^550 5\.7\.60 .*proxy\.sender-refused/);
  }
  talk.end();
  assert.equal(arrived().length, before);
});

test('an address with a control character is no address, in a relayed session and in a queued one, and no bug of ours', async () => {
  for (const at of [place, queued]) {
    const talk = await loggedIn(at);
    for (const sign of ['\0', '\r', '\x1b', '\x7f']) {
      talk.say(`MAIL FROM:<"a${sign}b"@alias.test>\r\n`);
      await talk.until(/^5\d\d .*\r\n/);
      talk.say(`MAIL FROM:<${from}> SMTPUTF8\r\nRCPT TO:<a${sign}b@example.test>\r\nRSET\r\n`);
      assert.match(await talk.until(/250 2\.0\.0 .*\r\n$/), /^250 .*\r\n50[01] 5\..*\r\n/);
    }
    talk.end();
    assert.deepEqual(at.bugs, []);
  }
});

test('a recipient whose name ends in an octet that looks like a blank is one', async () => {
  const talk = await loggedIn(queued);
  talk.say(`MAIL FROM:<${from}> SMTPUTF8\r\nRCPT TO:<voil\xc3\xa0@example.test>\r\n`);
  assert.match(await talk.until(/\r\n.*\r\n/), /\r\n250 2\.1\.5 /);
  talk.end();
});

test('a line without an end is answered and ends the connection: as an answer to AUTHENTICATE, behind a literal, in a queued session', async () => {
  for (const begin of ['a AUTHENTICATE PLAIN\r\n', 'a LOGIN {1+}\r\nx']) {
    const talk = await dial(place.port('imap'));
    await talk.until(/^\* OK .*\r\n/);
    talk.say(`${begin}${'x'.repeat(9_000)}`);
    assert.match(await talk.closed(), /\* BYE The line is too long\.\r\n$/);
  }
  const talk = await loggedIn(queued);
  talk.say('x'.repeat(5_000));
  assert.match(await talk.closed(), /^421 5\.5\.2 .*\r\n$/);
  for (const at of [place, queued]) assert.equal(at.proxy.snapshot().halfOpen, 0);
});

test('who sends commands and reads no answers is not read any more', async () => {
  const talk = await loggedIn(place);
  const session = place.proxy.sessions().at(-1);
  assert.ok(session);
  const bytesIn = (): number => place.proxy.sessions().find(({ id }) => id === session.id)?.bytesIn ?? 0;
  talk.socket.pause();
  const piece = 'EHLO x\r\n'.repeat(8_192);
  for (let sent = 0; sent < 100; sent += 1) talk.say(piece);
  let before = -1;
  for (let quiet = 0; quiet < 5; quiet = bytesIn() === before ? quiet + 1 : 0) {
    before = bytesIn();
    await systemClock.sleep(100);
  }
  assert.ok(bytesIn() < 2_000_000, `${bytesIn()} bytes of commands were read`);
  talk.end();
});

test('mail of the queue to which the server answers with a block waits: the mailbox is left alone by all', async () => {
  const blocked = `smtp-outbound-spam@${queued.sandbox.tenant.domain}`;
  const talk = await loggedIn(queued, blocked);
  for (let count = 0; count < 3; count += 1) {
    talk.say(`MAIL FROM:<${blocked}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
    await talk.until(/354 .*\r\n/);
    talk.say(`From: <${blocked}>\r\nSubject: ${count}\r\n\r\nwords\r\n.\r\n`);
    await talk.until(/^250 .*\r\n/m);
  }
  talk.end();
  await queued.event('pause', ({ mailbox, fault }) => mailbox === blocked && fault.code === 'smtp.spam-blocked');
  await queued.event('queue', ({ event }) => event.kind === 'not-sent' && event.fault.code === 'proxy.pausing');
  const refused = queued.events.filter(
    (event) => event.kind === 'queue' && event.event.kind === 'not-sent' && event.event.fault.code === 'smtp.spam-blocked',
  );
  assert.equal(refused.length, 1);
});

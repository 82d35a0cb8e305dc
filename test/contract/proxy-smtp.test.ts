/** Submission through the proxy: ways to log in, what is let through and what is not, and clients of Debian that only know a password. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { rawOf } from '../../sandbox/src/folder.ts';
import { folderOf } from '../../sandbox/src/tenant.ts';
import { peerProgram, unlessPeers } from './places/peers.ts';
import { runProgram } from './program.ts';
import { type Dialogue, dial, type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const from = 'scanner@contoso.test';
const to = 'inbox@contoso.test';
const listeners = `
    smtp: { protocol: smtp, listen: "127.0.0.1:0" }
    smtps: { protocol: smtp, listen: "127.0.0.1:0", tls: implicit }
    smtp-starttls: { protocol: smtp, listen: "127.0.0.1:0", tls: starttls }`;
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

let place: ProxyPlace;
let password: string;
before(async () => {
  place = await startProxyPlace({
    tls: true,
    listeners,
    more: `  sendAs: { ${from}: [alias@contoso.test] }\n  limits: { wait: 1s, messageMegabytes: 1 }\n`,
  });
  place.mailbox(from);
  place.mailbox(to);
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

const logins: Readonly<Record<string, (talk: Dialogue) => Promise<void>>> = {
  'AUTH PLAIN at once': async (talk) => talk.say(`AUTH PLAIN ${base64(`\0${from}\0${password}`)}\r\n`),
  'AUTH PLAIN after 334': async (talk) => {
    talk.say('AUTH PLAIN\r\n');
    await talk.until(/334 .*\r\n/);
    talk.say(`${base64(`\0${from}\0${password}`)}\r\n`);
  },
  'AUTH LOGIN after two questions': async (talk) => {
    talk.say('AUTH LOGIN\r\n');
    await talk.until(/334 VXNlcm5hbWU6\r\n/);
    talk.say(`${base64(`scanner/${from}`)}\r\n`);
    await talk.until(/334 UGFzc3dvcmQ6\r\n/);
    talk.say(`${base64(password)}\r\n`);
  },
  'AUTH LOGIN with the name at once': async (talk) => {
    talk.say(`AUTH LOGIN ${base64(from)}\r\n`);
    await talk.until(/334 UGFzc3dvcmQ6\r\n/);
    talk.say(`${base64(password)}\r\n`);
  },
};

for (const [name, login] of Object.entries(logins)) {
  test(`${name} lets a message through, byte for byte`, async () => {
    const talk = await dial(place.port('smtp'));
    talk.say('EHLO device\r\n');
    assert.match(await talk.until(/250 [A-Z].*\r\n/), /250 AUTH PLAIN LOGIN/);
    await login(talk);
    await talk.until(/235 2\.7\.0 .*\r\n/);
    talk.say('EHLO device\r\n');
    assert.match(await talk.until(/250 [A-Z].*\r\n/), /250-SIZE 1000000\r\n/);
    const message = `From: <${from}>\r\nTo: ${to}\r\nSubject: ${name}\r\n\r\n.one\r\n..\r\n\xe4\r\n`;
    talk.say(`MAIL FROM:<${from}> BODY=8BITMIME\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
    await talk.until(/354 .*\r\n/);
    talk.say(`${message.replaceAll('\r\n.', '\r\n..')}.\r\nQUIT\r\n`);
    assert.match(await talk.until(/221 .*\r\n/), /^250 2\.0\.0 OK/);
    assert.equal(arrived().at(-1), message);
  });
}

test('the same session sends again, also what was pipelined in one piece', async () => {
  const talk = await loggedIn();
  const one = (number: number): string => `MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\nSubject: piped ${number}\r\n\r\nbody\r\n.\r\n`;
  talk.say(`${one(1)}${one(2)}QUIT\r\n`);
  await talk.until(/221 .*\r\n/);
  assert.deepEqual(
    arrived()
      .slice(-2)
      .map((text) => text.split('\r\n')[0]),
    ['Subject: piped 1', 'Subject: piped 2'],
  );
});

test('a sender that the mailbox may not use is refused here (proxy.sender-refused), in MAIL FROM and in the header, and nothing arrives', async () => {
  const before = arrived().length;
  const talk = await loggedIn();
  talk.say('MAIL FROM:<boss@contoso.test>\r\n');
  assert.match(await talk.until(/^550 .*\r\n/), /550 5\.7\.60 .*proxy\.sender-refused/);
  talk.say(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
  await talk.until(/354 .*\r\n/);
  talk.say('From: "the boss" <boss@contoso.test>\r\n\r\nbody\r\n.\r\n');
  assert.match(await talk.until(/^550 .*\r\n/), /boss@contoso\.test/);
  for (const field of ['Sender', 'Resent-From', 'Resent-Sender']) {
    talk.say(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
    await talk.until(/354 .*\r\n/);
    talk.say(`From: ${from}\r\n${field}: The Boss <boss@contoso.test>\r\n\r\nbody\r\n.\r\n`);
    assert.match(await talk.until(/^550 .*\r\n/), /boss@contoso\.test.*proxy\.sender-refused/);
    await place.event('fault', ({ fault }) => fault.code === 'proxy.sender-refused' && fault.evidence['where'] === field);
  }
  // The session goes on, with the sender that it may use.
  talk.say(`MAIL FROM:<alias@contoso.test>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
  await talk.until(/354 .*\r\n/);
  talk.say(`From: alias@contoso.test\r\nSender: <${from}>\r\n\r\nbody\r\n.\r\nQUIT\r\n`);
  assert.match(await talk.until(/221 .*\r\n/), /^250 /);
  assert.equal(arrived().length, before + 1);
  await place.event('fault', ({ fault }) => fault.code === 'proxy.sender-refused');
});

test('a message that is too large is refused by its announcement, and by its bytes (proxy.message-too-large)', async () => {
  const before = arrived().length;
  const talk = await loggedIn();
  talk.say(`MAIL FROM:<${from}> SIZE=1000001\r\n`);
  assert.match(await talk.until(/^552 .*\r\n/), /proxy\.message-too-large/);
  talk.say(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
  await talk.until(/354 .*\r\n/);
  talk.say(`Subject: large\r\n\r\n${`${'x'.repeat(998)}\r\n`.repeat(1100)}.\r\n`);
  assert.match(await talk.closed(), /552 5\.3\.4 .*proxy\.message-too-large/);
  await place.event('fault', ({ fault }) => fault.code === 'proxy.message-too-large' && Number(fault.evidence['bytes']) > 1_000_001);
  assert.equal(arrived().length, before);
});

test('what a device with bare line feeds sends arrives whole, and smuggles nothing', async () => {
  const before = arrived().length;
  const talk = await loggedIn();
  talk.say(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`);
  await talk.until(/354 .*\r\n/);
  talk.say(`Subject: bare\n\nbody\n.\nMAIL FROM:<boss@contoso.test>\nRCPT TO:<${to}>\nDATA\nFrom: boss@contoso.test\n\nx\r\n.\r\nQUIT\r\n`);
  await talk.until(/221 .*\r\n/);
  assert.equal(arrived().length, before + 1);
  assert.match(arrived().at(-1) ?? '', /^Subject: bare\r\n\r\nbody\r\n\.\r\nMAIL FROM:<boss/);
});

test('what is no text in a command is refused, and goes nowhere', async () => {
  const talk = await loggedIn();
  talk.say(
    `MAIL FROM:<a\0b@contoso.test>\r\nMAIL FROM:<${from}>\rRCPT TO:<x@contoso.test>\r\nMAIL FROM:<${from}>\r\nRCPT TO:<a\x01@contoso.test>\r\nNOOP\r\nQUIT\r\n`,
  );
  assert.deepEqual(
    (await talk.until(/221 .*\r\n/)).split('\r\n').map((line) => line.slice(0, 3)),
    ['500', '500', '250', '500', '250', '221', ''],
  );
});

test('before the login nothing is taken', async () => {
  const talk = await dial(place.port('smtp'));
  talk.say(`EHLO device\r\nMAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\nNOOP\r\nRSET\r\nSTARTTLS\r\nFOO\r\nQUIT\r\n`);
  const said = await talk.until(/221 .*\r\n/);
  assert.deepEqual(
    said.split('\r\n').flatMap((line) => /^(\d{3}) /.exec(line)?.[1] ?? []),
    ['220', '250', '530', '530', '530', '250', '250', '503', '500', '221'],
  );
});

test('a server that asks for slower sending has all applications of the mailbox wait (proxy.pausing)', async () => {
  const slow = 'smtp-rate@contoso.test';
  const talk = await loggedIn(slow);
  let answer = '';
  for (let sent = 0; sent < 40 && !answer.includes('421'); sent += 1) {
    talk.say(`MAIL FROM:<${slow}>\r\n`);
    answer = await talk.until(/\d{3} .*\r\n/);
    if (!answer.startsWith('250')) break;
    talk.say(`RCPT TO:<${to}>\r\nDATA\r\n`);
    await talk.until(/354 .*\r\n/);
    talk.say('Subject: fast\r\n\r\nbody\r\n.\r\n');
    await talk.until(/250 2\.0\.0 .*\r\n/);
  }
  assert.match(answer, /^421 4\.4\.2/);
  await place.event('pause', ({ mailbox }) => mailbox === slow);
  const other = await dial(place.port('smtp'));
  other.say(`EHLO device\r\nAUTH PLAIN ${base64(`\0${slow}\0${password}`)}\r\n`);
  assert.match(await other.until(/4\d\d .*\r\n/), /454 4\.7\.0 .*proxy\.pausing/);
  await place.event('login-failed', ({ fault }) => fault.code === 'proxy.pausing');
  other.end();
});

test('more messages than the mailbox may send in a minute are put off here (proxy.rate), before the server has to say so', async () => {
  const quick = await startProxyPlace({ more: '  limits: { messagesPerMinute: 2, wait: 1s }\n' });
  quick.mailbox(from);
  const secret = await quick.client({ name: 'scanner' });
  const talk = await dial(quick.port('smtp'));
  talk.say(`EHLO x\r\nAUTH PLAIN ${base64(`\0${from}\0${secret}`)}\r\n`);
  await talk.until(/235 .*\r\n/);
  for (const code of ['250', '250', '450']) {
    talk.say(`MAIL FROM:<${from}>\r\nRSET\r\n`);
    assert.equal((await talk.until(/\d{3} .*\r\n250 .*\r\n/)).slice(0, 3), code);
  }
  await quick.event('fault', ({ fault }) => fault.code === 'proxy.rate');
  talk.end();
  await quick.close();
});

suite('clients of Debian', () => {
  test('curl submits with STARTTLS', { skip: unlessPeers('curl') }, async () => {
    const config = join(place.folder, 'curlrc');
    writeFileSync(config, `user = "${from}:${password}"\ncacert = "${place.certificateFile}"\nsilent\nshow-error\n`, { mode: 0o600 });
    const message = `From: ${from}\r\nSubject: by curl\r\n\r\n.\r\nend\r\n`;
    const { code, talk } = await runProgram(
      peerProgram('curl'),
      [
        '-K',
        config,
        '--ssl-reqd',
        '--mail-from',
        from,
        '--mail-rcpt',
        to,
        '--upload-file',
        '-',
        `smtp://localhost:${place.port('smtp-starttls')}/device`,
      ],
      { input: message },
    );
    assert.equal(code, 0, talk);
    assert.equal(arrived().at(-1), message);
  });

  test('msmtp submits over TLS', { skip: unlessPeers('msmtp') }, async () => {
    const config = join(place.folder, 'msmtprc');
    writeFileSync(
      config,
      `defaults\ntls on\ntls_starttls off\ntls_trust_file ${place.certificateFile}\naccount default\nhost localhost\nport ${place.port('smtps')}\nuser ${from}\npassword ${password}\nauth plain\nfrom ${from}\n`,
      { mode: 0o600 },
    );
    const { code, talk } = await runProgram(peerProgram('msmtp'), ['-C', config, to], {
      input: `From: ${from}\nSubject: by msmtp\n\n.dot\n`,
    });
    assert.equal(code, 0, talk);
    assert.match(arrived().at(-1) ?? '', /Subject: by msmtp\r\n\r\n\.dot\r\n$/);
  });

  for (const mechanism of ['PLAIN', 'LOGIN']) {
    test(`swaks submits with ${mechanism}`, { skip: unlessPeers('swaks') }, async () => {
      const { code, talk } = await runProgram(peerProgram('swaks'), [
        ...['--server', '127.0.0.1', '--port', String(place.port('smtp')), '--auth', mechanism, '--auth-user', from],
        ...['--auth-password', password, '--from', from, '--to', to, '--h-Subject', `by swaks ${mechanism}`],
      ]);
      assert.equal(code, 0, talk);
      assert.match(arrived().at(-1) ?? '', new RegExp(`Subject: by swaks ${mechanism}`));
    });
  }
});

/**
 * What strangers may do to the proxy: much of anything, slowly, at once, across the beginning of encryption. Memory stays bounded, others are
 * served meanwhile, and nothing reaches the server before a good login. The full number of half-open connections: test/abuse/proxy.ts.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import tls from 'node:tls';
import type { ProxyProtocol } from '../../src/proxy/port.ts';
import { until } from './import-place.ts';
import { Dialogue, dial, type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const user = 'box@contoso.test';
const protocols: readonly ProxyProtocol[] = ['imap', 'pop3', 'smtp'];
const listeners = `
    imap: { protocol: imap, listen: "127.0.0.1:0" }
    pop3: { protocol: pop3, listen: "127.0.0.1:0" }
    smtp: { protocol: smtp, listen: "127.0.0.1:0" }
    imap-starttls: { protocol: imap, listen: "127.0.0.1:0", tls: starttls }
    pop3-starttls: { protocol: pop3, listen: "127.0.0.1:0", tls: starttls }
    smtp-starttls: { protocol: smtp, listen: "127.0.0.1:0", tls: starttls }
    imaps: { protocol: imap, listen: "127.0.0.1:0", tls: implicit }`;

/** Of the second no login is made: there the time for one is short, as no test that logs in on a busy machine may have it. */
let place: ProxyPlace;
let impatient: ProxyPlace;
let password: string;
before(async () => {
  place = await startProxyPlace({ tls: true, listeners, more: '  limits: { halfOpen: 100, failures: 5, lock: 1h }\n' });
  impatient = await startProxyPlace({ tls: true, listeners, more: '  limits: { loginTime: 2s }\n' });
  place.mailbox(user);
  password = await place.client({ name: 'crm' });
});
after(async () => {
  await place.close();
  await impatient.close();
});

/** Connections that the mail servers have taken so far, and logins that they have seen. */
function seenBehind(): number {
  return [...place.sandbox.tenant.mailboxes.values()].reduce((sum, { seen }) => sum + seen.logins, 0) + place.sandbox.tenant.journal.length;
}

async function othersAreServed(): Promise<void> {
  const talk = await dial(place.port('imap'));
  talk.say(`a LOGIN "${user}" "${password}"\r\nb EXAMINE INBOX\r\n`);
  await talk.until(/b OK .*\r\n/);
  talk.end();
}

for (const protocol of protocols) {
  test(`a command line of a megabyte ends a connection over ${protocol}, and nothing of it is kept`, async () => {
    const before = seenBehind();
    const talk = await dial(place.port(protocol));
    const piece = 'x'.repeat(64 * 1024);
    for (let sent = 0; sent < 16 && !talk.ended; sent += 1) talk.say(piece);
    talk.say('\r\n');
    await talk.closed();
    await place.event('turned-away', (event) => event.protocol === protocol && event.reason === 'line-too-long');
    assert.equal(seenBehind(), before);
    await othersAreServed();
  });

  test(`bytes that drip in over ${protocol} move no deadline`, async () => {
    const talk = await dial(impatient.port(protocol));
    const drip = setInterval(() => talk.say('N'), 50);
    await talk.closed();
    clearInterval(drip);
    await impatient.event('turned-away', (event) => event.protocol === protocol && event.reason === 'deadline');
  });

  test(`commands behind STARTTLS are refused over ${protocol}, whoever put them there (proxy.injection)`, async () => {
    const before = seenBehind();
    const talk = await dial(place.port(`${protocol}-starttls`));
    const login = { imap: `b LOGIN "${user}" "${password}"\r\n`, pop3: `USER ${user}\r\nPASS ${password}\r\n`, smtp: 'AUTH LOGIN\r\n' }[
      protocol
    ];
    talk.say({ imap: 'a STARTTLS\r\n', pop3: 'STLS\r\n', smtp: 'EHLO x\r\nSTARTTLS\r\n' }[protocol] + login);
    const said = await talk.closed();
    assert.match(said, { imap: /a BAD /, pop3: /-ERR /, smtp: /554 / }[protocol]);
    await place.event('fault', ({ fault }) => fault.code === 'proxy.injection' && fault.evidence['protocol'] === protocol);
    assert.equal(seenBehind(), before);
  });

  test(`before STARTTLS there is no login over ${protocol}; behind it there is`, async () => {
    const talk = await dial(place.port(`${protocol}-starttls`));
    const plain = Buffer.from(`\0${user}\0${password}`).toString('base64');
    const login = {
      imap: `b LOGIN "${user}" "${password}"\r\n`,
      pop3: `USER ${user}\r\nPASS ${password}\r\n`,
      smtp: `AUTH PLAIN ${plain}\r\n`,
    }[protocol];
    await talk.until(/\r\n/);
    talk.say(login);
    await talk.until(
      { imap: /b NO \[PRIVACYREQUIRED\].*\r\n/, pop3: /-ERR Use STLS first\.\r\n-ERR Use STLS first\.\r\n/, smtp: /538 .*\r\n/ }[protocol],
    );
    talk.say({ imap: 'c STARTTLS\r\n', pop3: 'STLS\r\n', smtp: 'STARTTLS\r\n' }[protocol]);
    await talk.until({ imap: /c OK .*\r\n/, pop3: /\+OK .*\r\n/, smtp: /220 .*\r\n/ }[protocol]);
    talk.socket.removeAllListeners('data');
    const secure = tls.connect({ socket: talk.socket, host: 'localhost', ca: readFileSync(place.certificateFile, 'utf8') });
    await once(secure, 'secureConnect');
    const inside = new Dialogue(secure);
    inside.say(login);
    await inside.until({ imap: /b OK .*\r\n/, pop3: /\+OK User.*\r\n/, smtp: /235 .*\r\n/ }[protocol]);
    inside.end();
  });

  test(`what is said before the greeting over ${protocol} is read when its turn comes, and passes nothing on before the login`, async () => {
    const talk = await dial(place.port(protocol));
    const plain = Buffer.from(`\0${user}\0${password}`).toString('base64');
    talk.say(
      {
        imap: `a LOGIN "${user}" "${password}"\r\nb CAPABILITY\r\nc LOGOUT\r\n`,
        pop3: `USER ${user}\r\nPASS ${password}\r\nCAPA\r\nQUIT\r\n`,
        smtp: `EHLO x\r\nAUTH PLAIN ${plain}\r\nNOOP\r\nQUIT\r\n`,
      }[protocol],
    );
    assert.match(
      await talk.closed(),
      { imap: /CLIENTACCESSRULES[\s\S]*c OK/, pop3: /SASL .*XOAUTH2[\s\S]*signing off/, smtp: /221 / }[protocol],
    );
  });
}

const odd: Readonly<Record<string, Buffer>> = {
  'with a NUL in the password of PLAIN': Buffer.from(`\0${user}\0pass\0word`, 'latin1'),
  'with 8-bit octets in the password': Buffer.from(`\0${user}\0p\xe4\xff\x80word`, 'latin1'),
  'without a NUL at all': Buffer.from('just text'),
  'of nothing': Buffer.alloc(0),
  'with an address that would break out of the login at the server': Buffer.from(
    `\0box@contoso.test\x01auth=Bearer x\x01\x01\0${'x'.repeat(24)}`,
    'latin1',
  ),
  'with a name of ten thousand letters': Buffer.from(`\0${'x'.repeat(5_000)}@contoso.test\0word`),
};

for (const [name, response] of Object.entries(odd)) {
  test(`a login ${name} is refused like any other, and goes nowhere`, async () => {
    const before = seenBehind();
    const imap = await dial(place.port('imap'));
    imap.say(`a AUTHENTICATE PLAIN ${response.length === 0 ? '=' : response.toString('base64')}\r\n`);
    await imap.until(/a (?:NO|BAD) .*\r\n|BYE/);
    const smtp = await dial(place.port('smtp'));
    smtp.say(`EHLO x\r\nAUTH PLAIN ${response.length === 0 ? '=' : response.toString('base64')}\r\n`);
    await smtp.until(/[45]\d\d .*\r\n/);
    for (const talk of [imap, smtp]) talk.end();
    assert.equal(seenBehind(), before);
  });
}

test('a NUL and 8-bit octets in LOGIN, USER and PASS are refused, and the connection goes on', async () => {
  const imap = await dial(place.port('imap'));
  imap.say('a LOGIN {4+}\r\na\0b\xff {3+}\r\n\0\x80x\r\nb NOOP\r\n');
  assert.match(await imap.until(/b OK .*\r\n/), /a NO \[AUTHENTICATIONFAILED\]/);
  const pop = await dial(place.port('pop3'));
  pop.say('USER \xff\0\r\nPASS \x80\0\r\nCAPA\r\n');
  assert.match(await pop.until(/\r\n\.\r\n/), /-ERR \[AUTH\]/);
  imap.end();
  pop.end();
});

test('a literal that is too long is not read, with consent or without', async () => {
  const talk = await dial(place.port('imap'));
  talk.say('a LOGIN {99999999}\r\nb NOOP\r\n');
  assert.match(await talk.until(/b OK .*\r\n/), /a BAD The literal is too long/);
  talk.say('c LOGIN {99999999+}\r\n');
  assert.match(await talk.closed(), /\* BYE The literal is too long/);
});

suite('wrong passwords at rate', () => {
  test('lock out the name and its address, are written for fail2ban, and leave others alone', async () => {
    const before = seenBehind();
    for (let tries = 0; tries < 4; tries += 1) {
      await Promise.all(
        Array.from({ length: 3 }, async () => {
          const talk = await dial(place.port('imap'));
          talk.say(`a LOGIN "victim@contoso.test" "guess"\r\n`);
          assert.match(await talk.until(/a NO .*\r\n/), /User name or password is wrong/);
          talk.end();
        }),
      );
    }
    const { address, name } = await place.event('locked');
    assert.deepEqual([address, name], ['127.0.0.1', 'victim@contoso.test']);
    // A lock that would fill the disk with rows would be no help.
    assert.ok(place.audit().filter((row) => row['name'] === 'victim@contoso.test').length <= 12);
    assert.equal(seenBehind(), before);
    await othersAreServed();
    // An application with a password of ours is not shut out by one beside it that has an old one, for the same mailbox from the same machine.
    place.mailbox('victim@contoso.test');
    const talk = await dial(place.port('imap'));
    talk.say(`a LOGIN "victim@contoso.test" "${password}"\r\n`);
    await talk.until(/a OK .*\r\n/);
    talk.end();
  });

  test('lock out a client whose password is guessed at, also when the right one comes at last', async () => {
    const own = await place.client({ name: 'guessed' });
    const guess = async (text: string): Promise<string> => {
      const talk = await dial(place.port('imap'));
      talk.say(`a LOGIN "${user}" "${text}"\r\n`);
      const said = await talk.until(/a (?:OK|NO) .*\r\n/);
      talk.end();
      return said;
    };
    for (let turn = 0; turn < 5; turn += 1) assert.match(await guess(own.slice(0, 4) + 'a'.repeat(20)), /a NO/);
    await place.event('locked', ({ name }) => name === 'guessed');
    assert.match(await guess(own), /a NO \[AUTHENTICATIONFAILED\]/);
  });
});

test('more half-open connections than are borne are turned away, and whoever is logged in notices nothing', async () => {
  const inside = await dial(place.port('imap'));
  inside.say(`a LOGIN "${user}" "${password}"\r\n`);
  await inside.until(/a OK .*\r\n/);
  const talks = await Promise.all(Array.from({ length: 300 }, () => dial(place.port('imap'))));
  await place.event('turned-away', ({ reason }) => reason === 'half-open');
  assert.ok(place.proxy.snapshot().halfOpen <= 100);
  inside.say('b NOOP\r\n');
  await inside.until(/b OK .*\r\n/);
  inside.end();
  for (const talk of talks) talk.end();
  // The places of connections that are gone are given back.
  await until(() => place.proxy.snapshot().halfOpen === 0);
  await othersAreServed();
});

test('a handshake that never comes, and one that is none, end with the login time', async () => {
  const [silent, noise] = [await dial(impatient.port('imaps')), await dial(impatient.port('imaps'))];
  noise.say('a LOGIN me secret\r\n');
  await Promise.all([silent.closed(), noise.closed()]);
  assert.equal(silent.heard, '');
});

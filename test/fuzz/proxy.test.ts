/**
 * Spoilt dialogues at every door of the proxy, and behind the login of SMTP, where each command is read again: whatever comes, it is no bug of
 * ours, nobody gets in, nothing reaches the server before a login, and the next application is served. The seed is fixed; a failure names it.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ProxyProtocol } from '../../src/proxy/port.ts';
import { type Dialogue, dial, type ProxyPlace, startProxyPlace } from '../contract/proxy-place.ts';
import { type Chance, chanceOf } from '../crash/chance.ts';

const user = 'box@contoso.test';
const turns = 150;
const seed = 20_261;

let place: ProxyPlace;
let password: string;
before(async () => {
  place = await startProxyPlace({ more: '  limits: { loginTime: 3s, failures: 1000, messagesPerMinute: 10000 }\n' });
  place.mailbox(user);
  password = await place.client({ name: 'crm' });
});
after(() => place.close());

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const plain = base64(`\0${user}\0${'x'.repeat(24)}`);
const words: Readonly<Record<ProxyProtocol, readonly string[]>> = {
  imap: [
    'a LOGIN "u" "p"\r\n',
    'b LOGIN {3}\r\n',
    'abc {3+}\r\n',
    `c AUTHENTICATE PLAIN ${plain}\r\n`,
    'd AUTHENTICATE PLAIN\r\n',
    `${plain}\r\n`,
    '*\r\n',
    'e ID ("a" "b")\r\n',
    'f CAPABILITY\r\n',
    'g STARTTLS\r\n',
    '"\\""',
    '{99}\r\n',
    '(',
    '%',
  ],
  pop3: [
    'USER u\r\n',
    'PASS p q\r\n',
    'CAPA\r\n',
    `AUTH PLAIN ${plain}\r\n`,
    'AUTH PLAIN\r\n',
    `${plain}\r\n`,
    '*\r\n',
    'STLS\r\n',
    'AUTH\r\n',
    'NOOP\r\n',
    '+',
    '=',
  ],
  smtp: [
    'EHLO x\r\n',
    'HELO\r\n',
    `AUTH PLAIN ${plain}\r\n`,
    'AUTH LOGIN\r\n',
    'dQ==\r\n',
    `AUTH LOGIN dQ==\r\n`,
    '=\r\n',
    'STARTTLS\r\n',
    `MAIL FROM:<${user}> SIZE=1\r\n`,
    'RCPT TO:<a@b>\r\n',
    'DATA\r\n',
    '\r\n.\r\n',
    '.\n',
    'RSET\r\n',
    'NOOP\r\n',
  ],
};

/** Words of the protocol in any order, cut short, doubled, with octets put in between. */
function spoilt(chance: Chance, protocol: ProxyProtocol): string {
  const pick = (count: number): number => Math.floor(chance.next() * count);
  const all = words[protocol];
  let text = '';
  for (let count = 1 + pick(8); count > 0; count -= 1) text += all[pick(all.length)] ?? '';
  for (let changes = pick(5); changes > 0; changes -= 1) {
    const at = pick(text.length);
    const act = pick(4);
    const octet = String.fromCharCode(pick(256));
    if (act === 0) text = text.slice(0, at) + text.slice(at + 1 + pick(4));
    else if (act === 1) text = text.slice(0, at) + octet + text.slice(at);
    else if (act === 2) text = text.slice(0, at) + octet + text.slice(at + 1);
    else text = text.slice(0, at) + text.slice(pick(text.length));
  }
  return text;
}

async function say(talk: Dialogue, text: string): Promise<void> {
  talk.socket.end(text, 'latin1');
  await talk.closed();
}

function seenBehind(): number {
  return [...place.sandbox.tenant.mailboxes.values()].reduce((sum, { seen }) => sum + seen.logins, 0);
}

for (const protocol of ['imap', 'pop3', 'smtp'] as const) {
  test(`${turns} spoilt dialogues over ${protocol} let nobody in and break nothing`, { timeout: 120_000 }, async () => {
    const chance = chanceOf(seed);
    const before = seenBehind();
    for (let turn = 0; turn < turns; turn += 10) {
      await Promise.all(Array.from({ length: 10 }, async () => say(await dial(place.port(protocol)), spoilt(chance, protocol))));
      assert.deepEqual(place.bugs, [], `seed ${seed}, turn ${turn}`);
    }
    assert.equal(seenBehind(), before);
  });
}

test(`${turns} spoilt dialogues behind the login of SMTP send nothing under another name`, { timeout: 240_000 }, async () => {
  const chance = chanceOf(seed + 1);
  for (let turn = 0; turn < turns; turn += 3) {
    await Promise.all(
      Array.from({ length: 3 }, async () => {
        const talk = await dial(place.port('smtp'));
        talk.say(`EHLO x\r\nAUTH PLAIN ${base64(`\0${user}\0${password}`)}\r\n`);
        await talk.until(/235 .*\r\n/);
        await say(talk, spoilt(chance, 'smtp'));
      }),
    );
    assert.deepEqual(place.bugs, [], `seed ${seed + 1}, turn ${turn}`);
  }
  const senders = new Set(place.sandbox.tenant.submitted.map(({ mailFrom }) => mailFrom));
  assert.deepEqual(
    [...senders].filter((sender) => sender !== user && sender !== ''),
    [],
  );
  await place.event('session-closed');
});

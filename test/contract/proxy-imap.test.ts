/** IMAP through the proxy, dialogue by dialogue: each way to log in, and that everything behind it is the server's own. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dial, type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const mailbox = 'scan@contoso.test';
let place: ProxyPlace;
let password: string;
before(async () => {
  place = await startProxyPlace();
  place.mailbox(mailbox);
  place.deliver(mailbox, ['Subject: one\r\n\r\none\r\n', 'Subject: two\r\n\r\ntwo\r\n']);
  password = await place.client({ name: 'crm' });
});
after(() => place.close());

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const logins: Readonly<Record<string, () => string>> = {
  'LOGIN with quoted strings': () => `a LOGIN "${mailbox}" "${password}"\r\n`,
  'LOGIN with atoms': () => `a LOGIN crm/${mailbox} ${password}\r\n`,
  'LOGIN with literals that need no consent': () => `a LOGIN {${mailbox.length}+}\r\n${mailbox} {${password.length}+}\r\n${password}\r\n`,
  'AUTHENTICATE PLAIN with an initial response': () => `a AUTHENTICATE PLAIN ${base64(`\0${mailbox}\0${password}`)}\r\n`,
  'AUTHENTICATE PLAIN of a client that acts as a mailbox': () => `a AUTHENTICATE PLAIN ${base64(`${mailbox}\0crm\0${password}`)}\r\n`,
};

for (const [name, login] of Object.entries(logins)) {
  test(`${name} opens the mailbox, and every answer behind it is the server's own`, async () => {
    const talk = await dial(place.port('imap'));
    await talk.until(/^\* OK \[CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL\+ ID\] .*\r\n/);
    talk.say(login());
    const answer = await talk.until(/a OK .*\r\n/);
    assert.match(answer, /\[CAPABILITY IMAP4 IMAP4rev1 .*MOVE/);
    talk.say('b CAPABILITY\r\nc EXAMINE INBOX\r\nd UID FETCH 1:* (BODY.PEEK[])\r\ne LOGOUT\r\n');
    const rest = await talk.until(/e OK .*\r\n/);
    assert.match(rest, /^\* CAPABILITY IMAP4 IMAP4rev1 .*CLIENTACCESSRULES/);
    assert.match(rest, /\* 2 EXISTS/);
    assert.match(rest, /Subject: two\r\n\r\ntwo\r\n/);
    await talk.closed();
  });
}

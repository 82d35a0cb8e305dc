import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { clientIdOf, scenarioNamed } from '../src/scenario.ts';
import { Dialogue, tokenFor, xoauth2 } from './dialogue.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.close());

test('the greeting carries the front end in UTF-16LE', async () => {
  const dialogue = await Dialogue.open(sandbox);
  const before = await dialogue.command('CAPABILITY');
  assert.match(before, / LOGINDISABLED AUTH=PLAIN AUTH=XOAUTH2 SASL-IR /);
  assert.doesNotMatch(before, /CONDSTORE|QRESYNC|ENABLE|SPECIAL-USE|ESEARCH|COMPRESS/);
  dialogue.close();
});

test('the token may come with the command or after the continuation', async () => {
  const token = await tokenFor(sandbox);
  const once = await Dialogue.open(sandbox);
  assert.match(await once.command(`AUTHENTICATE XOAUTH2 ${xoauth2(sandbox.seededMailbox, token)}`), /TAG OK AUTHENTICATE completed\./);
  assert.match(await once.command('CAPABILITY'), / MOVE CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE\r\n/);
  once.close();
  const twice = await Dialogue.open(sandbox);
  twice.send('a1 AUTHENTICATE XOAUTH2\r\n');
  await twice.until(/^\+ \r\n/);
  twice.send(`${xoauth2(sandbox.seededMailbox, token)}\r\n`);
  await twice.until(/^a1 OK AUTHENTICATE completed\.\r\n/);
  twice.close();
});

test('a refused token is answered at once, and an empty line after it is a command error', async () => {
  const dialogue = await Dialogue.open(sandbox);
  assert.equal(
    await dialogue.command(`AUTHENTICATE XOAUTH2 ${xoauth2(sandbox.seededMailbox, 'no.real.token')}`),
    'TAG NO AUTHENTICATE failed.\r\n',
  );
  dialogue.send('\r\n');
  assert.equal(await dialogue.until(/.*\r\n/), '* BAD Command Error. 12\r\n');
  assert.match(await dialogue.command('NOOP'), /TAG OK/);
  dialogue.close();
});

test('a password is refused', async () => {
  const dialogue = await Dialogue.open(sandbox);
  assert.equal(await dialogue.command(`LOGIN ${sandbox.seededMailbox} "secret"`), 'TAG NO LOGIN failed.\r\n');
  dialogue.close();
});

const refusedApps = [
  'not-consented',
  'wrong-role',
  'wrong-audience',
  'no-pointer',
  'wrong-pointer',
  'expired-token',
  'foreign-signature',
  'pop-only',
];
for (const name of refusedApps) {
  test(`a token of the app ${name} is refused by Exchange, whatever Entra says`, async () => {
    const scenario = scenarioNamed(name);
    assert.ok(scenario?.reach === 'app');
    const token = await tokenFor(sandbox, clientIdOf(scenario.number));
    const dialogue = await Dialogue.open(sandbox);
    assert.equal(
      await dialogue.command(`AUTHENTICATE XOAUTH2 ${xoauth2(sandbox.seededMailbox, token)}`),
      'TAG NO AUTHENTICATE failed.\r\n',
    );
    dialogue.close();
  });
}

test('an address that is no mailbox is refused, and so is broken base64', async () => {
  const token = await tokenFor(sandbox);
  const dialogue = await Dialogue.open(sandbox);
  assert.match(await dialogue.command(`AUTHENTICATE XOAUTH2 ${xoauth2('nobody@contoso.test', token)}`), /TAG NO AUTHENTICATE failed\./);
  assert.match(
    await dialogue.command(`AUTHENTICATE XOAUTH2 ${xoauth2(` ${sandbox.seededMailbox}`, token)}`),
    /TAG NO AUTHENTICATE failed\./,
  );
  assert.match(await dialogue.command('AUTHENTICATE XOAUTH2 !!!'), /TAG NO AUTHENTICATE failed\./);
  dialogue.close();
});

for (const name of ['no-grant', 'imap-off']) {
  test(`${name}: the login is accepted, the first command that needs the mailbox is not, and the connection ends`, async () => {
    const dialogue = await Dialogue.loggedIn(sandbox, `${name}@contoso.test`);
    assert.match(await dialogue.command('NOOP'), /TAG OK/);
    assert.equal(await dialogue.command('SELECT INBOX'), 'TAG BAD User is authenticated but not connected.\r\n');
    assert.equal(await dialogue.rest(), '* BYE Connection closed. 14\r\n');
  });
}

test('a grant that is taken away through the control port closes the mailbox at the next login, and may come back', async () => {
  const address = 'granted-later@contoso.test';
  await fetch(`${sandbox.control}/mailboxes`, { method: 'POST', body: JSON.stringify({ address }) });
  const grant = `${sandbox.control}/mailboxes/${address}/grants/${sandbox.clientId}`;
  await fetch(grant, { method: 'DELETE' });
  const before = await Dialogue.loggedIn(sandbox, address);
  assert.match(await before.command('EXAMINE INBOX'), /TAG BAD User is authenticated but not connected/);
  await fetch(grant, { method: 'PUT' });
  const afterwards = await Dialogue.loggedIn(sandbox, address);
  assert.match(await afterwards.command('EXAMINE INBOX'), /TAG OK \[READ-ONLY\]/);
  afterwards.close();
});

test('busy-then-connected: the first session works, two do not, then all do', async () => {
  const outcomes: boolean[] = [];
  for (let session = 0; session < 5; session += 1) {
    const dialogue = await Dialogue.loggedIn(sandbox, 'busy-then-connected@contoso.test');
    outcomes.push((await dialogue.command('EXAMINE INBOX')).includes('TAG OK'));
    dialogue.close();
  }
  assert.deepEqual(outcomes, [true, false, false, true, true]);
});

test('STARTTLS throws away what was sent in clear after it', async () => {
  const { connect } = await import('node:net');
  const { connect: secure } = await import('node:tls');
  const plain = connect({ host: '127.0.0.1', port: sandbox.imap.starttlsPort });
  const greeting = await new Promise<Buffer>((resolve) => plain.once('data', resolve));
  assert.match(greeting.toString(), /^\* OK /);
  plain.write('a1 STARTTLS\r\na2 NOOP\r\n');
  const begun = await new Promise<Buffer>((resolve) => plain.once('data', resolve));
  assert.equal(begun.toString(), 'a1 OK Begin TLS negotiation now.\r\n');
  const socket = secure({ socket: plain, servername: 'localhost', ca: sandbox.caPem });
  socket.write('a3 CAPABILITY\r\n');
  let text = '';
  for await (const chunk of socket) {
    text += chunk;
    if (text.includes('a3 OK')) break;
  }
  assert.doesNotMatch(text, /a2 /);
  assert.match(text, /^\* CAPABILITY .*AUTH=XOAUTH2/);
});

test('without TLS no login is offered or taken', async () => {
  const { connect } = await import('node:net');
  const plain = connect({ host: '127.0.0.1', port: sandbox.imap.starttlsPort });
  plain.write(`a1 CAPABILITY\r\na2 AUTHENTICATE XOAUTH2 ${xoauth2(sandbox.seededMailbox, await tokenFor(sandbox))}\r\n`);
  let text = '';
  for await (const chunk of plain) {
    text += chunk;
    if (text.includes('a2 ')) break;
  }
  assert.match(text, /STARTTLS/);
  assert.doesNotMatch(text, /AUTH=/);
  assert.match(text, /a2 NO AUTHENTICATE failed\./);
});

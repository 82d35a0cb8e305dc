import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectionTo } from '../src/connection.ts';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { clientIdOf, scenarioNamed } from '../src/scenario.ts';
import { Dialogue, tokenFor, xoauth2 } from './dialogue.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
});
after(() => sandbox.close());

const authFailed = '-ERR Authentication failure: unknown user name or bad password.\r\n';
const accepted = '+OK User successfully authenticated.\r\n';

async function call(method: string, path: string, body?: string) {
  const answer = await fetch(`${sandbox.control}${path}`, { method, ...(body === undefined ? {} : { body }) });
  assert.equal(answer.status, 200, path);
  return JSON.parse(await answer.text());
}

async function opened(user: string): Promise<Dialogue> {
  const { dialogue, said } = await Dialogue.popLogin(sandbox, user);
  assert.equal(said, accepted);
  return dialogue;
}

function tokenOf(name: string): Promise<string> {
  const scenario = scenarioNamed(name);
  assert.ok(scenario?.reach === 'app', name);
  return tokenFor(sandbox, clientIdOf(scenario.number));
}

test('the capabilities are those of Exchange, without PIPELINING', async () => {
  const dialogue = await Dialogue.openPop(sandbox);
  assert.equal(await dialogue.lines('CAPA'), '+OK\r\nTOP\r\nUIDL\r\nSASL PLAIN XOAUTH2\r\nUSER\r\n.\r\n');
  assert.equal(await dialogue.line('QUIT'), '+OK Microsoft Exchange Server 2016 POP3 server signing off.\r\n');
  assert.equal(await dialogue.rest(), '');
});

test('the token on the line of AUTH ends the connection, whatever it is worth', async () => {
  const dialogue = await Dialogue.openPop(sandbox);
  const blob = xoauth2(sandbox.seededMailbox, await tokenFor(sandbox));
  assert.equal(await dialogue.line(`AUTH XOAUTH2 ${blob}`), '-ERR Protocol error. Connection is closed. 10\r\n');
  assert.equal(await dialogue.rest(), '');
});

test('a password is refused in the words of Exchange, and so is a command out of its time', async () => {
  const dialogue = await Dialogue.openPop(sandbox);
  assert.match(await dialogue.line('STAT'), /^-ERR Command is not valid in this state\.\r\n$/);
  assert.match(await dialogue.line(`USER ${sandbox.seededMailbox}`), /^\+OK/);
  assert.equal(await dialogue.line('PASS secret'), '-ERR Logon failure: unknown user name or bad password.\r\n');
  dialogue.close();
});

for (const name of ['not-consented', 'imap-only', 'smtp-only', 'wrong-audience', 'no-pointer', 'wrong-pointer', 'delegated-token']) {
  test(`a token of the app ${name} is refused over POP3`, async () => {
    const { dialogue, said } = await Dialogue.popLogin(sandbox, sandbox.seededMailbox, await tokenOf(name));
    assert.equal(said, authFailed);
    dialogue.close();
  });
}

for (const address of ['pop-off@contoso.test', 'no-grant@contoso.test', 'nobody@contoso.test']) {
  test(`a good token is refused for ${address}`, async () => {
    const { dialogue, said } = await Dialogue.popLogin(sandbox, address);
    assert.equal(said, authFailed);
    dialogue.close();
  });
}

test('pop-only opens POP3, and a mailbox with IMAP switched off opens too', async () => {
  for (const [user, token] of [
    [sandbox.seededMailbox, await tokenOf('pop-only')],
    ['imap-off@contoso.test', undefined],
  ] as const) {
    const { dialogue, said } = await Dialogue.popLogin(sandbox, user, token);
    assert.equal(said, accepted);
    dialogue.close();
  }
});

test('too early: grant and service principal come into effect after some logins, or at once by the control port', async () => {
  const outcomes: boolean[] = [];
  for (let login = 0; login < 4; login += 1) {
    const { dialogue, said } = await Dialogue.popLogin(sandbox, 'grant-too-early@contoso.test');
    outcomes.push(said === accepted);
    dialogue.close();
  }
  assert.deepEqual(outcomes, [false, false, false, true]);
  const token = await tokenOf('pointer-too-early');
  const early = await Dialogue.popLogin(sandbox, sandbox.seededMailbox, token);
  assert.equal(early.said, authFailed);
  early.dialogue.close();
  const scenario = scenarioNamed('pointer-too-early');
  assert.ok(scenario);
  await call('PUT', `/apps/${connectionTo(sandbox, scenario).clientId}/pointer`);
  const later = await Dialogue.popLogin(sandbox, sandbox.seededMailbox, token);
  assert.equal(later.said, accepted);
  later.dialogue.close();
});

test('messages are numbered at the login, unique ids outlive it, and DELE waits for QUIT', async () => {
  const address = 'pop@contoso.test';
  await call('POST', '/mailboxes', JSON.stringify({ address }));
  for (const name of ['one', 'two', 'three']) await call('POST', `/mailboxes/${address}/messages`, `Subject: ${name}\r\n\r\nbody\r\n`);
  const first = await opened(address);
  assert.match(await first.line('STAT'), /^\+OK 3 \d+\r\n$/);
  const listed = await first.lines('UIDL');
  const ids = [...listed.matchAll(/^\d (\S+)\r$/gm)].map((found) => found[1] ?? '');
  assert.equal(new Set(ids).size, 3);
  for (const id of ids) assert.match(id, /^[\x21-\x7e]{1,70}$/);
  assert.equal(await first.line('UIDL 2'), `+OK 2 ${ids[1]}\r\n`);
  assert.equal(await first.line('DELE 2'), '+OK\r\n');
  assert.match(await first.line('RETR 2'), /^-ERR/);
  assert.match(await first.line('LIST 4'), /^-ERR/);
  await call('POST', `/mailboxes/${address}/messages`, 'Subject: four\r\n\r\nlater\r\n');
  assert.deepEqual(
    [...(await first.lines('UIDL')).matchAll(/^(\d) \S+\r$/gm)].map((found) => found[1]),
    ['1', '3'],
  );
  assert.equal(await first.line('RSET'), '+OK\r\n');
  assert.match(await first.line('STAT'), /^\+OK 3 /);
  assert.equal(await first.line('DELE 1'), '+OK\r\n');
  first.close();
  await first.rest();

  const second = await opened(address);
  assert.match(await second.line('STAT'), /^\+OK 4 /);
  assert.equal(await second.line('DELE 1'), '+OK\r\n');
  await second.line('QUIT');
  const third = await opened(address);
  const left = [...(await third.lines('UIDL')).matchAll(/^\d (\S+)\r$/gm)].map((found) => found[1]);
  assert.deepEqual(left.slice(0, 2), ids.slice(1));
  assert.equal(left.length, 3);
  third.close();
});

test('dots at the beginning of lines are doubled, a missing line end is added, and TOP stops after its lines', async () => {
  const address = 'dots@contoso.test';
  await call('POST', '/mailboxes', JSON.stringify({ address }));
  await call('POST', `/mailboxes/${address}/messages`, '.Odd: header\r\nSubject: dots\r\n\r\n.\r\n..two\r\nlast.');
  const dialogue = await opened(address);
  const whole = '+OK\r\n..Odd: header\r\nSubject: dots\r\n\r\n..\r\n...two\r\nlast.\r\n.\r\n';
  assert.equal(await dialogue.lines('RETR 1'), whole);
  assert.equal(await dialogue.lines('TOP 1 9'), whole);
  assert.equal(await dialogue.lines('TOP 1 0'), '+OK\r\n..Odd: header\r\nSubject: dots\r\n\r\n.\r\n');
  assert.equal(await dialogue.lines('TOP 1 1'), '+OK\r\n..Odd: header\r\nSubject: dots\r\n\r\n..\r\n.\r\n');
  assert.match(await dialogue.line('TOP 1'), /^-ERR/);
  dialogue.close();
});

test('commands that were sent ahead are answered in order and counted, and pop-pipelining offers it', async () => {
  const dialogue = await opened('repeats-last@contoso.test');
  dialogue.send('NOOP\r\nRETR 1\r\nUIDL 1\r\n');
  await dialogue.until(/^\+OK\r\n\+OK\r\n[\s\S]*\r\n\.\r\n\+OK 1 \S+\r\n$/);
  assert.ok((await call('GET', '/mailboxes/repeats-last@contoso.test')).seen.pipelined > 0);
  dialogue.close();
  const offered = await opened('pop-pipelining@contoso.test');
  assert.match(await offered.lines('CAPA'), /\r\nPIPELINING\r\n/);
  offered.send('RETR 1\r\nRETR 2\r\nNOOP\r\n');
  await offered.until(/\r\n\.\r\n\+OK[\s\S]*\r\n\.\r\n\+OK\r\n$/);
  assert.equal((await call('GET', '/mailboxes/pop-pipelining@contoso.test')).seen.pipelined, 0);
  offered.close();
  await call('POST', '/tenant', '{"popPipelining":true}');
  const before = await Dialogue.openPop(sandbox);
  assert.match(await before.lines('CAPA'), /\r\nPIPELINING\r\n/);
  await call('POST', '/tenant', '{"popPipelining":false}');
  before.close();
});

test('the misbehaviour of a mailbox shows over POP3 too', async () => {
  const unavailable = await opened('server-unavailable@contoso.test');
  assert.equal(await unavailable.line('STAT'), '-ERR Server Unavailable. 21\r\n');
  assert.equal(await unavailable.rest(), '');
  const substitute = await opened('substitute@contoso.test');
  assert.match(await substitute.lines('RETR 3'), /\r\nRetrieval using the POP3 protocol failed for the following message/);
  substitute.close();
  const drops = await opened('drops@contoso.test');
  drops.send(Array.from({ length: 60 }, (_, index) => `RETR ${index + 1}\r\n`).join(''));
  const bytes = (await drops.rest()).length;
  assert.ok(bytes > 100_000 && bytes < 101_000, `${bytes}`);
  const throttled = await opened('throttled@contoso.test');
  let said = '';
  for (let number = 1; number <= 3; number += 1) said = await throttled.lines(`RETR ${number}`);
  assert.match(said, /^-ERR Request is throttled\. Suggested Backoff Time: \d+ milliseconds\r\n$/);
  throttled.close();
});

test('pop-refuses: one message is listed and refused, the others come', async () => {
  const dialogue = await opened('pop-refuses@contoso.test');
  assert.match(await dialogue.line('LIST 3'), /^\+OK 3 \d+\r\n$/);
  assert.equal(await dialogue.line('RETR 3'), '-ERR The message could not be retrieved.\r\n');
  assert.match(await dialogue.lines('RETR 4'), /^\+OK\r\n/);
  dialogue.close();
});

test('pop-locked: the mailbox is found locked twice, and then while a session is open', async () => {
  const login = () => Dialogue.popLogin(sandbox, 'pop-locked@contoso.test');
  const inUse = '-ERR [IN-USE] The mailbox is locked by another session.\r\n';
  const [one, two] = [await login(), await login()];
  assert.deepEqual([one.said, two.said], [inUse, inUse]);
  const holder = await login();
  assert.equal(holder.said, accepted);
  const beside = await login();
  assert.equal(beside.said, inUse);
  assert.match(await holder.dialogue.line('QUIT'), /^\+OK/);
  await holder.dialogue.rest();
  const after = await login();
  assert.equal(after.said, accepted);
  for (const { dialogue } of [one, two, beside, after]) dialogue.close();
});

test('pop-same-name gives two messages one name, pop-no-uidl gives none', async () => {
  const same = await opened('pop-same-name@contoso.test');
  const names = (await same.lines('UIDL'))
    .split('\r\n')
    .slice(1, -2)
    .map((line) => line.split(' ')[1]);
  assert.deepEqual([names[1] === names[2], new Set(names).size], [true, names.length - 1]);
  same.close();
  const none = await opened('pop-no-uidl@contoso.test');
  assert.equal(await none.line('UIDL'), '-ERR Command is not valid in this state.\r\n');
  none.close();
});

test('pop-cut-at-quit: what was marked is removed, and QUIT is not answered', async () => {
  const dialogue = await opened('pop-cut-at-quit@contoso.test');
  assert.match(await dialogue.line('STAT'), /^\+OK 12 /);
  assert.match(await dialogue.line('DELE 1'), /^\+OK/);
  dialogue.send('QUIT\r\n');
  assert.equal(await dialogue.rest(), '');
  const next = await opened('pop-cut-at-quit@contoso.test');
  assert.match(await next.line('STAT'), /^\+OK 11 /);
  next.close();
});

test('tokens that the control port expires end a session at its next command', async () => {
  const dialogue = await opened('slow@contoso.test');
  await call('POST', '/tokens/expire');
  assert.equal(await dialogue.line('NOOP'), '-ERR Session invalidated - AccessTokenExpired\r\n');
  assert.equal(await dialogue.rest(), '');
});

test('STLS throws away what was sent in clear after it, and offers the login only then', async () => {
  const { connect } = await import('node:net');
  const { connect: secure } = await import('node:tls');
  const plain = connect({ host: '127.0.0.1', port: sandbox.pop.starttlsPort });
  const heard = () => new Promise<string>((resolve) => plain.once('data', (bytes: Buffer) => resolve(bytes.toString())));
  assert.match(await heard(), /^\+OK The Microsoft Exchange POP3 service is ready\. \[[A-Za-z0-9+/=]+\]\r\n$/);
  plain.write('CAPA\r\n');
  assert.equal(await heard(), '+OK\r\nTOP\r\nUIDL\r\nSTLS\r\n.\r\n');
  plain.write('STLS\r\nNOOP\r\n');
  assert.match(await heard(), /^\+OK [^\n]*\r\n$/);
  const socket = secure({ socket: plain, servername: 'localhost', ca: sandbox.caPem });
  socket.write('CAPA\r\n');
  let text = '';
  for await (const chunk of socket) {
    text += chunk;
    if (text.endsWith('.\r\n')) break;
  }
  assert.equal(text, '+OK\r\nTOP\r\nUIDL\r\nSASL PLAIN XOAUTH2\r\nUSER\r\n.\r\n');
});

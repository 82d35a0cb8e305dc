import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { clientIdOf, mailboxScenarios, scenarioNamed } from '../src/scenario.ts';
import { Dialogue, tokenFor, xoauth2 } from './dialogue.ts';

let sandbox: Sandbox;
let token: string;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  token = await tokenFor(sandbox);
});
after(() => sandbox.close());

const accepted = '235 2.7.0 Authentication successful\r\n';
const sender = 'bulk@contoso.test';

async function call(method: string, path: string, body?: string) {
  const answer = await fetch(`${sandbox.control}${path}`, { method, ...(body === undefined ? {} : { body }) });
  assert.equal(answer.status, 200, path);
  return JSON.parse(await answer.text());
}

function appNamed(name: string): string {
  const scenario = scenarioNamed(name);
  assert.ok(scenario?.reach === 'app', name);
  return clientIdOf(scenario.number);
}

async function opened(user: string, withToken = token): Promise<Dialogue> {
  const { dialogue, said } = await Dialogue.smtpLogin(sandbox, user, withToken);
  assert.equal(said, accepted);
  return dialogue;
}

/** Hands a message over up to the first reply that is not the expected one, and returns the last reply. */
async function send(dialogue: Dialogue, from: string, message = `From: ${from}\r\nSubject: s\r\n\r\nb\r\n`, to = sandbox.seededMailbox) {
  for (const [line, wanted] of [
    [`MAIL FROM:<${from}>`, '250'],
    [`RCPT TO:<${to}>`, '250'],
    ['DATA', '354'],
  ] as const) {
    const said = await dialogue.reply(line);
    if (!said.startsWith(wanted)) return said;
  }
  return await dialogue.reply(`${message}.`);
}

test('EHLO lists what submission lists, AUTH only behind TLS', async () => {
  const { connect } = await import('node:net');
  const plain = connect({ host: '127.0.0.1', port: sandbox.smtp.starttlsPort });
  plain.write(`EHLO a.test\r\nAUTH XOAUTH2 ${xoauth2(sender, token)}\r\nMAIL FROM:<${sender}>\r\nQUIT\r\n`);
  let text = '';
  for await (const chunk of plain) text += chunk;
  assert.match(text, /^220 \S+ Microsoft ESMTP MAIL Service ready at \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n/);
  assert.match(text, /\r\n250-STARTTLS\r\n/);
  assert.doesNotMatch(text, /250[- ]AUTH/);
  assert.match(text, /\r\n504 5\.7\.4 [^\n]*\r\n451 5\.7\.3 STARTTLS is required to send mail \[[^\n]*\]\r\n221 2\.0\.0 /);
  const dialogue = await Dialogue.openSmtp(sandbox);
  const list = await dialogue.reply('EHLO a.test');
  assert.deepEqual(
    list
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => line.slice(4)),
    ['SIZE 157286400', 'PIPELINING', 'DSN', 'ENHANCEDSTATUSCODES', 'AUTH LOGIN XOAUTH2', '8BITMIME', 'BINARYMIME', 'CHUNKING', 'SMTPUTF8'],
  );
  assert.match(await dialogue.reply(`MAIL FROM:<${sender}>`), /^530 5\.7\.57 Client not authenticated to send mail\. \[/);
  dialogue.close();
});

test('the token may come with AUTH or after 334, and a refused one is answered with host, time and id', async () => {
  const dialogue = await Dialogue.openSmtp(sandbox);
  assert.match(
    await dialogue.reply(`AUTH XOAUTH2 ${xoauth2(sender, 'no.real.token')}`),
    /^535 5\.7\.3 Authentication unsuccessful \[\S+ \d{4}-\d\d-\d\dT[\d:.]+Z [0-9A-F]{16}\]\r\n$/,
  );
  assert.equal(await dialogue.reply('AUTH XOAUTH2'), '334 \r\n');
  assert.equal(await dialogue.reply(xoauth2(sender, token)), accepted);
  assert.match(await dialogue.reply('AUTH XOAUTH2'), /^503 /);
  dialogue.close();
});

test('passwords are refused', async () => {
  for (const [user, wanted] of [
    [sender, /^535 5\.7\.139 Authentication unsuccessful, basic authentication is disabled\. \[/],
    ['smtp-basic-gone@contoso.test', /^550 5\.7\.30 Basic authentication is not supported for Client Submission\. \[/],
  ] as const) {
    const dialogue = await Dialogue.openSmtp(sandbox);
    assert.equal(await dialogue.reply('AUTH LOGIN'), '334 VXNlcm5hbWU6\r\n');
    assert.equal(await dialogue.reply(Buffer.from(user).toString('base64')), '334 UGFzc3dvcmQ6\r\n');
    assert.match(await dialogue.reply('c2VjcmV0'), wanted);
    assert.match(await dialogue.reply('AUTH PLAIN AGEAYg=='), /^504 5\.7\.4 /);
    dialogue.close();
  }
});

test('the switches are named before the token is looked at, and the mailbox overrides the tenant', async () => {
  const login = async (user: string) => {
    const { dialogue, said } = await Dialogue.smtpLogin(sandbox, user, 'no.real.token');
    dialogue.close();
    return said;
  };
  const off = (what: string) =>
    new RegExp(
      `^535 5\\.7\\.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the ${what}\\. Visit https://aka\\.ms/smtp_auth_disabled for more information\\. \\[`,
    );
  assert.match(await login('smtp-off@contoso.test'), off('Mailbox'));
  assert.match(await login('smtp-off-tenant@contoso.test'), off('Tenant'));
  assert.match(await login(sender), /^535 5\.7\.3 /);
  await call('POST', '/tenant', '{"smtpClientAuthenticationDisabled":false}');
  assert.match(await login('smtp-off@contoso.test'), off('Mailbox'));
  assert.match(await login('smtp-off-tenant@contoso.test'), /^535 5\.7\.3 /);
  await call('POST', '/tenant', '{"smtpClientAuthenticationDisabled":true}');
});

for (const name of ['not-consented', 'imap-only', 'pop-only', 'wrong-audience', 'no-pointer', 'wrong-pointer', 'delegated-token']) {
  test(`a token of the app ${name} is refused over SMTP`, async () => {
    const { dialogue, said } = await Dialogue.smtpLogin(sandbox, sender, await tokenFor(sandbox, appNamed(name)));
    assert.match(said, /^535 5\.7\.3 /);
    dialogue.close();
  });
}

test('smtp-rbac: without a role in the token and without FullAccess, within the scope of the assignment and not outside it', async () => {
  const bare = await tokenFor(sandbox, appNamed('smtp-rbac'));
  const inside = await opened('no-grant@contoso.test', bare);
  assert.match(await send(inside, 'no-grant@contoso.test'), /^250 2\.0\.0 OK </);
  assert.match(await send(inside, sender), /^250 /);
  assert.match(await send(inside, 'outside-scope@contoso.test'), /^554 5\.2\.252 SendAsDenied; /);
  inside.close();
  const outside = await Dialogue.smtpLogin(sandbox, 'outside-scope@contoso.test', bare);
  assert.match(outside.said, /^535 5\.7\.3 /);
  outside.dialogue.close();
  await call('DELETE', `/apps/${appNamed('smtp-rbac')}/send-assignment`);
  const taken = await Dialogue.smtpLogin(sandbox, sender, bare);
  assert.match(taken.said, /^535 5\.7\.3 /);
  taken.dialogue.close();
});

test('without FullAccess the login is taken and the message is not', async () => {
  const dialogue = await opened('no-grant@contoso.test');
  assert.match(
    await send(dialogue, 'no-grant@contoso.test'),
    /^430 4\.2\.0 STOREDRV; mailbox logon failure; .*MapiExceptionLogonFailed.*Cannot open mailbox/,
  );
  dialogue.close();
});

test('another address in MAIL FROM or From wants SendAs', async () => {
  const other = 'outside-scope@contoso.test';
  const dialogue = await opened(sender);
  const denied = new RegExp(`^554 5\\.2\\.252 SendAsDenied; ${sender} not allowed to send as ${other}; `);
  assert.match(await send(dialogue, other), denied);
  assert.match(await send(dialogue, sender, `From: "a, b" <${other}>\r\n\r\nb\r\n`), denied);
  await call('PUT', `/mailboxes/${other}/send-as/${sandbox.clientId}`);
  assert.match(await send(dialogue, other), /^250 /);
  dialogue.close();
});

test('a message goes byte for byte to the mailboxes of the tenant and to Sent Items, by DATA and by BDAT', async () => {
  const target = 'localised@contoso.test';
  const message = `From: <${sender}>\r\nSubject: dots\r\n\r\n.\r\n..two\r\n\x80\xff\r\n.\r\nlast\r\n`;
  const dialogue = await opened(sender);
  await dialogue.reply(`MAIL FROM:<${sender}> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x`);
  await dialogue.reply(`RCPT TO:<${target}> NOTIFY=NEVER`);
  await dialogue.reply('RCPT TO:<someone@elsewhere.example>');
  await dialogue.reply('DATA');
  assert.match(await dialogue.reply(`${message.replace(/^\./gm, '..')}.`), /^250 2\.0\.0 OK <[^>]+> \[Hostname=\S+\]\r\n$/);
  dialogue.send(
    `MAIL FROM:<${sender}> BODY=BINARYMIME\r\nRCPT TO:<${target}>\r\nBDAT 10\r\n${message.slice(0, 10)}BDAT ${message.length - 10} LAST\r\n${message.slice(10)}`,
  );
  await dialogue.until(/^250 2\.1\.0 [^\n]*\n250 2\.1\.5 [^\n]*\n250 2\.6\.0 [^\n]*\n250 2\.0\.0 OK [^\n]*\n$/);
  dialogue.close();
  const hash = createHash('sha256').update(Buffer.from(message, 'latin1')).digest('hex');
  const hashesOf = async (path: string) => (await call('GET', path)).slice(-2).map((one: { sha256: string }) => one.sha256);
  assert.deepEqual(await hashesOf(`/mailboxes/${target}/messages`), [hash, hash]);
  assert.deepEqual(await hashesOf(`/mailboxes/${sender}/messages?folder=Sent%20Items`), [hash, hash]);
  const [first] = (await call('GET', '/submitted')).slice(-2);
  assert.deepEqual(
    [first.mailbox, first.mailFrom, first.recipients, first.delivered, first.sha256],
    [sender, sender, [target, 'someone@elsewhere.example'], [target], hash],
  );
});

test('a message that is announced as too large, and commands out of their order, are refused', async () => {
  const dialogue = await opened(sender);
  assert.match(await dialogue.reply(`MAIL FROM:<${sender}> SIZE=157286401`), /^552 5\.3\.4 /);
  assert.match(await dialogue.reply('DATA'), /^503 /);
  assert.match(await dialogue.reply(`RCPT TO:<${sender}>`), /^503 /);
  assert.match(await dialogue.reply('MAIL FROM:nobody'), /^501 /);
  assert.match(await dialogue.reply('XYZZY'), /^500 5\.3\.3 Unrecognized command 'XYZZY'/);
  assert.match(await dialogue.reply('QUIT'), /^221 2\.0\.0 /);
  assert.equal(await dialogue.rest(), '');
});

test('a fourth connection is one too many as long as three are there', async () => {
  const user = 'slow-login@contoso.test';
  await call('POST', `/mailboxes/${user}`, '{"quirks":{"slowLoginMs":null}}');
  const three = await Promise.all([opened(user), opened(user), opened(user)]);
  const fourth = await opened(user);
  assert.match(await send(fourth, user), /^432 4\.3\.2 Concurrent connections limit exceeded\. /);
  three[0]?.close();
  const end = Date.now() + 40_000;
  while ((await call('GET', `/mailboxes/${user}`)).seen.senders > 3) assert.ok(Date.now() < end, 'the connection is still counted');
  assert.match(await send(fourth, user), /^250 /);
  for (const dialogue of [...three, fourth]) dialogue.close();
});

test('smtp-rate: the third message of a minute ends the connection', async () => {
  const user = 'smtp-rate@contoso.test';
  const dialogue = await opened(user);
  assert.match(await send(dialogue, user), /^250 /);
  assert.match(await send(dialogue, user), /^250 /);
  assert.match(await send(dialogue, user), /^421 4\.4\.2 Message submission rate for this client has exceeded the configured limit/);
  assert.equal(await dialogue.rest(), '');
});

for (const { name, quirks } of mailboxScenarios) {
  const answer = quirks?.smtpAnswer;
  if (!answer || answer.at === 'password') continue;
  test(`${name}: SMTP says ${answer.reply.slice(0, 24)} at its stage${answer.times === undefined ? '' : `, ${answer.times} times`}`, async () => {
    const user = `${name}@contoso.test`;
    const attempt = async () => {
      const { dialogue, said } = await Dialogue.smtpLogin(sandbox, user, token);
      const last = said === accepted ? await send(dialogue, user) : said;
      dialogue.close();
      return last;
    };
    for (let time = 0; time < (answer.times ?? 1); time += 1) assert.ok((await attempt()).startsWith(answer.reply), answer.reply);
    if (answer.times !== undefined) assert.match(await attempt(), /^250 /);
  });
}

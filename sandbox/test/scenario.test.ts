import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { differences, scenarioList } from '../src/differences.ts';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { appScenarios, clientIdOf, scenarios } from '../src/scenario.ts';
import { Dialogue, tokenFor } from './dialogue.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
});
after(() => sandbox.close());

async function opened(name: string): Promise<Dialogue> {
  const dialogue = await Dialogue.loggedIn(sandbox, `${name}@contoso.test`);
  assert.match(await dialogue.command('EXAMINE INBOX'), /TAG OK/);
  return dialogue;
}

async function messagesOf(name: string): Promise<{ uid: number; sha256: string; sizeBytes: number }[]> {
  return JSON.parse(await (await fetch(`${sandbox.control}/mailboxes/${name}@contoso.test/messages`)).text());
}

test('docs/sandbox-differences.md is what the table says', () => {
  const page = readFileSync(new URL('../../docs/sandbox-differences.md', import.meta.url), 'utf8');
  assert.equal(page, differences(), 'run bin/postern-sandbox --differences > docs/sandbox-differences.md');
});

test('every scenario has a name and an app number of its own, and --list shows it', () => {
  const names = scenarios.map((scenario) => scenario.name);
  assert.equal(new Set(names).size, names.length);
  assert.equal(new Set(appScenarios.map((scenario) => scenario.number)).size, appScenarios.length);
  for (const name of names) assert.ok(scenarioList().includes(`  ${name} `), name);
});

test('throttled: refused with a wait, refused again within it, and served after it', async () => {
  const dialogue = await Dialogue.loggedIn(sandbox, 'throttled@contoso.test');
  await dialogue.command('EXAMINE INBOX');
  assert.match(await dialogue.command('UID SEARCH ALL'), /TAG OK/);
  // In one piece: the second comes within the wait, however slow the machine is.
  dialogue.send('x1 UID FETCH 1 FLAGS\r\nx2 UID FETCH 1 FLAGS\r\n');
  const first = await dialogue.until(/^x1 [^\n]*\n/);
  const found = /^x1 BAD Request is throttled\. Suggested Backoff Time: (\d+) milliseconds\r\n$/.exec(first);
  assert.ok(found, first);
  assert.match(await dialogue.until(/^x2 [^\n]*\n/), /^x2 BAD Request is throttled/);
  const started = Date.now();
  while (!(await dialogue.command('UID FETCH 1 FLAGS')).includes('TAG OK')) assert.ok(Date.now() - started < 40_000, 'never served again');
  assert.ok(Number(found[1]) <= 300);
  dialogue.close();
});

test('expires: the session ends after ten commands with AccessTokenExpired', async () => {
  const dialogue = await opened('expires');
  for (let command = 2; command <= 10; command += 1) assert.match(await dialogue.command('NOOP'), /TAG OK/);
  dialogue.send('x1 NOOP\r\n');
  assert.equal(await dialogue.rest(), '* BYE Session invalidated - AccessTokenExpired\r\n');
});

test('expires: IDLE ends with AccessTokenExpired', async () => {
  const dialogue = await opened('expires');
  dialogue.send('x1 IDLE\r\n');
  assert.match(await dialogue.rest(), /^\+ IDLE accepted.*\r\n\* BYE Session invalidated - AccessTokenExpired\r\n$/);
});

test('tokens expired through the control port end idle sessions, refuse the next command of others, and open nothing again', async () => {
  const token = await tokenFor(sandbox);
  const idle = await Dialogue.loggedIn(sandbox, 'slow@contoso.test', token);
  await idle.command('EXAMINE INBOX');
  idle.send('x1 IDLE\r\n');
  await idle.until(/\+ IDLE.*\r\n/);
  const quiet = await opened('wrong-size');
  await fetch(`${sandbox.control}/tokens/expire`, { method: 'POST' });
  assert.match(await idle.rest(), /^\* BYE Session invalidated - AccessTokenExpired\r\n$/);
  assert.match(await quiet.command('NOOP'), /^TAG BAD Session invalidated - AccessTokenExpired\r\n$/);
  assert.match(await quiet.rest(), /^\* BYE Session invalidated - AccessTokenExpired\r\n$/);
  const again = await Dialogue.open(sandbox);
  const old = Buffer.from(`user=slow@contoso.test\x01auth=Bearer ${token}\x01\x01`).toString('base64');
  assert.match(await again.command(`AUTHENTICATE XOAUTH2 ${old}`), /TAG NO AUTHENTICATE failed/);
  again.close();
});

test('short-token: a session ends when its token does', async () => {
  const clientId = clientIdOf(appScenarios.find((scenario) => scenario.name === 'short-token')?.number ?? 0);
  await fetch(`${sandbox.control}/apps/${clientId}`, { method: 'POST', body: JSON.stringify({ tokenLifetimeSeconds: 4 }) });
  const dialogue = await Dialogue.loggedIn(sandbox, 'wrong-size@contoso.test', await tokenFor(sandbox, clientId));
  await dialogue.command('EXAMINE INBOX');
  dialogue.send('x1 IDLE\r\n');
  assert.match(await dialogue.rest(), /AccessTokenExpired\r\n$/);
});

test('drops: every connection gets a whole message further, and is cut inside a literal', async () => {
  const wanted = await messagesOf('drops');
  let next = 1;
  let connections = 0;
  while (next <= wanted.length) {
    connections += 1;
    assert.ok(connections < 20, 'no progress');
    const dialogue = await opened('drops');
    dialogue.send(`x1 UID FETCH ${next}:* BODY.PEEK[]\r\n`);
    const text = await dialogue.until(/x1 OK [^\r]*\r\n/).catch(() => dialogue.rest());
    for (const found of text.matchAll(/UID (\d+) BODY\[\] \{(\d+)\}\r\n/g)) {
      const start = found.index + found[0].length;
      if (text.length >= start + Number(found[2])) next = Number(found[1]) + 1;
    }
    dialogue.close();
  }
  assert.ok(connections > 1);
});

test('empty-fetch: the body of UID 3 never comes, its flags do', async () => {
  const dialogue = await opened('empty-fetch');
  assert.equal(await dialogue.command('UID FETCH 3 BODY.PEEK[]'), 'TAG OK FETCH completed.\r\n');
  assert.match(await dialogue.command('UID FETCH 3 FLAGS'), /UID 3/);
  assert.match(await dialogue.command('UID FETCH 2:4 BODY.PEEK[]'), /UID 2 [\s\S]*UID 4 /);
  dialogue.close();
});

test('substitute: the body of UID 3 is Exchange’s apology', async () => {
  const dialogue = await opened('substitute');
  assert.match(
    await dialogue.command('UID FETCH 3 BODY.PEEK[TEXT]'),
    /\r\nRetrieval using the IMAP4 protocol failed for the following message/,
  );
  dialogue.close();
});

test('late-uid: EXISTS counts a message that two queries miss', async () => {
  const dialogue = await opened('late-uid');
  assert.doesNotMatch(await dialogue.command('UID FETCH 12:* FLAGS'), /UID 12/);
  assert.doesNotMatch(await dialogue.command('UID SEARCH UID 12:*'), / 12/);
  assert.match(await dialogue.command('UID SEARCH UID 12:*'), / 12\r\n/);
  dialogue.close();
});

test('uidvalidity-changes: every fourth login finds a new UIDVALIDITY, and so does the control port’s word', async () => {
  const seen: number[] = [];
  for (let login = 0; login < 6; login += 1) {
    const dialogue = await Dialogue.loggedIn(sandbox, 'uidvalidity-changes@contoso.test');
    seen.push(Number(/UIDVALIDITY (\d+)/.exec(await dialogue.command('EXAMINE INBOX'))?.[1]));
    dialogue.close();
  }
  assert.deepEqual(seen, [14, 14, 14, 14, 15, 15]);
  const dialogue = await opened('wrong-size');
  await fetch(`${sandbox.control}/mailboxes/wrong-size@contoso.test/uidvalidity`, { method: 'POST' });
  assert.match(await dialogue.rest(), /^\* BYE /);
});

test('server-unavailable: two sessions are sent away, the third is served', async () => {
  for (const attempt of [1, 2]) {
    const dialogue = await Dialogue.loggedIn(sandbox, 'server-unavailable@contoso.test');
    dialogue.send('x1 EXAMINE INBOX\r\n');
    assert.equal(await dialogue.rest(), '* BAD Server Unavailable. 15\r\n', `attempt ${attempt}`);
  }
  (await opened('server-unavailable')).close();
});

test('too-many-sessions: the third at the same time is not connected', async () => {
  const sessions = [await opened('too-many-sessions'), await opened('too-many-sessions')];
  const third = await Dialogue.loggedIn(sandbox, 'too-many-sessions@contoso.test');
  assert.match(await third.command('EXAMINE INBOX'), /not connected/);
  for (const session of [...sessions, third]) session.close();
});

test('wrong-size and empty-copyuid do what they are called', async () => {
  const size = await opened('wrong-size');
  const [first] = await messagesOf('wrong-size');
  const shown = Number(/RFC822\.SIZE (\d+)/.exec(await size.command('UID FETCH 1 RFC822.SIZE'))?.[1]);
  assert.equal(shown, Math.round((first?.sizeBytes ?? 0) / 3));
  size.close();
  const copy = await opened('empty-copyuid');
  assert.match(await copy.command('UID COPY 1 Archive'), /TAG OK \[COPYUID \d+ {2}\] COPY completed/);
  copy.close();
});

/** `postern check`, `token` and `sasl` as a whole: what a person, a monitor and a CI server get, exit codes, and that no secret is in any of it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { scenarioNamed, seededMailbox } from '../../sandbox/src/scenario.ts';
import { type CheckPlace, type CheckWish, startCheckPlace } from '../contract/check-place.ts';
import { postern, type Ran } from './postern.ts';

let place: CheckPlace;
before(async () => {
  place = await startCheckPlace();
});
after(() => place.close());

async function run(words: readonly string[], wish: CheckWish = {}): Promise<Ran & { readonly folder: string }> {
  const file = await place.configure(wish);
  const ran = await postern([...words, '--config', file], { cwd: dirname(file) });
  return { ...ran, folder: dirname(file) };
}

test('a healthy mailbox: a line for each link, one sentence at the end, exit code 0', async (context) => {
  const { code, out, talk } = await run(['check']);
  assert.deepEqual([code, talk], [0, ''], out);
  for (const line of [
    /^tenant contoso$/m,
    /^ {2}ok {7}credential +secret, file /m,
    /^ {2}ok {7}discovery +5a000000-/m,
    /^ {2}ok {7}claims +oid [0-9a-f-]{36}, aud https:\/\/outlook\.office365\.com, roles\s+IMAP\.AccessAsApp /m,
    /^ {2}ok {7}localhost:\d+ \w+ +127\.0\.0\.1, TLSv1\.3, issued by Postern sandbox/m,
    /^ {2}ok {7}telemessage@contoso\.test over IMAP +login, INBOX with \d+, one message read /m,
    /^All good: 1 mailbox over IMAP[A-Z0-9, ]* in \d+ ms\.$/m,
  ]) {
    assert.match(out, line);
  }
  context.diagnostic(out.trimEnd().split('\n').at(-1) ?? '');
});

test('a refused login: what was seen, the cause as supposed, and the lines to paste; exit code 3', async () => {
  const { code, out } = await run(['check', '--protocol', 'imap'], { scenario: scenarioNamed('no-pointer') });
  assert.equal(code, 3);
  assert.match(out, /^ {2}failed {3}telemessage@contoso\.test over IMAP +login: imap\.authenticate-refused, AUTHENTICATE failed\./m);
  assert.match(out, /^1\. check\.pointer-wrong \(supposed\): /m);
  assert.match(
    out,
    /^ {10}New-ServicePrincipal -AppId 5a000000-0000-4000-8000-000000000017 -ObjectId [0-9a-f-]{36} -DisplayName Postern$/m,
  );
  assert.match(out, /^Not all is well: 2 findings, the likeliest first\.\n$/m);
});

test('exit code 75 for a passing fault, 2 for a secret that cannot be had, 2 for wrong words', async () => {
  assert.equal((await run(['check'], { scenario: scenarioNamed('token-down') })).code, 75);
  const without = await run(['check'], { yaml: (text) => text.replace('./client-secret', './none') });
  assert.equal(without.code, 2);
  assert.match(without.out, /config\.secret-file-unreadable \(sure\)/);
  for (const words of [
    ['--protocol', 'ftp'],
    ['--wait', 'soon'],
    ['--connections', '0'],
    ['--send-test', '--protocol', 'imap'],
    ['nobody'],
  ]) {
    const { code, talk } = await run(['check', ...words]);
    assert.deepEqual([code, talk.startsWith('cli.wrong-use: ')], [2, true], words.join(' '));
  }
});

test('--json has the schema postern.check/1: verdict, findings with their repair, every observation', async () => {
  const good = JSON.parse((await run(['check', '--json'])).out);
  assert.deepEqual([good.schema, good.verdict, good.findings], ['postern.check/1', 'good', []]);
  assert.ok(good.observations.every(({ outcome }: { outcome: string }) => outcome === 'ok'));
  const { code, out } = await run(['check', '--json', '--protocol', 'imap'], { scenario: scenarioNamed('expired-secret') });
  const bad = JSON.parse(out);
  assert.deepEqual([code, bad.verdict], [3, 'faults']);
  const [finding] = bad.findings;
  assert.deepEqual([finding.code, finding.certainty, finding.level, finding.retry], ['token.secret-expired', 'sure', 'fault', 'never']);
  assert.match(finding.seen.traceId, /^[0-9a-f-]{36}$/);
  assert.match(finding.seen.correlationId, /^[0-9a-f-]{36}$/);
  assert.match(finding.repair[0], /^az ad app credential reset --id 5a000000-/);
  assert.deepEqual(
    bad.observations
      .filter(({ outcome }: { outcome: string }) => outcome === 'not-run')
      .map(({ probe, because }: Record<string, string>) => `${probe}: ${because}`),
    ['claims: there is no token', 'login: there is no token', 'open: there is no token', 'fetch: there is no token'],
  );
});

test('--junit writes a case for each probe, with the failure and its repair inside', async () => {
  const { code, folder } = await run(['check', '--junit', 'report.xml', '--protocol', 'imap', seededMailbox, 'no-grant@contoso.test']);
  assert.equal(code, 3);
  const xml = readFileSync(join(folder, 'report.xml'), 'utf8');
  assert.match(xml, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="postern check">\n/);
  assert.match(xml, /<testsuite name="no-grant@contoso\.test over IMAP" tests="3" failures="1" skipped="1" errors="0">/);
  assert.match(
    xml,
    /<failure type="check\.grant-missing" message="supposed: [^"]+">[^<]*Add-MailboxPermission -Identity no-grant@contoso\.test/,
  );
  const nowhere = await run(['check', '--junit', 'none/report.xml']);
  assert.deepEqual([nowhere.code, nowhere.talk.startsWith('cli.wrong-use')], [2, true]);
});

test('--brief is one line with numbers behind a bar', async () => {
  const good = await run(['check', '--brief', '--protocol', 'imap']);
  assert.match(good.out, /^POSTERN OK - 1 mailbox over IMAP \| time=\d+\.\d{3}s mailboxes=1 faults=0 warnings=0\n$/);
  const bad = await run(['check', '--brief', '--protocol', 'imap'], { scenario: scenarioNamed('not-consented') });
  assert.match(
    bad.out,
    /^POSTERN CRITICAL - check\.roles-none \(sure\): The token carries no permission at all\. \[tenant contoso and 1 more\] \| /,
  );
});

test('--transcript shows what was said, without token and without mail', async () => {
  const { out } = await run(['check', '--transcript', '--protocol', 'imap']);
  assert.match(out, /^telemessage@contoso\.test over IMAP, localhost:\d+\n {2}< \* OK The Microsoft Exchange IMAP4 service is ready/m);
  assert.match(out, /^ {2}> P\d+ AUTHENTICATE XOAUTH2 \[secret\]$/m);
  assert.match(out, /^ {2}< \* \d+ FETCH .*BODY\[\] \[\d+ bytes\]/m);
});

test('a wait is told round by round when nobody watches, and its end says what it means', async () => {
  const { code, out, talk } = await run(['check', 'no-grant@contoso.test', '--protocol', 'imap', '--wait', '1s']);
  assert.equal(code, 3);
  assert.match(talk, /^round 1: check\.grant-missing; again in 1\.0 s, until \d\d:\d\d:\d\dZ\n$/);
  assert.match(
    out,
    /It failed from \d\d:\d\d:\d\dZ to \d\d:\d\d:\d\dZ, 2 rounds\. Changes in Entra and Exchange need up to 2 h, so it may still be too early: `--wait` longer\.\n$/,
  );
});

test('a mailbox that must be closed is shown as closed', async () => {
  const { code, out } = await run(['check', seededMailbox, '--refused', 'no-grant@contoso.test', '--protocol', 'imap']);
  assert.equal(code, 0, out);
  assert.match(out, /^ {2}closed {3}no-grant@contoso\.test over IMAP /m);
});

test('token explains its claims and is itself printed only when asked for', async () => {
  const { code, out } = await run(['token']);
  assert.equal(code, 0);
  assert.match(out, /^oid +[0-9a-f-]{36} +the service principal: what `New-ServicePrincipal -ObjectId` wants$/m);
  assert.match(out, /^appid +5a000000-0000-4000-8000-000000000001 +the app, as configured$/m);
  assert.match(out, /^roles +IMAP\.AccessAsApp POP\.AccessAsApp SMTP\.SendAsApp +the application permissions$/m);
  assert.doesNotMatch(out, /eyJ/);
  assert.equal(JSON.parse((await run(['token', '--json'])).out).claims.aud, 'https://outlook.office365.com');
  const raw = await run(['token', '--raw']);
  assert.match(raw.out, /^eyJ[\w-]+\.[\w-]+\.[\w-]+\n$/);
});

test('sasl gives the string of the published test vector, and that of a mailbox with a token of its own', async () => {
  const file = join(place.folder, 'vector');
  writeFileSync(file, 'EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA\n');
  const vector = await postern(['sasl', 'test@contoso.onmicrosoft.com', '--token-file', file]);
  assert.deepEqual(vector, {
    code: 0,
    out: 'dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==\n',
    talk: '',
  });
  const own = await run(['sasl', seededMailbox]);
  assert.match(Buffer.from(own.out, 'base64').toString('latin1'), /^user=telemessage@contoso\.test\x01auth=Bearer eyJ[\w.-]+\x01\x01$/);
  for (const words of [[], ['a b'], [seededMailbox, 'x@y.test'], [seededMailbox, '--token-file', 'none']]) {
    assert.equal((await run(['sasl', ...words])).code, 2, words.join(' '));
  }
});

test('neither secret nor token is in anything that check prints or writes', async () => {
  for (const name of ['healthy', 'no-pointer', 'expired-secret', 'captive-portal']) {
    for (const words of [['--transcript'], ['--json', '--transcript'], ['--brief']]) {
      const { out, talk, folder } = await run(['check', ...words, '--junit', 'report.xml'], { scenario: scenarioNamed(name) });
      const xml = existsSync(join(folder, 'report.xml'))
        ? readFileSync(join(folder, 'report.xml'), 'utf8')
        : assert.fail(`no report: ${talk}`);
      const all = out + talk + xml;
      assert.ok(!all.includes(place.sandbox.clientSecret), `${name} ${words.join(' ')}`);
      assert.doesNotMatch(all, /eyJ[\w-]{20}|dXNlcj/, `${name} ${words.join(' ')}`);
    }
  }
});

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const binary = fileURLToPath(new URL('../../bin/postern-sandbox', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'sandbox-cli-'));
after(() => rmSync(directory, { recursive: true, force: true }));

interface Running {
  readonly child: ChildProcess;
  /** The first line of stdout, or what there was at the end. */
  readonly line: Promise<string>;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

function start(...args: readonly string[]): Running {
  const child = spawn(binary, args, { timeout: 30_000 });
  let stdout = '';
  let stderr = '';
  let gotLine: (line: string) => void;
  const line = new Promise<string>((resolve) => {
    gotLine = resolve;
  });
  child.stdout.on('data', (text) => {
    stdout += text;
    if (stdout.includes('\n')) gotLine(stdout.slice(0, stdout.indexOf('\n')));
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => {
      gotLine(stdout);
      resolve({ code, stdout, stderr });
    });
  });
  return { child, line, ended };
}

test('--json prints one line with everything a client needs, and SIGTERM ends it cleanly', async () => {
  const { child, line, ended } = start('--json', '--without-seed');
  const ready = JSON.parse(await line);
  assert.match(ready.tokenEndpoint, /^https:\/\/localhost:\d+\/[0-9a-f-]{36}\/oauth2\/v2\.0\/token$/);
  for (const key of ['authority', 'tenantId', 'domain', 'clientId', 'clientSecret', 'scope', 'control', 'ca', 'tokenKey']) {
    assert.equal(typeof ready[key], 'string', key);
  }
  assert.equal(ready.imap.port, ready.imap.tlsPort);
  assert.equal(ready.pop.port, ready.pop.tlsPort);
  assert.equal(ready.smtp.port, ready.smtp.starttlsPort);
  assert.equal(ready.places['silent-server'].imap.host, 'localhost');
  assert.ok(ready.mailboxes.includes('telemessage@contoso.test'));
  child.kill('SIGTERM');
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trim().split('\n').length, 1);
  assert.match(stderr, /NOT for production/);
  assert.doesNotMatch(stderr, new RegExp(ready.clientSecret.replace(/[.~]/g, '\\$&')));
});

test('with --with-stdin it ends when its standard input does', async () => {
  const { child, line, ended } = start('--json', '--without-seed', '--with-stdin');
  await line;
  child.stdin?.end();
  assert.equal((await ended).code, 0);
});

test('--out writes files of which those with a secret are for their owner only', async () => {
  const out = join(directory, 'out');
  const mail = join(directory, 'mail');
  const { mkdirSync } = await import('node:fs');
  mkdirSync(mail);
  writeFileSync(join(mail, 'own.eml'), 'Subject: own\r\n\r\nbody\r\n');
  const { child, line, ended } = start('--json', '--out', out, '--scenario', 'throttled', '--seed-mail', mail, '--without-seed');
  const ready = JSON.parse(await line);
  assert.equal(ready.mailbox, 'throttled@contoso.test');
  assert.equal(ready.caFile, join(out, 'ca.pem'));
  assert.equal(readFileSync(join(out, 'client-secret'), 'utf8'), ready.clientSecret);
  for (const name of ['client-secret', 'app.key', 'sandbox.json']) assert.equal(statSync(join(out, name)).mode & 0o777, 0o600, name);
  const yaml = readFileSync(join(out, 'postern.yaml'), 'utf8');
  assert.match(yaml, /mailbox: throttled@contoso\.test/);
  assert.doesNotMatch(yaml, new RegExp(ready.clientSecret.slice(0, 8)));
  const seeded = JSON.parse(await (await fetch(`${ready.control}/mailboxes/telemessage@contoso.test/messages`)).text());
  assert.equal(seeded.length, 1);
  child.kill('SIGINT');
  assert.equal((await ended).code, 0);
});

test('--deliver-every brings new mail', async () => {
  const { child, line, ended } = start('--json', '--without-seed', '--deliver-every', '50ms');
  const { control } = JSON.parse(await line);
  const count = async () => JSON.parse(await (await fetch(`${control}/mailboxes/telemessage@contoso.test/messages`)).text()).length;
  const end = Date.now() + 40_000;
  while ((await count()) < 3) assert.ok(Date.now() < end, 'no mail came');
  child.kill();
  await ended;
});

test('a taken port is an error and not a crash', async () => {
  const { createServer } = await import('node:net');
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const address = taken.address();
  assert.ok(typeof address === 'object' && address);
  const { code, stderr } = await start('--port', String(Math.min(address.port, 65_529)), '--without-seed').ended;
  taken.close();
  assert.equal(code, 1);
  assert.match(stderr, /EADDRINUSE/);
});

test('help, list and wrong use end with their codes', async () => {
  const help = await start('--help').ended;
  assert.equal(help.code, 0);
  assert.match(help.stdout, /Exit codes: 0 done/);
  const list = await start('--list').ended;
  assert.match(list.stdout, /expired-secret +client id 5a000000-/);
  for (const args of [['--nonsense'], ['--scenario', 'nothing'], ['--port', 'x'], ['--deliver-every', '0s']]) {
    const { code, stdout, stderr } = await start(...args).ended;
    assert.equal(code, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /postern-sandbox: /);
  }
});

/**
 * POP3 and SMTP judged by clients that nobody here wrote: curl, Python's poplib and smtplib, openssl, getmail, mpop, msmtp.
 *
 * getmail knows XOAUTH2 over POP3 only in late versions; an earlier one has to fail with its password here, as it does there.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { tokenFor, xoauth2 } from './dialogue.ts';
import { awaitedCat, has, run } from './programs.ts';

let sandbox: Sandbox;
let directory: string;
let ca: string;
let tokenFile: string;
before(async () => {
  sandbox = await startSandbox();
  directory = mkdtempSync(join(tmpdir(), 'sandbox-mail-clients-'));
  ca = join(directory, 'ca.pem');
  tokenFile = join(directory, 'token');
  writeFileSync(ca, sandbox.caPem);
  writeFileSync(tokenFile, await tokenFor(sandbox), { mode: 0o600 });
});
after(async () => {
  await sandbox.close();
  rmSync(directory, { recursive: true, force: true });
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function listed(address: string): Promise<{ uid: number; sha256: string }[]> {
  return JSON.parse(await (await fetch(`${sandbox.control}/mailboxes/${address}/messages`)).text());
}

async function messageOf(address: string, uid: number): Promise<Buffer> {
  return Buffer.from(await (await fetch(`${sandbox.control}/mailboxes/${address}/messages/${uid}`)).arrayBuffer());
}

async function newMailbox(address: string, count: number): Promise<void> {
  await fetch(`${sandbox.control}/mailboxes`, { method: 'POST', body: JSON.stringify({ address }) });
  await fetch(`${sandbox.control}/mailboxes/${address}/fill?count=${count}&seed=5`, { method: 'POST' });
}

/** A file of options for curl: the token goes by file, an argument would be seen by everyone on the machine. */
async function curlConfig(user: string): Promise<string> {
  const config = join(directory, `curl-${user}.conf`);
  const options = [
    `oauth2-bearer = "${await tokenFor(sandbox)}"`,
    `user = "${user}"`,
    'login-options = "AUTH=XOAUTH2"',
    `cacert = "${ca}"`,
  ];
  writeFileSync(config, `${options.join('\n')}\nsilent\nshow-error\n`, { mode: 0o600 });
  return config;
}

test('curl lists and reads over POP3, by TLS and by STLS', async (context) => {
  if (!has('curl', context)) return;
  const config = await curlConfig(sandbox.seededMailbox);
  const hashes = (await listed(sandbox.seededMailbox)).map((message) => message.sha256);
  const list = await run('curl', ['-K', config, `pop3s://localhost:${sandbox.pop.tlsPort}/`]);
  assert.equal(list.stdout.toString().trim().split('\n').length, hashes.length, list.stderr);
  const read = await run('curl', ['-K', config, `pop3s://localhost:${sandbox.pop.tlsPort}/36`]);
  assert.equal(sha256(read.stdout), hashes[35], read.stderr);
  const starttls = await run('curl', ['-K', config, '--ssl-reqd', `pop3://localhost:${sandbox.pop.starttlsPort}/1`]);
  assert.equal(sha256(starttls.stdout), hashes[0], starttls.stderr);
});

for (const more of [[], ['--sasl-ir']]) {
  test(`curl submits a message byte for byte over STARTTLS ${more.join('')}`, async (context) => {
    if (!has('curl', context)) return;
    const [from, to] = ['bulk@contoso.test', 'repeats-last@contoso.test'];
    const config = await curlConfig(from);
    const message = `From: ${from}\r\nTo: ${to}\r\nSubject: by curl\r\n\r\n.\r\n..\r\nend\r\n`;
    const args = ['-K', config, '--ssl-reqd', ...more, '--mail-from', from, '--mail-rcpt', to, '--upload-file', '-'];
    const { code, stderr } = await run('curl', [...args, `smtp://localhost:${sandbox.smtp.starttlsPort}/a.test`], message);
    assert.equal(code, 0, stderr);
    assert.equal((await listed(to)).at(-1)?.sha256, sha256(Buffer.from(message)));
  });
}

test('curl is refused by SMTP where the switch is off', async (context) => {
  if (!has('curl', context)) return;
  const from = 'smtp-off@contoso.test';
  const args = ['-K', await curlConfig(from), '--ssl-reqd', '--mail-from', from, '--mail-rcpt', from, '--upload-file', '-'];
  const { code } = await run('curl', [...args, `smtp://localhost:${sandbox.smtp.starttlsPort}/a.test`], 'Subject: x\r\n\r\n');
  assert.equal(code, 67);
});

test('Python’s poplib reads the seeded mailbox byte for byte', async (context) => {
  if (!has('python3', context)) return;
  const script = `
import base64, hashlib, poplib, ssl, sys
port, ca, user, tokenfile = sys.argv[1:]
token = open(tokenfile).read()
box = poplib.POP3_SSL('localhost', int(port), timeout=20, context=ssl.create_default_context(cafile=ca))
assert box._shortcmd('AUTH XOAUTH2').startswith(b'+')
box._shortcmd(base64.b64encode(('user=%s\\x01auth=Bearer %s\\x01\\x01' % (user, token)).encode()).decode())
count, size = box.stat()
ids = [line.split()[1] for line in box.uidl()[1]]
assert len(set(ids)) == count
for number in range(1, count + 1):
    text = b'\\r\\n'.join(box.retr(number)[1]) + b'\\r\\n'
    top = b'\\r\\n'.join(box.top(number, 100000)[1]) + b'\\r\\n'
    assert top == text, number
    print(hashlib.sha256(text).hexdigest())
box.quit()
`;
  const { stdout, stderr } = await run('python3', ['-c', script, String(sandbox.pop.tlsPort), ca, sandbox.seededMailbox, tokenFile]);
  const wanted: string[] = [];
  for (const { uid } of await listed(sandbox.seededMailbox)) {
    const bytes = await messageOf(sandbox.seededMailbox, uid);
    wanted.push(sha256(bytes.toString('latin1').endsWith('\r\n') ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')])));
  }
  assert.deepEqual(stdout.toString().trim().split('\n'), wanted, stderr);
});

test('Python’s smtplib submits byte for byte, with the token at once and after 334', async (context) => {
  if (!has('python3', context)) return;
  const script = `
import smtplib, ssl, sys
port, ca, user, to, tokenfile = sys.argv[1:]
token = open(tokenfile).read()
for initial in (True, False):
    box = smtplib.SMTP('localhost', int(port), timeout=20)
    box.starttls(context=ssl.create_default_context(cafile=ca))
    box.ehlo()
    assert 'XOAUTH2' in box.esmtp_features['auth'], box.esmtp_features
    box.auth('XOAUTH2', lambda challenge=None: 'user=%s\\x01auth=Bearer %s\\x01\\x01' % (user, token), initial_response_ok=initial)
    box.sendmail(user, [to], b'From: <%s>\\r\\nSubject: by smtplib\\r\\n\\r\\n.one\\r\\n.\\r\\n\\xe4\\r\\n' % user.encode(), mail_options=['BODY=8BITMIME'])
    box.quit()
`;
  const [from, to] = ['bulk@contoso.test', 'substitute@contoso.test'];
  const { code, stderr } = await run('python3', ['-c', script, String(sandbox.smtp.starttlsPort), ca, from, to, tokenFile]);
  assert.equal(code, 0, stderr);
  const hash = sha256(Buffer.from(`From: <${from}>\r\nSubject: by smtplib\r\n\r\n.one\r\n.\r\n\xe4\r\n`, 'latin1'));
  const hashes = (await listed(to)).map((message) => message.sha256);
  assert.deepEqual(hashes.slice(-2), [hash, hash]);
});

test('openssl puts TLS on POP3 and SMTP and verifies the chain strictly', async (context) => {
  if (!has('openssl', context)) return;
  for (const [protocol, port, said] of [
    ['pop3', sandbox.pop.starttlsPort, /^\+OK/m],
    ['smtp', sandbox.smtp.starttlsPort, /^221 /m],
  ] as const) {
    const verify = ['-CAfile', ca, '-verify_return_error', '-x509_strict', '-verify_hostname', 'localhost', '-quiet'];
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-starttls', protocol, ...verify];
    const { code, stdout, stderr } = await run('openssl', args, 'QUIT\r\n');
    assert.equal(code, 0, stderr);
    assert.match(stdout.toString(), said);
  }
});

test('getmail fetches every message over POP3, or is refused with a password', async (context) => {
  if (!has('getmail', context)) return;
  const address = 'getmail-pop@contoso.test';
  await newMailbox(address, 25);
  const home = join(directory, 'getmail');
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(
    join(home, 'getmailrc'),
    `[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\nport = ${sandbox.pop.tlsPort}\nusername = ${address}\nuse_xoauth2 = True\npassword_command = ("/bin/cat", "${tokenFile}")\nca_certs = ${ca}\n[destination]\ntype = MDA_external\npath = ${awaitedCat(home)}\nallow_root_commands = true\n[options]\nread_all = true\ndelete = false\n`,
  );
  const { stdout, stderr } = await run('getmail', ['--getmaildir', home, '--rcfile', 'getmailrc']);
  const said = `${stdout}${stderr}`;
  if (said.includes('unknown parameter "use_xoauth2"')) assert.match(said, /-ERR Logon failure: unknown user name or bad password\./);
  else assert.match(said, /25 messages \(\d+ bytes\) retrieved/);
});

test('mpop fetches over POP3', async (context) => {
  if (!has('mpop', context)) return;
  const address = 'mpop@contoso.test';
  await newMailbox(address, 10);
  const maildir = join(directory, 'mpop');
  for (const part of ['', 'cur', 'new', 'tmp']) mkdirSync(join(maildir, part));
  const config = join(directory, 'mpoprc');
  writeFileSync(
    config,
    `defaults\ntls on\ntls_starttls off\ntls_trust_file ${ca}\naccount default\nhost localhost\nport ${sandbox.pop.tlsPort}\nuser ${address}\nauth xoauth2\npasswordeval cat ${tokenFile}\nkeep on\nuidls_file ${join(directory, 'uidls')}\ndelivery maildir ${maildir}\n`,
    { mode: 0o600 },
  );
  const { code, stdout, stderr } = await run('mpop', ['-C', config]);
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.equal(readdirSync(join(maildir, 'new')).length, 10);
});

test('msmtp submits over STARTTLS', async (context) => {
  if (!has('msmtp', context)) return;
  const [from, to] = ['bulk@contoso.test', 'slow@contoso.test'];
  const config = join(directory, 'msmtprc');
  writeFileSync(
    config,
    `defaults\ntls on\ntls_starttls on\ntls_trust_file ${ca}\naccount default\nhost localhost\nport ${sandbox.smtp.starttlsPort}\nuser ${from}\nauth xoauth2\npasswordeval cat ${tokenFile}\nfrom ${from}\n`,
    { mode: 0o600 },
  );
  const before = (await listed(to)).length;
  const { code, stderr } = await run('msmtp', ['-C', config, to], `From: ${from}\nSubject: by msmtp\n\n.dot\n`);
  assert.equal(code, 0, stderr);
  const messages = await listed(to);
  assert.equal(messages.length, before + 1);
  assert.match((await messageOf(to, messages.at(-1)?.uid ?? 0)).toString(), /\r\n\r\n\.dot\r\n$/);
});

test('the test vector of the XOAUTH2 string is what this test suite sends', () => {
  assert.equal(
    xoauth2('test@contoso.onmicrosoft.com', 'EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA'),
    'dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==',
  );
});

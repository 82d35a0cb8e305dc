/**
 * IMAP and the token endpoint judged by clients that nobody here wrote: imapflow, curl, mbsync, openssl.
 *
 * A program that this machine does not have is skipped by name; with CI=true that is a failure for those that CI installs.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import { type Sandbox, startSandbox } from '../src/place.ts';
import { tokenFor } from './dialogue.ts';
import { awaitedCat, has, run } from './programs.ts';

let sandbox: Sandbox;
let directory: string;
let token: string;
before(async () => {
  sandbox = await startSandbox();
  directory = mkdtempSync(join(tmpdir(), 'sandbox-clients-'));
  writeFileSync(join(directory, 'ca.pem'), sandbox.caPem);
  writeFileSync(join(directory, 'token'), await tokenFor(sandbox), { mode: 0o600 });
  token = await tokenFor(sandbox);
});
after(async () => {
  await sandbox.close();
  rmSync(directory, { recursive: true, force: true });
});

function hashesOf(address: string): Promise<string[]> {
  return fetch(`${sandbox.control}/mailboxes/${address}/messages`)
    .then((answer) => answer.text())
    .then((text) => JSON.parse(text).map((message: { sha256: string }) => message.sha256));
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

function flow(user: string, port = sandbox.imap.tlsPort, secure = true): ImapFlow {
  return new ImapFlow({ host: 'localhost', port, secure, tls: { ca: sandbox.caPem }, auth: { user, accessToken: token }, logger: false });
}

for (const [port, secure] of [
  ['tlsPort', true],
  ['starttlsPort', false],
] as const) {
  test(`imapflow reads the whole seeded mailbox byte for byte (${port})`, async () => {
    const client = flow(sandbox.seededMailbox, sandbox.imap[port], secure);
    await client.connect();
    const lock = await client.getMailboxLock('INBOX');
    const hashes: string[] = [];
    const subjects: string[] = [];
    for await (const message of client.fetch('1:*', { uid: true, source: true, envelope: true, bodyStructure: true, flags: true })) {
      assert.ok(message.source && message.bodyStructure);
      hashes.push(sha256(message.source));
      subjects.push(message.envelope?.subject ?? '');
    }
    lock.release();
    await client.logout();
    assert.deepEqual(hashes, await hashesOf(sandbox.seededMailbox));
    for (const subject of ['納期のご確認', 'Договор на поставку', '合同已签署', 'Árvíztűrő tükörfúrógép megrendelése']) {
      assert.ok(subjects.includes(subject), subject);
    }
  });
}

test('imapflow finds the special folders, moves, marks, appends, deletes and hears a delivery', async () => {
  await fetch(`${sandbox.control}/mailboxes/bulk@contoso.test/fill?count=20&seed=3`, { method: 'POST' });
  const client = flow(sandbox.bulkMailbox);
  await client.connect();
  const special = new Map((await client.list()).map((folder) => [folder.specialUse, folder.path]));
  assert.equal(special.get('\\Sent'), 'Sent Items');
  assert.equal(special.get('\\Trash'), 'Deleted Items');
  await client.mailboxCreate('Importé');
  await client.mailboxOpen('INBOX');
  const heard = new Promise<number>((resolve) => client.once('exists', ({ count }) => resolve(count)));
  await fetch(`${sandbox.control}/mailboxes/bulk@contoso.test/messages`, { method: 'POST', body: 'Subject: new\r\n\r\nnew\r\n' });
  await client.noop();
  assert.equal(await heard, 21);
  await client.messageFlagsAdd('1:3', ['\\Seen']);
  assert.deepEqual(await client.search({ seen: true }, { uid: true }), [1, 2, 3]);
  const moved = await client.messageMove('1:2', 'Importé', { uid: true });
  assert.ok(moved);
  assert.deepEqual(
    [...(moved.uidMap ?? [])],
    [
      [1, 1],
      [2, 2],
    ],
  );
  await client.messageDelete('3', { uid: true });
  const appended = await client.append('Importé', 'Subject: appended\r\n\r\nbody\r\n', ['\\Seen']);
  assert.ok(appended);
  assert.equal(appended.uid, 3);
  const status = await client.status('INBOX', { messages: true });
  assert.ok(status);
  assert.equal(status.messages, 18);
  await client.logout();
});

test('imapflow is refused with Exchange’s words where Exchange refuses', async () => {
  const client = flow('nobody@contoso.test');
  await assert.rejects(client.connect(), (error: Error & { responseText?: string }) =>
    /AUTHENTICATE failed/.test(error.responseText ?? ''),
  );
  client.close();
});

test('curl gets a token, lists, searches and fetches', async (context) => {
  if (!has('curl', context)) return;
  const config = join(directory, 'curl.conf');
  // The token and the secret go by file: an argument would be seen by everyone on the machine.
  writeFileSync(join(directory, 'secret'), sandbox.clientSecret, { mode: 0o600 });
  writeFileSync(config, `oauth2-bearer = "${token}"\nuser = "${sandbox.seededMailbox}"\nlogin-options = "AUTH=XOAUTH2"\n`, { mode: 0o600 });
  const form = [
    'grant_type=client_credentials',
    `client_id=${sandbox.clientId}`,
    `client_secret@${join(directory, 'secret')}`,
    `scope=${sandbox.scope}`,
  ];
  const ca = ['-sS', '--cacert', join(directory, 'ca.pem')];
  const granted = await run('curl', [...ca, ...form.flatMap((one) => ['--data-urlencode', one]), sandbox.tokenEndpoint]);
  assert.equal(JSON.parse(granted.stdout.toString()).token_type, 'Bearer', granted.stderr);

  const imaps = `imaps://localhost:${sandbox.imap.tlsPort}`;
  const listed = await run('curl', [...ca, '-K', config, `${imaps}/`]);
  assert.match(listed.stdout.toString(), /"Sent Items"/, listed.stderr);
  const found = await run('curl', [...ca, '-K', config, `${imaps}/INBOX?SUBJECT%20Heartbeat`]);
  assert.match(found.stdout.toString(), /^\* SEARCH 45\r\n/, found.stderr);
  const hashes = await hashesOf(sandbox.seededMailbox);
  const fetched = await run('curl', [...ca, '-K', config, `${imaps}/INBOX;UID=36`]);
  assert.equal(sha256(fetched.stdout), hashes[35], fetched.stderr);
  const starttls = await run('curl', [...ca, '-K', config, '--ssl-reqd', `imap://localhost:${sandbox.imap.starttlsPort}/INBOX;UID=1`]);
  assert.equal(sha256(starttls.stdout), hashes[0], starttls.stderr);
});

test('curl does not trust the sandbox without its authority', async (context) => {
  if (!has('curl', context)) return;
  const { code } = await run('curl', ['-sS', sandbox.tokenEndpoint]);
  assert.equal(code, 60);
});

test('openssl verifies the chain strictly, by name and by address', async (context) => {
  if (!has('openssl', context)) return;
  for (const name of [
    ['-verify_hostname', 'localhost'],
    ['-verify_ip', '127.0.0.1'],
  ]) {
    const args = [
      's_client',
      '-connect',
      `127.0.0.1:${sandbox.imap.tlsPort}`,
      '-CAfile',
      join(directory, 'ca.pem'),
      '-verify_return_error',
      '-x509_strict',
      ...name,
    ];
    const { stdout, stderr } = await run('openssl', [...args, '-quiet'], 'a1 CAPABILITY\r\na2 LOGOUT\r\n');
    assert.match(stdout.toString(), /^\* OK The Microsoft Exchange IMAP4 service is ready\. \[/, stderr);
  }
});

/** Whether the SASL library that mbsync uses can speak XOAUTH2. Debian: libsasl2-modules-kdexoauth2. */
function saslKnowsXoauth2(): boolean {
  const folders = [process.env['SASL_PATH'] ?? '', '/usr/lib/sasl2', '/usr/lib64/sasl2', ...multiarch()];
  return folders.some((folder) => existsSync(folder) && readdirSync(folder).some((name) => /xoauth2.*\.so/.test(name)));
}

/** Debian keeps the plugins in a folder named for the machine. */
function multiarch(): string[] {
  return existsSync('/usr/lib') ? readdirSync('/usr/lib').map((name) => join('/usr/lib', name, 'sasl2')) : [];
}

test('mbsync mirrors a mailbox of 300 messages', async (context) => {
  if (!has('mbsync', context)) return;
  if (!saslKnowsXoauth2()) return context.skip('mbsync has no XOAUTH2 on this machine: libsasl2-modules-kdexoauth2 is missing');
  const address = 'mirror@contoso.test';
  await fetch(`${sandbox.control}/mailboxes`, { method: 'POST', body: JSON.stringify({ address }) });
  await fetch(`${sandbox.control}/mailboxes/${address}/fill?count=300&seed=9`, { method: 'POST' });
  const maildir = join(directory, 'maildir');
  mkdirSync(maildir);
  writeFileSync(
    join(directory, 'mbsyncrc'),
    `IMAPAccount a\nHost localhost\nPort ${sandbox.imap.tlsPort}\nUser ${address}\nPassCmd "cat ${join(directory, 'token')}"\nAuthMechs XOAUTH2\nSSLType IMAPS\nCertificateFile ${join(directory, 'ca.pem')}\nSystemCertificates no\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nInbox ${maildir}/INBOX\n\nChannel c\nFar :far:INBOX\nNear :near:INBOX\nSync Pull\nCreate Near\nSyncState *\n`,
  );
  const { code, stderr } = await run('mbsync', ['-c', join(directory, 'mbsyncrc'), '-a']);
  assert.equal(code, 0, stderr);
  const files = ['new', 'cur'].flatMap((part) =>
    readdirSync(join(maildir, 'INBOX', part)).map((name) => join(maildir, 'INBOX', part, name)),
  );
  // mbsync stores bare line ends and adds a header line of its own; without both, every byte must be there.
  const hashes = files.map((file) => {
    const text = readFileSync(file, 'latin1')
      .replace(/^X-TUID: .*\n/m, '')
      .replace(/\n/g, '\r\n');
    return sha256(Buffer.from(text, 'latin1'));
  });
  assert.deepEqual(hashes.sort(), (await hashesOf(address)).sort());
});

test('Python’s imaplib reads the seeded mailbox byte for byte', async (context) => {
  if (!has('python3', context)) return;
  const script = `
import hashlib, imaplib, re, ssl, sys
port, ca, user, tokenfile = sys.argv[1:]
token = open(tokenfile).read()
box = imaplib.IMAP4_SSL('localhost', int(port), ssl_context=ssl.create_default_context(cafile=ca))
box.authenticate('XOAUTH2', lambda _: ('user=%s\\x01auth=Bearer %s\\x01\\x01' % (user, token)).encode())
assert box.select('INBOX', readonly=True)[0] == 'OK'
for uid in box.uid('SEARCH', None, 'ALL')[1][0].split():
    status, data = box.uid('FETCH', uid, '(BODY.PEEK[])')
    print(hashlib.sha256(data[0][1]).hexdigest())
box.logout()
`;
  const args = ['-c', script, String(sandbox.imap.tlsPort), join(directory, 'ca.pem'), sandbox.seededMailbox, join(directory, 'token')];
  const { stdout, stderr } = await run('python3', args);
  assert.deepEqual(stdout.toString().trim().split('\n'), await hashesOf(sandbox.seededMailbox), stderr);
});

test('getmail fetches every message of a mailbox', async (context) => {
  if (!has('getmail', context)) return;
  const address = 'getmail@contoso.test';
  await fetch(`${sandbox.control}/mailboxes`, { method: 'POST', body: JSON.stringify({ address }) });
  await fetch(`${sandbox.control}/mailboxes/${address}/fill?count=25&seed=11`, { method: 'POST' });
  const home = join(directory, 'getmail');
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(
    join(home, 'getmailrc'),
    `[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = localhost\nport = ${sandbox.imap.tlsPort}\nusername = ${address}\nuse_xoauth2 = True\npassword_command = ("/bin/cat", "${join(directory, 'token')}")\nmailboxes = ("INBOX",)\nca_certs = ${join(directory, 'ca.pem')}\n[destination]\ntype = MDA_external\npath = ${awaitedCat(home)}\nallow_root_commands = true\n[options]\nread_all = true\ndelete = false\n`,
  );
  const { stdout, stderr } = await run('getmail', ['--getmaildir', home, '--rcfile', 'getmailrc']);
  assert.match(stdout.toString(), /^ *25 messages \(\d+ bytes\) retrieved, 0 skipped$/m, stderr);
});

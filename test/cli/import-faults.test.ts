/**
 * Bad input, through the real binary: what is said, with which exit code; and whatever goes wrong, the archive stays as it was and no
 * secret shows anywhere.
 *
 * Each case begins with a copy of the same archive, so that "intact" means something.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { clientIdOf } from '../../sandbox/src/scenario.ts';
import type { ArchiveStats } from '../../src/archive/archive.ts';
import { openArchive, openArchiveReader } from '../../src/archive/sqlite/sqlite-archive.ts';
import { exit } from '../../src/cli/command.ts';
import type { FaultCode } from '../../src/fault/catalog.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Authority } from '../transcript/certificate.ts';
import { binary, postern, type Ran } from './postern.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-faults-'));
const filled = join(folder, 'filled');
/** A second, and a lot of room for a busy machine: what is not prompt goes on for a minute at least. */
const promptlyMs = 15_000;
const wrongSecret = 'Wr0~ngButLongEnoughToBeFoundAnywhere';
/** The names in its certificate are other ones than the one by which it is reached. */
let stranger: tls.Server;
let strangerPort = 0;
/** Nobody listens there, and the system gives it to nobody who asks for any port. */
const closedPort = 1;
let sandbox: Sandbox;
let stats: ArchiveStats;

before(async () => {
  sandbox = await startSandbox();
  const now = Date.now();
  const authority = new Authority('Strangers', new Date(now - 86_400_000), new Date(now + 86_400_000));
  const identity = authority.issue({
    subject: 'mail',
    names: ['mail.contoso.test'],
    from: new Date(now - 86_400_000),
    to: new Date(now + 86_400_000),
  });
  stranger = tls.createServer({ key: identity.key, cert: identity.certificate }, (socket) => socket.on('error', () => undefined));
  strangerPort = await portOf(stranger);
  writeFileSync(join(folder, 'stranger.pem'), authority.certificate);
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
  writeFileSync(join(folder, 'a-file'), 'not a folder');
  const ran = await imported('first', {});
  assert.equal(ran.code, exit.done, ran.talk);
  cpSync(dataOf('first'), filled, { recursive: true });
  stats = await statsOf('first');
});

after(async () => {
  stranger?.close();
  await sandbox?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

interface Wish {
  readonly tenantId?: string;
  readonly app?: number;
  readonly scope?: string;
  readonly secret?: string;
  readonly tenantCa?: string;
  readonly server?: string;
  readonly mailbox?: string;
  readonly folders?: string;
  readonly data?: string;
  /** Name of the source: the archive knows `box`. */
  readonly source?: string;
  /** Further sources. */
  readonly also?: string;
  readonly args?: readonly string[];
}

/** Writes a configuration with the wished mistake, and returns its path. */
function configured(name: string, wish: Wish): string {
  const { imap } = sandbox;
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `data: ${wish.data ?? `./${name}`}
tenants:
  lab:
    tenantId: ${wish.tenantId ?? sandbox.tenant.id}
    clientId: ${clientIdOf(wish.app ?? 1)}
    cloud: { authority: "${sandbox.authority}", scope: "${sandbox.scope}" }
    ${wish.scope === undefined ? '' : `scope: ${wish.scope}`}
    credential: { secret: { env: LAB_SECRET } }
    ${wish.tenantCa ?? 'ca: ca.pem'}
sources:
  ${wish.source ?? 'box'}:
    tenant: lab
    server: ${wish.server ?? `{ host: localhost, port: ${imap.tlsPort}, ca: ca.pem }`}
    mailbox: ${wish.mailbox ?? sandbox.seededMailbox}
    folders: ${wish.folders ?? '[INBOX]'}
${wish.also ?? ''}
`,
  );
  return file;
}

async function imported(name: string, wish: Wish): Promise<Ran> {
  return await postern(['import', 'run', ...(wish.args ?? []), '--once', '--json', '--config', configured(name, wish)], {
    env: { LAB_SECRET: wish.secret ?? sandbox.clientSecret },
  });
}

function says(ran: Ran, code: FaultCode): void {
  assert.match(ran.talk, new RegExp(`^${code}: `, 'm'));
}

function dataOf(name: string): string {
  return join(folder, name);
}

/** As the archive stands, when its bytes and its chain have been found good. */
async function statsOf(name: string): Promise<ArchiveStats> {
  const reader = openArchiveReader(dataOf(name));
  try {
    assert.deepEqual((await reader.verify()).findings, []);
    return await reader.stats();
  } finally {
    await reader.close();
  }
}

/** Secrets and tokens in what was printed and in every file that was written. */
function leaks(name: string, ran: Ran): string[] {
  const files = readdirSync(dataOf(name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'latin1')] as const);
  // A JWT begins so, and so does the XOAUTH2 string in base64 (`user=`).
  const telling = [sandbox.clientSecret, wrongSecret, encodeURIComponent(sandbox.clientSecret), 'eyJ0eXAi', 'eyJhbGci', 'dXNlcj'];
  return [['stdout', ran.out] as const, ['stderr', ran.talk] as const, ...files]
    .filter(([, text]) => telling.some((secret) => text.includes(secret)))
    .map(([where]) => where);
}

const cases: readonly (readonly [what: string, code: FaultCode, exitCode: number, wish: () => Wish])[] = [
  ['a wrong tenant id', 'token.tenant-not-found', exit.fault, () => ({ tenantId: 'fabrikam.test' })],
  ['a wrong secret', 'token.secret-wrong', exit.fault, () => ({ secret: wrongSecret })],
  ['an expired secret', 'token.secret-expired', exit.fault, () => ({ app: 2 })],
  ['a secret that is not there', 'config.secret-not-set', exit.usage, () => ({ secret: '' })],
  ['a wrong scope', 'token.resource-not-found', exit.fault, () => ({ scope: 'https://mail.example.com/.default' })],
  [
    'a scope that is none for an app',
    'config.invalid',
    exit.usage,
    () => ({ scope: 'https://outlook.office365.com/IMAP.AccessAsUser.All' }),
  ],
  ['a token endpoint that is not trusted', 'network.certificate-not-trusted', exit.fault, () => ({ tenantCa: '' })],
  ['an app without its service principal in Exchange', 'imap.authenticate-refused', exit.fault, () => ({ app: 17 })],
  [
    'a port where nobody listens',
    'network.unreachable',
    exit.tryLater,
    () => ({ server: `{ host: localhost, port: ${closedPort}, ca: ca.pem }` }),
  ],
  ['a host name that does not resolve', 'network.name-not-found', exit.tryLater, () => ({ server: '{ host: imap.invalid, port: 993 }' })],
  [
    'a server that is not trusted',
    'network.certificate-not-trusted',
    exit.fault,
    () => ({ server: `{ host: localhost, port: ${strangerPort} }` }),
  ],
  [
    'a certificate for another host name',
    'network.certificate-wrong-host',
    exit.fault,
    () => ({ server: `{ host: localhost, port: ${strangerPort}, ca: stranger.pem }` }),
  ],
  [
    'TLS on a port that begins in plain text',
    'network.tls-failed',
    exit.fault,
    () => ({ server: `{ host: localhost, port: ${sandbox.imap.starttlsPort}, tls: implicit, ca: ca.pem }` }),
  ],
  ['a mailbox without grant', 'imap.not-connected', exit.fault, () => ({ source: 'new', mailbox: 'no-grant@contoso.test' })],
  ['an address that is no mailbox', 'imap.authenticate-refused', exit.fault, () => ({ mailbox: 'nobody@contoso.test' })],
  ['an unknown source', 'import.source-unknown', exit.fault, () => ({ args: ['bix'] })],
];

// Side by side, for most of the time goes into the start of a process and into its waits.
describe('bad input', { concurrency: 4 }, () => {
  for (const [index, [what, code, exitCode, wish]] of cases.entries()) {
    test(`${what} is ${code}, and the archive stays as it was`, async () => {
      const name = `case${index}`;
      cpSync(filled, dataOf(name), { recursive: true });
      const ran = await imported(name, wish());
      assert.equal(ran.code, exitCode, ran.talk);
      says(ran, code);
      assert.match(ran.out, new RegExp(`"code": "${code}"`));
      assert.deepEqual(await statsOf(name), stats);
      assert.deepEqual(leaks(name, ran), []);
    });
  }
});

test('an unknown folder is imap.folder-unknown, and the others come in', async () => {
  mkdirSync(dataOf('folders'));
  const ran = await imported('folders', { folders: '[Nowhere, INBOX]' });
  assert.equal(ran.code, exit.fault);
  says(ran, 'imap.folder-unknown');
  assert.match(ran.talk, /folder: +Nowhere/);
  assert.equal((await statsOf('folders')).messages, stats.messages);
  assert.deepEqual(leaks('folders', ran), []);
});

test('a source that fails leaves the others alone, and the exit code tells of it', async () => {
  const also = `  closed:\n    tenant: lab\n    server: { host: localhost, port: ${sandbox.imap.tlsPort}, ca: ca.pem }\n    mailbox: imap-off@contoso.test`;
  const ran = await imported('others', { also });
  assert.equal(ran.code, exit.fault, ran.talk);
  says(ran, 'imap.not-connected');
  assert.equal((await statsOf('others')).messages, stats.messages);
});

test('a data folder that cannot be written is archive.write-failed', async () => {
  const ran = await imported('unwritable', { data: './a-file' });
  assert.equal(ran.code, exit.fault, ran.talk);
  says(ran, 'archive.write-failed');
  assert.equal(readFileSync(join(folder, 'a-file'), 'utf8'), 'not a folder');
});

test('an archive that another process writes to is archive.in-use, to be tried later', async () => {
  cpSync(filled, dataOf('in-use'), { recursive: true });
  const archive = await openArchive(dataOf('in-use'), systemClock);
  try {
    const ran = await imported('in-use', {});
    assert.equal(ran.code, exit.tryLater, ran.talk);
    says(ran, 'archive.in-use');
  } finally {
    await archive.close();
  }
  assert.deepEqual(await statsOf('in-use'), stats);
});

test('a damaged index keeps no mail from the archive: the summary is there, the fault is told, and reindex mends it', async () => {
  cpSync(filled, dataOf('index'), { recursive: true });
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(dataOf('index'), 'archive', `index.sqlite${suffix}`), { force: true });
  writeFileSync(join(dataOf('index'), 'archive', 'index.sqlite'), 'this is no database, and long enough to be read as one. '.repeat(400));
  const ran = await imported('index', {});
  assert.equal(ran.code, exit.fault, ran.talk);
  says(ran, 'archive.index-damaged');
  const summary = JSON.parse(ran.out);
  assert.deepEqual([summary.complete, summary.sources[0].complete, summary.fault.code], [false, true, 'archive.index-damaged']);
  const mended = await postern(['archive', 'reindex', '--config', configured('index', {})], { env: { LAB_SECRET: '' } });
  assert.equal(mended.code, exit.done, mended.talk);
  assert.equal((await imported('index', {})).code, exit.done);
});

test('no source at all is import.no-sources', async () => {
  writeFileSync(join(folder, 'empty.yaml'), 'data: ./empty\n');
  const ran = await postern(['import', 'run', '--once', '--config', join(folder, 'empty.yaml')]);
  says(ran, 'import.no-sources');
  assert.equal(ran.code, exit.fault);
});

for (const [phase, wish, sign, exitCode] of [
  ['listens', () => ({}), /new messages/, exit.done],
  [
    'waits to try again',
    () => ({ args: ['--once'], server: `{ host: localhost, port: ${closedPort}, ca: ca.pem }` }),
    /Trying again/,
    exit.interrupted,
  ],
] as const satisfies readonly (readonly [string, () => Wish, RegExp, number])[]) {
  test(`Ctrl-C while the import ${phase} ends it promptly with exit code ${exitCode}`, async () => {
    const config = configured(`stopped${exitCode}`, wish());
    const args = ['import', 'run', ...('args' in wish() ? ['--once'] : []), '--config', config];
    const child = spawn(binary, args, {
      env: { ...process.env, LAB_SECRET: sandbox.clientSecret },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 120_000,
    });
    let talk = '';
    let stoppedAtMs = 0;
    child.stderr.setEncoding('utf8').on('data', (text) => {
      talk += text;
      if (stoppedAtMs > 0 || !sign.test(talk)) return;
      stoppedAtMs = performance.now();
      child.kill('SIGINT');
    });
    const [code] = await once(child, 'close');
    assert.equal(code, exitCode, talk);
    assert.ok(performance.now() - stoppedAtMs < promptlyMs, `it took ${performance.now() - stoppedAtMs} ms`);
    assert.deepEqual((await statsOf(`stopped${exitCode}`)).messages, exitCode === exit.done ? stats.messages : 0);
  });
}

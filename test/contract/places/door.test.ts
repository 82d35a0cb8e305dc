/** The door itself, by plain TCP; and an import that has to come through it, from the sandbox and from Dovecot. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startSandbox } from 'postern-sandbox';
import { openArchive } from '../../../src/archive/sqlite/sqlite-archive.ts';
import { exactly } from '../../../src/import/folders.ts';
import { imapMailbox } from '../../../src/import/from-imap.ts';
import type { MailLogin } from '../../../src/import/login.ts';
import { runOnce } from '../../../src/import/run.ts';
import type { ImapEndpoint, ImapLimits } from '../../../src/mail/imap/endpoint.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { Secret } from '../../../src/runtime/secret.ts';
import { createTokenSource } from '../../../src/token/source.ts';
import { type Chance, chanceOf } from '../../crash/chance.ts';
import { look } from '../../crash/look.ts';
import { mailFor } from '../../crash/mail.ts';
import { fill, type ServerMessage } from '../../crash/place.ts';
import { selfSignedCertificate } from './certificate.ts';
import { type Door, type DoorOptions, type Mishap, startDoor } from './door.ts';
import { startDovecot } from './dovecot.ts';
import { unlessDovecot } from './peers.ts';

const sayBytes = 100_000;
/** Longer than a busy machine needs. */
const patienceMs = 40_000;

/** A door before a server that says 100,000 bytes and ends its side when the client has ended its own. */
async function doorBeforeTalker(t: TestContext, options: Omit<DoorOptions, 'target'>): Promise<Door> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined).on('end', () => socket.end());
    socket.resume().write(Buffer.alloc(sayBytes, 'x'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const door = await startDoor({ ...options, target: { port: (server.address() as AddressInfo).port } });
  t.after(async () => {
    await door.close();
    await once(server.close(), 'close');
  });
  return door;
}

interface Heard {
  readonly bytes: number;
  readonly error: string | undefined;
  readonly ended: boolean;
}

/** What a client gets that has nothing to say. Once it has `enough` it does `act`, or ends by itself, or stays for a while. */
async function hear(port: number, options: HearOptions = {}): Promise<Heard> {
  const socket = connect({ host: '127.0.0.1', port });
  const patience = new AbortController();
  const leave = (): void => patience.abort();
  const { enough = Number.POSITIVE_INFINITY, act = () => socket.end(), stayMs } = options;
  let timer = setTimeout(leave, patienceMs);
  let bytes = 0;
  let error: string | undefined;
  let ended = false;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    if (bytes < enough) return;
    if (stayMs === undefined) return act();
    clearTimeout(timer);
    timer = setTimeout(leave, stayMs);
  });
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    error = cause.code;
  });
  socket.on('end', () => {
    ended = true;
  });
  await once(socket, 'close', { signal: patience.signal }).catch((cause: NodeJS.ErrnoException) => {
    error ??= cause.code;
    socket.destroy();
  });
  clearTimeout(timer);
  return { bytes, error, ended };
}

interface HearOptions {
  readonly enough?: number;
  readonly act?: () => void;
  /** How long it goes on listening then. */
  readonly stayMs?: number;
}

test('without a mishap the door passes everything on, and both ends of the connection', async (t) => {
  const door = await doorBeforeTalker(t, {});
  assert.deepEqual(await hear(door.port, { enough: sayBytes }), { bytes: sayBytes, error: undefined, ended: true });
  assert.deepEqual([door.connections, door.struck], [1, []]);
});

test('a cut strikes behind the very byte that was named', async (t) => {
  const door = await doorBeforeTalker(t, { mishap: (connection) => ({ does: 'cut', afterBytes: connection === 1 ? 0 : 70_001 }) });
  assert.deepEqual(await hear(door.port), { bytes: 0, error: undefined, ended: true });
  assert.deepEqual(await hear(door.port), { bytes: 70_001, error: undefined, ended: true });
  assert.deepEqual(door.struck, [
    { does: 'cut', afterBytes: 0 },
    { does: 'cut', afterBytes: 70_001 },
  ]);
});

test('a reset is one to the client', async (t) => {
  const door = await doorBeforeTalker(t, { mishap: () => ({ does: 'reset', afterBytes: 5_000 }) });
  assert.equal((await hear(door.port)).error, 'ECONNRESET');
});

test('a stalled connection passes nothing more and does not end', async (t) => {
  const door = await doorBeforeTalker(t, { mishap: () => ({ does: 'stall', afterBytes: 70_001 }) });
  assert.deepEqual(await hear(door.port, { enough: 70_001, stayMs: 150 }), { bytes: 70_001, error: 'ABORT_ERR', ended: false });
});

test('the door strikes open connections at command', async (t) => {
  const door = await doorBeforeTalker(t, {});
  assert.deepEqual(await hear(door.port, { enough: sayBytes, act: () => door.strike('cut') }), {
    bytes: sayBytes,
    error: undefined,
    ended: true,
  });
});

test('a delay holds everything back and keeps its order', async (t) => {
  const delayMs = 60;
  const door = await doorBeforeTalker(t, { delayMs });
  const startedAt = performance.now();
  assert.deepEqual(await hear(door.port, { enough: sayBytes }), { bytes: sayBytes, error: undefined, ended: true });
  assert.ok(performance.now() - startedAt >= 2 * delayMs - 5, 'the bytes and the end each waited'); // a timer may fire a little early
});

test('a stall that passes holds up what comes, and nothing of it is lost', async (t) => {
  const forMs = 60;
  const mishap = { does: 'stall', afterBytes: 70_001, forMs } as const;
  const door = await doorBeforeTalker(t, { mishap: () => mishap });
  const startedAt = performance.now();
  assert.deepEqual(await hear(door.port, { enough: sayBytes }), { bytes: sayBytes, error: undefined, ended: true });
  assert.ok(performance.now() - startedAt >= forMs - 5);
  assert.deepEqual(door.struck, [mishap]);
});

test('a cut can be counted in bytes of the client', async (t) => {
  const door = await doorBeforeTalker(t, { mishap: () => ({ does: 'cut', afterBytes: 3, counts: 'client' }) });
  const socket = connect({ host: '127.0.0.1', port: door.port });
  socket.resume().write('12');
  socket.write('345');
  await once(socket, 'end', { signal: AbortSignal.timeout(60_000) });
  socket.end();
  assert.deepEqual(door.struck, [{ does: 'cut', afterBytes: 3, counts: 'client' }]);
});

test('a cut can fall between two TLS records, however their bytes come', async () => {
  // Three records of 4, 300 and 1 bytes, and the beginning of a fourth.
  const record = (length: number): Buffer => Buffer.concat([Buffer.from([23, 3, 3, length >> 8, length & 255]), Buffer.alloc(length, 'r')]);
  const records = [record(4), record(300), record(1), Buffer.from([23, 3])];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    for (const byte of Buffer.concat(records)) socket.write(Buffer.of(byte));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const [after, bytes] of [
    [1, 9],
    [2, 9 + 305],
    [3, 9 + 305 + 6],
  ] as const) {
    const door = await startDoor({ target: { port }, mishap: () => ({ does: 'cut', afterBytes: after, unit: 'records' }) });
    assert.deepEqual(await hear(door.port), { bytes, error: undefined, ended: true });
    await door.close();
  }
  server.close();
});

test('what is done at a byte is done before the next one passes', async (t) => {
  const seen: number[] = [];
  const moments = [1, 50_000, 50_000, 99_999];
  const door: Door = await doorBeforeTalker(t, {
    interlude: {
      at: () => moments[0],
      act: async () => {
        moments.shift();
        // Some turns, in which more bytes come from the server.
        for (let turn = 0; turn < 5; turn += 1) await new Promise((done) => setImmediate(done));
        seen.push(door.passedBytes);
      },
    },
  });
  assert.deepEqual(await hear(door.port, { enough: sayBytes }), { bytes: sayBytes, error: undefined, ended: true });
  assert.deepEqual(seen, [1, 50_000, 50_000, 99_999]);
});

const mishaps = 30;
const messages = 200;
const limits: Partial<ImapLimits> = { connectTimeoutMs: 1_000, loginTimeoutMs: 1_000, commandTimeoutMs: 1_000, stallTimeoutMs: 500 };
/** Waits between attempts are shortened: there is nothing that could recover meanwhile. */
const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 2), signal) };

/** Small numbers of bytes as often as large ones: within the login, within the list, within a body. */
function someMishap(chance: Chance): Mishap {
  const afterBytes = Math.floor(10 ** (2 + 4.4 * chance.next()));
  const drawn = chance.next();
  return { does: drawn < 0.1 ? 'stall' : drawn < 0.5 ? 'reset' : 'cut', afterBytes };
}

/** Imports through a door that spoils the first connections, again whenever a run gives up, and looks into the archive after each. */
async function importThroughDoor(endpoint: ImapEndpoint, login: MailLogin, server: readonly ServerMessage[], seed: number): Promise<void> {
  const chance = chanceOf(seed);
  const folder = mkdtempSync(join(tmpdir(), 'postern-door-'));
  const door = await startDoor({
    target: { port: endpoint.port },
    mishap: (connection) => (connection > mishaps ? undefined : someMishap(chance)),
  });
  const archive = await openArchive(folder, clock);
  try {
    const connectMailbox = imapMailbox({ ...endpoint, port: door.port }, login, clock, limits);
    const source = { name: 'bulk', folders: exactly(['INBOX']), everyMs: 60_000, connect: connectMailbox };
    const ports = { archive, clock, random: () => 0, report: () => undefined, signal: AbortSignal.timeout(100_000) };
    let summary = await runOnce([source], ports, { connections: 1 });
    // What was kept apart for cut connections comes in a run that has good ones.
    const isWhole = (): boolean => summary.complete && summary.sources[0]?.folders.every(({ quarantined }) => quarantined === 0) === true;
    for (let runs = 1; !isWhole() && runs <= mishaps; runs += 1) {
      look(folder, server);
      summary = await runOnce([source], ports, { connections: 1 });
    }
    assert.ok(summary.complete, `seed ${seed}: ${summary.sources[0]?.fault?.message}`);
    const distinct = new Set(server.map((message) => message.sha256)).size;
    assert.deepEqual(look(folder, server), { rows: server.length, messages: distinct, lag: 0, incoming: 0 });
    const { findings, orphans } = await archive.verify();
    assert.deepEqual([findings, orphans], [[], 0]);
    assert.ok(door.struck.length >= mishaps - 5, `only ${door.struck.length} of the connections were spoilt`);
  } finally {
    await archive.close();
    await door.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

test('an import from the sandbox through 30 spoilt connections is whole in the end', { timeout: 240_000 }, async (t) => {
  const sandbox = await startSandbox({ withoutSeed: true });
  t.after(() => sandbox.close());
  const { authority, clientId, scope, imap } = sandbox;
  const server = await fill(sandbox.control, sandbox.bulkMailbox, messages, 11);
  const secret = new Secret(sandbox.clientSecret);
  const credential = { kind: 'secret', secret: { resolve: async () => secret } } as const;
  const tokens = createTokenSource({ authority, tenantId: sandbox.tenant.id, clientId, scope, credential, ca: [sandbox.caPem] }, { clock });
  const login: MailLogin = {
    kind: 'xoauth2',
    user: sandbox.bulkMailbox,
    tokens: { token: async (signal) => (await tokens.token(signal)).value, drop: () => undefined },
  };
  await importThroughDoor({ host: imap.host, port: imap.tlsPort, tls: 'implicit', ca: [sandbox.caPem] }, login, server, 1);
});

test('an import from Dovecot through 30 spoilt connections is whole in the end', {
  skip: unlessDovecot('openssl'),
  timeout: 240_000,
}, async (t) => {
  const user = 'bulk@contoso.test';
  const tls = await selfSignedCertificate();
  const dovecot = await startDovecot({ tls, passwords: { [user]: 'word' } });
  t.after(() => dovecot.close());
  const mail = [...mailFor(messages, 12)];
  dovecot.deliver(
    user,
    'INBOX',
    mail.map(({ bytes }) => bytes),
  );
  const server = mail.map(({ sha256, word }, index) => ({ uid: index + 1, sha256, word }));
  const login: MailLogin = { kind: 'password', user, password: async () => new Secret('word') };
  // Without TLS a byte of the door is a byte of the talk: cuts hit the middle of lines and literals.
  await importThroughDoor({ host: dovecot.host, port: dovecot.ports.imap, tls: 'none' }, login, server, 2);
});

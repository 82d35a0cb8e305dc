/**
 * The queue of outgoing mail against the sandbox's submission: what is taken is on disk when `commit` says so, is handed on once the
 * server will have it, and is set aside with the server's words where it never will.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { makeMailbox } from '../../sandbox/src/tenant.ts';
import { authenticate } from '../../src/mail/smtp/authenticate.ts';
import { defaultSmtpLimits } from '../../src/mail/smtp/endpoint.ts';
import { SmtpSession } from '../../src/mail/smtp/session.ts';
import { Queue, type QueueEvent, type QueueUpstream } from '../../src/proxy/queue/queue.ts';
import { type Envelope, type QueuedMessage, Spool } from '../../src/proxy/queue/spool.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { Secret } from '../../src/runtime/secret.ts';
import { connectSocket } from '../../src/runtime/socket.ts';
import { createTokenSource } from '../../src/token/source.ts';
import { until as untilWithin } from './import-place.ts';
import { startLineServer } from './line-server.ts';

/** Long enough for a machine that does much else. */
const until = (isSo: () => boolean): Promise<void> => untilWithin(isSo, 30_000);

let sandbox: Sandbox;
let folder: string;
let made = 0;

before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  folder = mkdtempSync(join(tmpdir(), 'postern-queue-'));
});
after(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A clock on which an hour passes in a second: the waits between tries are those of the product. */
function fastClock(): Clock {
  const [factor, began] = [3600, Date.now()];
  const now = (): number => began + (Date.now() - began) * factor;
  return { now, monotonic: () => performance.now() * factor, sleep: (ms, signal) => systemClock.sleep(ms / factor, signal) };
}

function mailbox(): string {
  made += 1;
  const box = makeMailbox(`sender${made}@contoso.test`);
  box.smtpClientAuthenticationDisabled = false;
  return addMailbox(sandbox.tenant, box).address;
}

async function session(port: number, tls: boolean): Promise<SmtpSession> {
  const endpoint = { host: 'localhost', port, tls: tls ? ('starttls' as const) : ('none' as const), ca: [sandbox.caPem] };
  const socket = await connectSocket({ host: 'localhost', port, tls: false, ca: [sandbox.caPem] }, { timeoutMs: 10_000 });
  const made = new SmtpSession(endpoint, defaultSmtpLimits, '[127.0.0.1]', socket, undefined);
  await made.greeting();
  await made.hello();
  if (!tls) return made;
  await made.startTls();
  await made.hello();
  return made;
}

/** Logs in at the sandbox; at another port speaks to whoever is there without a login. */
function upstream(otherPort?: number): QueueUpstream {
  const tokens = createTokenSource(
    {
      authority: sandbox.authority,
      tenantId: sandbox.tenant.id,
      clientId: sandbox.clientId,
      scope: sandbox.scope,
      credential: { kind: 'secret', secret: { resolve: async () => new Secret(sandbox.clientSecret) } },
      ca: [sandbox.caPem],
    },
    { clock: systemClock },
  );
  return {
    permit: async () => undefined,
    smtp: async (user, _tenant, signal, task) => {
      const open = await session(otherPort ?? sandbox.smtp.starttlsPort, otherPort === undefined);
      try {
        if (otherPort === undefined) {
          await authenticate(open, { kind: 'xoauth2', user, token: async () => (await tokens.token(signal)).value });
        }
        return await task(open);
      } finally {
        open.close();
      }
    },
  };
}

interface Running {
  readonly queue: Queue;
  readonly spool: Spool;
  readonly events: QueueEvent[];
  take(envelope: Envelope, content: string | Buffer): Promise<QueuedMessage>;
  [Symbol.asyncDispose](): Promise<void>;
}

async function running(options: { readonly otherPort?: number; readonly retryForMs?: number } = {}): Promise<Running> {
  made += 1;
  const place = join(folder, `queue${made}`);
  const events: QueueEvent[] = [];
  const queue = new Queue({
    folder: place,
    retryForMs: options.retryForMs ?? 48 * 3_600_000,
    clock: fastClock(),
    random: Math.random,
    upstream: upstream(options.otherPort),
    report: (event) => events.push(event),
    onFault: (fault) => {
      throw fault;
    },
    onBug: (error) => {
      throw error;
    },
  });
  await queue.start();
  return {
    queue,
    spool: new Spool(place),
    events,
    async take(envelope, content) {
      const incoming = await queue.begin(envelope, content.length);
      const bytes = Buffer.from(content);
      for (let at = 0; at < bytes.length; at += 10_000) await incoming.write(bytes.subarray(at, at + 10_000));
      return await incoming.commit();
    },
    [Symbol.asyncDispose]: () => queue.close(),
  };
}

function letter(from: string, words = 'Hello.'): string {
  return `From: <${from}>\r\nTo: <someone@example.test>\r\nSubject: test ${randomBytes(4).toString('hex')}\r\n\r\n${words}\r\n`;
}

function envelope(from: string, recipients: readonly string[] = ['someone@example.test']): Envelope {
  return { client: 'scanner', mailbox: from, tenant: 'lab', from, recipients, smtpUtf8: false };
}

const hashOf = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
const submitted = (sha256: string) => sandbox.tenant.submitted.filter((one) => one.sha256 === sha256);
const kinds = (events: readonly QueueEvent[]): string =>
  events.map((one) => (one.kind === 'not-sent' ? `${one.kind} ${one.fault.code}${one.final ? ' final' : ''}` : one.kind)).join(', ');

test('what is taken is handed on byte for byte, dots at line begins and eight bits too, and leaves nothing behind', async () => {
  await using run = await running();
  const from = mailbox();
  const big = Buffer.alloc(960_000, 'x.\r\n..\r\n.\r\nline with \xe4\r\n', 'latin1');
  const content = Buffer.concat([Buffer.from(letter(from, '.\r\n..dots')), big]);
  const { sha256 } = await run.take(envelope(from), content);
  await until(() => run.events.some(({ kind }) => kind === 'sent'));
  assert.equal(submitted(sha256).length, 1);
  assert.equal(sha256, hashOf(content));
  assert.deepEqual(await run.spool.list(), []);
  await until(() => readdirSync(run.spool.folder).length === 0);
});

test('many messages of many mailboxes are all handed on, each once', async () => {
  await using run = await running();
  const boxes = Array.from({ length: 10 }, mailbox);
  const taken: string[] = [];
  for (let index = 0; index < 60; index += 1) {
    const from = boxes[index % boxes.length] ?? '';
    taken.push((await run.take(envelope(from), letter(from, `number ${index}`))).sha256);
  }
  await until(() => run.events.filter(({ kind }) => kind === 'sent').length === taken.length);
  for (const sha256 of taken) assert.equal(submitted(sha256).length, 1);
});

describe('a server that will not have it now', () => {
  test('is asked again, later each time, until it will', async () => {
    await using run = await running();
    const from = `smtp-thread-limit@${sandbox.tenant.domain}`;
    const { sha256 } = await run.take(envelope(from), letter(from));
    await until(() => run.events.some(({ kind }) => kind === 'sent'));
    assert.match(kinds(run.events), /^taken, not-sent smtp\.too-many-connections, not-sent smtp\.too-many-connections, sent$/);
    assert.equal(submitted(sha256).length, 1);
    const waits = run.events.flatMap((one) => (one.kind === 'not-sent' ? [one.waitMs] : []));
    assert.ok((waits[1] ?? 0) > (waits[0] ?? 0), String(waits));
  });

  test('keeps what it refuses to a mailbox that may not log in: nothing is lost, and it goes when the grant is there', async () => {
    await using run = await running();
    const from = mailbox();
    const box = [...sandbox.tenant.mailboxes.values()].find(({ address }) => address === from);
    assert.ok(box);
    box.smtpClientAuthenticationDisabled = true;
    const { sha256, id } = await run.take(envelope(from), letter(from));
    await until(() => run.events.some(({ kind }) => kind === 'not-sent'));
    assert.equal((await run.spool.get(id))?.state, 'waiting');
    assert.equal((await run.spool.get(id))?.attempts[0]?.code, 'smtp.disabled-for-mailbox');
    box.smtpClientAuthenticationDisabled = false;
    await until(() => submitted(sha256).length === 1);
  });

  test('for too long, and the message is set aside with its last answer; `retry` begins anew', async () => {
    await using run = await running({ retryForMs: 60_000 });
    const from = mailbox();
    const box = [...sandbox.tenant.mailboxes.values()].find(({ address }) => address === from);
    assert.ok(box);
    box.smtpClientAuthenticationDisabled = true;
    const { id, sha256 } = await run.take(envelope(from), letter(from));
    await until(() => run.events.some((one) => one.kind === 'not-sent' && one.final));
    const aside = await run.spool.get(id);
    assert.equal(aside?.state, 'failed');
    assert.equal(aside.attempts[0]?.code, 'queue.gave-up');
    assert.equal(aside.attempts[0].evidence['last'], 'smtp.disabled-for-mailbox');
    box.smtpClientAuthenticationDisabled = false;
    run.queue.use(48 * 3_600_000);
    await run.spool.retry(id, fastClock().now());
    await until(() => submitted(sha256).length === 1);
  });
});

test('a shorter time for trying holds for what waits already, too', async () => {
  await using run = await running();
  const from = mailbox();
  const box = [...sandbox.tenant.mailboxes.values()].find(({ address }) => address === from);
  assert.ok(box);
  box.smtpClientAuthenticationDisabled = true;
  const { id } = await run.take(envelope(from), letter(from));
  await until(() => run.events.some(({ kind }) => kind === 'not-sent'));
  run.queue.use(60_000);
  await until(() => run.events.some((one) => one.kind === 'not-sent' && one.final));
  assert.equal((await run.spool.get(id))?.attempts[0]?.code, 'queue.gave-up');
});

describe('what never will be sent', () => {
  test('is set aside with the server’s words, and holds up nothing behind it', async () => {
    await using run = await running();
    const from = `smtp-outbound-spam@${sandbox.tenant.domain}`;
    const other = mailbox();
    const { id } = await run.take(envelope(from), letter(from));
    const { sha256 } = await run.take(envelope(other), letter(other));
    await until(() => submitted(sha256).length === 1);
    await until(() => run.events.some((one) => one.kind === 'not-sent' && one.final));
    const aside = await run.spool.get(id);
    assert.equal(aside?.state, 'failed');
    assert.equal(aside.attempts[0]?.code, 'smtp.spam-blocked');
    assert.match(String(aside.attempts[0].evidence['server']), /OutboundSpamException/);
  });

  test('because its bytes are damaged, is not handed on in half', async () => {
    await using run = await running();
    const from = mailbox();
    const box = [...sandbox.tenant.mailboxes.values()].find(({ address }) => address === from);
    assert.ok(box);
    // Held up until the file is damaged.
    box.smtpClientAuthenticationDisabled = true;
    const { id } = await run.take(envelope(from), letter(from, 'x'.repeat(200_000)));
    const file = run.spool.fileOf(id);
    const bytes = readFileSync(file);
    bytes[150_000] = 0x79;
    writeFileSync(file, bytes);
    const before = sandbox.tenant.submitted.length;
    box.smtpClientAuthenticationDisabled = false;
    await until(() => run.events.some((one) => one.kind === 'not-sent' && one.fault.code === 'queue.damaged'));
    assert.equal(sandbox.tenant.submitted.length, before);
    assert.equal((await run.spool.get(id))?.state, 'failed');
  });
});

test('one recipient that is refused for good does not keep the others from theirs, nor are those sent to again', async () => {
  const lines: string[] = [];
  const server = await startLineServer('220 here\r\n', (line) => {
    lines.push(line);
    if (line.startsWith('EHLO')) return '250-here\r\n250 8BITMIME\r\n';
    if (line.startsWith('RCPT TO:<bad')) return '550 5.1.1 No such mailbox\r\n';
    if (line.startsWith('RCPT TO:<slow') && lines.filter((one) => one.startsWith('RCPT TO:<slow')).length === 1)
      return '450 4.2.1 Later\r\n';
    if (line === 'DATA') return '354 go\r\n';
    return /^(?:MAIL|RCPT|RSET|QUIT)/.test(line) || line === '.' ? '250 2.0.0 OK\r\n' : undefined;
  });
  try {
    await using run = await running({ otherPort: server.port });
    const to = ['good@example.test', 'bad@example.test', 'slow@example.test'];
    const { id } = await run.take(envelope('a@contoso.test', to), letter('a@contoso.test'));
    await until(() => run.events.some((one) => one.kind === 'not-sent' && one.final));
    const aside = await run.spool.get(id);
    assert.deepEqual(
      aside?.recipients.map(({ state }) => state),
      ['sent', 'failed', 'sent'],
    );
    assert.match(aside?.recipients[1]?.seen ?? '', /^550 5\.1\.1 No such mailbox/);
    assert.equal(lines.filter((line) => line === 'RCPT TO:<good@example.test>').length, 1);
    assert.equal(lines.filter((line) => line === 'RCPT TO:<bad@example.test>').length, 1);
    assert.equal(lines.filter((line) => line === '.').length, 2);
  } finally {
    server.close();
  }
});

test('dropped while it waits, a message does not come back', async () => {
  await using run = await running();
  const from = mailbox();
  const box = [...sandbox.tenant.mailboxes.values()].find(({ address }) => address === from);
  assert.ok(box);
  box.smtpClientAuthenticationDisabled = true;
  const { id } = await run.take(envelope(from), letter(from));
  await until(() => run.events.some(({ kind }) => kind === 'not-sent'));
  await run.spool.remove(id);
  const seen = run.events.length;
  run.queue.wake();
  const other = mailbox();
  const { sha256 } = await run.take(envelope(other), letter(other));
  await until(() => run.events.some((one) => one.kind === 'sent' && one.message.sha256 === sha256));
  assert.deepEqual(await run.spool.list(), []);
  assert.ok(run.events.slice(seen).every((one) => one.message.id !== id));
});

test('a note that is written at the moment in which its message is dropped brings nothing back', async () => {
  const spool = new Spool(join(folder, 'dropped'));
  await spool.prepare(0);
  for (let round = 0; round < 60; round += 1) {
    const incoming = await spool.begin(envelope(mailbox()), systemClock.now(), 60_000);
    await incoming.write(Buffer.from('words\r\n'));
    const message = await incoming.commit();
    // Another process: neither knows of the other.
    const other = new Spool(join(folder, 'dropped'));
    const later = (times: number): Promise<void> => (times === 0 ? Promise.resolve() : systemClock.sleep(0).then(() => later(times - 1)));
    await Promise.all([later(round % 3).then(() => spool.note(message)), later(round % 2).then(() => other.remove(message.id))]);
    assert.deepEqual(await spool.list(), []);
  }
  assert.deepEqual(readdirSync(join(folder, 'dropped')), []);
});

test('killed at any moment, every message that was acknowledged is there and whole, and the rest is nothing', async () => {
  const place = join(folder, 'killed');
  const lanes = 4;
  const acknowledged: string[] = [];
  for (let round = 0; round < 12; round += 1) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'proxy-queue-child.ts'), place, String(lanes)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    let text = '';
    child.stdout.setEncoding('latin1').on('data', (chunk) => {
      text += String(chunk);
    });
    await until(() => text.split('\n').length > 1 + (round % 4));
    await systemClock.sleep(Math.random() * 12);
    child.kill('SIGKILL');
    await exited;
    // The last line may be cut off: then nobody was told.
    acknowledged.push(...text.split('\n').slice(0, -1));
  }
  const spool = new Spool(place);
  await spool.prepare(Date.now() + 2 * 3_600_000);
  const there = await spool.list();
  for (const line of acknowledged)
    assert.ok(
      there.some(({ id, sha256 }) => `${id} ${sha256}` === line),
      line,
    );
  for (const message of there) {
    let bytes = 0;
    for await (const chunk of spool.read(message)) bytes += chunk.length;
    assert.equal(bytes, message.bytes);
  }
  // At most those in hand more than was told for each kill, and no bytes that nobody owns.
  assert.ok(there.length <= acknowledged.length + 12 * lanes, `${there.length} of ${acknowledged.length}`);
  assert.equal(readdirSync(place).filter((name) => name.endsWith('.eml')).length, there.length);
  assert.deepEqual(
    readdirSync(place).filter((name) => !/\.(?:eml|json)$/.test(name)),
    [],
  );
});

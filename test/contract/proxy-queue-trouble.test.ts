/**
 * The queue where things go wrong around it: hostile addresses, notes that nobody can read, a disk that refuses what has to be noted, a
 * server that wants a pause, and mailboxes that send without end. The server is one of lines, which says and hears whatever a test wants.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Fault } from '../../src/fault/fault.ts';
import { defaultSmtpLimits } from '../../src/mail/smtp/endpoint.ts';
import { SmtpSession } from '../../src/mail/smtp/session.ts';
import { Queue, type QueueEvent, type QueueUpstream } from '../../src/proxy/queue/queue.ts';
import { type Envelope, type QueuedMessage, Spool } from '../../src/proxy/queue/spool.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { connectSocket } from '../../src/runtime/socket.ts';
import { until as untilWithin } from './import-place.ts';
import { type LineServer, startLineServer } from './line-server.ts';

const until = (isSo: () => boolean): Promise<void> => untilWithin(isSo, 30_000);
const content = Buffer.from('From: <a@contoso.test>\r\nSubject: x\r\n\r\nwords\r\n');

let folder: string;
let server: LineServer;
let made = 0;
/** What the server has heard since the test began. */
let lines: string[] = [];
/** What it answers besides 250. */
let answers: (line: string) => string | undefined = () => undefined;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-queue-trouble-'));
  server = await startLineServer('220 here\r\n', (line) => {
    lines.push(line);
    const said = answers(line);
    if (said !== undefined) return said;
    if (line.startsWith('EHLO')) return '250-here\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n';
    if (line === 'DATA') return '354 go\r\n';
    return /^(?:MAIL|RCPT|RSET|QUIT)/.test(line) || line === '.' ? '250 2.0.0 OK\r\n' : undefined;
  });
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A clock on which an hour passes in a second. */
function fastClock(): Clock {
  const [factor, began] = [3600, Date.now()];
  const now = (): number => began + (Date.now() - began) * factor;
  return { now, monotonic: () => performance.now() * factor, sleep: (ms, signal) => systemClock.sleep(ms / factor, signal) };
}

function upstream(heard?: QueueUpstream['heard']): QueueUpstream {
  return {
    permit: async () => undefined,
    ...(heard === undefined ? {} : { heard }),
    async smtp(_mailbox, _tenant, _signal, task) {
      const endpoint = { host: '127.0.0.1', port: server.port, tls: 'none' as const, ca: [] };
      const socket = await connectSocket({ host: '127.0.0.1', port: server.port, tls: false }, { timeoutMs: 10_000 });
      const session = new SmtpSession(endpoint, defaultSmtpLimits, '[127.0.0.1]', socket, undefined);
      try {
        await session.greeting();
        await session.hello();
        return await task(session);
      } finally {
        session.close();
      }
    },
  };
}

interface Running {
  readonly queue: Queue;
  readonly spool: Spool;
  readonly events: QueueEvent[];
  readonly faults: Fault[];
  readonly bugs: unknown[];
  take(envelope: Envelope): Promise<QueuedMessage>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A queue that is not at work yet. */
async function prepared(heard?: QueueUpstream['heard']): Promise<Running> {
  made += 1;
  [lines, answers] = [[], () => undefined];
  const place = join(folder, `queue${made}`);
  const [events, faults, bugs]: [QueueEvent[], Fault[], unknown[]] = [[], [], []];
  const queue = new Queue({
    folder: place,
    retryForMs: 48 * 3_600_000,
    clock: fastClock(),
    random: Math.random,
    upstream: upstream(heard),
    report: (event) => events.push(event),
    onFault: (fault) => faults.push(fault),
    onBug: (error) => bugs.push(error),
  });
  await queue.prepare();
  return {
    queue,
    spool: new Spool(place),
    events,
    faults,
    bugs,
    async take(envelope) {
      const incoming = await queue.begin(envelope, content.length);
      await incoming.write(content);
      return await incoming.commit();
    },
    [Symbol.asyncDispose]: () => queue.close(),
  };
}

function envelope(mailbox: string, recipients: readonly string[] = ['someone@example.test'], smtpUtf8 = false): Envelope {
  return { client: 'scanner', mailbox, tenant: 'lab', from: mailbox, recipients, smtpUtf8 };
}

const sent = (run: Running): readonly string[] => run.events.flatMap((one) => (one.kind === 'sent' ? [one.message.mailbox] : []));
const dots = (): number => lines.filter((line) => line === '.').length;

test('letters beyond a byte go as UTF-8 and never become a line end: an address is one command', async () => {
  await using run = await prepared();
  // The low bytes of Č and Ċ are those of CR and LF, those of ļ, ľ and Ġ those of <, > and a blank.
  const hostile = 'x\u013e\u010d\u010aRSET\u010d\u010aMAIL\u0120FROM:\u013cboss@contoso.test';
  await run.take(envelope('a@contoso.test', ['č@example.test', hostile], true));
  await run.queue.start();
  await until(() => sent(run).length === 1);
  const octets = (text: string): string => Buffer.from(text).toString('latin1');
  assert.deepEqual(
    lines.filter((line) => /^(?:MAIL|RCPT|RSET)/.test(line)),
    ['MAIL FROM:<a@contoso.test> SMTPUTF8', `RCPT TO:<${octets('č@example.test')}>`, `RCPT TO:<${octets(hostile)}>`],
  );
  assert.deepEqual(run.bugs, []);
});

test('a refusal that wants the mailbox left alone ends the session: nothing more is tried in it', async () => {
  const told: string[] = [];
  await using run = await prepared((mailbox, fault) => {
    told.push(`${mailbox} ${fault.code}`);
    return true;
  });
  answers = (line) => (line === '.' && dots() === 1 ? '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded\r\n' : undefined);
  for (let count = 0; count < 3; count += 1) await run.take(envelope('a@contoso.test'));
  await run.queue.start();
  await until(() => sent(run).length === 3);
  assert.deepEqual(told, ['a@contoso.test smtp.too-many-connections']);
  const first = lines.slice(lines.indexOf('.') + 1);
  // RSET for the one that was refused, and then another session.
  assert.deepEqual(first.slice(0, 2), ['RSET', 'EHLO [127.0.0.1]']);
});

test('a note that cannot be read is told of (queue.unreadable) and holds up no other', async () => {
  await using run = await prepared();
  mkdirSync(join(run.spool.folder, '000000000aaaaaaaaaa.json'));
  writeFileSync(join(run.spool.folder, '000000000bbbbbbbbbb.json'), '{ half');
  await run.take(envelope('a@contoso.test'));
  await run.queue.start();
  await until(() => sent(run).length === 1 && run.faults.length > 0);
  assert.equal(run.faults[0]?.code, 'queue.unreadable');
  await assert.rejects(run.spool.list(), (error) => error instanceof Fault && error.code === 'queue.unreadable');
});

test('what was sent and cannot be taken off the disk is told of (queue.unwritable), and not sent again', async () => {
  await using run = await prepared();
  const { id } = await run.take(envelope('a@contoso.test'));
  const path = join(run.spool.folder, `${id}.json`);
  const note = readFileSync(path);
  answers = (line) => {
    // A folder in its place: the system refuses to remove it, as it does on a disk that went read-only.
    if (line !== '.' || dots() !== 1) return undefined;
    rmSync(path);
    mkdirSync(path);
    return undefined;
  };
  await run.queue.start();
  await until(() => run.faults.some(({ code }) => code === 'queue.unwritable'));
  assert.equal(sent(run).length, 1);
  rmSync(path, { recursive: true });
  writeFileSync(path, note);
  // The disk takes changes again: the message goes off it, and nowhere else.
  for (let look = 0; look < 3; look += 1) {
    await run.take(envelope('b@contoso.test'));
    await until(() => sent(run).length === look + 2);
  }
  assert.equal(lines.filter((line) => line.startsWith('MAIL FROM:<a@')).length, 1);
  assert.deepEqual(await run.spool.list(), []);
});

test('a message that we cannot handle is a bug that is told, and those behind it go', async () => {
  await using run = await prepared();
  const { id } = await run.take(envelope('a@contoso.test'));
  const path = join(run.spool.folder, `${id}.json`);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), recipients: [null] }));
  await run.take(envelope('a@contoso.test'));
  await run.queue.start();
  await until(() => sent(run).length === 1);
  assert.ok(run.bugs.length > 0);
});

test('eight mailboxes that send without end keep no ninth one waiting', async () => {
  await using run = await prepared();
  const each = 45;
  for (let count = 0; count < each * 8; count += 1) await run.take(envelope(`busy${count % 8}@contoso.test`));
  await run.take(envelope('ninth@contoso.test'));
  await run.queue.start();
  await until(() => sent(run).includes('ninth@contoso.test'));
  assert.ok(sent(run).length < each * 6, `it came after ${sent(run).length}`);
});

test('a message that was sent meanwhile does not come back when a person has it tried again', async () => {
  await using run = await prepared();
  const { id } = await run.take(envelope('a@contoso.test'));
  const listed = await run.spool.list();
  await run.queue.start();
  await until(() => sent(run).length === 1);
  assert.equal(listed.length, 1);
  assert.equal(await run.spool.retry(id, 0), false);
  assert.deepEqual(await run.spool.list(), []);
});

test('a message whose next try was noted by a clock that was years ahead is sent', async () => {
  await using run = await prepared();
  const message = await run.take(envelope('a@contoso.test'));
  await run.spool.note({ ...message, nextAt: new Date(Date.now() + 10 * 365 * 86_400_000).toISOString() });
  await run.queue.start();
  await until(() => sent(run).length === 1);
});

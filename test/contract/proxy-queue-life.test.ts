/** The queue and the life of its proxy: what is in hand when it ends, who may send when two are started, and what is left when it is configured no more. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { proxyFor } from '../../src/cli/wire-proxy.ts';
import { loadConfig } from '../../src/config/load.ts';
import { isFault } from '../../src/fault/fault.ts';
import type { ProxyPort } from '../../src/proxy/port.ts';
import { queueFolder } from '../../src/proxy/queue/folder.ts';
import { Spool } from '../../src/proxy/queue/spool.ts';
import { until as untilWithin } from './import-place.ts';
import { dial, type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const from = 'scanner@contoso.test';
const until = (isSo: () => boolean): Promise<void> => untilWithin(isSo, 30_000);

/** A submission server that answers a message when it is told to. */
const heard: string[] = [];
let answer: (() => void) | undefined;
const server = net.createServer((socket) => {
  socket.on('error', () => undefined);
  socket.write('220 here\r\n');
  let rest = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    const lines = `${rest}${String(chunk)}`.split('\r\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      heard.push(line);
      if (line === '.') answer = () => socket.write('250 2.0.0 OK\r\n');
      else if (line.startsWith('EHLO')) socket.write('250-here\r\n250 AUTH XOAUTH2\r\n');
      else if (line.startsWith('AUTH')) socket.write('235 2.7.0 OK\r\n');
      else if (line === 'DATA') socket.write('354 go\r\n');
      else if (/^(?:MAIL|RCPT|RSET|QUIT)/.test(line)) socket.write('250 2.0.0 OK\r\n');
    }
  });
});

let servers: string;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  servers = `      smtp: { host: 127.0.0.1, port: ${address.port}, tls: none }\n`;
});
after(() => server.close());

async function submit(place: ProxyPlace, name = 'scanner'): Promise<void> {
  const password = await place.client({ name });
  const talk = await dial(place.port('smtp'));
  talk.say(`EHLO x\r\nAUTH PLAIN ${Buffer.from(`\0${from}\0${password}`).toString('base64')}\r\n`);
  await talk.until(/235 .*\r\n/);
  talk.say(`MAIL FROM:<${from}>\r\nRCPT TO:<to@example.test>\r\nDATA\r\nSubject: x\r\n\r\nwords\r\n.\r\nQUIT\r\n`);
  await talk.until(/221 .*\r\n/);
}

test('a message whose answer is still to come when the proxy ends is waited for, so that it is not sent twice', async () => {
  const place = await startProxyPlace({ servers, more: '  queue: { retryFor: 2d }\n' });
  try {
    await submit(place);
    await until(() => answer !== undefined);
    const closing = place.proxy.close(0);
    await place.event('draining');
    // The end of the queue comes behind that of the sessions; by a turn of the loop it has been asked for.
    await new Promise((resolve) => setImmediate(resolve));
    answer?.();
    await closing;
    assert.deepEqual(await new Spool(queueFolder(place.config)).list(), []);
    assert.equal(heard.filter((line) => line === '.').length, 1);
  } finally {
    await place.close();
  }
});

test('a second proxy that cannot listen sends nothing; one without a queue hands on what was taken while there was one', async () => {
  const place = await startProxyPlace({ servers });
  let last: ProxyPort | undefined;
  try {
    const spool = new Spool(queueFolder(place.config));
    await spool.prepare(Date.now());
    const incoming = await spool.begin(
      { client: 'scanner', mailbox: from, tenant: 'lab', from, recipients: ['to@example.test'], smtpUtf8: false },
      Date.now(),
      86_400_000,
    );
    await incoming.write(Buffer.from('Subject: left\r\n\r\nwords\r\n'));
    await incoming.commit();
    heard.length = 0;
    const file = join(place.folder, 'postern.yaml');
    const text = readFileSync(file, 'utf8');
    const env = { LAB_SECRET: place.sandbox.clientSecret };
    const hooks = { onEvent: () => undefined, onBug: (error: unknown) => assert.fail(String(error)) };
    writeFileSync(
      file,
      `${text.replaceAll('127.0.0.1:0', `127.0.0.1:${place.port('smtp')}`).replace(/ +(?:imap|pop3): \{ protocol.*\n/g, '')}  queue: {}\n`,
    );
    await assert.rejects(proxyFor(await loadConfig(file, env), hooks), (error) => isFault(error, 'proxy.listen-failed'));
    assert.equal(heard.length, 0);
    writeFileSync(file, text);
    last = await proxyFor(await loadConfig(file, env), hooks);
    await until(() => heard.includes('.'));
    answer?.();
    await until(() => last?.snapshot().queue?.waiting === 0);
  } finally {
    await last?.close(0);
    await place.close();
  }
});

test('a second proxy on the same data folder does not begin, whatever it listens on; once the first has ended it does', async () => {
  const place = await startProxyPlace({ more: '  queue: { retryFor: 1h }\n' });
  const hooks = { onEvent: () => undefined, onBug: (error: unknown) => assert.fail(String(error)) };
  let second: ProxyPort | undefined;
  try {
    const again = async (): Promise<ProxyPort> =>
      await proxyFor(await loadConfig(join(place.folder, 'postern.yaml'), { LAB_SECRET: place.sandbox.clientSecret }), hooks);
    await assert.rejects(again(), (error) => isFault(error, 'queue.in-use'));
    assert.ok(place.proxy.ready);
    await place.proxy.close(0);
    second = await again();
    assert.ok(second.ready);
  } finally {
    await second?.close(0);
    await place.close();
  }
});

test('another `retryFor` holds from the reload on, for what comes and for what waits, and so it does after a restart', async () => {
  const place = await startProxyPlace({ more: '  queue: { retryFor: 2d }\n' });
  const keptFor = async (id: string): Promise<number> => {
    const message = await new Spool(queueFolder(place.config)).get(id);
    assert.ok(message);
    return Math.round((Date.parse(message.giveUpAt) - Date.parse(message.since ?? message.taken)) / 3_600_000);
  };
  let again: ProxyPort | undefined;
  try {
    // Nobody gave the app this mailbox: each try fails, and is noted.
    const notSent = (id: string, times: number): Promise<void> =>
      until(
        () =>
          place.events.filter((one) => one.kind === 'queue' && one.event.kind === 'not-sent' && one.event.message.id === id).length ===
          times,
      );
    await submit(place);
    const { event: first } = await place.event('queue', ({ event }) => event.kind === 'taken');
    await notSent(first.message.id, 1);
    assert.equal(await keptFor(first.message.id), 48);
    await place.reload('  queue: { retryFor: 5d }\n');
    const spool = new Spool(queueFolder(place.config));
    const waiting = await spool.get(first.message.id);
    assert.ok(waiting);
    await spool.note({ ...waiting, nextAt: new Date(0).toISOString() });
    await notSent(first.message.id, 2);
    assert.equal(await keptFor(first.message.id), 120);
    await submit(place, 'second');
    const { event: second } = await place.event('queue', ({ event }) => event.kind === 'taken' && event.message.id !== first.message.id);
    assert.equal(await keptFor(second.message.id), 120);
    await place.proxy.close(0);
    const file = join(place.folder, 'postern.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('5d', '7d'));
    const taken = await spool.get(first.message.id);
    assert.ok(taken);
    await spool.note({ ...taken, nextAt: new Date(0).toISOString() });
    const told: string[] = [];
    again = await proxyFor(await loadConfig(file, { LAB_SECRET: place.sandbox.clientSecret }), {
      onEvent: (event) => void (event.kind === 'queue' && event.event.kind === 'not-sent' && told.push(event.event.message.id)),
      onBug: (error) => assert.fail(String(error)),
    });
    await until(() => told.includes(first.message.id));
    assert.equal(await keptFor(first.message.id), 168);
  } finally {
    await again?.close(0);
    await place.close();
  }
});

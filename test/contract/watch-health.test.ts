/** The pages of a running import: who may read them, what they say, and that a slow or greedy client gets little. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { folderOf, mailboxOf, makeMailbox } from '../../sandbox/src/tenant.ts';
import { Fault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { request } from '../../src/runtime/http.ts';
import { listenAddress } from '../../src/service/start-watch.ts';
import { type Family, readExposition } from './exposition.ts';
import { mail } from './import-place.ts';
import { becomes, get, movedClock, nextPass, remove, type Service, startService } from './watch-place.ts';

let sandbox: Sandbox;
let service: Service;
const messages = 7;

before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  const mailbox = addMailbox(sandbox.tenant, makeMailbox('pages@contoso.test')).address;
  const box = mailboxOf(sandbox.tenant, mailbox);
  const inbox = box && folderOf(box, 'INBOX');
  for (let index = 0; index < messages; index += 1) inbox?.deliver([Buffer.from(mail(`message ${index}`))], { internalDate: new Date() });
  const yaml = `
tenants:
  lab:
    tenantId: ${sandbox.tenant.id}
    clientId: ${sandbox.clientId}
    cloud: { authority: "${sandbox.authority}", scope: "${sandbox.scope}" }
    credential: { secret: { env: LAB_SECRET }, expires: 2101-01-01 }
    ca: ca.pem
sources:
  box: { tenant: lab, mailbox: ${mailbox}, server: { host: localhost, port: ${sandbox.imap.tlsPort}, ca: ca.pem }, every: 1s }
`;
  service = await startService({
    yaml,
    env: { LAB_SECRET: sandbox.clientSecret },
    files: { 'ca.pem': sandbox.caPem },
    clock: movedClock(),
  });
  await becomes(service, 'box', 'healthy');
});

after(async () => {
  await service.stop();
  remove(service.folder);
  await sandbox.close();
});

const families = async (): Promise<ReadonlyMap<string, Family>> => readExposition((await get(service, '/metrics')).text);

async function value(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
  const found = [...(await families()).values()].flatMap(({ samples }) => samples).filter((one) => one.name === name);
  return found.find((one) => Object.entries(labels).every(([label, text]) => one.labels[label] === text))?.value;
}

describe('metrics', () => {
  test('are text exposition 0.0.4 with a HELP and a TYPE for each', async () => {
    const answer = await request({ method: 'GET', url: new URL(`http://${service.watch.address}/metrics`) });
    assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    for (const { name, type, help } of readExposition(answer.text).values()) {
      assert.notEqual(type, '', `${name} has no TYPE`);
      assert.ok(help.length > 3, `${name} has no HELP`);
      assert.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`);
      assert.match(name, /^(?:postern|process)_[a-z0-9_]+$/);
    }
  });

  test('are what promtool finds no fault with', async (context) => {
    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: (await get(service, '/metrics')).text, encoding: 'utf8' });
    if (promtool.error !== undefined) return context.skip('no promtool here');
    assert.deepEqual([promtool.status, promtool.stdout, promtool.stderr], [0, '', '']);
  });

  test('count what came, by what became of it', async () => {
    assert.equal(await value('postern_import_messages_total', { source: 'box', state: 'archived' }), messages);
    assert.equal(await value('postern_import_messages_total', { source: 'box', state: 'quarantined' }), 0);
    assert.equal(await value('postern_import_received_messages_total', { source: 'box' }), messages);
    assert.equal(await value('postern_source_listed_messages', { source: 'box' }), messages);
    assert.ok(Number(await value('postern_import_received_bytes_total', { source: 'box' })) > messages * 100);
  });

  test('show one state of a source, and it is the one that it has', async () => {
    const states = (await families()).get('postern_source_state')?.samples.filter(({ labels }) => labels['source'] === 'box') ?? [];
    assert.deepEqual(
      states.filter((one) => one.value === 1).map(({ labels }) => labels['state']),
      ['healthy'],
    );
    assert.equal(states.length, 7);
  });

  test('count looks, and how long each took', async () => {
    await nextPass(service, 'box');
    const [passes, timed] = [
      await value('postern_import_passes_total', { source: 'box' }),
      await value('postern_import_pass_duration_seconds_count'),
    ];
    assert.ok(Number(passes) >= 2);
    assert.equal(timed, passes);
  });

  test('tell when the credential ends, what the disk has left, and how large the process is', async () => {
    assert.equal(await value('postern_credential_expiry_timestamp_seconds', { tenant: 'lab' }), Date.UTC(2101, 0, 1) / 1000);
    assert.ok(Number(await value('postern_disk_free_bytes')) > 0);
    assert.ok(Number(await value('process_resident_memory_bytes')) > 10_000_000);
    assert.ok(Math.abs(Number(await value('process_start_time_seconds')) - Date.now() / 1000) < 3600);
  });
});

describe('health pages', () => {
  test('say that it lives, is ready, and how each source is', async () => {
    for (const path of ['/livez', '/healthz', '/readyz', '/sources', '/sources/box'])
      assert.equal((await get(service, path)).status, 200, path);
    const report: Record<string, unknown> = JSON.parse((await get(service, '/sources/box')).text);
    assert.deepEqual([report['source'], report['state'], report['concerns']], ['box', 'healthy', []]);
    assert.ok(Date.parse(String(report['lastPass'])) > 0);
  });

  test('know no other path and no other source', async () => {
    for (const path of ['/', '/sources/', '/sources/other', '/sources/%zz', '/sources/box/more', '/../etc/passwd']) {
      assert.equal((await get(service, path)).status, 404, path);
    }
  });

  test('are read and never written', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'] as const) {
      const answer = await request({ method, url: new URL(`http://${service.watch.address}/metrics`), body: 'x'.repeat(10_000) });
      assert.deepEqual([answer.status, answer.headers['allow']], [405, 'GET, HEAD'], method);
    }
  });

  test('are not given to a page that comes by another name', async () => {
    assert.equal((await get(service, '/sources', { host: 'evil.contoso.test' })).status, 403);
    assert.equal((await get(service, '/sources', { host: 'localhost:9464' })).status, 200);
  });

  test('give a HEAD its headers alone', async () => {
    const text = await raw('HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.match(text, /content-length: [1-9]/i);
    assert.doesNotMatch(text, /postern_/);
  });

  test('refuse headers that have no end in size', async () => {
    assert.match(await raw(`GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  });

  test('cut a client off that sends its request drop by drop', async () => {
    const began = performance.now();
    const text = await raw('GET /livez HTTP/1.1\r\nHost: localhost\r\n', 'X-Drop: 1\r\n');
    assert.match(text, /^HTTP\/1\.1 408 |^$/);
    assert.ok(performance.now() - began < dropByDropMs / 2, 'the server ended it, and not we');
  });
});

/** So long a request by hand is gone on with at most: some times of what the server has patience for. */
const dropByDropMs = 80_000;

/** Speaks bytes to the pages and reads until the end; `drop` is sent again and again meanwhile. */
async function raw(text: string, drop?: string): Promise<string> {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(service.watch.address ?? '') ?? [];
  const socket = net.connect({ host, port: Number(port) });
  let got = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    got += String(chunk);
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(text);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const timer = drop === undefined ? undefined : setInterval(() => socket.write(drop), 200);
  const deadline = AbortSignal.timeout(dropByDropMs);
  deadline.addEventListener('abort', () => socket.destroy());
  await closed;
  clearInterval(timer);
  return got;
}

describe('the address to listen on', () => {
  test('is of this machine alone when it stands on the command line', () => {
    assert.deepEqual(listenAddress('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 });
    assert.deepEqual(listenAddress('localhost:0'), { host: 'localhost', port: 0 });
    assert.deepEqual(listenAddress('[::1]:9464'), { host: '::1', port: 9464 });
    for (const address of ['0.0.0.0:9464', '[::]:9464', '192.0.2.7:9464', 'monitor.contoso.test:80']) {
      assert.throws(
        () => listenAddress(address),
        (error) => error instanceof Fault && error.code === 'watch.listen-refused',
        address,
      );
    }
    for (const text of ['9464', '127.0.0.1', '127.0.0.1:99999', ':80', '127.0.0.1:x', '::1:80']) {
      assert.throws(
        () => listenAddress(text),
        (error) => error instanceof Fault && error.code === 'cli.wrong-use',
        text,
      );
    }
  });

  test('that another process has is told before anything begins', async () => {
    const taken = net.createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    assert.ok(typeof address === 'object' && address !== null);
    const { serveHealth } = await import('../../src/service/health.ts');
    const figures = () => ({ version: '0', residentBytes: 0, startedMs: systemClock.now(), cpuSeconds: 0 });
    await assert.rejects(
      serveHealth({ host: '127.0.0.1', port: address.port, snapshot: () => undefined, figures }),
      (error) => error instanceof Fault && error.code === 'watch.listen-failed' && error.evidence['errno'] === 'EADDRINUSE',
    );
    taken.close();
    await once(taken, 'close');
  });
});

/** `postern serve`, the whole program: its first run, its end, and what is still there after a kill. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { addMailbox } from '../../sandbox/src/contoso.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { folderOf, makeMailbox } from '../../sandbox/src/tenant.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { overview } from '../../src/service/api/operation.ts';
import { type SourceDraft, sourceCard, sourceDetail, sourceList } from '../../src/service/api/source.ts';
import { postern } from '../cli/postern.ts';
import { until } from './import-place.ts';
import { tenantOf } from './import-place-sandbox.ts';
import { endAll, serving, started } from './serve-process.ts';
import { type Asker, loggedIn } from './service-place.ts';

let sandbox: Sandbox;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
});
after(async () => {
  endAll();
  await sandbox.close();
});

/** A new folder to run in, gone with the test. */
function temporary(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'postern-serve-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function deliver(address: string, ...subjects: string[]): void {
  const mailbox = sandbox.tenant.mailboxes.get(address);
  const inbox = mailbox === undefined ? undefined : folderOf(mailbox, 'INBOX');
  for (const subject of subjects) {
    inbox?.deliver([Buffer.from(`From: a@contoso.test\r\nSubject: ${subject}\r\n\r\n${subject}\r\n`)], {
      internalDate: sandbox.tenant.now(),
    });
  }
}

/** What a person fills into the form, by the names that the console's sandbox step gives. */
function draft(name: string, mailbox: string): SourceDraft {
  const { authority, clientId, clientSecret, tenant, imap, pop, caPem } = sandbox;
  return {
    name,
    protocol: 'imap',
    authentication: 'oauth2',
    tenant: null,
    app: {
      clientId,
      tenantId: tenant.id,
      cloud: 'custom',
      custom: { authority, imap: `localhost:${imap.tlsPort}`, pop: `localhost:${pop.tlsPort}`, ca: caPem },
      scope: null,
      credential: { kind: 'secret', secret: clientSecret },
    },
    password: null,
    server: null,
    mailbox,
    folders: ['INBOX'],
    every: '1h',
    since: null,
    format: 'auto',
    nameOrder: 'first-last',
    country: null,
    owners: [],
    onCompletion: { kind: 'leave' },
    hold: false,
    silentAfter: null,
  };
}

/** Asks until the answer is as wanted. */
async function asked<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  let last: T | undefined;
  for (const began = performance.now(); performance.now() - began < 60_000; await systemClock.sleep(50)) {
    last = await ask();
    if (wanted(last)) return last;
  }
  throw new Error(`was not answered as wanted: ${JSON.stringify(last)}`);
}

const chosen = 'a password of my own choice';

async function firstLogin(url: string, user: string, password: string): Promise<Asker> {
  const asker = await loggedIn(url, user, password);
  const changed = await asker('PUT', '/session/password', { current: password, next: chosen });
  assert.ok(changed.status < 300, changed.text);
  return await loggedIn(url, user, chosen);
}

test('without a configuration it starts with what is usual, says so, prints a password once, and ends cleanly', {
  timeout: 240_000,
}, async () => {
  using place = temporary();
  const first = await serving({ cwd: place.path });
  assert.match(first.talk(), /There is no .*postern\.yaml: starting with what is usual/);
  assert.ok(first.first !== undefined && first.first.password.length >= 20);
  assert.equal((await fetch(`${first.url}/readyz`)).status, 200);
  const admin = await firstLogin(first.url, first.first.user, first.first.password);
  const seen = (await admin('GET', '/overview')).as(overview);
  assert.deepEqual([seen.empty, seen.trial, seen.messages], [true, null, 0]);
  // A stream that is open does not keep it from ending.
  const stream = await fetch(`${first.url}/api/v1/overview`);
  assert.equal(stream.status, 401);
  const { code } = await first.end('SIGTERM');
  assert.equal(code, 0, first.talk());
  assert.match(first.talk(), /Ended; everything that came is in the archive/);
  const second = await serving({ cwd: place.path });
  assert.equal(second.first, undefined, 'the password is shown once');
  assert.equal((await second.end('SIGINT')).code, 0);
});

test('a source made over the API comes in; pauses and sources outlive a SIGKILL, and the archive is whole', {
  timeout: 180_000,
}, async () => {
  using place = temporary();
  const [one, two] = [1, 2].map((number) => addMailbox(sandbox.tenant, makeMailbox(`cli${number}@contoso.test`)).address);
  assert.ok(one !== undefined && two !== undefined);
  deliver(one, 'a', 'b');
  deliver(two, 'c');
  const first = await serving({ cwd: place.path });
  assert.ok(first.first !== undefined);
  const admin = await firstLogin(first.url, first.first.user, first.first.password);
  for (const [name, mailbox] of [
    ['one', one],
    ['two', two],
  ] as const) {
    const made = await admin('POST', '/sources', draft(name, mailbox));
    assert.ok(made.status < 300, made.text);
    assert.equal(made.as(sourceDetail).card.origin, 'console');
  }
  const cards = async (asker: Asker) => (await asker('GET', '/sources')).as(sourceList).sources;
  await asked(
    () => cards(admin),
    (all) => all.length === 2 && all.every(({ state }) => state === 'healthy'),
  );
  const paused = await admin('POST', '/sources/two/actions', { action: 'pause' });
  assert.equal(paused.as(sourceCard).state, 'paused');
  // Beside it the command line knows of both, without a configuration file too.
  const status = await asked(
    () => postern(['import', 'status', '--json'], { cwd: place.path }),
    ({ code }) => code === 0,
  );
  const shown: { readonly source: string; readonly state: string }[] = JSON.parse(status.out).sources;
  assert.deepEqual(
    shown.map(({ source, state }) => [source, state]),
    [
      ['one', 'healthy'],
      ['two', 'paused'],
    ],
  );
  deliver(two, 'while it was paused');
  deliver(one, ...Array.from({ length: 200 }, (_, index) => `many ${index}`));
  await asked(
    () => cards(admin),
    (all) => all.some(({ name, messages }) => name === 'one' && messages > 2),
  );
  await first.end('SIGKILL');

  const second = await serving({ cwd: place.path });
  assert.match(second.talk(), /Importing from one, two/);
  const again = await loggedIn(second.url, first.first.user, chosen);
  const after = await asked(
    () => cards(again),
    (all) => all.some(({ name, messages }) => name === 'one' && messages === 202),
  );
  assert.deepEqual(after.map(({ name, state, messages }) => [name, state, messages]).at(-1), ['two', 'paused', 1]);
  await again('POST', '/sources/two/actions', { action: 'resume' });
  await asked(
    () => cards(again),
    (all) => all.some(({ name, state, messages }) => name === 'two' && state === 'healthy' && messages === 2),
  );
  const replaced = await again('PUT', '/sources/one', { ...draft('one', one), every: '30m' });
  assert.ok(replaced.status < 300, replaced.text);
  await asked(
    () => cards(again),
    (all) => all.some(({ name, everySeconds }) => name === 'one' && everySeconds === 1_800),
  );
  deliver(one, 'after it was replaced');
  await asked(
    () => cards(again),
    (all) => all.some(({ name, messages }) => name === 'one' && messages === 203),
  );
  const removed = await again('DELETE', '/sources/two?confirm=two');
  assert.ok(removed.status < 300, removed.text);
  assert.deepEqual(
    (await cards(again)).map(({ name }) => name),
    ['one'],
  );
  const { code } = await second.end('SIGTERM');
  assert.equal(code, 0, second.talk());
  const verified = await postern(['archive', 'verify', '--json'], { cwd: place.path });
  assert.equal(verified.code, 0, verified.out + verified.talk);
  assert.equal(JSON.parse(verified.out).rows, 205);
});

test('what can be refused is refused before anything begins: a file that is missing, a port that is taken, an archive in use', {
  timeout: 240_000,
}, async () => {
  using place = temporary();
  const missing = await postern(['serve', '--config', join(place.path, 'nowhere.yaml')]);
  assert.equal(missing.code, 2);
  assert.match(missing.talk, /config\.unreadable/);
  assert.deepEqual(readdirSync(place.path), []);

  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  writeFileSync(join(place.path, 'postern.yaml'), 'data: ./data\n');
  const taken = await postern(['serve', '--listen', `127.0.0.1:${port}`], { cwd: place.path });
  other.close();
  assert.equal(taken.code, 1, taken.talk);
  assert.match(taken.talk, /service\.listen-failed/);
  assert.doesNotMatch(taken.talk, /Password/, 'no password that nobody could use and nobody would see again');

  const running = await serving({ cwd: place.path });
  assert.ok(running.first !== undefined, 'the refused start has made no user');
  const second = started({ cwd: place.path });
  assert.equal(await second.exited, 75);
  assert.match(second.talk(), /archive\.in-use/);
  assert.equal((await fetch(`${running.url}/readyz`)).status, 200);
  await running.end('SIGTERM');

  const trial = await postern(['serve', '--trial', join(place.path, 'postern.yaml')], { cwd: place.path });
  assert.equal(trial.code, 2);
  assert.match(trial.talk, /--trial/);
});

test('an event stream that is open is ended with the service, and a second signal ends it at once', { timeout: 240_000 }, async () => {
  using place = temporary();
  const running = await serving({ cwd: place.path });
  assert.ok(running.first !== undefined);
  const admin = await firstLogin(running.url, running.first.user, running.first.password);
  const made = await admin('POST', '/tokens', { name: 'listener', role: 'auditor', expiresInDays: 1 });
  const token = String(Reflect.get(Object(made.body), 'token'));
  const stream = await fetch(`${running.url}/api/v1/events`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(stream.headers.get('content-type')?.split(';')[0], 'text/event-stream');
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('event: hello')) {
    const { value, done } = (await reader?.read()) ?? { done: true, value: undefined };
    assert.equal(done, false, text);
    text += value ?? '';
  }
  const ended = running.end('SIGTERM');
  // To its end, and not cut off: that would throw.
  while ((await reader?.read())?.done === false);
  const { code } = await ended;
  assert.equal(code, 0, running.talk());

  const stubborn = await serving({ cwd: place.path });
  const stopping = stubborn.end('SIGTERM');
  stubborn.child.kill('SIGTERM');
  assert.ok([0, 130].includes((await stopping).code ?? -1));
});

/** Makes the program throw: `/boom` in what a request leaves behind, a file `die` outside of any request. */
const bugs = `
import { existsSync } from 'node:fs';
import { subscribe } from 'node:diagnostics_channel';
subscribe('http.server.request.start', ({ request }) => {
  if (request.url === '/boom') setTimeout(() => { throw new Error('a bug of the console'); }, 10);
  if (request.url === '/reject') void Promise.reject(new Error('a forgotten rejection'));
});
setInterval(() => { if (existsSync('die')) throw new Error('a bug of the import'); }, 20).unref();
`;

test('a bug of the console is told and does not end the import; one of the import ends it, for whoever starts it again', {
  timeout: 240_000,
}, async () => {
  using place = temporary();
  writeFileSync(join(place.path, 'bugs.mjs'), bugs);
  const running = await serving({ cwd: place.path, env: { NODE_OPTIONS: `--import ${join(place.path, 'bugs.mjs')}` } });
  for (const path of ['/boom', '/reject']) await (await fetch(`${running.url}${path}`)).text();
  await asked(
    async () => running.talk(),
    (talk) => /a bug of the console/.test(talk) && /a forgotten rejection/.test(talk),
  );
  assert.equal((await fetch(`${running.url}/readyz`)).status, 200);
  writeFileSync(join(place.path, 'die'), '');
  assert.equal(await new Promise((resolve) => running.child.once('exit', resolve)), 70);
  assert.match(running.talk(), /a bug of the import/);
});

test('SIGHUP takes the configuration file over; one that is wrong is told and changes nothing', async () => {
  using folder = temporary();
  addMailbox(sandbox.tenant, makeMailbox('hup@contoso.test'));
  deliver('hup@contoso.test', 'heard');
  const { tenant, files } = tenantOf(sandbox);
  writeFileSync(join(folder.path, 'ca.pem'), files['ca.pem'] ?? '');
  const file = join(folder.path, 'postern.yaml');
  const yaml = `data: ./data\ntenants:\n  lab: ${tenant}\n`;
  const source = `sources:\n  hup: { tenant: lab, mailbox: hup@contoso.test, every: 1h, server: { host: localhost, port: ${sandbox.imap.tlsPort}, ca: ca.pem } }\n`;
  writeFileSync(file, yaml);
  const service = await serving({ cwd: folder.path, args: ['--config', file], env: { LAB_SECRET: sandbox.clientSecret } });
  const heard = async (words: RegExp): Promise<void> => {
    service.child.kill('SIGHUP');
    await until(() => words.test(service.talk()), 30_000);
  };
  writeFileSync(file, `${yaml}${source}`);
  await heard(/^The configuration was read again: begun: hup\.$/m);
  await until(() => /hup: 1 new message/.test(service.talk()), 30_000);
  writeFileSync(file, `${yaml}${source.replace('every', 'evry')}`);
  await heard(/^The configuration was not taken over, and nothing has changed:\nconfig\.invalid: /m);
  writeFileSync(file, yaml);
  await heard(/^The configuration was read again: ended: hup\.$/m);
  assert.equal((await service.end('SIGTERM')).code, 0, service.talk());
  const log = await postern(['user', 'log', '--config', file, '--json'], { env: { LAB_SECRET: sandbox.clientSecret } });
  assert.equal(log.code, 0, log.talk);
});

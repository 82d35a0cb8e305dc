/** `import status` and `import alerts` through the real binary, beside a service of the real binary: running, killed, ended. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { mailboxOf } from '../../sandbox/src/tenant.ts';
import { exit } from '../../src/cli/command.ts';
import { importStatus } from '../../src/import/watch/status.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { request } from '../../src/runtime/http.ts';
import { binary, postern, type Ran } from '../cli/postern.ts';
import { everythingUnder, type Receiver, remove, startReceiver } from './watch-place.ts';

/** What all services said on stderr. */
let said = '';
const folder = mkdtempSync(join(tmpdir(), 'postern-watch-cli-'));
let sandbox: Sandbox;
let receiver: Receiver;

before(async () => {
  [sandbox, receiver] = [await startSandbox(), await startReceiver()];
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
  writeFileSync(
    join(folder, 'postern.yaml'),
    `
data: ./data
tenants:
  lab:
    tenantId: ${sandbox.tenant.id}
    clientId: ${sandbox.clientId}
    cloud: { authority: "${sandbox.authority}", scope: "${sandbox.scope}" }
    credential: { secret: { env: LAB_SECRET } }
    ca: ca.pem
sources:
  good: { tenant: lab, mailbox: ${sandbox.seededMailbox}, server: { host: localhost, port: ${sandbox.imap.tlsPort}, ca: ca.pem }, every: 1s }
  shut: { tenant: lab, mailbox: no-grant@contoso.test, server: { host: localhost, port: ${sandbox.imap.tlsPort}, ca: ca.pem }, every: 1s }
alerts:
  webhook: { url: { env: HOOK } }
`,
  );
});

after(async () => {
  await receiver.close();
  await sandbox.close();
  remove(folder);
});

const env = (): Readonly<Record<string, string>> => ({ LAB_SECRET: sandbox.clientSecret, HOOK: receiver.url });
const asked = (...args: readonly string[]): Promise<Ran> => postern(['import', ...args], { cwd: folder, env: env() });

interface Shown {
  readonly well: boolean;
  readonly service: { readonly running: boolean; readonly listen?: string };
  readonly sources: readonly { readonly source: string; readonly state: string }[];
  readonly alerts: { readonly open: number; readonly unacknowledged: number };
}

async function status(...args: readonly string[]): Promise<Shown & { readonly code: number | null }> {
  const { out, code, talk } = await asked('status', '--json', ...args);
  assert.equal(talk, '');
  return { ...JSON.parse(out), code };
}

async function statusUntil(isSo: (shown: Shown) => boolean): Promise<Shown> {
  for (const began = performance.now(); ; await systemClock.sleep(100)) {
    const shown = await status();
    if (isSo(shown)) return shown;
    if (performance.now() - began > 60_000) throw new Error(`it did not come to be: ${JSON.stringify(shown)}`);
  }
}

async function running(act: (service: ChildProcess, talk: () => string) => Promise<void>, args: readonly string[] = []): Promise<void> {
  const { POSTERN_CONFIG: _, ...outer } = process.env;
  const service = spawn(binary, ['import', 'run', '--listen', '127.0.0.1:0', ...args], {
    cwd: folder,
    env: { ...outer, ...env() },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let talk = '';
  service.stderr?.setEncoding('utf8').on('data', (text) => {
    talk += String(text);
    said += String(text);
  });
  const ended = once(service, 'close');
  try {
    await act(service, () => talk);
  } finally {
    service.kill('SIGKILL');
    await ended;
  }
}

const stateOf = (shown: Shown, name: string): string | undefined => shown.sources.find(({ source }) => source === name)?.state;

test('where no service ever ran, status says so and how to start one', async () => {
  const { code, out } = await asked('status');
  assert.equal(code, exit.foundFaults);
  assert.match(out, /not running/);
  assert.match(out, /postern import run/);
  assert.match(out, /^good +never run/m);
});

test('a run with --once notes how it found each source, alerts, and counts as there in time; one that is not repeated does not', async () => {
  const journal = (): Journal => openJournal(join(folder, 'data'), { clock: systemClock, readOnly: true });
  assert.equal((await asked('run', '--once', 'good')).code, exit.done);
  const good = await status('good');
  assert.deepEqual([good.service.running, stateOf(good, 'good'), good.well, good.code], [false, 'healthy', true, exit.done]);
  assert.match((await asked('status', 'good')).out, /^Import service: not running; the last run \(--once\) ended \d+ s ago, complete$/m);
  assert.notEqual((await asked('run', '--once')).code, exit.done);
  const both = await status();
  assert.deepEqual([stateOf(both, 'good'), stateOf(both, 'shut'), both.code], ['healthy', 'refused', exit.foundFaults]);
  await receiver.heard('opened', 'refused');
  const open = journal();
  const [runs, last, statuses] = [await open.runs(), await open.service(), await open.statuses()];
  await open.close();
  assert.deepEqual(runs.map(({ source, outcome }) => `${source} ${outcome}`).sort(), ['good complete', 'good complete', 'shut failed']);
  const dayLater = { sources: ['good'], statuses, service: last, now: Date.now() + 25 * 3_600_000, host: '', isAlive: () => false };
  assert.equal(importStatus(dayLater).sources[0]?.state, 'stopped');
});

test('beside a running service each source has its state, and what is wrong has its fix; a killed one is stopped', async () => {
  await running(async (service, talk) => {
    const shown = await statusUntil(
      (one) => one.service.running && stateOf(one, 'good') === 'healthy' && stateOf(one, 'shut') === 'refused',
    );
    assert.equal(shown.service.running, true);
    assert.equal(shown.well, false);
    const { code, out } = await asked('status');
    assert.equal(code, exit.foundFaults);
    assert.match(out, /^Import service: running for /m);
    assert.match(out, /^shut +refused /m);
    assert.match(out, /Add-MailboxPermission/);
    assert.ok(
      out.split('\n').every((line) => [...line].length <= 80),
      out,
    );
    assert.equal((await status('good')).code, exit.done);
    assert.match(talk(), /Health and metrics at http:\/\/127\.0\.0\.1:\d+\//);
    // What is served and what is noted are two views, each with a moment of its own.
    const view = async () => (await request({ method: 'GET', url: new URL(`http://${shown.service.listen}/sources/shut`) })).text;
    let text = await view();
    for (const began = performance.now(); !text.includes('"state": "refused"') && performance.now() - began < 5_000; ) text = await view();
    assert.match(text, /"state": "refused"/);
    service.kill('SIGKILL');
    await once(service, 'close');
    const dead = await status();
    assert.deepEqual([dead.service.running, stateOf(dead, 'good'), dead.code], [false, 'stopped', exit.foundFaults]);
    assert.match((await asked('status')).out, /it ended without a\s+word/);
  });
});

test('an alert is listed, acknowledged by a person with a note, and over when its cause is', async () => {
  await running(async (service) => {
    await receiver.heard('opened', 'refused');
    const alerts = JSON.parse((await asked('alerts', '--json')).out).alerts;
    const id = String(alerts.find((one: { kind: string }) => one.kind === 'refused')?.id);
    const { code, out, talk } = await asked('alerts', '--ack', id, '--note', 'asked the Exchange team');
    assert.deepEqual([code, talk], [exit.done, `Alert ${id} is acknowledged; it is told again only when it grows worse.\n`]);
    assert.match(out, /acknowledged by \S+ .*: asked the Exchange team/);
    assert.equal((await status()).alerts.unacknowledged, 0);
    const oid = sandbox.tenant.apps.get(sandbox.clientId)?.principal?.oid ?? '';
    mailboxOf(sandbox.tenant, 'no-grant@contoso.test')?.grants.add(oid);
    service.kill('SIGINT');
    const [ended] = await once(service, 'close');
    assert.equal(ended, exit.done);
  });
  await running(async () => {
    await receiver.heard('cleared', 'refused');
    const shown = await statusUntil((one) => one.well);
    assert.equal((await status()).code, exit.done);
    assert.equal(shown.alerts.open, 0);
    assert.match((await asked('alerts')).out, /^No alerts\.$/m);
    assert.match((await asked('alerts', '--all')).out, /asked the Exchange team/);
  }, ['--log', 'json']);
  assert.equal(receiver.posted.filter(({ notice }) => notice.event === 'opened').length, 1, 'told once over two starts');
});

test('wrong use is told: an unknown alert, no note, an unknown source, an address of others', async () => {
  const cases = [
    [['alerts', '--ack', '999', '--note', 'x'], exit.fault, 'watch.alert-unknown'],
    [['alerts', '--ack', '1'], exit.usage, 'cli.wrong-use'],
    [['alerts', '--note', 'x'], exit.usage, 'cli.wrong-use'],
    [['status', 'nosuch'], exit.fault, 'import.source-unknown'],
    [['run', '--listen', '0.0.0.0:9464'], exit.fault, 'watch.listen-refused'],
  ] as const;
  for (const [args, code, fault] of cases) {
    const ran = await asked(...args);
    assert.equal(ran.code, code, args.join(' '));
    assert.ok(ran.talk.startsWith(`${fault}: `), ran.talk);
  }
});

test('no secret lies in what was written, logged or posted', () => {
  const posted = receiver.posted.map(({ body }) => body).join('\n');
  const written = `${everythingUnder(join(folder, 'data')).replaceAll('\0', '')}${said}${posted}`;
  assert.ok(said.includes('"event"') && posted.includes('postern.alert/1'), 'there is something to look through');
  assert.ok(!written.includes(sandbox.clientSecret) && !written.includes('T0k3nInThePath'));
});

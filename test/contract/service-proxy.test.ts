/**
 * The proxy inside `postern serve`, over the API: who is logged in, what went wrong, what waits in the queue, and the acts of an operator.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { clientsPath } from '../../src/proxy/clients/client-file.ts';
import { addClient } from '../../src/proxy/clients/edit.ts';
import { type ProxyState, proxyState, queuedMails } from '../../src/service/api/proxy.ts';
import { until as untilWithin } from './import-place.ts';
import { dial } from './proxy-place.ts';
import { type Asker, type ServicePlace, startServicePlace } from './service-place.ts';

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const address = 'scanner@contoso.test';

let sandbox: Sandbox;
let place: ServicePlace;
let password: string;
let operator: Asker;
let auditor: Asker;
before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  const servers = `imap: { host: localhost, port: ${sandbox.imap.tlsPort} }, smtp: { host: localhost, port: ${sandbox.smtp.starttlsPort}, tls: starttls }`;
  place = await startServicePlace({
    sandbox,
    yaml: ({ tenant }) => `tenants:
  lab: ${tenant.replace('cloud: { ', `cloud: { ${servers}, `)}
proxy:
  listeners:
    imap: { protocol: imap, listen: "127.0.0.1:0" }
    smtp: { protocol: smtp, listen: "127.0.0.1:0" }
  queue: { retryFor: 2d }
`,
  });
  place.mailbox(address);
  const { proxy, config } = place.parts;
  assert.ok(proxy);
  const made = await addClient(
    clientsPath(config.dataFolder),
    'scanner',
    { mailboxes: [address], protocols: ['imap', 'smtp'], networks: [] },
    0,
  );
  await proxy.reloadClients();
  password = made.reveal();
  operator = await place.as('operator');
  auditor = await place.as('auditor');
});
after(async () => {
  await place.close();
  await sandbox.close();
});

async function state(ask: Asker = auditor): Promise<ProxyState> {
  return (await ask('GET', '/proxy')).as(proxyState);
}

async function becomes(wanted: (state: ProxyState) => boolean): Promise<ProxyState> {
  let seen = await state();
  const began = performance.now();
  while (!wanted(seen)) {
    if (performance.now() - began > 60_000) throw new Error(`the proxy stayed ${JSON.stringify(seen)}`);
    seen = await state();
  }
  return seen;
}

function port(protocol: string): number {
  const listener = place.parts.proxy?.listeners().find((one) => one.protocol === protocol);
  return Number(/:(\d+)$/.exec(listener?.address ?? '')?.[1]);
}

test('a session is shown while it lasts, an auditor cannot end it, an operator can, and the access log says who did', async () => {
  const talk = await dial(port('imap'));
  talk.say(`a LOGIN ${address} ${password}\r\n`);
  await talk.until(/a OK .*\r\n/);
  const shown = await becomes(({ sessions }) => sessions.length === 1);
  const [session] = shown.sessions;
  assert.deepEqual([session?.client, session?.mailbox, session?.protocol, session?.tenant], ['scanner', address, 'imap', 'lab']);
  assert.equal(shown.clients[0]?.sessions, 1);
  const id = session?.id ?? '';
  assert.equal((await auditor('DELETE', `/proxy/sessions/${id}`)).status, 403);
  assert.equal((await operator('DELETE', `/proxy/sessions/${id}`)).status, 204);
  await talk.closed();
  await becomes(({ sessions }) => sessions.length === 0);
  assert.equal((await operator('DELETE', `/proxy/sessions/${id}`)).status, 404);
  const log = await auditor('GET', '/access-log?action=proxy.session-end');
  assert.match(log.text, new RegExp(id));
});

test('a wrong password is among the troubles, without the password', async () => {
  const talk = await dial(port('imap'));
  talk.say(`a LOGIN ${address} ${password.slice(0, -1)}x\r\n`);
  await talk.until(/a NO .*\r\n/);
  talk.end();
  const { troubles } = await becomes((seen) => seen.troubles.some(({ kind }) => kind === 'login-refused'));
  assert.match(troubles[0]?.text ?? '', /reason=wrong-password/);
  const told = (await auditor('GET', '/proxy')).text;
  assert.ok(!told.includes(password) && !told.includes(password.slice(0, -1)));
});

test('mail that waits is listed with the answer of the server and its fix, tried again and dropped by an operator only', async () => {
  const box = [...place.sandbox.tenant.mailboxes.values()].find((one) => one.address === address);
  assert.ok(box);
  box.smtpClientAuthenticationDisabled = true;
  for (const subject of ['first', 'second']) {
    const talk = await dial(port('smtp'));
    talk.say(`EHLO device\r\nAUTH PLAIN ${base64(`\0${address}\0${password}`)}\r\n`);
    await talk.until(/235 .*\r\n/);
    talk.say(`MAIL FROM:<${address}>\r\nRCPT TO:<inbox@contoso.test>\r\nDATA\r\n`);
    await talk.until(/354 .*\r\n/);
    talk.say(`From: ${address}\r\nSubject: ${subject}\r\n\r\nConfidential words.\r\n.\r\n`);
    await talk.until(/250 2\.0\.0 Queued .*\r\n/);
    talk.end();
  }
  const { queue } = await becomes((seen) => seen.queue?.waiting === 2 && seen.troubles.some(({ kind }) => kind === 'not-sent'));
  assert.equal(queue?.failed, 0);
  const listed = await auditor('GET', '/proxy/queue');
  assert.ok(!listed.text.includes('Confidential'));
  const { messages } = listed.as(queuedMails);
  assert.equal(messages.length, 2);
  const [first, second] = messages;
  assert.ok(first && second);
  assert.equal(first.fault?.code, 'smtp.disabled-for-mailbox');
  assert.match(first.fault.fix, /Set-CASMailbox/);
  assert.equal((await auditor('DELETE', `/proxy/queue/${first.id}`)).status, 403);
  assert.equal((await operator('DELETE', `/proxy/queue/${first.id}`)).status, 204);
  assert.equal((await operator('DELETE', `/proxy/queue/${first.id}`)).status, 404);
  box.smtpClientAuthenticationDisabled = false;
  assert.equal((await auditor('POST', `/proxy/queue/${second.id}/retry`)).status, 403);
  assert.equal((await operator('POST', `/proxy/queue/${second.id}/retry`)).status, 204);
  await untilWithin(() => place.sandbox.tenant.submitted.length === 1, 30_000);
  await becomes((seen) => seen.queue?.waiting === 0);
});

test('ids that lead elsewhere are no ids', async () => {
  for (const id of ['..%2f..%2faccounts', '....', 'a/b', '%00%00%00%00', 'x'.repeat(200)]) {
    const { status } = await operator('DELETE', `/proxy/queue/${id}`);
    assert.ok(status === 400 || status === 404, `${id}: ${status}`);
  }
});

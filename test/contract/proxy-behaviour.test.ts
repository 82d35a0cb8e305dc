/**
 * Good behaviour towards the server, and clear words to both sides: budgets, pauses, refusals, the end of a token, the audit, the metrics,
 * a changed configuration, and the end of the proxy.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { isFault } from '../../src/fault/fault.ts';
import { proxyMetrics } from '../../src/proxy/metrics.ts';
import type { ProxyProtocol } from '../../src/proxy/port.ts';
import { queueFolder } from '../../src/proxy/queue/folder.ts';
import { Spool, triedAgain } from '../../src/proxy/queue/spool.ts';
import { readExposition } from './exposition.ts';
import { until } from './import-place.ts';
import { selfSignedCertificate } from './places/certificate.ts';
import { type Dialogue, dial, dialTls, type ProxyPlace, startProxyPlace } from './proxy-place.ts';

const user = 'box@contoso.test';

async function ask(place: ProxyPlace, protocol: ProxyProtocol, password: string, mailbox = user): Promise<Dialogue> {
  const talk = await dial(place.port(protocol));
  const plain = Buffer.from(`\0${mailbox}\0${password}`).toString('base64');
  talk.say(
    {
      imap: `a LOGIN "${mailbox}" "${password}"\r\n`,
      pop3: `USER ${mailbox}\r\nPASS ${password}\r\n`,
      smtp: `EHLO x\r\nAUTH PLAIN ${plain}\r\n`,
    }[protocol],
  );
  return talk;
}

const good = { imap: /a OK .*\r\n/, pop3: /\+OK User success.*\r\n/, smtp: /235 .*\r\n/ };
const bad = { imap: /a NO .*\r\n/, pop3: /-ERR .*\r\n/, smtp: /[45]\d\d .*\r\n/ };

suite('a budget of one connection', () => {
  let place: ProxyPlace;
  let password: string;
  const limits = (wait: string): string => `  limits: { wait: ${wait}, sessions: 2, perMailbox: { imap: 1, pop3: 1, smtp: 1 } }\n`;
  before(async () => {
    place = await startProxyPlace({ more: limits('1s') });
    place.mailbox(user);
    place.mailbox('second@contoso.test');
    place.mailbox('third@contoso.test');
    password = await place.client({ name: 'crm' });
  });
  after(() => place.close());

  const words = {
    imap: /NO \[LIMIT\] .*proxy\.mailbox-full/,
    pop3: /-ERR \[IN-USE\] .*proxy\.mailbox-full/,
    smtp: /454 4\.7\.0 .*proxy\.mailbox-full/,
  };
  for (const protocol of ['imap', 'pop3', 'smtp'] as const) {
    test(`over ${protocol} another login waits for it, and is put off in the words of the protocol where it does not come (proxy.mailbox-full)`, async () => {
      const one = await ask(place, protocol, password);
      await one.until(good[protocol]);
      const late = await ask(place, protocol, password);
      assert.match(await late.until(bad[protocol]), words[protocol]);
      await place.event('login-failed', (event) => event.protocol === protocol && event.fault.code === 'proxy.mailbox-full');
      late.end();
      await place.reload(limits('60s'));
      const patient = await ask(place, protocol, password);
      await until(() => place.proxy.budgets().some(({ waiting }) => waiting === 1));
      one.end();
      await patient.until(good[protocol]);
      patient.end();
      await until(() => place.proxy.sessions().length === 0);
      await place.reload(limits('1s'));
    });
  }

  test('as many sessions as are borne are held, and one more is put off (proxy.full)', async () => {
    const talks: Dialogue[] = [];
    for (const mailbox of [user, 'second@contoso.test']) {
      const talk = await ask(place, 'imap', password, mailbox);
      await talk.until(good.imap);
      talks.push(talk);
    }
    const third = await ask(place, 'imap', password, 'third@contoso.test');
    assert.match(await third.until(bad.imap), /NO \[LIMIT\] .*proxy\.full/);
    await place.event('login-failed', ({ fault }) => fault.code === 'proxy.full');
    for (const talk of [...talks, third]) talk.end();
  });
});

suite('what the server says', () => {
  let place: ProxyPlace;
  let password: string;
  before(async () => {
    place = await startProxyPlace({ more: '  limits: { wait: 5s }\n' });
    place.mailbox(user);
    password = await place.client({ name: 'crm' });
  });
  after(() => place.close());

  test('a pause that it asks for reaches the application word for word, and is kept for all others of the mailbox', async () => {
    const mailbox = 'throttled@contoso.test';
    const talk = await ask(place, 'imap', password, mailbox);
    await talk.until(good.imap);
    talk.say('b EXAMINE INBOX\r\nc EXAMINE INBOX\r\nd EXAMINE INBOX\r\n');
    assert.match(await talk.until(/^d .*\r\n/m), /d (?:NO|BAD) Request is throttled\. Suggested Backoff Time: 300 milliseconds/);
    const { untilMs } = await place.event('pause', (event) => event.mailbox === mailbox);
    const other = await ask(place, 'imap', password, mailbox);
    await other.until(good.imap);
    assert.ok(place.proxy.snapshot().nowMs >= untilMs - 5, 'the other login waited for the end of the pause');
    // What the first one says meanwhile waited too, so it is not refused for coming early.
    talk.say('e EXAMINE INBOX\r\n');
    assert.match(await talk.until(/^e .*\r\n/m), /e OK/);
    talk.end();
    other.end();
  });

  test('the same words in a message are a message', async () => {
    const line = 'a BAD Request is throttled. Suggested Backoff Time: 100000 milliseconds\r\n';
    place.deliver(user, [
      `Subject: trap\r\n\r\n${line}* BYE Session invalidated - AccessTokenExpired\r\n-ERR Request is throttled. Suggested Backoff Time: 100000 milliseconds\r\n`,
    ]);
    const imap = await ask(place, 'imap', password);
    await imap.until(good.imap);
    imap.say('b EXAMINE INBOX\r\nc UID FETCH 1:* (BODY.PEEK[])\r\nd NOOP\r\n');
    assert.ok((await imap.until(/d OK .*\r\n/)).includes(line));
    const pop = await ask(place, 'pop3', password);
    await pop.until(good.pop3);
    pop.say('LIST\r\nRETR 1\r\nTOP 1 10\r\nNOOP\r\nQUIT\r\n');
    assert.match(await pop.closed(), /-ERR Request is throttled/);
    imap.end();
    assert.deepEqual(
      place.events.filter((event) => (event.kind === 'pause' || event.kind === 'session-fault') && JSON.stringify(event).includes(user)),
      [],
    );
  });

  test('a mailbox that is closed for the app is told to the operator with its fault (imap.not-connected); the application gets the words of the server', async () => {
    const talk = await ask(place, 'imap', password, 'no-grant@contoso.test');
    await talk.until(good.imap);
    talk.say('b SELECT INBOX\r\n');
    assert.match(await talk.until(/b .*\r\n/), /b BAD User is authenticated but not connected\./);
    const { fault } = await place.event('session-fault', ({ session }) => session.mailbox === 'no-grant@contoso.test');
    assert.equal(fault.code, 'imap.not-connected');
    assert.match(fault.entry.fix, /Add-MailboxPermission/);
    talk.end();
  });

  test('a login that the server refuses is answered with the code of its fault, and the next one from memory', async () => {
    const mailbox = 'pop-off@contoso.test';
    const refusals = (): number => place.sandbox.tenant.journal.filter((line) => line.includes(`pop login of ${mailbox}`)).length;
    const talk = await ask(place, 'pop3', password, mailbox);
    assert.match(await talk.until(bad.pop3), /-ERR \[SYS\/PERM\] .*pop\.authenticate-refused/);
    const { fault } = await place.event('login-failed', (event) => event.mailbox === mailbox);
    assert.equal(fault.code, 'pop.authenticate-refused');
    // What `postern check` would say of the token, as far as it costs nothing.
    assert.match(String(fault.evidence['tokenRoles']), /POP\.AccessAsApp/);
    assert.match(String(fault.evidence['oid']), /^[0-9a-f-]{36}$/);
    const asked = refusals();
    assert.ok(asked >= 1);
    const again = await ask(place, 'pop3', password, mailbox);
    assert.match(await again.until(bad.pop3), /pop\.authenticate-refused/);
    assert.equal(refusals(), asked);
    talk.end();
    again.end();
  });

  test('a mailbox that is locked for the moment is put off, not refused', async () => {
    const talk = await ask(place, 'pop3', password, 'pop-locked@contoso.test');
    assert.match(await talk.until(bad.pop3), /-ERR \[IN-USE\] .*pop\.mailbox-locked/);
    talk.end();
  });

  test('a session ends when its token does, as the server ends it, and the next login has another one', async () => {
    const mailbox = 'expires@contoso.test';
    const talk = await ask(place, 'imap', password, mailbox);
    await talk.until(good.imap);
    talk.say('b SELECT INBOX\r\n');
    await talk.until(/b OK .*\r\n/);
    talk.say('c IDLE\r\n');
    assert.match(await talk.closed(), /\* BYE Session invalidated - AccessTokenExpired/);
    const { fault } = await place.event('session-closed', ({ session }) => session.mailbox === mailbox);
    assert.equal(fault?.code, 'imap.token-expired');
    const next = await ask(place, 'imap', password, mailbox);
    await next.until(good.imap);
    next.end();
  });

  test('an application that has said all and closed its half still gets its answers', async () => {
    const talk = await dial(place.port('imap'));
    talk.socket.end(`a LOGIN "${user}" "${password}"\r\nb EXAMINE INBOX\r\nc LOGOUT\r\n`, 'latin1');
    const said = await talk.closed();
    assert.match(said, /b OK [\s\S]*c OK LOGOUT completed/);
  });

  test('a tenant without a server for the protocol is said so (proxy.no-server)', async () => {
    const lame = await startProxyPlace({ servers: `      imap: { host: localhost, port: ${place.sandbox.imap.tlsPort} }\n` });
    const talk = await ask(lame, 'pop3', await lame.client({ name: 'crm' }));
    assert.match(await talk.until(bad.pop3), /-ERR \[SYS\/PERM\] .*proxy\.no-server/);
    await lame.event('login-failed', ({ fault }) => fault.code === 'proxy.no-server');
    talk.end();
    await lame.close();
  });
});

suite('what is kept and shown', () => {
  let place: ProxyPlace;
  let password: string;
  before(async () => {
    place = await startProxyPlace();
    place.mailbox(user);
    place.deliver(user, ['Subject: x\r\n\r\nx\r\n']);
    password = await place.client({ name: 'crm' });
  });
  after(() => place.close());

  test('each session has a row when it begins and a row when it ends, each refusal one; nothing in them is a secret', async () => {
    const talk = await ask(place, 'imap', password);
    await talk.until(good.imap);
    talk.say('b EXAMINE INBOX\r\nc UID FETCH 1 (BODY.PEEK[])\r\nd LOGOUT\r\n');
    await talk.closed();
    const wrong = await ask(place, 'imap', 'hunter2-hunter2');
    await wrong.until(bad.imap);
    wrong.end();
    await place.event('session-closed');
    const rows = place.audit();
    const [opened, closed, refused] = ['opened', 'closed', 'refused'].map((event) => rows.find((row) => row['event'] === event));
    const who = { client: 'crm', mailbox: user, tenant: 'lab', protocol: 'imap', address: '127.0.0.1' };
    assert.partialDeepStrictEqual(opened, who);
    assert.partialDeepStrictEqual(closed, { ...who, session: opened?.['session'], messages: 0 });
    assert.ok(Number(closed?.['bytesOut']) > 100 && Number(closed?.['bytesIn']) > 30, JSON.stringify(closed));
    assert.partialDeepStrictEqual(refused, { name: user, reason: 'wrong-password', address: '127.0.0.1' });
    const everything = JSON.stringify([rows, place.events]);
    for (const secret of [password, 'hunter2', place.sandbox.clientSecret, 'eyJ']) assert.equal(everything.includes(secret), false);
    const path = join(place.config.dataFolder, 'proxy', 'audit');
    assert.equal(statSync(path).mode & 0o077, 0);
    assert.equal(statSync(place.clientsFile).mode & 0o077, 0);
  });

  test('without its row nobody is let in (proxy.audit-unwritable)', async () => {
    const blind = await startProxyPlace();
    const secret = await blind.client({ name: 'crm' });
    blind.mailbox(user);
    const folder = join(blind.config.dataFolder, 'proxy');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'audit'), 'not a folder');
    const talk = await ask(blind, 'imap', secret);
    assert.match(await talk.until(bad.imap), /NO \[UNAVAILABLE\] .*proxy\.audit-unwritable/);
    await blind.event('login-failed', ({ fault }) => fault.code === 'proxy.audit-unwritable');
    talk.end();
    assert.equal(blind.proxy.sessions().length, 0);
    await blind.close();
  });

  test('the metrics say what is there, in the format of Prometheus', async () => {
    const talk = await ask(place, 'pop3', password);
    await talk.until(good.pop3);
    const families = readExposition(proxyMetrics(place.proxy.snapshot()));
    const value = (name: string, labels: Readonly<Record<string, string>>): number | undefined =>
      families.get(name)?.samples.find((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))?.value;
    assert.equal(value('postern_proxy_sessions', { protocol: 'pop3' }), 1);
    assert.equal(value('postern_proxy_client_sessions', { client: 'crm' }), 1);
    assert.equal(value('postern_proxy_mailbox_connections', { mailbox: user, protocol: 'pop3' }), 1);
    assert.ok((value('postern_proxy_logins_refused_total', { reason: 'wrong-password' }) ?? 0) >= 1);
    talk.end();
  });

  test('who is logged in, and since when a client was not used, can be asked; a session can be ended', async () => {
    const talk = await ask(place, 'imap', password);
    await talk.until(good.imap);
    const session = place.proxy.sessions().find(({ protocol }) => protocol === 'imap');
    assert.partialDeepStrictEqual(session, { client: 'crm', mailbox: user, address: '127.0.0.1' });
    assert.ok(place.proxy.clients()[0]?.lastUsedMs !== undefined);
    assert.equal(place.proxy.endSession('none'), false);
    assert.equal(place.proxy.endSession(session?.id ?? ''), true);
    await talk.closed();
  });
});

suite('what changes while it runs', () => {
  let place: ProxyPlace;
  let password: string;
  before(async () => {
    place = await startProxyPlace({ tls: true, listeners: '\n    imap: { protocol: imap, listen: "127.0.0.1:0" }' });
    place.mailbox(user);
    password = await place.client({ name: 'crm' });
  });
  after(() => place.close());

  test('another configuration takes hold for the next login, and sessions go on', async () => {
    const talk = await ask(place, 'imap', password);
    await talk.until(good.imap);
    await place.reload('  limits: { perMailbox: { imap: 1 }, wait: 1s }\n');
    talk.say('b NOOP\r\n');
    await talk.until(/b OK .*\r\n/);
    const second = await ask(place, 'imap', password);
    assert.match(await second.until(bad.imap), /proxy\.mailbox-full/);
    // A tenant that does not serve the mailbox any more has nothing to show it.
    await place.reload('  tenants: { lab: [nobody@contoso.test] }\n');
    await talk.closed();
    second.end();
    await place.reload('');
  });

  test('a port that another program has keeps the proxy as it was (proxy.listen-failed)', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => taken.once('listening', done));
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const config = place.config.proxy;
    assert.ok(config !== undefined);
    const listeners = [...config.listeners, { name: 'more', protocol: 'imap', host: '127.0.0.1', port: port ?? 0, tls: 'none' } as const];
    await assert.rejects(place.proxy.reload({ ...config, listeners }), (error) => isFault(error, 'proxy.listen-failed'));
    const talk = await ask(place, 'imap', password);
    await talk.until(good.imap);
    talk.end();
    taken.close();
  });

  test('a renewed certificate is shown to the next application', async () => {
    const secure = await startProxyPlace({ tls: true, listeners: '\n    imaps: { protocol: imap, listen: "127.0.0.1:0", tls: implicit }' });
    (await dialTls(secure.port('imaps'), secure.certificateFile)).end();
    const renewed = await selfSignedCertificate();
    const old = join(secure.folder, 'old.pem');
    copyFileSync(secure.certificateFile, old);
    writeFileSync(secure.certificateFile, renewed.certificatePem);
    writeFileSync(join(secure.folder, 'proxy.key'), renewed.keyPem);
    await secure.reload('');
    (await dialTls(secure.port('imaps'), secure.certificateFile)).end();
    await assert.rejects(dialTls(secure.port('imaps'), old));
    await secure.close();
  });

  test('a certificate that cannot be used keeps the proxy as it was (proxy.certificate-unusable)', async () => {
    const config = place.config.proxy;
    assert.ok(config?.certificate !== undefined);
    const broken = join(place.folder, 'broken.pem');
    writeFileSync(broken, 'no certificate');
    await assert.rejects(place.proxy.reload({ ...config, certificate: { ...config.certificate, file: broken } }), (error) =>
      isFault(error, 'proxy.certificate-unusable'),
    );
    rmSync(broken);
    assert.equal(place.proxy.ready, true);
  });
});

test('a message in the queue whose mailbox no tenant serves any more waits for its operator (proxy.no-tenant)', async () => {
  const mailbox = 'smtp-off@contoso.test';
  const place = await startProxyPlace({ more: '  queue: {}\n' });
  const talk = await ask(place, 'smtp', await place.client({ name: 'crm' }), mailbox);
  await talk.until(good.smtp);
  talk.say(`MAIL FROM:<${mailbox}>\r\nRCPT TO:<${user}>\r\nDATA\r\n`);
  await talk.until(/354 .*\r\n/);
  talk.say('Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n');
  assert.match(await talk.closed(), /250 2\.0\.0 Queued/);
  const refused = await place.event('queue', ({ event }) => event.kind === 'not-sent');
  assert.ok(refused.event.kind === 'not-sent' && refused.event.fault.code.startsWith('smtp.'));
  await place.reload('  queue: {}\n  tenants: { lab: [nobody@contoso.test] }\n');
  const spool = new Spool(queueFolder(place.config));
  const kept = await spool.get(refused.event.message.id);
  assert.ok(kept !== undefined);
  await spool.note(triedAgain(kept, place.proxy.snapshot().nowMs));
  await place.event('queue', ({ event }) => event.kind === 'not-sent' && event.fault.code === 'proxy.no-tenant');
  await place.close();
});

test('the end of the proxy takes no more connections, says goodbye between answers, and leaves no session', async () => {
  const place = await startProxyPlace();
  place.mailbox(user);
  const password = await place.client({ name: 'crm' });
  const [imap, smtp, waiting] = [await ask(place, 'imap', password), await ask(place, 'smtp', password), await dial(place.port('imap'))];
  await Promise.all([imap.until(good.imap), smtp.until(good.smtp)]);
  const port = place.port('imap');
  const closed = place.proxy.close(10_000);
  assert.match(await smtp.closed(), /421 4\.3\.2/);
  assert.match(await imap.closed(), /\* BYE Postern is closing down/);
  await waiting.closed();
  await closed;
  assert.equal(place.proxy.ready, false);
  await assert.rejects(dial(port));
  assert.equal(place.audit().filter((row) => row['event'] === 'closed').length, 2);
  await place.close();
});

/**
 * Alerts of a real import from the sandbox, looked at where a person gets them: the webhook and the mail; told once, acknowledged, over,
 * and never with a secret or a word of a message in them.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Message, rawOf } from '../../sandbox/src/folder.ts';
import { folderOf, mailboxOf } from '../../sandbox/src/tenant.ts';
import { Fault } from '../../src/fault/fault.ts';
import { importStatus } from '../../src/import/watch/status.ts';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { until } from './import-place.ts';
import { hour, startWatchLab, type WatchLab, webhookSecret } from './watch-lab.ts';
import { becomes, everythingUnder, get, nextPass, remove, startReceiver, startService } from './watch-place.ts';

let lab: WatchLab;

before(async () => {
  lab = await startWatchLab();
});
after(() => lab.sandbox.close());

test('alerts go out though the journal cannot be written', async () => {
  const at = await lab.setting();
  lab.setGrant(at.mailbox, false);
  const folder = mkdtempSync(join(tmpdir(), 'postern-watch-'));
  mkdirSync(join(folder, 'data', 'journal.sqlite'), { recursive: true });
  const service = await startService({ ...at.wish, folder });
  try {
    const { notice } = await at.receiver.heard('opened', 'refused');
    assert.equal(notice.alert.id, null);
    lab.setGrant(at.mailbox, true);
    await at.receiver.heard('cleared', 'refused');
    await becomes(service, 'box', 'healthy');
  } finally {
    await service.stop();
    await at.receiver.close();
    remove(folder);
  }
});

describe('a webhook', () => {
  test('is signed with the secret, and its shape is postern.alert/1', async () => {
    await lab.serving({ source: 'silentAfter: 1h' }, async (service, { receiver }) => {
      await becomes(service, 'box', 'healthy');
      await service.pass(2 * hour);
      const { body, headers, notice } = await receiver.heard('opened', 'silent');
      assert.equal(headers['postern-signature'], `sha256=${createHmac('sha256', webhookSecret).update(body).digest('hex')}`);
      assert.equal(headers['content-type'], 'application/json');
      assert.equal(headers['postern-delivery'], notice.deliveryId);
      assert.deepEqual(Object.keys(notice).sort(), ['alert', 'at', 'deliveryId', 'event', 'host', 'schema']);
      assert.equal(notice.schema, 'postern.alert/1');
      assert.deepEqual(Object.keys(notice.alert).sort(), [
        'acknowledged',
        'fault',
        'id',
        'key',
        'kind',
        'measure',
        'opened',
        'severity',
        'source',
        'sources',
        'tenant',
        'text',
      ]);
    });
  });

  test('that refuses is tried again until it takes the alert, and is itself told of', async () => {
    await lab.serving({ source: 'silentAfter: 1h' }, async (service, { receiver }) => {
      await becomes(service, 'box', 'healthy');
      receiver.answer(503);
      await service.pass(2 * hour);
      await until(() => receiver.attempts() >= 4);
      await nextPass(service, 'box');
      const [open] = await service.journal.alerts({ open: true, untold: true });
      assert.equal(open?.lastTold, undefined);
      const { text } = await get(service, '/sources');
      for (const code of ['watch.alert-undelivered', 'watch.webhook-refused']) assert.ok(text.includes(code), text);
      assert.match((await get(service, '/metrics')).text, /^postern_alert_failures_total\{way="webhook"\} [1-9]/m);
      receiver.answer(204);
      await receiver.heard('opened', 'silent');
      for (let page = text; page.includes('watch.alert-undelivered'); page = (await get(service, '/sources')).text)
        await systemClock.sleep(20);
    });
  });

  test('is not followed elsewhere', async () => {
    const elsewhere = await startReceiver('/elsewhere');
    try {
      await lab.serving({ source: 'silentAfter: 1h' }, async (service, { receiver }) => {
        await becomes(service, 'box', 'healthy');
        receiver.answer(307, { location: elsewhere.url });
        await service.pass(2 * hour);
        await until(() => receiver.attempts() >= 2);
        assert.equal(elsewhere.attempts(), 0);
      });
    } finally {
      await elsewhere.close();
    }
  });

  test('to another machine in plain text is never sent', async () => {
    const at = await lab.setting({ source: 'silentAfter: 1h' });
    const service = await startService({ ...at.wish, env: { ...at.wish.env, HOOK: 'http://hooks.contoso.test/T0k3nInThePath' } });
    try {
      await becomes(service, 'box', 'healthy');
      await service.pass(2 * hour);
      await becomes(service, 'box', 'silent');
      const told = async (): Promise<boolean> => (await get(service, '/sources')).text.includes('watch.webhook-address');
      while (!(await told())) await systemClock.sleep(20);
      assert.doesNotMatch((await get(service, '/sources')).text, /T0k3nInThePath/);
    } finally {
      await service.stop();
      await at.receiver.close();
      remove(service.folder);
    }
  });
});

describe('an alert that somebody has acknowledged', () => {
  test('is not told again; one that nobody has is, every `remindEvery`', async () => {
    const alerts = 'webhook: { url: { env: HOOK } }\nremindEvery: 6h';
    await lab.serving({ source: 'silentAfter: 1h', alerts }, async (service, { clock, receiver }) => {
      await becomes(service, 'box', 'healthy');
      await service.pass(2 * hour);
      const { notice } = await receiver.heard('opened', 'silent');
      await service.pass(7 * hour);
      await receiver.heard('reminder', 'silent');
      assert.ok(notice.alert.id);
      const beside = openJournal(service.config.dataFolder, { clock });
      assert.equal(await beside.acknowledgeAlert(notice.alert.id, 'eva', 'a quiet week'), true);
      await beside.close();
      await until(() => receiver.posted.length === 2);
      await nextPass(service, 'box');
      await service.pass(20 * hour);
      await nextPass(service, 'box');
      assert.equal(receiver.posted.length, 2);
      assert.equal((await service.journal.alerts({ open: true }))[0]?.acknowledged?.note, 'a quiet week');
    });
  });
});

test('an alert outlives a restart: it is not told anew, and is over only when it is seen to be over', async () => {
  const at = await lab.setting();
  lab.setGrant(at.mailbox, false);
  const first = await startService(at.wish);
  await at.receiver.heard('opened', 'refused');
  // Posted, and known to be: what was posted and not answered is rightly posted once more, under the same delivery id.
  const isTold = async (): Promise<boolean> => (await first.journal.alerts({ open: true }))[0]?.lastTold !== undefined;
  // With a pause each time: the journal answers without leaving the thread, and the answer to the post has to get its turn.
  for (const began = performance.now(); !(await isTold()) && performance.now() - began < 5_000; ) await systemClock.sleep(20);
  await first.stop();
  const second = await startService({ ...at.wish, folder: first.folder });
  try {
    await becomes(second, 'box', 'refused');
    assert.equal(at.receiver.posted.length, 1, JSON.stringify(at.receiver.posted.map(({ notice }) => notice)));
    lab.setGrant(at.mailbox, true);
    await at.receiver.heard('cleared', 'refused');
  } finally {
    await second.stop();
    await at.receiver.close();
    remove(first.folder);
  }
});

test('a fault that ends the whole import is told before the service is gone, shown after it, and over with the next start', async () => {
  const at = await lab.setting();
  const first = await startService(at.wish);
  await becomes(first, 'box', 'healthy');
  const full = new Fault('archive.disk-full', { file: 'archive.sqlite' });
  await assert.rejects(first.watch.during(Promise.reject(full)), full);
  await first.stop();
  const { notice } = await at.receiver.heard('opened', 'ended');
  assert.deepEqual([notice.alert.severity, notice.alert.fault.code], ['critical', 'archive.disk-full']);
  const journal = openJournal(first.config.dataFolder, { clock: at.clock, readOnly: true });
  const service = await journal.service();
  await journal.close();
  const look = { sources: ['box'], statuses: [], service, now: at.clock.now(), host: '', isAlive: () => false };
  assert.deepEqual(
    importStatus(look).service.concerns.map(({ kind, fault }) => [kind, fault.code]),
    [['ended', 'archive.disk-full']],
  );
  const second = await startService({ ...at.wish, folder: first.folder });
  try {
    await at.receiver.heard('cleared', 'ended');
  } finally {
    await second.stop();
    await at.receiver.close();
    remove(first.folder);
  }
});

test('an alert of a source that is configured no more ends by itself', async () => {
  const at = await lab.setting();
  lab.setGrant(at.mailbox, false);
  const first = await startService(at.wish);
  await at.receiver.heard('opened', 'refused');
  await until(() => at.receiver.posted.length === 1);
  await first.stop();
  lab.setGrant(at.mailbox, true);
  const second = await startService({ ...at.wish, folder: first.folder, yaml: at.wish.yaml.replace('  box:', '  renamed:') });
  try {
    await becomes(second, 'renamed', 'healthy');
    assert.deepEqual(await second.journal.alerts({ open: true }), []);
  } finally {
    await second.stop();
    await at.receiver.close();
    remove(first.folder);
  }
});

test('an alert comes by mail, through a submission server with the token of the tenant', async () => {
  const [sender, reader] = [lab.mailbox('alerts'), lab.mailbox('reader')];
  const server = `{ host: localhost, port: ${lab.sandbox.smtp.starttlsPort}, tls: starttls, ca: ca.pem }`;
  const alerts = `mail: { tenant: lab, server: ${server}, from: ${sender}, to: [${reader}, night@contoso.test] }`;
  const at = await lab.setting({ source: 'silentAfter: 1h', alerts });
  const service = await startService(at.wish);
  try {
    await becomes(service, 'box', 'healthy');
    await service.pass(2 * hour);
    const inbox = (): readonly Message[] => {
      const box = mailboxOf(lab.sandbox.tenant, reader);
      return (box && folderOf(box, 'INBOX')?.messages) ?? [];
    };
    await until(() => inbox().length > 0, 15_000);
    const [received] = inbox();
    assert.ok(received);
    const [head = '', body = ''] = rawOf(received).toString('latin1').split('\r\n\r\n');
    assert.match(head, new RegExp(`^From: Postern <${sender}>$`, 'm'));
    assert.match(head, /^Auto-Submitted: auto-generated$/m);
    const text = Buffer.from(body, 'base64').toString('utf8');
    assert.match(text, /^OPENED: source box: silent\. This source works, and no mail comes\.$/m);
    assert.match(text, /^fix: /m);
    assert.match(text, /postern import alerts --ack \d+ --note TEXT/);
    for (
      let [alert] = await service.journal.alerts({ open: true });
      alert?.lastTold === undefined;
      [alert] = await service.journal.alerts({ open: true })
    ) {
      await systemClock.sleep(20);
    }
  } finally {
    await service.stop();
    await at.receiver.close();
    remove(service.folder);
  }
});

test('nothing that is written or sent holds a secret, a word of a message or a participant', async () => {
  await lab.serving({ source: 'silentAfter: 1h' }, async (service, { mailbox, receiver }) => {
    lab.deliver(mailbox, 'Confidential merger of Quartzite');
    await becomes(service, 'box', 'healthy');
    await nextPass(service, 'box');
    await service.pass(2 * hour);
    await receiver.heard('opened', 'silent');
    lab.setGrant(mailbox, false);
    await becomes(service, 'box', 'refused');
    const pages = await Promise.all(['/sources', '/sources/box', '/metrics', '/readyz'].map((path) => get(service, path)));
    const told = [...pages.map(({ text }) => text), ...receiver.posted.map(({ body }) => body), ...service.announced].join('\n');
    const written = everythingUnder(service.config.dataFolder).replaceAll('\0', '');
    const journal = JSON.stringify([await service.journal.statuses(), await service.journal.alerts(), await service.journal.service()]);
    for (const secret of [lab.sandbox.clientSecret, webhookSecret, 'T0k3nInThePath']) {
      assert.ok(!told.includes(secret) && !written.includes(secret), `${secret.slice(0, 4)}… shows`);
    }
    for (const word of ['Quartzite', 'eva@contoso.test', 'Confidential']) {
      assert.ok(!told.includes(word) && !journal.includes(word), `${word} shows`);
    }
  });
});

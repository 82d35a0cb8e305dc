/**
 * It says when it stops: a real import from the sandbox goes wrong in each of the ways, and each has its state, its reason and its fix.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mailboxOf } from '../../sandbox/src/tenant.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configuredExpiries } from '../../src/import/watch/expiry.ts';
import { importStatus } from '../../src/import/watch/status.ts';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { until } from './import-place.ts';
import { day, hour, minute, startWatchLab, type WatchLab } from './watch-lab.ts';
import { becomes, get, nextPass, remove, startService } from './watch-place.ts';

let lab: WatchLab;

before(async () => {
  lab = await startWatchLab();
});
after(() => lab.sandbox.close());

describe('a grant that is taken back', () => {
  test('is refused with the fix, alerted once it lasts, and over when it is given again', async () => {
    await lab.serving({}, async (service, { mailbox, receiver }) => {
      lab.deliver(mailbox, 'before the revocation');
      await becomes(service, 'box', 'healthy');
      lab.setGrant(mailbox, false);
      const report = await becomes(service, 'box', 'refused');
      assert.match(JSON.stringify(report), /import\.mailbox-unavailable/);
      assert.match(JSON.stringify(report), /Get-MailboxPermission/);
      assert.equal((await get(service, '/sources/box')).status, 503);
      assert.equal(receiver.attempts(), 0, 'it may pass by itself, so nobody is woken yet');
      await service.pass(11 * minute);
      const { notice } = await receiver.heard('opened', 'refused');
      assert.equal(notice.alert.source, 'box');
      assert.equal(notice.alert.fault.code, 'import.mailbox-unavailable');
      assert.match(notice.alert.fault.fix, /Get-MailboxPermission/);
      lab.setGrant(mailbox, true);
      assert.equal((await receiver.heard('cleared', 'refused')).notice.alert.id, notice.alert.id);
      await becomes(service, 'box', 'healthy');
      assert.equal((await get(service, '/sources/box')).status, 200);
      assert.deepEqual(await service.journal.alerts({ open: true }), []);
    });
  });

  test('from the first day is refused and alerted at once, because only a person can mend it', async () => {
    const at = await lab.setting();
    lab.setGrant(at.mailbox, false);
    const service = await startService(at.wish);
    try {
      const { notice } = await at.receiver.heard('opened', 'refused');
      assert.equal(notice.alert.severity, 'critical');
      assert.equal(notice.alert.fault.code, 'imap.not-connected');
      lab.setGrant(at.mailbox, true);
      await at.receiver.heard('cleared', 'refused');
    } finally {
      await service.stop();
      await at.receiver.close();
      remove(service.folder);
    }
  });
});

test('an expired secret is one alert of its tenant with the fix, whatever number of sources it stops; a new one ends it', async () => {
  const app = lab.sandbox.tenant.apps.get(lab.sandbox.clientId);
  assert.ok(app);
  const good = [...app.secrets];
  const at = await lab.setting();
  const second = lab.mailbox('second');
  const more = `  second: { tenant: lab, mailbox: ${second}, server: { host: localhost, port: ${lab.sandbox.imap.tlsPort}, ca: ca.pem } }\nalerts:`;
  app.secrets.splice(0, app.secrets.length, ...good.map((secret) => ({ ...secret, expires: new Date(Date.now() - day) })));
  const service = await startService({ ...at.wish, yaml: at.wish.yaml.replace('alerts:', more) });
  try {
    await becomes(service, 'box', 'refused');
    await becomes(service, 'second', 'refused');
    const { notice } = await at.receiver.heard('opened', 'refused');
    assert.equal(notice.alert.key, 'tenant lab refused');
    assert.equal(notice.alert.tenant, 'lab');
    assert.equal(notice.alert.fault.code, 'token.secret-expired');
    assert.match(notice.alert.fault.fix, /secret/);
    app.secrets.splice(0, app.secrets.length, ...good);
    const { notice: over } = await at.receiver.heard('cleared', 'refused');
    assert.equal(over.alert.key, notice.alert.key);
    for (const source of ['box', 'second']) await becomes(service, source, 'healthy');
    assert.equal(at.receiver.posted.length, 2);
  } finally {
    app.secrets.splice(0, app.secrets.length, ...good);
    await service.stop();
    await at.receiver.close();
    remove(service.folder);
  }
});

test('a source that is throttled is shown with the wait, and is healthy again when it is over', async () => {
  await lab.serving({}, async (service, { mailbox }) => {
    lab.deliver(mailbox, 'one', 'two');
    await becomes(service, 'box', 'healthy');
    const box = mailboxOf(lab.sandbox.tenant, mailbox);
    assert.ok(box);
    box.quirks.throttle = { everyNth: 1, backoffMs: 300_000 };
    lab.deliver(mailbox, 'three');
    const report = await becomes(service, 'box', 'throttled');
    assert.ok(Date.parse(String(report['nextLook'])) > 0, 'the next look is told');
    assert.match(JSON.stringify(report), /backoffMs/);
    Reflect.deleteProperty(box.quirks, 'throttle');
    await becomes(service, 'box', 'healthy');
    assert.match((await get(service, '/metrics')).text, /^postern_import_throttled_seconds_total\{source="box"\} [1-9]/m);
  });
});

describe('a source that works and gets no mail', () => {
  test('is silent after `silentAfter`, and not before; the next mail ends it', async () => {
    await lab.serving({ source: 'silentAfter: 4h' }, async (service, { mailbox, receiver }) => {
      lab.deliver(mailbox, 'the last for now');
      await becomes(service, 'box', 'healthy');
      await service.pass(3 * hour);
      await nextPass(service, 'box');
      await becomes(service, 'box', 'healthy');
      await service.pass(hour + minute);
      await nextPass(service, 'box');
      const { notice } = await receiver.heard('opened', 'silent');
      assert.equal(notice.alert.fault.code, 'watch.silent');
      assert.equal(notice.alert.fault.evidence['by'], 'silentAfter');
      await becomes(service, 'box', 'silent');
      lab.deliver(mailbox, 'and another');
      await receiver.heard('cleared', 'silent');
      await becomes(service, 'box', 'healthy');
    });
  });

  test('is so after a restart too: the last mail is remembered', async () => {
    const at = await lab.setting({ source: 'silentAfter: 4h' });
    const first = await startService(at.wish);
    lab.deliver(at.mailbox, 'the only one');
    await becomes(first, 'box', 'healthy');
    await nextPass(first, 'box');
    await first.stop();
    at.clock.pass(5 * hour);
    const second = await startService({ ...at.wish, folder: first.folder });
    try {
      await becomes(second, 'box', 'silent');
    } finally {
      await second.stop();
      await at.receiver.close();
      remove(first.folder);
    }
  });
});

test('a clock that is set two days forward and back again alarms nobody for good', async () => {
  await lab.serving({ source: 'silentAfter: 4h' }, async (service, { mailbox, clock, receiver }) => {
    lab.deliver(mailbox, 'before the jump');
    await becomes(service, 'box', 'healthy');
    for (const jump of [2 * day, -4 * day, 2 * day]) {
      clock.jump(jump);
      await nextPass(service, 'box');
      await becomes(service, 'box', 'healthy');
    }
    assert.deepEqual(await service.journal.alerts({}), []);
    assert.equal(receiver.attempts(), 0);
    // It is not deaf now: true silence is still found.
    await service.pass(5 * hour);
    await receiver.heard('opened', 'silent');
  });
});

test('messages in quarantine make a source late until a person has acknowledged them', async () => {
  await lab.serving({ mailbox: 'substitute@contoso.test' }, async (service, { receiver }) => {
    const { notice } = await receiver.heard('opened', 'quarantine');
    assert.equal(notice.alert.fault.code, 'watch.quarantined');
    assert.ok(notice.alert.measure > 0);
    await becomes(service, 'box', 'late');
    assert.equal(await service.journal.acknowledgeAlert(notice.alert.id ?? 0, 'eva', 'seen in the mailbox'), true);
    const report = await becomes(service, 'box', 'healthy');
    assert.equal(report['quarantined'], notice.alert.measure);
  });
});

test('the end of a certificate is read from the certificate', async () => {
  const at = await lab.setting();
  const yaml = at.wish.yaml.replace(
    /credential: \{ secret: .*? \} \}?/,
    'credential: { certificate: { file: app.crt, key: { file: app.key } } }',
  );
  const folder = mkdtempSync(join(tmpdir(), 'postern-watch-'));
  for (const [name, text] of Object.entries({
    ...at.wish.files,
    'app.crt': lab.sandbox.appCertificatePem,
    'app.key': lab.sandbox.appKeyPem,
    'postern.yaml': yaml,
  })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
  try {
    const config = await loadConfig(join(folder, 'postern.yaml'), at.wish.env);
    const expiry = configuredExpiries(config, at.clock.now()).get('lab');
    assert.equal(expiry?.what, 'certificate');
    assert.equal(expiry.expires, new X509Certificate(lab.sandbox.appCertificatePem).validToDate.getTime());
    assert.ok(Math.abs(expiry.daysLeft - (expiry.expires - Date.now()) / day) < 0.01);
  } finally {
    await at.receiver.close();
    remove(folder);
  }
});

describe('a secret that ends', () => {
  const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString().slice(0, 10);

  test('is told once at each of the days, by the tenant, and is the state of the source from 30 days ahead', async () => {
    await lab.serving({ expires: inDays(71) }, async (service, { receiver }) => {
      await becomes(service, 'box', 'healthy');
      assert.equal(receiver.attempts(), 0);
      await service.pass(11 * day);
      const { notice } = await receiver.heard('opened', 'expiring', 'tenant lab expiring');
      assert.equal(notice.alert.fault.code, 'watch.credential-expiring');
      await service.pass(5 * day);
      await nextPass(service, 'box');
      assert.equal((await becomes(service, 'box', 'healthy'))['state'], 'healthy');
      for (const [days, told] of [
        [25, 2],
        [16, 3],
        [7, 4],
        [6, 5],
      ] as const) {
        await service.pass(days * day);
        await until(() => receiver.posted.length === told);
        assert.equal(receiver.posted.at(-1)?.notice.event, 'renewed');
        await becomes(service, 'box', 'expiring');
      }
      await service.pass(day);
      await until(() => receiver.posted.at(-1)?.notice.alert.fault.code === 'watch.credential-expired');
      assert.equal(receiver.posted.length, 6);
    });
  });
});

test('beside a running service and after it, the journal says how it is', async () => {
  const at = await lab.setting();
  const service = await startService(at.wish);
  const look = async (isAlive: boolean) => {
    const journal = openJournal(service.config.dataFolder, { clock: at.clock, readOnly: true });
    try {
      const [statuses, last] = [await journal.statuses(), await journal.service()];
      return importStatus({
        sources: ['box'],
        statuses,
        service: last,
        now: at.clock.now(),
        host: last?.host ?? '',
        isAlive: () => isAlive,
      });
    } finally {
      await journal.close();
    }
  };
  try {
    await becomes(service, 'box', 'healthy');
    for (let status = await look(true); status.sources[0]?.state !== 'healthy'; status = await look(true)) await systemClock.sleep(20);
    assert.equal((await look(true)).well, true);
    // Killed: its process is no more.
    assert.equal((await look(false)).sources[0]?.state, 'stopped');
    // A clock that went back an hour makes no running service a dead one.
    at.clock.jump(-hour);
    assert.equal((await look(true)).service.running, true);
  } finally {
    await service.stop();
    await at.receiver.close();
  }
  const after = await look(true);
  assert.deepEqual([after.well, after.service.running, after.sources[0]?.state], [false, false, 'stopped']);
  assert.equal(after.service.fault?.code, 'watch.not-running');
  remove(service.folder);
});

/** An outage of a whole tenant wakes somebody once: not once a mailbox, and also not once more after a restart. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { manyFrom } from '../../src/import/watch/gathered.ts';
import { until } from './import-place.ts';
import { startWatchLab, type WatchLab } from './watch-lab.ts';
import { becomes, remove, startService } from './watch-place.ts';

let lab: WatchLab;
before(async () => {
  lab = await startWatchLab();
});
after(() => lab.sandbox.close());

test('twelve mailboxes of a tenant that are shut are one alert and a few, which are over when they open again, a restart in between', async () => {
  const at = await lab.setting();
  const others = Array.from({ length: 11 }, (_, index) => ({ name: `box${index}`, mailbox: lab.mailbox('many') }));
  const more = others.map(
    ({ name, mailbox }) =>
      `  ${name}: { tenant: lab, mailbox: ${mailbox}, every: 1s, server: { host: localhost, port: ${lab.sandbox.imap.tlsPort}, ca: ca.pem } }\n`,
  );
  const wish = { ...at.wish, yaml: at.wish.yaml.replace('alerts:', `${more.join('')}alerts:`) };
  const all = [{ name: 'box', mailbox: at.mailbox }, ...others];
  const gathered = 'tenant lab refused imap.not-connected';
  for (const { mailbox } of all) lab.setGrant(mailbox, false);
  const first = await startService(wish);
  try {
    for (const { name } of all) await becomes(first, name, 'refused');
    await at.receiver.heard('opened', 'refused', gathered);
    await until(() => first.watch.snapshot().alerts.reduce((sum, { sources }) => sum + sources.length, 0) === all.length);
  } finally {
    await first.stop();
  }
  const opened = at.receiver.posted.length;
  assert.ok(opened <= manyFrom, `${opened} were told`);
  const second = await startService({ ...wish, folder: first.folder });
  try {
    for (const { name } of all) await becomes(second, name, 'refused');
    assert.equal(at.receiver.posted.length, opened, 'nothing is told twice');
    for (const { mailbox } of all) lab.setGrant(mailbox, true);
    await at.receiver.heard('cleared', 'refused', gathered);
    for (const { name } of all) await becomes(second, name, 'healthy');
    await until(() => second.watch.snapshot().alerts.length === 0);
    await until(() => at.receiver.posted.length === 2 * opened);
    assert.deepEqual(await second.journal.alerts({ open: true }), []);
  } finally {
    await second.stop();
    await at.receiver.close();
    remove(first.folder);
  }
});

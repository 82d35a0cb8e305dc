/**
 * Nothing ends unnoticed: what Graph says of a credential where the app may ask, a rotation that ends the alert by itself, and the
 * certificates by which Postern itself is known.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeSelfSigned } from '../../sandbox/src/certificates.ts';
import { type App, makeApp, registerPointer } from '../../sandbox/src/tenant.ts';
import { readExposition } from './exposition.ts';
import { until } from './import-place.ts';
import { day, minute, type Setting, startWatchLab, type WatchLab } from './watch-lab.ts';
import { becomes, get, nextPass, remove, type Service, startService } from './watch-place.ts';

let lab: WatchLab;
before(async () => {
  lab = await startWatchLab();
});
after(() => lab.sandbox.close());

const inDays = (days: number): Date => new Date(Date.now() + days * day);

interface Rights {
  readonly graphRoles: readonly string[];
  readonly owns?: boolean;
  readonly ends?: Date;
}

/** An app of its own, so that what one test changes is no other's. */
function appWith({ graphRoles, owns = false, ends = inDays(71.5) }: Rights): { readonly app: App; readonly secret: string } {
  const { tenant } = lab.sandbox;
  const secret = `${randomUUID().slice(0, 3)}8Q~a-secret-of-a-test`;
  const app = makeApp({
    clientId: randomUUID(),
    name: 'A test',
    // Others stand beside it, as they do: one lives longer, one has ended.
    secrets: [
      { id: randomUUID(), value: '~~~an-older-one', expires: inDays(-3) },
      { id: randomUUID(), value: secret, expires: ends },
      { id: randomUUID(), value: '~~~that-of-somebody-else', expires: inDays(700) },
    ],
  });
  tenant.apps.set(app.clientId, app);
  registerPointer(tenant, app);
  if (app.principal) app.principal.graphRoles = [...graphRoles];
  if (owns && app.principal) tenant.directory.owners.set(app.objectId, [app.principal.oid]);
  return { app, secret };
}

/** A service whose tenant has this app, its secret in a file, and Graph. */
async function serving(
  { app, secret }: ReturnType<typeof appWith>,
  act: (service: Service, at: Setting) => Promise<void>,
  { more = '', tenant = '', files = {}, folder }: { more?: string; tenant?: string; files?: Record<string, string>; folder?: string } = {},
): Promise<void> {
  const at = await lab.setting();
  const { sandbox } = lab;
  const yaml = at.wish.yaml
    .replace(`clientId: ${sandbox.clientId}`, `clientId: ${app.clientId}`)
    .replace(`scope: "${sandbox.scope}" }`, `scope: "${sandbox.scope}", graph: "${sandbox.graph}" }${tenant}`)
    .replace('{ env: LAB_SECRET }', '{ file: ./secret }');
  const wish = { ...at.wish, yaml: `${yaml}${more}`, files: { ...at.wish.files, secret, ...files } };
  const service = await startService({ ...wish, ...(folder === undefined ? {} : { folder }) });
  try {
    await becomes(service, 'box', 'healthy');
    await act(service, at);
  } finally {
    await service.stop();
    await at.receiver.close();
    remove(service.folder);
  }
}

/** A metric's samples, read by the grammar of the format: `tenant,what,origin` and the like, with their values. */
async function metric(service: Service, name: string): Promise<readonly { readonly labels: string; readonly value: number }[]> {
  const family = readExposition((await get(service, '/metrics')).text).get(name);
  return (family?.samples ?? []).map(({ labels, value }) => ({ labels: Object.values(labels).join(' '), value }));
}

/** Waits until Graph has answered, and gives the metric by which that is told. */
async function becomesKnown({ watch, ...service }: Service, origin: string): Promise<number | undefined> {
  await until(() => watch.snapshot().credentials.expiries.get('lab')?.origin === origin);
  const found = await metric({ watch, ...service }, 'postern_credential_expiry_timestamp_seconds');
  return found.find(({ labels }) => labels === `lab client secret ${origin}`)?.value;
}

test('Graph tells when the secret in use ends; its alert is over by itself when another one is put in its place', async () => {
  const one = appWith({ graphRoles: ['Application.Read.All'] });
  await serving(one, async (service, { clock, receiver }) => {
    await service.pass(minute);
    const ends = await becomesKnown(service, 'graph');
    assert.equal(ends, (one.app.secrets[1]?.expires.getTime() ?? 0) / 1000);
    assert.equal(receiver.attempts(), 0);
    await service.pass(12 * day);
    const { notice } = await receiver.heard('opened', 'expiring', 'tenant lab expiring');
    assert.equal(notice.alert.fault.evidence['origin'], 'graph');
    assert.equal(notice.alert.measure, 1);
    assert.equal(await service.journal.acknowledgeAlert(notice.alert.id ?? 0, 'eva', 'ordered'), true);
    await service.pass(31 * day);
    await receiver.heard('renewed', 'expiring');
    const rotated = 'new8Q~the-next-secret';
    one.app.secrets.push({ id: randomUUID(), value: rotated, expires: inDays(300) });
    writeFileSync(join(service.folder, 'secret'), rotated);
    await service.pass(minute);
    const { notice: over } = await receiver.heard('cleared', 'expiring');
    assert.equal(over.alert.id, notice.alert.id);
    assert.equal(receiver.posted.length, 3);
    assert.deepEqual(await service.journal.alerts({ open: true }), []);
    const [noted] = (await service.journal.service())?.credentials ?? [];
    assert.deepEqual([noted?.tenant, noted?.origin], ['lab', 'graph']);
    assert.ok(clock.now() > Date.now());
  });
});

test('an app that owns its registration may ask for itself', async () => {
  await serving(appWith({ graphRoles: ['Application.ReadWrite.OwnedBy'], owns: true }), async (service) => {
    await service.pass(minute);
    assert.ok(await becomesKnown(service, 'graph'));
  });
});

for (const [name, graphRoles] of [
  ['has no right on Graph', []],
  ['has a right that is not enough (Graph answers 403)', ['Application.ReadWrite.OwnedBy']],
] as const) {
  test(`an app that ${name} is left in peace: the end is not known, for its reason, and nothing else comes of it`, async () => {
    await serving(appWith({ graphRoles }), async (service, { receiver }) => {
      await service.pass(minute);
      await until(() => service.watch.snapshot().credentials.unknown.get('lab')?.because === 'not-allowed');
      assert.deepEqual(await metric(service, 'postern_credential_expiry_unknown'), [{ labels: 'lab not-allowed', value: 1 }]);
      await nextPass(service, 'box');
      assert.equal((await becomes(service, 'box', 'healthy'))['state'], 'healthy');
      assert.deepEqual(await metric(service, 'postern_credential_expiry_timestamp_seconds'), []);
      assert.equal((await get(service, '/sources')).status, 200);
      assert.equal((await get(service, '/readyz')).status, 200);
      assert.deepEqual([receiver.attempts(), service.announced], [0, []]);
    });
  });
}

test('what `setup rotate` notes beside a running service ends the alert, without Graph', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-watch-'));
  const one = appWith({ graphRoles: [] });
  const notes = join(folder, 'data', 'setup');
  mkdirSync(notes, { recursive: true });
  const note = (ends: Date): void =>
    writeFileSync(join(notes, 'lab.json'), JSON.stringify({ appId: one.app.clientId, credentialEnds: ends.toISOString() }));
  note(inDays(50));
  const setup = { tenant: ', setup: { protocols: [imap], mailboxes: [somebody@contoso.test] }', folder };
  await serving(
    one,
    async (service, { receiver }) => {
      const { notice } = await receiver.heard('opened', 'expiring');
      assert.equal(notice.alert.fault.evidence['origin'], 'setup');
      note(inDays(180));
      await service.pass(minute);
      await receiver.heard('cleared', 'expiring');
    },
    setup,
  );
});

test("the proxy's certificate is told of once a step when it was not renewed in time, and is over when the file is another one", async () => {
  const short = await makeSelfSigned('proxy.contoso.test', inDays(-75), inDays(15.5));
  const fresh = await makeSelfSigned('proxy.contoso.test', inDays(-1), inDays(89));
  const more = `
proxy:
  listeners:
    imap: { protocol: imap, listen: "127.0.0.1:0", tls: implicit }
  certificate: { certificate: ./proxy.crt, key: { file: ./proxy.key } }
`;
  const files = { 'proxy.crt': short.certificatePem, 'proxy.key': short.keyPem };
  await serving(
    appWith({ graphRoles: [] }),
    async (service, { receiver }) => {
      await until(() => service.watch.snapshot().certificates.length === 1);
      const seconds = short.certificate.validToDate.getTime() / 1000;
      assert.deepEqual(await metric(service, 'postern_certificate_expiry_timestamp_seconds'), [{ labels: 'proxy', value: seconds }]);
      assert.equal(receiver.attempts(), 0, 'a third of its life is left: it is time to renew, and no more');
      await service.pass(2 * day);
      const { notice } = await receiver.heard('opened', 'certificate', 'service certificate proxy');
      assert.equal(notice.alert.fault.code, 'watch.certificate-ending');
      assert.equal(notice.alert.severity, 'warning');
      await service.pass(7 * day);
      assert.equal((await receiver.heard('renewed', 'certificate')).notice.alert.severity, 'critical');
      assert.equal((await get(service, '/sources')).status, 200, 'mail comes in');
      writeFileSync(join(service.folder, 'proxy.crt'), fresh.certificatePem);
      await service.pass(2 * minute);
      await receiver.heard('cleared', 'certificate');
      assert.equal(receiver.posted.length, 3);
    },
    { more, files },
  );
});

test('a tenant that only the proxy logs in with is watched too', async () => {
  const one = appWith({ graphRoles: ['Application.Read.All'], ends: inDays(5) });
  const other = appWith({ graphRoles: [] });
  const { sandbox } = lab;
  const cloud = `{ authority: "${sandbox.authority}", scope: "${sandbox.scope}", graph: "${sandbox.graph}" }`;
  const more = `
proxy:
  listeners:
    imap: { protocol: imap, listen: "127.0.0.1:0" }
  tenants: { away: ["*@contoso.test"] }
`;
  const away = `
  away: { tenantId: ${sandbox.tenant.id}, clientId: ${one.app.clientId}, cloud: ${cloud}, credential: { secret: { file: ./away } }, ca: ca.pem }
sources:`;
  const at = await lab.setting();
  const yaml = at.wish.yaml.replace('sources:', away.trimStart().replace(/^/, '  ')).replace(sandbox.clientId, other.app.clientId);
  const service = await startService({
    ...at.wish,
    yaml: `${yaml}${more}`,
    env: { ...at.wish.env, LAB_SECRET: other.secret },
    files: { ...at.wish.files, away: one.secret },
  });
  try {
    await becomes(service, 'box', 'healthy');
    await service.pass(minute);
    const { notice } = await at.receiver.heard('opened', 'expiring', 'tenant away expiring');
    assert.deepEqual([notice.alert.sources, notice.alert.severity], [[], 'critical']);
    assert.equal((await becomes(service, 'box', 'healthy'))['state'], 'healthy');
  } finally {
    await service.stop();
    await at.receiver.close();
    remove(service.folder);
  }
});

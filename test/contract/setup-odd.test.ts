/** The setup where what it left behind is not as it left it: notes lost, damaged or of another app, an app deleted by hand, half a certificate. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { deleteApplication } from '../../sandbox/src/directory/applications.ts';
import { isFault } from '../../src/fault/fault.ts';
import { apply } from '../../src/setup/apply.ts';
import { makeCertificate } from '../../src/setup/certificate.ts';
import { certificateStore } from '../../src/setup/credential-store.ts';
import type { Desired } from '../../src/setup/desired.ts';
import { planDestroy } from '../../src/setup/destroy.ts';
import { setupNotes } from '../../src/setup/notes.ts';
import { desiredText, reachAfterSweep } from '../../src/setup/plan.ts';
import { readPlan } from '../../src/setup/plan-file.ts';
import { destroy } from '../../src/setup/undo.ts';
import { desiredFor, type SetupPlace, setupPlace } from './setup-place.ts';

let place: SetupPlace;
before(async () => {
  place = await setupPlace();
});
after(() => place.close());

const desired = desiredFor({ protocols: ['imap'], mailboxes: [{ address: 'bulk@contoso.test', protocols: ['imap'], sendAs: [] }] });
const notes = () => place.ports('look').notes;
const look = { allMailboxes: false, purge: false, onProgress: () => undefined };

beforeEach(async () => {
  await place.apply(desired, 'made');
});

function theApp() {
  return [...place.sandbox.tenant.apps.values()].find((one) => one.registration.uniqueName === 'postern-mail');
}

test('notes that were lost come back with the next apply, though nothing is left to be done', async () => {
  const before = notes().read();
  assert.ok(before?.keyId);
  notes().forget();
  assert.equal(await place.apply(desired, 'again'), 0);
  const { appId, appObjectId, principalId, keyId } = before;
  assert.partialDeepStrictEqual(notes().read(), { appId, appObjectId, principalId, keyId });
});

test('notes of another app give this one their grants to look at, and no credential', async () => {
  const { keyId } = notes().read() ?? {};
  const other = '99999999-0000-4000-8000-000000000000';
  const retired = [{ keyId: 'old', after: '2020-01-01T00:00:00Z' }];
  const granted = [{ address: 'bulk@contoso.test', right: 'full-access' as const }];
  notes().keep({ appId: other, appObjectId: other, keyId: 'another’s', retired, granted, switched: [] });
  assert.equal(await place.apply(desired, 'other'), 0);
  assert.partialDeepStrictEqual(notes().read(), { appId: theApp()?.clientId, keyId, retired: [], granted });
});

test('of two who apply at once only one makes a secret', async () => {
  const twice = desiredFor({ ...desired, app: { ...desired.app, uniqueName: 'twice' } });
  const plan = await place.plan(twice);
  const app = () => [...place.sandbox.tenant.apps.values()].find((one) => one.registration.uniqueName === 'twice');
  const onStep = (step: { readonly act: { readonly kind: string } }, phase: string): void => {
    if (step.act.kind !== 'add-secret' || phase !== 'begin') return;
    app()?.secrets.push({ id: 'theirs', value: 'x', expires: new Date(Date.now() + 86_400_000), displayName: 'postern/theirs-1' });
  };
  await assert.rejects(apply(twice, plan, { ...place.ports('mine'), onStep }), (error) => isFault(error, 'setup.plan-stale'));
  assert.deepEqual(
    app()?.secrets.map((one) => one.id),
    ['theirs'],
  );
  notes().forget();
});

test('which mailboxes the app reaches is said as far as it was looked at', async () => {
  const told = async (one: Desired) => (await place.plan(one)).reach.find((line) => line.startsWith('FullAccess on '));
  assert.equal(await told(desiredFor({ app: { ...desired.app, uniqueName: 'new' } })), 'FullAccess on 1 mailbox, on no other:');
  const unsaid = await told(desired);
  assert.ok(unsaid);
  assert.match(unsaid, /^FullAccess on 1 mailbox \(whether on others too, `setup audit --all-mailboxes` tells\):$/);
  assert.deepEqual(reachAfterSweep([unsaid], 0), ['FullAccess on 1 mailbox, on no other:']);
  assert.deepEqual(reachAfterSweep([unsaid], 2), ['FullAccess on 1 mailbox, and on 2 mailboxes not listed:']);
});

test('notes that are damaged are not taken for none, and a place that cannot be used is named', () => {
  const folder = join(place.folder, 'odd');
  const unusable = (seen: RegExp) => (error: unknown) =>
    isFault(error, 'setup.notes-unusable') &&
    seen.test(String(error.evidence['seen'])) &&
    /t\.jsonl?$/.test(String(error.evidence['file']));
  mkdirSync(join(folder, 'setup'), { recursive: true });
  for (const text of ['', '{"appId": 1}', 'garbage']) {
    writeFileSync(join(folder, 'setup/t.json'), text);
    assert.throws(() => setupNotes(folder, 't').read(), unusable(/does not hold/));
    assert.equal(setupNotes(folder, 't').glance(), undefined);
  }
  writeFileSync(join(folder, 'file'), '');
  const there = setupNotes(join(folder, 'file'), 't');
  const kept = { appId: 'a', appObjectId: 'b', retired: [], granted: [], switched: [] };
  for (const act of [
    () => there.read(),
    () => there.keep(kept),
    () => there.forget(),
    () => there.lines(),
    () => there.note({ at: '', run: '', event: '' }),
  ]) {
    assert.throws(act, unusable(/^(?:ENOTDIR|EEXIST)$/));
  }
});

test('a plan whose steps somebody has mangled is no plan', () => {
  const file = join(place.folder, 'mangled.json');
  for (const steps of [[null], [1], 'none']) {
    const plan = { schema: 'postern.plan/1', tenant: desired.tenant, steps, remarks: [], observed: 'x', desired: desiredText(desired) };
    writeFileSync(file, JSON.stringify(plan));
    assert.throws(
      () => readPlan(file, desired),
      (error) => isFault(error, 'setup.plan-unreadable'),
    );
  }
});

test('of an app that was deleted by hand, destroy finds the switches that the setup turned on and the bare SIDs on mailboxes', async () => {
  const mailbox = place.sandbox.tenant.mailboxes.get('bulk@contoso.test');
  const app = theApp();
  assert.ok(mailbox && app?.principal);
  mailbox.imapEnabled = false;
  await place.apply(desired, 'switch');
  assert.equal(mailbox.imapEnabled, true);
  const { oid } = app.principal;
  deleteApplication(place.sandbox.tenant, app);
  const blocked = (await place.plan(desired)).remarks.filter((one) => one.kind === 'blocked').map((one) => one.text);
  assert.match(blocked.join(), /setup destroy --purge --yes-destroy/);
  const ports = { ...place.ports('gone'), onStep: () => undefined };
  const { steps } = await planDestroy(desired, await place.observe(desired), notes().read(), {
    ...look,
    exchange: ports.exchange,
    purge: true,
  });
  assert.deepEqual(
    steps.map((step) => step.act.kind),
    ['revoke', 'switch-back', 'purge', 'purge'],
  );
  await destroy(steps, ports);
  assert.deepEqual([mailbox.imapEnabled, mailbox.grants.has(oid)], [false, false]);
  ports.notes.forget();
  mailbox.imapEnabled = true;
});

test('a certificate whose key is lost, or is another’s, is not the stored one any more', async () => {
  const one = await makeCertificate('CN=one', new Date(), new Date(Date.now() + 86_400_000));
  const other = await makeCertificate('CN=other', new Date(), new Date(Date.now() + 86_400_000));
  const [certificateFile, keyFile] = [join(place.folder, 'app.crt'), join(place.folder, 'app.key')];
  const store = certificateStore(certificateFile, keyFile);
  writeFileSync(certificateFile, one.certificatePem);
  writeFileSync(keyFile, one.keyPem);
  assert.equal(await store.hint(), one.thumbprint);
  // As a run leaves it that is cut off between the two files.
  writeFileSync(keyFile, other.keyPem);
  assert.equal(await store.hint(), '');
  rmSync(keyFile);
  assert.equal(await store.hint(), '');
  // By its passphrase nobody here can look into it.
  writeFileSync(keyFile, '-----BEGIN ENCRYPTED PRIVATE KEY-----\nx\n-----END ENCRYPTED PRIVATE KEY-----\n');
  assert.equal(await store.hint(), one.thumbprint);
});

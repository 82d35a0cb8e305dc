/** Access and setup over real HTTP: ids side by side, a token explained, the plan for a tenant nobody has looked at, and the observed one. */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { isFault } from '../../src/fault/fault.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { failure } from '../../src/service/api/leaf.ts';
import { access, accessList, type PlanSignIn, planSignIn, setupPlan } from '../../src/service/api/tenant.ts';
import { SignIns } from '../../src/service/setup/sign-ins.ts';
import { tenantNamed } from '../../src/service/setup/tenants.ts';
import { setupNotes } from '../../src/setup/notes.ts';
import { type ServicePlace, startServicePlace } from './service-place.ts';
import { comes } from './service-server-place.ts';

let sandbox: Sandbox;
let place: ServicePlace;
let oid: string;
const objectId = '0b0e0000-1111-4222-8333-444444444444';

before(async () => {
  sandbox = await startSandbox({ withoutSeed: true });
  const healthy = [...sandbox.tenant.apps.values()].find(({ clientId }) => clientId === sandbox.clientId);
  oid = healthy?.principal?.oid ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'postern-service-setup-'));
  // What `setup apply` notes of the app that it made.
  setupNotes(join(folder, 'data'), 'lab').keep({ appId: sandbox.clientId, appObjectId: objectId, retired: [], granted: [], switched: [] });
  const cloud = `{ authority: "${sandbox.authority}", scope: "${sandbox.scope}", graph: "${sandbox.graph}", exchangeAdmin: "${sandbox.exchangeAdmin}" }`;
  const tenant = (more: string): string =>
    `{ tenantId: ${sandbox.tenant.id}, clientId: ${sandbox.clientId}, cloud: ${cloud}, ca: ca.pem, credential: { secret: { env: LAB_SECRET }, expires: ${inDays(20)} }${more} }`;
  place = await startServicePlace({
    sandbox,
    folder,
    yaml: ({ imap }) => `tenants:
  lab: ${tenant('')}
  planned: ${tenant(', setup: { store: { file: ./new-secret }, mailboxes: [bulk@contoso.test], app: { uniqueName: postern-planned } }')}
  idle: ${tenant('')}
  nograph: ${tenant('').replace(/, graph: "[^"]*", exchangeAdmin: "[^"]*"/, '')}
sources:
  one: { tenant: lab, mailbox: ${sandbox.seededMailbox}, server: ${imap} }
`,
  });
});
after(async () => {
  await place.close();
  await sandbox.close();
});

function inDays(days: number): string {
  return new Date(systemClock.now() + days * 86_400_000).toISOString().slice(0, 10);
}

test('the ids that people mix up stand side by side, and the end of the credential is counted down', async () => {
  const { tenants } = (await place.admin('GET', '/access')).as(accessList);
  assert.deepEqual(
    tenants.map(({ tenant, origin, sources }) => [tenant, origin, sources]),
    [
      ['lab', 'file', ['one']],
      ['planned', 'file', []],
      ['idle', 'file', []],
      ['nograph', 'file', []],
    ],
  );
  const lab = tenants[0];
  assert.ok(lab);
  assert.deepEqual([lab.tenantId, lab.clientId, lab.appObjectId], [sandbox.tenant.id, sandbox.clientId, objectId]);
  assert.deepEqual([lab.credential.kind, lab.credential.describe], ['secret', 'environment variable LAB_SECRET']);
  assert.ok(lab.credential.daysLeft === 19 || lab.credential.daysLeft === 20, String(lab.credential.daysLeft));
  assert.deepEqual([lab.credential.origin, lab.credential.unknown], ['configuration', null]);
});

test('a token is asked for and explained claim by claim, and shown to nobody; a refusal is told with what repairs it', async () => {
  const operator = await place.as('operator');
  const answer = await operator('POST', '/access/lab/token');
  const lab = answer.as(access);
  assert.equal(lab.fault, null);
  assert.equal(lab.servicePrincipalId, oid);
  assert.ok(lab.roles?.includes('IMAP.AccessAsApp'));
  const claim = (name: string) => lab.claims?.find((one) => one.name === name);
  assert.deepEqual([claim('aud')?.good, claim('appid')?.good, claim('tid')?.good, claim('roles')?.good], [true, true, true, true]);
  assert.match(claim('oid')?.means ?? '', /New-ServicePrincipal/);
  assert.doesNotMatch(answer.text, /eyJ/);
  assert.equal((await (await place.as('auditor'))('POST', '/access/lab/token')).status, 403);
  assert.equal((await operator('POST', '/access/nowhere/token')).as(failure).fault.code, 'service.not-found');
  const app = sandbox.tenant.apps.get(sandbox.clientId);
  assert.ok(app?.principal);
  app.principal.enabled = false;
  try {
    assert.equal((await operator('POST', '/access/lab/token')).as(access).fault?.code, 'token.app-disabled');
  } finally {
    app.principal.enabled = true;
  }
});

test('the plan for a tenant that nobody has looked at: from `setup:`, or from what its sources need', async () => {
  const planned = (await place.admin('GET', '/setup/planned/plan')).as(setupPlan);
  assert.equal(planned.observed, false);
  assert.deepEqual([...new Set(planned.steps.map(({ where }) => where))], ['entra', 'exchange']);
  assert.ok(planned.steps.every(({ why, role }) => why.endsWith('.') && role !== null));
  assert.ok(!planned.remarks.some((text) => /signed in/.test(text)), 'nobody has signed in');
  assert.match(planned.script, /^#Requires -Version 7\.0/);
  assert.ok(planned.commands.some(({ command }) => command === 'postern setup apply planned'));
  assert.ok(planned.reach.some((line) => line.includes('bulk@contoso.test')));
  const lab = (await place.admin('GET', '/setup/lab/plan')).as(setupPlan);
  assert.ok(
    lab.commands.some(({ command }) => command.includes(`-ObjectId ${oid}`)),
    'the id that the last token told',
  );
  assert.ok(
    lab.commands.some(
      ({ command }) => command === `Add-MailboxPermission -Identity ${sandbox.seededMailbox} -User ${oid} -AccessRights FullAccess`,
    ),
  );
  assert.ok(lab.remarks.some((text) => text.includes('Nothing is changed from here')));
  const idle = (await place.admin('GET', '/setup/idle/plan')).as(setupPlan);
  assert.deepEqual([idle.steps, idle.script], [[], '']);
  for (const { text } of [await place.admin('GET', '/setup/planned/plan')]) assert.ok(!text.includes(sandbox.clientSecret));
});

async function until(ask: ServicePlace['admin'], id: string, wanted: (state: PlanSignIn) => boolean): Promise<PlanSignIn> {
  let last: PlanSignIn | undefined;
  for (const began = performance.now(); performance.now() - began < 60_000; await systemClock.sleep(50)) {
    last = (await ask('GET', `/setup/sign-ins/${id}`)).as(planSignIn);
    if (wanted(last)) return last;
  }
  throw new Error(`the sign-in did not become what was wanted: ${JSON.stringify(last)}`);
}

test('an administrator signs in by a code, the tenant is looked at, and the plan is of what is there; nothing is changed', async () => {
  const { admin } = place;
  const before = sandbox.tenant.apps.size;
  const begun = (await admin('POST', '/setup/planned/sign-ins')).as(planSignIn);
  const coded = await until(admin, begun.id, ({ code, state }) => code !== null || state === 'failed');
  assert.match(coded.page ?? '', /^https:/);
  const done = await until(admin, begun.id, ({ state }) => state === 'done' || state === 'failed');
  assert.equal(done.state, 'done', JSON.stringify(done.fault));
  assert.deepEqual([done.code, done.plan?.observed], [null, true]);
  assert.ok(
    done.plan?.steps.some(({ does, title }) => does === 'make' && title.includes('postern-planned')),
    JSON.stringify(done.plan?.steps),
  );
  assert.equal(sandbox.tenant.apps.size, before);
  assert.doesNotMatch(JSON.stringify(done), /eyJ/);
  // The app that is in use: found again, known to Exchange, and let in already.
  const inUse = await until(
    admin,
    (await admin('POST', '/setup/lab/sign-ins')).as(planSignIn).id,
    ({ state }) => state === 'done' || state === 'failed',
  );
  assert.equal(inUse.state, 'done', JSON.stringify(inUse.fault));
  assert.ok(!inUse.plan?.steps.some(({ title }) => /FullAccess/.test(title)), JSON.stringify(inUse.plan?.steps));
});

test('a sign-in is stopped by who asks, and only administrators begin one', async () => {
  const { admin } = place;
  const begun = (await admin('POST', '/setup/planned/sign-ins')).as(planSignIn);
  assert.ok((await admin('DELETE', `/setup/sign-ins/${begun.id}`)).status < 300);
  const state = await until(admin, begun.id, (one) => one.state === 'failed' || one.state === 'done');
  assert.deepEqual([state.state, state.plan, state.says], ['failed', null, 'It was stopped.']);
  assert.equal((await (await place.as('operator'))('POST', '/setup/planned/sign-ins')).status, 403);
  assert.equal((await admin('GET', '/setup/sign-ins/unknown')).status, 404);
  const handmade = await admin('POST', '/setup/nograph/sign-ins');
  assert.deepEqual([handmade.status, handmade.as(failure).fault.code], [409, 'setup.no-graph']);
});

test('a sign-in that nobody asks for any more is ended, so that the next administrator is not kept waiting by it', async () => {
  const { devices } = sandbox.tenant.directory;
  const set = devices.set.bind(devices);
  devices.set = (code, device) => set(code, { ...device, pendingPolls: Number.POSITIVE_INFINITY });
  try {
    const signIns = new SignIns(place.parts, { unheardMs: 500 });
    const known = tenantNamed(place.parts, 'planned');
    for (let count = 0; count < 4; count += 1) signIns.start(known, undefined);
    assert.throws(
      () => signIns.start(known, undefined),
      (error) => isFault(error, 'tests.too-many'),
    );
    await comes('there is room for another one', async () => {
      try {
        signIns.stop(signIns.start(known, undefined).id);
        return true;
      } catch (error) {
        if (!isFault(error, 'tests.too-many')) throw error;
        return false;
      }
    });
  } finally {
    devices.set = set;
  }
});

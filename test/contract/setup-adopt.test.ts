/** Taking over an app that somebody made by hand, with what the guides leave behind; and what is told of an app besides its steps. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { type App, makeApp, registerPointer } from '../../sandbox/src/tenant.ts';
import { askToken } from '../../sandbox/test/dialogue.ts';
import { apply, observeOptions } from '../../src/setup/apply.ts';
import type { Desired } from '../../src/setup/desired.ts';
import { planDestroy } from '../../src/setup/destroy.ts';
import { observe, observedHash } from '../../src/setup/observed.ts';
import { desiredText, makePlan } from '../../src/setup/plan.ts';
import type { Step } from '../../src/setup/step.ts';
import { destroy } from '../../src/setup/undo.ts';
import { desiredFor, type SetupPlace, setupPlace } from './setup-place.ts';

const dayMs = 86_400_000;
let place: SetupPlace;
before(async () => {
  place = await setupPlace({ signIn: 'token', hurried: true });
});
after(() => place.close());

const userRead = 'e1fe6dd8-ba31-4d61-89e7-88639da4683d';
const graphId = '00000003-0000-0000-c000-000000000000';

/** As the portal and the guides leave it: User.Read, the pointer with the registration's object id, FullAccess for that pointer, a secret. */
function byHand(name: string): App {
  const { tenant } = place.sandbox;
  const secret = {
    id: randomUUID(),
    value: `byhand~${name}`,
    expires: new Date(Date.now() + 300 * dayMs),
    displayName: 'made in the portal',
  };
  const app = makeApp({ clientId: randomUUID(), name, secrets: [secret], roles: ['IMAP.AccessAsApp'], created: new Date(0) });
  app.registration.requiredResourceAccess = [{ resourceAppId: graphId, resourceAccess: [{ id: userRead, type: 'Scope' }] }];
  tenant.apps.set(app.clientId, app);
  registerPointer(tenant, app, 'wrong-object-id');
  tenant.mailboxes.get('bulk@contoso.test')?.grants.add(app.objectId);
  tenant.directory.delegatedGrants.push({
    id: randomUUID(),
    clientId: app.principal?.oid ?? '',
    consentType: 'AllPrincipals',
    principalId: null,
    resourceId: 'graph',
    scope: 'User.Read openid',
  });
  return app;
}

function adopting(app: App, change: Partial<Desired> = {}): Desired {
  return desiredFor({
    app: { uniqueName: `taken-${app.clientId.slice(0, 4)}`, displayName: undefined, audience: 'AzureADMyOrg', adopt: app.clientId },
    protocols: ['imap'],
    mailboxes: [{ address: 'bulk@contoso.test', protocols: ['imap'], sendAs: [] }],
    ...change,
  });
}

function kinds(steps: readonly Step[]): readonly string[] {
  return steps.map((step) => step.act.kind);
}

test('an app made by hand is mended: User.Read and the wrong pointer with its rights go, the right one comes, and nothing of others is touched', async () => {
  const app = byHand('Mail reader of the operations team');
  const { tenant } = place.sandbox;
  const mailbox = tenant.mailboxes.get('bulk@contoso.test');
  const desired = adopting(app);
  const plan = await place.plan(desired);
  assert.deepEqual(kinds(plan.steps), [
    'adopt-app',
    'request-roles',
    'remove-delegated',
    'revoke',
    'remove-pointer',
    'create-pointer',
    'grant',
    'add-secret',
  ]);
  const wrong = plan.steps.find((step) => step.act.kind === 'remove-pointer');
  assert.deepEqual([wrong?.from, wrong?.to], ['object id of the app registration', app.principal?.oid]);
  assert.match(plan.remarks.map((one) => one.text).join('\n'), /A secret that is not ours: made in the portal/);
  await place.apply(desired, 'adopt');
  assert.deepEqual((await place.plan(desired)).steps, []);
  assert.equal(app.registration.displayName, 'Mail reader of the operations team', 'its name stays');
  assert.deepEqual(
    tenant.pointers.filter((one) => one.appId === app.clientId).map((one) => one.objectId),
    [app.principal?.oid],
  );
  assert.deepEqual([mailbox?.grants.has(app.objectId), mailbox?.grants.has(app.principal?.oid ?? '')], [false, true]);
  assert.equal(JSON.stringify(app.registration.requiredResourceAccess).includes(userRead), false);
  assert.equal(tenant.directory.delegatedGrants.find((one) => one.clientId === app.principal?.oid)?.scope, 'openid');
  assert.ok(app.secrets.some((one) => one.displayName === 'made in the portal'));
  // Found again by the name that it was given, without `adopt`.
  const { adopt: _, ...rest } = desired.app;
  assert.deepEqual((await place.plan({ ...desired, app: { ...rest, adopt: undefined } })).steps, []);
});

test('of an app that others made, destroy takes what the setup gave it, and leaves the app and their secret', async () => {
  const app = [...place.sandbox.tenant.apps.values()].find((one) => one.name.startsWith('Mail reader'));
  assert.ok(app?.principal);
  const desired = adopting(app);
  const ports = { ...place.ports('destroy'), onStep: () => undefined };
  const look = { exchange: ports.exchange, allMailboxes: false, purge: true, onProgress: () => undefined };
  const { steps, stays } = await planDestroy(desired, await place.observe(desired), ports.notes.read(), look);
  assert.deepEqual(
    steps.map((step) => step.act.kind),
    ['revoke', 'remove-pointer', 'remove-consent', 'remove-secret'],
  );
  assert.match(stays.join(), /the setup did not make them/);
  await destroy(steps, ports);
  assert.equal(place.sandbox.tenant.apps.get(app.clientId), app);
  assert.deepEqual(
    app.secrets.map((one) => one.displayName),
    ['made in the portal'],
  );
  const again = await planDestroy(desired, await place.observe(desired), ports.notes.read(), look);
  assert.deepEqual(again.steps, []);
  ports.notes.forget();
});

test('what others added to the app is told: owners, a directory role, a federated credential, a secret that ends soon', async () => {
  const desired = desiredFor({
    app: { ...desiredFor().app, uniqueName: 'drifts' },
    protocols: ['imap'],
    credential: { kind: 'secret', lifetimeDays: 30, overlapDays: 7 },
  });
  await place.apply(desired, 'drifts');
  const { tenant } = place.sandbox;
  const app = [...tenant.apps.values()].find((one) => one.registration.uniqueName === 'drifts');
  assert.ok(app?.principal);
  const expiring = (await place.plan(desired)).remarks;
  assert.deepEqual(
    expiring.map((one) => one.kind),
    ['expiring'],
  );
  assert.match(expiring[0]?.text ?? '', /ends in (?:29|30) days.*postern setup rotate/);
  tenant.directory.owners.set(app.objectId, [randomUUID(), randomUUID()]);
  tenant.directory.memberships.set(app.principal.oid, ['Exchange Administrator']);
  app.federated.push({ name: 'other', issuer: 'https://elsewhere.example/', subject: 'a', audience: 'api://AzureADTokenExchange' });
  const remarks = (await place.plan(desired)).remarks.filter((one) => one.kind === 'drift').map((one) => one.text);
  for (const seen of [
    /Owners of the registration: 2/,
    /member of Exchange Administrator/,
    /federated credential that is not wanted: other/,
  ]) {
    assert.ok(
      remarks.some((one) => seen.test(one)),
      `${seen} in ${remarks.join('\n')}`,
    );
  }
});

test('a secret whose storing was not noted any more is the one in use, and a file that was lost leads to a new one and an end of the old', async () => {
  const desired = desiredFor({ app: { ...desiredFor().app, uniqueName: 'unnoted' }, protocols: ['imap'] });
  const ports = place.ports('unnoted');
  const notes: typeof ports.notes = {
    ...ports.notes,
    note(entry) {
      if (entry.event === 'secret-stored') throw new Error('cut off before the line');
      ports.notes.note(entry);
    },
  };
  await assert.rejects(apply(desired, await place.plan(desired), { ...ports, notes }), /cut off/);
  const app = [...place.sandbox.tenant.apps.values()].find((one) => one.registration.uniqueName === 'unnoted');
  assert.ok(app);
  assert.deepEqual((await place.plan(desired)).steps, [], 'it is in its file');
  await place.apply(desired, 'unnoted-2');
  assert.equal(ports.notes.read()?.keyId, app.secrets[0]?.id, 'and known by its id from here on');
  await writeFile(place.secretFile, 'something else');
  assert.deepEqual(kinds((await place.plan(desired)).steps).slice(0, 1), ['add-secret']);
  await place.apply(desired, 'unnoted-3');
  const { status } = await askToken(place.sandbox, { client_id: app.clientId, client_secret: await readFile(place.secretFile, 'utf8') });
  assert.equal(status, 200);
  assert.equal((await place.plan(desired)).steps.length, 0);
});

test('an app for any organisation tells where others consent, for reading and for sending, and that each wants a pointer of its own', async () => {
  const desired = desiredFor({ app: { ...desiredFor().app, uniqueName: 'many', audience: 'AzureADMultipleOrgs' } });
  assert.match((await place.plan(desired)).remarks.map((one) => one.text).join('\n'), /told once the app is there/);
  await place.apply(desired, 'many');
  const { remarks, ids } = await place.plan(desired);
  const notes = remarks.filter((one) => one.kind === 'note').map((one) => one.text);
  assert.equal(notes.length, 2);
  for (const [index, resource] of ['https://ps.outlook.com', 'https://outlook.office365.com'].entries()) {
    const url = new URL(/https:\/\/\S+adminconsent\?\S+(?=,)/.exec(notes[index] ?? '')?.[0] ?? '');
    assert.equal(url.searchParams.get('client_id'), ids.appId);
    assert.equal(url.searchParams.get('scope'), `${resource}/.default`);
  }
});

test('two people do it one after the other, each with the rights of the own half and no more', async () => {
  const { sandbox, folder } = place;
  const desired = desiredFor({ app: { ...desiredFor().app, uniqueName: 'two-people' }, protocols: ['imap'] });
  const entra = await setupPlace({ sandbox, folder, admin: 'entra-admin@contoso.test', signIn: 'token', hurried: true });
  const exchange = await setupPlace({ sandbox, folder, admin: 'exchange-admin@contoso.test', signIn: 'token', hurried: true });
  const ports = { ...entra.ports('first'), exchange: undefined };
  const seen = await observe(desired, await observeOptions(ports));
  const half = makePlan(desired, seen, observedHash(seen), desiredText(desired), Date.now());
  assert.deepEqual(kinds(half.steps), ['create-app', 'create-principal', 'request-roles', 'consent', 'add-secret']);
  await apply(desired, half, ports);
  const rest = await exchange.plan(desired);
  assert.deepEqual(kinds(rest.steps), ['create-pointer', 'grant']);
  await exchange.apply(desired, 'second');
  assert.deepEqual((await place.plan(desired)).steps, []);
});

test('a plan that somebody made who may only read is applied by somebody who may change', async () => {
  const { sandbox, folder } = place;
  const desired = desiredFor({ app: { ...desiredFor().app, uniqueName: 'read-first' }, protocols: ['imap'] });
  const reader = await setupPlace({ sandbox, folder, admin: 'reader@contoso.test', signIn: 'token', hurried: true });
  const plan = await reader.plan(desired);
  assert.match(plan.remarks.map((one) => one.text).join('\n'), /may not run New-ServicePrincipal/);
  assert.equal(await apply(desired, JSON.parse(JSON.stringify(plan)), place.ports('read-first')), plan.steps.length);
});

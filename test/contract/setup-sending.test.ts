/** Sending by role assignment: no role in the token, no FullAccess, and the direct members of one group. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { judgeSender } from '../../sandbox/src/exchange/auth.ts';
import { askToken } from '../../sandbox/test/dialogue.ts';
import { isFault } from '../../src/fault/fault.ts';
import { scopeFilter } from '../../src/setup/desired.ts';
import { planDestroy } from '../../src/setup/destroy.ts';
import { destroy } from '../../src/setup/undo.ts';
import { desiredFor, type SetupPlace, setupPlace } from './setup-place.ts';

let place: SetupPlace;
before(async () => {
  place = await setupPlace({ signIn: 'token', hurried: true });
});
after(() => place.close());

const desired = desiredFor({
  protocols: ['smtp'],
  mailboxes: [{ address: 'bulk@contoso.test', protocols: ['smtp'], sendAs: [] }],
  smtp: { mode: 'rbac', group: 'senders@contoso.test' },
});

function members(): Set<string> {
  const group = place.sandbox.tenant.directory.groups.get('senders@contoso.test');
  assert.ok(group);
  return group.members;
}

async function sends(mailbox: string): Promise<string> {
  const { ids } = await place.plan(desired);
  const secret = await readFile(place.secretFile, 'utf8');
  const { body } = await askToken(place.sandbox, { client_id: ids.appId ?? '', client_secret: secret });
  const { access_token: token } = JSON.parse(body);
  assert.equal(JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString()).roles, undefined);
  return (await judgeSender(place.sandbox.tenant, mailbox, token)).kind;
}

test('a mailbox that is no direct member stands in the way: members of a group in the group do not count', async () => {
  members().add('inner@contoso.test');
  const plan = await place.plan(desired);
  assert.match(plan.remarks.map((one) => one.text).join('\n'), /bulk@contoso\.test is no direct member of senders@contoso\.test/);
  await assert.rejects(place.apply(desired, 'no-member'), (error) => isFault(error, 'setup.blocked'));
  members().delete('inner@contoso.test');
});

test('scope and assignment are made and no permission on any mailbox; the members send, with an empty token, and nobody else does', async () => {
  members().add('bulk@contoso.test').add('telemessage@contoso.test');
  const plan = await place.plan(desired);
  assert.deepEqual(
    plan.steps.map((step) => step.act.kind),
    ['create-app', 'create-principal', 'create-pointer', 'create-scope', 'assign-sending', 'add-secret'],
  );
  assert.match(plan.reach.join('\n'), /as each direct member of senders@contoso\.test: bulk@contoso\.test, telemessage@contoso\.test/);
  await place.apply(desired, 'send');
  assert.deepEqual((await place.plan(desired)).steps, []);
  assert.deepEqual([await sends('bulk@contoso.test'), await sends('telemessage@contoso.test')], ['open', 'open']);
  assert.equal(await sends('slow@contoso.test'), 'refused');
  const oid = (await place.plan(desired)).ids.principalId ?? '';
  assert.equal(
    [...place.sandbox.tenant.mailboxes.values()].some((one) => one.grants.has(oid)),
    false,
  );
});

test('a filter that somebody changed, an assignment for all, and a consent to SMTP.SendAsApp are seen; the last two stand in the way', async () => {
  const { directory, apps } = place.sandbox.tenant;
  const [scope] = directory.scopes;
  const app = [...apps.values()].find((one) => one.registration.uniqueName === 'postern-mail');
  assert.ok(scope && app?.principal);
  scope.filter = '';
  const plan = await place.plan(desired);
  assert.deepEqual(
    plan.steps.map((step) => [step.act.kind, step.from]),
    [['change-scope', 'no filter: the whole organisation']],
  );
  await place.apply(desired, 'mend');
  assert.match(scope.filter, /^MemberOfGroup -eq 'CN=senders,/);
  directory.roleAssignments.push({ name: 'by hand', role: 'Application SMTP.SendAsApp', objectId: app.principal.oid, scope: undefined });
  app.principal.roles.push('SMTP.SendAsApp');
  const blocked = (await place.plan(desired)).remarks.filter((one) => one.kind === 'blocked').map((one) => one.text);
  assert.equal(blocked.length, 2);
  assert.match(blocked.join('\n'), /by hand, for the whole organisation[\s\S]*|SMTP\.SendAsApp is consented to/);
  directory.roleAssignments.pop();
  app.principal.roles.pop();
});

test('an app that also reads is advised to be two, and keeps FullAccess on what it reads only', async () => {
  const both = desiredFor({
    ...desired,
    app: { ...desired.app, uniqueName: 'both' },
    protocols: ['imap', 'smtp'],
    mailboxes: [
      { address: 'bulk@contoso.test', protocols: ['smtp'], sendAs: [] },
      { address: 'telemessage@contoso.test', protocols: ['imap'], sendAs: [] },
    ],
  });
  const plan = await place.plan(both);
  assert.deepEqual(
    plan.steps.flatMap((step) => (step.act.kind === 'grant' ? [step.act.address] : [])),
    ['telemessage@contoso.test'],
  );
  assert.match(plan.remarks.map((one) => one.text).join(), /a second app for sending/);
});

test('there is never an empty filter, and a quote in a name stays in it', () => {
  assert.throws(() => scopeFilter(''), /whole organisation/);
  assert.equal(scopeFilter("CN=O'Hara"), "MemberOfGroup -eq 'CN=O''Hara'");
});

test('assignment, scope and app are taken away in this order, and the group stays', async () => {
  const ports = { ...place.ports('destroy'), onStep: () => undefined };
  const look = { exchange: ports.exchange, allMailboxes: false, purge: false, onProgress: () => undefined };
  const { steps } = await planDestroy(desired, await place.observe(desired), ports.notes.read(), look);
  assert.deepEqual(
    steps.map((step) => step.act.kind),
    ['remove-assignment', 'remove-scope', 'remove-pointer', 'delete-principal', 'delete-app'],
  );
  await destroy(steps, ports);
  const { directory } = place.sandbox.tenant;
  assert.deepEqual([directory.scopes, directory.roleAssignments, members().size], [[], [], 2]);
});

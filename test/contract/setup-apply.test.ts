/** The setup against the sandbox: from an empty tenant to mailboxes that open, by plan and apply, cut off anywhere and gone on with. */
import assert from 'node:assert/strict';
import { readFile, rm, stat } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { askToken, Dialogue, xoauth2 } from '../../sandbox/test/dialogue.ts';
import { Fault, isFault } from '../../src/fault/fault.ts';
import { apply } from '../../src/setup/apply.ts';
import { planDestroy } from '../../src/setup/destroy.ts';
import { rotateSecret } from '../../src/setup/rotate.ts';
import type { Step } from '../../src/setup/step.ts';
import { destroy } from '../../src/setup/undo.ts';
import { desiredFor, type SetupPlace, setupPlace } from './setup-place.ts';

let place: SetupPlace;
before(async () => {
  place = await setupPlace();
});
after(() => place.close());

async function opens(appId: string, mailbox: string): Promise<boolean> {
  const secret = await readFile(place.secretFile, 'utf8');
  const { status, body } = await askToken(place.sandbox, { client_id: appId, client_secret: secret });
  assert.equal(status, 200, body);
  const dialogue = await Dialogue.open(place.sandbox);
  try {
    const said = await dialogue.command(`AUTHENTICATE XOAUTH2 ${xoauth2(mailbox, JSON.parse(body).access_token)}`);
    return said.includes('TAG OK') && (await dialogue.command('SELECT INBOX')).includes('TAG OK');
  } finally {
    dialogue.close();
  }
}

function kinds(steps: readonly Step[]): readonly string[] {
  return steps.map((step) => step.act.kind);
}

test('an empty tenant is planned, applied once, opens the named mailbox and no other, and plans nothing more', async () => {
  const desired = desiredFor();
  const plan = await place.plan(desired);
  assert.deepEqual(kinds(plan.steps), [
    'create-app',
    'create-principal',
    'request-roles',
    'consent',
    'consent',
    'consent',
    'create-pointer',
    'grant',
    'add-secret',
  ]);
  assert.equal(await place.apply(desired, 'one'), 9);
  const again = await place.plan(desired);
  assert.deepEqual([again.steps, again.remarks], [[], []]);
  const { appId } = again.ids;
  assert.ok(appId);
  assert.equal(await opens(appId, 'bulk@contoso.test'), true);
  assert.equal(await opens(appId, 'telemessage@contoso.test'), false);
  assert.equal((await stat(place.secretFile)).mode & 0o777, 0o600);
  const { notes } = place.ports('look');
  assert.equal(notes.read()?.appId, appId);
  const written = JSON.stringify(notes.read()) + (await readFile(notes.journalFile, 'utf8'));
  assert.equal(written.includes(await readFile(place.secretFile, 'utf8')), false);
});

test('a plan is applied only to the tenant that it was made for, and not at all where something stands in the way', async () => {
  const desired = desiredFor({ mailboxes: [{ address: 'telemessage@contoso.test', protocols: ['imap'], sendAs: [] }] });
  const plan = await place.plan(desired);
  // What the setup gave and nobody lists any more is taken away again, with a word of its own for it.
  assert.deepEqual(kinds(plan.steps), ['grant', 'revoke']);
  assert.deepEqual(
    plan.steps.map((step) => step.destructive),
    [false, true],
  );
  const [app] = [...place.sandbox.tenant.apps.values()].filter((one) => one.registration.uniqueName === 'postern-mail');
  assert.ok(app?.principal);
  app.principal.roles.push('full_access_as_app');
  await assert.rejects(apply(desired, plan, place.ports('stale')), (error) => isFault(error, 'setup.plan-stale'));
  const now = await place.plan(desired);
  assert.match(now.remarks.map((one) => one.text).join(), /full_access_as_app/);
  app.principal.roles.splice(app.principal.roles.indexOf('full_access_as_app'), 1);
  const absent = desiredFor({ mailboxes: [{ address: 'not-there@contoso.test', protocols: ['imap'], sendAs: [] }] });
  await assert.rejects(
    place.apply(absent, 'blocked'),
    (error) => isFault(error, 'setup.blocked') && /not-there/.test(String(error.evidence['remarks'])),
  );
});

test('every kind of drift that a hand can make is seen, and what is ours is mended', async () => {
  const desired = desiredFor();
  const { tenant } = place.sandbox;
  const app = [...tenant.apps.values()].find((one) => one.registration.uniqueName === 'postern-mail');
  const mailbox = tenant.mailboxes.get('bulk@contoso.test');
  assert.ok(app?.principal && mailbox);
  const { oid } = app.principal;
  app.principal.enabled = false;
  app.principal.roles = ['POP.AccessAsApp', 'SMTP.SendAsApp', 'Exchange.ManageAsApp'];
  app.principal.graphRoles = ['Mail.Read'];
  app.registration.signInAudience = 'AzureADMultipleOrgs';
  app.registration.requiredResourceAccess = [];
  app.secrets.push({ id: 'stranger', value: 'xyz8Q~stranger', expires: new Date(Date.now() + 86_400_000), displayName: 'by hand' });
  tenant.directory.delegatedGrants.push({
    id: 'g',
    clientId: oid,
    consentType: 'AllPrincipals',
    principalId: null,
    resourceId: 'r',
    scope: 'User.Read Mail.Read',
  });
  tenant.pointers.splice(0, tenant.pointers.length, ...tenant.pointers.filter((one) => one.appId !== app.clientId));
  tenant.pointers.push({ appId: app.clientId, objectId: app.objectId, refusesLogins: 0 });
  mailbox.grants.delete(oid);
  mailbox.imapEnabled = false;
  mailbox.smtpClientAuthenticationDisabled = null;
  const plan = await place.plan(desired);
  assert.deepEqual(kinds(plan.steps), [
    'change-app',
    'enable-principal',
    'request-roles',
    'consent',
    'remove-delegated',
    'remove-pointer',
    'create-pointer',
    'grant',
    'client-access',
  ]);
  assert.equal(plan.steps.find((step) => step.act.kind === 'remove-pointer')?.destructive, true);
  const remarks = plan.remarks.map((one) => one.text).join('\n');
  for (const seen of ['Exchange.ManageAsApp', 'of another API', 'by hand', 'Mail.Read']) assert.ok(remarks.includes(seen), seen);
  await place.apply(desired, 'mend');
  assert.deepEqual((await place.plan(desired)).steps, []);
  assert.equal(await opens(app.clientId, 'bulk@contoso.test'), true);
  assert.deepEqual(place.ports('look').notes.read()?.switched, [
    { address: 'bulk@contoso.test', was: { imap: false, smtpDisabled: null } },
  ]);
});

test('a secret is replaced with an overlap, and the old one goes only when that is over', async () => {
  const ports = place.ports('rotate');
  const kept = ports.notes.read();
  assert.ok(kept);
  const old = await readFile(place.secretFile, 'utf8');
  const works = async (secret: string) => (await askToken(place.sandbox, { client_id: kept.appId, client_secret: secret })).status === 200;
  const prove = async (secret: { reveal(): string }): Promise<void> => assert.ok(await works(secret.reveal()));
  const rotation = await rotateSecret({ kept, lifetimeDays: 90, overlapDays: 7 }, { ...ports, prove });
  const fresh = await readFile(place.secretFile, 'utf8');
  assert.notEqual(fresh, old);
  assert.deepEqual([await works(old), await works(fresh)], [true, true]);
  assert.deepEqual([rotation.removed.length, rotation.waiting.length], [0, 1]);
  const now = ports.notes.read();
  assert.ok(now);
  ports.notes.keep({ ...now, retired: now.retired.map((one) => ({ ...one, after: new Date(0).toISOString() })) });
  const next = await rotateSecret({ kept: now, lifetimeDays: 90, overlapDays: 7 }, { ...place.ports('rotate-2'), prove });
  assert.equal(next.removed.length, 1);
  assert.deepEqual([await works(old), await works(fresh)], [false, true]);
  const secrets = [...place.sandbox.tenant.apps.values()].find((one) => one.clientId === kept.appId)?.secrets ?? [];
  assert.ok(
    secrets.some((one) => one.id === 'stranger'),
    'what is not ours stays',
  );
});

test('a secret that cannot be stored, or that does not work, is removed again, and the one before it stays in use', async () => {
  const ports = place.ports('rotate-bad');
  const kept = ports.notes.read();
  assert.ok(kept);
  const before = await readFile(place.secretFile, 'utf8');
  const count = () => [...place.sandbox.tenant.apps.values()].find((one) => one.clientId === kept.appId)?.secrets.length;
  const secrets = count();
  const prove = async (): Promise<void> => {
    throw new Error('the mailbox does not open');
  };
  await assert.rejects(rotateSecret({ kept, lifetimeDays: 90, overlapDays: 7 }, { ...ports, prove }), /does not open/);
  const refused = async (): Promise<void> => {
    throw new Fault('token.secret-wrong', {});
  };
  await assert.rejects(
    rotateSecret({ kept, lifetimeDays: 90, overlapDays: 7 }, { ...ports, run: 'rotate-refused', waitMs: 0, prove: refused }),
    (error) => isFault(error, 'setup.new-credential-unused'),
  );
  assert.equal(count(), secrets);
  assert.equal(await readFile(place.secretFile, 'utf8'), before);
});

test('all is taken away in its order, leaves the tenant as it was, and can be repeated', async () => {
  const desired = desiredFor();
  const ports = { ...place.ports('destroy'), onStep: () => undefined };
  const look = { exchange: ports.exchange, allMailboxes: true, purge: true, onProgress: () => undefined };
  const steps = async () => (await planDestroy(desired, await place.observe(desired), ports.notes.read(), look)).steps;
  const planned = await steps();
  assert.deepEqual(
    planned.map((step) => step.act.kind).filter((kind) => kind !== 'remove-consent'),
    ['revoke', 'switch-back', 'remove-pointer', 'delete-principal', 'delete-app', 'purge', 'purge'],
  );
  await destroy(planned, ports);
  ports.notes.forget();
  const { tenant } = place.sandbox;
  const mailbox = tenant.mailboxes.get('bulk@contoso.test');
  assert.deepEqual([mailbox?.imapEnabled, mailbox?.smtpClientAuthenticationDisabled], [false, null]);
  assert.equal(
    [...tenant.apps.values()].some((one) => one.registration.uniqueName === 'postern-mail'),
    false,
  );
  assert.equal(tenant.directory.deletedApps.length, 0);
  assert.deepEqual(await steps(), []);
});

test('cut off at every line of its journal and run again, there is one app, one usable secret, and none that nobody has', async () => {
  const { tenant } = place.sandbox;
  const mailbox = tenant.mailboxes.get('bulk@contoso.test');
  assert.ok(mailbox);
  mailbox.imapEnabled = true;
  for (let cut = 1; ; cut += 1) {
    const uniqueName = `cut-${cut}`;
    const desired = desiredFor({
      app: { uniqueName, displayName: uniqueName, audience: 'AzureADMyOrg', adopt: undefined },
      protocols: ['imap'],
    });
    await rm(place.secretFile, { force: true });
    await rm(place.ports('x').notes.journalFile, { force: true });
    const ports = place.ports(`cut-${cut}`);
    let lines = 0;
    const notes: typeof ports.notes = {
      ...ports.notes,
      note(entry) {
        ports.notes.note(entry);
        lines += 1;
        if (lines === cut) throw new Error('cut off');
      },
    };
    const wasCut = await apply(desired, await place.plan(desired), { ...ports, notes, reads: 1 }).then(
      () => false,
      (error: Error) => error.message === 'cut off',
    );
    await place.apply(desired, `again-${cut}`);
    const apps = [...tenant.apps.values()].filter((one) => one.registration.uniqueName === uniqueName);
    assert.equal(apps.length, 1);
    assert.equal(apps[0]?.secrets.length, 1, `after line ${cut}`);
    assert.equal(await opens(apps[0]?.clientId ?? '', 'bulk@contoso.test'), true, `after line ${cut}`);
    if (!wasCut) break;
  }
});

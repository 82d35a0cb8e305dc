/**
 * The setup through the whole binary: from a tenant without the app to mailboxes that open, a rotation under a running import, and back.
 *
 * At the end everything that was printed or written is searched for the secrets that were made on the way.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Sandbox, startSandbox } from '../../sandbox/src/place.ts';
import { handedOver } from '../contract/setup-place.ts';
import { binary, postern, type Ran } from './postern.ts';

let sandbox: Sandbox;
let folder: string;
let tokens: Readonly<Record<string, string>>;
const printed: string[] = [];
const secrets = new Set<string>();

before(async () => {
  sandbox = await startSandbox();
  tokens = await handedOver(sandbox, 'admin@contoso.test');
  folder = mkdtempSync(join(tmpdir(), 'postern-setup-'));
  writeFileSync(join(folder, 'ca.pem'), sandbox.caPem);
  const { imap, pop, smtp } = sandbox;
  writeFileSync(
    join(folder, 'postern.yaml'),
    `tenants:
  contoso:
    tenantId: contoso.test
    cloud:
      authority: ${sandbox.authority}
      scope: ${sandbox.scope}
      graph: ${sandbox.graph}
      exchangeAdmin: ${sandbox.exchangeAdmin}
      imap: { host: localhost, port: ${imap.tlsPort} }
      pop3: { host: localhost, port: ${pop.tlsPort} }
      smtp: { host: localhost, port: ${smtp.starttlsPort}, tls: starttls }
    ca: ca.pem
    credential: { secret: { file: ./secret } }
    setup:
      protocols: [imap, pop3, smtp]
      mailboxes: [telemessage@contoso.test, { address: bulk@contoso.test, protocols: [imap] }]
      clientAccess: { enableWhereNeeded: true }
sources:
  telemessage:
    tenant: contoso
    mailbox: telemessage@contoso.test
    every: 1s
`,
  );
});
after(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

async function setup(...args: readonly string[]): Promise<Ran> {
  // Tokens that were handed over: a device code wants seconds of waiting for each sign-in.
  const signsIn = !['verify', 'script', 'import'].includes(args[0] ?? '') && !args.includes('--sign-in');
  const ran = await postern(['setup', ...args, ...(signsIn ? ['--sign-in', 'token'] : [])], { cwd: folder, env: { ...tokens } });
  printed.push(ran.out, ran.talk);
  for (const app of sandbox.tenant.apps.values()) for (const { value } of app.secrets) secrets.add(value);
  return ran;
}

function ours() {
  return [...sandbox.tenant.apps.values()].filter((app) => app.registration.uniqueName === 'postern-mail');
}

test('an app that is not there yet is a problem with its line for an import, and steps for a plan', async () => {
  const run = await postern(['import', 'run', '--once'], { cwd: folder });
  assert.equal(run.code, 2);
  assert.match(run.talk, /tenants\.contoso\.clientId: missing; `postern setup apply` has not made the app yet/);
  const plan = await setup('plan');
  assert.equal(plan.code, 4, plan.talk);
  assert.match(plan.out, /Enterprise app object ID\s+\(known after apply\)/);
  assert.match(plan.out, /telemessage@contoso\.test: all of it, by imap, pop3, smtp/);
  assert.match(plan.out, /10 steps: 10 to add/);
  assert.equal(ours().length, 0);
});

test('beside another tenant that works, it waits and is told by config check, and verify says what it waits for', async () => {
  const text = readFileSync(join(folder, 'postern.yaml'), 'utf8');
  const working = text
    .replace(
      'tenants:\n',
      'tenants:\n  other: { tenantId: other.test, clientId: 66666666-7777-8888-9999-000000000001, credential: { secret: { env: X } } }\n',
    )
    .replace('tenant: contoso\n', 'tenant: other\n');
  writeFileSync(join(folder, 'two.yaml'), working);
  const checked = await postern(['config', 'check', '--config', 'two.yaml'], { cwd: folder });
  assert.equal(checked.code, 0, checked.talk);
  assert.match(checked.out, /Tenant contoso waits for `postern setup apply contoso`/);
  const verified = await postern(['setup', 'verify', 'contoso', '--config', 'two.yaml'], { cwd: folder });
  assert.equal(verified.code, 2);
  assert.match(verified.talk, /`postern setup apply` has not made the app yet/);
});

test('apply makes it, verify finds all mailboxes open and another one closed, and a second plan is empty', async () => {
  const none = await setup('plan', 'nobody');
  assert.equal(none.code, 2);
  const refused = await setup('apply');
  assert.equal(refused.code, 2, 'nobody was asked');
  const applied = await setup('apply', '--yes', '--sign-in', 'device');
  assert.equal(applied.code, 0, applied.talk);
  assert.match(applied.talk, /done 10 of 10/);
  const calls = readFileSync(join(folder, 'postern-data/setup/contoso-calls.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    [...new Set(calls.map((one) => [one.actor, one.plane].join()))],
    ['admin@contoso.test,entra', 'admin@contoso.test,exchange'],
  );
  assert.ok(calls.some((one) => one.method === 'POST' && /addPassword$/.test(one.path) && one.requestId !== ''));
  assert.ok(calls.some((one) => one.cmdlet === 'Add-MailboxPermission' && one.parameters.Identity === 'bulk@contoso.test'));
  assert.equal(ours().length, 1);
  const verified = await setup('verify', '--refused', 'healthy@contoso.test');
  assert.equal(verified.code, 0, verified.out);
  const plan = await setup('plan', '--json');
  assert.equal(plan.code, 0, plan.out);
  assert.deepEqual(JSON.parse(plan.out).steps, []);
  assert.equal((await setup('audit', '--all-mailboxes')).code, 0);
});

test('a saved plan is applied as it is, and refused when the tenant or the file has changed since', async () => {
  const mailbox = sandbox.tenant.mailboxes.get('bulk@contoso.test');
  const [app] = ours();
  assert.ok(mailbox && app?.principal);
  mailbox.grants.delete(app.principal.oid);
  const file = join(folder, 'plan.json');
  assert.equal((await setup('plan', '--out', file)).code, 4);
  const forged = JSON.parse(readFileSync(file, 'utf8'));
  forged.steps[0].act.address = 'healthy@contoso.test';
  writeFileSync(join(folder, 'forged.json'), JSON.stringify(forged));
  const other = await setup('apply', '--plan', join(folder, 'forged.json'));
  assert.equal(other.code, 1);
  assert.match(other.talk, /setup\.plan-stale/);
  assert.equal((await setup('apply', '--plan', file)).code, 0);
  assert.match((await setup('apply', '--plan', file)).talk, /setup\.plan-stale/);
});

test('a secret is replaced under a running import, which misses nothing and is refused no login', async () => {
  const before = readFileSync(join(folder, 'secret'), 'utf8');
  const child = spawn(binary, ['import', 'run', '--log', 'json'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let talk = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    talk += text;
  });
  /** Waits for the line, or for the end of the program. */
  const heard = async (what: RegExp): Promise<void> => {
    while (!what.test(talk)) {
      const more = await Promise.race([once(child.stderr, 'data').then(() => true), once(child, 'close').then(() => false)]);
      if (!more) throw new Error(`${what} was not said\n${talk}`);
    }
  };
  await heard(/"event":"pass"/);
  const rotated = await setup('rotate');
  assert.equal(rotated.code, 0, rotated.talk);
  assert.notEqual(readFileSync(join(folder, 'secret'), 'utf8'), before);
  assert.equal(ours()[0]?.secrets.length, 2, 'the old one stays for the overlap');
  // Every token so far is refused from here on: the import has to ask for one with the new secret.
  for (const session of [...sandbox.tenant.sessions]) session.expire();
  sandbox.tenant.tokensTakenFrom = sandbox.tenant.nextTokenSerial;
  const [app] = ours();
  const asked = app?.tokenRequests ?? 0;
  talk = '';
  await heard(/"event":"pass"/);
  assert.ok((app?.tokenRequests ?? 0) > asked);
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await ended;
  printed.push(talk);
  assert.doesNotMatch(talk, /token\.secret|authenticate-refused/);
});

test('a pointer with the registration’s object id is found by verify, shown by plan, and mended only with a word of its own', async () => {
  const [app] = ours();
  const { pointers } = sandbox.tenant;
  assert.ok(app);
  pointers.splice(0, pointers.length, ...pointers.filter((one) => one.appId !== app.clientId));
  pointers.push({ appId: app.clientId, objectId: app.objectId, refusesLogins: 0 });
  const verified = await setup('verify');
  assert.equal(verified.code, 3);
  assert.match(verified.out, /check\.pointer-wrong/);
  assert.ok(verified.out.includes(app.principal?.oid ?? '-'), 'beside the `oid` of the token');
  const plan = await setup('plan');
  assert.match(plan.out, /-\/\+ {2}pointer[\s\S]*object id of the app registration/);
  const unasked = await setup('apply', '--yes');
  assert.ok(unasked.talk.includes('setup.destroy-not-confirmed'));
  assert.equal((await setup('apply', '--yes', '--yes-destroy')).code, 0);
  assert.equal((await setup('verify')).code, 0);
});

test('an administrator without the right role is told which one is missing, and nothing is made', async () => {
  sandbox.tenant.directory.quirks.exchangeForbidden = true;
  const plan = await setup('plan');
  delete sandbox.tenant.directory.quirks.exchangeForbidden;
  assert.equal(plan.code, 1);
  assert.match(plan.talk, /exchange\.not-allowed[\s\S]*Activate Exchange Administrator/);
});

test('the script names what the plan names and no secret, and its result is taken in', async () => {
  const { code, out } = await setup('script');
  assert.equal(code, 0);
  for (const cmdlet of ['New-MgApplication', 'New-MgServicePrincipalAppRoleAssignedTo', 'New-ServicePrincipal', 'Add-MailboxPermission']) {
    assert.ok(out.includes(cmdlet), cmdlet);
  }
  assert.doesNotMatch(out, /Connect-AzureAD|-AzureAD[A-Z]|-ServiceId/);
  const [app] = ours();
  const ids = { schema: 'postern.setup-result/1', appId: app?.clientId, appObjectId: app?.objectId, principalId: app?.principal?.oid };
  writeFileSync(join(folder, 'result.txt'), `Keep these lines:\n${JSON.stringify(ids, undefined, 2)}\n`);
  assert.equal((await setup('import', join(folder, 'result.txt'))).code, 0);
  assert.equal((await setup('plan')).code, 0);
});

test('destroy shows first, then takes all away, and verify says so at the right rung', async () => {
  const shown = await setup('destroy');
  assert.equal(shown.code, 4);
  assert.equal(ours().length, 1);
  const [app] = ours();
  const done = await setup('destroy', '--yes-destroy');
  assert.equal(done.code, 0, done.talk);
  assert.equal(ours().length, 0);
  const { oid } = app?.principal ?? { oid: '' };
  assert.equal(
    [...sandbox.tenant.mailboxes.values()].some((mailbox) => mailbox.grants.has(oid)),
    false,
  );
  writeFileSync(
    join(folder, 'postern.yaml'),
    readFileSync(join(folder, 'postern.yaml'), 'utf8').replace(
      'tenantId: contoso.test',
      `tenantId: contoso.test\n    clientId: ${app?.clientId}`,
    ),
  );
  const verified = await setup('verify');
  assert.equal(verified.code, 3);
  assert.match(verified.out, /token\.app-not-found/);
});

test('no secret that was made stands in anything that was printed or written, but in its own file', () => {
  const written = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile() && !file.endsWith('/secret'))
    .map((file) => readFileSync(file, 'latin1'));
  assert.ok(secrets.size >= 2);
  for (const token of Object.values(tokens)) secrets.add(token);
  for (const secret of secrets) for (const text of [...printed, ...written]) assert.equal(text.includes(secret), false);
});
